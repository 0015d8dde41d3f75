-- Format 2. The values of journal rows, apart from the journal: NULL where they were erased. By record first, because that is
-- how they are erased.

CREATE TABLE journal_value (
  stream INTEGER NOT NULL,
  id     BLOB NOT NULL,
  seq    INTEGER NOT NULL,
  n      INTEGER NOT NULL,
  body   BLOB,
  PRIMARY KEY (stream, id, seq, n)
) STRICT, WITHOUT ROWID;
