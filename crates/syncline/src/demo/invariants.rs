//! What must hold at the end, read from both systems' dumps. Which records belong together is what the store says; what
//! they hold is what the systems say.

use super::{
    company::{Cast, STAGES},
    day::Day,
    stock::Stock,
};
use std::collections::BTreeMap;
use syncline_engine::{Ctx, Error};
use syncline_model::{ConnectionName, EntityId, Kind, ObjectName, RecordRef};

/// Kind, attribute, HubSpot's property, Salesforce's field.
const COMPARED: [(Kind, &str, &str, &str); 14] = [
    (Kind::Person, "first_name", "firstname", "FirstName"),
    (Kind::Person, "last_name", "lastname", "LastName"),
    (Kind::Person, "email", "email", "Email"),
    (Kind::Person, "phone", "phone", "Phone"),
    (Kind::Person, "title", "jobtitle", "Title"),
    (Kind::Organisation, "name", "name", "Name"),
    (Kind::Organisation, "website", "website", "Website"),
    (Kind::Organisation, "phone", "phone", "Phone"),
    (Kind::Organisation, "city", "city", "BillingCity"),
    (Kind::Organisation, "employees", "numberofemployees", "NumberOfEmployees"),
    (Kind::Deal, "name", "dealname", "Name"),
    (Kind::Deal, "stage", "dealstage", "StageName"),
    (Kind::Deal, "amount", "amount", "Amount"),
    (Kind::Deal, "close_date", "closedate", "CloseDate"),
];
const HUBSPOT_PEOPLE: [(&str, &str); 1] = [("contacts", "email")];
const SALESFORCE_PEOPLE: [(&str, &str); 2] = [("Contact", "Email"), ("Lead", "Email")];

/// Both systems at one time.
pub(crate) struct Moment {
    /// HubSpot.
    pub(crate) hubspot: Stock,
    /// Salesforce.
    pub(crate) salesforce: Stock,
}

/// Two records that are one thing.
struct Pair {
    kind: Kind,
    entity: EntityId,
    hubspot: RecordRef,
    salesforce: RecordRef,
}

/// All promises by name.
pub(crate) async fn check(
    ctx: &Ctx,
    before: &Moment,
    after: &Moment,
    cast: &Cast,
    day: &Day,
) -> Result<BTreeMap<&'static str, bool>, Error> {
    let pairs = pairs(ctx).await?;
    let mut unequal = Vec::new();
    for pair in &pairs {
        unequal.extend(differences(ctx, pair, after).await?);
    }
    for text in &unequal {
        tracing::warn!("not equal: {text}");
    }
    let contact = |id: &str, field: &str| after.hubspot.text("contacts", id, field);
    let both = |(hubspot, salesforce): &(String, String), field: (&str, &str)| {
        (contact(hubspot, field.0), after.salesforce.text("Contact", salesforce, field.1))
    };
    let title = both(&day.conflict, ("jobtitle", "Title"));
    let stages = (
        day.deal.0.as_ref().and_then(|id| after.hubspot.text("deals", id, "dealstage")),
        after.salesforce.text("Opportunity", &day.deal.1, "StageName"),
    );
    let phones = both(&day.phone, ("phone", "Phone"));
    let stage = day.new_stage.as_str();
    Ok(BTreeMap::from([
        ("no_duplicate_email", no_new_duplicates(before, after)),
        ("linked_pairs_equal", !pairs.is_empty() && unequal.is_empty()),
        ("no_orphan_deal", no_orphan_deal(after)),
        ("edits_arrived_on_the_other_side", {
            let phone = |text: &Option<String>| {
                text.as_ref().is_some_and(|text| digits(text) == digits(&day.new_phone))
            };
            let stage_there = stages.0.as_deref().and_then(stage_label);
            phone(&phones.0)
                && phone(&phones.1)
                && stage_there == Some(stage)
                && stages.1.as_deref() == Some(stage)
        }),
        ("conflict_decided_by_the_rule", {
            let winner = Some(day.winning_title.clone());
            day.was_conflict && title.0 == winner && title.1 == winner
        }),
        ("cleared_on_both", both(&day.cleared, ("jobtitle", "Title")) == (None, None)),
        ("new_contact_is_there_once", {
            let contacts = after.salesforce.find("Contact", "Email", &cast.newcomer);
            let account = contacts.first().and_then(|id| after.salesforce.text("Contact", id, "AccountId"));
            after.salesforce.emails(&SALESFORCE_PEOPLE).get(&cast.newcomer) == Some(&1) && account.is_some()
        }),
        ("ambiguous_pair_left_to_a_person", {
            let people = |moment: &Moment| moment.salesforce.emails(&SALESFORCE_PEOPLE);
            let linked = pairs.iter().any(|pair| {
                contact(pair.hubspot.id.as_str(), "email").as_ref() == Some(&cast.ambiguous)
                    && pair.kind == Kind::Person
            });
            !linked && people(after).get(&cast.ambiguous) == people(before).get(&cast.ambiguous)
        }),
    ]))
}

/// Addresses that stand twice stood twice before.
fn no_new_duplicates(before: &Moment, after: &Moment) -> bool {
    let none = |before: BTreeMap<String, usize>, after: BTreeMap<String, usize>| {
        after.iter().all(|(email, count)| *count <= before.get(email).copied().unwrap_or_default().max(1))
    };
    none(before.hubspot.emails(&HUBSPOT_PEOPLE), after.hubspot.emails(&HUBSPOT_PEOPLE))
        && none(before.salesforce.emails(&SALESFORCE_PEOPLE), after.salesforce.emails(&SALESFORCE_PEOPLE))
}

/// Every deal belongs to a company, every opportunity to an account.
fn no_orphan_deal(after: &Moment) -> bool {
    let has_company = |id: &str| {
        let deal = format!("deals/{id}");
        after.hubspot.ties.iter().any(|(from, to)| *from == deal && to.starts_with("companies/"))
    };
    let has_account = |id: &str| after.salesforce.text("Opportunity", id, "AccountId").is_some();
    after.hubspot.ids("deals").all(has_company) && after.salesforce.ids("Opportunity").all(has_account)
}

/// What a pair's records differ in, apart from what is held.
async fn differences(ctx: &Ctx, pair: &Pair, after: &Moment) -> Result<Vec<String>, Error> {
    let stored = ctx.store.held(Some(pair.entity), None, 1).await?;
    let held: Vec<&str> = stored
        .iter()
        .flat_map(|it| &it.held)
        .filter_map(|held| held.attribute.as_ref().map(|attribute| attribute.as_str()))
        .collect();
    let compared =
        COMPARED.iter().filter(|(kind, attribute, ..)| *kind == pair.kind && !held.contains(attribute));
    let shown = |stock: &Stock, record: &RecordRef, field: &str, attribute: &str| {
        stock.text(record.object.as_str(), record.id.as_str(), field).map(|text| normal(attribute, &text))
    };
    Ok(compared
        .filter_map(|(_, attribute, property, field)| {
            let left = shown(&after.hubspot, &pair.hubspot, property, attribute);
            let right = shown(&after.salesforce, &pair.salesforce, field, attribute);
            (left != right).then(|| {
                format!("{attribute} of {} and {}: {left:?}, {right:?}", pair.hubspot, pair.salesforce)
            })
        })
        .collect())
}

/// Values that mean the same are spelt the same.
fn normal(attribute: &str, text: &str) -> String {
    match attribute {
        "phone" => digits(text),
        "email" => text.to_lowercase(),
        "website" => {
            let text = text.trim_start_matches("https://").trim_start_matches("http://");
            text.trim_end_matches('/').to_lowercase()
        }
        "amount" | "employees" => {
            text.parse().map_or_else(|_| text.to_owned(), |number: f64| format!("{number:.2}"))
        }
        "close_date" => text.chars().take(10).collect(),
        "stage" => stage_label(text).unwrap_or(text).to_owned(),
        _ => text.trim().to_owned(),
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn stage_label(id: &str) -> Option<&'static str> {
    STAGES.iter().find(|(stage, _)| *stage == id).map(|(_, label)| *label)
}

/// All things that both systems have.
async fn pairs(ctx: &Ctx) -> Result<Vec<Pair>, Error> {
    let (hubspot, salesforce) = (ConnectionName::from("hubspot"), ConnectionName::from("salesforce"));
    let mut pairs = Vec::new();
    for (kind, object, others) in [
        (Kind::Organisation, "companies", &["Account"][..]),
        (Kind::Person, "contacts", &["Contact", "Lead"]),
        (Kind::Deal, "deals", &["Opportunity"]),
    ] {
        let object = ObjectName::from(object);
        let mut after = None;
        loop {
            let ids = ctx.store.ids(&hubspot, &object, after.as_ref(), 500).await?;
            let Some(last) = ids.last().cloned() else { break };
            after = Some(last);
            let records: Vec<RecordRef> =
                ids.into_iter().map(|id| RecordRef::new(hubspot.clone(), object.clone(), id)).collect();
            for stored in ctx.store.records(&records).await? {
                let Some(link) = stored.links.iter().find(|it| it.facet == kind && it.state.is_active())
                else {
                    continue;
                };
                let Some(entity) = ctx.store.entities(&[link.entity]).await?.pop() else { continue };
                let other = entity.links.iter().find(|other| {
                    other.facet == kind
                        && other.state.is_active()
                        && other.record.connection == salesforce
                        && others.contains(&other.record.object.as_str())
                });
                if let Some(other) = other {
                    let (hubspot, salesforce) = (link.record.clone(), other.record.clone());
                    pairs.push(Pair { kind, entity: link.entity, hubspot, salesforce });
                }
            }
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn moment(contacts: &[&str], deal_tied: bool) -> Moment {
        let contacts: Vec<_> = contacts
            .iter()
            .enumerate()
            .map(|(id, email)| json!({"id": id.to_string(), "properties": {"email": email}}))
            .collect();
        let ties = if deal_tied { json!([{"from": "deals/1", "to": "companies/1"}]) } else { json!([]) };
        let hubspot = json!({"objects": {"contacts": contacts, "deals": [{"id": "1", "properties": {}}]},
            "associations": ties});
        Moment { hubspot: Stock::of(&hubspot), salesforce: Stock::default() }
    }

    #[test]
    fn only_new_duplicates_count() {
        let before = moment(&["a@x.example", "a@x.example", "b@x.example"], true);
        assert!(no_new_duplicates(&before, &moment(&["a@x.example", "a@x.example", "c@x.example"], true)));
        assert!(!no_new_duplicates(&before, &moment(&["b@x.example", "B@x.example"], true)));
        assert!(!no_new_duplicates(&before, &moment(&["c@x.example", "c@x.example"], true)));
    }

    #[test]
    fn a_deal_without_company_is_an_orphan() {
        assert!(no_orphan_deal(&moment(&[], true)));
        assert!(!no_orphan_deal(&moment(&[], false)));
    }

    #[test]
    fn spelling_alone_is_no_difference() {
        assert_eq!(normal("phone", "+44 555-1000"), normal("phone", "+445551000"));
        assert_eq!(normal("amount", "1500"), normal("amount", "1500.0"));
        assert_eq!(normal("close_date", "2026-03-01T00:00:00Z"), normal("close_date", "2026-03-01"));
        assert_eq!(normal("stage", "closedwon"), normal("stage", "Closed Won"));
        assert_ne!(normal("title", "Buyer"), normal("title", "buyer"));
    }
}
