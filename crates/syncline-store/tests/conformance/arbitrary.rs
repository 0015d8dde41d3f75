//! Random values of every type that a store keeps, from small pools so that they meet.

use jiff::{Timestamp, civil::Date};
use proptest::{collection::vec, option, prelude::*, sample::select};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;
use syncline_model::{
    Action, After, Association, Base, BaseEntry, BundleId, Case, Currency, Endpoint, EntityId, Evidence,
    FieldChange, FieldName, Interval, JournalSeq, Kind, Link, LinkState, Money, Observed, Operation,
    OperationId, Reason, RecordId, RecordRef, RecordState, Ref, Rest, RunId, Sight, Snapshot, Tied, Value,
    Version, Watch,
    journal::{Moved, RowValues, Written},
};
use uuid::Uuid;

/// Texts that stores have stumbled over.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{1,8}",
        1 => any::<String>(),
        1 => select(vec!["\0", "a\0b", "é", "e\u{301}", "ß", "İ", "\u{ffff}", "𝄞", "%_\\'\"", " ", "{}", "\r\n\t"])
            .prop_map(str::to_owned),
    ]
}

pub fn kind() -> impl Strategy<Value = Kind> {
    select(Kind::ALL.to_vec())
}

pub fn entity() -> impl Strategy<Value = EntityId> {
    select(vec![0_u128, 1, 255, 256, u128::MAX]).prop_map(|number| EntityId(Uuid::from_u128(number)))
}

pub fn record_id() -> impl Strategy<Value = RecordId> {
    select(vec!["1", "10", "2", "A", "a", "Z", "é", "\0", "1\0", "\u{ffff}", "𝄞", "0031x00000AbCdEAAU"])
        .prop_map(RecordId::from)
}

pub fn record() -> impl Strategy<Value = RecordRef> {
    // The streams are first met in an order that is not the order of their names.
    (select(vec!["b", "a", "B"]), select(vec!["z", "y"]), record_id())
        .prop_map(|(connection, object, id)| RecordRef::new(connection, object, id))
}

/// In whole microseconds, as columns hold times.
pub fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        (0_i64..5).prop_map(|second| Timestamp::from_second(second).unwrap()),
        (Timestamp::MIN.as_microsecond()..=Timestamp::MAX.as_microsecond())
            .prop_map(|micros| Timestamp::from_microsecond(micros).unwrap()),
    ]
}

/// With nanoseconds.
pub fn instant() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        time(),
        (Timestamp::MIN.as_nanosecond()..=Timestamp::MAX.as_nanosecond())
            .prop_map(|nanos| Timestamp::from_nanosecond(nanos).unwrap()),
    ]
}

/// Up to 96 bits, which are 28 digits and most of a 29th: the most that a `Decimal` holds.
pub fn decimal() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        (any::<i32>(), 0_u32..=6).prop_map(|(digits, scale)| Decimal::new(i64::from(digits), scale)),
        (-79_228_162_514_264_337_593_543_950_335_i128..=79_228_162_514_264_337_593_543_950_335, 0_u32..=28)
            .prop_map(|(digits, scale)| Decimal::from_i128_with_scale(digits, scale)),
        select(vec![Decimal::MAX, Decimal::MIN, Decimal::ZERO, -Decimal::ZERO]),
    ]
}

fn date() -> impl Strategy<Value = Date> {
    prop_oneof![
        select(vec![Date::MIN, Date::MAX, Date::constant(1970, 1, 1), Date::constant(1969, 12, 31)]),
        (-9999_i16..=9999, 1_i8..=12, 1_i8..=28)
            .prop_map(|(year, month, day)| Date::constant(year, month, day)),
    ]
}

fn reference() -> impl Strategy<Value = Ref> {
    (text(), record_id(), option::of(text()), any::<bool>(), option::of(record_id())).prop_map(
        |(object, id, role, primary, row)| Ref {
            object: object.into(),
            id,
            role: role.map(Arc::from),
            primary,
            row,
        },
    )
}

pub fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => text().prop_map(|text| Value::Text(text.into())),
        1 => any::<bool>().prop_map(Value::Bool),
        2 => decimal().prop_map(Value::Decimal),
        1 => (decimal(), select(vec!["USD", "EUR", "JPY"])).prop_map(|(amount, code)| {
            Value::Money(Money { amount, currency: Currency::new(code).unwrap() })
        }),
        1 => date().prop_map(Value::Date),
        2 => instant().prop_map(Value::Instant),
        1 => text().prop_map(Value::option),
        1 => vec(text(), 0..4).prop_map(|options| Value::Options(options.into_iter().map(Arc::from).collect())),
        1 => vec(reference(), 0..4).prop_map(Value::Refs),
    ]
}

pub fn observed() -> impl Strategy<Value = Observed> {
    prop_oneof![
        4 => value().prop_map(Observed::Value),
        1 => Just(Observed::Empty),
        1 => Just(Observed::Absent),
        1 => Just(Observed::NotPermitted),
        1 => Just(Observed::NotFetched),
    ]
}

pub fn record_state() -> impl Strategy<Value = RecordState> {
    prop_oneof![
        4 => Just(RecordState::Live),
        1 => Just(RecordState::Deleted),
        1 => record_id().prop_map(RecordState::MergedInto),
        1 => (option::of(record_id()), option::of(record_id()), option::of(record_id())).prop_map(
            |(contact, account, opportunity)| RecordState::Converted { contact, account, opportunity }
        ),
    ]
}

pub fn snapshot() -> impl Strategy<Value = Snapshot> {
    let fields = prop_oneof![
        Just(vec!["Email", "LastName", "Name"]),
        Just(vec!["Email", "é", "\0"]),
        Just(Vec::new()),
    ];
    (record(), option::of(text()), option::of(time()), record_state(), fields, vec(observed(), 3)).prop_map(
        |(record, version, modified, state, fields, values)| Snapshot {
            record,
            version: version.map(|version| Version(version.into())),
            modified,
            state,
            fields: fields.into_iter().map(FieldName::from).zip(values).collect(),
        },
    )
}

pub fn evidence() -> impl Strategy<Value = Evidence> {
    prop_oneof![
        Just(Evidence::First),
        Just(Evidence::Planted),
        Just(Evidence::NativeConnector),
        (text(), text()).prop_map(|(key, value)| Evidence::Key { key: key.into(), value: value.into() }),
        Just(Evidence::Created),
        Just(Evidence::Existing),
        record_id().prop_map(Evidence::Conversion),
        record_id().prop_map(Evidence::Merge),
        text().prop_map(|who| Evidence::Person { who: who.into() }),
        Just(Evidence::CompanyOfLead),
        text().prop_map(|name| Evidence::CompanyNamed { name: name.into() }),
    ]
}

pub fn link_state() -> impl Strategy<Value = LinkState> {
    prop_oneof![
        Just(LinkState::Pending),
        Just(LinkState::Active),
        record_id().prop_map(LinkState::ConvertedTo),
        record_id().prop_map(LinkState::MergedInto),
        Just(LinkState::Deleted),
        Just(LinkState::Excluded),
        record_id().prop_map(LinkState::DuplicateOf),
        any::<u128>().prop_map(|run| LinkState::Undone(RunId(Uuid::from_u128(run)))),
    ]
}

pub fn base() -> impl Strategy<Value = Base> {
    let interval = (option::of(instant()), instant()).prop_map(|(after, until)| Interval { after, until });
    let sight = prop_oneof![Just(Sight::Seen), Just(Sight::Unseen)];
    let entry = (option::of(observed()), option::of(interval), sight)
        .prop_map(|(agreed, changed, sight)| BaseEntry { agreed, changed, sight });
    (any::<u32>(), vec((text(), entry), 0..3), vec((text(), watch()), 0..2)).prop_map(
        |(mapping, entries, watches)| Base {
            mapping,
            entries: entries
                .into_iter()
                .map(|(name, entry)| (name.into(), entry))
                .collect::<BTreeMap<_, _>>(),
            watches: watches.into_iter().map(|(name, watch)| (name.into(), watch)).collect(),
        },
    )
}

fn watch() -> impl Strategy<Value = Watch> {
    let oscillates = (text(), instant())
        .prop_map(|(attribute, since)| Rest::Oscillates { attribute: attribute.into(), since });
    let undone = (text(), any::<u128>(), option::of(any::<u64>())).prop_map(|(attribute, run, took)| {
        Rest::Undone { attribute: attribute.into(), run: RunId(Uuid::from_u128(run)), took }
    });
    let replaced = vec((any::<u64>(), instant()), 0..3);
    (any::<u64>(), replaced, vec(instant(), 0..3), option::of(prop_oneof![oscillates, undone]))
        .prop_map(|(wrote, replaced, flips, rest)| Watch { sent: !wrote, wrote, replaced, flips, rest })
}

pub fn link() -> impl Strategy<Value = Link> {
    (record(), kind(), entity(), link_state(), evidence(), 0_u64..3, option::of(base())).prop_map(
        |(record, facet, entity, state, evidence, since, base)| Link {
            record,
            facet,
            entity,
            state,
            evidence,
            since: JournalSeq(since),
            base,
        },
    )
}

fn reason() -> impl Strategy<Value = Reason> {
    let cases = vec![
        Case::NewRecord,
        Case::OneChanged,
        Case::Newest,
        Case::Tie,
        Case::FillBlank,
        Case::WrittenBack,
        Case::Union,
        Case::MostRestrictive,
        Case::Declared,
        Case::Person,
    ];
    (text(), select(cases), option::of(text())).prop_map(|(rule, case, from)| Reason {
        rule: rule.into(),
        case,
        from: from.map(Into::into),
    })
}

fn field_change() -> BoxedStrategy<FieldChange> {
    let after =
        prop_oneof![value().prop_map(After::Value), Just(After::Clear), entity().prop_map(After::Reference)];
    (text(), text(), observed(), after, reason())
        .prop_map(|(field, attribute, before, after, reason)| FieldChange {
            field: field.into(),
            attribute: attribute.as_str().into(),
            before,
            after,
            reason,
        })
        .boxed()
}

fn association() -> BoxedStrategy<Association> {
    let end = || prop_oneof![record().prop_map(Endpoint::Record), entity().prop_map(Endpoint::Entity)];
    let flags = (any::<bool>(), prop_oneof![Just(Tied::Not), Just(Tied::Beside)], option::of(record()));
    (text(), text(), end(), end(), option::of(text()), flags, option::of(record_id()), reason())
        .prop_map(|(edge, field, from, to, role, (primary, before, displaces), row, reason)| Association {
            edge: edge.as_str().into(),
            field: field.into(),
            from,
            to,
            role: role.map(Arc::from),
            primary,
            row,
            before,
            displaces,
            reason,
        })
        .boxed()
}

fn action() -> BoxedStrategy<Action> {
    prop_oneof![
        (text(), vec(field_change(), 0..3))
            .prop_map(|(object, fields)| Action::Create { object: object.into(), fields }),
        (record(), vec(field_change(), 0..3)).prop_map(|(record, fields)| Action::Update { record, fields }),
        association().prop_map(Action::Associate),
        association().prop_map(Action::Dissociate),
        (record(), reason()).prop_map(|(record, reason)| Action::Archive { record, reason }),
    ]
    .boxed()
}

/// Values of a row about `record`.
pub fn row_values(record: RecordRef) -> BoxedStrategy<RowValues> {
    let operation = (any::<u64>(), entity(), kind(), text(), action(), option::of(any::<u64>())).prop_map(
        |(id, entity, kind, connection, action, bundle)| Operation {
            id: OperationId(id),
            entity,
            kind,
            connection: connection.into(),
            action,
            preconditions: Vec::new(),
            bundle: bundle.map(BundleId),
        },
    );
    let moved = (text(), observed(), observed()).prop_map(|(field, before, after)| Moved {
        field: field.into(),
        before,
        after,
    });
    prop_oneof![
        (operation, any::<bool>()).prop_map(move |(operation, created)| {
            RowValues::Written(Box::new(Written { operation, record: record.clone(), created }))
        }),
        vec(moved, 0..3).prop_map(RowValues::Changed),
    ]
    .boxed()
}
