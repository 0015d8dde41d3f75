//! What only SQLite has: files, formats, statements.

use super::*;

#[test]
fn every_statement_can_be_prepared() {
    let store = SqliteStore::in_memory().unwrap();
    let writer = lock(&store.writer);
    for (name, text) in statements::ALL {
        if let Err(error) = writer.prepare(text) {
            panic!("{name}: {error}");
        }
    }
}
