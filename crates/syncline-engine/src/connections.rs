//! Connections: credentials become adapters, and an adapter must lead to the account that was connected (HUB-17).

use crate::{
    ctx::Outside,
    error::Error,
    registry::Build,
    schemas::Described,
    secrets::{self, Key, Secret},
    transport::{CallCounter, Counted},
    workspace::Workspace,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use syncline_kit::{daily::Share, vendor::Vendor};
use syncline_model::{Account, ConnectionName};
use syncline_store::{Batch, Store};

/// How long an account check holds.
pub const CHECKED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// One connection, ready for calls.
pub struct Connection {
    /// Its name.
    pub name: ConnectionName,
    /// Its adapter.
    pub vendor: Arc<dyn Vendor>,
    /// How many requests it has sent.
    pub calls: CallCounter,
    secret: Mutex<Secret>,
    /// Whether the adapter was handed stored schemas.
    is_told: AtomicBool,
    /// Whether the adapter renewed its credentials and the account was not asked since.
    is_renewed: AtomicBool,
    /// Whether it renewed them and no transaction has kept them since.
    is_unkept: AtomicBool,
}

impl Connection {
    /// Builds the adapter, which keeps to this share of the account's daily calls; makes no call.
    ///
    /// # Errors
    /// What the adapter says of the credentials; [`Error::UnknownVendor`].
    pub fn build(
        name: &ConnectionName,
        secret: Secret,
        share: Share,
        outside: &Outside,
        build: &Build,
    ) -> Result<Self, Error> {
        let counted = Arc::new(Counted::new(outside.transport.clone()));
        let calls = counted.counter();
        let vendor = build(name, &secret, share, counted, outside.clock.clone())?;
        Ok(Self {
            name: name.clone(),
            vendor,
            calls,
            secret: Mutex::new(secret),
            is_told: AtomicBool::new(false),
            is_renewed: AtomicBool::new(false),
            is_unkept: AtomicBool::new(false),
        })
    }

    /// Builds the adapter from stored credentials by the workspace's settings, and hands it what the last process sent: limits do not end with a
    /// process.
    ///
    /// # Errors
    /// [`Error::NotConnected`], the key's, [`Error::Store`] and those of [`Connection::build`].
    pub async fn open(
        name: &ConnectionName,
        workspace: &Workspace,
        outside: &Outside,
        build: &Build,
    ) -> Result<Self, Error> {
        let store = &*workspace.store;
        let secret = secrets::load(store, workspace.key()?, name).await?;
        let secret = secret.ok_or_else(|| Error::NotConnected { connection: name.clone() })?;
        let connection = Self::build(name, secret, workspace.daily_share(), outside, build)?;
        // A state that cannot be read is none: the vendor's own "too many" is heeded all the same.
        let pace = store.get(&pace_slot(name)).await?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(pace) = pace {
            connection.vendor.resume_pace(&pace);
        }
        Ok(connection)
    }

    /// Hands the adapter schemas from the store, once: later it knows better than the store.
    pub(crate) fn remember(&self, stored: &Described) {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            self.vendor.remember(&stored.values().cloned().collect::<Vec<_>>());
        }
    }

    /// Puts into `batch` what the next process has to know: how the limits stand, and credentials that the adapter
    /// renewed since the account was asked, which let the next cycle check it. Says whether there were any credentials.
    ///
    /// # Errors
    /// Those of [`secrets::put`].
    pub fn keep_credentials(&self, key: &Key, outside: &Outside, batch: &mut Batch) -> Result<bool, Error> {
        self.keep_pace(batch);
        self.keep_renewed(key, outside, batch)?;
        Ok(self.is_renewed.load(Ordering::Relaxed))
    }

    /// Puts into `batch` credentials that the adapter has renewed: a token that replaces another one is the only one that still
    /// works, so a process that is killed later must not have kept it to itself. Once the batch is committed,
    /// [`Connection::kept`] says so: what is kept is not put again, over what another process has renewed since.
    ///
    /// # Errors
    /// Those of [`secrets::put`].
    pub(crate) fn keep_renewed(&self, key: &Key, outside: &Outside, batch: &mut Batch) -> Result<(), Error> {
        let mut secret = self.secret.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(credentials) = self.vendor.changed_credentials() {
            secret.credentials = credentials;
            self.is_renewed.store(true, Ordering::Relaxed);
            self.is_unkept.store(true, Ordering::Relaxed);
        }
        if self.is_unkept.load(Ordering::Relaxed) {
            secrets::put(batch, key, &outside.entropy, &self.name, &secret)?;
            batch.puts.push((due_slot(&self.name), Some(Vec::new())));
        }
        Ok(())
    }

    /// What was put last is stored.
    pub(crate) fn kept(&self) {
        self.is_unkept.store(false, Ordering::Relaxed);
    }

    /// Puts into `batch` how the limits stand: with whatever is stored anyway, so that the successor of a process that is
    /// killed knows what it sent (HUB-8).
    pub(crate) fn keep_pace(&self, batch: &mut Batch) {
        if let Some(pace) = self.vendor.pace() {
            batch.puts.push((pace_slot(&self.name), serde_json::to_vec(&pace).ok()));
        }
    }

    /// Asks the vendor whose account this is, and refuses another one than `expected`.
    ///
    /// # Errors
    /// [`Error::Vendor`]; [`Error::OtherAccount`].
    pub async fn ask_account(&self, expected: Option<&str>) -> Result<Account, Error> {
        let account = self.vendor.account().await.map_err(|error| Error::vendor(&self.name, error))?;
        self.is_renewed.store(false, Ordering::Relaxed);
        match expected {
            Some(expected) if *expected != *account.id => Err(Error::OtherAccount {
                connection: self.name.clone(),
                expected: expected.to_owned(),
                found: account.id.to_string(),
            }),
            Some(_) | None => Ok(account),
        }
    }

    /// The account, from the store while the last check holds, else asked again.
    ///
    /// # Errors
    /// Those of [`Connection::ask_account`]; [`Error::Store`].
    pub async fn account(
        &self,
        store: &dyn Store,
        configured: Option<&str>,
        batch: &mut Batch,
    ) -> Result<Account, Error> {
        let stored = load_account(store, &self.name).await?;
        let expected = configured.or(stored.as_ref().map(|checked| &*checked.account.id));
        let due = store.get(&due_slot(&self.name)).await?.is_some();
        if let Some(checked) = &stored
            && !due
            && expected == Some(&*checked.account.id)
            && batch.at.duration_since(checked.at) <= CHECKED_FOR
        {
            return Ok(checked.account.clone());
        }
        let account = self.ask_account(expected).await?;
        put_account(batch, &self.name, &account);
        Ok(account)
    }
}

/// An account with the engine's time of its last check.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Checked {
    /// What the vendor said.
    pub account: Account,
    /// When.
    pub at: Timestamp,
}

fn slot(connection: &ConnectionName) -> String {
    format!("account/{connection}")
}

fn pace_slot(connection: &ConnectionName) -> String {
    format!("pace/{connection}")
}

/// Set while the credentials are others than those of the last check.
fn due_slot(connection: &ConnectionName) -> String {
    format!("account_check_due/{connection}")
}

/// What is known of a connection's account; `None` where it was never connected.
///
/// # Errors
/// [`Error::Store`].
pub async fn load_account(store: &dyn Store, connection: &ConnectionName) -> Result<Option<Checked>, Error> {
    let stored = store.get(&slot(connection)).await?;
    Ok(stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Keeps an account, checked at the batch's time.
pub fn put_account(batch: &mut Batch, connection: &ConnectionName, account: &Account) {
    let checked = Checked { account: account.clone(), at: batch.at };
    batch.puts.push((slot(connection), serde_json::to_vec(&checked).ok()));
    batch.puts.push((due_slot(connection), None));
}
