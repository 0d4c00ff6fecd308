-- An authenticator app can be moved to another device: the old one counts until the new one has shown a first code.
ALTER TABLE authenticators DROP CONSTRAINT authenticators_user_id_key;
CREATE INDEX authenticators_user ON authenticators (user_id);
CREATE UNIQUE INDEX authenticators_confirmed ON authenticators (user_id) WHERE confirmed_at IS NOT NULL;
CREATE UNIQUE INDEX authenticators_begun ON authenticators (user_id) WHERE confirmed_at IS NULL;

-- Somebody who is signed in shows once more who they are, with a passkey: the state of that, and until when it is good.
ALTER TABLE sessions
    ADD COLUMN passkey       jsonb,
    ADD COLUMN passkey_until timestamptz;
