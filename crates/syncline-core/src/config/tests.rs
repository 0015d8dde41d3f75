//! The default configuration, and what is said of broken ones.

use super::*;
use crate::mapping::ModelChoice;
use expect_test::expect_file;

#[allow(unreachable_pub, reason = "public in the vendor's own crate")]
#[path = "../../../../vendors/hubspot/src/mapping.rs"]
mod hubspot_mapping;
#[allow(unreachable_pub, reason = "public in the vendor's own crate")]
#[path = "../../../../vendors/salesforce/src/mapping.rs"]
mod salesforce_mapping;

const SALESFORCE: VendorDefaults<'static> = VendorDefaults {
    vendor: "salesforce",
    records: salesforce_mapping::RECORDS,
    one_of: salesforce_mapping::ONE_OF,
    fields: salesforce_mapping::FIELDS,
    edges: salesforce_mapping::EDGES,
    placeholders: salesforce_mapping::PLACEHOLDERS,
};
const HUBSPOT: VendorDefaults<'static> = VendorDefaults {
    vendor: "hubspot",
    records: hubspot_mapping::RECORDS,
    one_of: hubspot_mapping::ONE_OF,
    fields: hubspot_mapping::FIELDS,
    edges: hubspot_mapping::EDGES,
    placeholders: hubspot_mapping::PLACEHOLDERS,
};

/// The text that `init` writes for one org and one portal.
pub(crate) fn standard(model: ModelChoice) -> String {
    default_text(&[("salesforce", SALESFORCE), ("hubspot", HUBSPOT)], model)
}

/// Reads one text that has to be right.
pub(crate) fn read(text: &str) -> Config {
    parse(&[("syncline.toml", text)]).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

#[test]
fn the_default_text() {
    let text = standard(ModelChoice::LeadsAndContacts);
    expect_file!["golden/default.toml"].assert_eq(&text);
    let config = read(&text);
    assert_eq!(config.kinds.len(), 4);
    assert_eq!(config.kinds[&syncline_model::Kind::Person].scope.len(), 2);
    read(&standard(ModelChoice::ContactsOnly));
}

#[test]
fn odd_connection_names_and_two_portals_work() {
    let text = default_text(
        &[("sf.prod", SALESFORCE), ("hubspot", HUBSPOT), ("hubspot.emea", HUBSPOT)],
        ModelChoice::LeadsAndContacts,
    );
    assert_eq!(read(&text).connections.len(), 3);
}
