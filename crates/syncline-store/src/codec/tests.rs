//! Every format, there and back, and as bytes that must stay readable.

#[path = "../../tests/conformance/arbitrary.rs"]
#[allow(dead_code, unreachable_pub)]
mod arbitrary;

use super::*;
use crate::StoreError;
use jiff::{Timestamp, civil::date};
use proptest::prelude::*;
use std::collections::BTreeSet;
use syncline_model::{
    Action, After, Base, Case, Currency, EntityId, Evidence, FieldChange, FieldName, LinkState, Money,
    Observed, Operation, OperationId, Reason, RecordRef, RecordState, Ref, Snapshot, Value,
    journal::{Moved, RowValues, Written},
};

fn round_trip(snapshot: &Snapshot) -> Result<(), StoreError> {
    let shape = decode_shape(&encode_shape(&snapshot.fields))?;
    let code = i64::from(record_state_code(&snapshot.state));
    let (state, fields) = decode_snapshot(code, &shape, &encode_snapshot(snapshot))?;
    assert_eq!((&state, &fields), (&snapshot.state, &snapshot.fields));
    Ok(())
}

proptest! {
    #[test]
    fn snapshots_round_trip(snapshot in arbitrary::snapshot()) {
        round_trip(&snapshot).unwrap();
    }

    #[test]
    fn decimals_keep_their_scale(value in arbitrary::decimal()) {
        let fields = vec![(FieldName::from("n"), Observed::Value(Value::Decimal(value)))];
        let shape = decode_shape(&encode_shape(&fields)).unwrap();
        let snapshot = Snapshot {
            record: RecordRef::new("a", "b", "c"), version: None, modified: None, state: RecordState::Live, fields,
        };
        let (_, fields) = decode_snapshot(0, &shape, &encode_snapshot(&snapshot)).unwrap();
        let Observed::Value(Value::Decimal(back)) = &fields[0].1 else { panic!("{fields:?}") };
        prop_assert_eq!((back.to_string(), back.scale()), (value.to_string(), value.scale()));
    }

    #[test]
    fn links_round_trip(state in arbitrary::link_state(), evidence in arbitrary::evidence()) {
        let bytes = encode_link_detail(&state, &evidence);
        prop_assert_eq!(decode_link_detail(i64::from(link_state_code(&state)), &bytes), Ok((state, evidence)));
    }

    #[test]
    fn bases_round_trip(base in arbitrary::base()) {
        prop_assert_eq!(decode_base(&encode_base(&base)), Ok(base));
    }

    #[test]
    fn row_values_round_trip(
        (record, values) in arbitrary::record().prop_flat_map(|record| {
            (Just(record.clone()), arbitrary::row_values(record))
        }),
        at: prop::sample::Index,
        byte: u8,
    ) {
        let mut bytes = encode_values(&record, &values);
        prop_assert_eq!(decode_values(&record, &bytes), Ok(values));
        let at = at.index(bytes.len());
        bytes[at] = byte;
        drop(decode_values(&record, &bytes));
        bytes.truncate(at);
        prop_assert!(decode_values(&record, &bytes).is_err());
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic(base in arbitrary::base(), at: prop::sample::Index, byte: u8) {
        let mut bytes = encode_base(&base);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        drop(decode_base(&bytes));
        bytes.truncate(at);
        prop_assert!(decode_base(&bytes).is_err());
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, state in 0_i64..8) {
        let mut formatted = vec![1];
        formatted.extend(bytes);
        drop(decode_shape(&formatted));
        drop(decode_base(&formatted));
        drop(decode_values(&RecordRef::new("a", "b", "c"), &formatted));
        drop(decode_link_detail(state, &formatted));
        drop(decode_snapshot(state, &["a".into(), "b".into()], &formatted));
    }
}

/// Bytes as format 1 has written them. They are never changed: databases in the field hold them.
#[test]
fn format_1_stays_readable() {
    let mut refs = Ref::to("companies", "7").primary();
    refs.role = Some("boss".into());
    refs.row = Some("00K".into());
    let values = [
        Observed::NotFetched,
        Observed::NotPermitted,
        Observed::Absent,
        Observed::Empty,
        Observed::Value(Value::Text("Zoë".into())),
        Observed::Value(Value::Bool(false)),
        Observed::Value(Value::Bool(true)),
        Observed::Value(Value::Decimal("-12.50".parse().unwrap())),
        Observed::Value(Value::Money(Money { amount: "300".parse().unwrap(), currency: Currency::USD })),
        Observed::Value(Value::Date(date(1969, 12, 31))),
        Observed::Value(Value::Instant(Timestamp::from_microsecond(1).unwrap())),
        Observed::Value(Value::Instant(Timestamp::from_nanosecond(-1).unwrap())),
        Observed::Value(Value::option("x")),
        Observed::Value(Value::Options(BTreeSet::from(["a".into(), "b".into()]))),
        Observed::Value(Value::Refs(vec![refs, Ref::to("o", "1")])),
    ];
    let fields: Vec<_> = (b'a'..).map(|c| FieldName::from(char::from(c).to_string())).zip(values).collect();
    let snapshot = Snapshot {
        record: RecordRef::new("hubspot", "contacts", "1"),
        version: None,
        modified: None,
        state: RecordState::Converted {
            contact: Some("003".into()),
            account: None,
            opportunity: Some("006".into()),
        },
        fields,
    };
    let expected = b"\x01\x01\x03003\0\x01\x03006\
        \0\x01\x02\x03\x04\x04Zo\xc3\xab\x05\x06\x07\x82\xe2\x09\x08\x03USD\0\xac\x02\x09\x01\x0a\x04\x0a\x01\
        \x0b\x01x\x0c\x02\x01a\x01b\x0d\x02\x07\x09companies\x017\x04boss\x0300K\0\x01o\x011";
    assert_eq!(encode_snapshot(&snapshot).escape_ascii().to_string(), expected.escape_ascii().to_string());
    round_trip(&snapshot).unwrap();

    let detail = b"\x01\x03004\x03\x05email\x03a@b";
    let evidence = Evidence::Key { key: "email".into(), value: "a@b".into() };
    assert_eq!(decode_link_detail(3, detail), Ok((LinkState::MergedInto("004".into()), evidence)));

    let base = decode_base(b"\x01\x04\x03\x02\x01\x02\x01a\x01\x03\x01b\x02\x01\0\x04").unwrap();
    assert_eq!(base.mapping, 0x0102_0304);
    assert_eq!(base.entries["a"].agreed, Some(Observed::Empty));
    assert_eq!(base.entries["b"].changed.unwrap().until, Timestamp::from_microsecond(1).unwrap());
    assert_eq!(decode_shape(b"\x01\x02\x01a\x03\xe2\x82\xac").unwrap().as_ref(), ["a".into(), "€".into()]);
}

/// Values of journal rows, as the first release that keeps them writes them.
#[test]
fn values_of_format_1_stay_readable() {
    let record = RecordRef::new("salesforce", "Contact", "003");
    let reason = Reason { rule: "two_way".into(), case: Case::OneChanged, from: Some("hubspot".into()) };
    let change = FieldChange {
        field: "Phone".into(),
        attribute: "phone".into(),
        before: Observed::Empty,
        after: After::Value(Value::text("1").unwrap()),
        reason,
    };
    let mut operation = Operation {
        id: OperationId(3),
        entity: EntityId(uuid::Uuid::from_u128(0x2020_2020_2020_2020_2020_2020_2020_2020)),
        kind: Kind::Person,
        connection: "salesforce".into(),
        action: Action::Update { record: record.clone(), fields: vec![change] },
        preconditions: Vec::new(),
        bundle: None,
    };
    let written = |operation: &Operation, created| {
        RowValues::Written(Box::new(Written {
            operation: operation.clone(),
            record: record.clone(),
            created,
        }))
    };
    let expected =
        b"\x01\x01\0\x03                \x02\0\x01\0\0\0\x01\x05Phone\x05phone\x03\0\x04\x011\x07two_way\x01\
        \x01\x07hubspot";
    assert_eq!(decode_values(&record, expected), Ok(written(&operation, false)));
    assert_eq!(encode_values(&record, &written(&operation, false)), expected);
    operation.action = Action::Create { object: "Contact".into(), fields: Vec::new() };
    let expected = b"\x01\x01\x01\x03                \x02\0\0\0\0";
    assert_eq!(encode_values(&record, &written(&operation, true)), expected, "a create takes 25 bytes");
    let moved = Moved { field: "Name".into(), before: Observed::Absent, after: Observed::NotPermitted };
    let changed = RowValues::Changed(vec![moved]);
    assert_eq!(decode_values(&record, b"\x01\x02\x01\x04Name\x02\x01"), Ok(changed));
}

#[test]
fn a_base_that_equals_the_snapshot_is_six_bytes() {
    assert_eq!(encode_base(&Base { mapping: 7, ..Base::default() }), [1, 7, 0, 0, 0, 0]);
}

#[test]
fn limits_are_rounded_so_that_none_ends_early() {
    let half = Timestamp::from_nanosecond(1_500).unwrap();
    assert_eq!((micros(half), micros_up(half)), (1, 2));
    let before = Timestamp::from_nanosecond(-1_500).unwrap();
    assert_eq!((micros(before), micros_up(before)), (-2, -1));
    assert_eq!(micros_up(Timestamp::from_microsecond(3).unwrap()), 3);
}
