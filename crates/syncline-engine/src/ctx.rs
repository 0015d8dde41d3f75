//! What a cycle works with: the workspace, the outside world, the connections and the mapping in force.

mod facts;
mod remark;
#[cfg(test)]
mod tests;

use crate::{
    connections::Connection,
    entropy::{Entropy, Ids},
    error::Error,
    lease::{Lease, Leased},
    registry::Build,
    transport::HttpClient,
    workspace::Workspace,
};
use facts::News;
pub use facts::{Facts, objects_of};
use jiff::Timestamp;
use std::{collections::BTreeMap, sync::Arc};
use syncline_core::{
    config::Problem,
    mapping::{Accounts, Compiled, Mapping, Schemas},
    plan::Sides,
};
use syncline_kit::{Clock, Transport, vendor::CaptureWant};
use syncline_model::{ConnectionName, JournalSeq, RunId};
use syncline_store::{Batch, Store};

/// The seams to the world, chosen once by the binary or the simulation.
#[derive(Clone)]
pub struct Outside {
    /// Carries every vendor call.
    pub transport: Arc<dyn Transport>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where keys, nonces and ids come from.
    pub entropy: Arc<Entropy>,
}

impl Outside {
    /// The real world.
    ///
    /// # Errors
    /// [`Error::Internal`] where the machine has no randomness or no usable TLS.
    pub fn real() -> Result<Self, Error> {
        Ok(Self {
            transport: Arc::new(HttpClient::new().map_err(Error::Internal)?),
            clock: Arc::new(crate::clock::SystemClock),
            entropy: Arc::new(Entropy::system().map_err(Error::Internal)?),
        })
    }
}

/// An open workspace whose connections are ready and whose mapping is compiled.
pub struct Ctx {
    /// The workspace.
    pub workspace: Arc<Workspace>,
    /// Its store.
    pub store: Arc<dyn Store>,
    /// The seams.
    pub outside: Outside,
    /// Where new ids come from.
    pub ids: Ids,
    /// By name: every connection of the configuration.
    pub connections: BTreeMap<ConnectionName, Connection>,
    /// What the connections' accounts and schemas say.
    pub facts: Facts,
    /// The claim under which this worker writes, if it holds one.
    pub(crate) lease: Arc<Lease>,
    /// The lock that shows that this process is alive, where the store is a file.
    pub(crate) lock: Option<std::fs::File>,
    /// The run under way, if one is.
    pub run: Option<RunId>,
    /// The journal's end when records were last identified: links made since were looked at just now.
    pub(crate) identified_from: JournalSeq,
    /// Requests that an outcome has told of already.
    told: BTreeMap<ConnectionName, u64>,
    force: Arc<InForce>,
}

/// What the configuration means on the live schemas.
pub(crate) struct InForce {
    compiled: Compiled,
    wants: BTreeMap<ConnectionName, CaptureWant>,
    sides: Arc<Sides>,
    /// Tells mappings apart.
    digest: Vec<u8>,
}

/// A mapping with what it was compiled from beside the configuration: on the same it would come out the same.
pub(crate) struct Made {
    schemas: Schemas,
    accounts: Accounts,
    force: Arc<InForce>,
}

impl Ctx {
    /// Opens every configured connection, checks its account, reads its schemas where they are due, and compiles the
    /// mapping.
    ///
    /// # Errors
    /// [`Error::NotConnected`], the key's errors, and those of [`Ctx::freshen`].
    pub async fn open(workspace: Arc<Workspace>, outside: Outside, build: &Build) -> Result<Self, Error> {
        let owner = outside.entropy.bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
        let lease = Lease::new(workspace.store.clone(), outside.clock.clone(), owner, workspace.config.lease);
        let leased = Arc::new(Leased::new(outside.transport.clone(), lease.clone()));
        let guarded = Outside { transport: leased, ..outside.clone() };
        let mut connections = BTreeMap::new();
        for name in workspace.config.connections.keys() {
            let connection = Connection::open(name, &workspace, &guarded, build).await?;
            connections.insert(name.clone(), connection);
        }
        let gathered = Facts::gather(&workspace, &connections, &Batch::at(outside.clock.now())).await;
        // Whatever came of it: not every command has something else to store.
        let kept = keep_renewed(&workspace, &outside, &connections).await;
        let facts = gathered?;
        kept?;
        let force = facts.compile(&workspace)?;
        Ok(Self {
            store: workspace.store.clone(),
            ids: Ids::new(outside.entropy.clone()),
            workspace,
            outside,
            connections,
            facts,
            lease,
            lock: None,
            told: BTreeMap::new(),
            run: None,
            identified_from: JournalSeq::default(),
            force,
        })
    }

    /// Before each cycle: checks accounts whose last check lapsed, describes schemas that are due, compiles the mapping
    /// again.
    ///
    /// # Errors
    /// [`Error::OtherAccount`]; [`Error::Vendor`]; [`Error::Config`]; [`Error::Store`].
    pub async fn freshen(&mut self) -> Result<(), Error> {
        let blank = self.batch();
        let fresh = self.facts.refresh(&self.workspace, &self.connections, &blank).await;
        let force = match fresh {
            Ok(News::None) => Ok(None),
            Ok(News::Some) => self.facts.compile(&self.workspace).map(Some),
            Err(error) => Err(error),
        };
        match force {
            Ok(Some(force)) => self.force = force,
            Ok(None) => {}
            Err(error) => {
                // What was read and not compiled is news again the next time.
                self.facts.stored.clear();
                return Err(error);
            }
        }
        Ok(())
    }

    /// What is read of each connection.
    pub(crate) fn wanted(&self) -> Vec<(ConnectionName, CaptureWant)> {
        self.force.wants.iter().map(|(name, want)| (name.clone(), want.clone())).collect()
    }

    /// Where the mapping is another one than before, everything linked is to be planned again. Only under the claim: a run
    /// that is under way elsewhere would end that work under the mapping before, for good.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn remark(&self) -> Result<(), Error> {
        remark::where_changed(self).await
    }

    /// Stores credentials that adapters renewed and how the vendors' limits stand; after each cycle, and when one failed.
    /// Where credentials changed, the account is checked again at once.
    ///
    /// # Errors
    /// [`Error::Store`], the key's, [`Error::OtherAccount`], [`Error::Vendor`].
    pub async fn keep_credentials(&self) -> Result<(), Error> {
        let key = self.workspace.key()?;
        let mut batch = Batch::at(self.now());
        let mut renewed = Vec::new();
        for (name, connection) in &self.connections {
            if connection.keep_credentials(key, &self.outside, &mut batch)? {
                renewed.push((name, connection));
            }
        }
        if !batch.puts.is_empty() {
            self.store.commit(batch).await?;
            self.connections.values().for_each(Connection::kept);
        }
        // Renewed credentials must still lead to the same account; found now, it costs the next run nothing.
        for (name, connection) in renewed {
            let configured =
                self.workspace.config.connections.get(name).and_then(|entry| entry.account.as_deref());
            let mut batch = Batch::at(self.now());
            connection.account(&*self.store, configured, &mut batch).await?;
            self.store.commit(batch).await?;
        }
        Ok(())
    }

    /// As [`Connection::keep_renewed`], with whatever is stored anyway.
    pub(crate) fn keep_renewed(&self, connection: &Connection, batch: &mut Batch) -> Result<(), Error> {
        connection.keep_renewed(self.workspace.key()?, &self.outside, batch)
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.outside.clock.now()
    }

    /// An empty batch: now, in this run, under this claim.
    pub fn batch(&self) -> Batch {
        Batch { run: self.run, fence: self.lease.fence(), ..Batch::at(self.now()) }
    }

    /// The mapping in force.
    pub fn mapping(&self) -> &Mapping {
        &self.force.compiled.mapping
    }

    /// What the mapping in force binds on each side.
    pub(crate) fn sides(&self) -> &Arc<Sides> {
        &self.force.sides
    }

    /// What the live schemas take exception to: the fields concerned are held.
    pub fn warnings(&self) -> &[Problem] {
        &self.force.compiled.warnings
    }

    /// What is captured of a connection.
    ///
    /// # Errors
    /// [`Error::UnknownConnection`].
    pub fn want(&self, connection: &ConnectionName) -> Result<&CaptureWant, Error> {
        self.force
            .wants
            .get(connection)
            .ok_or_else(|| Error::UnknownConnection { connection: connection.clone() })
    }

    /// A connection by name.
    ///
    /// # Errors
    /// [`Error::UnknownConnection`].
    pub fn connection(&self, name: &ConnectionName) -> Result<&Connection, Error> {
        self.connections.get(name).ok_or_else(|| Error::UnknownConnection { connection: name.clone() })
    }

    /// Requests by connection that no outcome has told of yet, those of opening the workspace among them.
    pub(crate) fn take_calls(&mut self) -> BTreeMap<ConnectionName, u64> {
        let now = self.calls();
        let fresh = |(name, count): (&ConnectionName, &u64)| {
            (name.clone(), count - self.told.get(name).copied().unwrap_or_default())
        };
        let taken = now.iter().map(fresh).collect();
        self.told = now;
        taken
    }

    /// Requests sent so far, by connection.
    pub fn calls(&self) -> BTreeMap<ConnectionName, u64> {
        self.connections.iter().map(|(name, connection)| (name.clone(), connection.calls.count())).collect()
    }
}

/// Stores credentials that were renewed just now.
async fn keep_renewed(
    workspace: &Workspace,
    outside: &Outside,
    connections: &BTreeMap<ConnectionName, Connection>,
) -> Result<(), Error> {
    let key = workspace.key()?;
    let mut batch = Batch::at(outside.clock.now());
    for connection in connections.values() {
        connection.keep_renewed(key, outside, &mut batch)?;
    }
    if !batch.puts.is_empty() {
        workspace.store.commit(batch).await?;
        connections.values().for_each(Connection::kept);
    }
    Ok(())
}
