//! Matching keys that may not be seen: what would be made waits, as it may be there already.

use super::world::*;
use crate::mapping::{CreateAllowed, FieldState, KeySource, MatchRule};
use syncline_model::{Kind, Observed};

const ACCOUNT: &str = "salesforce/Account/001";
const COMPANY: &str = "hubspot/companies/1";

fn keyed(key: &str, from: KeySource) -> Case {
    let rule = MatchRule::Attribute { key: key.into(), from };
    Case::of(Kind::Organisation).model(|model| {
        model.match_keys = vec![MatchRule::Planted, rule];
        model.create.get_mut(SF).unwrap().allowed = CreateAllowed::As("Account".into());
    })
}

fn by_site() -> Case {
    keyed("domain", KeySource::Domain(vec!["website".into()]))
}

fn hide(case: Case, attribute: &str, connection: &str) -> Case {
    case.bindings(attribute, connection, |binding| binding.field_state = FieldState::Missing)
}

/// An organisation that only one side has: whether it is made on the other one, and why not.
fn alone(case: Case, address: &str, fields: &[(&str, Observed)]) -> (bool, Vec<String>) {
    let name = if address == ACCOUNT { "Name" } else { "name" };
    let fields: Vec<(&str, Observed)> = [(name, text("Acme"))].into_iter().chain(fields.to_vec()).collect();
    let plan = case.fresh(address, &fields).plan();
    let whole = held(&plan).into_iter().filter(|it| it.contains(" - "));
    (operations(&plan).iter().any(|it| it.starts_with("create ")), whole.collect())
}

fn made() -> (bool, Vec<String>) {
    (true, Vec::new())
}

fn waits(held: &str) -> (bool, Vec<String>) {
    (false, vec![held.to_owned()])
}

#[test]
fn what_a_hidden_field_may_say_is_waited_for_and_what_is_blank_is_not() {
    let on_account = waits("hubspot - key_hidden [schema:salesforce/Account config]");
    let site = ("Website", text("https://acme.com"));
    assert_eq!(alone(by_site(), ACCOUNT, std::slice::from_ref(&site)), made());
    assert_eq!(alone(by_site(), ACCOUNT, &[]), made());
    assert_eq!(alone(by_site(), ACCOUNT, &[("Website", Observed::NotPermitted)]), on_account);
    // Shown since the record was read.
    assert_eq!(alone(by_site(), ACCOUNT, &[("Website", Observed::NotFetched)]), on_account);
    // What is known from before it was hidden may be another one by now.
    assert_eq!(alone(hide(by_site(), "website", SF), ACCOUNT, &[site]), on_account);
}

#[test]
fn a_key_that_the_other_side_hides_is_waited_for_by_who_has_one() {
    let hidden = || hide(by_site(), "website", HS);
    let waits = waits("hubspot - key_hidden [schema:hubspot/companies config]");
    assert_eq!(alone(hidden(), ACCOUNT, &[("Website", text("acme.com"))]), waits);
    assert_eq!(alone(hidden(), ACCOUNT, &[]), made());
    // A free mail host is nothing to be known by.
    assert_eq!(alone(hidden(), ACCOUNT, &[("Website", text("gmail.com"))]), made());
}

#[test]
fn a_key_that_the_other_side_has_no_field_for_is_not_waited_for() {
    let one_sided = by_site().attribute("website", |attribute| {
        attribute.bindings.retain(|binding| binding.connection.as_str() != HS);
    });
    assert_eq!(alone(one_sided, ACCOUNT, &[("Website", Observed::NotPermitted)]), made());
}

#[test]
fn what_is_known_from_before_it_was_hidden_is_no_key() {
    let keys = |case: Case| {
        let case = case.fresh(ACCOUNT, &[("Name", text("Acme")), ("Website", text("acme.com"))]);
        let seen = case.hood.snapshots[0].clone().unwrap();
        crate::identify::keys(&case.mapping, Kind::Organisation, &seen).len()
    };
    assert_eq!(keys(by_site()), 1);
    assert_eq!(keys(hide(by_site(), "website", SF)), 0);
}

#[test]
fn of_several_web_addresses_one_that_is_seen_is_enough() {
    let both = || keyed("domain", KeySource::Domain(vec!["name".into(), "website".into()]));
    let waits = waits("salesforce - key_hidden [schema:hubspot/companies config]");
    assert_eq!(alone(hide(both(), "website", HS), COMPANY, &[]), waits);
    assert_eq!(alone(hide(both(), "website", HS), COMPANY, &[("name", text("acme.com"))]), made());
    assert_eq!(alone(hide(both(), "website", SF), COMPANY, &[("name", text("acme.com"))]), made());
}

#[test]
fn a_name_without_its_country_tells_nothing() {
    let key = || keyed("name_country", KeySource::NameCountry("name".into(), Some("website".into())));
    let hidden = ("Website", Observed::NotPermitted);
    assert_eq!(
        alone(key(), ACCOUNT, std::slice::from_ref(&hidden)),
        waits("hubspot - key_hidden [schema:salesforce/Account config]")
    );
    assert_eq!(alone(key(), ACCOUNT, &[hidden, ("Name", Observed::Empty)]).1, Vec::<String>::new());
    assert_eq!(
        alone(hide(key(), "website", HS), ACCOUNT, &[]),
        waits("hubspot - key_hidden [schema:hubspot/companies config]")
    );
    let plain = || keyed("name_country", KeySource::NameCountry("name".into(), None));
    assert_eq!(alone(hide(plain(), "website", HS), ACCOUNT, &[]), made());
}

#[test]
fn an_address_or_another_key_that_is_hidden_is_waited_for() {
    for (key, from) in
        [("email", KeySource::Email("website".into())), ("website", KeySource::Exact("website".into()))]
    {
        let hidden = alone(keyed(key, from.clone()), ACCOUNT, &[("Website", Observed::NotPermitted)]);
        assert_eq!(hidden, waits("hubspot - key_hidden [schema:salesforce/Account config]"), "{key}");
        let there = alone(hide(keyed(key, from), "website", HS), ACCOUNT, &[("Website", text("a@x.org"))]);
        assert_eq!(there, waits("hubspot - key_hidden [schema:hubspot/companies config]"), "{key}");
    }
}

#[test]
fn where_nothing_may_be_made_that_is_the_reason() {
    let never = hide(by_site(), "website", SF).model(|model| {
        model.create.get_mut(SF).unwrap().allowed = CreateAllowed::Never;
    });
    let plan = alone(never, COMPANY, &[("website", text("acme.com"))]);
    assert_eq!(plan, waits("salesforce - model_forbids_create [config]"));
}
