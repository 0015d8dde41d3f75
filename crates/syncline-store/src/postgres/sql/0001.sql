-- Format 1. Vendor text is always in BYTEA: ids, keys and values may hold any character. Texts are names of ours, compared
-- by bytes. Times are microseconds.

CREATE TABLE head (
  one        SMALLINT PRIMARY KEY CHECK (one = 1),
  seq        BIGINT NOT NULL,
  generation BIGINT NOT NULL,
  review     BIGINT NOT NULL
);
INSERT INTO head VALUES (1, 0, 0, 0);

CREATE TABLE state (
  key   BYTEA PRIMARY KEY,
  value BYTEA NOT NULL
);

CREATE TABLE stream (
  id         INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  connection TEXT COLLATE "C" NOT NULL,
  object     TEXT COLLATE "C" NOT NULL,
  UNIQUE (connection, object)
);

-- A list of fields can be longer than an index entry may be: its digest is what is unique.
CREATE TABLE shape (
  id     INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  stream INTEGER NOT NULL REFERENCES stream,
  digest BYTEA NOT NULL,
  fields BYTEA NOT NULL,
  UNIQUE (stream, digest)
);

CREATE TABLE key_name (
  id   INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE snapshot (
  stream   INTEGER NOT NULL,
  id       BYTEA NOT NULL,
  version  BYTEA,
  modified BIGINT,
  state    SMALLINT NOT NULL,
  shape    INTEGER NOT NULL,
  data     BYTEA NOT NULL,
  PRIMARY KEY (stream, id)
);
CREATE INDEX snapshot_modified ON snapshot (stream, modified) WHERE state = 0;

CREATE TABLE link (
  stream INTEGER NOT NULL,
  id     BYTEA NOT NULL,
  facet  SMALLINT NOT NULL,
  entity BYTEA NOT NULL,
  state  SMALLINT NOT NULL,
  since  BIGINT NOT NULL,
  detail BYTEA NOT NULL,
  base   BYTEA,
  PRIMARY KEY (stream, id, facet)
);
CREATE INDEX link_entity ON link (entity);

CREATE TABLE match_key (
  stream INTEGER NOT NULL,
  id     BYTEA NOT NULL,
  kind   SMALLINT NOT NULL,
  n      INTEGER NOT NULL,
  name   INTEGER NOT NULL,
  hash   BIGINT NOT NULL, -- of kind, name and value
  value  BYTEA NOT NULL,
  PRIMARY KEY (stream, id, kind, n)
);
CREATE INDEX match_key_hash ON match_key (hash);

CREATE TABLE dirty_record (
  kind       SMALLINT NOT NULL,
  connection TEXT COLLATE "C" NOT NULL,
  object     TEXT COLLATE "C" NOT NULL,
  id         BYTEA NOT NULL,
  generation BIGINT NOT NULL,
  PRIMARY KEY (kind, connection, object, id)
);

CREATE TABLE dirty_entity (
  kind       SMALLINT NOT NULL,
  entity     BYTEA NOT NULL,
  generation BIGINT NOT NULL,
  PRIMARY KEY (kind, entity)
);

CREATE TABLE held (
  entity   BYTEA PRIMARY KEY,
  kind     SMALLINT NOT NULL,
  until    BIGINT,
  items    BIGINT NOT NULL,
  findings BIGINT NOT NULL,
  data     BYTEA NOT NULL
);
CREATE INDEX held_until ON held (until) WHERE until IS NOT NULL;
CREATE INDEX held_counts ON held (items, findings);

-- The first half of the SHA-256 of each key that releases something of the entity.
CREATE TABLE held_wake (
  key    BYTEA NOT NULL,
  entity BYTEA NOT NULL,
  PRIMARY KEY (key, entity)
);
CREATE INDEX held_wake_entity ON held_wake (entity);

CREATE TABLE review (
  id     BIGINT PRIMARY KEY,
  digest BYTEA NOT NULL UNIQUE,
  state  SMALLINT NOT NULL,
  data   BYTEA NOT NULL
);
CREATE INDEX review_open ON review (id) WHERE state = 0;

CREATE TABLE call (
  id         BYTEA PRIMARY KEY,
  run        BYTEA,
  connection TEXT COLLATE "C" NOT NULL,
  at         BIGINT NOT NULL,
  payload    BYTEA NOT NULL
);

CREATE TABLE journal (
  seq   BIGINT PRIMARY KEY,
  at    BIGINT NOT NULL,
  run   BYTEA,
  call  BYTEA,
  event BYTEA NOT NULL
);
CREATE INDEX journal_run ON journal (run, seq) WHERE run IS NOT NULL;
CREATE INDEX journal_call ON journal (call) WHERE call IS NOT NULL;

CREATE TABLE journal_record (
  stream INTEGER NOT NULL,
  id     BYTEA NOT NULL,
  seq    BIGINT NOT NULL,
  PRIMARY KEY (stream, id, seq)
);

CREATE TABLE journal_entity (
  entity BYTEA NOT NULL,
  seq    BIGINT NOT NULL,
  PRIMARY KEY (entity, seq)
);

CREATE TABLE lane (
  name  TEXT COLLATE "C" PRIMARY KEY,
  owner TEXT COLLATE "C",
  epoch BIGINT NOT NULL,
  until BIGINT NOT NULL
);
