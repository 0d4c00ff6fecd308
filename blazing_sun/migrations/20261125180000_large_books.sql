-- Lists of large books by how sure a movement is, and by what it comes to.
CREATE INDEX entries_status ON entries (book_id, status, date DESC, transaction_id DESC);
CREATE INDEX entries_amount ON entries (book_id, amount);
