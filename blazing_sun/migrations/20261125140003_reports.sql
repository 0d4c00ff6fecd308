-- Reports: day-grained totals of the ledger, made by the consumer `reports`. Every cell can be made again from the ledger, and
-- is: nothing is ever added to one.

-- What was for a category on a day. A line keeps the category that was said; merging is resolved on reading. Numeric, since
-- nothing bounds how much goes through a category on one day.
CREATE TABLE report_categories (
    book_id     uuid    NOT NULL REFERENCES books ON DELETE CASCADE,
    date        date    NOT NULL,
    category_id uuid,                                     -- null: not said yet
    currency    text    NOT NULL,
    money_in    numeric NOT NULL CHECK (money_in >= 0),   -- apart, so that what was not said is income or expense by its sign
    money_out   numeric NOT NULL CHECK (money_out <= 0),
    lines_in    bigint  NOT NULL CHECK (lines_in >= 0),
    lines_out   bigint  NOT NULL CHECK (lines_out >= 0),
    CHECK (lines_in + lines_out > 0),                     -- a cell without any is no cell
    UNIQUE NULLS NOT DISTINCT (book_id, date, category_id, currency)
);

-- What moved in a wallet on a day, openings and adjustments among it.
CREATE TABLE report_wallets (
    book_id   uuid    NOT NULL REFERENCES books ON DELETE CASCADE,
    date      date    NOT NULL,
    wallet_id uuid    NOT NULL,
    amount    numeric NOT NULL,
    count     bigint  NOT NULL CHECK (count > 0),         -- of entries
    PRIMARY KEY (book_id, date, wallet_id)
);

-- Which events of a topic a consumer has not had: asked with every report.
CREATE INDEX event_log_topic ON event_log (topic, position);
