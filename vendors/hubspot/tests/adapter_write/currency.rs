//! Values as HubSpot spells them, above all amounts and their currency.

use crate::{
    adapter_support::{World, confirmed, update},
    deal,
};
use serde_json::json;
use syncline_kit::{
    sandbox::Limits,
    vendor::{RejectionClass, RowOutcome, Write},
};
use syncline_model::{Currency, Money, Observed, Value};

#[test]
fn values_are_written_as_hubspot_spells_them_and_nothing_clears() {
    let world = World::new(Limits::Off);
    let id =
        world.make("deals", json!({"dealname": "One", "dealstage": "qualifiedtobuy", "description": "old"}));
    let amount = Money { amount: "1234.50".parse().unwrap(), currency: Currency::USD };
    let outcomes = world.write(vec![update(
        1,
        "deals",
        &id,
        &[
            ("amount", Some(Value::Money(amount))),
            ("closedate", Some(Value::Instant("2026-03-31T10:00:00Z".parse().unwrap()))),
            ("description", None),
        ],
    )]);
    let RowOutcome::Confirmed { observation: Some(seen), .. } = &outcomes[0] else { panic!("{outcomes:?}") };
    let field = |name: &str| seen.fields.iter().find(|(field, _)| field.as_str() == name).unwrap().1.clone();
    assert_eq!(field("amount"), Observed::Value(Value::Money(amount)));
    assert_eq!(field("description"), Observed::Empty);
    let stored = &world.dump("deals")[0]["properties"];
    assert_eq!((&stored["amount"], &stored["closedate"]), (&json!("1234.5"), &json!("2026-03-31T10:00:00Z")));
}

#[test]
fn a_foreign_amount_says_its_currency() {
    let world = World::new(Limits::Off);
    world.admin(json!({"do": "currencies", "active": {"EUR": "1.1"}}));
    let amount = Money { amount: 7.into(), currency: Currency::new("EUR").unwrap() };
    let mut row = deal(1, None);
    if let Write::Create { fields, .. } = &mut row.write {
        fields[1].1 = Some(Value::Money(amount));
    }
    let outcomes = world.write(vec![row]);
    confirmed(&outcomes[0]);
    assert_eq!(world.dump("deals")[0]["properties"]["deal_currency_code"], "EUR");
}

fn dollars(amount: i64) -> Option<Value> {
    Some(Value::Money(Money { amount: amount.into(), currency: Currency::USD }))
}

/// An account that counts in dollars and knows euros, and a deal in euros with these properties besides.
fn euro_deal(world: &World, more: serde_json::Value) -> String {
    world.admin(json!({"do": "currencies", "home": "USD", "active": {"EUR": "1.1"}}));
    let budget = json!({"name": "budget", "label": "Budget", "type": "number", "fieldType": "number",
        "groupName": "dealinformation", "showCurrencySymbol": true});
    world.api("POST", "/crm/v3/properties/deals", &budget);
    let mut properties =
        json!({"dealname": "One", "dealstage": "qualifiedtobuy", "deal_currency_code": "EUR"});
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.make("deals", properties)
}

#[test]
fn an_amount_is_refused_where_somebody_put_the_deal_into_another_currency() {
    let world = World::new(Limits::Off);
    let deal = euro_deal(&world, json!({}));
    let outcomes = world.write(vec![update(1, "deals", &deal, &[("amount", dollars(100))])]);
    let RowOutcome::Rejected(refused) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(refused.class, RejectionClass::Fields(vec!["amount".into()]));
    let stored = &world.dump("deals")[0]["properties"];
    assert_eq!((&stored["amount"], &stored["deal_currency_code"]), (&json!(null), &json!("EUR")));
    // One that nobody put anywhere is told.
    let plain = world.make("deals", json!({"dealname": "Two", "dealstage": "qualifiedtobuy"}));
    let outcomes = world.write(vec![update(1, "deals", &plain, &[("amount", dollars(100))])]);
    let RowOutcome::Confirmed { observation: Some(seen), .. } = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(seen.fields[0].1, Observed::Value(dollars(100).unwrap()));
    let deals = world.dump("deals");
    let stored = &deals.iter().find(|one| one["id"] == *plain).unwrap()["properties"];
    assert_eq!((&stored["amount"], &stored["deal_currency_code"]), (&json!("100"), &json!("USD")));
}

#[test]
fn an_amount_that_would_put_another_one_into_its_currency_is_refused_alone() {
    let world = World::new(Limits::Off);
    let deal = euro_deal(&world, json!({"budget": "5"}));
    let plain = world.make("deals", json!({"dealname": "Two", "dealstage": "qualifiedtobuy", "budget": "6"}));
    let rows = [&deal, &plain].into_iter().zip(1..).map(|(id, number)| {
        let name = Value::text("Other");
        update(number, "deals", id, &[("dealname", name), ("amount", dollars(100))])
    });
    let outcomes = world.write(rows.collect());
    let RowOutcome::Rejected(refused) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(refused.class, RejectionClass::Fields(vec!["amount".into()]));
    confirmed(&outcomes[1]);
    let deals = world.dump("deals");
    let stored = &deals.iter().find(|one| one["id"] == *deal).unwrap()["properties"];
    assert_eq!((&stored["amount"], &stored["deal_currency_code"]), (&json!(null), &json!("EUR")));
    assert_eq!(stored["dealname"], "One", "the row is refused as it is");
}

#[test]
fn an_amount_whose_currency_may_not_be_said_is_refused_where_the_deal_has_another() {
    let world = World::new(Limits::Off);
    let deal = euro_deal(&world, json!({}));
    world.admin(json!({"do": "readonly_property", "object": "deals", "property": "deal_currency_code"}));
    let outcomes = world.write(vec![update(1, "deals", &deal, &[("amount", dollars(100))])]);
    assert!(matches!(&outcomes[0], RowOutcome::Rejected(_)), "{outcomes:?}");
    assert_eq!(world.dump("deals")[0]["properties"]["amount"], json!(null));
}

#[test]
fn an_account_of_one_currency_is_asked_nothing_before_an_amount_is_written() {
    let world = World::new(Limits::Off);
    let deal = world.make("deals", json!({"dealname": "One", "dealstage": "qualifiedtobuy"}));
    confirmed(&world.write(vec![update(1, "deals", &deal, &[("amount", dollars(100))])])[0]);
    assert_eq!(world.calls_to("deals/batch/read"), 0);
}
