//! Who refers to a record, asked from its side. A query is a strong read [doc: research §2.2].

use super::{ROLE_FIELD, ROLE_OBJECT, Salesforce, composite::Part, ids, soql};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use syncline_kit::vendor::{CaptureWant, Referrer, VendorError};
use syncline_model::{FieldName, ObjectName, RecordRef};

/// Ids in one query.
const IDS: usize = 350;

/// One query: what refers by which field to which sort of record.
struct Asked {
    /// Whose field refers.
    child: ObjectName,
    /// The field as it is captured.
    field: FieldName,
    /// What it leads to.
    parent: ObjectName,
    /// The columns of an answer's row that name the two.
    columns: (&'static str, String),
    part: Part,
}

impl Salesforce {
    /// Live records of the wanted objects that refer to any of these by a wanted reference or by a contact role.
    pub(super) async fn read_referrers(
        &self,
        want: &CaptureWant,
        records: &[RecordRef],
    ) -> Result<Vec<Referrer>, VendorError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        self.ensure_for(&want.objects).await?;
        let mut by_object: BTreeMap<&ObjectName, Vec<&str>> = BTreeMap::new();
        for record in records {
            by_object.entry(&record.object).or_default().push(record.id.as_str());
        }
        let mut asked = Vec::new();
        for (parent, all) in by_object {
            for some in all.chunks(IDS) {
                self.ask(want, parent, some, &mut asked);
            }
        }
        let parts = asked.iter().map(|asked| asked.part.clone()).collect();
        let (_, replies) = self.client.read_parts(parts).await?;
        let mut found = Vec::new();
        for (asked, reply) in asked.into_iter().zip(replies) {
            let (of_child, of_parent) = (asked.columns.0, asked.columns.1.as_str());
            for row in self.all_rows(reply).await? {
                let id = |column: &str| row.get(column).and_then(Json::as_str).map(ids::canonical);
                let (Some(child), Some(parent)) = (id(of_child), id(of_parent)) else { continue };
                let record = |object: &ObjectName, id| RecordRef {
                    connection: self.connection.clone(),
                    object: object.clone(),
                    id,
                };
                found.push(Referrer {
                    child: record(&asked.child, child),
                    field: asked.field.clone(),
                    parent: record(&asked.parent, parent),
                });
            }
        }
        Ok(found)
    }

    fn ask(&self, want: &CaptureWant, parent: &ObjectName, some: &[&str], asked: &mut Vec<Asked>) {
        let mut add =
            |child: &ObjectName, field: &FieldName, from: &str, of_child: &'static str, by: &str| {
                let condition = soql::one_of(by, some.iter().copied());
                asked.push(Asked {
                    child: child.clone(),
                    field: field.clone(),
                    parent: parent.clone(),
                    columns: (of_child, by.to_owned()),
                    part: Part::query(&format!("SELECT {of_child},{by} FROM {from} WHERE {condition}")),
                });
            };
        for one in &want.objects {
            let Some(described) = self.described(&one.object) else { continue };
            for field in one.fields.iter().filter(|field| described.leads_to(field, parent)) {
                add(&one.object, field, one.object.as_str(), "Id", field.as_str());
            }
            let roles = one.edges.iter().find(|edge| edge.as_str() == ROLE_FIELD);
            if let (Some(field), true, "Contact") = (roles, described.roles.is_some(), parent.as_str()) {
                add(&one.object, field, ROLE_OBJECT, "OpportunityId", "ContactId");
            }
        }
    }
}
