-- What a unit of one currency was worth in another on a day, as somebody wrote it down: exact, in decimal.
CREATE TABLE rates (
    id            uuid        PRIMARY KEY,
    book_id       uuid        NOT NULL REFERENCES books ON DELETE CASCADE,
    date          date        NOT NULL CHECK (date BETWEEN '1900-01-01' AND '2200-12-31'),
    from_currency text        NOT NULL,
    to_currency   text        NOT NULL,
    rate          numeric(24, 10) NOT NULL CHECK (rate > 0),
    version       bigint      NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    CHECK (from_currency <> to_currency)
);
CREATE UNIQUE INDEX rates_day ON rates (book_id, from_currency, to_currency, date);
CREATE INDEX rates_list ON rates (book_id, date DESC, id DESC);

-- What transfers between two currencies say of it: triggers keep it, nothing else writes it. It goes with the second entry.
CREATE TABLE implied_rates (
    transaction_id uuid     PRIMARY KEY,
    no             smallint NOT NULL,
    book_id        uuid     NOT NULL REFERENCES books ON DELETE CASCADE,
    date           date     NOT NULL,
    from_currency  text     NOT NULL,
    to_currency    text     NOT NULL,
    from_amount    bigint   NOT NULL CHECK (from_amount > 0),
    from_exponent  smallint NOT NULL,
    to_amount      bigint   NOT NULL CHECK (to_amount > 0),
    to_exponent    smallint NOT NULL,
    FOREIGN KEY (transaction_id, no) REFERENCES entries (transaction_id, no) ON DELETE CASCADE
);
CREATE INDEX implied_rates_day ON implied_rates (book_id, from_currency, to_currency, date DESC, transaction_id DESC);
CREATE INDEX implied_rates_list ON implied_rates (book_id, date DESC, transaction_id DESC);

CREATE FUNCTION note_rate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO implied_rates (transaction_id, no, book_id, date, from_currency, to_currency,
                               from_amount, from_exponent, to_amount, to_exponent)
    SELECT NEW.transaction_id, NEW.no, NEW.book_id, NEW.date, o.currency, i.currency, -o.amount, wo.exponent, i.amount, wi.exponent
    FROM entries o JOIN entries i ON i.transaction_id = o.transaction_id AND i.amount > 0 AND i.currency <> o.currency
         JOIN wallets wo ON wo.id = o.wallet_id JOIN wallets wi ON wi.id = i.wallet_id
    WHERE o.transaction_id = NEW.transaction_id AND o.amount < 0
    -- More than two entries in two currencies are refused when all is there.
    LIMIT 1
    ON CONFLICT (transaction_id) DO UPDATE SET date = excluded.date, from_amount = excluded.from_amount,
        from_currency = excluded.from_currency, from_exponent = excluded.from_exponent, to_amount = excluded.to_amount,
        to_currency = excluded.to_currency, to_exponent = excluded.to_exponent;
    RETURN NULL;
END $$;
CREATE TRIGGER rate AFTER INSERT OR UPDATE OF amount, date, wallet_id, currency ON entries
    FOR EACH ROW WHEN (NEW.no = 2) EXECUTE FUNCTION note_rate();
