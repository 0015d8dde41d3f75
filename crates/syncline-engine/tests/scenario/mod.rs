//! A scenario: the engine as it is, over both vendors' sandboxes in one process. Nothing waits, nothing listens.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "every test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "a helper of tests")]

mod picture;
mod wire;

pub use picture::Picture;
pub use wire::{Cut, Side, Side::HubSpot, Side::Salesforce};

use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};
use syncline_core::{config, mapping::ModelChoice};
use syncline_engine::{
    Ctx, Error, Outside, Workspace,
    apply_plan::{self, AppliedPlan},
    cycle::{self, Backfill, Outcome},
    entropy::Entropy,
    explain::{self, Explanation},
    plan_file::{self, Summary},
    registry,
    replay::{self, Replay},
    reviews,
    secrets::{self, Key, Secret},
    setup,
};
use syncline_kit::Clock;
use syncline_model::{RecordRef, review::Review};
use syncline_store::{Batch, OpenOnly, Store, sqlite::SqliteStore};
use uuid::Uuid;
use wire::{VirtualClock, Wire};

/// How a world is made.
pub struct Setting {
    pub model: ModelChoice,
    /// Whether both vendors can enforce our key.
    pub keyed: bool,
    /// Replacements in the default configuration: text, other text.
    pub changes: Vec<(&'static str, &'static str)>,
    /// Added at its end.
    pub more: &'static str,
}

impl Default for Setting {
    fn default() -> Self {
        Self { model: ModelChoice::LeadsAndContacts, keyed: true, changes: Vec::new(), more: "" }
    }
}

/// Deal stages that both vendors name alike.
const PIPELINES: &str = "\
objectType,pipelineId,pipelineLabel,stageId,stageLabel,displayOrder,probability,isClosed
deals,default,Sales Pipeline,prospecting,Prospecting,0,0.1,false
deals,default,Sales Pipeline,qualification,Qualification,1,0.2,false
deals,default,Sales Pipeline,negotiation,Negotiation/Review,2,0.9,false
deals,default,Sales Pipeline,closedwon,Closed Won,3,1.0,true
deals,default,Sales Pipeline,closedlost,Closed Lost,4,0.0,true
";

/// Both vendors, a workspace on them, and the clock.
pub struct World {
    pub wire: Arc<Wire>,
    pub clock: Arc<VirtualClock>,
    pub workspace: Arc<Workspace>,
    pub outside: Outside,
    ctx: Option<Ctx>,
    dir: tempfile::TempDir,
    /// Rows that setting up wrote.
    rows_before: u64,
}

impl World {
    /// The shipped configuration, with planted keys.
    pub async fn new() -> Self {
        Self::with(Setting::default()).await
    }

    pub async fn contacts_only() -> Self {
        Self::with(Setting { model: ModelChoice::ContactsOnly, ..Setting::default() }).await
    }

    pub async fn keyless() -> Self {
        Self::with(Setting { keyed: false, ..Setting::default() }).await
    }

    pub async fn with(setting: Setting) -> Self {
        plant();
        let clock = Arc::new(VirtualClock::at("2026-03-02T09:00:00Z"));
        let wire = Arc::new(Wire::new(clock.clone()));
        wire.seed(HubSpot, &[("pipelines", PIPELINES)]);
        let entropy = Arc::new(Entropy::seeded(1));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
        let key = Key::random(&entropy);
        let mut batch = Batch::at(clock.now());
        for side in [Salesforce, HubSpot] {
            let secret = Secret {
                vendor: side.name().into(),
                url: Some(side.url()),
                credentials: wire.credentials(side),
            };
            secrets::put(&mut batch, &key, &entropy, &side.name().into(), &secret).unwrap();
        }
        store.commit(batch).await.unwrap();
        let workspace = Arc::new(Workspace::of_parts(Uuid::from_u128(7), read(&text(&setting)), store, key));
        let outside = Outside { transport: wire.clone(), clock: clock.clone(), entropy };
        let dir = tempfile::tempdir().unwrap();
        let mut world = Self { wire, clock, workspace, outside, ctx: None, dir, rows_before: 0 };
        world.people();
        if setting.keyed {
            world.plant_keys().await;
        }
        world.restart().await;
        world.rows_before = world.rows_written();
        world.wire.requests(Salesforce);
        world.wire.requests(HubSpot);
        world
    }

    /// Whoever owns records on one side is known on the other.
    fn people(&self) {
        for user in self.dump(Salesforce)["objects"]["User"].as_array().unwrap() {
            let owner = json!({"do": "add_owner", "email": user["Email"], "firstName": user["FirstName"],
                "lastName": user["LastName"]});
            self.admin(HubSpot, owner);
        }
    }

    async fn plant_keys(&mut self) {
        for object in ["Account", "Contact", "Lead", "Opportunity"] {
            let field = json!({"do": "add_field", "object": object, "name": "Syncline_Id__c", "type": "text",
                "length": 36, "external_id": true, "unique": true});
            self.admin(Salesforce, field);
        }
        let ctx = self.open().await.unwrap();
        let hubspot = HubSpot.name().into();
        let objects = setup::planted_objects(&self.workspace.config, &hubspot);
        setup::apply(ctx.connection(&hubspot).unwrap(), &objects, &*ctx.store, ctx.batch()).await.unwrap();
    }

    /// One more worker.
    pub async fn open(&self) -> Result<Ctx, Error> {
        Ctx::open(self.workspace.clone(), self.outside.clone(), &registry::adapter).await
    }

    /// A new process on the same store.
    pub async fn restart(&mut self) {
        self.ctx = None;
        self.ctx = Some(self.open().await.unwrap());
    }

    /// As [`World::restart`], where it may be refused.
    pub async fn try_restart(&mut self) -> Result<(), Error> {
        self.ctx = None;
        self.ctx = Some(self.open().await?);
        Ok(())
    }

    pub fn ctx(&mut self) -> &mut Ctx {
        self.ctx.as_mut().unwrap()
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.pass(Duration::from_secs(seconds));
    }

    // ---- what people and administrators do

    pub fn admin(&self, side: Side, act: Json) -> Json {
        self.wire.control(side, "POST", "admin", &act)
    }

    pub fn knob(&self, side: Side, name: &str, value: Json) {
        let member = if side == Salesforce { "knob" } else { "name" };
        self.admin(side, json!({"do": "set_knob", member: name, "value": value}));
    }

    /// One rule of what goes wrong; none ends all.
    pub fn faults(&self, side: Side, rules: Json) {
        self.wire.control(side, "POST", "faults", &json!({"rules": rules}));
    }

    /// A person makes a record; its id.
    pub fn create(&self, side: Side, object: &str, fields: Json) -> String {
        let member = if side == Salesforce { "fields" } else { "properties" };
        let made = self.admin(side, json!({"do": "create", "object": object, member: fields}));
        made["id"].as_str().unwrap().to_owned()
    }

    /// A person changes a record.
    pub fn edit(&self, side: Side, object: &str, id: &str, fields: Json) {
        let member = if side == Salesforce { "fields" } else { "properties" };
        self.admin(side, json!({"do": "edit", "object": object, "id": id, member: fields}));
    }

    pub fn associate(&self, from: &str, to: &str) {
        self.admin(HubSpot, json!({"do": "associate", "from": from, "to": to}));
    }

    /// Another program changes a record by the API: faults and rules of the API apply.
    pub fn foreign_edit(&self, side: Side, object: &str, id: &str, fields: Json) {
        let (path, body) = match side {
            Salesforce => (format!("/services/data/v59.0/sobjects/{object}/{id}"), fields),
            HubSpot => (format!("/crm/v3/objects/{object}/{id}"), json!({"properties": fields})),
        };
        self.wire.foreign(side, "PATCH", &path, &body);
    }

    // ---- what the engine does

    /// Where the next plan goes.
    pub fn plan_path(&self) -> PathBuf {
        self.dir.path().join("plan")
    }

    pub async fn plan(&mut self) -> Summary {
        let path = self.plan_path();
        let ctx = self.ctx();
        ctx.freshen().await.unwrap();
        cycle::look(ctx).await.unwrap();
        plan_file::write(ctx, &path).await.unwrap()
    }

    pub async fn apply(&mut self) -> Result<AppliedPlan, Error> {
        let path = self.plan_path();
        let ctx = self.ctx();
        ctx.freshen().await?;
        apply_plan::apply(ctx, &path, &Arc::from("tester")).await
    }

    /// A plan that a person confirmed, and what vendors' automation makes of it.
    pub async fn first_contact(&mut self) -> AppliedPlan {
        self.advance(3_600);
        self.plan().await;
        let applied = self.apply().await.unwrap();
        self.quiet().await;
        applied
    }

    /// One run an hour later, so that indexes have caught up.
    pub async fn sync(&mut self) -> Outcome {
        self.advance(3_600);
        self.sync_now().await.unwrap()
    }

    pub async fn sync_now(&mut self) -> Result<Outcome, Error> {
        let ctx = self.ctx();
        ctx.freshen().await?;
        cycle::sync(ctx, &Backfill::Ask, "tester").await
    }

    /// Runs until a run has nothing to write, which has to be the second at the latest.
    pub async fn quiet(&mut self) {
        self.sync().await;
        self.still().await;
    }

    /// A further run writes nothing (HUB-9), no limit was met so far (HUB-8), and the journal is true.
    pub async fn still(&mut self) {
        let before = [self.calls(Salesforce), self.calls(HubSpot)];
        self.advance(600);
        let outcome = self.sync_now().await.unwrap();
        assert_eq!((outcome.tally.writes(), outcome.needs), (0, None), "a run with nothing to do");
        for (side, before) in [Salesforce, HubSpot].into_iter().zip(before) {
            let after = self.calls(side);
            for count in ["rows_written", "rows_noop"] {
                assert_eq!(after[count], before[count], "{count} of {}", side.name());
            }
            assert_eq!(after["violations"], json!([]), "{}", side.name());
        }
        self.replayed().await;
    }

    /// The journal tells how the present state came about (invariant 13).
    pub async fn replayed(&self) -> Replay {
        let told = replay::replay(&*self.workspace.store, None).await.unwrap();
        assert!(told.same, "{told:?}");
        told
    }

    /// A run that is to write so many rows, and a further one that writes none.
    pub async fn writes(&mut self, rows: u64) -> Outcome {
        let before = self.rows_written();
        let outcome = self.sync().await;
        let written = self.rows_written() - before;
        assert_eq!((outcome.tally.writes(), written), (rows, rows), "{:?}", outcome.tally);
        self.still().await;
        outcome
    }

    // ---- what there is to see

    pub fn calls(&self, side: Side) -> Json {
        self.wire.control(side, "GET", "calls", &Json::Null)
    }

    pub fn rows_written(&self) -> u64 {
        [Salesforce, HubSpot]
            .map(|side| self.calls(side)["rows_written"].as_u64().unwrap())
            .iter()
            .sum::<u64>()
            - self.rows_before
    }

    pub fn dump(&self, side: Side) -> Json {
        self.wire.control(side, "GET", "dump", &Json::Null)
    }

    /// Both dumps, as far as they are mapped, for people.
    pub fn picture(&self) -> Picture {
        Picture::of(&self.dump(Salesforce), &self.dump(HubSpot))
    }

    /// A field of a record; null where it is blank.
    pub fn field(&self, side: Side, object: &str, id: &str, field: &str) -> Json {
        let dump = self.dump(side);
        let records = dump["objects"][object].as_array().unwrap();
        let named =
            |record: &&Json| [&record["id"], &record["Id"]].iter().any(|known| known.as_str() == Some(id));
        let record = records.iter().find(named).unwrap_or_else(|| panic!("no {object} {id}"));
        if side == Salesforce { record[field].clone() } else { record["properties"][field].clone() }
    }

    /// The id of the one record whose field has this value.
    pub fn find(&self, side: Side, object: &str, field: &str, value: &str) -> String {
        let found = self.find_all(side, object, field, value);
        let [one] = found.as_slice() else {
            panic!("{} {object} with {field} = {value}: {found:?}", side.name())
        };
        one.clone()
    }

    pub fn find_all(&self, side: Side, object: &str, field: &str, value: &str) -> Vec<String> {
        let dump = self.dump(side);
        let records = dump["objects"][object].as_array().cloned().unwrap_or_default();
        records
            .iter()
            .filter(|record| {
                let fields = if side == Salesforce { record } else { &record["properties"] };
                fields[field].as_str() == Some(value)
            })
            .map(|record| record["id"].as_str().or(record["Id"].as_str()).unwrap().to_owned())
            .collect()
    }

    pub async fn explain(&mut self, side: Side, object: &str, id: &str) -> Explanation {
        let record = RecordRef::new(side.name(), object, id);
        let explained = explain::explain(self.ctx(), &record).await.unwrap();
        // What it prints is all that it was decided by.
        let again = explain::again(&serde_json::to_string(&explained).unwrap()).unwrap();
        assert_eq!(again.entities.len(), explained.entities.len());
        assert!(again.differ.is_empty(), "decided otherwise: {:#?}", again.entities);
        explained
    }

    /// Status and codes of a record in a few words: `in_step`, `refused SYN-2009 phone@salesforce`.
    pub async fn says(&mut self, side: Side, object: &str, id: &str) -> String {
        let explained = self.explain(side, object, id).await;
        let mut words = Vec::new();
        for entity in &explained.entities {
            words.push(entity.status.name.clone());
            for held in &entity.held {
                let what = held.held.attribute.as_ref().map_or("*", |attribute| attribute.as_str());
                words.push(format!("{} {what}@{}", held.code, held.held.connection));
            }
            words.extend(entity.findings.iter().map(|finding| finding.code.to_owned()));
        }
        words.join(" ")
    }

    /// What a derivation of an attribute came to, as explain shows it now.
    pub async fn links(&mut self, side: Side, object: &str, id: &str) -> BTreeMap<String, String> {
        let explained = self.explain(side, object, id).await;
        let links = explained.entities.into_iter().flat_map(|entity| entity.links);
        links
            .map(|link| {
                let state = serde_json::to_value(&link.state).unwrap();
                (link.record.to_string(), state.as_str().map_or(state.to_string(), str::to_owned))
            })
            .collect()
    }

    /// The id of the HubSpot owner with this address.
    pub fn owner(&self, email: &str) -> String {
        let owners = self.wire.foreign(HubSpot, "GET", "/crm/v3/owners", &Json::Null);
        let owner = owners["results"].as_array().unwrap().iter().find(|owner| owner["email"] == email);
        owner.unwrap_or_else(|| panic!("no owner {email}"))["id"].as_str().unwrap().to_owned()
    }

    /// A person says that these records of a review are the same.
    pub async fn answer(&mut self, review: u64, same: &[RecordRef]) {
        let ctx = self.ctx();
        let answer = reviews::Answer { id: review, who: "tester".into() };
        reviews::link(&*ctx.store, &ctx.ids, &answer, same, ctx.now()).await.unwrap();
    }

    /// A person says no.
    pub async fn reject(&mut self, review: u64) {
        let ctx = self.ctx();
        let answer = reviews::Answer { id: review, who: "tester".into() };
        reviews::reject(&*ctx.store, &answer, ctx.now()).await.unwrap();
    }

    /// A webhook pointed at a record.
    pub async fn hinted(&mut self, side: Side, object: &str, id: &str) -> Outcome {
        let record = RecordRef::new(side.name(), object, id);
        cycle::hinted(self.ctx(), &[record], "tester").await.unwrap()
    }

    pub async fn reviews(&mut self) -> Vec<Review> {
        self.workspace.store.reviews(OpenOnly::Yes, 0, 100).await.unwrap()
    }
}

/// Plants the defect that the environment names, in builds that have any.
fn plant() {
    #[cfg(feature = "defects")]
    if let Ok(name) = std::env::var("SYNCLINE_TEST_DEFECT") {
        let defect = syncline_model::defect::Defect::named(&name);
        assert!(defect.is_some(), "no defect {name}");
        syncline_model::defect::plant(defect);
    }
}

fn text(setting: &Setting) -> String {
    let vendors = ["salesforce", "hubspot"].map(|name| (name, registry::defaults(&name.into()).unwrap()));
    let mut text = config::default_text(&vendors, setting.model);
    if !setting.keyed {
        text = text.replace("keys = \"planted\"", "keys = \"none\"");
    }
    for (old, new) in &setting.changes {
        assert!(text.contains(old), "{old} is not in\n{text}");
        text = text.replace(old, new);
    }
    text + setting.more
}

fn read(text: &str) -> config::Config {
    config::parse(&[("syncline.toml", text)]).unwrap_or_else(|problems| {
        panic!("{}\n{text}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

/// One account that both sides know: the world, the account, the company.
pub async fn acme(setting: Setting) -> (World, String, String) {
    let mut world = World::with(setting).await;
    let fields = json!({"Name": "Acme", "Website": "https://acme.com", "Phone": "+1 555 0100"});
    let account = world.create(Salesforce, "Account", fields);
    world.first_contact().await;
    let company = world.find(HubSpot, "companies", "name", "Acme");
    (world, account, company)
}
