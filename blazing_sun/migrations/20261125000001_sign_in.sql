-- Signing in: what an account is beyond its address, and everything that proves who somebody is. Nothing here opens anything
-- by itself: tokens are kept as SHA-256, or derived from an id and a key that the database does not have.

ALTER TABLE users
    ALTER COLUMN password_hash DROP NOT NULL,               -- null: invited, and has not chosen one yet
    ADD COLUMN role        text    NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'operator', 'admin')),
    ADD COLUMN name        text    NOT NULL DEFAULT '',
    ADD COLUMN locale      text    NOT NULL DEFAULT 'en',
    ADD COLUMN time_zone   text    NOT NULL DEFAULT 'UTC',
    ADD COLUMN currency    text    NOT NULL DEFAULT 'EUR',
    ADD COLUMN deletion_at timestamptz;                     -- when the account will be erased, if its owner wants that
CREATE INDEX users_deletion ON users (deletion_at) WHERE deletion_at IS NOT NULL;
CREATE INDEX users_admins ON users (id) WHERE role = 'admin';

ALTER TABLE user_tokens
    DROP CONSTRAINT user_tokens_purpose_check,
    ADD CONSTRAINT user_tokens_purpose_check CHECK (purpose IN ('activation', 'reset', 'invitation'));

-- Somebody asked for a link by mail. The request only notes the address, known or not, so that its time tells nothing; a job
-- finds out whether there is an account, and deletes the row.
CREATE TABLE link_requests (
    id         uuid        PRIMARY KEY,
    purpose    text        NOT NULL CHECK (purpose IN ('activation', 'reset')),
    email_key  text        NOT NULL,
    created_at timestamptz NOT NULL
);

-- Where somebody has signed in before: a browser by the token of its cookie, a client by its name.
CREATE TABLE devices (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    token_hash bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    UNIQUE (user_id, token_hash)
);

-- Who is signed in. A browser holds an opaque token; a client holds a refresh token, whose family the session is.
CREATE TABLE sessions (
    id           uuid        PRIMARY KEY,
    user_id      uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    device_id    uuid        REFERENCES devices ON DELETE SET NULL,
    kind         text        NOT NULL CHECK (kind IN ('browser', 'client')),
    token_hash   bytea       UNIQUE,
    agent        text        NOT NULL,          -- what the browser or client calls itself
    address      text        NOT NULL,          -- from where
    created_at   timestamptz NOT NULL,
    confirmed_at timestamptz NOT NULL,          -- when its owner last proved who they are
    seen_at      timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    CHECK ((kind = 'browser') = (token_hash IS NOT NULL))
);
CREATE INDEX sessions_user ON sessions (user_id, id);
CREATE INDEX sessions_device ON sessions (device_id);
CREATE INDEX sessions_expires ON sessions (expires_at);
CREATE INDEX sessions_seen ON sessions (seen_at);

-- The password was right, and the second factor is still to come.
CREATE TABLE sign_in_challenges (
    id           uuid        PRIMARY KEY,
    user_id      uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    kind         text        NOT NULL CHECK (kind IN ('browser', 'client')),
    attempts     integer     NOT NULL DEFAULT 0,
    passkey      jsonb,                          -- the state of a ceremony with a passkey
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX sign_in_challenges_user ON sign_in_challenges (user_id);
CREATE INDEX sign_in_challenges_expires ON sign_in_challenges (expires_at);

-- The refresh tokens of clients: each is good once, and is followed by another.
CREATE TABLE refresh_tokens (
    id         uuid        PRIMARY KEY,
    session_id uuid        NOT NULL REFERENCES sessions ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    used_at    timestamptz,
    successor  uuid
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

-- The keys that access tokens are signed with, each derived from its id.
CREATE TABLE signing_keys (
    id         uuid        PRIMARY KEY,
    created_at timestamptz NOT NULL,
    signs_from timestamptz NOT NULL,             -- published before, so that nobody meets a key they cannot find
    expires_at timestamptz                       -- when no token of it can be alive any more
);

-- Tokens that a person makes for programs.
CREATE TABLE api_tokens (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    name       text        NOT NULL,
    token_hash bytea       NOT NULL UNIQUE,
    scopes     text[]      NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz,
    expires_at timestamptz NOT NULL
);
CREATE INDEX api_tokens_user ON api_tokens (user_id, id);

-- An authenticator app. Its secret is derived from the id.
CREATE TABLE authenticators (
    id           uuid        PRIMARY KEY,
    user_id      uuid        NOT NULL UNIQUE REFERENCES users ON DELETE CASCADE,
    created_at   timestamptz NOT NULL,
    confirmed_at timestamptz,                    -- null until a first code was right
    last_step    bigint      NOT NULL DEFAULT 0  -- the step of the last code, which is good once
);
CREATE TABLE recovery_codes (
    code_hash  bytea       PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX recovery_codes_user ON recovery_codes (user_id);
CREATE TABLE passkeys (
    id            uuid        PRIMARY KEY,
    user_id       uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    credential_id bytea       NOT NULL UNIQUE,
    name          text        NOT NULL,
    credential    jsonb       NOT NULL,          -- its public key and counter
    created_at    timestamptz NOT NULL,
    used_at       timestamptz
);
CREATE INDEX passkeys_user ON passkeys (user_id, id);
CREATE TABLE passkey_registrations (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    state      jsonb       NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX passkey_registrations_user ON passkey_registrations (user_id);

-- A change of address, good when both addresses have agreed. Kept for a while, for the mails that tell of it.
CREATE TABLE email_changes (
    id               uuid        PRIMARY KEY,
    user_id          uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    old_email        text        NOT NULL,
    new_email        text        NOT NULL,
    new_email_key    text        NOT NULL,
    old_confirmed_at timestamptz,
    new_confirmed_at timestamptz,
    done_at          timestamptz,
    created_at       timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL
);
CREATE INDEX email_changes_user ON email_changes (user_id, id);

-- What somebody's data is handed out as; the file itself lies with the private files, under the id.
CREATE TABLE exports (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    size       bigint,                           -- in bytes; null until the file is there
    created_at timestamptz NOT NULL,
    ready_at   timestamptz,
    expires_at timestamptz NOT NULL
);
CREATE INDEX exports_user ON exports (user_id, id);
CREATE INDEX exports_expires ON exports (expires_at);

-- Accounts that an administrator offers, one batch a request.
CREATE TABLE invitation_batches (
    id         uuid        PRIMARY KEY,
    created_by uuid        REFERENCES users ON DELETE SET NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE invitations (
    id         uuid        PRIMARY KEY,
    batch_id   uuid        NOT NULL REFERENCES invitation_batches ON DELETE CASCADE,
    row        integer     NOT NULL,             -- its line in the file, from 1
    email      text        NOT NULL,
    name       text        NOT NULL,
    role       text        NOT NULL CHECK (role IN ('user', 'operator', 'admin')),
    state      text        NOT NULL CHECK (state IN ('pending', 'invited', 'registered', 'accepted')),
    user_id    uuid        REFERENCES users ON DELETE SET NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (batch_id, row)
);
CREATE INDEX invitations_user ON invitations (user_id);
