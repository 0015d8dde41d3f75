//! Who made a record, and when: two system fields that every object has and nobody writes later [doc: research §5].

use super::{Salesforce, composite::Part, ids, soql, time};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use syncline_kit::vendor::{Maker, Origin, VendorError};
use syncline_model::{ObjectName, RecordId, RecordRef};

/// Ids in one query.
const IDS: usize = 350;

impl Salesforce {
    /// By `CreatedDate` and `CreatedById`. A query is a strong read.
    pub(super) async fn read_origins(
        &self,
        records: &[RecordRef],
    ) -> Result<Vec<Option<Origin>>, VendorError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let us = self.user().await?;
        let mut by_object: BTreeMap<&ObjectName, Vec<&str>> = BTreeMap::new();
        for record in records {
            by_object.entry(&record.object).or_default().push(record.id.as_str());
        }
        let parts = by_object.iter().flat_map(|(object, all)| {
            all.chunks(IDS).map(move |ids| {
                let condition = soql::one_of("Id", ids.iter().copied());
                Part::query_all(&format!("SELECT Id,CreatedDate,CreatedById FROM {object} WHERE {condition}"))
            })
        });
        let (_, replies) = self.client.read_parts(parts.collect()).await?;
        let mut origins: BTreeMap<RecordId, Origin> = BTreeMap::new();
        for reply in replies {
            for row in self.all_rows(reply).await? {
                let text = |field: &str| row.get(field).and_then(Json::as_str);
                if let (Some(id), Some(created)) = (text("Id"), text("CreatedDate").and_then(time::instant)) {
                    let maker = maker(text("CreatedById").map(ids::canonical), us.as_ref());
                    origins.insert(ids::canonical(id), Origin { created, maker });
                }
            }
        }
        Ok(records.iter().map(|record| origins.get(&ids::canonical(record.id.as_str())).copied()).collect())
    }
}

/// Whether what a user did was done by us.
pub(super) fn maker(by: Option<RecordId>, us: Option<&RecordId>) -> Maker {
    match (by, us) {
        (Some(by), Some(us)) if by == *us => Maker::Us,
        (Some(_), Some(_)) => Maker::Other,
        (None, _) | (_, None) => Maker::Unknown,
    }
}
