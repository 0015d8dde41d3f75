//! First contact and backfill happen only by a plan that a person applied (decisions §3). Here it is known what is
//! confirmed, and what the configuration in force would still need.

use crate::{ctx::Ctx, error::Error};
use std::{collections::BTreeMap, sync::Arc};
use syncline_model::{AttributeName, Kind, journal::Event, plan::Confirms};
use syncline_store::Batch;

const SLOT: &str = "confirmed";

/// What was confirmed: by kind, the attributes and edges with the digests of their bindings.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Confirmed {
    kinds: BTreeMap<Kind, BTreeMap<AttributeName, u64>>,
}

/// What is not confirmed yet, in order; empty: the program may go on by itself.
///
/// # Errors
/// [`Error::Store`].
pub async fn pending(ctx: &Ctx) -> Result<Vec<Confirms>, Error> {
    let confirmed = load(ctx).await?;
    let mut pending = Vec::new();
    for (kind, attributes) in present(ctx).kinds {
        match confirmed.kinds.get(&kind) {
            None => pending.push(Confirms::FirstContact { kind }),
            Some(known) => pending.extend(
                attributes
                    .into_iter()
                    .filter(|(name, digest)| known.get(name) != Some(digest))
                    .map(|(attribute, _)| Confirms::Backfill { kind, attribute }),
            ),
        }
    }
    Ok(pending)
}

/// Notes that a person confirmed these. The rest stays as it is.
///
/// # Errors
/// [`Error::Store`].
pub async fn confirm(ctx: &Ctx, what: &[Confirms], who: &Arc<str>, batch: &mut Batch) -> Result<(), Error> {
    if what.is_empty() {
        return Ok(());
    }
    let mut confirmed = load(ctx).await?;
    let present = present(ctx);
    for confirms in what {
        match confirms {
            Confirms::FirstContact { kind } => {
                if let Some(attributes) = present.kinds.get(kind) {
                    confirmed.kinds.insert(*kind, attributes.clone());
                }
            }
            Confirms::Backfill { kind, attribute } => {
                let digest = present.kinds.get(kind).and_then(|attributes| attributes.get(attribute));
                if let Some(digest) = digest {
                    confirmed.kinds.entry(*kind).or_default().insert(attribute.clone(), *digest);
                }
            }
        }
        batch.journal.push(Event::Confirmed { what: confirms.clone(), who: who.clone() });
    }
    let bytes = serde_json::to_vec(&confirmed).map_err(|error| Error::Internal(error.to_string()))?;
    batch.puts.push((SLOT.to_owned(), Some(bytes)));
    Ok(())
}

async fn load(ctx: &Ctx) -> Result<Confirmed, Error> {
    let Some(bytes) = ctx.store.get(SLOT).await? else { return Ok(Confirmed::default()) };
    serde_json::from_slice(&bytes)
        .map_err(|error| syncline_store::StoreError::Corrupt(format!("what was confirmed: {error}")).into())
}

/// Attributes and edges that are written somewhere, by kind, with digests over all their bindings.
fn present(ctx: &Ctx) -> Confirmed {
    let mut kinds = BTreeMap::new();
    for model in ctx.mapping().kinds.values() {
        let mut attributes = BTreeMap::new();
        for attribute in &model.attributes {
            if attribute.bindings.iter().any(|binding| binding.direction.writes())
                && attribute.bindings.len() > 1
            {
                let digests = attribute.bindings.iter().map(|binding| binding.digest);
                attributes.insert(attribute.name.clone(), sum(digests));
            }
        }
        for edge in &model.edges {
            if edge.bindings.iter().any(|binding| binding.direction.writes()) && edge.bindings.len() > 1 {
                let digests = edge.bindings.iter().map(|binding| binding.digest);
                attributes.insert(AttributeName::new(edge.name.as_str()), sum(digests));
            }
        }
        if !attributes.is_empty() {
            kinds.insert(model.kind, attributes);
        }
    }
    Confirmed { kinds }
}

/// FNV-1a over digests, in the configuration's order.
fn sum(digests: impl Iterator<Item = u32>) -> u64 {
    digests
        .flat_map(u32::to_le_bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
