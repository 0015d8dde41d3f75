//! The whole of it, without any account: two sandboxes, a company, first contact, a working day, a conflict, and the proof
//! that nothing is left to do.

mod company;
mod day;
mod invariants;
mod narrator;
mod stock;
mod systems;

pub(crate) use narrator::Narrator;

use crate::{commands::plan, failure::Failure, shell::who};
use company::{Cast, company};
use day::Day;
use invariants::Moment;
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};
use stock::Stock;
use syncline_core::{config::default_text, mapping::ModelChoice};
use syncline_engine::{
    Ctx, Error, Outside, Workspace, apply_plan,
    connecting::{self, Connect},
    connections::Connection,
    cycle::{self, Backfill},
    explain::explain,
    plan_file::{self, Summary},
    registry, setup,
    workspace::{self, Environment},
};
use syncline_model::{ConnectionName, RecordRef, operation::Case};
use syncline_store::Batch;
use systems::Systems;

/// HubSpot's search shows a change about two seconds later.
const SEARCH_LAG: Duration = Duration::from_millis(2_500);

/// A demo that was told to its end.
pub(crate) struct Demo {
    /// Ready to serve.
    pub(crate) ctx: Ctx,
    /// Both systems.
    pub(crate) systems: Systems,
    /// What happened.
    pub(crate) told: Told,
}

/// What happened.
pub(crate) struct Told {
    runs: Vec<Run>,
    /// By name, whether it held.
    pub(crate) invariants: BTreeMap<&'static str, bool>,
}

/// One run in numbers.
struct Run {
    planned: u64,
    writes: u64,
    calls: BTreeMap<ConnectionName, u64>,
    held: u64,
}

impl Told {
    /// The contract's JSON.
    pub(crate) fn json(&self) -> Value {
        let run = |run: &Run| json!({"planned": run.planned, "writes": run.writes, "calls": run.calls, "held": run.held});
        json!({
            "runs": self.runs.iter().map(run).collect::<Vec<_>>(),
            "second_run_writes": self.runs.last().map(|run| run.writes),
            "invariants": self.invariants,
        })
    }

    /// What did not hold.
    pub(crate) fn broken(&self) -> Vec<&'static str> {
        self.invariants.iter().filter(|(_, held)| !**held).map(|(name, _)| *name).collect()
    }
}

impl Demo {
    /// Plays it in a new workspace in `dir`.
    pub(crate) async fn play(
        dir: &Path,
        outside: &Outside,
        narrator: &mut Narrator,
    ) -> Result<Self, Failure> {
        let company = company();
        narrator.step("Two systems that know the same company by halves")?;
        let systems = Systems::start(&company, outside).await?;
        let before = moment(&systems).await?;
        introduce(&systems, &before, narrator)?;

        narrator.step("A workspace, connected to both")?;
        let ctx = connect(dir, &systems, outside).await?;
        narrator.tell(format!("   {}  keys planted in HubSpot and Salesforce", dir.display()))?;

        let mut story = Story { ctx, systems, narrator, dir, runs: Vec::new() };
        story.first_contact().await?;
        let mut day = story.working_day(&company.cast).await?;
        story.run("What the day left to do", "the changes of the day", Some(&mut day)).await?;
        story.run("Once more", "a second run", None).await?;
        let invariants = story.promises(&before, &company.cast, &day).await?;
        let Story { ctx, systems, runs, .. } = story;
        Ok(Self { ctx, systems, told: Told { runs, invariants } })
    }
}

async fn moment(systems: &Systems) -> Result<Moment, Failure> {
    Ok(Moment {
        hubspot: Stock::of(&systems.hubspot.dump().await?),
        salesforce: Stock::of(&systems.salesforce.dump().await?),
    })
}

fn introduce(systems: &Systems, before: &Moment, narrator: &Narrator) -> Result<(), Failure> {
    let count = |stock: &Stock, objects: &[&str]| {
        let counts: Vec<String> =
            objects.iter().map(|object| format!("{} {object}", stock.count(object))).collect();
        counts.join(", ")
    };
    let salesforce = count(&before.salesforce, &["Account", "Contact", "Lead", "Opportunity"]);
    narrator.tell(format!("   Salesforce  {}  {salesforce}", systems.salesforce.url()))?;
    let hubspot = count(&before.hubspot, &["companies", "contacts", "deals"]);
    narrator.tell(format!("   HubSpot     {}  {hubspot}", systems.hubspot.url()))
}

/// `init`, `connect` and `setup`.
async fn connect(dir: &Path, systems: &Systems, outside: &Outside) -> Result<Ctx, Failure> {
    let environment = Environment::default();
    let mut with = Vec::new();
    for name in ["salesforce", "hubspot"] {
        with.push((name, registry::defaults(&name.into())?));
    }
    let text = default_text(&with, ModelChoice::LeadsAndContacts);
    workspace::init(dir, &text, &environment, &outside.entropy, outside.clock.now()).await?;
    let workspace = Workspace::open(dir, &environment).await?;
    for (name, system) in systems.each() {
        let (name, line) = (ConnectionName::from(name), system.line());
        let connect = Connect { name: &name, vendor: None, line: &line, replace_account: false };
        connecting::connect(&workspace, outside, &registry::adapter, connect).await?;
    }
    drop(workspace);
    // The configuration names the accounts now.
    let workspace = Arc::new(Workspace::open(dir, &environment).await?);
    let name = ConnectionName::from("hubspot");
    let store = &*workspace.store;
    let hubspot = Connection::open(&name, &workspace, outside, &registry::adapter).await?;
    let objects = setup::planted_objects(&workspace.config, &name);
    setup::apply(&hubspot, &objects, store, Batch::at(outside.clock.now())).await?;
    Ok(Ctx::open(workspace, outside.clone(), &registry::adapter).await?)
}

/// The story under way.
struct Story<'a> {
    ctx: Ctx,
    systems: Systems,
    narrator: &'a mut Narrator,
    dir: &'a Path,
    runs: Vec<Run>,
}

impl Story<'_> {
    /// Reads both systems and plans; `path`: where the plan is kept.
    async fn look(&mut self, path: Option<&Path>) -> Result<Summary, Error> {
        cycle::look(&mut self.ctx).await?;
        match path {
            Some(path) => plan_file::write(&self.ctx, path).await,
            None => plan_file::plan(&self.ctx, |_| Ok(())).await,
        }
    }

    async fn first_contact(&mut self) -> Result<(), Failure> {
        let calls = self.ctx.calls();
        let path = self.dir.join("first.plan");
        let planned = self.look(Some(&path)).await?;
        self.narrator.step("The plan: what would be written, before anything is")?;
        if self.narrator.speaks() {
            plan::show(&planned)?;
        }
        let applied = apply_plan::apply(&mut self.ctx, &path, &who(None)).await?;
        let run = Run {
            planned: planned.operation_count,
            writes: applied.tally.writes(),
            calls: self.since(&calls),
            held: applied.held,
        };
        self.narrator.step("Applied")?;
        self.report(run)
    }

    async fn working_day(&mut self, cast: &Cast) -> Result<Day, Failure> {
        self.narrator.step("People go on working, on both sides")?;
        let now = moment(&self.systems).await?;
        day::work(&self.systems, cast, &now, self.narrator).await
    }

    /// One unattended run; where there is a conflict, it is explained first.
    async fn run(&mut self, title: &str, what: &str, day: Option<&mut Day>) -> Result<(), Failure> {
        self.ctx.outside.clock.sleep(SEARCH_LAG).await;
        let calls = self.ctx.calls();
        let planned = self.look(None).await?;
        self.narrator.step(title)?;
        if let Some(day) = day {
            day.was_conflict = self.explain(&day.conflict.1).await?;
        }
        let outcome = cycle::sync(&mut self.ctx, &Backfill::Ask, "demo").await?;
        let run = Run {
            planned: planned.operation_count,
            writes: outcome.tally.writes(),
            calls: self.since(&calls),
            held: outcome.held,
        };
        self.narrator.tell(format!("   {what}:"))?;
        self.report(run)
    }

    fn since(&self, before: &BTreeMap<ConnectionName, u64>) -> BTreeMap<ConnectionName, u64> {
        let calls = self.ctx.calls().into_iter();
        calls
            .map(|(name, count)| (name.clone(), count - before.get(&name).copied().unwrap_or_default()))
            .collect()
    }

    fn report(&mut self, run: Run) -> Result<(), Failure> {
        let calls: Vec<String> =
            run.calls.iter().map(|(name, count)| format!("{count} {name} calls")).collect();
        let (planned, writes, held) = (run.planned, run.writes, run.held);
        self.narrator
            .tell(format!("   {planned} planned, {writes} written, {held} held; {}", calls.join(", ")))?;
        self.runs.push(run);
        Ok(())
    }

    /// Says how the title's conflict is decided; whether it is one.
    async fn explain(&self, contact: &str) -> Result<bool, Failure> {
        let record = RecordRef::new("salesforce", "Contact", contact);
        let explained = explain(&self.ctx, &record).await?;
        let title = explained
            .entities
            .iter()
            .flat_map(|entity| &entity.derivations)
            .find(|derivation| derivation.attribute.as_str() == "title");
        let Some(title) = title else { return Ok(false) };
        self.narrator.tell(format!("   a conflict: {record}, title ({})", title.rule))?;
        for side in &title.sides {
            let base = side.base.as_ref().map(ToString::to_string).unwrap_or_default();
            let place = format!("{}.{}", side.record.connection, side.field);
            self.narrator.tell(format!("     {place:<20} {base} → {}", side.now))?;
        }
        let why = title.case.map(Case::phrase).unwrap_or("nothing moved");
        let result = title.result.as_deref().unwrap_or("(empty)");
        self.narrator.tell(format!("     {:<20} {result}: {why}", "both will hold"))?;
        let dir = self.dir.display();
        self.narrator.tell(format!("     all of it: syncline explain {record} --dir {dir}"))?;
        let changed = title.sides.iter().filter(|side| side.stand == "changed").count();
        Ok(changed == 2 && matches!(title.case, Some(Case::Tie | Case::Newest)))
    }

    async fn promises(
        &mut self,
        before: &Moment,
        cast: &Cast,
        day: &Day,
    ) -> Result<BTreeMap<&'static str, bool>, Failure> {
        self.narrator.step("What was promised, checked in both systems")?;
        let after = moment(&self.systems).await?;
        let mut kept = invariants::check(&self.ctx, before, &after, cast, day).await?;
        kept.insert("second_run_writes_nothing", self.runs.last().is_some_and(|run| run.writes == 0));
        let mut within = true;
        for (_, system) in self.systems.each() {
            within &= system.calls().await?["violations"].as_array().is_some_and(Vec::is_empty);
        }
        kept.insert("limits_respected", within);
        kept.iter().try_for_each(|(name, kept)| self.narrator.promise(name, *kept))?;
        Ok(kept)
    }
}
