//! Attributes: what stands in the way of a write, and what a new record gets.

use super::world::*;
use crate::{
    mapping::{Attribute, AttributeType, Binding, Direction, FieldState, Rule, test_support},
    plan::company_binding,
};
use std::collections::BTreeSet;
use syncline_model::{
    BaseEntry, Currency, FieldType, Interval, Kind, LinkState, Money, Observed, RunId, Value,
};

const C: &str = "salesforce/Contact/003";
const H: &str = "hubspot/contacts/1";
const O: &str = "salesforce/Opportunity/006";
const D: &str = "hubspot/deals/9";

fn contact(title: Observed) -> Vec<(&'static str, Observed)> {
    vec![("LastName", text("Lee")), ("Email", text("l@x.org")), ("Title", title)]
}

fn person(title: Observed) -> Vec<(&'static str, Observed)> {
    vec![("lastname", text("Lee")), ("email", text("l@x.org")), ("jobtitle", title)]
}

fn pair(sf: Observed, hs: Observed) -> Case {
    Case::of(Kind::Person).agreed(C, &contact(sf)).agreed(H, &person(hs))
}

fn deals(sf: &[(&'static str, Observed)], hs: &[(&'static str, Observed)]) -> Case {
    let opportunity = [("Name", text("Big")), ("StageName", option("New"))];
    let deal = [("dealname", text("Big")), ("dealstage", option("s1")), ("pipeline", option("sales"))];
    let with = |own: &[(&'static str, Observed)], more: &[(&'static str, Observed)]| {
        own.iter().chain(more).cloned().collect::<Vec<_>>()
    };
    Case::of(Kind::Deal).agreed(O, &with(&opportunity, sf)).agreed(D, &with(&deal, hs))
}

fn required(binding: &mut Binding) {
    if let FieldState::Present { required, .. } = &mut binding.field_state {
        *required = true;
    }
}

fn short(binding: &mut Binding) {
    if let FieldState::Present { max_length, .. } = &mut binding.field_state {
        *max_length = Some(2);
    }
}

#[test]
fn what_cannot_be_seen_is_listed_only_where_a_value_should_go_there() {
    let moved = |hs: Observed, sf: Observed| held(&pair(text("Dr"), hs).seen(C, 10, &[("Title", sf)]).plan());
    assert_eq!(
        moved(Observed::Absent, text("Mr")),
        ["hubspot title no_such_field [schema:hubspot/contacts]"]
    );
    assert_eq!(moved(Observed::NotFetched, text("Mr")), Vec::<String>::new());
    assert_eq!(moved(Observed::NotPermitted, Observed::Empty), Vec::<String>::new());
}

#[test]
fn a_required_field_is_not_cleared() {
    let case = pair(text("Dr"), text("Dr")).bindings("title", HS, required);
    let plan = case.seen(C, 10, &[("Title", Observed::Empty)]).plan();
    assert_eq!(operations(&plan), Vec::<String>::new());
    assert_eq!(held(&plan), ["hubspot title does_not_fit [schema:hubspot/contacts config]"]);
}

#[test]
fn what_is_written_along_is_compared_with_what_was_there() {
    let plan = deals(&[], &[]).seen(O, 10, &[("StageName", option("Closed Won"))]).plan();
    let before: Vec<String> =
        plan.operations[0].action.fields().iter().map(|it| it.before.to_string()).collect();
    assert_eq!(before, ["s1", "sales"]);
}

#[test]
fn a_set_is_united_only_where_that_is_the_rule() {
    let tags = |tags: &[&str]| {
        Observed::Value(Value::Options(tags.iter().map(|tag| (*tag).into()).collect::<BTreeSet<_>>()))
    };
    let case = deals(&[("Tags__c", tags(&["a"]))], &[("tags", tags(&["a"]))])
        .attribute("tags", |attribute| attribute.rule = Rule::TwoWay)
        .seen(O, 10, &[("Tags__c", tags(&["a", "c"]))])
        .seen(D, 10, &[("tags", tags(&["a", "d"]))]);
    assert_eq!(operations(&case.plan()), [format!("update {D} tags=a;c")]);
    let text_united = pair(text("Dr"), text("Dr"))
        .attribute("title", |attribute| attribute.rule = Rule::Union)
        .seen(C, 10, &[("Title", text("Mr"))]);
    assert_eq!(reasons(&text_united.plan()), ["jobtitle union OneChanged salesforce"]);
}

#[test]
fn a_side_that_is_only_written_gets_what_the_others_hold_once() {
    let mut case =
        pair(text("Dr"), Observed::Empty).bindings("title", HS, |binding| binding.direction = Direction::Out);
    assert_eq!(operations(&case.plan()), Vec::<String>::new(), "agreed as it is");
    let never = BaseEntry::NEVER;
    case.link_mut(H).base.as_mut().unwrap().entries.insert("jobtitle".into(), never.clone());
    let plan = case.plan();
    assert_eq!(operations(&plan), [format!("update {H} jobtitle=Dr")]);
    assert_eq!(reasons(&plan), ["jobtitle two_way FillBlank salesforce"]);
    let mut read = pair(text("Dr"), text("Dr"));
    read.link_mut(H).base.as_mut().unwrap().entries.insert("jobtitle".into(), never);
    assert_eq!(operations(&read.plan()), Vec::<String>::new());
}

#[test]
fn an_amount_is_not_put_where_one_of_another_currency_stands() {
    let money = |amount: i64, code: &str| {
        let currency = Currency::new(code).unwrap();
        Observed::Value(Value::Money(Money { amount: amount.into(), currency }))
    };
    let number = |amount: i64| Observed::Value(Value::Decimal(amount.into()));
    let changed = |code| {
        deals(&[("Amount", money(5, code))], &[("amount", number(5))])
            .seen(D, 10, &[("amount", number(7))])
            .plan()
    };
    assert_eq!(operations(&changed("USD")), [format!("update {O} Amount=7 USD")]);
    assert_eq!(operations(&changed("EUR")), Vec::<String>::new());
    assert_eq!(
        held(&changed("EUR")),
        ["salesforce amount currency_mismatch [schema:salesforce/Opportunity config]"]
    );
}

#[test]
fn a_value_agreed_on_unseen_is_no_base() {
    let mut case = pair(text("Dr"), text("Mr"));
    let changed = Some(Interval { after: Some(at(1)), until: at(2) });
    let unseen = BaseEntry { agreed: Some(Observed::NotPermitted), changed, ..BaseEntry::NEVER };
    case.link_mut(H).base.as_mut().unwrap().entries.insert("jobtitle".into(), unseen);
    assert_eq!(operations(&case.plan()), [format!("update {H} jobtitle=Dr")], "first contact: the tie");
    let hidden = pair(text("Dr"), Observed::NotPermitted).plan();
    let title = hidden.derivations.iter().find(|it| it.attribute.as_str() == "title").unwrap();
    assert_eq!((&title.sides[0].base, title.sides[0].stand), (&None, "unknown"));
}

#[test]
fn one_side_alone_agrees_with_nobody() {
    let alone = Case::of(Kind::Person)
        .agreed(C, &contact(text("Dr")))
        .link(H, LinkState::Undone(RunId(uuid::Uuid::nil())))
        .attribute("title", keep_clears)
        .seen(C, 10, &[("Title", Observed::Empty)]);
    assert_eq!(bases(&alone.plan()), Vec::<String>::new());
    // Nor do two sides of which only one carries anything.
    let case = Case::of(Kind::Person).model(|model| {
        model.edges.clear();
        model.attributes.iter_mut().for_each(|it| it.bindings.retain(|it| it.connection.as_str() == SF));
    });
    let plan = case.fresh(C, &contact(text("Dr"))).fresh(H, &person(text("Dr"))).plan();
    assert_eq!(bases(&plan), Vec::<String>::new());
}

#[test]
fn a_value_without_a_counterpart_stays_a_change_where_clears_are_kept() {
    let case = deals(&[], &[])
        .attribute("stage", keep_clears)
        .seen(O, 10, &[("StageName", option("Odd"))])
        .seen(D, 10, &[("dealstage", Observed::Empty)]);
    assert_eq!(bases(&case.plan()), [format!("{D} []")]);
}

#[test]
fn a_new_record_goes_only_with_what_is_required() {
    let made = |edit: fn(&mut Binding), name: &str, title: Observed| {
        let case = Case::of(Kind::Person).bindings(name, HS, edit).fresh(C, &contact(title));
        let plan = case.plan();
        (operations(&plan).len(), held(&plan))
    };
    let does_not_fit =
        |name: &str| vec![format!("hubspot {name} does_not_fit [schema:hubspot/contacts config]")];
    let short_and_required = |binding: &mut Binding| {
        short(binding);
        required(binding);
    };
    assert_eq!(made(short, "title", text("Prof")), (1, does_not_fit("title")));
    assert_eq!(made(short_and_required, "title", text("Prof")), (0, does_not_fit("title")));
    // The attribute that comes after one that is missing does not make up for it.
    assert_eq!(made(short_and_required, "last_name", Observed::Empty), (0, does_not_fit("last_name")));
    assert_eq!(made(required, "title", Observed::Empty), (0, does_not_fit("title")));
    assert_eq!(made(required, "title", text("Dr")), (1, vec![]));
    // What is required and not synced is for the vendor to ask for: a create that goes nowhere would say nothing.
    let off =
        Case::of(Kind::Person).bindings("title", HS, required).attribute("title", |it| it.rule = Rule::Off);
    assert_eq!(operations(&off.fresh(C, &contact(text("Dr"))).plan()).len(), 1);
}

#[test]
fn a_relation_that_is_only_read_or_not_there_is_not_given_to_a_new_record() {
    let made = |direction, missing: fn() -> FieldState| {
        let case = Case::of(Kind::Person).other(5, &["salesforce/User/U5", "hubspot/owners/5"]).edge(
            "owner",
            |edge| {
                for binding in edge.bindings.iter_mut().filter(|it| it.connection.as_str() == HS) {
                    binding.direction = direction;
                    binding.field_state = missing();
                }
            },
        );
        let mut fields = contact(Observed::Empty);
        fields.push(("OwnerId", refs(&["User/U5"])));
        operations(&case.fresh(C, &fields).plan())
    };
    let present = || test_support::binding("", "", "", FieldType::Reference).field_state;
    let bare = ["create hubspot/contacts lastname=Lee, email=l@x.org"];
    assert_eq!(
        made(Direction::Both, present),
        ["create hubspot/contacts lastname=Lee, email=l@x.org, hubspot_owner_id=#5"]
    );
    assert_eq!(made(Direction::In, present), bare);
    assert_eq!(made(Direction::Both, || FieldState::Missing), bare);
}

/// A field that only leads have, and that stands for their company.
fn company(value_type: AttributeType) -> Attribute {
    let mut company = test_support::attribute("company_text", value_type);
    let field_type = if value_type == AttributeType::Text { FieldType::Text } else { FieldType::Option };
    let mut lead = test_support::binding(SF, "Lead", "Company", field_type);
    lead.placeholder = Some(Value::text("[not provided]").unwrap());
    company.bindings.push(lead);
    company
}

#[test]
fn a_leads_company_is_named_by_its_organisation() {
    let made = |edit: fn(&mut Attribute), value_type, organisation: Option<u128>| {
        let mut case = Case::of(Kind::Person).model(|model| {
            let mut company = company(value_type);
            edit(&mut company);
            model.attributes.push(company);
        });
        case.hood.organisation_by_domain = organisation.map(entity);
        case.hood.names.insert(entity(2), "Acme".into());
        operations(&case.fresh(H, &person(Observed::Empty)).plan()).join("")
    };
    let named = |name: &str| format!("create salesforce/Lead LastName=Lee, Email=l@x.org, Company={name}");
    assert_eq!(made(|_| {}, AttributeType::Text, Some(2)), named("Acme"));
    assert_eq!(made(|_| {}, AttributeType::Text, Some(3)), named("[not provided]"), "it has no name");
    assert_eq!(made(|_| {}, AttributeType::Text, None), named("[not provided]"));
    assert_eq!(made(|_| {}, AttributeType::Option, Some(2)), named("[not provided]"), "no text");
    let contacts_too = |company: &mut Attribute| {
        company.bindings.push(test_support::binding(SF, "Contact", "Company", FieldType::Text));
    };
    assert_eq!(made(contacts_too, AttributeType::Text, Some(2)), named("[not provided]"), "no stand-in");
}

#[test]
fn a_contact_is_not_given_a_company_text() {
    let mut case = Case::of(Kind::Person)
        .model(|model| {
            let mut company = company(AttributeType::Text);
            company.bindings[0].object = "Contact".into();
            model.attributes.push(company);
        })
        .other(2, &["salesforce/Account/A2"]);
    case.hood.organisation_by_domain = Some(entity(2));
    case.hood.names.insert(entity(2), "Acme".into());
    let made = operations(&case.fresh(H, &person(Observed::Empty)).plan()).join("");
    assert!(made.contains("create salesforce/Contact") && made.contains("Company=[not provided]"), "{made}");
}

#[test]
fn the_field_that_stands_for_a_leads_company_is_found_by_its_lead_only() {
    let case = Case::of(Kind::Person).model(|model| model.attributes.push(company(AttributeType::Text)));
    let field = |address: &str| {
        company_binding(&case.mapping, &record(address)).map(|binding| binding.field.as_str())
    };
    assert_eq!(field("salesforce/Lead/00Q"), Some("Company"));
    assert_eq!((field(C), field(H)), (None, None));
    assert!(company_binding(&mapping(), &record("salesforce/Lead/00Q")).is_none(), "no such field is bound");
}
