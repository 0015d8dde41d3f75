//! Owners: no stamp to ask by, so the list is read whole, at most hourly [docs owners].

use super::{HOUR, cursor::ObjectState};
use crate::adapter::{
    HubSpot,
    client::Call,
    records::{List, plain},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use syncline_kit::vendor::{Known, ObjectWant, VendorError};
use syncline_model::{FieldName, Observation, Observed, RecordId, RecordState, Value as Fact, Version};

/// Rows of a page.
const LIMIT: usize = 500;

/// One owner. Deactivated ones stand in a list of their own.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapter) struct Owner {
    id: Value,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    updated_at: Option<Timestamp>,
    #[serde(default)]
    archived: bool,
}

impl Owner {
    pub(in crate::adapter) fn id(&self) -> RecordId {
        RecordId::from(plain(self.id.clone()).unwrap_or_default())
    }
}

/// Reads the owners where that is due.
pub(super) async fn step(
    hub: &HubSpot,
    want: &ObjectWant,
    known: &dyn Known,
    state: &mut ObjectState,
) -> Result<Vec<Observation>, VendorError> {
    let digest: String = want.fields.iter().map(FieldName::as_str).collect::<Vec<_>>().join(",");
    let now = || hub.client.vendor_now().as_millisecond();
    let is_new = state.want != digest;
    if !is_new && now() - state.complete_at < HOUR {
        return Ok(Vec::new());
    }
    let owners = hub.read_owners().await?;
    let ids: Vec<RecordId> = owners.iter().map(Owner::id).collect();
    let versions = known.versions(&want.object, &ids).await;
    let observed = owners.iter().map(|owner| hub.owner(want, owner));
    let fresh = observed.zip(versions).filter(|(seen, version)| is_new || seen.version != *version);
    let seen = fresh.map(|(seen, _)| seen).collect();
    state.want = digest;
    state.complete_at = now();
    Ok(seen)
}

impl HubSpot {
    /// All owners, deactivated ones too.
    pub(in crate::adapter) async fn read_owners(&self) -> Result<Vec<Owner>, VendorError> {
        let mut owners = Vec::new();
        for archived in [false, true] {
            let mut after: Option<String> = None;
            loop {
                let mut path = format!("/crm/v3/owners/?limit={LIMIT}&archived={archived}");
                if let Some(after) = &after {
                    path.push_str("&after=");
                    path.extend(form_urlencoded::byte_serialize(after.as_bytes()));
                }
                let list: List<Owner> = self.client.fetch(Call::get(path)).await?;
                let next = list.next().map(str::to_owned);
                owners.extend(list.results.into_iter().map(|owner| Owner { archived, ..owner }));
                if next.is_none() || next == after {
                    break;
                }
                after = next;
            }
        }
        Ok(owners)
    }

    /// An owner as an observation; a deactivated one is still there, `archived` says so.
    pub(in crate::adapter) fn owner(&self, want: &ObjectWant, owner: &Owner) -> Observation {
        let text = |text: &Option<String>| Observed::from(text.as_deref().and_then(Fact::text));
        let fields = want.fields.iter().filter_map(|field| {
            let observed = match field.as_str() {
                "id" => Observed::from(Fact::text(owner.id().as_str())),
                "email" => text(&owner.email),
                "firstName" => text(&owner.first_name),
                "lastName" => text(&owner.last_name),
                "archived" => Observed::Value(Fact::Bool(owner.archived)),
                _ => return None,
            };
            Some((field.clone(), observed))
        });
        let stamp = owner.updated_at.map(|at| at.to_string()).unwrap_or_default();
        Observation {
            record: self.record(want.object.clone(), owner.id()),
            version: Some(Version(Arc::from(format!("{stamp} {}", owner.archived)))),
            modified: owner.updated_at,
            state: RecordState::Live,
            fields: fields.collect(),
        }
    }
}
