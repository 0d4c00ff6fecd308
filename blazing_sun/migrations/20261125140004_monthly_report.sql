-- The report that is sent by mail on the first day of a book's month.
ALTER TABLE books
    ADD COLUMN monthly_report boolean     NOT NULL DEFAULT true,
    ADD COLUMN report_due_at  timestamptz NOT NULL DEFAULT '-infinity',  -- when to look next; whoever changes the calendar resets it
    ADD COLUMN reported_month date;                                      -- the first day of the last month that needs no report any more
CREATE INDEX books_report_due ON books (report_due_at);
