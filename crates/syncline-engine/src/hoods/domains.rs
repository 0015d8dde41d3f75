//! Organisations that are known by the domain of a person's address (CRM-3).

use crate::{ctx::Ctx, error::Error};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_core::{
    identify,
    mapping::{CreateAllowed, KeySource, Mapping, MatchRule},
};
use syncline_model::{EntityId, Kind, RecordRef};
use syncline_store::{MatchKey, StoredEntity};

/// For people whose side is missing somewhere: the one organisation there whose domain their address has (CRM-3).
pub(super) async fn organisations_by_domain(
    ctx: &Ctx,
    kind: Kind,
    entities: &[StoredEntity],
) -> Result<BTreeMap<EntityId, EntityId>, Error> {
    let mut found = BTreeMap::new();
    let mapping = ctx.mapping();
    let Some(model) = mapping.kinds.get(&kind) else { return Ok(found) };
    let Some((connection, _)) =
        model.create.iter().find(|(_, rule)| matches!(rule.allowed, CreateAllowed::LeadOrContact { .. }))
    else {
        return Ok(found);
    };
    let Some(key) = domain_key(mapping) else { return Ok(found) };
    let mut domains: BTreeMap<EntityId, String> = BTreeMap::new();
    for entity in entities {
        if entity.links.iter().any(|link| link.facet == kind && link.record.connection == *connection) {
            continue;
        }
        let email = entity.snapshots.iter().flatten().find_map(|snapshot| {
            identify::keys(mapping, kind, snapshot).into_iter().find(|key| key.value.contains('@'))
        });
        if let Some(domain) = email.and_then(|email| identify::domain(&email.value)) {
            domains.insert(entity.entity, domain);
        }
    }
    let wanted: BTreeSet<&String> = domains.values().collect();
    let keys: Vec<MatchKey> =
        wanted.iter().map(|domain| MatchKey { name: key.clone(), value: domain.as_str().into() }).collect();
    let carriers = ctx.store.by_keys(Kind::Organisation, &keys).await?;
    let mut owners: BTreeMap<&str, EntityId> = BTreeMap::new();
    for (key, records) in keys.iter().zip(carriers) {
        let here: Vec<RecordRef> =
            records.into_iter().filter(|record| record.connection == *connection).collect();
        if let [account] = here.as_slice() {
            let stored = ctx.store.records(std::slice::from_ref(account)).await?;
            let link = stored
                .iter()
                .flat_map(|record| &record.links)
                .find(|link| link.facet == Kind::Organisation && link.state.is_active());
            if let Some(link) = link {
                owners.insert(&key.value, link.entity);
            }
        }
    }
    for (entity, domain) in &domains {
        if let Some(owner) = owners.get(domain.as_str()) {
            found.insert(*entity, *owner);
        }
    }
    Ok(found)
}

/// The name of the key by which organisations are known by their domain.
pub(crate) fn domain_key(mapping: &Mapping) -> Option<Arc<str>> {
    mapping.kinds.get(&Kind::Organisation)?.match_keys.iter().find_map(|rule| match rule {
        MatchRule::Attribute { key, from: KeySource::Domain(_) } => Some(key.clone()),
        MatchRule::Attribute { .. } | MatchRule::Planted | MatchRule::NativeConnector { .. } => None,
    })
}
