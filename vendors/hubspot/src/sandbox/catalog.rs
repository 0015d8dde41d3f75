//! The properties that every account has (the commonly used part of them).

use super::kind::Kind;
use super::registry::{Choice, Def, Group, Registry, ValueType};

/// Lifecycle stages in order [docs contacts].
pub(super) const LIFECYCLE: [&str; 8] = [
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
];
const LIFECYCLE_LABELS: [&str; 8] = [
    "Subscriber",
    "Lead",
    "Marketing Qualified Lead",
    "Sales Qualified Lead",
    "Opportunity",
    "Customer",
    "Evangelist",
    "Other",
];
const LEAD_STATUS: &[&str] = &[
    "NEW",
    "OPEN",
    "IN_PROGRESS",
    "OPEN_DEAL",
    "UNQUALIFIED",
    "ATTEMPTED_TO_CONTACT",
    "CONNECTED",
    "BAD_TIMING",
];
const INDUSTRIES: &[&str] = &[
    "ACCOUNTING",
    "APPAREL_FASHION",
    "AUTOMOTIVE",
    "BANKING",
    "BIOTECHNOLOGY",
    "COMPUTER_SOFTWARE",
    "CONSTRUCTION",
    "EDUCATION_MANAGEMENT",
    "ENTERTAINMENT",
    "FINANCIAL_SERVICES",
    "HOSPITAL_HEALTH_CARE",
    "INFORMATION_TECHNOLOGY_AND_SERVICES",
    "INSURANCE",
    "INTERNET",
    "MACHINERY",
    "MARKETING_AND_ADVERTISING",
    "MEDICAL_DEVICES",
    "PHARMACEUTICALS",
    "REAL_ESTATE",
    "RETAIL",
    "STAFFING_AND_RECRUITING",
    "TELECOMMUNICATIONS",
];
const COMPANY_TYPES: &[&str] = &["PROSPECT", "PARTNER", "RESELLER", "VENDOR", "OTHER"];
const DEAL_TYPES: &[&str] = &["newbusiness", "existingbusiness"];
const PRIORITIES: &[&str] = &["low", "medium", "high"];

/// One line per property: name, label, type. A leading `=` on the type marks a calculated one, `!` a read-only one.
type Line = (&'static str, &'static str, &'static str);

const CONTACTS: &[Line] = &[
    ("email", "Email", "string"),
    ("firstname", "First Name", "string"),
    ("lastname", "Last Name", "string"),
    ("salutation", "Salutation", "string"),
    ("jobtitle", "Job Title", "string"),
    ("company", "Company Name", "string"),
    ("phone", "Phone Number", "phone"),
    ("mobilephone", "Mobile Phone Number", "phone"),
    ("fax", "Fax Number", "string"),
    ("website", "Website URL", "string"),
    ("address", "Street Address", "string"),
    ("city", "City", "string"),
    ("state", "State/Region", "string"),
    ("zip", "Postal Code", "string"),
    ("country", "Country/Region", "string"),
    ("industry", "Industry", "string"),
    ("annualrevenue", "Annual Revenue", "string"),
    ("numemployees", "Number of Employees", "string"),
    ("message", "Message", "textarea"),
    ("date_of_birth", "Date of birth", "string"),
    ("hs_language", "Preferred language", "string"),
    ("lifecyclestage", "Lifecycle Stage", "lifecycle"),
    ("hs_lead_status", "Lead Status", "lead_status"),
    ("hubspot_owner_id", "Contact owner", "owner"),
    ("hubspot_owner_assigneddate", "Owner assigned date", "=datetime"),
    ("hs_additional_emails", "Additional email addresses", "emails"),
    ("hs_email_optout", "Unsubscribed from all email", "!bool"),
    ("hs_marketable_until_renewal", "Marketing contact until next update", "!bool"),
    ("closedate", "Close Date", "datetime"),
    ("hs_all_contact_vids", "All vids for a contact", "=ids"),
    ("hs_calculated_merged_vids", "Merged vids with timestamps of a contact", "=ids"),
    ("hs_email_domain", "Email Domain", "=string"),
    ("hs_is_contact", "Is a contact", "=bool"),
    ("hs_is_unworked", "Contact unworked", "=bool"),
    ("hs_pipeline", "Pipeline", "=string"),
    ("hs_searchable_calculated_phone_number", "Phone Number Calculated without Country Code", "=string"),
    ("associatedcompanyid", "Primary Associated Company ID", "=number"),
];

const COMPANIES: &[Line] = &[
    ("name", "Company name", "string"),
    ("domain", "Company Domain Name", "domain"),
    ("hs_additional_domains", "Additional Domains", "ids"),
    ("website", "Website URL", "string"),
    ("phone", "Phone Number", "phone"),
    ("address", "Street Address", "string"),
    ("address2", "Street Address 2", "string"),
    ("city", "City", "string"),
    ("state", "State/Region", "string"),
    ("zip", "Postal Code", "string"),
    ("country", "Country/Region", "string"),
    ("timezone", "Time Zone", "string"),
    ("description", "Description", "textarea"),
    ("about_us", "About Us", "textarea"),
    ("industry", "Industry", "industry"),
    ("type", "Type", "company_type"),
    ("founded_year", "Year Founded", "string"),
    ("numberofemployees", "Number of Employees", "number"),
    ("annualrevenue", "Annual Revenue", "number"),
    ("is_public", "Is Public", "bool"),
    ("lifecyclestage", "Lifecycle Stage", "lifecycle"),
    ("hs_lead_status", "Lead Status", "lead_status"),
    ("hubspot_owner_id", "Company owner", "owner"),
    ("hubspot_owner_assigneddate", "Owner assigned date", "=datetime"),
    ("hs_parent_company_id", "Parent Company", "=number"),
    ("linkedin_company_page", "LinkedIn Company Page", "string"),
];

const DEALS: &[Line] = &[
    ("dealname", "Deal Name", "string"),
    ("amount", "Amount", "number"),
    ("dealstage", "Deal Stage", "stage"),
    ("pipeline", "Pipeline", "pipeline"),
    ("closedate", "Close Date", "datetime"),
    ("dealtype", "Deal Type", "deal_type"),
    ("description", "Deal Description", "textarea"),
    ("deal_currency_code", "Currency", "currency"),
    ("closed_lost_reason", "Closed Lost Reason", "textarea"),
    ("closed_won_reason", "Closed Won Reason", "textarea"),
    ("hs_next_step", "Next step", "string"),
    ("hs_priority", "Priority", "priority"),
    ("hubspot_owner_id", "Deal owner", "owner"),
    ("hubspot_owner_assigneddate", "Owner assigned date", "=datetime"),
    ("amount_in_home_currency", "Amount in company currency", "=number"),
    ("days_to_close", "Days to close", "=number"),
    ("hs_closed_amount", "Closed Deal Amount", "=number"),
    ("hs_deal_stage_probability", "Deal probability", "=number"),
    ("hs_is_closed", "Is Deal Closed?", "=bool"),
    ("hs_is_closed_won", "Is Closed Won", "=bool"),
    ("hs_is_closed_lost", "Is Closed Lost", "=bool"),
    ("hs_projected_amount", "Weighted amount", "=number"),
];

const COMMON: &[Line] = &[
    ("createdate", "Create Date", "!datetime"),
    ("hs_object_id", "Record ID", "!number"),
    ("hs_object_source", "Record source", "!string"),
    ("hs_object_source_id", "Record source ID", "!string"),
    ("hs_object_source_label", "Record source label", "!string"),
    ("hs_updated_by_user_id", "Updated by user ID", "!number"),
    ("hs_merged_object_ids", "Merged record IDs", "!ids"),
];

/// The registry of an object type in a new account.
pub(super) fn registry(kind: Kind, created_at: i64) -> Registry {
    let mut registry = Registry::default();
    let lines = match kind {
        Kind::Contacts => CONTACTS,
        Kind::Companies => COMPANIES,
        Kind::Deals => DEALS,
    };
    registry.groups.insert(
        kind.main_group().to_owned(),
        Group { label: group_label(kind).to_owned(), display_order: 0 },
    );
    for line in COMMON.iter().chain(lines) {
        registry.add(def(kind, line, created_at));
    }
    // Contacts carry both names: the second one exists, is empty, and so filters to nothing [gh airbyte PR#85019].
    registry.add(def(kind, &(kind.modified_property(), "Last Modified Date", "!datetime"), created_at));
    if kind == Kind::Contacts {
        registry.add(def(
            kind,
            &("hs_lastmodifieddate", "Object last modified date/time", "!datetime"),
            created_at,
        ));
    }
    if kind != Kind::Deals {
        for (stage, label) in LIFECYCLE.iter().zip(LIFECYCLE_LABELS) {
            let mut stamp = def(kind, &("", "", "=datetime"), created_at);
            stamp.name = format!("hs_lifecyclestage_{stage}_date");
            stamp.label = format!("Became a {label} Date");
            registry.add(stamp);
        }
    }
    registry
}

fn group_label(kind: Kind) -> &'static str {
    match kind {
        Kind::Contacts => "Contact information",
        Kind::Companies => "Company information",
        Kind::Deals => "Deal information",
    }
}

fn def(kind: Kind, (name, label, code): &Line, created_at: i64) -> Def {
    let calculated = code.starts_with('=');
    let read_only = code.starts_with('!') || calculated;
    let code = code.trim_start_matches(['=', '!']);
    let (value_type, field_type) = match code {
        "number" => (ValueType::Number, "number"),
        "bool" => (ValueType::Bool, "booleancheckbox"),
        "datetime" => (ValueType::DateTime, "date"),
        "phone" => (ValueType::String, "phonenumber"),
        "textarea" => (ValueType::String, "textarea"),
        "ids" | "emails" => (ValueType::Enumeration, "checkbox"),
        "lifecycle" | "lead_status" | "priority" => (ValueType::Enumeration, "radio"),
        "industry" | "company_type" | "deal_type" | "owner" | "stage" | "pipeline" | "currency" => {
            (ValueType::Enumeration, "select")
        }
        _ => (ValueType::String, "text"),
    };
    let referenced = match code {
        "owner" => Some("OWNER"),
        "stage" => Some("DEAL_STAGE"),
        "pipeline" => Some("DEAL_PIPELINE"),
        "currency" => Some("CURRENCY"),
        "ids" | "emails" => Some("VALUES"),
        _ => None,
    };
    let choices = match code {
        "lifecycle" => choices(&LIFECYCLE, Some(&LIFECYCLE_LABELS)),
        "lead_status" => choices(LEAD_STATUS, None),
        "industry" => choices(INDUSTRIES, None),
        "company_type" => choices(COMPANY_TYPES, None),
        "deal_type" => choices(DEAL_TYPES, Some(&["New Business", "Existing Business"])),
        "priority" => choices(PRIORITIES, None),
        _ if value_type == ValueType::Bool => choices(&["true", "false"], Some(&["True", "False"])),
        _ => Vec::new(),
    };
    Def {
        name: (*name).to_owned(),
        label: (*label).to_owned(),
        value_type,
        field_type: field_type.to_owned(),
        description: String::new(),
        group: kind.main_group().to_owned(),
        choices,
        display_order: -1,
        has_unique_value: false,
        hidden: false,
        form_field: !read_only,
        show_currency_symbol: false,
        built_in: true,
        calculated,
        read_only,
        referenced,
        no_access: false,
        archived_at: None,
        created_at,
        updated_at: created_at,
    }
}

fn choices(values: &[&str], labels: Option<&[&str]>) -> Vec<Choice> {
    let shown = |at: usize, value: &str| match labels.and_then(|labels| labels.get(at)) {
        Some(label) => (*label).to_owned(),
        None => title(value),
    };
    (0..)
        .zip(values.iter().enumerate())
        .map(|(order, (at, value))| Choice {
            label: shown(at, value),
            value: (*value).to_owned(),
            description: String::new(),
            display_order: order,
            hidden: false,
        })
        .collect()
}

/// `REAL_ESTATE` → `Real Estate`
fn title(value: &str) -> String {
    value
        .split('_')
        .map(|word| {
            let lower = word.to_lowercase();
            let mut letters = lower.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        })
        .collect::<Vec<_>>()
        .join(" ")
}
