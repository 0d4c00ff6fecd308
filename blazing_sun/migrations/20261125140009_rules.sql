-- What people sort their transactions by: rules, and what payees and tags need to be changed by their owners.

-- Tags are renamed and deleted: whoever does it says which version they read.
ALTER TABLE tags ADD COLUMN version bigint NOT NULL DEFAULT 1;

-- Lists by name, a page at a time, and payees by any of their spellings.
CREATE INDEX payees_name ON payees (book_id, lower(name), id);
CREATE INDEX payee_names_text ON payee_names USING gin (book_id, key gin_trgm_ops);

-- "What has this text in it is from this payee, for this category and has these tags." In an order: the first that says
-- something counts.
CREATE TABLE rules (
    id          uuid        PRIMARY KEY,
    book_id     uuid        NOT NULL REFERENCES books ON DELETE CASCADE,
    position    integer     NOT NULL CHECK (position > 0),   -- from 1, without gaps
    contains    text        NOT NULL,
    payee_id    uuid,                                        -- null: it says nothing about that
    category_id uuid,
    version     bigint      NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    UNIQUE (book_id, id),
    UNIQUE (book_id, position) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (book_id, payee_id) REFERENCES payees (book_id, id),
    FOREIGN KEY (book_id, category_id) REFERENCES categories (book_id, id)
);
CREATE INDEX rules_payee ON rules (book_id, payee_id);
CREATE INDEX rules_category ON rules (book_id, category_id);
CREATE TABLE rule_tags (
    rule_id uuid NOT NULL,
    tag_id  uuid NOT NULL,
    book_id uuid NOT NULL,
    PRIMARY KEY (rule_id, tag_id),
    FOREIGN KEY (book_id, rule_id) REFERENCES rules (book_id, id) ON DELETE CASCADE,
    FOREIGN KEY (book_id, tag_id) REFERENCES tags (book_id, id) ON DELETE CASCADE
);
CREATE INDEX rule_tags_tag ON rule_tags (tag_id, rule_id);
