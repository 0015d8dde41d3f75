//! Every statement on PostgreSQL. Many rows go as arrays: one round trip a table.

crate::sql::statements! {
    HEAD = "SELECT seq, generation, review, held, findings, gone, books, (SELECT max(seq) FROM journal) FROM head";
    /// Batches pass here one after the other: this is what makes the journal's positions consecutive, and what keeps
    /// two batches from waiting for each other.
    LOCK_HEAD = "SELECT seq, generation, review, held, findings, gone, books FROM head FOR UPDATE";
    /// Asked after the lock is held: an earlier statement would still see the journal as it was before the wait.
    LAST = "SELECT max(seq) FROM journal";
    PUT_HEAD = "UPDATE head SET seq = $1, generation = $2, review = $3, held = $4, findings = $5, gone = $6,
        books = $7";

    GET = "SELECT value FROM state WHERE key = $1";
    LIST = "SELECT key, value FROM state WHERE key >= $1 AND key < $2 ORDER BY key";
    PUT = "INSERT INTO state (key, value) SELECT * FROM unnest($1::bytea[], $2::bytea[])
        ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    REMOVE = "DELETE FROM state WHERE key = ANY($1::bytea[])";

    STREAM = "SELECT id FROM stream WHERE connection = $1 AND object = $2";
    STREAM_NAMES = "SELECT id, connection, object FROM stream WHERE id = ANY($1::integer[])";
    ADD_STREAM = "INSERT INTO stream (connection, object) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    SHAPE = "SELECT id, fields FROM shape WHERE stream = $1 AND digest = $2";
    SHAPE_FIELDS = "SELECT id, fields FROM shape WHERE id = ANY($1::integer[])";
    ADD_SHAPE = "INSERT INTO shape (stream, digest, fields) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    KEY_NAME = "SELECT id FROM key_name WHERE name = $1";
    ADD_KEY_NAME = "INSERT INTO key_name (name) VALUES ($1) ON CONFLICT DO NOTHING";

    SNAPSHOTS = "SELECT t.n, s.version, s.modified, s.state, s.shape, s.data
        FROM unnest($1::integer[], $2::bytea[]) WITH ORDINALITY AS t (stream, id, n)
        JOIN snapshot s ON s.stream = t.stream AND s.id = t.id ORDER BY t.n";
    VERSIONS = "SELECT t.n, (SELECT s.version FROM snapshot s WHERE s.stream = $1 AND s.id = t.id)
        FROM unnest($2::bytea[]) WITH ORDINALITY AS t (id, n) ORDER BY t.n";
    COUNT_SINCE = "SELECT count(*) FROM snapshot WHERE stream = $1 AND modified >= $2 AND state = 0";
    IDS = "SELECT id FROM snapshot WHERE stream = $1 AND id > $2 AND state = 0 ORDER BY id LIMIT $3";
    RECORD_ROWS = "SELECT t.n, s.version, s.modified, s.state, s.shape, s.data, s.step, s.mark
        FROM unnest($1::integer[], $2::bytea[]) WITH ORDINALITY AS t (stream, id, n)
        JOIN snapshot s ON s.stream = t.stream AND s.id = t.id ORDER BY t.n";
    PUT_SNAPSHOTS = "INSERT INTO snapshot (stream, id, version, modified, state, shape, data, step, mark)
        SELECT * FROM unnest($1::integer[], $2::bytea[], $3::bytea[], $4::bigint[], $5::smallint[], $6::integer[],
            $7::bytea[], $8::bigint[], $9::bigint[])
        ON CONFLICT (stream, id) DO UPDATE SET version = excluded.version, modified = excluded.modified,
            state = excluded.state, shape = excluded.shape, data = excluded.data, step = excluded.step,
            mark = excluded.mark";

    LINKS_OF_RECORDS = "SELECT t.n, l.facet, l.entity, l.state, l.since, l.detail, l.base
        FROM unnest($1::integer[], $2::bytea[]) WITH ORDINALITY AS t (stream, id, n)
        JOIN link l ON l.stream = t.stream AND l.id = t.id ORDER BY t.n, l.facet";
    LINKS_OF_ENTITIES = "SELECT t.n, l.facet, l.entity, l.state, l.since, l.detail, l.base, l.stream, l.id
        FROM unnest($1::bytea[]) WITH ORDINALITY AS t (entity, n)
        JOIN link l ON l.entity = t.entity ORDER BY t.n, l.stream, l.id, l.facet";
    LINK_ROWS = "SELECT t.n, l.entity, l.state, l.since, l.detail, l.base, l.step, l.mark
        FROM unnest($1::integer[], $2::bytea[], $3::smallint[]) WITH ORDINALITY AS t (stream, id, facet, n)
        JOIN link l ON l.stream = t.stream AND l.id = t.id AND l.facet = t.facet ORDER BY t.n";
    LINK_ROWS_OF_RECORDS = "SELECT t.n, l.entity, l.state, l.since, l.detail, l.base, l.step, l.mark, l.facet
        FROM unnest($1::integer[], $2::bytea[]) WITH ORDINALITY AS t (stream, id, n)
        JOIN link l ON l.stream = t.stream AND l.id = t.id ORDER BY t.n, l.facet";
    PUT_LINKS = "INSERT INTO link (stream, id, facet, entity, state, since, detail, base, step, mark)
        SELECT * FROM unnest($1::integer[], $2::bytea[], $3::smallint[], $4::bytea[], $5::smallint[], $6::bigint[],
            $7::bytea[], $8::bytea[], $9::bigint[], $10::bigint[])
        ON CONFLICT (stream, id, facet) DO UPDATE SET entity = excluded.entity, state = excluded.state,
            since = excluded.since, detail = excluded.detail, base = excluded.base, step = excluded.step,
            mark = excluded.mark";
    REMOVE_LINKS = "DELETE FROM link l USING unnest($1::integer[], $2::bytea[], $3::smallint[]) AS t (stream, id, facet)
        WHERE l.stream = t.stream AND l.id = t.id AND l.facet = t.facet";

    KEYS_OF_RECORDS = "SELECT t.n, k.name, k.value
        FROM unnest($1::integer[], $2::bytea[], $3::smallint[]) WITH ORDINALITY AS t (stream, id, kind, n)
        JOIN match_key k ON k.stream = t.stream AND k.id = t.id AND k.kind = t.kind ORDER BY t.n, k.n";
    REMOVE_KEYS = "DELETE FROM match_key k
        USING unnest($1::integer[], $2::bytea[], $3::smallint[]) AS t (stream, id, kind)
        WHERE k.stream = t.stream AND k.id = t.id AND k.kind = t.kind";
    ADD_KEYS = "INSERT INTO match_key (stream, id, kind, n, name, hash, value)
        SELECT * FROM unnest($1::integer[], $2::bytea[], $3::smallint[], $4::integer[], $5::integer[], $6::bigint[],
            $7::bytea[])";
    /// Whether a record is live or converted is looked at by the caller: asked here, the server may take the index of live records and
    /// read a whole stream.
    BY_KEYS = "SELECT t.n, k.stream, k.id, s.state
        FROM unnest($1::smallint[], $2::integer[], $3::bigint[], $4::bytea[])
            WITH ORDINALITY AS t (kind, name, hash, value, n)
        JOIN match_key k ON k.hash = t.hash AND k.kind = t.kind AND k.name = t.name AND k.value = t.value
        JOIN snapshot s ON s.stream = k.stream AND s.id = k.id ORDER BY t.n, k.stream, k.id";

    DIRTY_RECORDS = "SELECT kind, connection, object, id, generation FROM dirty_record
        WHERE (kind, connection, object, id) > ($1, $2, $3, $4)
        ORDER BY kind, connection, object, id LIMIT $5";
    DIRTY_ENTITIES = "SELECT kind, entity, generation FROM dirty_entity
        WHERE (kind, entity) > ($1, $2) ORDER BY kind, entity LIMIT $3";
    DIRTY_COUNT = "SELECT (SELECT count(*) FROM dirty_record) + (SELECT count(*) FROM dirty_entity)";
    ADD_DIRTY_RECORDS = "INSERT INTO dirty_record (kind, connection, object, id, generation)
        SELECT kind, connection, object, id, $5
            FROM unnest($1::smallint[], $2::text[], $3::text[], $4::bytea[]) AS t (kind, connection, object, id)
        ON CONFLICT (kind, connection, object, id) DO UPDATE SET generation = excluded.generation";
    ADD_DIRTY_ENTITIES = "INSERT INTO dirty_entity (kind, entity, generation)
        SELECT kind, entity, $3 FROM unnest($1::smallint[], $2::bytea[]) AS t (kind, entity)
        ON CONFLICT (kind, entity) DO UPDATE SET generation = excluded.generation";
    DONE_RECORDS = "DELETE FROM dirty_record d
        USING unnest($1::smallint[], $2::text[], $3::text[], $4::bytea[], $5::bigint[])
            AS t (kind, connection, object, id, generation)
        WHERE d.kind = t.kind AND d.connection = t.connection AND d.object = t.object AND d.id = t.id
            AND d.generation = t.generation";
    DONE_ENTITIES = "DELETE FROM dirty_entity d
        USING unnest($1::smallint[], $2::bytea[], $3::bigint[]) AS t (kind, entity, generation)
        WHERE d.kind = t.kind AND d.entity = t.entity AND d.generation = t.generation";
    WAKE = "INSERT INTO dirty_entity (kind, entity, generation)
        SELECT DISTINCT h.kind, h.entity, $2::bigint FROM held_wake w JOIN held h ON h.entity = w.entity
            WHERE w.key = ANY($1::bytea[])
        ON CONFLICT (kind, entity) DO UPDATE SET generation = excluded.generation";
    WAKE_DUE = "INSERT INTO dirty_entity (kind, entity, generation)
        SELECT kind, entity, $2 FROM held WHERE until <= $1
        ON CONFLICT (kind, entity) DO UPDATE SET generation = excluded.generation";

    HELD_OF = "SELECT entity, data FROM held WHERE entity = $1";
    HELD = "SELECT entity, data FROM held WHERE entity > $1 ORDER BY entity LIMIT $2";
    HELD_COUNT = "SELECT held, findings FROM head";
    HELD_COUNTS = "SELECT coalesce(sum(items), 0)::bigint, coalesce(sum(findings), 0)::bigint FROM held
        WHERE entity = ANY($1::bytea[])";
    NEXT_DUE = "SELECT min(until) FROM held WHERE until IS NOT NULL";
    PUT_HELD = "INSERT INTO held (entity, kind, until, items, findings, data)
        SELECT * FROM unnest($1::bytea[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[])
        ON CONFLICT (entity) DO UPDATE SET kind = excluded.kind, until = excluded.until, items = excluded.items,
            findings = excluded.findings, data = excluded.data";
    REMOVE_HELD = "DELETE FROM held WHERE entity = ANY($1::bytea[])";
    REMOVE_WAKES = "DELETE FROM held_wake WHERE entity = ANY($1::bytea[])";
    ADD_WAKES = "INSERT INTO held_wake (key, entity) SELECT * FROM unnest($1::bytea[], $2::bytea[])";

    REVIEWS = "SELECT id, data FROM review WHERE id > $1 ORDER BY id LIMIT $2";
    OPEN_REVIEWS = "SELECT id, data FROM review WHERE id > $1 AND state = 0 ORDER BY id LIMIT $2";
    REVIEW = "SELECT id, data FROM review WHERE id = $1";
    /// A settled question that comes up again is open again, under its number.
    OPEN_REVIEW = "INSERT INTO review (id, digest, state, data) VALUES ($1, $2, $3, $4)
        ON CONFLICT (digest) DO UPDATE SET state = excluded.state, data = excluded.data WHERE review.state = 2";
    REVIEW_BY_DIGEST = "SELECT id FROM review WHERE digest = $1";
    PUT_REVIEW = "UPDATE review SET digest = $2, state = $3, data = $4 WHERE id = $1";

    OPEN_CALLS = "SELECT id, run, connection, at, payload FROM call ORDER BY at, id";
    ADD_CALLS = "INSERT INTO call (id, run, connection, at, payload)
        SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::bigint[], $5::bytea[])";
    END_CALLS = "DELETE FROM call WHERE id = ANY($1::bytea[])";

    JOURNAL = "SELECT seq, at, run, event FROM journal WHERE seq > $1 ORDER BY seq LIMIT $2";
    JOURNAL_OF_RUN = "SELECT seq, at, run, event FROM journal WHERE run = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    /// A call's intent names its rows' entities, its end names the records: each brings the other along.
    JOURNAL_OF_RECORD = "WITH named (seq) AS (
            SELECT seq FROM journal_record WHERE stream = $1 AND id = $2
            UNION SELECT e.seq FROM journal_entity e
                WHERE e.entity IN (SELECT entity FROM link WHERE stream = $1 AND id = $2)
        ), whole (seq) AS (
            SELECT seq FROM named
            UNION SELECT other.seq FROM named
                JOIN journal one ON one.seq = named.seq AND one.call IS NOT NULL
                JOIN journal other ON other.call = one.call
        )
        SELECT j.seq, j.at, j.run, j.event FROM whole JOIN journal j ON j.seq = whole.seq
        WHERE j.seq > $3 AND ($4::bytea IS NULL OR j.run = $4) ORDER BY j.seq LIMIT $5";
    APPEND = "INSERT INTO journal (seq, at, run, call, event)
        SELECT seq, $4, $5, call, event FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS t (seq, call, event)";
    NAME_RECORDS = "INSERT INTO journal_record (stream, id, seq)
        SELECT * FROM unnest($1::integer[], $2::bytea[], $3::bigint[])";
    NAME_ENTITIES = "INSERT INTO journal_entity (entity, seq) SELECT * FROM unnest($1::bytea[], $2::bigint[])";
    ADD_VALUES = "INSERT INTO journal_value (stream, id, seq, n, body)
        SELECT * FROM unnest($1::integer[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[])";
    VALUES = "SELECT t.at, v.n, v.body
        FROM unnest($1::integer[], $2::bytea[], $3::bigint[]) WITH ORDINALITY AS t (stream, id, seq, at)
        JOIN journal_value v ON v.stream = t.stream AND v.id = t.id AND v.seq = t.seq ORDER BY t.at, v.n";
    VALUES_OF_RECORDS = "SELECT t.at, v.seq, v.n, v.body
        FROM unnest($1::integer[], $2::bytea[]) WITH ORDINALITY AS t (stream, id, at)
        JOIN journal_value v ON v.stream = t.stream AND v.id = t.id ORDER BY t.at, v.seq, v.n";
    ERASE_VALUES = "UPDATE journal_value SET body = NULL WHERE stream = $1 AND id = $2";
    /// Pages of the whole table: letting go happens seldom, and an index for it would cost more than it saves.
    VALUES_PAGE = "SELECT stream, id, seq, n, body FROM journal_value
        WHERE (stream, id, seq, n) > ($1, $2, $3, $4) ORDER BY stream, id, seq, n LIMIT $5";
    REMOVE_VALUES = "DELETE FROM journal_value v
        USING unnest($1::integer[], $2::bytea[], $3::bigint[], $4::bigint[]) AS t (stream, id, seq, n)
        WHERE v.stream = t.stream AND v.id = t.id AND v.seq = t.seq AND v.n = t.n";

    ADD_FORMERS = "INSERT INTO former (stream, id, facet, step, body)
        SELECT stream, id, facet, $5, body
            FROM unnest($1::integer[], $2::bytea[], $3::smallint[], $4::bytea[]) AS t (stream, id, facet, body)";
    FORMERS_OF_RECORDS = "SELECT t.n, f.facet, f.step, f.body
        FROM unnest($1::integer[], $2::bytea[]) WITH ORDINALITY AS t (stream, id, n)
        JOIN former f ON f.stream = t.stream AND f.id = t.id ORDER BY t.n, f.facet, f.step";
    FORMERS_PAGE = "SELECT stream, id, facet, step, body FROM former
        WHERE (stream, id, facet, step) > ($1, $2, $3, $4) ORDER BY stream, id, facet, step LIMIT $5";
    REMOVE_FORMERS = "DELETE FROM former f
        USING unnest($1::integer[], $2::bytea[], $3::smallint[], $4::bigint[]) AS t (stream, id, facet, step)
        WHERE f.stream = t.stream AND f.id = t.id AND f.facet = t.facet AND f.step = t.step";
    /// Everything that anything is kept of, in the order of its key.
    KEPT = "(SELECT stream, id FROM snapshot WHERE (stream, id) > ($1, $2) ORDER BY stream, id LIMIT $3)
        UNION (SELECT DISTINCT stream, id FROM link WHERE (stream, id) > ($1, $2) ORDER BY stream, id LIMIT $3)
        UNION (SELECT DISTINCT stream, id FROM former WHERE (stream, id) > ($1, $2) ORDER BY stream, id LIMIT $3)
        UNION (SELECT DISTINCT stream, id FROM journal_value WHERE (stream, id) > ($1, $2) ORDER BY stream, id
            LIMIT $3)
        ORDER BY stream, id LIMIT $3";

    ADD_CHECKPOINT = "INSERT INTO checkpoint (seq, at, books) VALUES ($1, $2, $3)
        ON CONFLICT (seq) DO UPDATE SET at = excluded.at, books = excluded.books";
    PUT_CHECKPOINT = "UPDATE checkpoint SET books = $2 WHERE seq = $1";
    CHECKPOINTS = "SELECT seq, at, books FROM checkpoint ORDER BY seq";
    LAST_CHECKPOINT = "SELECT seq, at, books FROM checkpoint WHERE seq <= $1 ORDER BY seq DESC LIMIT 1";
    REMOVE_CHECKPOINTS = "DELETE FROM checkpoint WHERE seq < $1";
    REMOVE_ENTRIES = "DELETE FROM journal WHERE seq <= $1";
    REMOVE_NAMED_RECORDS = "DELETE FROM journal_record WHERE seq <= $1";
    REMOVE_NAMED_ENTITIES = "DELETE FROM journal_entity WHERE seq <= $1";
    /// The chain as it is made: each entry's own bytes.
    LINKS_OF_CHAIN = "SELECT seq, at, run, event FROM journal WHERE seq > $1 ORDER BY seq LIMIT $2";

    /// The lock keeps the lane from being claimed by another until the batch is through.
    LANE_EPOCH = "SELECT epoch FROM lane WHERE name = $1 AND owner IS NOT NULL FOR SHARE";
    CLAIM = "INSERT INTO lane (name, owner, epoch, until) VALUES ($1, $2, 1, $4)
        ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until,
            epoch = lane.epoch + CASE WHEN lane.owner IS DISTINCT FROM excluded.owner THEN 1 ELSE 0 END
            WHERE lane.owner IS NULL OR lane.owner = excluded.owner OR lane.until <= $3
        RETURNING epoch";
    RELEASE = "UPDATE lane SET owner = NULL WHERE name = $1 AND epoch = $2";
}
