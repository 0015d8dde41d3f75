//! Databases of earlier formats open, and everything in them is there (A13).

use crate::tools::*;
use rusqlite::Connection;
use std::path::Path;
use syncline_model::{JournalSeq, Kind, Observed};
use syncline_store::{DirtyKey, JournalFilter, OpenOnly, Store};

/// Rows of format 1, in SQLite's spelling.
const ROWS: &str = include_str!("fixtures/format-1.sql");

/// Makes a database as the first release made it.
pub fn make_old_file(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(include_str!("../../src/sqlite/sql/0001.sql")).unwrap();
    connection.execute_batch(ROWS).unwrap();
    connection.execute_batch("PRAGMA user_version = 1; PRAGMA application_id = 0x53594e43").unwrap();
}

/// The statements that make the same in an empty schema of PostgreSQL.
pub fn old_schema(schema: &str) -> String {
    let rows = ROWS
        .replace("X'", "'\\x")
        .replace("INSERT INTO stream VALUES", "INSERT INTO stream OVERRIDING SYSTEM VALUE VALUES")
        .replace("INSERT INTO key_name VALUES", "INSERT INTO key_name OVERRIDING SYSTEM VALUE VALUES");
    let rows: Vec<String> = rows
        .lines()
        .map(|line| {
            match line.strip_prefix("INSERT INTO shape VALUES(").and_then(|it| it.strip_suffix(");")) {
                None => line.to_owned(),
                Some(values) => format!(
                    "INSERT INTO shape (id, stream, digest, fields) OVERRIDING SYSTEM VALUE
                 SELECT id, stream, sha256(fields::bytea), fields::bytea
                 FROM (VALUES ({values})) AS t (id, stream, fields);"
                ),
            }
        })
        .collect();
    let numbered = ["stream", "shape", "key_name"]
        .map(|table| format!("SELECT setval(pg_get_serial_sequence('{schema}.{table}', 'id'), 9);"));
    format!(
        "CREATE SCHEMA {schema}; SET search_path TO {schema};
         CREATE TABLE format (version INTEGER NOT NULL); INSERT INTO format VALUES (1);
         {}\n{}\n{} RESET search_path",
        include_str!("../../src/postgres/sql/0001.sql"),
        rows.join("\n"),
        numbered.join("\n")
    )
}

/// What those rows say, asked of a store that was opened on them; and that it goes on from there.
pub async fn everything_is_there(store: &dyn Store) {
    assert_eq!(store.get("confirmed").await.unwrap().as_deref(), Some(&b"{}"[..]));
    let stored = store.entities(&[entity(1)]).await.unwrap().remove(0);
    let expected = snapshot("hubspot/contacts/1", 1, &[("email", "a@b"), ("name", "Zo\u{eb}")]);
    assert_eq!(stored.snapshots[0], Some(expected));
    assert_eq!(stored.snapshots[1], Some(snapshot("salesforce/Contact/003", 2, &[("Email", "a@b")])));
    assert_eq!(stored.links[0].base.as_ref().unwrap().entries["email"].agreed, Some(Observed::Empty));
    assert_eq!(store.by_keys(Kind::Person, &[key("email", "a@b")]).await.unwrap()[0].len(), 1);
    let work: Vec<DirtyKey> = store.dirty(None, 9).await.unwrap().into_iter().map(|one| one.key).collect();
    let expected =
        [DirtyKey::Record(Kind::Deal, record("hubspot/deals/9")), DirtyKey::Entity(Kind::Person, entity(1))];
    assert_eq!(work, expected);
    assert_eq!(store.held_count().await.unwrap(), (3, 1));
    assert_eq!(store.next_due().await.unwrap(), Some(at(5)));
    assert_eq!(store.reviews(OpenOnly::Yes, 0, 9).await.unwrap().len(), 1);
    assert_eq!(store.open_calls().await.unwrap(), [open_call(1, 1)]);
    let entries = store.journal(&JournalFilter::default(), JournalSeq(0), 9).await.unwrap();
    assert_eq!(entries.len(), 4);
    let values = store.journal_values(&entries).await.unwrap();
    assert!(values.iter().all(Vec::is_empty), "format 1 kept none");
    let record = JournalFilter { run: None, record: Some(record("hubspot/contacts/1")) };
    assert_eq!(store.journal(&record, JournalSeq(0), 9).await.unwrap().len(), 2);

    let next = commit(store, |batch| {
        batch.snapshots.push(snapshot("hubspot/contacts/1", 3, &[("email", "c@d"), ("other", "x")]));
        batch.snapshots.push(snapshot("hubspot/deals/1", 3, &[("amount", "1")]));
        batch.journal.push(event("next"));
    });
    assert_eq!(next.await.seq, JournalSeq(5));
}
