//! How much room a linked pair takes, and how long the common steps last. Sizes are checked; times are printed, and
//! checked with room to spare where the build is optimised: `cargo test --release -p syncline-store measure -- --nocapture`.

use crate::{
    sqlite::{now, open},
    tools::*,
};
use std::{
    pin::pin,
    time::{Duration, Instant},
};
use syncline_model::{Base, Evidence, FieldName, Kind, Link, Observed, Snapshot, Value, journal::Event};
use syncline_store::{Batch, Dirty, DirtyKey, LinkWrite, Store};

const PAIRS: u128 = 20_000;
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

fn timed<T>(what: &str, limit: Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let value = work();
    let took = start.elapsed();
    println!("{what}: {took:.1?}");
    assert!(cfg!(debug_assertions) || took < limit, "{what} took {took:?}, {limit:?} is the limit");
    value
}

fn write(store: &dyn Store, batch: Batch) {
    now(pin!(store.commit(batch))).unwrap();
}

fn size(path: &std::path::Path) -> u64 {
    // What is in the log goes into the file before it is measured.
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    std::fs::metadata(path).unwrap().len()
}

#[test]
fn measure_a_file_of_linked_pairs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("syncline.db");
    let store = open(&path);
    let numbers: Vec<u128> = (0..PAIRS).collect();
    let milliseconds = Duration::from_millis;
    timed("storing all snapshots, keys and work", Duration::from_secs(15), || {
        for page in numbers.chunks(PAGE) {
            for side in 0..2 {
                write(store.as_ref(), swept(side, page.iter().copied()));
            }
        }
    });
    timed("linking all", Duration::from_secs(10), || {
        for page in numbers.chunks(PAGE) {
            let work = now(pin!(store.dirty(None, 2 * PAGE))).unwrap();
            write(store.as_ref(), linked(page.iter().copied(), work, false));
        }
    });
    let without = size(&path);
    println!("{} bytes a pair ({} kB)", without / PAIRS as u64, without / 1000);

    let (known, new) = (swept(0, 2_000..4_000), swept(0, PAIRS..PAIRS + 2_000));
    timed("a page of 2,000 known records", milliseconds(600), || write(store.as_ref(), known));
    timed("a page of 2,000 new records", milliseconds(600), || write(store.as_ref(), new));
    let entities: Vec<_> = numbers
        .iter()
        .step_by(40)
        .map(|&number| (0x0190_u128 << 112) + (number << 64) + number * 0x9e37_79b9)
        .map(entity)
        .collect();
    for round in ["cold", "warm"] {
        let found = timed(&format!("500 entities, {round}"), milliseconds(100), || {
            now(pin!(store.entities(&entities))).unwrap()
        });
        assert!(found.len() == 500 && found.iter().all(|one| one.snapshots.iter().flatten().count() == 2));
    }
    let keys: Vec<_> =
        (0..500).map(|n| key("email", &format!("first.last{n}@example{}.com", n % 977))).collect();
    let found =
        timed("500 keys", milliseconds(100), || now(pin!(store.by_keys(Kind::Person, &keys))).unwrap());
    assert!(found.iter().all(|records| records.len() == 2));
    let since = timed("counting from a time", milliseconds(100), || {
        now(pin!(store.count_since(&"hubspot".into(), &"contacts".into(), at(1_700_000_000)))).unwrap()
    });
    assert_eq!(u128::from(since), PAIRS);
    drop(store);
    timed("opening", milliseconds(200), || open(&path));

    let store = open(&path);
    let before = size(&path);
    for page in numbers.chunks(PAGE) {
        write(store.as_ref(), linked(page.iter().copied(), Vec::new(), true));
    }
    let journal = size(&path) - before;
    println!("{} bytes more a pair with two entries in the journal", journal / PAIRS as u64);
    assert!(without / PAIRS as u64 <= 2_500, "a linked pair takes {} bytes", without / PAIRS as u64);
}
