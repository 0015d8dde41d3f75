//! The suite on PostgreSQL: one test, because all of it shares one server.

use crate::{Handles, cases, cluster::Cluster, formats, measure, proof, random, tools::*};
use std::{future::Future, pin::Pin, sync::Arc};
use syncline_model::{JournalSeq, Kind};
use syncline_store::{DirtyKey, JournalFilter, Store, StoreError, postgres::PostgresStore};
use tokio::runtime::Runtime;

struct Suite {
    runtime: Runtime,
    cluster: Cluster,
    admin: tokio_postgres::Client,
    next: std::cell::Cell<u32>,
}

impl Suite {
    fn start() -> Self {
        let cluster = Cluster::start();
        let runtime = Runtime::new().unwrap();
        let admin = runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&cluster.url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        Self { runtime, cluster, admin, next: std::cell::Cell::new(0) }
    }

    /// A name that no other run of the test has.
    fn schema(&self) -> String {
        self.next.set(self.next.get() + 1);
        format!("syncline_test_{}_{}", std::process::id(), self.next.get())
    }

    async fn connect(&self, schema: &str) -> Result<PostgresStore, StoreError> {
        PostgresStore::connect(&self.cluster.url, schema).await
    }

    async fn sql(&self, text: &str) {
        self.admin.batch_execute(text).await.unwrap();
    }

    /// Runs `case` on an empty schema.
    fn case(&self, name: &str, case: impl AsyncFnOnce(&Handles)) {
        eprintln!("postgresql: {name}");
        self.runtime.block_on(async {
            let schema = self.schema();
            let (one, two) = (self.connect(&schema).await.unwrap(), self.connect(&schema).await.unwrap());
            let (one, two) = (Arc::new(one), Arc::new(two));
            case(&Handles { one: one.clone(), two: two.clone() }).await;
            one.close();
            two.close();
            self.sql(&format!("DROP SCHEMA {schema} CASCADE")).await;
        });
    }
}

#[test]
fn the_whole_suite_on_postgresql() {
    let suite = Suite::start();
    macro_rules! run {
        ($($name:ident,)+) => {
            $(suite.case(stringify!($name), cases::$name);)+
        };
    }
    cases::each_case!(run);
    suite.runtime.block_on(async {
        statements_can_be_prepared(&suite).await;
        plans_go_by_the_keys(&suite).await;
        many_connect_first_at_once(&suite).await;
        other_schemas_are_refused(&suite).await;
        a_schema_of_the_first_format_is_brought_up(&suite).await;
        a_lost_journal_entry_is_noticed(&suite).await;
        what_is_tampered_with_is_said(&suite).await;
        a_lost_connection_is_replaced(&suite).await;
        a_batch_waits_for_the_one_before(&suite).await;
        equal_hashes_do_not_make_equal_keys(&suite).await;
    });
    suite.case("measure", async |handles| {
        measure::load(handles.one.as_ref(), 4_000).await;
        measure::steps(handles.two.as_ref(), 4_000).await;
    });
    random_sequences(&suite);
}

async fn statements_can_be_prepared(suite: &Suite) {
    let schema = suite.schema();
    let store = suite.connect(&schema).await.unwrap();
    store.check().await.unwrap();
    suite.sql(&format!("ALTER TABLE {schema}.held DROP COLUMN until")).await;
    assert!(matches!(store.check().await, Err(StoreError::Corrupt(why)) if why.contains("WAKE_DUE")));
}

/// On tables without statistics, which is what the first load meets, every plan must go by an index that fits.
async fn plans_go_by_the_keys(suite: &Suite) {
    let schema = suite.schema();
    let store = suite.connect(&schema).await.unwrap();
    let settings = "SET enable_seqscan TO off; SET enable_bitmapscan TO off; SET enable_material TO off;
        SET enable_hashjoin TO off; SET enable_mergejoin TO off; SET plan_cache_mode TO force_generic_plan";
    suite.sql(&format!("SET search_path TO {schema}; {settings}")).await;
    for (name, text) in PostgresStore::statements() {
        let parameters = suite.admin.prepare(text).await.unwrap().params().len();
        let values = vec!["NULL"; parameters].join(", ");
        let values = if values.is_empty() { values } else { format!("({values})") };
        suite.sql(&format!("PREPARE looked_at AS {text}")).await;
        let rows = suite.admin.query(&format!("EXPLAIN EXECUTE looked_at{values}"), &[]).await.unwrap();
        suite.sql("DEALLOCATE looked_at").await;
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        let whole_table = matches!(
            *name,
            "HELD_COUNT" | "DIRTY_COUNT" | "OPEN_CALLS" | "PUT_HEAD" | "HEAD" | "LOCK_HEAD" | "CHECKPOINTS"
                // Seldom, and then much of the table goes.
                | "REMOVE_NAMED_RECORDS" | "REMOVE_NAMED_ENTITIES"
        );
        assert!(whole_table || !plan.contains("Seq Scan"), "{name}\n{plan}");
        assert!(!plan.contains("Join Filter"), "{name} compares row by row\n{plan}");
        // The index of live records is for counting only: elsewhere it would mean reading a whole stream.
        assert_eq!(plan.contains("snapshot_modified"), *name == "COUNT_SINCE", "{name}\n{plan}");
    }
    suite.sql("RESET ALL").await;
    drop(store);
}

async fn many_connect_first_at_once(suite: &Suite) {
    let schema = suite.schema();
    let (a, b, c, d) = tokio::join!(
        suite.connect(&schema),
        suite.connect(&schema),
        suite.connect(&schema),
        suite.connect(&schema)
    );
    for store in [a, b, c, d] {
        assert_eq!(store.unwrap().journal_head().await, Ok(JournalSeq(0)));
    }
}

async fn other_schemas_are_refused(suite: &Suite) {
    for name in ["", "A", "a b", "a\"b", "ä", "pg_x", &"a".repeat(64)] {
        assert!(matches!(suite.connect(name).await, Err(StoreError::Engine(_))), "{name}");
    }
    let schema = suite.schema();
    suite.sql(&format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.theirs (n INTEGER)")).await;
    assert!(
        matches!(suite.connect(&schema).await, Err(StoreError::Corrupt(why)) if why.contains("another program"))
    );
    suite.sql(&format!("DROP TABLE {schema}.theirs")).await;
    suite.connect(&schema).await.expect("an empty schema is taken");
    suite.sql(&format!("UPDATE {schema}.format SET version = 99")).await;
    let newer = suite.connect(&schema).await;
    assert_eq!(newer.err(), Some(StoreError::TooNew { found: 99, known: 3 }));
    let nowhere = PostgresStore::connect("host=/nonexistent user=nobody", "x").await;
    assert!(matches!(nowhere.err(), Some(StoreError::Engine(_))));
}

async fn a_schema_of_the_first_format_is_brought_up(suite: &Suite) {
    let schema = suite.schema();
    suite.sql(&formats::old_schema(&schema)).await;
    let store = suite.connect(&schema).await.unwrap();
    formats::everything_is_there(&store).await;
    store.check().await.unwrap();
}

async fn a_lost_journal_entry_is_noticed(suite: &Suite) {
    let schema = suite.schema();
    let store = suite.connect(&schema).await.unwrap();
    commit(&store, |batch| batch.journal = vec![event("1"), event("2"), event("3")]).await;
    suite.sql(&format!("DELETE FROM {schema}.journal WHERE seq = 2")).await;
    let journal = store.journal(&JournalFilter::default(), JournalSeq(0), 9).await;
    assert!(matches!(journal, Err(StoreError::Corrupt(_))));
    suite.sql(&format!("DELETE FROM {schema}.journal WHERE seq = 3")).await;
    assert!(matches!(store.journal_head().await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.commit(batch(|_| {})).await, Err(StoreError::Corrupt(_))));
}

async fn what_is_tampered_with_is_said(suite: &Suite) {
    for (sql, said) in proof::TAMPERED {
        let schema = suite.schema();
        let store = suite.connect(&schema).await.unwrap();
        proof::three_runs(&store).await;
        suite.sql(&format!("SET search_path TO {schema}; {sql}; RESET search_path")).await;
        proof::tampering_is_said(&store, sql, *said).await;
        store.close();
        suite.sql(&format!("DROP SCHEMA {schema} CASCADE")).await;
    }
}

async fn a_lost_connection_is_replaced(suite: &Suite) {
    let schema = suite.schema();
    let store = suite.connect(&schema).await.unwrap();
    suite
        .sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'syncline'")
        .await;
    // The first may still be given the connection that is gone; what it did is then undone.
    let first = store.commit(batch(|batch| batch.journal.push(event("1")))).await;
    let second = commit(&store, |batch| batch.journal.push(event("2"))).await;
    assert_eq!(second.seq.0, 1 + u64::from(first.is_ok()));
}

/// A batch that began first and is not through yet holds the next one up, and the next one sees all of it. The lane of a
/// batch that waits cannot be claimed by another meanwhile.
async fn a_batch_waits_for_the_one_before(suite: &Suite) {
    let schema = suite.schema();
    let store = suite.connect(&schema).await.unwrap();
    let fence = store.claim_lane("l", "a", at(0), at(9)).await.unwrap().unwrap();
    suite
        .sql(&format!(
            "BEGIN; SELECT * FROM {schema}.head FOR UPDATE;
             INSERT INTO {schema}.journal VALUES (1, 0, NULL, NULL, '\\x01');
             UPDATE {schema}.head SET seq = 1"
        ))
        .await;
    let next = store.commit(batch(|batch| {
        batch.fence = Some(fence);
        batch.dirty.push(DirtyKey::Entity(Kind::Deal, entity(1)));
        batch.journal.push(event("2"));
    }));
    let batch_waits = tokio::sync::Notify::new();
    let claim = async {
        batch_waits.notified().await;
        store.claim_lane("l", "b", at(10), at(20)).await
    };
    let before = async {
        until_waiting(suite, 1).await;
        batch_waits.notify_one();
        until_waiting(suite, 2).await;
        suite.sql("COMMIT").await;
    };
    let (next, claim, ()) = tokio::join!(next, claim, before);
    assert_eq!(next.unwrap().seq, JournalSeq(2));
    assert_eq!(claim.unwrap().unwrap().epoch, 2);
}

/// Asks the server until so many wait for a lock there.
async fn until_waiting(suite: &Suite, count: i64) {
    for _ in 0..100_000 {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        if suite.admin.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) >= count {
            return;
        }
    }
    panic!("{count} should wait for a lock by now");
}

async fn equal_hashes_do_not_make_equal_keys(suite: &Suite) {
    let schema = suite.schema();
    let store = suite.connect(&schema).await.unwrap();
    let addresses = ["hubspot/contacts/1", "hubspot/contacts/2"];
    commit(&store, |batch| {
        for address in addresses {
            batch.snapshots.push(snapshot(address, 1, &[]));
            batch.keys.push((record(address), Kind::Person, vec![key("email", address)]));
        }
    })
    .await;
    suite
        .sql(&format!("UPDATE {schema}.match_key SET hash = (SELECT min(hash) FROM {schema}.match_key)"))
        .await;
    let found = store.by_keys(Kind::Person, &addresses.map(|address| key("email", address))).await.unwrap();
    assert_eq!(found.concat().len(), 1, "{found:?}");
    assert!(
        found.iter().zip(addresses).all(|(found, address)| found.iter().all(|one| *one == record(address)))
    );
}

fn random_sequences(suite: &Suite) {
    let schema = suite.schema();
    let (one, two) = suite
        .runtime
        .block_on(async { (suite.connect(&schema).await.unwrap(), suite.connect(&schema).await.unwrap()) });
    let (one, two) = (Arc::new(one), Arc::new(two));
    // Numbers of streams run against the order of their names.
    for address in ["c/y/1", "b/z/1", "b/y/1", "a/z/1", "a/y/1", "B/z/1", "B/y/1"] {
        let known = commit(one.as_ref(), |batch| batch.snapshots.push(snapshot(address, 1, &[])));
        suite.runtime.block_on(known);
    }
    let fresh = || {
        // Names keep their numbers, as they do in life.
        suite.runtime.block_on(suite.sql(&format!(
            "SET search_path TO {schema};
             TRUNCATE state, snapshot, link, match_key, dirty_record, dirty_entity, held, held_wake, review, call,
                journal, journal_record, journal_entity, journal_value, former, checkpoint, lane;
             UPDATE head SET seq = 0, generation = 0, review = 0, held = 0, findings = 0, gone = 0, books = '\\x';
             INSERT INTO checkpoint VALUES (0, 0, '\\x')"
        )));
        Handles { one: one.clone(), two: two.clone() }
    };
    let block_on = |future: Pin<&mut dyn Future<Output = ()>>| suite.runtime.block_on(future);
    eprintln!("postgresql: random sequences");
    random::sequences(64, fresh, block_on);
}
