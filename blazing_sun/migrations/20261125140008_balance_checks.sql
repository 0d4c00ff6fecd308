-- What the bank said was in a wallet at the end of a day, and what was found to be in it.
CREATE TABLE balance_checks (
    id         uuid        PRIMARY KEY,
    book_id    uuid        NOT NULL REFERENCES books ON DELETE CASCADE,
    wallet_id  uuid        NOT NULL,
    currency   text        NOT NULL,
    date       date        NOT NULL CHECK (date BETWEEN '1900-01-01' AND '2200-12-31'),
    said       bigint      NOT NULL,
    found      bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    FOREIGN KEY (book_id, wallet_id, currency) REFERENCES wallets (book_id, id, currency) ON DELETE CASCADE
);
CREATE INDEX balance_checks_wallet ON balance_checks (wallet_id, date DESC, id DESC);
