-- What is meant to be spent or earned in a category in a month, in minor units of the book's base currency.
CREATE TABLE budgets (
    id          uuid        PRIMARY KEY,
    book_id     uuid        NOT NULL REFERENCES books ON DELETE CASCADE,
    category_id uuid        NOT NULL,
    month       date        NOT NULL CHECK (extract(day FROM month) = 1 AND month BETWEEN '1900-01-01' AND '2200-12-01'),
    amount      bigint      NOT NULL CHECK (amount BETWEEN 0 AND 999999999999999),
    rollover    boolean     NOT NULL,                     -- whether what was left or overspent the month before moves on
    version     bigint      NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    FOREIGN KEY (book_id, category_id) REFERENCES categories (book_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX budgets_month ON budgets (book_id, month, category_id);
CREATE INDEX budgets_category ON budgets (book_id, category_id);
