//! Which properties carry which attributes unless the configuration says otherwise, as data: the binary composes the
//! written `syncline.toml` of it. Each binding is the right side of a line of that file. Property names:
//! [docs properties], research notes on objects.

/// Objects of each kind: (kind, objects).
pub const RECORDS: &[(&str, &[&str])] = &[
    ("user", &["owners"]),
    ("organisation", &["companies"]),
    ("person", &["contacts"]),
    ("deal", &["deals"]),
];

/// Kinds of which a thing has exactly one record: none, a person always is one contact.
pub const ONE_OF: &[(&str, &[&str])] = &[];

/// Fields: (kind, attribute, binding).
pub const FIELDS: &[(&str, &str, &str)] = &[
    ("user", "email", r#"{ field = "email", direction = "in" }"#),
    ("user", "first_name", r#"{ field = "firstName", direction = "in" }"#),
    ("user", "last_name", r#"{ field = "lastName", direction = "in" }"#),
    ("organisation", "name", r#""name""#),
    ("organisation", "website", r#""website""#),
    ("organisation", "domain", r#""domain""#),
    ("organisation", "phone", r#""phone""#),
    ("organisation", "industry", r#""industry""#),
    ("organisation", "annual_revenue", r#""annualrevenue""#),
    ("organisation", "employees", r#""numberofemployees""#),
    ("organisation", "street", r#""address""#),
    ("organisation", "city", r#""city""#),
    ("organisation", "state", r#""state""#),
    ("organisation", "postal_code", r#""zip""#),
    ("organisation", "country", r#""country""#),
    ("organisation", "description", r#""description""#),
    ("person", "first_name", r#""firstname""#),
    ("person", "last_name", r#""lastname""#),
    ("person", "email", r#""email""#),
    ("person", "phone", r#""phone""#),
    ("person", "mobile", r#""mobilephone""#),
    ("person", "title", r#""jobtitle""#),
    ("person", "company_name", r#""company""#),
    ("person", "street", r#""address""#),
    ("person", "city", r#""city""#),
    ("person", "state", r#""state""#),
    ("person", "postal_code", r#""zip""#),
    ("person", "country", r#""country""#),
    ("deal", "name", r#""dealname""#),
    ("deal", "stage", r#""dealstage""#),
    ("deal", "amount", r#""amount""#),
    ("deal", "close_date", r#""closedate""#),
    ("deal", "next_step", r#""hs_next_step""#),
    ("deal", "description", r#""description""#),
    ("deal", "deal_type", r#""dealtype""#),
];

/// Relations: (kind, edge, binding). Associations move no modification stamp, so they are captured on their own.
pub const EDGES: &[(&str, &str, &str)] = &[
    // A company has at most one parent; the association has no primary label.
    ("organisation", "parent", r#"{ association = "company_to_parent", single = true }"#),
    ("organisation", "owner", r#""hubspot_owner_id""#),
    ("person", "company", r#"{ association = "contact_to_company", primary = true }"#),
    ("person", "owner", r#""hubspot_owner_id""#),
    ("deal", "account", r#"{ association = "deal_to_company", primary = true }"#),
    ("deal", "owner", r#""hubspot_owner_id""#),
    ("deal", "contacts", r#"{ association = "deal_to_contact" }"#),
];

/// What is written where HubSpot requires a value and the source has none: it requires none.
pub const PLACEHOLDERS: &[(&str, &str, &str)] = &[];
