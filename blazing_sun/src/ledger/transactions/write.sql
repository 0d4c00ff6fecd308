WITH book AS (
    SELECT id FROM books WHERE owner_id = $1
), moved AS (
    SELECT asked.no, wallets.id AS wallet_id, wallets.currency, wallets.exponent, wallets.archived_at IS NOT NULL AS archived,
           asked.amount, asked.status
    FROM unnest($12::uuid[], $13::bigint[], $14::text[]) WITH ORDINALITY AS asked (wallet_id, amount, status, no)
         JOIN wallets ON wallets.id = asked.wallet_id
         JOIN book ON book.id = wallets.book_id
), said AS (
    SELECT asked.no, categories.id AS category_id, categories.counts_as, asked.amount
    FROM unnest($15::uuid[], $16::bigint[]) WITH ORDINALITY AS asked (category_id, amount, no)
         LEFT JOIN categories ON categories.id = asked.category_id AND categories.book_id = (SELECT id FROM book)
), known_payee AS (
    SELECT payees.id, payees.name
    FROM payee_names JOIN payees ON payees.id = payee_names.payee_id
    WHERE payee_names.book_id = (SELECT id FROM book) AND key = $10
), new_name AS (
    -- On conflict somebody else has just made it: theirs counts.
    INSERT INTO payee_names (book_id, key, payee_id)
    SELECT book.id, $10::text, $11::uuid FROM book WHERE $10 IS NOT NULL AND NOT EXISTS (SELECT FROM known_payee)
    ON CONFLICT (book_id, key) DO UPDATE SET key = excluded.key RETURNING payee_id
), new_payee AS (
    INSERT INTO payees (id, book_id, name, created_at)
    SELECT payee_id, book.id, $9::text, $8 FROM new_name, book WHERE payee_id = $11
), payee AS (
    SELECT id, name FROM known_payee
    UNION ALL SELECT payee_id, $9::text FROM new_name
), asked_tags AS (
    SELECT id, name FROM unnest($17::uuid[], $18::text[]) AS asked (id, name)
), known_tags AS (
    SELECT tags.id, tags.name FROM tags JOIN asked_tags ON lower(tags.name) = lower(asked_tags.name)
    WHERE tags.book_id = (SELECT id FROM book)
), new_tags AS (
    INSERT INTO tags (id, book_id, name, created_at)
    SELECT asked_tags.id, book.id, asked_tags.name, $8 FROM asked_tags, book
    WHERE NOT EXISTS (SELECT FROM known_tags WHERE lower(known_tags.name) = lower(asked_tags.name))
    ORDER BY lower(asked_tags.name)
    ON CONFLICT (book_id, lower(name)) DO UPDATE SET name = tags.name RETURNING id, name
), tagged AS (
    SELECT id, name FROM known_tags UNION ALL SELECT id, name FROM new_tags
), made AS (
    INSERT INTO transactions (id, book_id, date, kind, payee_id, note, version, created_at, updated_at)
    SELECT $2, book.id, $3, $4, (SELECT id FROM payee), $5, $6, $7, $8 FROM book
    ON CONFLICT (id) DO UPDATE SET date = excluded.date, kind = excluded.kind, payee_id = excluded.payee_id,
        note = excluded.note, version = excluded.version, updated_at = excluded.updated_at
), made_entries AS (
    INSERT INTO entries (transaction_id, no, book_id, wallet_id, currency, amount, date, status)
    SELECT $2, no, book.id, wallet_id, currency, amount, $3, status FROM moved, book
), made_lines AS (
    INSERT INTO lines (transaction_id, no, book_id, category_id, currency, amount, date)
    SELECT $2, no, book.id, category_id, moved.currency, said.amount, $3
    FROM said, book, (SELECT min(currency) AS currency FROM moved) AS moved WHERE moved.currency IS NOT NULL
), made_tags AS (
    INSERT INTO transaction_tags (transaction_id, tag_id, book_id) SELECT $2, tagged.id, book.id FROM tagged, book
)
SELECT book.id AS "book_id!",
       (SELECT jsonb_build_object('id', id, 'name', name) FROM payee) AS "payee: Json<Named>",
       (SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'name', name) ORDER BY lower(name)), '[]')
        FROM tagged) AS "tags!: Json<Vec<Named>>",
       (SELECT coalesce(jsonb_agg(jsonb_build_object('no', no, 'currency', currency, 'exponent', exponent,
                                                     'archived', archived) ORDER BY no), '[]')
        FROM moved) AS "wallets!: Json<Vec<FoundWallet>>",
       (SELECT coalesce(jsonb_agg(jsonb_build_object('no', no, 'counts_as', counts_as) ORDER BY no), '[]')
        FROM said WHERE category_id IS NOT NULL) AS "categories!: Json<Vec<FoundCategory>>"
FROM book
