//! Who takes part: predicates in three values, one row each.

use super::world::*;
use crate::mapping::{CreateAllowed, Predicate};
use syncline_model::{Kind, Observed, Value};

fn has(attribute: &str) -> Predicate {
    Predicate::Has(attribute.into())
}

fn equals(attribute: &str, value: Value) -> Predicate {
    Predicate::Equals(attribute.into(), value)
}

fn not(inner: Predicate) -> Predicate {
    Predicate::Not(Box::new(inner))
}

fn word(value: &str) -> Value {
    Value::text(value).unwrap()
}

fn number(value: i64) -> Value {
    Value::Decimal(value.into())
}

/// Under a scope, in Salesforce only: whether it goes to HubSpot, whether it is listed as lacking what identifies it, and
/// whether it waits because what decides may not be seen.
fn goes(kind: Kind, scope: Predicate, fields: &[(&str, Observed)]) -> (bool, bool, bool) {
    let address = if kind == Kind::Deal { "salesforce/Opportunity/006" } else { "salesforce/Contact/003" };
    let case = Case::of(kind).model(|model| model.scope.values_mut().for_each(|it| *it = scope.clone()));
    let plan = case.fresh(address, fields).plan();
    let lacks = findings(&plan).iter().any(|it| it.ends_with("out of scope"));
    let waits = held(&plan).iter().any(|it| it.starts_with("hubspot - out_of_scope"));
    (operations(&plan).iter().any(|it| it.starts_with("create hubspot")), lacks, waits)
}

const IN: (bool, bool, bool) = (true, false, false);
const OUT: (bool, bool, bool) = (false, false, false);
const LACKS: (bool, bool, bool) = (false, true, false);
const UNSEEN: (bool, bool, bool) = (false, false, true);

#[test]
fn a_person_goes_where_its_attributes_say_so() {
    let hidden = ("Title", Observed::NotPermitted);
    let title = ("Title", text("Dr"));
    let phone = ("Phone", text("+1 (2)"));
    let yes = || Predicate::Constant(true);
    let no = || Predicate::Constant(false);
    let rows = [
        (has("title"), vec![title.clone()], IN),
        (has("title"), vec![], LACKS),
        (has("title"), vec![hidden.clone()], UNSEEN),
        (not(has("title")), vec![], IN),
        (not(has("title")), vec![title.clone()], OUT),
        (not(has("title")), vec![hidden.clone()], UNSEEN),
        (has("nowhere"), vec![], LACKS),
        (Predicate::All(vec![yes(), has("title")]), vec![title.clone()], IN),
        (Predicate::All(vec![has("phone"), has("title")]), vec![title.clone()], LACKS),
        (not(Predicate::All(vec![has("title"), no()])), vec![hidden.clone()], IN),
        (not(Predicate::All(vec![has("title"), yes()])), vec![hidden.clone()], UNSEEN),
        (Predicate::Any(vec![has("phone"), has("title")]), vec![title.clone()], IN),
        (Predicate::Any(vec![has("phone"), has("title")]), vec![title.clone(), phone.clone()], IN),
        (Predicate::Any(vec![has("phone"), has("title")]), vec![], LACKS),
        (Predicate::Any(vec![has("phone"), has("title")]), vec![hidden.clone(), phone.clone()], IN),
        (Predicate::Any(vec![has("phone"), has("title")]), vec![hidden.clone()], UNSEEN),
        (equals("phone", word("+1 2")), vec![phone.clone()], IN),
        (equals("phone", word("+1 3")), vec![phone.clone()], OUT),
        (equals("title", word("Dr")), vec![], OUT),
        (not(equals("title", word("Dr"))), vec![], IN),
        (not(equals("title", word("Dr"))), vec![hidden], UNSEEN),
        (Predicate::In("title".into(), vec![word("Mr"), word("Dr")]), vec![title.clone()], IN),
        (Predicate::In("title".into(), vec![word("Mr")]), vec![title.clone()], OUT),
        (no(), vec![title.clone()], OUT),
        (yes(), vec![title], IN),
    ];
    for (scope, mut fields, expected) in rows {
        fields.extend([("LastName", text("Lee")), ("Email", text("l@x.org"))]);
        assert_eq!(goes(Kind::Person, scope.clone(), &fields), expected, "{scope:?} {fields:?}");
    }
}

#[test]
fn options_compare_with_texts_numbers_with_numbers_and_what_has_no_counterpart_is_unknown() {
    let won = || ("StageName", option("Closed Won"));
    let odd = || ("StageName", option("Odd"));
    let five = || ("Amount", Observed::Value(number(5)));
    let rows = [
        (equals("stage", word("won")), vec![won()], IN),
        (equals("stage", Value::option("won")), vec![won()], IN),
        (equals("stage", word("open")), vec![won()], OUT),
        (equals("stage", word("won")), vec![odd()], UNSEEN),
        (not(equals("stage", word("won"))), vec![odd()], UNSEEN),
        (has("stage"), vec![odd()], IN),
        (equals("tags", number(6)), vec![won(), five()], OUT),
        (equals("amount", number(6)), vec![won(), five()], OUT),
        (equals("amount", word("5")), vec![won(), five()], OUT),
    ];
    for (scope, mut fields, expected) in rows {
        fields.push(("Name", text("Big")));
        assert_eq!(goes(Kind::Deal, scope.clone(), &fields), expected, "{scope:?} {fields:?}");
    }
}

#[test]
fn what_may_not_be_made_there_lacks_nothing() {
    let plan = |allowed: CreateAllowed| {
        Case::of(Kind::Person)
            .model(|model| model.create.get_mut(HS).unwrap().allowed = allowed)
            .fresh("salesforce/Contact/003", &[("LastName", text("Lee"))])
            .plan()
    };
    assert_eq!(findings(&plan(CreateAllowed::As("contacts".into()))).len(), 1);
    assert_eq!(findings(&plan(CreateAllowed::Never)), Vec::<String>::new());
    let unseen = Case::of(Kind::Person)
        .model(|model| {
            model.create.get_mut(HS).unwrap().allowed = CreateAllowed::Never;
            model.scope.values_mut().for_each(|it| *it = has("title"));
        })
        .fresh("salesforce/Contact/003", &[("LastName", text("Lee")), ("Title", Observed::NotPermitted)])
        .plan();
    assert_eq!(held(&unseen), Vec::<String>::new());
}
