-- Second factors that were wrong after a right password: how many since when, and when the owner was told of it.
CREATE TABLE wrong_codes (
    user_id  uuid        PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    since    timestamptz NOT NULL,
    count    integer     NOT NULL,
    told_at  timestamptz
);
