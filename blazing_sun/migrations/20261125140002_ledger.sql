-- The ledger: double entry inside, signed single entry outside. `entries` move money in wallets, `lines` say what it was for,
-- and their sums are equal. Whatever belongs together carries its book's id, and composite foreign keys refuse a row of
-- another book; a deferred check refuses what does not balance.

-- Both are trusted: the owner of a database may have them.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- Whose money it is. Everybody has one book; sharing one would be a table of members.
CREATE TABLE books (
    id            uuid        PRIMARY KEY,
    owner_id      uuid        NOT NULL UNIQUE REFERENCES users,   -- who erases an account erases the book first
    base_currency text        NOT NULL,
    time_zone     text        NOT NULL,                           -- decides what today is, and nothing else
    month_start   smallint    NOT NULL DEFAULT 1 CHECK (month_start BETWEEN 1 AND 28),
    version       bigint      NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL
);

-- Where money is. The balance is the sum of the entries: triggers keep it, nothing else writes it.
CREATE TABLE wallets (
    id          uuid        PRIMARY KEY,
    book_id     uuid        NOT NULL REFERENCES books ON DELETE CASCADE,
    name        text        NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('cash', 'bank', 'card', 'savings', 'investment', 'loan', 'other')),
    currency    text        NOT NULL,
    exponent    smallint    NOT NULL CHECK (exponent BETWEEN 0 AND 4),   -- digits of the minor unit, fixed for good
    balance     bigint      NOT NULL DEFAULT 0            -- whole in every JSON reader: below 2^53
                CONSTRAINT wallet_full CHECK (balance BETWEEN -9007199254740991 AND 9007199254740991),
    archived_at timestamptz,
    version     bigint      NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    UNIQUE (book_id, id, currency)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX wallets_name ON wallets (book_id, lower(name));

-- What money is for, at most two levels deep.
CREATE TABLE categories (
    id          uuid        PRIMARY KEY,
    book_id     uuid        NOT NULL REFERENCES books ON DELETE CASCADE,
    parent_id   uuid,
    name        text        NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('income', 'expense')),
    color       text        NOT NULL CHECK (color ~ '^#[0-9a-f]{6}$'),
    icon        text        NOT NULL,
    merged_into uuid,                                     -- what its owner chose, so that it can be undone
    counts_as   uuid        NOT NULL,                     -- where that leads in the end; itself, if nowhere
    archived_at timestamptz,
    version     bigint      NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    UNIQUE (book_id, id),
    UNIQUE (book_id, id, kind),
    FOREIGN KEY (book_id, parent_id, kind) REFERENCES categories (book_id, id, kind),
    FOREIGN KEY (book_id, merged_into, kind) REFERENCES categories (book_id, id, kind),
    FOREIGN KEY (book_id, counts_as, kind) REFERENCES categories (book_id, id, kind),
    CHECK (parent_id <> id AND merged_into <> id)
);
CREATE UNIQUE INDEX categories_name ON categories (book_id, kind, parent_id, lower(name)) NULLS NOT DISTINCT
    WHERE merged_into IS NULL;
CREATE INDEX categories_parent ON categories (book_id, parent_id);
CREATE INDEX categories_counts_as ON categories (book_id, counts_as);
CREATE INDEX categories_merged ON categories (book_id, merged_into) WHERE merged_into IS NOT NULL;

-- Whom money goes to or comes from. All spellings of a payee, its own name among them, lead to it.
CREATE TABLE payees (
    id         uuid        PRIMARY KEY,
    book_id    uuid        NOT NULL REFERENCES books ON DELETE CASCADE,
    name       text        NOT NULL,
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    UNIQUE (book_id, id)
);
CREATE INDEX payees_text ON payees USING gin (book_id, name gin_trgm_ops);
CREATE TABLE payee_names (
    book_id  uuid NOT NULL,
    key      text NOT NULL,                               -- the spelling, in lower case and with single spaces
    payee_id uuid NOT NULL,
    PRIMARY KEY (book_id, key),
    FOREIGN KEY (book_id, payee_id) REFERENCES payees (book_id, id) ON DELETE CASCADE
);
CREATE INDEX payee_names_payee ON payee_names (book_id, payee_id);

CREATE TABLE tags (
    id         uuid        PRIMARY KEY,
    book_id    uuid        NOT NULL REFERENCES books ON DELETE CASCADE,
    name       text        NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (book_id, id)
);
CREATE UNIQUE INDEX tags_name ON tags (book_id, lower(name));

-- What happened on a day.
CREATE TABLE transactions (
    id         uuid        PRIMARY KEY,
    book_id    uuid        NOT NULL REFERENCES books ON DELETE CASCADE,
    date       date        NOT NULL CHECK (date BETWEEN '1900-01-01' AND '2200-12-31'),
    kind       text        NOT NULL CHECK (kind IN ('normal', 'opening', 'adjustment')),
    payee_id   uuid,
    note       text        NOT NULL DEFAULT '',
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (book_id, id),
    FOREIGN KEY (book_id, payee_id) REFERENCES payees (book_id, id)
);
CREATE INDEX transactions_date ON transactions (book_id, date DESC, id DESC);
CREATE INDEX transactions_payee ON transactions (book_id, payee_id, date DESC, id DESC);
CREATE INDEX transactions_text ON transactions USING gin (book_id, note gin_trgm_ops) WHERE note <> '';

-- What moves in a wallet. A transaction moves each wallet once.
CREATE TABLE entries (
    transaction_id uuid     NOT NULL,
    no             smallint NOT NULL,
    book_id        uuid     NOT NULL,
    wallet_id      uuid     NOT NULL,
    currency       text     NOT NULL,
    amount         bigint   NOT NULL CHECK (amount <> 0 AND amount BETWEEN -999999999999999 AND 999999999999999),
    date           date     NOT NULL,
    status         text     NOT NULL CHECK (status IN ('pending', 'cleared', 'reconciled')),
    PRIMARY KEY (transaction_id, no),
    FOREIGN KEY (book_id, transaction_id) REFERENCES transactions (book_id, id) ON DELETE CASCADE,
    FOREIGN KEY (book_id, wallet_id, currency) REFERENCES wallets (book_id, id, currency)
);
CREATE INDEX entries_wallet ON entries (wallet_id, date DESC, transaction_id DESC);

-- What it was for. A positive line in an expense category is a refund.
CREATE TABLE lines (
    transaction_id uuid     NOT NULL,
    no             smallint NOT NULL,
    book_id        uuid     NOT NULL,
    category_id    uuid,                                  -- null: not said yet
    currency       text     NOT NULL,
    amount         bigint   NOT NULL CHECK (amount <> 0 AND amount BETWEEN -999999999999999 AND 999999999999999),
    date           date     NOT NULL,
    PRIMARY KEY (transaction_id, no),
    FOREIGN KEY (book_id, transaction_id) REFERENCES transactions (book_id, id) ON DELETE CASCADE,
    FOREIGN KEY (book_id, category_id) REFERENCES categories (book_id, id)
);
CREATE INDEX lines_category ON lines (book_id, category_id, date DESC, transaction_id DESC);

CREATE TABLE transaction_tags (
    transaction_id uuid NOT NULL,
    tag_id         uuid NOT NULL,
    book_id        uuid NOT NULL,
    PRIMARY KEY (transaction_id, tag_id),
    FOREIGN KEY (book_id, transaction_id) REFERENCES transactions (book_id, id) ON DELETE CASCADE,
    FOREIGN KEY (book_id, tag_id) REFERENCES tags (book_id, id) ON DELETE CASCADE
);
CREATE INDEX transaction_tags_tag ON transaction_tags (tag_id, transaction_id);

-- What was deleted, whole, for 30 days: it counts nowhere, and comes back under its id.
CREATE TABLE trash (
    transaction_id uuid        PRIMARY KEY,
    book_id        uuid        NOT NULL REFERENCES books ON DELETE CASCADE,
    version        bigint      NOT NULL,
    contents       jsonb       NOT NULL,
    deleted_at     timestamptz NOT NULL
);
CREATE INDEX trash_book ON trash (book_id, deleted_at DESC, transaction_id DESC);
CREATE INDEX trash_deleted ON trash (deleted_at);

CREATE FUNCTION check_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    it uuid;
    r  record;
BEGIN
    IF TG_TABLE_NAME = 'transactions' THEN it := NEW.id;
    ELSIF TG_OP = 'DELETE' THEN it := OLD.transaction_id;
    ELSE it := NEW.transaction_id;
    END IF;
    SELECT x.kind, e.*, l.* INTO r FROM transactions x,
        LATERAL (SELECT count(*) AS entries, count(DISTINCT wallet_id) AS wallets, sum(amount) AS moved,
                        min(amount) AS least, max(amount) AS most, min(currency) AS one, max(currency) AS other
                 FROM entries WHERE transaction_id = x.id) e,
        LATERAL (SELECT count(*) AS lines, coalesce(sum(amount), 0) AS said, min(currency) AS line_one, max(currency) AS line_other
                 FROM lines WHERE transaction_id = x.id) l
        WHERE x.id = it;
    -- Deleted since.
    IF NOT FOUND THEN RETURN NULL; END IF;
    IF (CASE
        -- What a wallet began with, or was found to hold: for nothing.
        WHEN r.kind <> 'normal' THEN r.entries = 1 AND r.lines = 0
        -- From one currency to another: what it was worth is the rate.
        WHEN r.one <> r.other THEN r.entries = 2 AND r.wallets = 2 AND r.lines = 0 AND r.least < 0 AND r.most > 0
        ELSE r.entries > 0 AND r.entries = r.wallets AND r.entries + r.lines > 1 AND r.moved = r.said
             AND coalesce(r.line_one = r.one AND r.line_other = r.one, true)
    END) THEN RETURN NULL; END IF;
    RAISE EXCEPTION 'transaction % does not balance', it USING ERRCODE = '23514', CONSTRAINT = 'transaction_balanced';
END $$;
-- The check of the transaction's row sees all that was inserted with it; later rows are checked by themselves.
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT OR UPDATE ON transactions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_balanced();
CREATE CONSTRAINT TRIGGER balanced AFTER UPDATE OR DELETE ON entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_balanced();
CREATE CONSTRAINT TRIGGER balanced AFTER UPDATE OR DELETE ON lines
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_balanced();
CREATE CONSTRAINT TRIGGER balanced_later AFTER INSERT ON entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.no > 1) EXECUTE FUNCTION check_balanced();
CREATE CONSTRAINT TRIGGER balanced_later AFTER INSERT ON lines
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.no > 1) EXECUTE FUNCTION check_balanced();

-- Balances follow the entries, wallet by wallet in the order of their ids, so that nobody waits in a circle.
CREATE FUNCTION move_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    IF TG_OP = 'INSERT' THEN
        FOR r IN SELECT wallet_id, sum(amount)::bigint AS moved FROM after GROUP BY wallet_id ORDER BY wallet_id LOOP
            UPDATE wallets SET balance = balance + r.moved WHERE id = r.wallet_id;
        END LOOP;
    ELSIF TG_OP = 'DELETE' THEN
        FOR r IN SELECT wallet_id, sum(amount)::bigint AS moved FROM before GROUP BY wallet_id ORDER BY wallet_id LOOP
            UPDATE wallets SET balance = balance - r.moved WHERE id = r.wallet_id;
        END LOOP;
    ELSE
        FOR r IN
            SELECT wallet_id, sum(amount)::bigint AS moved
            FROM (SELECT wallet_id, amount FROM after UNION ALL SELECT wallet_id, -amount FROM before) AS both_sides
            GROUP BY wallet_id HAVING sum(amount) <> 0 ORDER BY wallet_id
        LOOP
            UPDATE wallets SET balance = balance + r.moved WHERE id = r.wallet_id;
        END LOOP;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER moves_in AFTER INSERT ON entries
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION move_balance();
CREATE TRIGGER moves_out AFTER DELETE ON entries
    REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION move_balance();
CREATE TRIGGER moves AFTER UPDATE ON entries
    REFERENCING NEW TABLE AS after OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION move_balance();
