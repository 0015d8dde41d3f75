//! How much room a linked pair takes, and how long the common steps last. Sizes are checked; times are printed, and
//! checked with room to spare where the build is optimised: `cargo test --release -p syncline-store measure -- --nocapture`.

use crate::{
    sqlite::{now, open},
    tools::*,
};
use std::{
    future::Future,
    pin::pin,
    time::{Duration, Instant},
};
use syncline_model::{Base, Evidence, FieldName, Kind, Link, Observed, Snapshot, Value, journal::Event};
use syncline_store::{Batch, Dirty, DirtyKey, LinkWrite, Store};

const PAGE: usize = 1_000;

/// A text that is as long as such texts are and different for each record.
fn filler(number: u128, length: usize) -> Observed {
    let seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 1_000_000_007;
    let text: String = format!("{seed} ").chars().cycle().take(length).collect();
    Observed::from(Value::text(text))
}

fn person(address: &str, number: u128) -> Snapshot {
    let at = 1_700_000_000 + number as i64;
    let mut person = snapshot(address, at, &[]);
    person.version = Some(syncline_model::Version(format!("2026-01-01T00:00:00.{number:06}+0000").into()));
    let mut fields = vec![
        ("Email", Observed::from(Value::text(format!("first.last{number}@example{}.com", number % 977)))),
        ("FirstName", filler(number, 7)),
        ("LastName", filler(number + 1, 9)),
        ("Title", filler(number + 2, 20)),
        ("Phone", filler(number + 3, 14)),
        ("MobilePhone", Observed::Empty),
        ("Street", filler(number + 4, 24)),
        ("City", filler(number + 5, 10)),
        ("Country", Observed::Value(Value::option("DE"))),
        ("LeadSource", Observed::Value(Value::option("Web"))),
        ("OwnerId", filler(number % 50, 18)),
        ("CreatedDate", Observed::Value(Value::Instant(at_micros(at)))),
    ];
    fields.sort_by_key(|(name, _)| *name);
    person.fields = fields.into_iter().map(|(name, value)| (FieldName::from(name), value)).collect();
    person
}

fn at_micros(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(second * 1000 + 123).unwrap()
}

/// Ids grow with time in their first half, as version 7 does, and are random in the second.
fn entity_of(number: u128) -> u128 {
    (0x0190 << 112) + (number << 64) + number * 0x9e37_79b9
}

fn sides(number: u128) -> [String; 2] {
    [format!("salesforce/Contact/0035g00000{number:08}"), format!("hubspot/contacts/{}", 50_100_000 + number)]
}

/// A page of records as a sweep stores it.
fn swept(side: usize, numbers: impl Iterator<Item = u128>) -> Batch {
    batch(|batch| {
        for number in numbers {
            let person = person(&sides(number)[side], number);
            let email = format!("first.last{number}@example{}.com", number % 977);
            let mut keys = vec![key("email", &email)];
            if side == 1 {
                keys.push(key("native_connector", &format!("0035g00000{number:08}")));
            }
            batch.keys.push((person.record.clone(), Kind::Person, keys));
            batch.dirty.push(DirtyKey::Record(Kind::Person, person.record.clone()));
            batch.snapshots.push(person);
        }
    })
}

fn linked(numbers: impl Iterator<Item = u128>, work: Vec<Dirty>, journal: bool) -> Batch {
    batch(|batch| {
        batch.done = work;
        for number in numbers {
            for address in sides(number) {
                let link = Link {
                    evidence: Evidence::Key {
                        key: "email".into(),
                        value: format!("first.last{number}@example{}.com", number % 977).into(),
                    },
                    base: Some(Base { mapping: 7, ..Base::default() }),
                    ..link(
                        &address,
                        Kind::Person,
                        (0x0190_u128 << 112) + (number << 64) + number * 0x9e37_79b9,
                    )
                };
                if journal {
                    batch.journal.push(Event::Linked {
                        record: link.record.clone(),
                        facet: link.facet,
                        entity: link.entity,
                        state: link.state.clone(),
                        evidence: link.evidence.clone(),
                    });
                }
                batch.links.push(LinkWrite::Put(link));
            }
        }
    })
}

/// Awaits `work` and prints how long it took; an optimised build must stay below `limit`, which has room for a busy
/// machine.
async fn timed<T>(what: &str, limit: Duration, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let value = work.await;
    let took = start.elapsed();
    println!("{what}: {took:.1?}");
    assert!(cfg!(debug_assertions) || took < limit, "{what} took {took:?}, {limit:?} is the limit");
    value
}

/// Stores `pairs` of records page by page and links them.
pub async fn load(store: &dyn Store, pairs: u128) {
    let numbers: Vec<u128> = (0..pairs).collect();
    let sweep = async {
        for page in numbers.chunks(PAGE) {
            for side in 0..2 {
                store.commit(swept(side, page.iter().copied())).await.unwrap();
            }
        }
    };
    timed(&format!("storing 2 x {pairs} snapshots, keys, work"), Duration::from_secs(30), sweep).await;
    let link = async {
        for page in numbers.chunks(PAGE) {
            let work = store.dirty(None, 2 * PAGE).await.unwrap();
            store.commit(linked(page.iter().copied(), work, false)).await.unwrap();
        }
    };
    timed("linking them", Duration::from_secs(20), link).await;
    assert_eq!(store.dirty_count().await.unwrap(), 0);
}

/// The common steps on a store that [`load`] has filled.
pub async fn steps(store: &dyn Store, pairs: u128) {
    let (known, new) = (swept(0, 0..2_000), swept(0, pairs..pairs + 2_000));
    let limit = Duration::from_millis(600);
    timed("a page of 2,000 known records", limit, async { store.commit(known).await.unwrap() }).await;
    timed("a page of 2,000 new records", limit, async { store.commit(new).await.unwrap() }).await;
    let limit = Duration::from_millis(100);
    let entities: Vec<_> =
        (0..pairs).step_by((pairs / 500) as usize).map(|number| entity(entity_of(number))).collect();
    for round in ["cold", "warm"] {
        let found = timed(&format!("500 entities, {round}"), limit, store.entities(&entities)).await.unwrap();
        assert!(found.len() == 500 && found.iter().all(|one| one.snapshots.iter().flatten().count() == 2));
    }
    let keys: Vec<_> =
        (0..500).map(|n| key("email", &format!("first.last{n}@example{}.com", n % 977))).collect();
    let found = timed("500 keys", limit, store.by_keys(Kind::Person, &keys)).await.unwrap();
    assert!(found.iter().all(|records| records.len() == 2));
    let (connection, object) = ("hubspot".into(), "contacts".into());
    let count = store.count_since(&connection, &object, at(1_700_000_000));
    assert_eq!(u128::from(timed("counting from a time", limit, count).await.unwrap()), pairs);
    let intent = batch(|batch| {
        batch.calls_opened.push(open_call(1, 1));
        batch.journal.push(event("x"));
    });
    timed("an intent", limit, store.commit(intent)).await.unwrap();
}

fn size(path: &std::path::Path) -> u64 {
    // What is in the log goes into the file before it is measured.
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    std::fs::metadata(path).unwrap().len()
}

#[test]
fn measure_a_file_of_linked_pairs() {
    const PAIRS: u64 = 20_000;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("syncline.db");
    let store = open(&path);
    now(pin!(load(store.as_ref(), PAIRS.into())));
    let pair = size(&path) / PAIRS;
    println!("{pair} bytes a pair");
    now(pin!(steps(store.as_ref(), PAIRS.into())));
    drop(store);
    let store = now(pin!(timed("opening", Duration::from_millis(200), async { open(&path) })));
    let before = size(&path);
    for first in (0..u128::from(PAIRS)).step_by(PAGE) {
        let page = linked(first..first + PAGE as u128, Vec::new(), true);
        now(pin!(store.commit(page))).unwrap();
    }
    println!("{} bytes more a pair with two entries in the journal", (size(&path) - before) / PAIRS);
    assert!(pair <= 2_500, "a linked pair takes {pair} bytes");
}
