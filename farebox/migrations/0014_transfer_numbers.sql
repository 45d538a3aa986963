-- SQLite only, and nothing but the text of the schema, as in 0012. AUTOINCREMENT has each transfer read and write a
-- row of `sqlite_sequence`, so that a number isn't used again once the newest row is gone. No transfer is ever
-- removed: the number after the greatest has never been used.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema
SET sql = replace(sql, 'seq INTEGER PRIMARY KEY AUTOINCREMENT', 'seq INTEGER PRIMARY KEY')
WHERE type = 'table' AND name = 'transfers';

PRAGMA writable_schema = RESET;

DELETE FROM sqlite_sequence WHERE name = 'transfers';

-- Raises the schema's number, so that every other connection reads the schema anew.
CREATE TABLE transfer_numbers (it BIGINT);
DROP TABLE transfer_numbers;
