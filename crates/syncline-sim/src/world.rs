//! A simulated company: both systems, a workspace on them, the process at work.

use crate::{
    attrs,
    clock::VirtualClock,
    net::Net,
    picture::{Owners, Picture, Reader},
    power::Power,
    profile::{Change, Profile},
    side::Side::{self, HubSpot, Salesforce},
    store::Powered,
};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use std::{
    cell::RefCell,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use syncline_engine::{
    Ctx, Error, Outside, Workspace,
    entropy::Entropy,
    registry,
    secrets::{self, Key, Secret},
    setup,
};
use syncline_kit::Clock;
use syncline_store::{Batch, Store, sqlite::SqliteStore};
use uuid::Uuid;

/// Deal stages that both vendors name alike.
const PIPELINES: &str = "\
objectType,pipelineId,pipelineLabel,stageId,stageLabel,displayOrder,probability,isClosed
deals,default,Sales Pipeline,prospecting,Prospecting,0,0.1,false
deals,default,Sales Pipeline,qualification,Qualification,1,0.2,false
deals,default,Sales Pipeline,negotiation,Negotiation/Review,2,0.9,false
deals,default,Sales Pipeline,closedwon,Closed Won,3,1.0,true
deals,default,Sales Pipeline,closedlost,Closed Lost,4,0.0,true
";
/// Where webhooks are sent to; nobody listens, the simulation carries them.
pub(crate) const WEBHOOKS: &str = "http://127.0.0.1:9/webhooks/hubspot";
/// The objects of Salesforce that the oracle looks at.
const SEEN: [&str; 5] = ["Account", "Lead", "Contact", "Opportunity", "OpportunityContactRole"];
const START: &str = "2026-03-02T09:00:00Z";

/// Why a simulation could not go on: a mistake in the simulation itself, not in what it checks.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

impl Broken {
    pub(crate) fn new(what: &str, why: impl std::fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

/// What came of a future that may have been stopped.
pub(crate) enum Ended<T> {
    Done(T),
    Stopped,
}

/// Drives a future as far as it goes without waiting: everything in a simulated world is ready at once.
pub(crate) fn drive<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Ended<T> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ended::Done(value),
        Poll::Pending => Ended::Stopped,
    }
}

/// Drives a future that nothing stops.
pub(crate) fn finish<T>(what: &str, future: impl Future<Output = T>) -> Result<T, Broken> {
    match drive(pin!(future)) {
        Ended::Done(value) => Ok(value),
        Ended::Stopped => Err(Broken::new(what, "it does not end")),
    }
}

/// What a vendor counted, as far as it is looked at.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Calls {
    pub(crate) rows_written: u64,
    pub(crate) rows_noop: u64,
    pub(crate) violations: Vec<Json>,
}

/// Both systems and the workspace.
pub(crate) struct World {
    pub(crate) net: Arc<Net>,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) power: Arc<Power>,
    pub(crate) profile: Profile,
    pub(crate) changes: Vec<Change>,
    pub(crate) workspace: Arc<Workspace>,
    pub(crate) owners: Owners,
    pub(crate) dir: tempfile::TempDir,
    outside: Outside,
    key: Key,
    store: Arc<dyn Store>,
    readers: [RefCell<Reader>; 2],
    /// The process at work; none after a crash, until the next one starts.
    pub(crate) ctx: Option<Ctx>,
}

impl World {
    pub(crate) fn new(profile: Profile, seed: u64) -> Result<Self, Broken> {
        let start: Timestamp = START.parse().map_err(|error| Broken::new("the start", error))?;
        let clock = Arc::new(VirtualClock::at(start));
        let power = Arc::new(Power::default());
        let net = Arc::new(Net::new(clock.clone(), power.clone(), seed));
        net.seed(HubSpot, &[("pipelines", PIPELINES)]).map_err(Broken)?;
        let entropy = Arc::new(Entropy::seeded(seed));
        let store = SqliteStore::in_memory().map_err(|error| Broken::new("the store", error))?;
        let store: Arc<dyn Store> = Arc::new(Powered::new(store, power.clone()));
        let key = Key::random(&entropy);
        let mut batch = Batch::at(clock.now());
        for side in Side::BOTH {
            let secret = Secret {
                vendor: side.name().into(),
                url: Some(side.url()),
                credentials: net.credentials(side),
            };
            secrets::put(&mut batch, &key, &entropy, &side.name().into(), &secret)
                .map_err(|error| Broken::new("credentials", error))?;
        }
        finish("credentials", store.commit(batch))?.map_err(|error| Broken::new("credentials", error))?;
        let config = profile.config(&[]).map_err(Broken)?;
        let workspace = Workspace::of_parts(Uuid::from_u128(7), config, store.clone(), key.clone());
        let outside = Outside { transport: net.clone(), clock: clock.clone(), entropy };
        let dir = tempfile::tempdir().map_err(|error| Broken::new("a directory", error))?;
        let mut world = Self {
            net,
            clock,
            power,
            profile,
            changes: Vec::new(),
            workspace: Arc::new(workspace),
            owners: Owners::default(),
            dir,
            outside,
            key,
            store,
            readers: Side::BOTH.map(|side| RefCell::new(Reader::new(side))),
            ctx: None,
        };
        world.users()?;
        world.habits(seed)?;
        world.add_consent()?;
        if profile.keyed() {
            world.plant_keys()?;
        }
        world.start()?.map_err(|error| Broken::new("the first start", error))?;
        world.subscribe()?;
        Ok(world)
    }

    /// What differs from account to account: what a page holds, how late an index and a commit are.
    fn habits(&self, seed: u64) -> Result<(), Broken> {
        let knob = |side, name: &str, value: u64| {
            let member = if side == Salesforce { "knob" } else { "name" };
            self.admin(side, &json!({"do": "set_knob", member: name, "value": value})).map_err(Broken)
        };
        let of = |choices: [u64; 3], every: u64| choices[(seed / every % 3) as usize];
        knob(Salesforce, "page_size", of([2_000, 3, 7], 1))?;
        knob(HubSpot, "late_commit_ms", of([120_000, 300_000, 200_000], 1))?;
        knob(HubSpot, "search_lag_ms", of([500, 2_000, 10_000], 3))?;
        Ok(())
    }

    /// Whoever owns records on one side is known on the other; HubSpot has one more.
    fn users(&mut self) -> Result<(), Broken> {
        let dump: Json =
            self.net.control(Salesforce, "GET", "dump?object=User", &Json::Null).map_err(Broken)?;
        for user in dump["objects"]["User"].as_array().into_iter().flatten() {
            let (Some(id), Some(email)) = (user["Id"].as_str(), user["Email"].as_str()) else { continue };
            self.owners.salesforce.insert(id.to_owned(), email.to_lowercase());
            let owner = json!({"do": "add_owner", "email": email, "firstName": user["FirstName"],
                "lastName": user["LastName"]});
            let made = self.admin(HubSpot, &owner).map_err(Broken)?;
            if let Some(id) = made["id"].as_str() {
                self.owners.hubspot.insert(id.to_owned(), email.to_lowercase());
            }
        }
        Ok(())
    }

    fn add_consent(&self) -> Result<(), Broken> {
        let property = json!({"do": "add_property", "object": "contacts", "name": attrs::CONSENT_PROPERTY,
            "label": "No mail", "groupName": "contactinformation", "type": "bool", "fieldType": "booleancheckbox"});
        self.admin(HubSpot, &property).map_err(Broken).map(drop)
    }

    fn plant_keys(&mut self) -> Result<(), Broken> {
        for object in ["Account", "Contact", "Lead", "Opportunity"] {
            let field = json!({"do": "add_field", "object": object, "name": "Syncline_Id__c", "type": "text",
                "length": 36, "external_id": true, "unique": true});
            self.admin(Salesforce, &field).map_err(Broken)?;
        }
        let ctx = finish("opening", self.open())?.map_err(|error| Broken::new("opening", error))?;
        let hubspot = HubSpot.name().into();
        let objects = setup::planted_objects(&self.workspace.config, &hubspot);
        let connection = ctx.connection(&hubspot).map_err(|error| Broken::new("setup", error))?;
        finish("setup", setup::apply(connection, &objects, &*ctx.store, ctx.batch()))?
            .map_err(|error| Broken::new("setup", error))?;
        Ok(())
    }

    fn subscribe(&mut self) -> Result<(), Broken> {
        let Some(ctx) = &self.ctx else { return Ok(()) };
        let connection = ctx.connection(&HubSpot.name().into());
        let vendor = connection.map_err(|error| Broken::new("webhooks", error))?.vendor.clone();
        finish("webhooks", vendor.register_webhooks(WEBHOOKS))?
            .map_err(|error| Broken::new("webhooks", error))?;
        Ok(())
    }

    async fn open(&self) -> Result<Ctx, Error> {
        Ctx::open(self.workspace.clone(), self.outside.clone(), &registry::adapter).await
    }

    /// A further process on the same workspace.
    pub(crate) fn another(&self) -> Ended<Result<Ctx, Error>> {
        drive(pin!(self.open()))
    }

    /// A new process. What it is refused is the answer.
    pub(crate) fn start(&mut self) -> Result<Result<(), Error>, Broken> {
        self.ctx = None;
        self.power.on();
        match self.another() {
            Ended::Done(Ok(ctx)) => {
                self.ctx = Some(ctx);
                Ok(Ok(()))
            }
            Ended::Done(Err(error)) => Ok(Err(error)),
            Ended::Stopped => {
                self.power.on();
                Ok(Ok(()))
            }
        }
    }

    /// The configuration is edited; the next process works by it.
    pub(crate) fn reconfigure(&mut self, change: Change) -> Result<(), Broken> {
        if !self.changes.contains(&change) {
            self.changes.push(change);
        }
        let config = self.profile.config(&self.changes).map_err(Broken)?;
        let id = self.workspace.id;
        self.workspace = Arc::new(Workspace::of_parts(id, config, self.store.clone(), self.key.clone()));
        self.ctx = None;
        Ok(())
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// How it all ended goes into the event log: what both systems hold, and the journal's account of itself, with the hash of
    /// its chain.
    pub(crate) fn seal(&self) -> Result<(), Broken> {
        for side in Side::BOTH {
            self.net.seal_dump(side).map_err(Broken)?;
        }
        let account =
            finish("the journal", self.store.ledger())?.map_err(|error| Broken::new("the journal", error))?;
        self.net.seal(&[format!("{account:?}").as_bytes()]);
        Ok(())
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.pass(Duration::from_secs(seconds));
    }

    pub(crate) fn admin(&self, side: Side, act: &Json) -> Result<Json, String> {
        self.net.control(side, "POST", "admin", act)
    }

    pub(crate) fn calls(&self, side: Side) -> Result<Calls, Broken> {
        self.net.control(side, "GET", "calls", &Json::Null).map_err(Broken)
    }

    /// What one system holds, as the oracle reads it.
    pub(crate) fn half(&self, side: Side) -> Result<Picture, Broken> {
        let dumps: Result<Vec<_>, _> = match side {
            HubSpot => [None].map(|all| self.net.dump(side, all)).into_iter().collect(),
            Salesforce => SEEN.map(|object| self.net.dump(side, Some(object))).into_iter().collect(),
        };
        let reader = &self.readers[usize::from(side == HubSpot)];
        reader.borrow_mut().read(&dumps.map_err(Broken)?, &self.owners).map_err(Broken)
    }
}
