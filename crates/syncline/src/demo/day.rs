//! What people do to the records on a working day, on both sides.

use super::{company::Cast, invariants::Moment, narrator::Narrator, systems::Systems};
use crate::failure::Failure;
use serde_json::json;

/// What was done, to be checked later. Pairs are HubSpot's id and Salesforce's.
pub(crate) struct Day {
    /// Whose phone number changed.
    pub(crate) phone: (String, String),
    /// To what.
    pub(crate) new_phone: String,
    /// Whose title changed on both sides.
    pub(crate) conflict: (String, String),
    /// Salesforce's, which the rule prefers.
    pub(crate) winning_title: String,
    /// Whether the engine saw it as a conflict.
    pub(crate) was_conflict: bool,
    /// Whose title was cleared.
    pub(crate) cleared: (String, String),
    /// The deal whose stage moved on; HubSpot's id is known where it is there.
    pub(crate) deal: (Option<String>, String),
    /// To what, as Salesforce spells it.
    pub(crate) new_stage: String,
}

/// People at work.
pub(crate) async fn work(
    systems: &Systems,
    cast: &Cast,
    moment: &Moment,
    narrator: &Narrator,
) -> Result<Day, Failure> {
    let person = |email: &str| -> Result<(String, String), Failure> {
        let hubspot = moment.hubspot.find("contacts", "email", email).pop();
        let salesforce = moment.salesforce.find("Contact", "Email", email).pop();
        hubspot.zip(salesforce).ok_or_else(|| missing(email))
    };
    let opportunity = moment.salesforce.find("Opportunity", "Name", &cast.deal).pop();
    let day = Day {
        phone: person(&cast.phone)?,
        new_phone: "+44 555 2468".to_owned(),
        conflict: person(&cast.conflict)?,
        winning_title: "Chief Procurement Officer".to_owned(),
        was_conflict: false,
        cleared: person(&cast.cleared)?,
        deal: (
            moment.hubspot.find("deals", "dealname", &cast.deal).pop(),
            opportunity.ok_or_else(|| missing(&cast.deal))?,
        ),
        new_stage: "Negotiation".to_owned(),
    };
    let in_hubspot = |id: &str, property: &str, value: &str| json!({"do": "edit", "object": "contacts", "id": id, "properties": {property: value}});
    let in_salesforce =
        |id: &str, field: &str, value: &str| json!({"do": "edit", "id": id, "fields": {field: value}});

    narrator.tell(format!("   HubSpot     {}: a new phone number, {}", cast.phone, day.new_phone))?;
    systems.hubspot.admin(in_hubspot(&day.phone.0, "phone", &day.new_phone)).await?;
    narrator.tell(format!("   Salesforce  {}: on to {}", cast.deal, day.new_stage))?;
    systems.salesforce.admin(in_salesforce(&day.deal.1, "StageName", &day.new_stage)).await?;
    narrator.tell(format!("   HubSpot     {}: title cleared", cast.cleared))?;
    systems.hubspot.admin(in_hubspot(&day.cleared.0, "jobtitle", "")).await?;
    narrator.tell(format!("   HubSpot     {}: a new contact", cast.newcomer))?;
    let company = moment.hubspot.find("companies", "domain", &cast.newcomer_domain).pop();
    let company = company.ok_or_else(|| missing(&cast.newcomer_domain))?;
    let owner = moment.hubspot.text("companies", &company, "hubspot_owner_id");
    let newcomer = json!({"do": "create", "object": "contacts", "properties": {"email": cast.newcomer,
        "firstname": "Noor", "lastname": "Vance", "jobtitle": "Buyer", "hubspot_owner_id": owner}});
    let newcomer = systems.hubspot.admin(newcomer).await?;
    let newcomer = newcomer["id"].as_str().ok_or_else(|| missing(&cast.newcomer))?;
    let tie = json!({"do": "associate", "from": format!("contacts/{newcomer}"), "to": format!("companies/{company}")});
    systems.hubspot.admin(tie).await?;
    narrator.tell(format!("   both        {}: two different titles", cast.conflict))?;
    systems.hubspot.admin(in_hubspot(&day.conflict.0, "jobtitle", "Procurement Lead")).await?;
    systems.salesforce.admin(in_salesforce(&day.conflict.1, "Title", &day.winning_title)).await?;
    Ok(day)
}

fn missing(what: &str) -> Failure {
    super::systems::failure(what, "the story needs it, and it is not there")
}
