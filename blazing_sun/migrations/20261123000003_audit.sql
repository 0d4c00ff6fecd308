-- The audit log: every event, once.
CREATE TABLE audit_log (
    event_id       uuid        PRIMARY KEY,
    type           text        NOT NULL,
    subject        uuid        NOT NULL,
    sequence       bigint      NOT NULL,
    actor_id       uuid,
    correlation_id text        NOT NULL,
    causation_id   uuid,
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    data           jsonb       NOT NULL
);
CREATE INDEX audit_log_subject ON audit_log (subject, event_id);
CREATE INDEX audit_log_correlation ON audit_log (correlation_id);
