use crate::world::{
    KEY, World, entity, everything, field, fields, last, new_account, now_or_never, row, text, update, want,
};
use serde_json::json;
use syncline_kit::vendor::{EdgeWrite, Probe, RejectionClass, RowOutcome, Vendor, Write, WriteRow};
use syncline_model::{Currency, Money, RecordRef, RecordState, Value};
use syncline_salesforce::adapter::Options;

fn confirmed(outcome: &RowOutcome) -> (String, bool) {
    match outcome {
        RowOutcome::Confirmed { record, created, .. } => (record.id.to_string(), *created),
        other => panic!("{other:?}"),
    }
}

fn class(outcome: &RowOutcome) -> RejectionClass {
    match outcome {
        RowOutcome::Rejected(rejection) => rejection.class.clone(),
        other => panic!("{other:?}"),
    }
}

fn bad(names: &[&str]) -> RejectionClass {
    RejectionClass::Fields(names.iter().map(|name| (*name).into()).collect())
}

#[test]
fn a_hundred_updates_are_one_call_that_changes_a_hundred_rows() {
    let world = World::new();
    let ids: Vec<String> =
        (0..100).map(|n| world.create("Account", json!({"Name": format!("A{n}")}))).collect();
    let rows: Vec<WriteRow> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| update(n as u128, "Account", id, &[("Phone", text("1"))]))
        .collect();
    let (calls, written) = (world.meter("units"), world.meter("rows_written"));
    let outcomes = world.write(rows);
    assert_eq!(world.meter("units") - calls, 1);
    assert_eq!(world.meter("rows_written") - written, 100);
    assert!(outcomes.iter().zip(&ids).all(|(outcome, id)| confirmed(outcome) == (id.clone(), false)));
}

#[test]
fn an_upsert_sent_twice_creates_nothing_twice() {
    let world = World::new();
    let rows: Vec<WriteRow> = (1..=10).map(|n| new_account(n, &format!("A{n}"))).collect();
    let before = world.count("Account");
    let first: Vec<_> = world.write(rows.clone()).iter().map(confirmed).collect();
    let again: Vec<_> = world.write(rows).iter().map(confirmed).collect();
    assert!(first.iter().all(|(_, created)| *created) && again.iter().all(|(_, created)| !created));
    assert_eq!(world.count("Account") - before, 10);
    assert_eq!(world.row("Account", &first[0].0)[KEY], entity(1).to_string());
}

#[test]
fn a_write_without_an_answer_is_unknown_and_the_probe_tells() {
    for kind in ["commit_then_timeout", "commit_then_reset", "truncated_body"] {
        let world = World::new();
        let account = world.create("Account", json!({"Name": "Old"}));
        let rows = vec![new_account(1, "New"), update(2, "Account", &account, &[("Name", text("Changed"))])];
        world.fault(json!([{"match": "write", "times": 1, "do": kind}]));
        let outcomes = world.write(rows.clone());
        assert!(
            outcomes.iter().all(|outcome| matches!(outcome, RowOutcome::Unknown { .. })),
            "{kind}: {outcomes:?}"
        );
        let probes = now_or_never(world.vendor.probe(&rows)).unwrap();
        assert!(probes.iter().all(|probe| matches!(probe, Probe::Written(_))), "{kind}: {probes:?}");
        let Probe::Written(seen) = &probes[0] else { panic!() };
        assert_eq!(field(seen, "Name").to_string(), "New");
    }
}

#[test]
fn a_write_that_failed_at_the_vendor_is_unknown_and_the_probe_finds_it_was_not_done() {
    for kind in ["server_error", "html_error"] {
        let world = World::new();
        let account = world.create("Account", json!({"Name": "Old"}));
        let rows = vec![new_account(1, "New"), update(2, "Account", &account, &[("Name", text("Changed"))])];
        world.fault(json!([{"match": "write", "times": 1, "do": kind}]));
        let outcomes = world.write(rows.clone());
        assert!(outcomes.iter().all(|outcome| matches!(outcome, RowOutcome::Unknown { .. })), "{kind}");
        assert_eq!(now_or_never(world.vendor.probe(&rows)).unwrap(), [Probe::NotWritten, Probe::NotWritten]);
    }
}

#[test]
fn a_create_whose_record_is_deleted_or_merged_by_now_was_written() {
    let world = World::new();
    let rows: Vec<WriteRow> = [1, 2, 3, 4].map(|n| new_account(n, &format!("A{n}"))).to_vec();
    world.fault(json!([{"match": "write", "times": 1, "do": "commit_then_timeout"}]));
    let outcomes = world.write(rows.clone());
    assert!(outcomes.iter().all(|outcome| matches!(outcome, RowOutcome::Unknown { .. })));
    let probe = || now_or_never(world.vendor.probe(&rows)).unwrap();
    let ids: Vec<String> = probe()
        .iter()
        .map(|probe| match probe {
            Probe::Written(seen) => seen.record.id.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    let master = world.create("Account", json!({"Name": "Master"}));
    world.admin(json!({"do": "delete", "id": ids[0]}));
    world.admin(json!({"do": "merge", "master": master, "losers": [ids[1]]}));
    // What we have deleted is an earlier record; a create of its entity may have been sent again.
    let archive = Write::Archive { record: RecordRef::new("sf", "Account", ids[2].as_str()) };
    confirmed(&world.write(vec![row(3, archive)])[0]);
    let found: Vec<_> = probe()
        .into_iter()
        .map(|probe| match probe {
            Probe::Written(seen) => Some((seen.record.id.to_string(), seen.state)),
            Probe::NotWritten => None,
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        Some((ids[0].clone(), RecordState::Deleted)),
        Some((ids[1].clone(), RecordState::MergedInto(master.as_str().into()))),
        None,
        Some((ids[3].clone(), RecordState::Live)),
    ];
    assert_eq!(found, expected);
    let again: Vec<_> = world.write(rows.clone()).iter().map(confirmed).collect();
    assert!(again[2].1, "it is made again");
    let Probe::Written(seen) = probe().remove(2) else { panic!() };
    assert_eq!((seen.record.id.to_string(), &seen.state), (again[2].0.clone(), &RecordState::Live));
}

#[test]
fn a_keyless_create_goes_alone_and_stays_undecided() {
    let world = World::new();
    let create = |n: u128| {
        let fields = fields(&[("Name", text("Acme"))]);
        row(n, Write::Create { object: "Account".into(), key_field: None, fields })
    };
    assert_eq!(world.vendor.pack(vec![create(1), create(2)]).len(), 2);
    let outcomes = world.write(vec![create(1)]);
    assert!(confirmed(&outcomes[0]).1);
    let probes = now_or_never(world.vendor.probe(&[create(1)])).unwrap();
    assert!(matches!(probes[0], Probe::Undecided { .. }));
}

#[test]
fn a_locked_row_is_tried_again_and_then_left_for_later() {
    let world = World::new();
    let account = world.create("Account", json!({"Name": "A"}));
    let free = world.create("Account", json!({"Name": "B"}));
    let rows = || {
        vec![
            update(1, "Account", &account, &[("Phone", text("1"))]),
            update(2, "Account", &free, &[("Phone", text("2"))]),
        ]
    };
    world.admin(json!({"do": "lock", "id": account, "times": 2}));
    let outcomes = world.write(rows());
    assert_eq!(confirmed(&outcomes[0]).0, account);
    world.admin(json!({"do": "lock", "id": account, "times": 100}));
    let outcomes = world.write(rows());
    assert!(matches!(outcomes[0], RowOutcome::Again { .. }), "{outcomes:?}");
    assert_eq!(confirmed(&outcomes[1]).0, free);
}

#[test]
fn a_duplicate_rule_names_its_candidates() {
    let world = World::new();
    let there = world.create("Account", json!({"Name": "Acme"}));
    world.admin(json!({"do": "duplicate_rule", "object": "Account", "fields": ["Name"], "action": "alert"}));
    let outcomes = world.write(vec![new_account(1, "Acme"), new_account(2, "Other")]);
    let RejectionClass::Exists(found) = class(&outcomes[0]) else { panic!("{outcomes:?}") };
    assert_eq!(found, [RecordRef::new("sf", "Account", there.as_str())]);
    assert!(confirmed(&outcomes[1]).1);
}

#[test]
fn refusals_name_their_fields_and_do_not_stop_their_neighbours() {
    let world = World::new();
    let account = world.create("Account", json!({"Name": "A"}));
    world.admin(json!({"do": "restrict_picklist", "object": "Account", "field": "Rating"}));
    world.admin(json!({"do": "validation_rule", "object": "Account", "field": "Site", "operator": "=",
        "value": "bad", "message": "No", "at": "Site"}));
    let long = "x".repeat(300);
    let lead = row(
        5,
        Write::Create {
            object: "Lead".into(),
            key_field: Some(KEY.into()),
            fields: fields(&[("Company", text("C"))]),
        },
    );
    let outcomes = world.write(vec![
        update(1, "Account", &account, &[("Rating", Some(Value::option("Nope")))]),
        update(2, "Account", &account, &[("Site", text("bad"))]),
        update(3, "Account", &account, &[("Name", text(&long))]),
        update(4, "Account", &account, &[("Phone", text("1"))]),
        lead,
    ]);
    assert_eq!(class(&outcomes[0]), bad(&["Rating"]));
    assert_eq!(class(&outcomes[1]), bad(&["Site"]));
    assert_eq!(class(&outcomes[2]), bad(&["Name"]));
    assert_eq!(confirmed(&outcomes[3]).0, account);
    assert_eq!(class(&outcomes[4]), bad(&["LastName"]));
}

#[test]
fn a_value_of_the_wrong_type_does_not_take_its_neighbours_along() {
    let world = World::new();
    let ids: Vec<String> =
        (0..20).map(|n| world.create("Account", json!({"Name": format!("A{n}")}))).collect();
    let rows: Vec<WriteRow> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| {
            let employees = if n == 13 { text("many") } else { Some(Value::Decimal(7.into())) };
            update(n as u128, "Account", id, &[("NumberOfEmployees", employees)])
        })
        .collect();
    let outcomes = world.write(rows);
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(matches!(outcome, RowOutcome::Rejected(_)), n == 13, "{n}: {outcome:?}");
    }
}

#[test]
fn a_target_that_is_gone_or_converted_is_told() {
    let world = World::new();
    let account = world.create("Account", json!({"Name": "A"}));
    let lead = world.create("Lead", json!({"LastName": "Doe", "Company": "Acme"}));
    world.admin(json!({"do": "delete", "id": account}));
    world.admin(json!({"do": "convert_lead", "lead": lead, "status": "Closed - Converted"}));
    let outcomes = world.write(vec![
        update(1, "Account", &account, &[("Phone", text("1"))]),
        update(2, "Lead", &lead, &[("Phone", text("1"))]),
    ]);
    assert_eq!(class(&outcomes[0]), RejectionClass::Gone);
    assert_eq!(class(&outcomes[1]), RejectionClass::Converted);
}

#[test]
fn a_field_made_read_only_is_named() {
    let world = World::new();
    let account = world.create("Account", json!({"Name": "A"}));
    world.admin(json!({"do": "readonly_field", "object": "Account", "field": "Phone"}));
    let outcomes = world.write(vec![update(1, "Account", &account, &[("Phone", text("1"))])]);
    assert_eq!(class(&outcomes[0]), bad(&["Phone"]));
}

#[test]
fn values_arrive_exactly_and_clearing_clears() {
    let mut world = World::new();
    let deal = world.create(
        "Opportunity",
        json!({"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-05-01", "NextStep": "call"}),
    );
    let amount = Value::Money(Money { amount: "1234567.89".parse().unwrap(), currency: Currency::USD });
    let rows = vec![update(
        1,
        "Opportunity",
        &deal,
        &[
            ("Amount", Some(amount)),
            ("CloseDate", Some(Value::Date("2026-06-30".parse().unwrap()))),
            ("NextStep", None),
            ("IsPrivate", None),
        ],
    )];
    confirmed(&world.write(rows.clone())[0]);
    let stored = world.row("Opportunity", &deal);
    assert_eq!(stored["Amount"].to_string(), "1234567.89");
    assert_eq!((&stored["CloseDate"], &stored["NextStep"]), (&json!("2026-06-30"), &json!(null)));
    assert!(matches!(now_or_never(world.vendor.probe(&rows)).unwrap()[0], Probe::Written(_)));
    let seen = world.cycle(&everything());
    assert_eq!(field(last(&seen, &deal), "Amount").to_string(), "1234567.89 USD");
}

#[test]
fn contact_roles_are_made_changed_probed_and_taken_away() {
    let mut world = World::new();
    let contact = world.create("Contact", json!({"LastName": "Doe"}));
    let deal = world
        .create("Opportunity", json!({"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-05-01"}));
    let edge = EdgeWrite {
        field: "@OpportunityContactRole".into(),
        from: RecordRef::new("sf", "Opportunity", deal.as_str()),
        to: RecordRef::new("sf", "Contact", contact.as_str()),
        role: Some("Evaluator".into()),
        primary: true,
        row: None,
    };
    let associate = row(1, Write::Associate(edge.clone()));
    let probe =
        |row: &WriteRow| now_or_never(world.vendor.probe(std::slice::from_ref(row))).unwrap().remove(0);
    assert_eq!(probe(&associate), Probe::NotWritten);
    let outcomes = world.write(vec![associate.clone()]);
    assert!(confirmed(&outcomes[0]).1);
    assert!(matches!(probe(&associate), Probe::Written(_)));
    let dissociate = row(2, Write::Dissociate(edge));
    assert_eq!(probe(&dissociate), Probe::NotWritten);
    let outcomes = world.write(vec![dissociate.clone()]);
    assert_eq!(confirmed(&outcomes[0]), (deal.clone(), false));
    assert!(matches!(probe(&dissociate), Probe::Written(_)));
    assert_eq!(
        confirmed(&world.write(vec![dissociate])[0]),
        (deal.clone(), false),
        "nothing left to take away"
    );
    world.clock.advance(5);
    let seen = world.cycle(&everything());
    assert_eq!(field(last(&seen, &deal), "@OpportunityContactRole").to_string(), "(empty)");
}

#[test]
fn what_is_left_of_an_update_is_told() {
    let world = World::new();
    let account = world.create("Account", json!({"Name": "A"}));
    let change = update(1, "Account", &account, &[("Name", text("B")), ("BillingCity", text("Oslo"))]);
    let probe = || now_or_never(world.vendor.probe(std::slice::from_ref(&change))).unwrap();
    assert_eq!(probe(), [Probe::NotWritten]);
    confirmed(&world.write(vec![change.clone()])[0]);
    assert!(matches!(probe()[..], [Probe::Written(_)]));
    world.edit(&account, json!({"Name": "Theirs"}));
    let probes = probe();
    let [Probe::Partly(seen)] = &probes[..] else { panic!("{probes:?}") };
    let shown: Vec<&str> = seen.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(shown, ["BillingCity"]);
    assert_eq!((&seen.version, seen.modified), (&None, None));
}

#[test]
fn archiving_twice_is_done_once() {
    let world = World::new();
    let account = world.create("Account", json!({"Name": "A"}));
    let archive = row(1, Write::Archive { record: RecordRef::new("sf", "Account", account.as_str()) });
    assert_eq!(
        now_or_never(world.vendor.probe(std::slice::from_ref(&archive))).unwrap(),
        [Probe::NotWritten]
    );
    confirmed(&world.write(vec![archive.clone()])[0]);
    assert_eq!(world.row("Account", &account)["IsDeleted"], true);
    assert!(matches!(
        now_or_never(world.vendor.probe(std::slice::from_ref(&archive))).unwrap()[0],
        Probe::Written(_)
    ));
    confirmed(&world.write(vec![archive])[0]);
}

#[test]
fn a_strict_update_does_not_overwrite_a_later_change() {
    let mut world = World::with(Options { strict: true, ..Options::default() });
    let account = world.create("Account", json!({"Name": "A"}));
    let free = world.create("Account", json!({"Name": "B"}));
    let seen = world.cycle(&want(&[("Account", &["Name"])]));
    world.clock.advance(60);
    world.edit(&account, json!({"Name": "Theirs"}));
    let strict = |n: u128, id: &str| {
        let record = RecordRef::new("sf", "Account", id);
        let version = last(&seen, id).version.clone();
        row(n, Write::Update { record, version, fields: fields(&[("Name", text("Ours"))]) })
    };
    let before = world.meter("units");
    let outcomes = world.write(vec![strict(1, &account), strict(2, &free)]);
    assert_eq!(world.meter("units") - before, 1);
    assert_eq!(class(&outcomes[0]), RejectionClass::Moved);
    assert_eq!(world.row("Account", &account)["Name"], "Theirs");
    assert_eq!(confirmed(&outcomes[1]).0, free);
}

#[test]
fn assignment_rules_do_not_take_a_mapped_owner_away() {
    let world = World::new();
    let other = world.create(
        "User",
        json!({"Username": "o@x.example", "LastName": "O", "Email": "o@x.example",
        "Alias": "o", "TimeZoneSidKey": "Etc/UTC", "LocaleSidKey": "en_US", "EmailEncodingKey": "UTF-8",
        "LanguageLocaleKey": "en_US"}),
    );
    world.admin(json!({"do": "assignment_rule", "object": "Lead", "owner": other}));
    let lead = row(
        1,
        Write::Create {
            object: "Lead".into(),
            key_field: Some(KEY.into()),
            fields: fields(&[("LastName", text("Doe")), ("Company", text("Acme"))]),
        },
    );
    let (id, _) = confirmed(&world.write(vec![lead])[0]);
    assert_ne!(world.row("Lead", &id)["OwnerId"], other.as_str());
}

#[test]
fn a_used_up_daily_limit_refuses_the_whole_call_and_nothing_is_written() {
    let world = World::new();
    world.fault(json!([{"match": "write", "do": "rate_limited"}]));
    let calls = world.vendor.pack(vec![new_account(1, "A")]);
    let error = now_or_never(world.vendor.write(&calls[0])).unwrap_err();
    assert!(matches!(error, syncline_kit::vendor::VendorError::Limit { .. }), "{error}");
}

#[test]
fn a_missing_key_field_is_told_in_one_call() {
    let world = World::new();
    world.admin(json!({"do": "remove_field", "object": "Account", "field": KEY}));
    let before = world.meter("units");
    let outcomes = world.write((0..50).map(|n| new_account(n, "A")).collect());
    assert_eq!(world.meter("units") - before, 1);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, RowOutcome::Rejected(_))), "{outcomes:?}");
}

#[test]
fn a_hidden_field_refuses_the_rows_that_write_it_and_no_others() {
    let world = World::new();
    let first = world.create("Account", json!({"Name": "A"}));
    let second = world.create("Account", json!({"Name": "B"}));
    world.admin(json!({"do": "hide_field", "object": "Account", "field": "Phone"}));
    let outcomes = world.write(vec![
        update(1, "Account", &first, &[("Phone", text("1"))]),
        update(2, "Account", &second, &[("Site", text("1"))]),
    ]);
    assert_eq!(class(&outcomes[0]), bad(&["Phone"]));
    assert_eq!(confirmed(&outcomes[1]).0, second);
}

#[test]
fn an_amount_that_would_put_another_one_into_its_currency_is_refused_alone() {
    let world = World::new();
    world.admin(json!({"do": "several_currencies", "codes": ["USD", "EUR"]}));
    world.admin(json!({"do": "add_field", "object": "Opportunity", "name": "Budget__c", "type": "currency"}));
    let deal = |code: &str, budget: Option<u32>| {
        let fields = json!({"Name": "One", "StageName": "Prospecting", "CloseDate": "2026-05-01",
            "CurrencyIsoCode": code, "Budget__c": budget});
        world.create("Opportunity", fields)
    };
    let [other, blank, own] = [deal("EUR", Some(5)), deal("EUR", None), deal("USD", Some(6))];
    let dollars = Some(Value::Money(Money { amount: 100.into(), currency: Currency::USD }));
    let rows = [&other, &blank, &own].into_iter().zip(1..);
    let rows = rows.map(|(id, number)| update(number, "Opportunity", id, &[("Amount", dollars.clone())]));
    let outcomes = world.write(rows.collect());
    assert_eq!(class(&outcomes[0]), bad(&["Amount"]));
    assert!(outcomes[1..].iter().all(|one| matches!(one, RowOutcome::Confirmed { .. })), "{outcomes:?}");
    let stands = |id: &str| {
        let row = world.row("Opportunity", id);
        (
            row["Amount"].as_f64(),
            row["Budget__c"].as_f64(),
            row["CurrencyIsoCode"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(stands(&other), (None, Some(5.0), "EUR".to_owned()));
    assert_eq!(stands(&blank), (Some(100.0), None, "USD".to_owned()));
    assert_eq!(stands(&own), (Some(100.0), Some(6.0), "USD".to_owned()));
}
