-- What somebody did, for the export of their data; else it would be looked for in the whole log.
CREATE INDEX audit_log_actor ON audit_log (actor_id, event_id) WHERE actor_id IS NOT NULL;
