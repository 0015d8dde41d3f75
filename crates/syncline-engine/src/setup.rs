//! `setup`: what a vendor account needs for planted keys. Never done silently (decisions §2).

use crate::{connections::Connection, error::Error, schemas};
use syncline_core::config::{Config, Keys};
use syncline_kit::vendor::SetupStep;
use syncline_model::{ConnectionName, Kind, ObjectName};
use syncline_store::{Batch, Store};

/// The objects of a connection on which keys are to be planted.
pub fn planted_objects(config: &Config, connection: &ConnectionName) -> Vec<ObjectName> {
    let Some(configured) = config.connections.get(connection) else { return Vec::new() };
    let written = config.kinds.iter().filter(|(kind, _)| **kind != Kind::User).map(|(_, kind)| kind);
    let mut objects: Vec<_> =
        written.filter_map(|kind| kind.records.get(connection)).flatten().cloned().collect();
    objects.sort();
    objects.dedup();
    objects.retain(|object| configured.keys(object) == Keys::Planted);
    objects
}

/// What is there and what is missing.
///
/// # Errors
/// [`Error::Vendor`].
pub async fn plan(connection: &Connection, objects: &[ObjectName]) -> Result<Vec<SetupStep>, Error> {
    let steps = connection.vendor.setup_plan(objects).await;
    steps.map_err(|error| Error::vendor(&connection.name, error))
}

/// Carries out what can be done through the API. The schemas are read anew afterwards.
///
/// # Errors
/// [`Error::Vendor`]; [`Error::Store`].
pub async fn apply(
    connection: &Connection,
    objects: &[ObjectName],
    store: &dyn Store,
    batch: Batch,
) -> Result<Vec<SetupStep>, Error> {
    let steps = plan(connection, objects).await?;
    let steps = connection.vendor.setup_apply(&steps).await;
    let steps = steps.map_err(|error| Error::vendor(&connection.name, error))?;
    let mut batch = batch;
    schemas::expire(&connection.name, &mut batch);
    store.commit(batch).await?;
    Ok(steps)
}
