-- The feed: what happened to somebody, read from the audit log wherever Redis does not have it.

-- What happened in a book, the newest first; what happened to an account is found by audit_log_subject.
CREATE INDEX audit_log_book ON audit_log ((data ->> 'book_id'), event_id) WHERE data ->> 'book_id' IS NOT NULL;

-- Which generation of keys in Redis is good. Whoever cannot write there leaves it, and every feed is made anew.
CREATE TABLE feed_generation (
    the_one    boolean PRIMARY KEY DEFAULT true CHECK (the_one), -- row that there is
    generation bigint  NOT NULL,
    used       boolean NOT NULL                                 -- whether a key may have been made in it
);
INSERT INTO feed_generation (generation, used) VALUES (1, false);
