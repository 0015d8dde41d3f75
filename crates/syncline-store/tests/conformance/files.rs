//! What only SQLite has: a file, which can be old, new, foreign, cut or shared.

use crate::{
    formats, proof,
    sqlite::{now, open},
    tools::*,
};
use rusqlite::Connection;
use std::{path::Path, pin::pin, sync::Barrier};
use syncline_model::{JournalSeq, Kind};
use syncline_store::{DirtyKey, JournalFilter, LinkWrite, Store, StoreError, sqlite::SqliteStore};

fn head(store: &dyn Store) -> Result<u64, StoreError> {
    now(pin!(store.journal_head())).map(|head| head.0)
}

fn failure(path: &Path) -> StoreError {
    SqliteStore::open(path).expect_err("it must not open")
}

#[test]
fn a_file_keeps_what_was_committed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("syncline.db");
    let stored = snapshot("hubspot/contacts/1", 1, &[("email", "a@b")]);
    now(pin!(commit(open(&path).as_ref(), |batch| {
        batch.snapshots.push(stored.clone());
        batch.links.push(LinkWrite::Put(link("hubspot/contacts/1", Kind::Person, 1)));
        batch.dirty.push(DirtyKey::Entity(Kind::Person, entity(1)));
        batch.journal.push(event("x"));
    })));
    let store = open(&path);
    let found = now(pin!(store.entities(&[entity(1)]))).unwrap();
    assert_eq!(found[0].snapshots, [Some(stored)]);
    assert_eq!(head(store.as_ref()), Ok(1));
    assert_eq!(now(pin!(commit(store.as_ref(), |batch| batch.journal.push(event("y"))))).seq, JournalSeq(2));
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    std::fs::write(&path, "Dear diary, ".repeat(1000)).unwrap();
    let StoreError::Corrupt(why) = failure(&path) else { panic!() };
    assert!(why.contains("notes.txt") && why.contains("not a database"), "{why}");
    let StoreError::Engine(why) = failure(&dir.path().join("no/such/folder/x.db")) else { panic!() };
    assert!(why.contains("no/such/folder"), "{why}");
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE head (n); PRAGMA user_version = 1").unwrap();
    assert!(matches!(failure(&path), StoreError::Corrupt(why) if why.contains("another program")));
    let tables: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("syncline.db");
    drop(open(&path));
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    assert_eq!(failure(&path), StoreError::TooNew { found: 99, known: 3 });
}

#[test]
fn a_file_of_the_first_format_is_brought_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("syncline.db");
    formats::make_old_file(&path);
    now(pin!(formats::everything_is_there(open(&path).as_ref())));
    SqliteStore::open(&path).unwrap().check().unwrap();
}

#[test]
fn a_damaged_page_or_table_is_found_by_the_check() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("syncline.db");
    let store = SqliteStore::open(&path).unwrap();
    for number in 0..200 {
        let address = format!("hubspot/contacts/{number}");
        now(pin!(commit(&store, |batch| batch.snapshots.push(snapshot(&address, 1, &[("n", "x")])))));
    }
    store.check().unwrap();
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 8192 * 8192;
    bytes[middle..middle + 8192].fill(0x5a);
    let damaged = dir.path().join("damaged.db");
    std::fs::write(&damaged, bytes).unwrap();
    let checked = SqliteStore::open(&damaged).and_then(|store| store.check());
    assert!(matches!(checked, Err(StoreError::Corrupt(_))), "{checked:?}");

    Connection::open(&path)
        .unwrap()
        .execute_batch("DROP INDEX held_until; ALTER TABLE held DROP COLUMN until")
        .unwrap();
    let checked = SqliteStore::open(&path).unwrap().check();
    assert!(matches!(checked, Err(StoreError::Corrupt(why)) if why.contains("WAKE_DUE")));
}

#[test]
fn no_statement_reads_a_whole_table() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("syncline.db");
    drop(open(&path));
    let connection = Connection::open(&path).unwrap();
    for (name, text) in SqliteStore::statements() {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
        let details =
            statement.raw_query().mapped(|row| row.get::<_, String>(3)).collect::<Result<Vec<_>, _>>();
        let plan = details.unwrap().join("\n");
        let read_whole = plan.lines().any(|line| {
            let (scan, covering) = (line.starts_with("SCAN"), line.contains("COVERING INDEX"));
            let of_one_query = ["named", "whole", "CONSTANT"].iter().any(|part| line.contains(part));
            scan && !covering && !of_one_query
        });
        let may = matches!(
            *name,
            "HEAD" | "PUT_HEAD" | "DIRTY_COUNT" | "HELD_COUNT" | "OPEN_CALLS" | "CHECKPOINTS"
                // Seldom, and then much of the table goes.
                | "REMOVE_NAMED_RECORDS" | "REMOVE_NAMED_ENTITIES"
        );
        assert!(may || !read_whole, "{name}\n{plan}");
        assert_eq!(plan.contains("snapshot_modified"), *name == "COUNT_SINCE", "{name}\n{plan}");
    }
}

#[test]
fn a_lost_journal_entry_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("syncline.db");
    let store = open(&path);
    now(pin!(commit(store.as_ref(), |batch| batch.journal = vec![event("1"), event("2"), event("3")])));
    let delete = |seq: i64| {
        Connection::open(&path).unwrap().execute("DELETE FROM journal WHERE seq = ?1", [seq]).unwrap();
    };
    delete(2);
    let journal = now(pin!(store.journal(&JournalFilter::default(), JournalSeq(0), 9)));
    assert!(matches!(journal, Err(StoreError::Corrupt(_))));
    assert_eq!(head(store.as_ref()), Ok(3));
    delete(3);
    assert!(matches!(head(store.as_ref()), Err(StoreError::Corrupt(_))));
    assert!(matches!(now(pin!(store.commit(batch(|_| {})))), Err(StoreError::Corrupt(_))));
}

#[test]
fn what_is_tampered_with_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole.db");
    {
        let store = open(&whole);
        now(pin!(proof::three_runs(store.as_ref())));
    }
    Connection::open(&whole).unwrap().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    for (number, (sql, said)) in proof::TAMPERED.iter().enumerate() {
        let path = dir.path().join(format!("{number}.db"));
        std::fs::copy(&whole, &path).unwrap();
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        now(pin!(proof::tampering_is_said(open(&path).as_ref(), sql, *said)));
    }
}

#[test]
fn equal_hashes_do_not_make_equal_keys() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("syncline.db");
    let store = open(&path);
    let addresses = ["hubspot/contacts/1", "hubspot/contacts/2"];
    now(pin!(commit(store.as_ref(), |batch| {
        for address in addresses {
            batch.snapshots.push(snapshot(address, 1, &[]));
            batch.keys.push((record(address), Kind::Person, vec![key("email", address)]));
        }
    })));
    let one_hash = "UPDATE match_key SET hash = (SELECT min(hash) FROM match_key)";
    assert_eq!(Connection::open(&path).unwrap().execute(one_hash, []).unwrap(), 2);
    let found =
        now(pin!(store.by_keys(Kind::Person, &addresses.map(|address| key("email", address))))).unwrap();
    assert_eq!(found.concat().len(), 1, "{found:?}");
    assert!(
        found.iter().zip(addresses).all(|(found, address)| found.iter().all(|one| *one == record(address)))
    );
}

/// The power fails at any byte of the write-ahead log: what is found is a state between two batches.
#[test]
fn a_log_that_is_cut_anywhere_holds_whole_batches() {
    const BATCHES: u64 = 12;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("syncline.db");
    let store = open(&path);
    for number in 1..=BATCHES {
        let address = format!("hubspot/contacts/{number}");
        now(pin!(commit(store.as_ref(), |batch| {
            batch.puts.push(("last".into(), Some(number.to_le_bytes().to_vec())));
            batch.snapshots.push(snapshot(&address, 1, &[("text", &"x".repeat(20_000))]));
            batch.dirty.push(DirtyKey::Entity(Kind::Person, entity(u128::from(number))));
            batch.journal.push(event("x"));
        })));
    }
    let whole = std::fs::read(dir.path().join("syncline.db-wal")).unwrap();
    let mut heads = std::collections::BTreeSet::new();
    for part in 0..=60 {
        let copy = tempfile::tempdir().unwrap();
        let path = copy.path().join("syncline.db");
        std::fs::copy(dir.path().join("syncline.db"), &path).unwrap();
        let cut = whole.len() * part / 60;
        std::fs::write(copy.path().join("syncline.db-wal"), &whole[..cut]).unwrap();
        let store = open(&path);
        let head = head(store.as_ref()).unwrap();
        heads.insert(head);
        let last = now(pin!(store.get("last"))).unwrap();
        assert_eq!(last, (head > 0).then(|| head.to_le_bytes().to_vec()));
        let ids = now(pin!(store.ids(&"hubspot".into(), &"contacts".into(), None, 99))).unwrap();
        assert_eq!((ids.len() as u64, now(pin!(store.dirty_count()))), (head, Ok(head)));
    }
    assert!(heads.len() > 6 && heads.contains(&0) && heads.contains(&BATCHES), "{heads:?}");
}

#[test]
fn many_open_a_new_file_at_once_and_write() {
    const THREADS: i64 = 6;
    const BATCHES: i64 = 10;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("syncline.db");
    let start = Barrier::new(THREADS as usize);
    let mut seqs: Vec<u64> = std::thread::scope(|scope| {
        let work = |thread: i64| {
            let (path, start) = (&path, &start);
            scope.spawn(move || {
                start.wait();
                let store = open(path);
                let write = |number| {
                    let address = format!("c{thread}/contacts/{number}");
                    let committed = now(pin!(commit(store.as_ref(), |batch| {
                        batch.snapshots.push(snapshot(&address, number, &[("same", "x")]));
                        batch.dirty.push(DirtyKey::Record(Kind::Person, record(&address)));
                        batch.journal.push(event("x"));
                    })));
                    committed.seq.0
                };
                (0..BATCHES).map(write).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..THREADS).map(work).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=(THREADS * BATCHES) as u64).collect::<Vec<_>>());
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(now(pin!(store.dirty_count())), Ok((THREADS * BATCHES) as u64));
    store.check().unwrap();
}
