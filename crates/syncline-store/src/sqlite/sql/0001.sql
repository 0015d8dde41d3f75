-- Format 1. Vendor text is always in BLOBs: ids, keys and values may hold any character. Times are microseconds.

CREATE TABLE head (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  seq        INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  review     INTEGER NOT NULL
) STRICT;
INSERT INTO head VALUES (1, 0, 0, 0);

CREATE TABLE state (
  key   BLOB PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE stream (
  id         INTEGER PRIMARY KEY,
  connection TEXT NOT NULL,
  object     TEXT NOT NULL,
  UNIQUE (connection, object)
) STRICT;

CREATE TABLE shape (
  id     INTEGER PRIMARY KEY,
  stream INTEGER NOT NULL REFERENCES stream,
  fields BLOB NOT NULL,
  UNIQUE (stream, fields)
) STRICT;

CREATE TABLE key_name (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE snapshot (
  stream   INTEGER NOT NULL,
  id       BLOB NOT NULL,
  version  BLOB,
  modified INTEGER,
  state    INTEGER NOT NULL,
  shape    INTEGER NOT NULL,
  data     BLOB NOT NULL,
  PRIMARY KEY (stream, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX snapshot_modified ON snapshot (stream, modified) WHERE state = 0;

CREATE TABLE link (
  stream INTEGER NOT NULL,
  id     BLOB NOT NULL,
  facet  INTEGER NOT NULL,
  entity BLOB NOT NULL,
  state  INTEGER NOT NULL,
  since  INTEGER NOT NULL,
  detail BLOB NOT NULL,
  base   BLOB,
  PRIMARY KEY (stream, id, facet)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_entity ON link (entity);

CREATE TABLE match_key (
  stream INTEGER NOT NULL,
  id     BLOB NOT NULL,
  kind   INTEGER NOT NULL,
  n      INTEGER NOT NULL,
  name   INTEGER NOT NULL,
  hash   INTEGER NOT NULL, -- of kind, name and value
  value  BLOB NOT NULL,
  PRIMARY KEY (stream, id, kind, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX match_key_hash ON match_key (hash);

CREATE TABLE dirty_record (
  kind       INTEGER NOT NULL,
  connection TEXT NOT NULL,
  object     TEXT NOT NULL,
  id         BLOB NOT NULL,
  generation INTEGER NOT NULL,
  PRIMARY KEY (kind, connection, object, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE dirty_entity (
  kind       INTEGER NOT NULL,
  entity     BLOB NOT NULL,
  generation INTEGER NOT NULL,
  PRIMARY KEY (kind, entity)
) STRICT, WITHOUT ROWID;

CREATE TABLE held (
  entity   BLOB PRIMARY KEY,
  kind     INTEGER NOT NULL,
  until    INTEGER,
  items    INTEGER NOT NULL,
  findings INTEGER NOT NULL,
  data     BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX held_until ON held (until) WHERE until IS NOT NULL;
CREATE INDEX held_counts ON held (items, findings);

-- The first half of the SHA-256 of each key that releases something of the entity.
CREATE TABLE held_wake (
  key    BLOB NOT NULL,
  entity BLOB NOT NULL,
  PRIMARY KEY (key, entity)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_wake_entity ON held_wake (entity);

CREATE TABLE review (
  id     INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  state  INTEGER NOT NULL,
  data   BLOB NOT NULL
) STRICT;
CREATE INDEX review_open ON review (id) WHERE state = 0;

CREATE TABLE call (
  id         BLOB PRIMARY KEY,
  run        BLOB,
  connection TEXT NOT NULL,
  at         INTEGER NOT NULL,
  payload    BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
  seq   INTEGER PRIMARY KEY,
  at    INTEGER NOT NULL,
  run   BLOB,
  call  BLOB,
  event BLOB NOT NULL
) STRICT;
CREATE INDEX journal_run ON journal (run, seq) WHERE run IS NOT NULL;
CREATE INDEX journal_call ON journal (call) WHERE call IS NOT NULL;

CREATE TABLE journal_record (
  stream INTEGER NOT NULL,
  id     BLOB NOT NULL,
  seq    INTEGER NOT NULL,
  PRIMARY KEY (stream, id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal_entity (
  entity BLOB NOT NULL,
  seq    INTEGER NOT NULL,
  PRIMARY KEY (entity, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE lane (
  name  TEXT PRIMARY KEY,
  owner TEXT,
  epoch INTEGER NOT NULL,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
