-- Fills a book as ten years of heavy use would, among many small books of others, for tests and benches of how the ledger
-- behaves when it is large. Takes three settings of the session: large.owner (whose book it is; the book is there), and how
-- many large.transactions and large.others there are to be. Everything follows from the numbers: the same each time.

SET client_min_messages = warning;

-- Checked and indexed once, when all is there, instead of row by row: minutes become seconds.
CREATE TEMP TABLE checks AS
SELECT conrelid::regclass::text AS owner, conname AS name, pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE contype = 'f' AND conrelid::regclass::text IN ('transactions', 'entries', 'lines', 'transaction_tags');
CREATE TEMP TABLE ways AS
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index
WHERE NOT indisunique AND indrelid::regclass::text IN ('transactions', 'entries', 'lines', 'transaction_tags');
DO $$
DECLARE it record;
BEGIN
    FOR it IN SELECT * FROM checks LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', it.owner, it.name); END LOOP;
    FOR it IN SELECT * FROM ways LOOP EXECUTE format('DROP INDEX %s', it.name); END LOOP;
END $$;
ALTER TABLE transactions DISABLE TRIGGER balanced;
ALTER TABLE entries DISABLE TRIGGER balanced_later, DISABLE TRIGGER moves_in;
ALTER TABLE lines DISABLE TRIGGER balanced_later;

-- Others, with a little each. (A log of slow statements shows this one: it must hold nothing that reads as an address.)
INSERT INTO users (id, email, email_key, status, version, created_at)
SELECT uuidv7(), concat('other', n, '@example.org'), concat('other', n, '@example.org'), 'active', 1, now()
FROM generate_series(1, current_setting('large.others')::integer) n;
INSERT INTO books (id, owner_id, base_currency, time_zone, created_at)
SELECT uuidv7(), id, 'EUR', 'UTC', now() FROM users WHERE email LIKE 'other%';

CREATE TEMP TABLE shelf AS
SELECT books.id AS book_id, row_number() OVER (ORDER BY books.id) AS no, big,
       CASE WHEN big THEN current_setting('large.transactions')::integer ELSE 20 END AS transactions,
       CASE WHEN big THEN 20 ELSE 2 END AS wallets, CASE WHEN big THEN 60 ELSE 8 END AS categories,
       CASE WHEN big THEN 2000 ELSE 5 END AS payees, CASE WHEN big THEN 100 ELSE 2 END AS tags
FROM (SELECT id, owner_id::text = current_setting('large.owner') AS big FROM books) books;
ANALYZE shelf;

INSERT INTO wallets (id, book_id, name, kind, currency, exponent, created_at)
SELECT uuidv7(), book_id, format('Wallet %s', n), 'bank', CASE WHEN n = 2 THEN 'USD' ELSE 'EUR' END, 2, now()
FROM shelf, generate_series(1, wallets) n;
WITH new AS (SELECT uuidv7() AS id, book_id, n FROM shelf, generate_series(1, categories) n)
INSERT INTO categories (id, book_id, name, kind, color, icon, counts_as, created_at)
SELECT id, book_id, format('Category %s', n), CASE WHEN n % 8 = 0 THEN 'income' ELSE 'expense' END, '#336699', 'tag', id, now()
FROM new;
WITH new AS (SELECT uuidv7() AS id, book_id, format('Payee %s', n) AS name FROM shelf, generate_series(1, payees) n),
     made AS (INSERT INTO payees (id, book_id, name, created_at) SELECT id, book_id, name, now() FROM new)
INSERT INTO payee_names (book_id, key, payee_id) SELECT book_id, lower(name), id FROM new;
INSERT INTO tags (id, book_id, name, created_at)
SELECT uuidv7(), book_id, format('tag %s', n), now() FROM shelf, generate_series(1, tags) n;

-- Those that were made here, by their places in their books.
CREATE TEMP TABLE places AS
          SELECT book_id, 'wallet' AS what, id, currency, row_number() OVER (PARTITION BY book_id ORDER BY id) - 1 AS no
          FROM wallets WHERE name LIKE 'Wallet %'
UNION ALL SELECT book_id, 'category', id, NULL, row_number() OVER (PARTITION BY book_id ORDER BY id) - 1
          FROM categories WHERE name LIKE 'Category %'
UNION ALL SELECT book_id, 'payee', id, NULL, row_number() OVER (PARTITION BY book_id ORDER BY id) - 1 FROM payees
UNION ALL SELECT book_id, 'tag', id, NULL, row_number() OVER (PARTITION BY book_id ORDER BY id) - 1 FROM tags;
CREATE INDEX ON places (book_id, what, no);
ANALYZE places;

-- What a transaction is: every 20th a transfer, every 19th for two categories; amounts are up to 100.00.
CREATE TEMP TABLE made AS
SELECT uuidv7() AS id, book_id, big, n, '2016-11-26'::date + (n::bigint * 3650 / transactions)::integer AS date,
       n % 20 = 0 AS transfer, n % 19 = 0 AS split, CASE WHEN n % 8 = 0 THEN 1 ELSE -1 END * (100 + hash % 9900) AS amount,
       hash % wallets AS wallet, (hash / 7) % categories AS category, (hash / 11) % payees AS payee, (hash / 13) % tags AS tag, hash
FROM shelf, generate_series(1, transactions) n, LATERAL (SELECT abs(hashint4(n)::bigint) AS hash);
ANALYZE made;

INSERT INTO transactions (id, book_id, date, kind, payee_id, note, created_at, updated_at)
SELECT made.id, made.book_id, date, 'normal', CASE WHEN NOT transfer THEN places.id END,
       CASE WHEN n % 3 = 0 THEN format('Note %s about %s', n, (ARRAY['bread', 'a train', 'the garden', 'a present', 'school'])[n % 5 + 1])
            ELSE '' END, now(), now()
FROM made JOIN places ON places.book_id = made.book_id AND what = 'payee' AND no = payee;
INSERT INTO entries (transaction_id, no, book_id, wallet_id, currency, amount, date, status)
SELECT made.id, 1, made.book_id, places.id, currency, CASE WHEN transfer THEN -abs(amount) WHEN split THEN 2 * amount ELSE amount END, date,
       CASE WHEN n % 1000 = 0 THEN 'pending' WHEN n % 4 = 0 THEN 'reconciled' ELSE 'cleared' END
FROM made JOIN places ON places.book_id = made.book_id AND what = 'wallet' AND no = wallet;
-- For the trigger that notes rates.
ANALYZE wallets, entries;
INSERT INTO entries (transaction_id, no, book_id, wallet_id, currency, amount, date, status)
SELECT made.id, 2, made.book_id, places.id, currency, abs(amount), date, 'cleared'
FROM made JOIN shelf USING (book_id)
     JOIN places ON places.book_id = made.book_id AND what = 'wallet' AND places.no = (wallet + 1) % wallets
WHERE transfer;
INSERT INTO lines (transaction_id, no, book_id, category_id, currency, amount, date)
SELECT made.id, part, made.book_id, category.id, wallet.currency, amount, date
FROM made, generate_series(1, CASE WHEN split THEN 2 ELSE 1 END) part,
     LATERAL (SELECT currency FROM places WHERE book_id = made.book_id AND what = 'wallet' AND no = made.wallet) wallet,
     LATERAL (SELECT id FROM places JOIN shelf USING (book_id)
              WHERE book_id = made.book_id AND what = 'category' AND places.no = (category + part - 1) % categories) category
WHERE NOT transfer;
INSERT INTO transaction_tags (transaction_id, tag_id, book_id)
SELECT made.id, places.id, made.book_id
FROM made JOIN places ON places.book_id = made.book_id AND what = 'tag' AND no = tag WHERE n % 5 = 0;
UPDATE wallets SET balance = sums.amount
FROM (SELECT wallet_id, sum(amount) AS amount FROM entries GROUP BY wallet_id) sums WHERE wallet_id = wallets.id;

ANALYZE users, books, wallets, categories, payees, payee_names, tags, transactions, entries, lines, transaction_tags,
    implied_rates;
ALTER TABLE transactions ENABLE TRIGGER balanced;
ALTER TABLE entries ENABLE TRIGGER balanced_later, ENABLE TRIGGER moves_in;
ALTER TABLE lines ENABLE TRIGGER balanced_later;
DO $$
DECLARE it record;
BEGIN
    FOR it IN SELECT * FROM ways LOOP EXECUTE it.definition; END LOOP;
    FOR it IN SELECT * FROM checks LOOP EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', it.owner, it.name, it.definition); END LOOP;
    -- What the triggers would have said of each.
    IF 0 <> (SELECT count(*) FROM made
             JOIN (SELECT transaction_id, sum(amount) FROM entries GROUP BY 1) moved ON moved.transaction_id = id
             LEFT JOIN (SELECT transaction_id, sum(amount) FROM lines GROUP BY 1) said ON said.transaction_id = id
             WHERE NOT transfer AND moved.sum IS DISTINCT FROM said.sum) THEN
        RAISE 'a transaction does not balance';
    END IF;
END $$;
