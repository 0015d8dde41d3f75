//! A third system beside the two: what is made there, out of what, and when not.

use super::world::*;
use crate::mapping::{CreateAllowed, CreateRule, KindModel, OnDelete, Rule, test_support::binding};
use syncline_model::{FieldType, Kind, LinkState, Observed};

const C: &str = "salesforce/Contact/003";
const H: &str = "hubspot/contacts/1";

fn third(model: &mut KindModel) {
    model.objects.insert("third".into(), vec!["people".into()]);
    model.create.insert("third".into(), CreateRule { allowed: CreateAllowed::As("people".into()) });
    for attribute in &mut model.attributes {
        let name = attribute.name.as_str().to_owned();
        attribute.bindings.push(binding("third", "people", &name, FieldType::Text));
    }
}

fn with_third(case: Case) -> Case {
    let mut case = case.model(third);
    let connection = case.mapping.connections[SF].clone();
    case.mapping.connections.insert("third".into(), connection);
    case
}

fn pair(sf: &str, hs: &str) -> Case {
    with_third(Case::of(Kind::Person))
        .agreed(C, &[("LastName", text("Lee")), ("Email", text("l@x.org")), ("Title", text(sf))])
        .agreed(H, &[("lastname", text("Lee")), ("email", text("l@x.org")), ("jobtitle", text(hs))])
}

#[test]
fn a_new_record_takes_what_its_rule_prefers_where_the_others_are_left_apart() {
    let made = |title: &str| format!("create third/people last_name=Lee, email=l@x.org, title={title}");
    assert_eq!(operations(&pair("Dr", "Mr").plan()), [made("Dr")], "the tie");
    let preferred = pair("Dr", "Mr").attribute("title", |it| it.rule = Rule::Prefer(HS.into()));
    assert_eq!(operations(&preferred.plan()), [made("Mr")]);
    // Where that one shows nothing, what there is.
    let blank = pair("Dr", "Mr").seen(C, 10, &[("Title", Observed::NotPermitted)]);
    assert_eq!(operations(&blank.plan()), [made("Mr")]);
}

#[test]
fn nothing_new_is_made_of_what_waits_for_a_word_on_a_delete() {
    let gone = |on_delete| {
        with_third(Case::of(Kind::Person))
            .model(|model| model.on_delete = on_delete)
            .fresh(H, &[("lastname", text("Lee")), ("email", text("l@x.org"))])
            .link(C, LinkState::Deleted)
            .plan()
    };
    assert_eq!(operations(&gone(OnDelete::Review)), Vec::<String>::new());
    assert_eq!(operations(&gone(OnDelete::Archive)), ["archive hubspot/contacts/1"]);
    assert_eq!(operations(&gone(OnDelete::Unlink)), ["create third/people last_name=Lee, email=l@x.org"]);
}
