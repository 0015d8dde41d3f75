//! Which fields carry which attributes unless the configuration says otherwise, as data: the binary composes the written
//! `syncline.toml` of it. Each binding is the right side of a line of that file. Field names: [schema], research notes
//! on the object model.

/// Objects of each kind: (kind, objects).
pub const RECORDS: &[(&str, &[&str])] = &[
    ("user", &["User"]),
    ("organisation", &["Account"]),
    ("person", &["Lead", "Contact"]),
    ("deal", &["Opportunity"]),
];

/// Kinds of which a thing has exactly one record: (kind, objects). Conversion leads from the first to the last.
pub const ONE_OF: &[(&str, &[&str])] = &[("person", &["Lead", "Contact"])];

/// Fields: (kind, attribute, binding).
pub const FIELDS: &[(&str, &str, &str)] = &[
    ("user", "email", r#"{ field = "Email", direction = "in" }"#),
    ("user", "first_name", r#"{ field = "FirstName", direction = "in" }"#),
    ("user", "last_name", r#"{ field = "LastName", direction = "in" }"#),
    ("organisation", "name", r#""Name""#),
    ("organisation", "website", r#""Website""#),
    // An account has no field for the bare domain: the website stands for it and is not overwritten by it.
    ("organisation", "domain", r#"{ field = "Website", direction = "in" }"#),
    ("organisation", "phone", r#""Phone""#),
    ("organisation", "industry", r#""Industry""#),
    ("organisation", "annual_revenue", r#""AnnualRevenue""#),
    ("organisation", "employees", r#""NumberOfEmployees""#),
    ("organisation", "street", r#""BillingStreet""#),
    ("organisation", "city", r#""BillingCity""#),
    ("organisation", "state", r#""BillingState""#),
    ("organisation", "postal_code", r#""BillingPostalCode""#),
    ("organisation", "country", r#""BillingCountry""#),
    ("organisation", "description", r#""Description""#),
    ("person", "first_name", r#""FirstName""#),
    ("person", "last_name", r#""LastName""#),
    ("person", "email", r#""Email""#),
    ("person", "phone", r#""Phone""#),
    ("person", "mobile", r#""MobilePhone""#),
    ("person", "title", r#""Title""#),
    // A contact's company is its account, a relation; a lead has only the text.
    ("person", "company_name", r#"{ Lead = "Company" }"#),
    ("person", "street", r#"{ Lead = "Street", Contact = "MailingStreet" }"#),
    ("person", "city", r#"{ Lead = "City", Contact = "MailingCity" }"#),
    ("person", "state", r#"{ Lead = "State", Contact = "MailingState" }"#),
    ("person", "postal_code", r#"{ Lead = "PostalCode", Contact = "MailingPostalCode" }"#),
    ("person", "country", r#"{ Lead = "Country", Contact = "MailingCountry" }"#),
    ("deal", "name", r#""Name""#),
    ("deal", "stage", r#""StageName""#),
    ("deal", "amount", r#""Amount""#),
    ("deal", "close_date", r#""CloseDate""#),
    ("deal", "next_step", r#""NextStep""#),
    ("deal", "description", r#""Description""#),
    ("deal", "deal_type", r#""Type""#),
];

/// Relations: (kind, edge, binding).
pub const EDGES: &[(&str, &str, &str)] = &[
    ("organisation", "parent", r#""ParentId""#),
    ("organisation", "owner", r#""OwnerId""#),
    ("person", "company", r#"{ Contact = "AccountId" }"#),
    ("person", "owner", r#""OwnerId""#),
    ("deal", "account", r#""AccountId""#),
    ("deal", "owner", r#""OwnerId""#),
    ("deal", "contacts", r#"{ junction = "OpportunityContactRole" }"#),
];

/// What is written where Salesforce requires a value and the source has none: (kind, attribute, value).
/// An account has the one of a lead's company where it came from a conversion.
pub const PLACEHOLDERS: &[(&str, &str, &str)] = &[
    ("organisation", "name", r#""[not provided]""#),
    ("person", "last_name", r#""[not provided]""#),
    ("person", "company_name", r#""[not provided]""#),
];
