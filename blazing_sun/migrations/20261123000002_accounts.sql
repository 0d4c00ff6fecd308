-- Accounts: who may sign in.
CREATE TABLE users (
    id            uuid        PRIMARY KEY,
    email         text        NOT NULL,
    email_key     text        NOT NULL UNIQUE,            -- what spellings of one address have in common
    password_hash text        NOT NULL,                   -- argon2id, as a PHC string
    status        text        NOT NULL CHECK (status IN ('pending', 'active')),
    version       bigint      NOT NULL,                   -- rises with each change; the sequence of the account's events
    created_at    timestamptz NOT NULL,
    activated_at  timestamptz
);

-- Links in mails. What the link carries is derived from the id with a key that the database does not have.
CREATE TABLE user_tokens (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    purpose    text        NOT NULL CHECK (purpose IN ('activation')),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    created_at timestamptz NOT NULL
);
CREATE INDEX user_tokens_user ON user_tokens (user_id, purpose);
