-- Transactions that come again. What each of them is made of is kept as JSON: it may name a wallet that is archived by the time
-- it is due, and then it waits.
CREATE TABLE recurring (
    id         uuid        PRIMARY KEY,
    book_id    uuid        NOT NULL REFERENCES books ON DELETE CASCADE,
    template   jsonb       NOT NULL,
    rule       text        NOT NULL,                      -- an RRULE of RFC 5545
    starts_on  date        NOT NULL,
    ends_on    date,
    next_due   date,                                      -- nothing before it is still to be made; null: nothing at all
    paused_at  timestamptz,
    trouble    text,                                      -- why what is due could not be made
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    UNIQUE (book_id, id),
    CHECK (starts_on BETWEEN '1900-01-01' AND '2200-12-31')
);
CREATE INDEX recurring_due ON recurring (next_due, id) WHERE paused_at IS NULL AND next_due IS NOT NULL;

-- What became of each day on which one was due: its key is what keeps a day from being made twice. The row outlives the
-- transaction, so that one which was deleted is not made again.
CREATE TABLE recurring_occurrences (
    recurring_id   uuid NOT NULL,
    due_date       date NOT NULL,
    book_id        uuid NOT NULL,
    transaction_id uuid,                                  -- null: skipped
    PRIMARY KEY (recurring_id, due_date),
    FOREIGN KEY (book_id, recurring_id) REFERENCES recurring (book_id, id) ON DELETE CASCADE
);
