-- The spine: what is committed together with the state it belongs to, and is carried on from here.

-- Events that are committed and not published yet. The relay moves them to event_log.
CREATE TABLE outbox (
    seq        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order of emission
    id         uuid        NOT NULL,
    topic      text        NOT NULL,
    key        uuid        NOT NULL,                                 -- the aggregate, whose events keep their order
    type       text        NOT NULL,
    body       text        NOT NULL,                                 -- the CloudEvent as it goes on the wire
    size       integer     NOT NULL,                                 -- of the body, in bytes
    emitted_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- Every published event, in the order of publishing: the source of replays. One partition a day of publishing.
-- Only the leading relay writes here, one statement at a time, so that positions become visible in their order.
CREATE SEQUENCE event_log_position;
CREATE TABLE event_log (
    position     bigint      NOT NULL DEFAULT nextval('event_log_position'),
    id           uuid        NOT NULL,
    topic        text        NOT NULL,
    key          uuid        NOT NULL,
    type         text        NOT NULL,
    body         text        NOT NULL,
    emitted_at   timestamptz NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (position, published_at)
) PARTITION BY RANGE (published_at);
CREATE INDEX event_log_id ON event_log (id);
CREATE INDEX event_log_key ON event_log (key, position);

-- Work to do. `attempt` counts the claims; it fences everything a former claim may still try.
CREATE TABLE jobs (
    id             uuid        PRIMARY KEY,
    name           text        NOT NULL,
    payload        jsonb       NOT NULL,
    priority       smallint    NOT NULL CHECK (priority BETWEEN 0 AND 10),
    state          text        NOT NULL CHECK (state IN ('ready', 'sent', 'running', 'done', 'failed')),
    attempt        integer     NOT NULL DEFAULT 0,
    max_attempts   integer     NOT NULL CHECK (max_attempts > 0),
    run_at         timestamptz NOT NULL,           -- not before
    sent_at        timestamptz,                    -- when the broker took it
    lease_until    timestamptz,                    -- a running one: until when its worker is believed to live
    finished_at    timestamptz,
    reported       boolean     NOT NULL DEFAULT false, -- a failed one: whether jobs_failed has its copy
    history        jsonb       NOT NULL DEFAULT '[]',
    actor_id       uuid,
    correlation_id text        NOT NULL,
    causation_id   uuid,
    traceparent    text,
    created_at     timestamptz NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX jobs_ready ON jobs (priority, run_at) WHERE state = 'ready';
CREATE INDEX jobs_sent ON jobs (sent_at) WHERE state = 'sent';
CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_unreported ON jobs (finished_at) WHERE state = 'failed' AND NOT reported;
CREATE INDEX jobs_failed ON jobs (finished_at) WHERE state = 'failed';
CREATE INDEX jobs_done ON jobs (finished_at) WHERE state = 'done';

-- Which consumer has had the effect of which event: written in the effect's own transaction.
CREATE TABLE inbox (
    consumer     text        NOT NULL,
    event_id     uuid        NOT NULL,
    processed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_processed_at ON inbox USING brin (processed_at);

-- Records that a consumer could not take, and those of the same aggregate that wait behind them.
CREATE TABLE dead_letters (
    seq           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order in which they are replayed
    consumer      text        NOT NULL,
    state         text        NOT NULL CHECK (state IN ('failed', 'parked', 'unreadable', 'replayed', 'discarded')),
    topic         text        NOT NULL,
    partition     integer,                        -- null if it came from event_log
    record_offset bigint      NOT NULL,           -- in the partition, or the position in event_log
    key           text,
    event_id      uuid,                           -- null if unreadable
    value         bytea       NOT NULL,           -- at most the first MiB
    size          bigint      NOT NULL,           -- of the whole value, in bytes
    error         text        NOT NULL,
    attempts      integer     NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    resolved_at   timestamptz
);
CREATE INDEX dead_letters_waiting ON dead_letters (consumer, topic, key, seq) WHERE state IN ('failed', 'parked');
CREATE UNIQUE INDEX dead_letters_event ON dead_letters (consumer, event_id) WHERE state IN ('failed', 'parked');
CREATE UNIQUE INDEX dead_letters_record ON dead_letters (consumer, topic, partition, record_offset) WHERE event_id IS NULL;

-- Who leads. A settling statement locks its row and compares the epoch.
CREATE TABLE leases (
    name       text        PRIMARY KEY,
    holder     uuid        NOT NULL,
    epoch      bigint      NOT NULL,
    expires_at timestamptz NOT NULL
);

-- When a schedule fires next; what it does is in the code.
CREATE TABLE schedules (
    name    text        PRIMARY KEY,
    next_at timestamptz NOT NULL,
    last_at timestamptz
);

-- Where each consumer is in event_log, when that carries the events.
CREATE TABLE followers (
    consumer text   PRIMARY KEY,
    position bigint NOT NULL
);

-- Makes the partition of a day (UTC), if it is missing. Attached instead of created in place, which would wait for, and
-- then hold up, everyone who reads the log.
CREATE FUNCTION event_log_add_day(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text := 'event_log_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF to_regclass(name) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE event_log INCLUDING DEFAULTS)', name);
        EXECUTE format(
            'ALTER TABLE event_log ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            name, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC'
        );
    END IF;
END $$;

-- Drops the partitions of all days before one, and returns how many there were.
CREATE FUNCTION event_log_drop_before(day date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    name text;
    dropped integer := 0;
BEGIN
    FOR name IN
        SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = 'event_log'::regclass AND child.relname < 'event_log_' || to_char(day, 'YYYYMMDD')
    LOOP
        EXECUTE format('DROP TABLE %I', name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
