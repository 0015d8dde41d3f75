//! The mappings of sides that bases were agreed under.

use crate::{ctx::Ctx, error::Error};
use std::collections::{BTreeSet, btree_map::Entry};
use syncline_core::plan::Earlier;

fn mapping_key(digest: u32) -> String {
    format!("mapping-side/{digest:08x}")
}

/// The mappings of sides that bases were agreed under, the one in force among them, and which of that one's are noted already.
pub(crate) async fn earlier(ctx: &Ctx) -> Result<(Earlier, BTreeSet<u32>), Error> {
    let mut earlier: Earlier =
        ctx.sides().digests().map(|(digest, fields)| (digest, fields.clone())).collect();
    let mut noted = BTreeSet::new();
    for (key, bytes) in ctx.store.list("mapping-side/").await? {
        let digest = key.strip_prefix("mapping-side/").and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let Some(digest) = digest else { continue };
        match earlier.entry(digest) {
            Entry::Occupied(_) => {
                noted.insert(digest);
            }
            Entry::Vacant(place) => {
                if let Ok(fields) = serde_json::from_slice(&bytes) {
                    place.insert(fields);
                }
            }
        }
    }
    Ok((earlier, noted))
}

/// Stores field → digest of every side, so that a base agreed under this mapping can be judged under a later one.
pub(super) async fn note_sides(ctx: &Ctx, mut noted: BTreeSet<u32>) -> Result<(), Error> {
    let mut batch = ctx.batch();
    for (digest, fields) in ctx.sides().digests() {
        if noted.insert(digest) {
            let bytes = serde_json::to_vec(fields).map_err(|error| Error::Internal(error.to_string()))?;
            batch.puts.push((mapping_key(digest), Some(bytes)));
        }
    }
    if !batch.puts.is_empty() {
        ctx.store.commit(batch).await?;
    }
    Ok(())
}
