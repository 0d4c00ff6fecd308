-- The levels from which single modules are logged, set while the application runs; every process follows.
CREATE TABLE log_levels (
    module text        PRIMARY KEY CHECK (length(module) <= 100), -- a Rust path, such as sqlx::query
    level  text        NOT NULL CHECK (level IN ('error', 'warn', 'info', 'debug', 'trace')),
    until  timestamptz NOT NULL                                   -- then it is as configured again
);
