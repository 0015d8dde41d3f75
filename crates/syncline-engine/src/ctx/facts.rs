//! What the connections' accounts and schemas say, and the mapping that is made of it.

use super::{InForce, Made, remark};
use crate::{connections::Connection, error::Error, schemas, workspace::Workspace};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};
use syncline_core::{
    config::{CarrierConfig, Config},
    mapping::{self, Accounts, CapturedObject, Schemas},
    plan::Sides,
};
use syncline_kit::vendor::{CaptureWant, ObjectWant};
use syncline_model::{ConnectionName, ObjectName};
use syncline_store::Batch;

/// What the vendors say of themselves.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Accounts.
    pub accounts: Accounts,
    /// Live schemas.
    pub schemas: Schemas,
    /// The stored form that they were read from: what is stored alike need not be read again.
    pub(super) stored: BTreeMap<ConnectionName, schemas::Stored>,
}

/// Whether facts are other ones than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    Some,
    None,
}

impl Facts {
    /// From the store where it is fresh enough, else from the vendors. `blank` carries time, run and claim.
    pub(super) async fn gather(
        workspace: &Workspace,
        connections: &BTreeMap<ConnectionName, Connection>,
        blank: &Batch,
    ) -> Result<Self, Error> {
        let mut facts = Self::default();
        for (name, connection) in connections {
            facts.add(workspace, name, connection, blank.clone()).await?;
        }
        Ok(facts)
    }

    /// The same again: what has not changed since is kept.
    pub(super) async fn refresh(
        &mut self,
        workspace: &Workspace,
        connections: &BTreeMap<ConnectionName, Connection>,
        blank: &Batch,
    ) -> Result<News, Error> {
        let mut news = if self.stored.is_empty() { News::Some } else { News::None };
        for (name, connection) in connections {
            if self.add(workspace, name, connection, blank.clone()).await? == News::Some {
                news = News::Some;
            }
        }
        Ok(news)
    }

    /// As [`Self::refresh`], of one connection that was not asked before.
    pub(crate) async fn of(
        &mut self,
        workspace: &Workspace,
        name: &ConnectionName,
        connection: &Connection,
        batch: Batch,
    ) -> Result<(), Error> {
        self.add(workspace, name, connection, batch).await.map(drop)
    }

    /// One connection's account and schemas.
    async fn add(
        &mut self,
        workspace: &Workspace,
        name: &ConnectionName,
        connection: &Connection,
        mut batch: Batch,
    ) -> Result<News, Error> {
        let store = &*workspace.store;
        let configured = workspace.config.connections.get(name).and_then(|entry| entry.account.as_deref());
        let account = connection.account(store, configured, &mut batch).await?;
        let objects = objects_of(&workspace.config, name);
        let (described, stored) = if schemas::is_due(store, name, &objects, batch.at).await? {
            let (described, stored) = schemas::refresh(store, connection, &objects, &mut batch).await?;
            (Some(described), stored)
        } else {
            (None, schemas::stored(store, name).await?)
        };
        if self.stored.get(name) == Some(&stored) && self.accounts.get(name) == Some(&account) {
            if !batch.puts.is_empty() {
                store.commit(batch).await?;
            }
            return Ok(News::None);
        }
        // Until what is new is stored and compiled from, nothing is known to be as it was.
        self.stored.remove(name);
        let described = described.unwrap_or_else(|| {
            let described = schemas::read(&stored);
            connection.remember(&described);
            described
        });
        if !batch.puts.is_empty() {
            store.commit(batch).await?;
        }
        self.accounts.insert(name.clone(), account);
        self.schemas.insert(name.clone(), described);
        self.stored.insert(name.clone(), stored);
        Ok(News::Some)
    }

    pub(super) fn compile(&self, workspace: &Workspace) -> Result<Arc<InForce>, Error> {
        let mut last = workspace.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*last
            && made.schemas == self.schemas
            && made.accounts == self.accounts
        {
            return Ok(Arc::clone(&made.force));
        }
        let compiled =
            mapping::compile(&workspace.config, &self.schemas, &self.accounts).map_err(|problems| {
                Error::Config { problems: problems.iter().map(ToString::to_string).collect() }
            })?;
        let wants = compiled.captured.iter().map(|(name, objects)| (name.clone(), want(objects))).collect();
        let digest = remark::digest(&compiled.mapping);
        let sides = Arc::new(Sides::of(&compiled.mapping));
        let force = Arc::new(InForce { compiled, wants, sides, digest });
        let (schemas, accounts) = (self.schemas.clone(), self.accounts.clone());
        *last = Some(Made { schemas, accounts, force: Arc::clone(&force) });
        Ok(force)
    }
}

fn want(objects: &BTreeMap<ObjectName, CapturedObject>) -> CaptureWant {
    let object = |(object, captured): (&ObjectName, &CapturedObject)| ObjectWant {
        object: object.clone(),
        fields: captured.fields.clone(),
        edges: captured.edges.clone(),
    };
    CaptureWant { objects: objects.iter().map(object).collect() }
}

/// The objects of a connection that the configuration speaks of.
pub fn objects_of(config: &Config, connection: &ConnectionName) -> BTreeSet<ObjectName> {
    let mut objects = BTreeSet::new();
    for kind in config.kinds.values() {
        for listed in [&kind.records, &kind.one_of] {
            objects.extend(listed.get(connection).into_iter().flatten().cloned());
        }
        for binding in
            kind.edges.iter().flat_map(|edge| &edge.bindings).filter(|it| it.connection == *connection)
        {
            match &binding.carrier {
                CarrierConfig::Junction(object, _) => objects.insert(object.clone()),
                CarrierConfig::Field(_) | CarrierConfig::Association(..) => false,
            };
        }
    }
    objects
}
