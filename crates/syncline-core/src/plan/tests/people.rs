//! What people and organisations become on the other side, and what is never made.

use super::world::*;
use crate::{
    mapping::{CreateAllowed, OnDelete},
    plan::TargetState,
};
use syncline_model::{
    Evidence, Kind, LinkState, Observed, RecordState, RunId, plan::HeldReason, review::Question,
};

const H: &str = "hubspot/contacts/1";

fn hubspot(fields: &[(&'static str, Observed)]) -> Case {
    let mut all = vec![("lastname", text("Lovelace")), ("email", text("ada@acme.com"))];
    all.extend(fields.iter().cloned());
    Case::of(Kind::Person).fresh(H, &all)
}

#[test]
fn accounts_are_born_in_salesforce_unless_the_model_lifts_it() {
    let company = |mapping| {
        Case::under(mapping, Kind::Organisation)
            .fresh("hubspot/companies/7", &[("name", text("Acme"))])
            .plan()
    };
    let plan = company(mapping());
    assert!(plan.operations.is_empty());
    assert_eq!(held(&plan), ["salesforce - model_forbids_create [config]"]);
    assert_eq!(operations(&company(contacts_only())), ["create salesforce/Account Name=Acme"]);
}

#[test]
fn a_person_of_a_known_account_becomes_a_contact() {
    let plan = hubspot(&[("@contact_to_company", refs(&["companies/C2!"]))])
        .other(2, &["salesforce/Account/A2", "hubspot/companies/C2"])
        .plan();
    assert_eq!(
        operations(&plan),
        ["create salesforce/Contact LastName=Lovelace, Email=ada@acme.com, AccountId=#2"]
    );
    assert_eq!(plan.pending_organisation, None);
}

#[test]
fn a_person_with_the_domain_of_a_known_account_becomes_a_contact_under_it() {
    let mut case = hubspot(&[]).other(2, &["salesforce/Account/A2"]);
    case.hood.organisation_by_domain = Some(entity(2));
    assert_eq!(
        operations(&case.plan()),
        ["create salesforce/Contact LastName=Lovelace, Email=ada@acme.com, AccountId=#2"]
    );
}

#[test]
fn any_other_person_becomes_a_lead_with_its_organisation_pending() {
    let plan = hubspot(&[("@contact_to_company", refs(&["companies/C2!"]))])
        .other(2, &["hubspot/companies/C2"])
        .plan();
    assert_eq!(operations(&plan), ["create salesforce/Lead LastName=Lovelace, Email=ada@acme.com"]);
    assert_eq!(plan.pending_organisation, Some(entity(2)));
    assert!(plan.findings.is_empty());
    let plan = hubspot(&[]).plan();
    assert_eq!(operations(&plan), ["create salesforce/Lead LastName=Lovelace, Email=ada@acme.com"]);
    assert_eq!(plan.pending_organisation, None);
}

#[test]
fn the_company_of_a_lead_that_is_there_is_what_its_contact_shows() {
    let lead = |company: Observed| {
        hubspot(&[("@contact_to_company", company)])
            .fresh("salesforce/Lead/L1", &[("LastName", text("Lovelace")), ("Email", text("ada@acme.com"))])
            .other(2, &["hubspot/companies/C2"])
    };
    let companies = |case: Case| -> Vec<_> {
        let companies = case.plan().companies.into_iter();
        companies.map(|it| (it.lead.to_string(), it.organisation, it.name)).collect()
    };
    let noted = |organisation, name: Option<&str>| {
        vec![("salesforce/Lead/L1".to_owned(), organisation, name.map(Into::into))]
    };
    let mut named = lead(refs(&["companies/C2!"]));
    named.hood.names.insert(entity(2), "Acme".into());
    assert_eq!(companies(named), noted(Some(entity(2)), Some("Acme")));
    assert_eq!(companies(lead(Observed::Empty)), noted(None, None));
    for unknown in [Observed::NotPermitted, Observed::NotFetched, refs(&["companies/C9!"])] {
        assert_eq!(companies(lead(unknown.clone())), [], "{unknown:?}: what is known stays");
    }
    let mut asked = lead(refs(&["companies/C2!"]));
    asked.hood.records_of.clear();
    assert_eq!(companies(asked), [], "a company that waits for somebody's word is none yet");
}

#[test]
fn a_person_waits_for_a_company_that_is_nobodys_before_it_becomes_anything() {
    let mut case =
        hubspot(&[("@contact_to_company", refs(&["companies/C9!"]))]).other(2, &["salesforce/Account/A2"]);
    case.hood.organisation_by_domain = Some(entity(2));
    let plan = case.plan();
    assert!(plan.operations.is_empty());
    assert_eq!(
        held(&plan)[0],
        "salesforce company waits_for_parent until 86400 [record:hubspot/companies/C9]"
    );
    case.hood.waiting_since = Some(at(-86_401));
    assert_eq!(operations(&case.plan()).len(), 1, "then it goes ahead");
}

#[test]
fn a_person_waits_for_a_company_that_somebody_is_asked_about() {
    let company = record("hubspot/companies/C2");
    let with = |state: TargetState| {
        let mut case =
            hubspot(&[("@contact_to_company", refs(&["companies/C2!"]))]).other(2, &["hubspot/companies/C2"]);
        case.hood.records_of.clear();
        case.hood.targets.get_mut(&company).unwrap().state = state;
        case
    };
    let lead = ["create salesforce/Lead LastName=Lovelace, Email=ada@acme.com"];
    let plan = with(TargetState::Asked).plan();
    assert!(plan.operations.is_empty(), "it may be a known account: {:?}", operations(&plan));
    let waits =
        format!("salesforce company waits_for_parent until 86400 [record:{company} entity:{}]", entity(2));
    assert_eq!(held(&plan), [waits]);
    let mut late = with(TargetState::Asked);
    late.hood.waiting_since = Some(at(-86_401));
    assert_eq!(operations(&late.plan()), lead);
    assert_eq!(operations(&with(TargetState::Deleted).plan()), lead, "nobody waits for what is gone");
}

#[test]
fn contacts_only_makes_contacts() {
    let mut case = hubspot(&[]);
    case.mapping = contacts_only();
    assert_eq!(operations(&case.plan()), ["create salesforce/Contact LastName=Lovelace, Email=ada@acme.com"]);
}

#[test]
fn a_create_that_was_refused_is_not_tried_again_as_it_is() {
    let mut case = hubspot(&[]);
    let plan = case.plan();
    let after =
        plan.operations[0].action.fields().iter().map(|it| (it.field.clone(), it.after.clone())).collect();
    case.hood.refusals.push(crate::plan::Refusal {
        connection: SF.into(),
        part: crate::plan::RefusedPart::Create,
        after,
        code: "RULE".into(),
        message: "no".into(),
        wake: "schema:salesforce/Lead".into(),
    });
    let plan = case.plan();
    assert!(plan.operations.is_empty());
    assert_eq!(held(&plan), ["salesforce - refused [schema:salesforce/Lead]"]);
    let plan = case.seen(H, 10, &[("jobtitle", text("Dr"))]).plan();
    assert_eq!(operations(&plan).len(), 1, "with other values it is");
}

#[test]
fn a_create_without_a_refused_field_goes_unless_the_field_is_required() {
    let refused = |field: &str, value: &str| {
        let mut case = hubspot(&[("jobtitle", text("Dr"))]);
        case.hood.refusals.push(crate::plan::Refusal {
            connection: SF.into(),
            part: crate::plan::RefusedPart::Field(field.into()),
            after: vec![(
                field.into(),
                syncline_model::After::Value(syncline_model::Value::text(value).unwrap()),
            )],
            code: "X".into(),
            message: "x".into(),
            wake: "schema:salesforce/Lead".into(),
        });
        case.plan()
    };
    assert_eq!(
        operations(&refused("Title", "Dr")),
        ["create salesforce/Lead LastName=Lovelace, Email=ada@acme.com"]
    );
    assert!(refused("LastName", "Lovelace").operations.is_empty());
}

#[test]
fn an_undecided_create_is_not_repeated() {
    let mut case = hubspot(&[]);
    case.hood.parked.insert(SF.into(), "the create of a Lead".into());
    let plan = case.plan();
    assert!(plan.operations.is_empty());
    assert!(matches!(plan.held[0].0.reason, HeldReason::Parked { .. }));
}

#[test]
fn a_deleted_record_is_asked_about_and_never_brought_back() {
    let case = || hubspot(&[]).link("salesforce/Contact/003", LinkState::Deleted);
    let plan = case().plan();
    assert!(plan.operations.is_empty());
    assert_eq!(held(&plan), ["salesforce - deleted_elsewhere []"]);
    assert_eq!(
        plan.questions,
        [Question::Deleted { entity: entity(1), record: record("salesforce/Contact/003") }]
    );
    let plan = case().model(|model| model.on_delete = OnDelete::Unlink).plan();
    assert!(plan.operations.is_empty() && plan.held.is_empty() && plan.questions.is_empty());
}

#[test]
fn what_somebody_refers_to_does_not_follow_a_delete() {
    let mut case = hubspot(&[]).model(|model| model.on_delete = OnDelete::Archive);
    case = case.link("salesforce/Contact/003", LinkState::Deleted);
    assert_eq!(case.plan().operations.len(), 1);
    let (own, deal) = (case.hood.links[0].record.clone(), record("hubspot/deals/7"));
    case.hood.referred.insert(own, deal.clone());
    let plan = case.plan();
    assert!(plan.operations.is_empty());
    assert_eq!(held(&plan), ["salesforce - deleted_elsewhere [record:hubspot/deals/7]"]);
    assert_eq!(plan.questions.len(), 1);
    assert!(plan.held[0].0.reason.to_string().contains(&deal.to_string()));
}

#[test]
fn a_delete_is_followed_where_declared_and_only_while_it_holds() {
    let mut case = hubspot(&[]).model(|model| model.on_delete = OnDelete::Archive);
    case = case.link("salesforce/Contact/003", LinkState::Deleted);
    if let Some(Some(snapshot)) = case.hood.snapshots.last_mut() {
        snapshot.state = RecordState::Deleted;
    }
    let plan = case.plan();
    assert_eq!(operations(&plan), ["archive hubspot/contacts/1"]);
    let conditions: Vec<String> =
        plan.operations[0].preconditions.iter().map(|condition| condition.record.to_string()).collect();
    assert_eq!(conditions, [H, "salesforce/Contact/003"], "restored meanwhile, nothing is archived");
}

#[test]
fn what_took_another_record_in_does_not_follow_a_delete() {
    let merged = |address: &str| {
        let mut case = hubspot(&[]).model(|model| model.on_delete = OnDelete::Archive);
        case = case.link("salesforce/Contact/003", LinkState::Deleted);
        case.link_mut(address).evidence = Evidence::Merge("2".into());
        case.plan()
    };
    let plan = merged(H);
    assert_eq!((operations(&plan), plan.questions.len()), (vec![], 1));
    assert_eq!(held(&plan), ["salesforce - deleted_elsewhere []"]);
    let gone = merged("salesforce/Contact/003");
    assert_eq!(
        operations(&gone),
        [format!("archive {H}")],
        "what was deleted had taken one in: both are gone"
    );
}

#[test]
fn what_took_another_record_in_and_went_on_does_not_follow_a_delete_either() {
    let was = |state: LinkState, evidence: Evidence| {
        let mut case = Case::of(Kind::Person)
            .model(|model| model.on_delete = OnDelete::Archive)
            .agreed(
                "salesforce/Contact/004",
                &[("LastName", text("Lovelace")), ("Email", text("ada@acme.com"))],
            )
            .link(H, LinkState::Deleted)
            .link("salesforce/Lead/00Q", state);
        case.link_mut("salesforce/Lead/00Q").evidence = evidence;
        case.plan()
    };
    let converted = || LinkState::ConvertedTo("004".into());
    let asked = was(converted(), Evidence::Merge("00R".into()));
    assert_eq!((operations(&asked), asked.questions.len()), (vec![], 1));
    assert_eq!(operations(&was(converted(), Evidence::First)), ["archive salesforce/Contact/004"]);
    // A second one that had taken another in, and was taken out, has no part in the one that stays.
    let left_out = was(LinkState::Excluded, Evidence::Merge("00R".into()));
    assert_eq!(operations(&left_out), ["archive salesforce/Contact/004"]);
}

#[test]
fn what_was_deleted_after_it_had_taken_another_record_in_is_asked_about() {
    let taken = |address: &str| {
        let mut case = hubspot(&[]).model(|model| model.on_delete = OnDelete::Archive);
        case = case.link("salesforce/Contact/003", LinkState::Deleted);
        case.link(address, LinkState::MergedInto("003".into())).plan()
    };
    let plan = taken("salesforce/Contact/002");
    assert_eq!((operations(&plan), plan.questions.len()), (vec![], 1));
    assert_eq!(held(&plan), ["salesforce - deleted_elsewhere []"]);
    // Ids are unique within an object only.
    for other in ["salesforce/Lead/002", "hubspot/contacts/2"] {
        assert_eq!(operations(&taken(other)), [format!("archive {H}")], "{other}");
    }
}

#[test]
fn a_record_that_was_seen_deleted_has_a_successor_after_a_merge_and_nobody_is_asked() {
    let plan = hubspot(&[])
        .agreed("salesforce/Contact/004", &[("LastName", text("Lovelace")), ("Email", text("ada@acme.com"))])
        .link("salesforce/Contact/003", LinkState::Deleted)
        .plan();
    assert!(plan.questions.is_empty() && plan.operations.is_empty());
}

#[test]
fn duplicates_excluded_and_converted_records_are_never_written_and_nothing_is_made_beside_them() {
    for state in [
        LinkState::DuplicateOf("002".into()),
        LinkState::Excluded,
        LinkState::ConvertedTo("003".into()),
        LinkState::MergedInto("003".into()),
        LinkState::Pending,
    ] {
        let plan = hubspot(&[])
            .link("salesforce/Lead/00Q", state.clone())
            .seen(H, 10, &[("phone", text("1"))])
            .plan();
        assert!(plan.operations.is_empty(), "{state:?}: {:?}", operations(&plan));
    }
    // The company of a lead is no record of the organisation.
    let mut company = Case::of(Kind::Organisation)
        .model(|model| {
            model.create.get_mut(SF).unwrap().allowed = CreateAllowed::As("Account".into());
        })
        .fresh("hubspot/companies/7", &[("name", text("Acme"))])
        .link("salesforce/Lead/00Q", LinkState::Pending);
    company.link_mut("salesforce/Lead/00Q").evidence = Evidence::CompanyOfLead;
    assert_eq!(operations(&company.plan()), ["create salesforce/Account Name=Acme"]);
}

#[test]
fn an_ambiguous_record_waits_for_its_review() {
    let mut case = Case::of(Kind::Person).link(H, LinkState::Pending);
    case.hood.review = Some(7);
    let plan = case.plan();
    assert!(plan.operations.is_empty());
    assert_eq!(held(&plan), ["hubspot - ambiguous [review:7]"]);
}

#[test]
fn two_records_in_force_on_one_side_are_never_both_written() {
    let plan = Case::of(Kind::Person)
        .agreed(H, &[("lastname", text("L")), ("email", text("a@b.de"))])
        .agreed("salesforce/Contact/003", &[("LastName", text("L")), ("Email", text("a@b.de"))])
        .agreed("salesforce/Lead/00Q", &[("LastName", text("L")), ("Email", text("a@b.de"))])
        .seen(H, 10, &[("jobtitle", text("Dr"))])
        .plan();
    assert_eq!(operations(&plan), ["update salesforce/Contact/003 Title=Dr"]);
}

#[test]
fn a_contact_that_was_taken_before_its_lead_is_listed() {
    let listed = |beside: &str, state: LinkState| {
        let case = hubspot(&[])
            .agreed(
                "salesforce/Contact/003",
                &[("LastName", text("Lovelace")), ("Email", text("ada@acme.com"))],
            )
            .link(beside, state);
        let mut found = findings(&case.plan());
        found.retain(|it| !it.contains("no company"));
        found
    };
    let duplicate = || LinkState::DuplicateOf("003".into());
    assert_eq!(
        listed("salesforce/Lead/00Q", duplicate()),
        ["salesforce/Contact/003 a contact and the lead salesforce/Lead/00Q match; the contact was taken"]
    );
    assert_eq!(listed("salesforce/Contact/004", duplicate()), Vec::<String>::new());
    assert_eq!(listed("hubspot/contacts/2", duplicate()), Vec::<String>::new());
    assert_eq!(listed("salesforce/Lead/00Q", LinkState::ConvertedTo("003".into())), Vec::<String>::new());
}

#[test]
fn a_record_that_a_person_took_back_is_not_made_again_and_says_so() {
    let run = RunId(uuid::Uuid::from_u128(7));
    let plan = hubspot(&[]).link("salesforce/Lead/00Q", LinkState::Undone(run)).plan();
    assert!(plan.operations.is_empty() && plan.questions.is_empty());
    assert_eq!(held(&plan), ["salesforce - undone []"]);
    let other = hubspot(&[])
        .agreed("salesforce/Contact/003", &[("LastName", text("Lovelace")), ("Email", text("ada@acme.com"))])
        .link("salesforce/Lead/00Q", LinkState::Undone(run));
    assert_eq!(held(&other.plan()), Vec::<String>::new(), "another one is there");
}

#[test]
fn only_the_link_that_waits_is_held_for_review() {
    let mut case =
        Case::of(Kind::Person).link(H, LinkState::Pending).link("salesforce/Contact/003", LinkState::Deleted);
    case.hood.review = Some(7);
    assert_eq!(held(&case.plan()), ["hubspot - ambiguous [review:7]"]);
    case.link_mut(H).facet = Kind::Organisation;
    assert_eq!(held(&case.plan()), Vec::<String>::new(), "its company waits, not it");
}

#[test]
fn the_company_of_a_lead_that_is_gone_is_no_deleted_person() {
    let mut case = hubspot(&[]).link("salesforce/Lead/00Q", LinkState::Deleted);
    case.link_mut("salesforce/Lead/00Q").facet = Kind::Organisation;
    assert!(case.plan().questions.is_empty());
}

#[test]
fn the_wait_for_a_parent_ends_on_the_minute() {
    let mut case = hubspot(&[("@contact_to_company", refs(&["companies/C9!"]))]);
    case.hood.waiting_since = Some(at(-86_399));
    assert_eq!(operations(&case.plan()).len(), 0);
    case.hood.waiting_since = Some(at(-86_400));
    assert_eq!(operations(&case.plan()).len(), 1);
}
