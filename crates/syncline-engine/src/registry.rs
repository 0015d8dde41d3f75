//! The vendors this program holds: the one file of the engine that names them. A sixth vendor is one more line.

use crate::{error::Error, secrets::Secret};
use std::{collections::BTreeSet, sync::Arc};
use syncline_core::config::VendorDefaults;
use syncline_kit::{Clock, Transport, daily::Share, vendor::Vendor};
use syncline_model::{ConnectionName, ObjectName, VendorName};

/// Names of all vendors, as configuration spells them.
pub const VENDORS: [&str; 2] = ["hubspot", "salesforce"];

/// Builds a connection's adapter. The simulation and tests pass another one than [`adapter`].
pub type Build = dyn Fn(&ConnectionName, &Secret, Share, Arc<dyn Transport>, Arc<dyn Clock>) -> Result<Arc<dyn Vendor>, Error>
    + Send
    + Sync;

/// Whether there is such a vendor.
///
/// # Errors
/// [`Error::UnknownVendor`] with the names there are.
pub fn known(vendor: &VendorName) -> Result<(), Error> {
    if VENDORS.contains(&vendor.as_str()) { Ok(()) } else { Err(unknown(vendor)) }
}

fn unknown(vendor: &VendorName) -> Error {
    Error::UnknownVendor { vendor: vendor.clone(), known: VENDORS.join(", ") }
}

/// The adapter of the connection's vendor, which keeps to this share of the account's daily calls.
///
/// # Errors
/// [`Error::UnknownVendor`]; [`Error::Vendor`] where the credentials hold nothing to sign in with.
pub fn adapter(
    connection: &ConnectionName,
    secret: &Secret,
    daily_share: Share,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Vendor>, Error> {
    let refused = |error| Error::vendor(connection, error);
    let name = connection.clone();
    match secret.vendor.as_str() {
        "hubspot" => {
            let credentials = with_address(secret, &["base_url"]);
            let options = hubspot::adapter::Options { daily_share, ..Default::default() };
            let adapter = hubspot::adapter::HubSpot::new(name, credentials, options, transport, clock);
            Ok(Arc::new(adapter.map_err(refused)?))
        }
        "salesforce" => {
            let credentials = with_address(secret, &["login_url", "instance_url"]);
            let options = salesforce::adapter::Options { daily_share, ..Default::default() };
            let adapter = salesforce::adapter::Salesforce::new(name, credentials, options, transport, clock);
            Ok(Arc::new(adapter.map_err(refused)?))
        }
        _ => Err(unknown(&secret.vendor)),
    }
}

/// The vendor's part of the configuration that `init` writes.
///
/// # Errors
/// [`Error::UnknownVendor`].
pub fn defaults(vendor: &VendorName) -> Result<VendorDefaults<'static>, Error> {
    match vendor.as_str() {
        "hubspot" => Ok(VendorDefaults {
            vendor: "hubspot",
            records: hubspot::mapping::RECORDS,
            one_of: hubspot::mapping::ONE_OF,
            fields: hubspot::mapping::FIELDS,
            edges: hubspot::mapping::EDGES,
            placeholders: hubspot::mapping::PLACEHOLDERS,
        }),
        "salesforce" => Ok(VendorDefaults {
            vendor: "salesforce",
            records: salesforce::mapping::RECORDS,
            one_of: salesforce::mapping::ONE_OF,
            fields: salesforce::mapping::FIELDS,
            edges: salesforce::mapping::EDGES,
            placeholders: salesforce::mapping::PLACEHOLDERS,
        }),
        _ => Err(unknown(vendor)),
    }
}

/// The credentials, with the line's address wherever they do not say another.
fn with_address(secret: &Secret, members: &[&str]) -> serde_json::Value {
    let mut credentials = secret.credentials.clone();
    if let (Some(url), Some(object)) = (&secret.url, credentials.as_object_mut()) {
        for member in members {
            object.entry(*member).or_insert_with(|| url.clone().into());
        }
    }
    credentials
}

/// The rights that a connection needs for these objects, in the vendor's own words (HUB-14).
pub fn rights(vendor: &VendorName, objects: &BTreeSet<ObjectName>) -> Vec<String> {
    let objects = objects.iter().map(ObjectName::as_str);
    match vendor.as_str() {
        "hubspot" => objects
            .flat_map(|object| match object {
                "owners" | "users" => vec!["crm.objects.owners.read".to_owned()],
                _ => ["objects.{}.read", "objects.{}.write", "schemas.{}.read"]
                    .map(|scope| format!("crm.{}", scope.replace("{}", object)))
                    .to_vec(),
            })
            .collect(),
        "salesforce" => std::iter::once("API Enabled".to_owned())
            .chain(objects.map(|object| match object {
                "User" => "User: read".to_owned(),
                _ => format!("{object}: read, create, edit; read and edit on every mapped field"),
            }))
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_address_of_the_line_fills_in_where_the_credentials_name_none() {
        let secret = |credentials| Secret { vendor: "x".into(), url: Some("http://a".into()), credentials };
        assert_eq!(with_address(&secret(json!({})), &["u"]), json!({"u": "http://a"}));
        assert_eq!(with_address(&secret(json!({"u": "http://b"})), &["u"]), json!({"u": "http://b"}));
    }

    #[test]
    fn every_vendor_brings_its_part_of_the_configuration() {
        for vendor in VENDORS {
            assert_eq!(defaults(&vendor.into()).unwrap().vendor, vendor);
            assert!(known(&vendor.into()).is_ok());
        }
        assert!(matches!(known(&"books".into()), Err(Error::UnknownVendor { .. })));
    }

    #[test]
    fn only_what_is_asked_for_is_listed_as_a_right() {
        let rights = rights(&"hubspot".into(), &BTreeSet::from(["contacts".into(), "owners".into()]));
        assert_eq!(
            rights,
            [
                "crm.objects.contacts.read",
                "crm.objects.contacts.write",
                "crm.schemas.contacts.read",
                "crm.objects.owners.read"
            ]
        );
    }
}
