-- What was answered to requests that carried an Idempotency-Key: whoever repeats one within a day gets the same answer.
-- Written in the transaction of the effect, and gone with the account.
CREATE TABLE idempotency_keys (
    user_id     uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    route       text        NOT NULL,                                   -- its method and pattern: POST /api/v1/tokens
    key_hash    bytea       NOT NULL CHECK (length(key_hash) = 32),     -- SHA-256
    fingerprint bytea       NOT NULL CHECK (length(fingerprint) = 32),  -- of the request: SHA-256 of address and body
    status      smallint    NOT NULL CHECK (status BETWEEN 200 AND 299),
    headers     jsonb,                                                  -- those that are answered again
    body        bytea,                                                  -- null if it shows a secret, which is kept nowhere
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, route, key_hash),
    CHECK ((headers IS NULL) = (body IS NULL))
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys USING brin (created_at);

-- Takes a key for the rest of the transaction, and tells what was answered to it after a moment. A function, because each
-- of its statements sees what was committed before itself: whoever gets the lock sees what its last holder wrote. In one
-- statement that does both, the look would be older than the lock.
CREATE FUNCTION idempotency_take(
    owner uuid, its_route text, its_hash bytea, after timestamptz,
    OUT free boolean, OUT fingerprint bytea, OUT status smallint, OUT headers jsonb, OUT body bytea
) LANGUAGE plpgsql AS $$
BEGIN
    free := pg_try_advisory_xact_lock(hashtextextended(owner || its_route || encode(its_hash, 'hex'), 2));
    SELECT kept.fingerprint, kept.status, kept.headers, kept.body INTO fingerprint, status, headers, body
    FROM idempotency_keys kept
    WHERE kept.user_id = owner AND kept.route = its_route AND kept.key_hash = its_hash AND kept.created_at > after;
END $$;
