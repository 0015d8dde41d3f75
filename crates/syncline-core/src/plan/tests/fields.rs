//! Attributes: who wins, what is never a clear, and what waits without holding up the rest.

use super::world::*;
use crate::{
    mapping::{Codec, Direction, FieldState, KindModel, Predicate, Rule},
    plan::{Refusal, RefusedPart},
};
use std::collections::BTreeSet;
use syncline_model::{After, Currency, Kind, Money, Observed, Value, review::Question};

const C: &str = "salesforce/Contact/003";
const H: &str = "hubspot/contacts/1";

/// A contact on both sides that agree.
fn pair() -> Case {
    let email = || ("ada@acme.com", text("ada@acme.com")).1;
    Case::of(Kind::Person)
        .agreed(C, &[("LastName", text("Lovelace")), ("Email", email()), ("Title", text("Dr"))])
        .agreed(H, &[("lastname", text("Lovelace")), ("email", email()), ("jobtitle", text("Dr"))])
}

fn deal() -> Case {
    Case::of(Kind::Deal)
        .agreed("salesforce/Opportunity/006", &[("Name", text("Big")), ("StageName", option("New"))])
        .agreed(
            "hubspot/deals/9",
            &[("dealname", text("Big")), ("dealstage", option("s1")), ("pipeline", option("default"))],
        )
}

fn options(values: &[&str]) -> Observed {
    Observed::Value(Value::Options(values.iter().map(|value| (*value).into()).collect::<BTreeSet<_>>()))
}

#[test]
fn sides_that_agree_give_an_empty_plan() {
    let plan = pair().plan();
    assert!(
        plan.operations.is_empty()
            && plan.held.is_empty()
            && plan.bases.is_empty()
            && plan.questions.is_empty()
    );
}

#[test]
fn the_later_change_wins_and_the_base_moves_only_once_it_is_written() {
    let case =
        pair().seen(C, 10, &[("Title", text("Countess"))]).seen(H, 2000, &[("jobtitle", text("Lady"))]);
    // Salesforce was seen unchanged until -1000 and changed at 10; HubSpot still had the old value at -1000 too.
    let plan = case.plan();
    assert_eq!(operations(&plan), ["update hubspot/contacts/1 jobtitle=Countess"], "the spans overlap: tie");
    assert_eq!(reasons(&plan), ["jobtitle two_way Tie salesforce"]);

    let case = pair()
        .seen(C, 10, &[("Title", text("Countess"))])
        .seen(H, 1000, &[("phone", Observed::Empty)])
        .seen(H, 2000, &[("jobtitle", text("Lady"))]);
    let plan = case.plan();
    assert_eq!(operations(&plan), ["update salesforce/Contact/003 Title=Lady"]);
    assert_eq!(reasons(&plan), ["Title two_way Newest hubspot"]);
    assert_eq!(bases(&plan), Vec::<String>::new(), "nothing is agreed before the write is confirmed");

    // The write is confirmed: both agree, and nothing is left.
    let mut written = case.seen(C, 2001, &[("Title", text("Lady"))]);
    written.link_mut(C).base.as_mut().unwrap().entries.clear();
    let plan = written.plan();
    assert!(plan.operations.is_empty());
    assert_eq!(bases(&plan), ["hubspot/contacts/1 []"]);
}

#[test]
fn a_change_whose_write_is_refused_stays_a_change() {
    let mut case = pair().seen(C, 10, &[("Title", text("Countess"))]);
    case.hood.refusals.push(Refusal {
        connection: HS.into(),
        part: RefusedPart::Field("jobtitle".into()),
        after: vec![("jobtitle".into(), After::Value(Value::text("Countess").unwrap()))],
        code: "INVALID".into(),
        message: "no".into(),
        wake: "schema:hubspot/contacts".into(),
    });
    let plan = case.plan();
    assert!(plan.operations.is_empty() && plan.bases.is_empty());
    assert_eq!(held(&plan), ["hubspot title refused [schema:hubspot/contacts]"]);
    // Another value is not what was refused.
    let plan = case.seen(C, 20, &[("Title", text("Baroness"))]).plan();
    assert_eq!(operations(&plan), ["update hubspot/contacts/1 jobtitle=Baroness"]);
    assert!(plan.held.is_empty());
}

#[test]
fn a_cleared_value_travels_and_a_value_never_set_is_filled() {
    let cleared = pair().seen(H, 10, &[("jobtitle", Observed::Empty)]).plan();
    assert_eq!(operations(&cleared), ["update salesforce/Contact/003 Title="]);
    let never_set = Case::of(Kind::Person)
        .fresh(C, &[("LastName", text("L")), ("Email", text("a@b.de")), ("Title", text("Dr"))])
        .fresh(H, &[("lastname", text("L")), ("email", text("a@b.de"))])
        .plan();
    assert_eq!(operations(&never_set), ["update hubspot/contacts/1 jobtitle=Dr"]);
    assert_eq!(reasons(&never_set), ["jobtitle two_way FillBlank salesforce"]);
    let kept = pair().attribute("title", keep_clears).seen(H, 10, &[("jobtitle", Observed::Empty)]).plan();
    assert!(kept.operations.is_empty());
    assert_eq!(bases(&kept), ["hubspot/contacts/1 []"], "the clear stays where it happened, for good");
}

#[test]
fn what_travels_is_the_sources_spelling_and_a_spelling_alone_does_not_travel() {
    let plan =
        pair().seen(C, 10, &[("Phone", text("+1 (415) 555-01")), ("Email", text("Ada@ACME.com"))]).plan();
    assert_eq!(operations(&plan), ["update hubspot/contacts/1 phone=+1 (415) 555-01"]);
    assert_eq!(bases(&plan), ["salesforce/Contact/003 [Phone]"]);
}

#[test]
fn a_hidden_field_is_neither_a_clear_nor_written_blindly() {
    let hidden = pair().seen(H, 10, &[("jobtitle", Observed::NotPermitted)]);
    let plan = hidden.plan();
    assert!(plan.operations.is_empty() && plan.held.is_empty() && plan.bases.is_empty());
    let changed = hidden.seen(C, 20, &[("Title", text("Countess"))]);
    let plan = changed.plan();
    assert!(plan.operations.is_empty() && plan.bases.is_empty(), "{plan:?}");
    assert_eq!(held(&plan), ["hubspot title no_such_field [schema:hubspot/contacts]"]);
    // Shown again, unchanged: what changed meanwhile travels.
    let shown = changed.seen(H, 30, &[("jobtitle", text("Dr"))]).plan();
    assert_eq!(operations(&shown), ["update hubspot/contacts/1 jobtitle=Countess"]);
}

#[test]
fn a_field_that_may_not_be_written_is_held_and_released_by_the_schema() {
    let case = pair().bindings("title", HS, |binding| {
        if let FieldState::Present { updateable, .. } = &mut binding.field_state {
            *updateable = false;
        }
    });
    let plan = case.seen(C, 10, &[("Title", text("Countess")), ("Phone", text("1"))]).plan();
    assert_eq!(operations(&plan), ["update hubspot/contacts/1 phone=1"]);
    assert_eq!(held(&plan), ["hubspot title not_writable [schema:hubspot/contacts]"]);
    assert!(plan.bases.is_empty());
}

#[test]
fn an_unmapped_stage_is_quarantined_and_the_rest_of_the_deal_syncs() {
    let case = deal().seen(
        "salesforce/Opportunity/006",
        10,
        &[("StageName", option("Odd")), ("Name", text("Bigger"))],
    );
    let plan = case.plan();
    assert_eq!(operations(&plan), ["update hubspot/deals/9 dealname=Bigger"]);
    assert_eq!(held(&plan), ["hubspot stage unmapped [schema:salesforce/Opportunity config]"]);
    // It is not written over either, whatever the other side does.
    let plan = case.seen("hubspot/deals/9", 20, &[("dealstage", option("s2"))]).plan();
    assert_eq!(operations(&plan), ["update hubspot/deals/9 dealname=Bigger"]);
    assert!(plan.bases.is_empty());
}

#[test]
fn an_agreed_stage_that_lost_its_counterpart_is_quiet_among_those_who_agreed_and_unmapped_for_a_newcomer() {
    let opportunity = [("Name", text("Big")), ("StageName", option("Odd"))];
    let agreed = || Case::of(Kind::Deal).agreed("salesforce/Opportunity/006", &opportunity);
    let deal = |stage| [("dealname", text("Big")), ("dealstage", stage), ("pipeline", option("default"))];
    let quiet = agreed().agreed("hubspot/deals/9", &deal(option("s1"))).plan();
    assert!(quiet.operations.is_empty() && held(&quiet).is_empty(), "{quiet:?}");
    for shown in [Observed::Empty, option("s2")] {
        let plan = agreed().fresh("hubspot/deals/9", &deal(shown)).plan();
        assert!(plan.operations.is_empty(), "{plan:?}");
        assert_eq!(held(&plan), ["hubspot stage unmapped [schema:salesforce/Opportunity config]"]);
    }
    let alone = agreed().plan();
    assert_eq!(operations(&alone), ["create hubspot/deals dealname=Big"]);
    assert_eq!(held(&alone), ["hubspot stage unmapped [schema:hubspot/deals config]"]);
}

#[test]
fn a_new_deal_with_an_unmapped_stage_is_created_without_it_where_it_may_be() {
    let case = Case::of(Kind::Deal)
        .fresh("salesforce/Opportunity/006", &[("Name", text("Big")), ("StageName", option("Odd"))]);
    let plan = case.plan();
    assert_eq!(operations(&plan), ["create hubspot/deals dealname=Big"]);
    assert_eq!(
        held(&plan)[0],
        "hubspot stage unmapped [schema:salesforce/Opportunity config schema:hubspot/deals]"
    );
}

#[test]
fn the_pipeline_is_written_with_its_stage_and_refused_with_it() {
    let mut case = deal().seen("salesforce/Opportunity/006", 10, &[("StageName", option("Closed Won"))]);
    assert_eq!(operations(&case.plan()), ["update hubspot/deals/9 dealstage=s2, pipeline=default"]);
    case.hood.refusals.push(Refusal {
        connection: HS.into(),
        part: RefusedPart::Field("dealstage".into()),
        after: vec![("dealstage".into(), After::Value(Value::option("s2")))],
        code: "X".into(),
        message: "x".into(),
        wake: "schema:hubspot/deals".into(),
    });
    assert!(case.plan().operations.is_empty());
}

#[test]
fn a_stage_that_means_the_same_already_is_left_alone() {
    // "Qualified" and "New" are one stage in HubSpot.
    let plan = deal().seen("salesforce/Opportunity/006", 10, &[("StageName", option("Qualified"))]).plan();
    assert!(plan.operations.is_empty());
    assert_eq!(bases(&plan), ["salesforce/Opportunity/006 []"]);
    let case = deal().seen("salesforce/Opportunity/006", 10, &[("StageName", option("Qualified"))]);
    let back = case.seen("hubspot/deals/9", 20, &[("dealname", text("B"))]).plan();
    assert_eq!(
        operations(&back),
        ["update salesforce/Opportunity/006 Name=B"],
        "its own spelling is not flattened"
    );
}

#[test]
fn an_amount_in_another_currency_is_held() {
    let euro = Value::Money(Money { amount: 5.into(), currency: Currency::new("EUR").unwrap() });
    let plan = deal().seen("salesforce/Opportunity/006", 10, &[("Amount", Observed::Value(euro))]).plan();
    assert!(plan.operations.is_empty() && plan.bases.is_empty());
    assert_eq!(held(&plan), ["hubspot amount currency_mismatch [schema:hubspot/deals config]"]);
}

#[test]
fn multi_selects_are_united_element_by_element() {
    let case = Case::of(Kind::Deal)
        .agreed(
            "salesforce/Opportunity/006",
            &[("Name", text("B")), ("StageName", option("New")), ("Tags__c", options(&["a", "b"]))],
        )
        .agreed(
            "hubspot/deals/9",
            &[("dealname", text("B")), ("dealstage", option("s1")), ("tags", options(&["a", "b"]))],
        )
        .seen("salesforce/Opportunity/006", 10, &[("Tags__c", options(&["b", "c"]))])
        .seen("hubspot/deals/9", 20, &[("tags", options(&["a", "b", "d"]))]);
    let plan = case.plan();
    assert_eq!(
        operations(&plan),
        ["update hubspot/deals/9 tags=b;c;d", "update salesforce/Opportunity/006 Tags__c=b;c;d"]
    );
    assert_eq!(reasons(&plan)[0], "tags union Union hubspot");
}

#[test]
fn consent_only_tightens() {
    let yes = |value| Observed::Value(Value::Bool(value));
    let case = |sf: bool, hs: bool| {
        pair()
            .seen(C, 10, &[("OptedOut", yes(true))])
            .seen(H, 10, &[("opted_out", yes(true))])
            .seen(C, 20, &[("OptedOut", yes(sf))])
            .seen(H, 20, &[("opted_out", yes(hs))])
    };
    assert_eq!(operations(&case(false, true).plan()), ["update salesforce/Contact/003 OptedOut=true"]);
    assert_eq!(operations(&case(true, false).plan()), ["update hubspot/contacts/1 opted_out=true"]);
    assert_eq!(operations(&case(false, false).plan()), Vec::<String>::new());
    // An index may not show yet that somebody has just opted out: what allows is written over nothing.
    let allows = [("OptedOut", yes(false))];
    assert_eq!(operations(&pair().seen(C, 10, &allows).plan()), Vec::<String>::new());
    let only_written = |opted_out: bool| {
        let said = [("LastName", text("Lee")), ("Email", text("l@x.org")), ("OptedOut", yes(opted_out))];
        let there = [("lastname", text("Lee")), ("email", text("l@x.org"))];
        let both = Case::of(Kind::Person).agreed(C, &said).fresh(H, &there);
        let plan = both.bindings("opted_out", HS, |binding| binding.direction = Direction::Out).plan();
        operations(&plan)
    };
    assert_eq!(only_written(true), ["update hubspot/contacts/1 opted_out=true"]);
    assert_eq!(only_written(false), Vec::<String>::new());
}

#[test]
fn who_has_not_opted_out_is_made_without_a_word_on_it() {
    let made = |opted_out: bool| {
        let fields = [("LastName", text("Lee")), ("Email", text("l@x.org"))];
        let said = ("OptedOut", Observed::Value(Value::Bool(opted_out)));
        let plan = Case::of(Kind::Person).fresh(C, &[fields[0].clone(), fields[1].clone(), said]).plan();
        operations(&plan).iter().find(|it| it.starts_with("create ")).map(|it| it.contains("opted_out"))
    };
    assert_eq!(made(true), Some(true));
    // The create may be sent again, and find that the person has opted out since.
    assert_eq!(made(false), Some(false));
}

#[test]
fn a_manual_conflict_asks_and_writes_nothing() {
    let case = pair().attribute("title", |attribute| attribute.rule = Rule::Manual);
    let plan = case.seen(C, 10, &[("Title", text("A"))]).seen(H, 20, &[("jobtitle", text("B"))]).plan();
    assert!(plan.operations.is_empty() && plan.bases.is_empty());
    assert_eq!(held(&plan), ["hubspot title manual_conflict []", "salesforce title manual_conflict []"]);
    assert_eq!(plan.questions, [Question::Conflict { entity: entity(1), attribute: "title".into() }]);
    assert!(plan.derivations.iter().any(|it| it.attribute.as_str() == "title" && it.asks));
}

#[test]
fn one_way_fields_never_travel_back() {
    let written = || pair().bindings("title", HS, |binding| binding.direction = Direction::Out);
    let plan = written().seen(H, 10, &[("jobtitle", text("Lady"))]).plan();
    assert!(plan.operations.is_empty(), "what is only written is not read: {:?}", operations(&plan));
    let plan = written().seen(C, 10, &[("Title", text("Countess"))]).plan();
    assert_eq!(operations(&plan), ["update hubspot/contacts/1 jobtitle=Countess"]);

    let read = || pair().bindings("title", HS, |binding| binding.direction = Direction::In);
    let plan = read().seen(C, 10, &[("Title", text("Countess"))]).plan();
    assert!(plan.operations.is_empty(), "what is only read is not written");
    let plan = read().seen(H, 10, &[("jobtitle", text("Lady"))]).plan();
    assert_eq!(operations(&plan), ["update salesforce/Contact/003 Title=Lady"]);
}

#[test]
fn a_field_that_is_only_written_is_filled_when_it_is_new_and_never_blanked() {
    let fresh = |title: Observed| {
        Case::of(Kind::Person)
            .bindings("title", HS, |binding| binding.direction = Direction::Out)
            .fresh(C, &[("LastName", text("L")), ("Email", text("a@b.de")), ("Title", title)])
            .fresh(H, &[("lastname", text("L")), ("email", text("a@b.de")), ("jobtitle", text("old"))])
            .plan()
    };
    assert_eq!(operations(&fresh(text("Dr"))), ["update hubspot/contacts/1 jobtitle=Dr"]);
    assert_eq!(operations(&fresh(Observed::Empty)), Vec::<String>::new());
}

#[test]
fn a_placeholder_never_travels_back_and_gives_way_to_the_first_real_value() {
    let case = Case::of(Kind::Person).fresh(H, &[("email", text("ada@acme.com"))]);
    let plan = case.plan();
    assert_eq!(operations(&plan), ["create salesforce/Lead LastName=[not provided], Email=ada@acme.com"]);
    let with_lead = || {
        Case::of(Kind::Person).agreed(H, &[("email", text("ada@acme.com"))]).agreed(
            "salesforce/Lead/00Q",
            &[("Email", text("ada@acme.com")), ("LastName", text("[not provided]"))],
        )
    };
    assert!(with_lead().plan().operations.is_empty());
    let named = with_lead().seen(H, 10, &[("lastname", text("Lovelace"))]).plan();
    assert_eq!(operations(&named), ["update salesforce/Lead/00Q LastName=Lovelace"]);
    let cleared = pair().seen(H, 10, &[("lastname", Observed::Empty)]).plan();
    assert_eq!(operations(&cleared), ["update salesforce/Contact/003 LastName=[not provided]"]);
}

#[test]
fn a_record_that_left_the_scope_is_frozen_and_merged_when_it_returns() {
    let case = pair()
        .model(|model| {
            let only = Predicate::Equals("phone".into(), Value::text("1").unwrap());
            model.scope.insert((SF.into(), HS.into()), only.clone());
            model.scope.insert((HS.into(), SF.into()), only);
        })
        .seen(C, 10, &[("Title", text("Countess"))]);
    let plan = case.plan();
    assert!(plan.operations.is_empty() && plan.bases.is_empty(), "{plan:?}");
    let waits = "hubspot - out_of_scope [schema:hubspot/contacts schema:salesforce/Contact config]";
    assert_eq!(held(&plan), [waits]);
    let back = case.seen(C, 20, &[("Phone", text("1"))]).plan();
    assert_eq!(operations(&back), ["update hubspot/contacts/1 phone=1, jobtitle=Countess"]);
}

#[test]
fn what_the_clocks_decided_and_is_out_of_scope_waits_for_them_too() {
    let only = Predicate::Equals("phone".into(), Value::text("1").unwrap());
    let case = || {
        pair().model(|model| {
            model.scope.insert((SF.into(), HS.into()), only.clone());
            model.scope.insert((HS.into(), SF.into()), only.clone());
        })
    };
    let one = held(&case().seen(C, 10, &[("Title", text("Countess"))]).plan());
    assert!(!one[0].contains("clock:"), "{one:?}");
    // A tie, then one of which it is known that it is the later one.
    for (known, loser) in [(-1000, HS), (1000, SF)] {
        let both =
            case().seen(C, 10, &[("Title", text("Countess"))]).seen(H, known, &[("phone", Observed::Empty)]);
        let held = held(&both.seen(H, 2000, &[("jobtitle", text("Duchess"))]).plan());
        let wake = "schema:hubspot/contacts schema:salesforce/Contact config clock:hubspot clock:salesforce";
        assert_eq!(held, [format!("{loser} - out_of_scope [{wake}]")]);
    }
}

#[test]
fn what_the_clocks_decided_and_may_not_be_written_waits_for_them_too() {
    let read_only = |case: Case, side: &str| {
        case.bindings("title", side, |binding| {
            if let FieldState::Present { updateable, .. } = &mut binding.field_state {
                *updateable = false;
            }
        })
    };
    let one = held(&read_only(pair(), HS).seen(C, 10, &[("Title", text("Countess"))]).plan());
    assert_eq!(one, ["hubspot title not_writable [schema:hubspot/contacts]"]);
    // A tie, then one of which it is known that it is the later one; what nobody's clock decided waits for none.
    for (since, side, object) in [(-1000, HS, "hubspot/contacts"), (1000, SF, "salesforce/Contact")] {
        let both = read_only(pair(), side)
            .seen(C, 10, &[("Title", text("Countess"))])
            .seen(H, since, &[("phone", Observed::Empty)])
            .seen(H, 2000, &[("jobtitle", text("Duchess"))]);
        let wake = format!("schema:{object} clock:hubspot clock:salesforce");
        assert!(
            held(&both.plan()).contains(&format!("{side} title not_writable [{wake}]")),
            "{:?}",
            both.plan()
        );
    }
}

#[test]
fn what_decides_the_scope_and_was_hidden_since_it_was_read_is_unknown() {
    let has_title = |model: &mut KindModel| {
        model.scope.insert((SF.into(), HS.into()), Predicate::Has("title".into()));
    };
    let hidden = |case: Case, side: &str| {
        case.bindings("title", side, |binding| binding.field_state = FieldState::Missing)
    };
    let case = pair().model(has_title).seen(C, 10, &[("Phone", text("1"))]);
    let update = ["update hubspot/contacts/1 phone=1"];
    assert_eq!(operations(&case.plan()), update);
    let case = hidden(case, SF);
    assert_eq!(operations(&case.plan()), update, "HubSpot shows it still");
    let plan = hidden(case, HS).plan();
    assert!(plan.operations.is_empty(), "{plan:?}");
    assert!(held(&plan)[0].starts_with("hubspot - out_of_scope"), "{plan:?}");
    // "Not there" is no more known than "there".
    let no_title = |model: &mut KindModel| {
        let none = Predicate::Not(Box::new(Predicate::Has("title".into())));
        model.scope.insert((SF.into(), HS.into()), none);
    };
    let case = pair().model(no_title).seen(C, 10, &[("Phone", text("1"))]);
    assert!(hidden(hidden(case, SF), HS).plan().operations.is_empty());
}

#[test]
fn a_person_without_an_address_is_not_created_and_that_is_listed() {
    let plan = Case::of(Kind::Person).fresh(C, &[("LastName", text("L"))]).plan();
    assert!(plan.operations.is_empty());
    assert_eq!(
        findings(&plan)[0],
        "salesforce/Contact/003 it lacks what identifies it, so it is out of scope"
    );
}

#[test]
fn a_new_binding_has_no_base_and_the_old_ones_keep_theirs() {
    let mut case = pair().bindings("title", HS, |binding| binding.digest = 2);
    // The mapping that the base was agreed under is not known any more: nothing of it counts.
    let plan = case.plan();
    assert!(plan.operations.is_empty());
    case = case.seen(H, 10, &[("jobtitle", text("Lady"))]);
    assert_eq!(operations(&case.plan()), ["update hubspot/contacts/1 jobtitle=Dr"], "first contact: tie");
}

#[test]
fn one_side_alone_agrees_on_nothing() {
    let case = Case::of(Kind::Person)
        .model(|model| model.create.clear())
        .fresh(C, &[("LastName", text("L")), ("Email", text("a@b.de"))]);
    assert!(case.plan().bases.is_empty());
}

#[test]
fn what_changes_between_create_and_answer_travels_and_is_no_tie() {
    let mut case = Case::of(Kind::Person)
        .fresh(H, &[("lastname", text("Byron")), ("email", text("ada@acme.com"))])
        .agreed("salesforce/Lead/00Q", &[("LastName", text("Lovelace")), ("Email", text("ada@acme.com"))]);
    case.link_mut("salesforce/Lead/00Q").evidence = syncline_model::Evidence::Created;
    let plan = case.plan();
    assert_eq!(operations(&plan), ["update salesforce/Lead/00Q LastName=Byron"]);
    assert_eq!(reasons(&plan), ["LastName two_way OneChanged hubspot"]);
    // Found by a key instead, it is first contact: the tie side wins.
    case.link_mut("salesforce/Lead/00Q").evidence = syncline_model::Evidence::First;
    assert_eq!(operations(&case.plan()), ["update hubspot/contacts/1 lastname=Lovelace"]);
}

#[test]
fn the_same_inputs_give_the_same_plan_in_any_order_of_links() {
    let case = pair().seen(C, 10, &[("Title", text("A"))]).seen(
        H,
        10,
        &[("jobtitle", text("B")), ("phone", text("2"))],
    );
    let plan = case.plan();
    let mut turned = case;
    turned.hood.links.reverse();
    turned.hood.snapshots.reverse();
    assert_eq!(turned.plan(), plan);
}

#[test]
fn a_map_without_a_counterpart_to_write_is_held() {
    let case = deal().bindings("stage", HS, |binding| {
        if let Codec::Map { write, .. } = &mut binding.codec {
            write.remove("won");
        }
    });
    let plan = case.seen("salesforce/Opportunity/006", 10, &[("StageName", option("Closed Won"))]).plan();
    assert!(plan.operations.is_empty() && plan.bases.is_empty());
    assert_eq!(held(&plan), ["hubspot stage unmapped [schema:hubspot/deals config]"]);
}
