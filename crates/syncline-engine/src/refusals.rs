//! What vendors refused, kept until its cause can have changed (HUB-4): the schema of the object is another one, or a day
//! has passed: rules that no schema shows (validation rules, rights on single records) are tried again daily.

use crate::{ctx::Ctx, error::Error};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use syncline_core::plan::Refusal;
use syncline_model::{EntityId, Kind, RecordRef, SchemaDigest, Version};
use syncline_store::{Batch, DirtyKey};

/// When a refused write is tried again although nothing visible has changed.
const RETRY_AFTER: SignedDuration = SignedDuration::from_hours(24);
const PREFIX: &str = "refused/";

/// A refusal with what it hung on.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Kept {
    kind: Kind,
    at: Timestamp,
    schema: Option<SchemaDigest>,
    /// A record that the vendor said is not there: as it was seen last.
    #[serde(default)]
    unseen: Option<(RecordRef, Option<Version>)>,
    pub(crate) refusal: Refusal,
}

/// By entity.
pub(crate) type All = BTreeMap<EntityId, Vec<Kept>>;

impl Kept {
    /// Notes a refusal made just now.
    pub(crate) fn new(ctx: &Ctx, kind: Kind, refusal: Refusal) -> Self {
        let schema = schema(ctx, &refusal);
        Self { kind, at: ctx.now(), schema, unseen: None, refusal }
    }

    /// It ends when this record is seen in another version.
    pub(crate) fn until_seen(self, record: RecordRef, version: Option<Version>) -> Self {
        Self { unseen: Some((record, version)), ..self }
    }

    async fn stands(&self, ctx: &Ctx) -> Result<bool, Error> {
        if schema(ctx, &self.refusal) != self.schema || ctx.now().duration_since(self.at) >= RETRY_AFTER {
            return Ok(false);
        }
        let Some((record, version)) = &self.unseen else { return Ok(true) };
        let stored = ctx.store.records(std::slice::from_ref(record)).await?.pop();
        Ok(stored.and_then(|stored| stored.snapshot).is_some_and(|it| it.is_live() && it.version == *version))
    }
}

/// The schema that the refused write was made under: named by the refusal's wake key.
fn schema(ctx: &Ctx, refusal: &Refusal) -> Option<SchemaDigest> {
    let object = refusal.wake.rsplit_once('/')?.1;
    ctx.facts.schemas.get(&refusal.connection)?.get(object).map(crate::schemas::digest)
}

/// All that stand.
pub(crate) async fn load(ctx: &Ctx) -> Result<All, Error> {
    let mut all = All::new();
    for (key, bytes) in ctx.store.list(PREFIX).await? {
        let entity = key.strip_prefix(PREFIX).and_then(|id| id.parse().ok()).map(EntityId);
        if let (Some(entity), Ok(list)) = (entity, serde_json::from_slice(&bytes)) {
            all.insert(entity, list);
        }
    }
    Ok(all)
}

/// Puts what stands for an entity.
pub(crate) fn keep(batch: &mut Batch, entity: EntityId, list: &[Kept]) -> Result<(), Error> {
    let value = match list {
        [] => None,
        list => Some(serde_json::to_vec(list).map_err(|error| Error::Internal(error.to_string()))?),
    };
    batch.puts.push((format!("{PREFIX}{entity}"), value));
    Ok(())
}

/// Drops refusals whose cause can have changed; their entities become work.
pub(crate) async fn release(ctx: &Ctx) -> Result<(), Error> {
    let mut batch = ctx.batch();
    for (entity, list) in load(ctx).await? {
        let before = list.len();
        let kind = list.first().map(|kept| kept.kind);
        let mut standing = Vec::with_capacity(before);
        for kept in list {
            if kept.stands(ctx).await? {
                standing.push(kept);
            }
        }
        if standing.len() < before {
            keep(&mut batch, entity, &standing)?;
            batch.dirty.extend(kind.map(|kind| DirtyKey::Entity(kind, entity)));
        }
    }
    if !batch.puts.is_empty() {
        ctx.store.commit(batch).await?;
    }
    Ok(())
}
