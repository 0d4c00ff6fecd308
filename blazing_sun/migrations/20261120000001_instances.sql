-- Every start of the application, so that restarts and kills can still be seen afterwards.
CREATE TABLE instances (
    id         uuid        PRIMARY KEY, -- version 7: its order is the order of the starts
    version    text        NOT NULL,
    host       text        NOT NULL,
    started_at timestamptz NOT NULL,
    stopped_at timestamptz             -- null while it runs, and for ever if it was killed
);

CREATE INDEX instances_host ON instances (host, id);
