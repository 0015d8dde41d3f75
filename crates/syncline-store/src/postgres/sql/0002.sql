-- Format 2. The values of journal rows, apart from the journal: NULL where they were erased. By record first, because that is
-- how they are erased.

CREATE TABLE journal_value (
  stream INTEGER NOT NULL,
  id     BYTEA NOT NULL,
  seq    BIGINT NOT NULL,
  n      BIGINT NOT NULL,
  body   BYTEA,
  PRIMARY KEY (stream, id, seq, n)
);
