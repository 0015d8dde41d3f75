-- Format 3. Everything that is kept is accounted for: a fingerprint over all records and links (of those that are written from
-- here on), one over all values and former rows, and a chain through the journal. What a row was before is kept beside
-- it; checkpoints say how the account stood. Held items and findings are counted. What format 2 kept of values is not
-- in the account and goes: it was never released.

ALTER TABLE head ADD COLUMN held BIGINT NOT NULL DEFAULT 0;
ALTER TABLE head ADD COLUMN findings BIGINT NOT NULL DEFAULT 0;
ALTER TABLE head ADD COLUMN gone BIGINT NOT NULL DEFAULT 0; -- journal entries up to here were let go
ALTER TABLE head ADD COLUMN books BYTEA NOT NULL DEFAULT '\x';
UPDATE head SET held = (SELECT coalesce(sum(items), 0) FROM held),
  findings = (SELECT coalesce(sum(findings), 0) FROM held);
DROP INDEX held_counts;

ALTER TABLE snapshot ADD COLUMN step BIGINT NOT NULL DEFAULT 0;
ALTER TABLE snapshot ADD COLUMN mark BIGINT NOT NULL DEFAULT 0;
ALTER TABLE link ADD COLUMN step BIGINT NOT NULL DEFAULT 0;
ALTER TABLE link ADD COLUMN mark BIGINT NOT NULL DEFAULT 0;

CREATE TABLE former (
  stream INTEGER NOT NULL,
  id     BYTEA NOT NULL,
  facet  SMALLINT NOT NULL, -- of a link; -1: the record itself
  step   BIGINT NOT NULL,   -- the one that replaced it
  body   BYTEA NOT NULL,
  PRIMARY KEY (stream, id, facet, step)
);

CREATE TABLE checkpoint (
  seq   BIGINT PRIMARY KEY,
  at    BIGINT NOT NULL,
  books BYTEA NOT NULL
);
INSERT INTO checkpoint (seq, at, books) SELECT seq, 0, '\x' FROM head;
DELETE FROM journal_value;
