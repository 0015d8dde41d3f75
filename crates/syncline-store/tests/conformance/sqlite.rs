//! The suite on SQLite.

use crate::{Handles, cases, random};
use std::{
    future::Future,
    path::Path,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};
use syncline_store::{Store, sqlite::SqliteStore};

/// Polls once: SQLite's futures must be ready then.
pub fn now<T>(future: Pin<&mut (dyn Future<Output = T> + '_)>) -> T {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a future of SQLite was not ready at once"),
    }
}

pub fn open(path: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(path).unwrap())
}

macro_rules! tests {
    ($($name:ident,)+) => {
        $(#[test]
        fn $name() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("syncline.db");
            let handles = Handles { one: open(&path), two: open(&path) };
            now(pin!(cases::$name(&handles)));
            let one: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
            now(pin!(cases::$name(&Handles { two: one.clone(), one })));
        })+
    };
}
cases::each_case!(tests);

#[test]
fn random_sequences_in_memory() {
    let fresh = || {
        let one: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
        Handles { two: one.clone(), one }
    };
    random::sequences(128, fresh, now);
}

#[test]
fn random_sequences_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let next = std::cell::Cell::new(0);
    let fresh = || {
        next.set(next.get() + 1);
        let path = dir.path().join(format!("{}.db", next.get()));
        Handles { one: open(&path), two: open(&path) }
    };
    random::sequences(32, fresh, now);
}
