//! Every statement on SQLite.

crate::sql::statements! {
    HEAD = "SELECT seq, generation, review, held, findings, gone, books, (SELECT max(seq) FROM journal) FROM head";
    PUT_HEAD = "UPDATE head SET seq = ?1, generation = ?2, review = ?3, held = ?4, findings = ?5, gone = ?6,
        books = ?7";

    GET = "SELECT value FROM state WHERE key = ?1";
    LIST = "SELECT key, value FROM state WHERE key >= ?1 AND key < ?2 ORDER BY key";
    PUT = "INSERT INTO state (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    REMOVE = "DELETE FROM state WHERE key = ?1";

    STREAM = "SELECT id FROM stream WHERE connection = ?1 AND object = ?2";
    STREAM_NAMES = "SELECT connection, object FROM stream WHERE id = ?1";
    ADD_STREAM = "INSERT INTO stream (connection, object) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    SHAPE = "SELECT id FROM shape WHERE stream = ?1 AND fields = ?2";
    SHAPE_FIELDS = "SELECT fields FROM shape WHERE id = ?1";
    ADD_SHAPE = "INSERT INTO shape (stream, fields) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    KEY_NAME = "SELECT id FROM key_name WHERE name = ?1";
    ADD_KEY_NAME = "INSERT INTO key_name (name) VALUES (?1) ON CONFLICT DO NOTHING";

    SNAPSHOT = "SELECT version, modified, state, shape, data FROM snapshot WHERE stream = ?1 AND id = ?2";
    VERSION = "SELECT version FROM snapshot WHERE stream = ?1 AND id = ?2";
    COUNT_SINCE = "SELECT count(*) FROM snapshot WHERE stream = ?1 AND modified >= ?2 AND state = 0";
    IDS = "SELECT id FROM snapshot WHERE stream = ?1 AND id > ?2 AND state = 0 ORDER BY id LIMIT ?3";
    RECORD_ROW = "SELECT version, modified, state, shape, data, step, mark FROM snapshot WHERE stream = ?1 AND id = ?2";
    PUT_SNAPSHOT = "INSERT INTO snapshot (stream, id, version, modified, state, shape, data, step, mark)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        ON CONFLICT (stream, id) DO UPDATE SET version = excluded.version, modified = excluded.modified,
            state = excluded.state, shape = excluded.shape, data = excluded.data, step = excluded.step,
            mark = excluded.mark";

    LINKS_OF_RECORD = "SELECT facet, entity, state, since, detail, base FROM link
        WHERE stream = ?1 AND id = ?2 ORDER BY facet";
    LINKS_OF_ENTITY = "SELECT stream, id, facet, state, since, detail, base FROM link
        WHERE entity = ?1 ORDER BY stream, id, facet";
    LINK_ROW = "SELECT entity, state, since, detail, base, step, mark FROM link
        WHERE stream = ?1 AND id = ?2 AND facet = ?3";
    PUT_LINK = "INSERT INTO link (stream, id, facet, entity, state, since, detail, base, step, mark)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        ON CONFLICT (stream, id, facet) DO UPDATE SET entity = excluded.entity, state = excluded.state,
            since = excluded.since, detail = excluded.detail, base = excluded.base, step = excluded.step,
            mark = excluded.mark";
    REMOVE_LINK = "DELETE FROM link WHERE stream = ?1 AND id = ?2 AND facet = ?3";

    KEYS_OF_RECORD = "SELECT name, value FROM match_key WHERE stream = ?1 AND id = ?2 AND kind = ?3 ORDER BY n";
    REMOVE_KEYS = "DELETE FROM match_key WHERE stream = ?1 AND id = ?2 AND kind = ?3";
    ADD_KEY = "INSERT INTO match_key (stream, id, kind, n, name, hash, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    /// Records that are neither live nor converted keep out, whatever keys they were left with.
    BY_KEY = "SELECT k.stream, k.id FROM match_key k
        JOIN snapshot s ON s.stream = k.stream AND s.id = k.id AND s.state IN (0, 3)
        WHERE k.kind = ?1 AND k.name = ?2 AND k.hash = ?3 AND k.value = ?4 ORDER BY k.stream, k.id";

    DIRTY_RECORDS = "SELECT kind, connection, object, id, generation FROM dirty_record
        WHERE (kind, connection, object, id) > (?1, ?2, ?3, ?4)
        ORDER BY kind, connection, object, id LIMIT ?5";
    DIRTY_ENTITIES = "SELECT kind, entity, generation FROM dirty_entity
        WHERE (kind, entity) > (?1, ?2) ORDER BY kind, entity LIMIT ?3";
    DIRTY_COUNT = "SELECT (SELECT count(*) FROM dirty_record) + (SELECT count(*) FROM dirty_entity)";
    ADD_DIRTY_RECORD = "INSERT INTO dirty_record (kind, connection, object, id, generation) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (kind, connection, object, id) DO UPDATE SET generation = excluded.generation";
    ADD_DIRTY_ENTITY = "INSERT INTO dirty_entity (kind, entity, generation) VALUES (?1, ?2, ?3)
        ON CONFLICT (kind, entity) DO UPDATE SET generation = excluded.generation";
    DONE_RECORD = "DELETE FROM dirty_record
        WHERE kind = ?1 AND connection = ?2 AND object = ?3 AND id = ?4 AND generation = ?5";
    DONE_ENTITY = "DELETE FROM dirty_entity WHERE kind = ?1 AND entity = ?2 AND generation = ?3";
    WAKE = "INSERT INTO dirty_entity (kind, entity, generation)
        SELECT h.kind, h.entity, ?2 FROM held_wake w JOIN held h ON h.entity = w.entity WHERE w.key = ?1
        ON CONFLICT (kind, entity) DO UPDATE SET generation = excluded.generation";
    WAKE_DUE = "INSERT INTO dirty_entity (kind, entity, generation)
        SELECT kind, entity, ?2 FROM held WHERE until <= ?1
        ON CONFLICT (kind, entity) DO UPDATE SET generation = excluded.generation";

    HELD_OF = "SELECT entity, data FROM held WHERE entity = ?1";
    HELD = "SELECT entity, data FROM held WHERE entity > ?1 ORDER BY entity LIMIT ?2";
    HELD_COUNT = "SELECT held, findings FROM head";
    HELD_COUNTS = "SELECT items, findings FROM held WHERE entity = ?1";
    NEXT_DUE = "SELECT min(until) FROM held WHERE until IS NOT NULL";
    PUT_HELD = "INSERT INTO held (entity, kind, until, items, findings, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (entity) DO UPDATE SET kind = excluded.kind, until = excluded.until, items = excluded.items,
            findings = excluded.findings, data = excluded.data";
    REMOVE_HELD = "DELETE FROM held WHERE entity = ?1";
    REMOVE_WAKES = "DELETE FROM held_wake WHERE entity = ?1";
    ADD_WAKE = "INSERT INTO held_wake (key, entity) VALUES (?1, ?2) ON CONFLICT DO NOTHING";

    REVIEWS = "SELECT id, data FROM review WHERE id > ?1 ORDER BY id LIMIT ?2";
    OPEN_REVIEWS = "SELECT id, data FROM review WHERE id > ?1 AND state = 0 ORDER BY id LIMIT ?2";
    REVIEW = "SELECT id, data FROM review WHERE id = ?1";
    /// A settled question that comes up again is open again, under its number.
    OPEN_REVIEW = "INSERT INTO review (id, digest, state, data) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (digest) DO UPDATE SET state = excluded.state, data = excluded.data WHERE review.state = 2";
    REVIEW_BY_DIGEST = "SELECT id FROM review WHERE digest = ?1";
    PUT_REVIEW = "UPDATE review SET digest = ?2, state = ?3, data = ?4 WHERE id = ?1";

    OPEN_CALLS = "SELECT id, run, connection, at, payload FROM call ORDER BY at, id";
    OPEN_CALL = "INSERT INTO call (id, run, connection, at, payload) VALUES (?1, ?2, ?3, ?4, ?5)";
    END_CALL = "DELETE FROM call WHERE id = ?1";

    JOURNAL = "SELECT seq, at, run, event FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    JOURNAL_OF_RUN = "SELECT seq, at, run, event FROM journal WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    /// A call's intent names its rows' entities, its end names the records: each brings the other along.
    JOURNAL_OF_RECORD = "WITH named (seq) AS (
            SELECT seq FROM journal_record WHERE stream = ?1 AND id = ?2
            UNION SELECT e.seq FROM journal_entity e
                WHERE e.entity IN (SELECT entity FROM link WHERE stream = ?1 AND id = ?2)
        ), whole (seq) AS (
            SELECT seq FROM named
            UNION SELECT other.seq FROM named
                JOIN journal one ON one.seq = named.seq AND one.call IS NOT NULL
                JOIN journal other ON other.call = one.call
        )
        SELECT j.seq, j.at, j.run, j.event FROM whole JOIN journal j ON j.seq = whole.seq
        WHERE j.seq > ?3 AND (?4 IS NULL OR j.run = ?4) ORDER BY j.seq LIMIT ?5";
    APPEND = "INSERT INTO journal (seq, at, run, call, event) VALUES (?1, ?2, ?3, ?4, ?5)";
    NAME_RECORD = "INSERT INTO journal_record (stream, id, seq) VALUES (?1, ?2, ?3)";
    NAME_ENTITY = "INSERT INTO journal_entity (entity, seq) VALUES (?1, ?2)";
    ADD_VALUE = "INSERT INTO journal_value (stream, id, seq, n, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    VALUES = "SELECT n, body FROM journal_value WHERE stream = ?1 AND id = ?2 AND seq = ?3 ORDER BY n";
    VALUES_OF_RECORD = "SELECT seq, n, body FROM journal_value WHERE stream = ?1 AND id = ?2 ORDER BY seq, n";
    ERASE_VALUES = "UPDATE journal_value SET body = NULL WHERE stream = ?1 AND id = ?2";
    /// Pages of the whole table: letting go happens seldom, and an index for it would cost more than it saves.
    VALUES_PAGE = "SELECT stream, id, seq, n, body FROM journal_value
        WHERE (stream, id, seq, n) > (?1, ?2, ?3, ?4) ORDER BY stream, id, seq, n LIMIT ?5";
    REMOVE_VALUE = "DELETE FROM journal_value WHERE stream = ?1 AND id = ?2 AND seq = ?3 AND n = ?4";

    ADD_FORMER = "INSERT INTO former (stream, id, facet, step, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    FORMERS_OF_RECORD = "SELECT facet, step, body FROM former WHERE stream = ?1 AND id = ?2 ORDER BY facet, step";
    FORMERS_PAGE = "SELECT stream, id, facet, step, body FROM former
        WHERE (stream, id, facet, step) > (?1, ?2, ?3, ?4) ORDER BY stream, id, facet, step LIMIT ?5";
    REMOVE_FORMER = "DELETE FROM former WHERE stream = ?1 AND id = ?2 AND facet = ?3 AND step = ?4";
    FACETS_OF_RECORD = "SELECT facet FROM link WHERE stream = ?1 AND id = ?2 ORDER BY facet";
    /// Everything that anything is kept of, in the order of its key.
    KEPT = "SELECT stream, id FROM snapshot WHERE (stream, id) > (?1, ?2)
        UNION SELECT stream, id FROM link WHERE (stream, id) > (?1, ?2)
        UNION SELECT stream, id FROM former WHERE (stream, id) > (?1, ?2)
        UNION SELECT stream, id FROM journal_value WHERE (stream, id) > (?1, ?2)
        ORDER BY stream, id LIMIT ?3";

    ADD_CHECKPOINT = "INSERT INTO checkpoint (seq, at, books) VALUES (?1, ?2, ?3)
        ON CONFLICT (seq) DO UPDATE SET at = excluded.at, books = excluded.books";
    PUT_CHECKPOINT = "UPDATE checkpoint SET books = ?2 WHERE seq = ?1";
    CHECKPOINTS = "SELECT seq, at, books FROM checkpoint ORDER BY seq";
    LAST_CHECKPOINT = "SELECT seq, at, books FROM checkpoint WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1";
    REMOVE_CHECKPOINTS = "DELETE FROM checkpoint WHERE seq < ?1";
    REMOVE_ENTRIES = "DELETE FROM journal WHERE seq <= ?1";
    REMOVE_NAMED_RECORDS = "DELETE FROM journal_record WHERE seq <= ?1";
    REMOVE_NAMED_ENTITIES = "DELETE FROM journal_entity WHERE seq <= ?1";
    /// The chain as it is made: each entry's own bytes.
    LINKS_OF_CHAIN = "SELECT seq, at, run, event FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2";

    LANE_EPOCH = "SELECT epoch FROM lane WHERE name = ?1 AND owner IS NOT NULL";
    CLAIM = "INSERT INTO lane (name, owner, epoch, until) VALUES (?1, ?2, 1, ?4)
        ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until,
            epoch = lane.epoch + (lane.owner IS NOT excluded.owner)
            WHERE lane.owner IS NULL OR lane.owner = excluded.owner OR lane.until <= ?3
        RETURNING epoch";
    RELEASE = "UPDATE lane SET owner = NULL WHERE name = ?1 AND epoch = ?2";
}
