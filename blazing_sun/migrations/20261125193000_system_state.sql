-- What the system last said about itself, so that a change is told once, whoever looks.
CREATE TABLE system_state (
    name      text        PRIMARY KEY, -- health, or what a warning is about
    subject   uuid        NOT NULL,    -- of its events
    version   bigint      NOT NULL,    -- of its last event
    state     text        NOT NULL,    -- what that said
    told_at   timestamptz,             -- when
    looked_at timestamptz              -- when somebody looked last; health only
);
