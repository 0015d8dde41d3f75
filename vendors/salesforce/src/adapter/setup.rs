//! The field that carries planted keys. The REST API cannot make fields; an administrator deploys a package.

use super::Salesforce;
use std::collections::BTreeMap;
use syncline_kit::vendor::{SetupStep, VendorError};
use syncline_model::{FieldName, ObjectName};

/// The field that carries the entity's id.
pub const KEY_FIELD: &str = "Syncline_Id__c";
/// Characters of a key.
const KEY_LENGTH: u32 = 36;
/// Name of the permission set that lets the connection's user see and write the field.
const PERMISSION_SET: &str = "Syncline";

impl Salesforce {
    pub(super) async fn plan_setup(&self, objects: &[ObjectName]) -> Result<Vec<SetupStep>, VendorError> {
        self.forget(objects);
        self.ensure(objects).await?;
        let files = package(objects);
        Ok(objects
            .iter()
            .map(|object| {
                let field = self.described(object).and_then(|d| d.schema.fields.get(KEY_FIELD).cloned());
                let done = field.is_some_and(|field| field.unique_key && field.createable && field.updateable);
                SetupStep {
                    object: object.clone(),
                    field: FieldName::from(KEY_FIELD),
                    what: format!(
                        "{object}.{KEY_FIELD}: text of {KEY_LENGTH} characters, external id, unique without case; \
                         deploy the package and assign the permission set {PERMISSION_SET}"
                    ),
                    by_hand: files.iter().map(|(path, text)| (path.clone(), text.clone())).collect(),
                    done,
                }
            })
            .collect())
    }
}

/// A package in the form of the Metadata API: the same files whatever subset of it is in place.
fn package(objects: &[ObjectName]) -> BTreeMap<String, String> {
    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    const SPACE: &str = "xmlns=\"http://soap.sforce.com/2006/04/metadata\"";
    let mut files = BTreeMap::new();
    let mut members = String::new();
    let mut rights = String::new();
    for object in objects {
        members += &format!("    <members>{object}.{KEY_FIELD}</members>\n");
        rights += &format!(
            "  <fieldPermissions>\n    <editable>true</editable>\n    <field>{object}.{KEY_FIELD}</field>\n    \
             <readable>true</readable>\n  </fieldPermissions>\n"
        );
        let field = format!(
            "{HEAD}<CustomObject {SPACE}>\n  <fields>\n    <fullName>{KEY_FIELD}</fullName>\n    \
             <caseSensitive>false</caseSensitive>\n    <externalId>true</externalId>\n    \
             <label>Syncline ID</label>\n    <length>{KEY_LENGTH}</length>\n    <type>Text</type>\n    \
             <unique>true</unique>\n  </fields>\n</CustomObject>\n"
        );
        files.insert(format!("objects/{object}.object"), field);
    }
    files.insert(
        format!("permissionsets/{PERMISSION_SET}.permissionset"),
        format!(
            "{HEAD}<PermissionSet {SPACE}>\n{rights}  <label>{PERMISSION_SET}</label>\n</PermissionSet>\n"
        ),
    );
    files.insert(
        "package.xml".to_owned(),
        format!(
            "{HEAD}<Package {SPACE}>\n  <types>\n{members}    <name>CustomField</name>\n  </types>\n  <types>\n    \
             <members>{PERMISSION_SET}</members>\n    <name>PermissionSet</name>\n  </types>\n  \
             <version>59.0</version>\n</Package>\n"
        ),
    );
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use quick_xml::events::Event;

    #[test]
    fn the_package_is_well_formed_and_names_every_object() {
        let files = package(&["Lead".into(), "Contact".into()]);
        assert_eq!(
            files.keys().map(String::as_str).collect::<Vec<_>>(),
            [
                "objects/Contact.object",
                "objects/Lead.object",
                "package.xml",
                "permissionsets/Syncline.permissionset"
            ]
        );
        for (path, text) in &files {
            let mut reader = quick_xml::Reader::from_str(text);
            reader.config_mut().check_end_names = true;
            while reader.read_event().unwrap_or_else(|error| panic!("{path}: {error}")) != Event::Eof {}
        }
        assert!(files["package.xml"].contains("<members>Lead.Syncline_Id__c</members>"));
    }
}
