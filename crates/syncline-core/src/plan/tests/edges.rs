//! Relations: parents, owners, sets; who waits for whom.

use super::world::*;
use crate::{mapping::Rule, plan::Target};
use syncline_model::{Kind, Observed};

const O: &str = "salesforce/Opportunity/006";
const D: &str = "hubspot/deals/9";

fn opportunity(fields: &[(&str, Observed)]) -> Vec<(&'static str, Observed)> {
    let mut all = vec![("Name", text("Big")), ("StageName", option("New"))];
    all.extend(fields.iter().map(|(field, value)| match *field {
        "AccountId" => ("AccountId", value.clone()),
        "OwnerId" => ("OwnerId", value.clone()),
        _ => ("@OpportunityContactRole", value.clone()),
    }));
    all
}

fn hs_deal(fields: &[(&str, Observed)]) -> Vec<(&'static str, Observed)> {
    let mut all =
        vec![("dealname", text("Big")), ("dealstage", option("s1")), ("pipeline", option("default"))];
    all.extend(fields.iter().map(|(field, value)| match *field {
        "@deal_to_company" => ("@deal_to_company", value.clone()),
        "hubspot_owner_id" => ("hubspot_owner_id", value.clone()),
        _ => ("@deal_to_contact", value.clone()),
    }));
    all
}

/// Two known organisations, 2 and 3.
fn known(case: Case) -> Case {
    case.other(2, &["salesforce/Account/A2", "hubspot/companies/C2"])
        .other(3, &["salesforce/Account/A3", "hubspot/companies/C3"])
}

fn pair() -> Case {
    known(Case::of(Kind::Deal))
        .agreed(O, &opportunity(&[("AccountId", refs(&["Account/A2"]))]))
        .agreed(D, &hs_deal(&[("@deal_to_company", refs(&["companies/C2!"]))]))
}

#[test]
fn a_deal_without_an_account_in_its_source_is_written_and_listed() {
    let plan = Case::of(Kind::Deal).fresh(O, &opportunity(&[])).plan();
    assert_eq!(operations(&plan), ["create hubspot/deals dealname=Big, dealstage=s1, pipeline=default"]);
    assert_eq!(findings(&plan), ["salesforce/Opportunity/006 it has no account in its source"]);
    assert!(plan.held.is_empty());
}

#[test]
fn a_relation_that_nothing_hangs_on_is_not_missed() {
    let plan = Case::of(Kind::Organisation).fresh("salesforce/Account/A1", &[("Name", text("Acme"))]).plan();
    assert_eq!(operations(&plan), ["create hubspot/companies name=Acme"]);
    assert!(plan.findings.is_empty(), "an organisation needs no parent: {:?}", findings(&plan));
}

#[test]
fn a_hubspot_deal_waits_for_its_company_to_be_an_account() {
    let plan = Case::of(Kind::Deal)
        .other(2, &["hubspot/companies/C2"])
        .fresh(D, &hs_deal(&[("@deal_to_company", refs(&["companies/C2!"]))]))
        .plan();
    assert!(plan.operations.is_empty());
    assert_eq!(held(&plan), [format!("salesforce - waits_for_account [entity:{}]", entity(2))]);
    let without = Case::of(Kind::Deal).fresh(D, &hs_deal(&[])).plan();
    assert_eq!(held(&without), ["salesforce - waits_for_account []"]);
    assert!(without.findings.is_empty(), "it is not written");
    let linked = known(Case::of(Kind::Deal))
        .fresh(D, &hs_deal(&[("@deal_to_company", refs(&["companies/C2!"]))]))
        .plan();
    assert_eq!(operations(&linked), ["create salesforce/Opportunity Name=Big, StageName=New, AccountId=#2"]);
}

#[test]
fn contacts_only_lets_the_deal_go_ahead_of_no_account() {
    let plan = Case::under(contacts_only(), Kind::Deal).fresh(D, &hs_deal(&[])).plan();
    assert_eq!(operations(&plan), ["create salesforce/Opportunity Name=Big, StageName=New"]);
}

#[test]
fn a_missing_parent_is_waited_for_then_gone_ahead_of_then_set() {
    let mut case = Case::of(Kind::Deal)
        .other(2, &["salesforce/Account/A2"])
        .fresh(O, &opportunity(&[("AccountId", refs(&["Account/A2"]))]));
    let wake = format!("record:salesforce/Account/A2 entity:{}", entity(2));
    let plan = case.plan();
    assert!(plan.operations.is_empty());
    assert_eq!(held(&plan), [format!("hubspot account waits_for_parent until 86400 [{wake}]")]);

    case.hood.waiting_since = Some(at(0));
    let case = case.at(86_401);
    let plan = case.plan();
    assert_eq!(operations(&plan), ["create hubspot/deals dealname=Big, dealstage=s1, pipeline=default"]);
    assert_eq!(held(&plan), [format!("hubspot account waits_for_parent [{wake}]")]);

    // Created without it: still waiting, and nothing is taken for agreed.
    let case = case.agreed(D, &hs_deal(&[]));
    let plan = case.plan();
    assert!(plan.operations.is_empty());
    assert_eq!(held(&plan), [format!("hubspot account waits_for_parent [entity:{}]", entity(2))]);
    assert_eq!(bases(&plan), [format!("{O} [AccountId OwnerId]").replace(" OwnerId", "")]);

    let plan = known(case).plan();
    assert_eq!(
        operations(&plan),
        ["associate hubspot/deals/9 @deal_to_company hubspot/companies/C2 primary"]
    );
}

#[test]
fn a_parent_created_in_the_same_plan_is_named_by_its_entity() {
    let mut case = Case::of(Kind::Deal)
        .other(2, &["salesforce/Account/A2"])
        .fresh(O, &opportunity(&[("AccountId", refs(&["Account/A2"]))]));
    case.hood.planned.insert((entity(2), HS.into()));
    assert_eq!(
        operations(&case.plan()),
        [
            "create hubspot/deals dealname=Big, dealstage=s1, pipeline=default",
            "associate #1 @deal_to_company #2 primary"
        ]
    );
}

#[test]
fn a_reference_to_a_record_that_is_nobodys_waits_for_the_record() {
    let case = Case::of(Kind::Deal).fresh(O, &opportunity(&[("AccountId", refs(&["Account/A9"]))]));
    let plan = case.plan();
    assert_eq!(held(&plan)[0], "hubspot account waits_for_parent until 86400 [record:salesforce/Account/A9]");
    assert!(plan.operations.is_empty() && plan.findings.is_empty());
    // On a linked pair it neither travels nor is it written over.
    let moved = pair().seen(O, 10, &[("AccountId", refs(&["Account/A9"]))]);
    let plan = moved.plan();
    assert!(plan.operations.is_empty() && plan.bases.is_empty());
    assert_eq!(held(&plan), ["hubspot account waits_for_parent [record:salesforce/Account/A9]"]);
    let both = moved.seen(D, 20, &[("@deal_to_company", refs(&["companies/C3!"]))]).plan();
    assert!(both.operations.is_empty() && both.bases.is_empty(), "{:?}", operations(&both));
    // Once it is somebody's it travels.
    let mut known = pair().seen(O, 10, &[("AccountId", refs(&["Account/A3"]))]);
    known.hood.targets.insert(record("salesforce/Account/A2"), Target::default());
    assert_eq!(
        operations(&known.plan()),
        [
            "dissociate hubspot/deals/9 @deal_to_company hubspot/companies/C2 primary",
            "associate hubspot/deals/9 @deal_to_company hubspot/companies/C3 primary"
        ],
        "also where the record before is nobody's any more"
    );
}

#[test]
fn the_old_primary_company_goes_before_the_new_one_is_set() {
    let plan = pair().seen(O, 10, &[("AccountId", refs(&["Account/A3"]))]).plan();
    assert_eq!(
        operations(&plan),
        [
            "dissociate hubspot/deals/9 @deal_to_company hubspot/companies/C2 primary",
            "associate hubspot/deals/9 @deal_to_company hubspot/companies/C3 primary"
        ]
    );
    assert!(plan.bases.is_empty());
    // Issued only while the source still says so.
    let conditions: Vec<String> =
        plan.operations[0].preconditions.iter().map(|condition| condition.record.to_string()).collect();
    assert_eq!(conditions, [D, O]);
    let back = pair().seen(D, 10, &[("@deal_to_company", refs(&["companies/C2", "companies/C3!"]))]).plan();
    assert_eq!(operations(&back), ["update salesforce/Opportunity/006 AccountId=#3"]);
}

#[test]
fn clearing_the_account_takes_away_that_company_only() {
    let case = || {
        known(Case::of(Kind::Deal))
            .agreed(O, &opportunity(&[("AccountId", refs(&["Account/A2"]))]))
            .agreed(D, &hs_deal(&[("@deal_to_company", refs(&["companies/C2!", "companies/C3"]))]))
            .seen(O, 10, &[("AccountId", Observed::Empty)])
    };
    assert_eq!(
        operations(&case().plan()),
        ["dissociate hubspot/deals/9 @deal_to_company hubspot/companies/C2 primary"]
    );
    let mut gone = case().seen(D, 20, &[("@deal_to_company", refs(&["companies/C3"]))]);
    gone.link_mut(D).base.as_mut().unwrap().entries.clear();
    let plan = gone.plan();
    assert!(plan.operations.is_empty(), "the other company was not cleared: {:?}", operations(&plan));
    assert_eq!(bases(&plan), ["salesforce/Opportunity/006 []"]);
}

#[test]
fn an_account_is_filled_where_the_other_side_has_none() {
    let plan = known(Case::of(Kind::Deal))
        .fresh(O, &opportunity(&[]))
        .fresh(D, &hs_deal(&[("@deal_to_company", refs(&["companies/C2!"]))]))
        .plan();
    assert_eq!(operations(&plan), ["update salesforce/Opportunity/006 AccountId=#2"]);
}

#[test]
fn an_owner_without_a_counterpart_holds_up_nothing_else() {
    let plan = Case::of(Kind::Organisation)
        .other(5, &["salesforce/User/U5"])
        .fresh("salesforce/Account/A1", &[("Name", text("Acme")), ("OwnerId", refs(&["User/U5"]))])
        .plan();
    assert_eq!(operations(&plan), ["create hubspot/companies name=Acme"]);
    let wake = format!("record:salesforce/User/U5 entity:{}", entity(5));
    assert_eq!(held(&plan), [format!("hubspot owner no_such_user [{wake}]")]);
    let plan = Case::of(Kind::Organisation)
        .other(5, &["salesforce/User/U5", "hubspot/owners/5"])
        .fresh("salesforce/Account/A1", &[("Name", text("Acme")), ("OwnerId", refs(&["User/U5"]))])
        .plan();
    assert_eq!(operations(&plan), ["create hubspot/companies name=Acme, hubspot_owner_id=#5"]);
}

#[test]
fn an_owner_without_a_counterpart_gives_way_to_one_that_has() {
    let case = Case::of(Kind::Organisation)
        .other(5, &["salesforce/User/U5", "hubspot/owners/5"])
        .other(6, &["salesforce/User/U6", "hubspot/owners/6"])
        .agreed("salesforce/Account/A1", &[("Name", text("Acme")), ("OwnerId", refs(&["User/U5"]))])
        .agreed("hubspot/companies/1", &[("name", text("Acme")), ("hubspot_owner_id", refs(&["owners/77"]))])
        .seen("salesforce/Account/A1", 10, &[("OwnerId", refs(&["User/U6"]))]);
    assert_eq!(operations(&case.plan()), ["update hubspot/companies/1 hubspot_owner_id=#6"]);
}

#[test]
fn parents_of_the_same_kind_are_placed_afterwards() {
    let case = Case::of(Kind::Organisation)
        .other(2, &["salesforce/Account/A2"])
        .fresh("salesforce/Account/A1", &[("Name", text("Child")), ("ParentId", refs(&["Account/A2"]))]);
    let plan = case.plan();
    assert_eq!(
        operations(&plan),
        ["create hubspot/companies name=Child"],
        "a circle of parents would wait for ever"
    );
    let wake = format!("record:salesforce/Account/A2 entity:{}", entity(2));
    assert_eq!(held(&plan), [format!("hubspot parent waits_for_parent [{wake}]")]);
    let placed = case
        .other(2, &["salesforce/Account/A2", "hubspot/companies/C2"])
        .agreed("hubspot/companies/1", &[("name", text("Child"))])
        .plan();
    assert_eq!(operations(&placed), ["associate hubspot/companies/1 @parent hubspot/companies/C2"]);
}

#[test]
fn a_required_relation_is_not_cleared_and_not_done_without() {
    let case = || pair().edge("account", |edge| edge.required = true);
    let plan = case().seen(D, 10, &[("@deal_to_company", Observed::Empty)]).plan();
    assert!(plan.operations.is_empty() && plan.bases.is_empty());
    assert_eq!(held(&plan), ["salesforce account does_not_fit []"]);
    let plan =
        Case::of(Kind::Deal).edge("account", |edge| edge.required = true).fresh(O, &opportunity(&[])).plan();
    assert!(plan.operations.is_empty());
    assert_eq!(held(&plan), ["hubspot account does_not_fit []"]);
}

#[test]
fn contacts_of_a_deal_come_and_go_one_by_one() {
    let people = |case: Case| {
        known(case)
            .other(11, &["salesforce/Contact/P1", "hubspot/contacts/1"])
            .other(12, &["salesforce/Contact/P2", "hubspot/contacts/2"])
            .other(13, &["salesforce/Contact/P3", "hubspot/contacts/3"])
    };
    let case = people(Case::of(Kind::Deal))
        .agreed(O, &opportunity(&[("@OpportunityContactRole", refs(&["Contact/P1:Buyer", "Contact/P2"]))]))
        .agreed(D, &hs_deal(&[("@deal_to_contact", refs(&["contacts/1", "contacts/2"]))]))
        .seen(O, 10, &[("@OpportunityContactRole", refs(&["Contact/P1:Buyer", "Contact/P2", "Contact/P3"]))])
        .seen(D, 20, &[("@deal_to_contact", refs(&["contacts/2"]))]);
    let plan = case.plan();
    assert_eq!(
        operations(&plan),
        [
            "associate hubspot/deals/9 @deal_to_contact hubspot/contacts/3",
            "dissociate salesforce/Opportunity/006 @OpportunityContactRole salesforce/Contact/P1 as Buyer"
        ]
    );
    assert!(plan.bases.is_empty(), "neither is agreed yet: {:?}", bases(&plan));
}

#[test]
fn a_contact_that_is_not_there_yet_does_not_keep_the_others_from_agreeing() {
    let case = known(Case::of(Kind::Deal))
        .other(11, &["salesforce/Contact/P1", "hubspot/contacts/1"])
        .other(12, &["hubspot/contacts/2"])
        .fresh(O, &opportunity(&[("@OpportunityContactRole", refs(&["Contact/P1"]))]))
        .fresh(D, &hs_deal(&[("@deal_to_contact", refs(&["contacts/1", "contacts/2", "contacts/99"]))]));
    let plan = case.plan();
    assert!(plan.operations.is_empty());
    assert_eq!(
        held(&plan),
        [
            format!("salesforce contacts waits_for_parent [entity:{}]", entity(12)),
            "salesforce contacts waits_for_parent [record:hubspot/contacts/99]".to_owned()
        ]
    );
    let base = &plan.bases.iter().find(|(record, _)| record.connection.as_str() == HS).unwrap().1;
    assert_eq!(base.entries["@deal_to_contact"].agreed, Some(refs(&["contacts/1"])));
    // So the removal of the agreed one travels, and is not undone by a union without base.
    let mut later = case.seen(O, 10, &[("@OpportunityContactRole", Observed::Empty)]);
    for (record, base) in plan.bases {
        later.link_mut(&record.to_string()).base = Some(base);
    }
    let mut removed = later.hood.links.clone();
    removed.iter_mut().for_each(|link| {
        if link.record.connection.as_str() == SF {
            let entry = syncline_model::BaseEntry {
                agreed: Some(refs(&["Contact/P1"])),
                ..syncline_model::BaseEntry::NEVER
            };
            link.base.as_mut().unwrap().entries.insert("@OpportunityContactRole".into(), entry);
        }
    });
    later.hood.links = removed;
    assert_eq!(operations(&later.plan()), ["dissociate hubspot/deals/9 @deal_to_contact hubspot/contacts/1"]);
}

#[test]
fn a_ruled_set_is_written_back() {
    let case = known(Case::of(Kind::Deal))
        .edge("contacts", |edge| edge.rule = Rule::Always(SF.into()))
        .other(11, &["salesforce/Contact/P1", "hubspot/contacts/1"])
        .agreed(O, &opportunity(&[("@OpportunityContactRole", refs(&["Contact/P1"]))]))
        .agreed(D, &hs_deal(&[("@deal_to_contact", refs(&["contacts/1"]))]))
        .seen(D, 10, &[("@deal_to_contact", Observed::Empty)]);
    assert_eq!(operations(&case.plan()), ["associate hubspot/deals/9 @deal_to_contact hubspot/contacts/1"]);
}
