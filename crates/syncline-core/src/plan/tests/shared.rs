//! A field that two attributes read: one of them writes it too, and its base is that one's.

use super::{models::field, world::*};
use crate::{
    mapping::{AttributeType, Direction, Rule},
    plan::side_digest,
};
use syncline_model::{FieldName, FieldType, Kind, Observed, Rest, RunId, Watch};

const A: &str = "salesforce/Account/001";
const H: &str = "hubspot/companies/1";

/// A company in step, whose website in Salesforce is also read as its domain.
fn company() -> Case {
    let mut domain = field(
        "domain",
        AttributeType::Url,
        &[(SF, "Account", "Website", FieldType::Url), (HS, "companies", "domain", FieldType::Text)],
    );
    domain.bindings[0].direction = Direction::In;
    domain.rule = Rule::Prefer(HS.into());
    let site = || text("https://acme.com");
    Case::of(Kind::Organisation)
        .model(|model| model.attributes.push(domain))
        .agreed(A, &[("Name", text("Acme")), ("Website", site())])
        .agreed(H, &[("name", text("Acme")), ("website", site()), ("domain", text("acme.com"))])
}

#[test]
fn an_edit_of_it_stays_one_until_it_has_travelled() {
    for site in [text("https://acme.de"), Observed::Empty] {
        let mut case = company().seen(A, 10, &[("Website", site.clone())]);
        let first = operations(&case.plan());
        assert_eq!(first.len(), 1, "{first:?}");
        assert!(first[0].starts_with("update hubspot/companies/1 website="), "{first:?}");
        for (record, base) in case.plan().bases {
            case.link_mut(&record.to_string()).base = Some(base);
        }
        assert_eq!(operations(&case.plan()), first, "the write did not come to anything: {site:?}");
        // Once the other side has it, it is agreed on.
        let written = case.seen(H, 20, &[("website", site)]);
        let (_, base) = written.plan().bases.into_iter().find(|(of, _)| *of == record(A)).unwrap();
        assert!(!base.entries.contains_key("Website"));
    }
}

#[test]
fn what_a_person_took_back_of_it_rests_though_the_domains_are_one() {
    let mut case = company();
    case.hood.snapshots[1].as_mut().unwrap().fields = {
        let theirs = case.hood.snapshots[1].as_ref().unwrap().fields.clone();
        let other = (FieldName::new("website"), text("https://acme.com/shop"));
        theirs.into_iter().filter(|(field, _)| field.as_str() != "website").chain([other]).collect()
    };
    let rest = Some(Rest::Undone { attribute: "website".into(), run: RunId(uuid::Uuid::nil()), took: None });
    let base = case.link_mut(A).base.as_mut().unwrap();
    base.watches.insert(FieldName::new("Website"), Watch { rest, ..Watch::default() });
    let plan = case.plan();
    assert_eq!(held(&plan).len(), 1, "{:?}", held(&plan));
    assert!(plan.bases.iter().all(|(of, base)| *of != record(A) || base.watches.contains_key("Website")));
}

#[test]
fn a_base_is_of_all_that_read_the_field() {
    let digest = |case: &Case| side_digest(&case.mapping, Kind::Organisation, &record(A));
    let other = |name| company().bindings(name, SF, |binding| binding.digest += 1);
    let now = digest(&company());
    assert_ne!(digest(&other("website")), now);
    assert_ne!(digest(&other("domain")), now);
}
