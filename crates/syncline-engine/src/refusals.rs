//! What vendors refused, kept until its cause can have changed (HUB-4): the schema of the object is another one, or a day
//! has passed — rules that no schema shows (validation rules, rights on single records) are tried again daily.

use crate::{ctx::Ctx, error::Error};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use syncline_core::plan::Refusal;
use syncline_model::{EntityId, Kind, SchemaDigest};
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
    pub(crate) refusal: Refusal,
}

/// By entity.
pub(crate) type All = BTreeMap<EntityId, Vec<Kept>>;

impl Kept {
    /// Notes a refusal made just now.
    pub(crate) fn new(ctx: &Ctx, kind: Kind, refusal: Refusal) -> Self {
        let schema = schema(ctx, &refusal);
        Self { kind, at: ctx.now(), schema, refusal }
    }

    fn stands(&self, ctx: &Ctx) -> bool {
        schema(ctx, &self.refusal) == self.schema && ctx.now().duration_since(self.at) < RETRY_AFTER
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
    for (entity, mut list) in load(ctx).await? {
        let before = list.len();
        let kind = list.first().map(|kept| kept.kind);
        list.retain(|kept| kept.stands(ctx));
        if list.len() < before {
            keep(&mut batch, entity, &list)?;
            batch.dirty.extend(kind.map(|kind| DirtyKey::Entity(kind, entity)));
        }
    }
    if !batch.puts.is_empty() {
        ctx.store.commit(batch).await?;
    }
    Ok(())
}
