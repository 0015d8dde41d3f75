//! Both sandboxes behind proxies, a workspace between them, and people who work in both.

use crate::{
    dice::Dice,
    faults::{Fault, Met, SIDES, fired},
    journal::{Journal, Place},
    oracle::{Wrong, wrongs},
    people::{Edited, Log, SORTS, Side, Sort, Thing, records},
    town::Sandbox,
    wire::{Phase, Proxy, Verdict, Wire},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Far more than a run takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Runs until nothing is left to write, at most.
const RUNS: usize = 8;

/// The stage that deals are made in.
const STAGES: &str = "MasterLabel,ApiName,SortOrder,IsActive,IsClosed,IsWon,DefaultProbability,ForecastCategoryName\n\
     Talking,Talking,1,true,false,false,10,Pipeline\n";
const PIPELINES: &str = "objectType,pipelineId,pipelineLabel,stageId,stageLabel,displayOrder,probability,isClosed\n\
     deals,default,Sales,s1,Talking,1,0.1,false\n";

/// Whether records carry our key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    Planted,
    None,
}

/// When the process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At this request of the run.
    Request(u64, Phase),
    /// When the journal was written so many times since the run began.
    Journal(usize),
    /// When a vendor has got this wrong, or at the n-th request after it.
    Wrong(Fault, Option<(u64, Phase)>),
}

/// What a run came to that was to be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hit {
    /// Killed when the journal had been written so many times.
    Killed { steps: usize },
    /// It ended before the moment came.
    Ended,
}

pub struct World {
    pub wire: Arc<Wire>,
    pub journal: Journal,
    pub log: Log,
    pub dice: Dice,
    /// What went wrong at the vendors in runs that were killed.
    pub met: Met,
    place: Place,
    keys: Keys,
    hubspot: Sandbox,
    salesforce: Sandbox,
    ids: BTreeMap<(Side, usize), String>,
    dir: TempDir,
}

impl World {
    /// A few things that both sides know already.
    pub fn new(place: Place, seed: u64, server: &str) -> Self {
        Self::with(place, seed, server, Keys::Planted)
    }

    pub fn with(place: Place, seed: u64, server: &str, keys: Keys) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let start = |vendor: &str, file: &str, text: &str| {
            let seed = dir.path().join(vendor);
            fs::create_dir(&seed).unwrap();
            fs::write(seed.join(file), text).unwrap();
            Sandbox::start(vendor, &seed, &["--limits", "off"])
        };
        let hubspot = start("hubspot", "pipelines.csv", PIPELINES);
        let salesforce = start("salesforce", "OpportunityStage.csv", STAGES);
        let wire = Arc::new(Wire::default());
        let work = dir.path().join("work");
        run(&place, &work, &["init", "--with", "salesforce,hubspot"], "");
        for object in ["Account", "Contact", "Lead", "Opportunity"] {
            salesforce.admin(&json!({"do": "add_field", "object": object, "name": "Syncline_Id__c",
                "type": "text", "length": 36, "external_id": true, "unique": true}));
        }
        for (name, sandbox) in [("hubspot", &hubspot), ("salesforce", &salesforce)] {
            let url = sandbox.line["url"].as_str().unwrap().to_owned();
            let target = url.strip_prefix("http://").unwrap();
            let proxy = Proxy::before(target, &wire);
            let line = sandbox.line.to_string().replace(target, &proxy.address);
            run(&place, &work, &["connect", name], &line);
        }
        run(&place, &work, &["setup", "hubspot", "--apply"], "");
        let config = work.join("syncline.toml");
        let text = fs::read_to_string(&config).unwrap();
        let text = if keys == Keys::None { text.replace("\"planted\"\n", "\"none\"\n") } else { text };
        fs::write(&config, format!("{text}\n{server}")).unwrap();
        let journal = Journal::open(&place, &work);
        let (log, dice, met, ids) = (Log::default(), Dice::new(seed), Met::default(), BTreeMap::new());
        let mut world = Self { wire, journal, log, dice, met, place, keys, hubspot, salesforce, ids, dir };
        for sort in
            [Sort::Account, Sort::Account, Sort::Account, Sort::Deal, Sort::Deal, Sort::Contact, Sort::Lead]
        {
            world.make(sort);
        }
        world.later(3_600);
        world.sync_with(&["--yes-backfill"]);
        world.comes_to_rest("the first contact");
        world
    }

    pub fn sandbox(&self, side: Side) -> &Sandbox {
        match side {
            Side::Salesforce => &self.salesforce,
            Side::HubSpot => &self.hubspot,
        }
    }

    /// Both vendors' clocks go on.
    pub fn later(&self, seconds: u64) {
        for side in [&self.hubspot, &self.salesforce] {
            side.exchange("POST", "clock", &json!({"advance_s": seconds}).to_string());
        }
    }

    /// Only this goes wrong from now on.
    pub fn fault(&self, fault: Fault) {
        self.no_faults();
        self.faults(fault.side, &json!([fault.rule()]));
    }

    pub fn no_faults(&self) {
        for side in SIDES {
            self.faults(side, &json!([]));
        }
    }

    fn faults(&self, side: Side, rules: &Value) {
        self.sandbox(side).exchange("POST", "faults", &json!({"rules": rules}).to_string());
    }

    /// What the sandbox tells of what is to go wrong there.
    fn told(&self, side: Side) -> Value {
        self.sandbox(side).exchange("GET", "faults", "")
    }

    // ---- what people do

    /// A person makes a thing where such things begin.
    pub fn make(&mut self, sort: Sort) -> usize {
        let number = self.log.things.len();
        let parent = match sort {
            Sort::Deal | Sort::Contact => Some(*self.dice.one(&self.log.of(Sort::Account))),
            Sort::Account | Sort::Lead => None,
        };
        let mut fields = match sort {
            Sort::Account => json!({"Website": format!("https://a{number}.example")}),
            Sort::Deal => json!({"StageName": "Talking", "CloseDate": "2027-03-01"}),
            Sort::Contact => json!({"LastName": format!("Contact {number}")}),
            Sort::Lead => json!({"lastname": format!("Person {number}"), "firstname": "Ada"}),
        };
        let side = if sort == Sort::Lead { Side::HubSpot } else { Side::Salesforce };
        let name = match sort {
            Sort::Account => format!("Works {number}"),
            Sort::Deal => format!("Deal {number}"),
            Sort::Contact | Sort::Lead => format!("p{number}@people.example"),
        };
        fields[sort.name_field(side)] = json!(name);
        if let Some(parent) = parent {
            fields["AccountId"] = json!(self.id(Side::Salesforce, parent));
        }
        let parent = parent.map(|parent| self.log.things[parent].name.clone());
        self.log.things.push(Thing { sort, name, last: BTreeMap::new(), parent });
        for field in 0..sort.field_count() {
            let value = self.log.value();
            fields[sort.field(field, side)] = json!(value);
            self.log.note(Edited { thing: number, field, side }, &value);
        }
        let member = if side == Side::HubSpot { "properties" } else { "fields" };
        let numeric = ["NumberOfEmployees", "Amount"];
        for field in numeric {
            if let Some(value) = fields.get(field).and_then(Value::as_str) {
                fields[field] = json!(value.parse::<u64>().unwrap());
            }
        }
        let made =
            self.sandbox(side).admin(&json!({"do": "create", "object": sort.object(side), member: fields}));
        self.ids.insert((side, number), made["id"].as_str().unwrap().to_owned());
        number
    }

    /// A person changes a field.
    pub fn edit(&mut self, edited: Edited) {
        let Edited { thing, field, side } = edited;
        let sort = self.log.things[thing].sort;
        let value = self.log.value();
        let field = sort.field(field, side);
        let id = self.id(side, thing);
        let act = match side {
            Side::HubSpot => {
                json!({"do": "edit", "object": sort.object(side), "id": id, "properties": {field: value}})
            }
            Side::Salesforce if ["NumberOfEmployees", "Amount"].contains(&field) => {
                json!({"do": "edit", "id": id, "fields": {field: value.parse::<u64>().unwrap()}})
            }
            Side::Salesforce => json!({"do": "edit", "id": id, "fields": {field: value}}),
        };
        self.sandbox(side).admin(&act);
        self.log.note(edited, &value);
    }

    /// Some field of some thing of that sort that is on that side.
    pub fn edit_some(&mut self, sort: Sort, side: Side) {
        let there: Vec<usize> =
            self.log.of(sort).into_iter().filter(|thing| self.ids.contains_key(&(side, *thing))).collect();
        let thing = *self.dice.one(&there);
        let field = self.dice.below(sort.field_count());
        // What is edited on both sides at once is another story: `while_it_is_dead`.
        if !self.log.fresh.iter().any(|it| (it.thing, it.field) == (thing, field)) {
            self.edit(Edited { thing, field, side });
        }
    }

    /// A person moves a deal or contact to another account.
    pub fn move_some(&mut self, sort: Sort) {
        let thing = *self.dice.one(&self.log.of(sort));
        let account = *self.dice.one(&self.log.of(Sort::Account));
        let (id, to) = (self.id(Side::Salesforce, thing), self.id(Side::Salesforce, account));
        self.salesforce.admin(&json!({"do": "edit", "id": id, "fields": {"AccountId": to}}));
        self.log.things[thing].parent = Some(self.log.things[account].name.clone());
    }

    /// A day's work, always of the same shape: something of everything that travels.
    pub fn a_day(&mut self) {
        self.log.fresh.clear();
        self.look_up();
        for sort in [Sort::Account, Sort::Lead] {
            self.make(sort);
        }
        for sort in [Sort::Deal, Sort::Contact] {
            self.make(sort);
            self.move_some(sort);
        }
        for sort in SORTS {
            self.edit_some(sort, Side::Salesforce);
            self.edit_some(sort, Side::HubSpot);
        }
        self.later(60);
    }

    /// What people do while the process is held or dead: edits under its hands.
    pub fn meanwhile(&mut self) {
        self.look_up();
        let fresh = self.dice.some(self.log.fresh.clone(), 4);
        for (number, edited) in fresh.into_iter().enumerate() {
            let other = match edited.side {
                Side::Salesforce => Side::HubSpot,
                Side::HubSpot => Side::Salesforce,
            };
            let count = self.log.things[edited.thing].sort.field_count();
            let next = match number {
                // The same again: what was on its way is old now.
                0 | 1 => edited,
                // Another field of the same record, from the other side.
                2 => Edited { field: (edited.field + 1) % count, side: other, ..edited },
                // The same field from the other side: either may win, and both sides must show the winner.
                _ => Edited { side: other, ..edited },
            };
            if self.ids.contains_key(&(next.side, next.thing)) {
                self.edit(next);
            }
        }
        self.make(Sort::Lead);
        self.make(Sort::Deal);
    }

    /// Finds the records of what was made.
    pub fn look_up(&mut self) {
        for side in [Side::Salesforce, Side::HubSpot] {
            let dump = self.sandbox(side).dump();
            for sort in SORTS {
                let found: BTreeMap<String, String> =
                    records(&dump, side, sort).into_iter().map(|(name, id, _)| (name, id)).collect();
                for thing in self.log.of(sort) {
                    if let Some(id) = found.get(&self.log.things[thing].name) {
                        self.ids.insert((side, thing), id.clone());
                    }
                }
            }
        }
    }

    fn id(&self, side: Side, thing: usize) -> String {
        self.ids[&(side, thing)].clone()
    }

    // ---- what the program does

    pub fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        command(&self.place, &self.work(), arguments)
    }

    pub fn sync_with(&self, more: &[&str]) -> Output {
        let arguments: Vec<&str> = ["sync", "--json"].iter().chain(more).copied().collect();
        self.command(&arguments).output().unwrap()
    }

    /// Arms the wire, or a vendor, for this moment.
    pub fn arm(&self, moment: Moment) {
        self.wire.arm(match moment {
            Moment::Request(number, phase) => Some((number, phase)),
            Moment::Journal(_) | Moment::Wrong(..) => None,
        });
        if let Moment::Wrong(fault, _) = moment {
            self.fault(fault);
        }
    }

    /// Waits for the moment; `false`: the process ended before. `before`: how far the journal was when it began.
    pub fn comes(&self, moment: Moment, before: u64, process: &mut Child) -> bool {
        let start = Instant::now();
        let (mut head, mut steps) = (before, 0);
        let mut went_wrong = false;
        loop {
            let is_due = match moment {
                Moment::Request(..) => self.wire.is_reached(),
                Moment::Journal(wanted) => {
                    let now = self.journal.head();
                    steps += usize::from(now > head);
                    head = now;
                    steps >= wanted
                }
                Moment::Wrong(_, Some(_)) if went_wrong => self.wire.is_reached(),
                Moment::Wrong(fault, after) => {
                    went_wrong = fired(&self.told(fault.side)) > 0;
                    if let (true, Some((count, phase))) = (went_wrong, after) {
                        self.wire.stop_after(count, phase);
                    }
                    went_wrong && after.is_none()
                }
            };
            if is_due {
                return true;
            }
            if process.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(start.elapsed() < PATIENCE, "{moment:?} did not come: {:?}", self.wire.lines());
        }
    }

    /// Starts a run and kills it at this moment. What people do then happens while it is held, where it can be held.
    pub fn killed(&mut self, moment: Moment, meanwhile: impl FnOnce(&mut Self)) -> Hit {
        let before = self.journal.head();
        self.arm(moment);
        let mut process =
            self.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        if !self.comes(moment, before, &mut process) {
            self.wire.arm(None);
            return Hit::Ended;
        }
        let mut meanwhile = Some(meanwhile);
        match moment {
            Moment::Request(_, Phase::Arrived | Phase::Done)
            | Moment::Wrong(_, Some((_, Phase::Arrived | Phase::Done))) => {
                if let Some(act) = meanwhile.take() {
                    act(self);
                }
            }
            Moment::Request(_, Phase::Told) | Moment::Wrong(_, Some((_, Phase::Told))) => {
                // It goes on; how far, is chance.
                let until = Duration::from_micros(self.dice.next() % 3_000);
                let start = Instant::now();
                while start.elapsed() < until {
                    std::hint::spin_loop();
                }
            }
            Moment::Journal(_) | Moment::Wrong(_, None) => {}
        }
        process.kill().unwrap();
        let status = process.wait().unwrap();
        self.wire.let_go(Verdict::Drop);
        let steps = self.journal.steps_since(before);
        if let Some(act) = meanwhile {
            act(self);
        }
        self.wire.arm(None);
        if status.signal() != Some(9) {
            return Hit::Ended;
        }
        if let Moment::Wrong(fault, _) = moment {
            let told = self.told(fault.side);
            self.met.note(&told);
        }
        self.journal.the_claim_lapses();
        Hit::Killed { steps }
    }

    /// How often the run of a day writes to the journal that nobody disturbs.
    pub fn steps_of_a_day(&mut self) -> usize {
        self.a_day();
        let before = self.journal.head();
        let output = self.sync_with(&[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let steps = self.journal.steps_since(before);
        self.comes_to_rest("an undisturbed day");
        steps
    }

    /// Runs, as a timer would, until there is nothing left to write; then nothing may be twice, lost or orphaned, and one
    /// more run writes nothing.
    pub fn comes_to_rest(&mut self, when: &str) {
        let mut last = String::new();
        let rests = (0..RUNS).any(|_| {
            self.later(5);
            let output = self.sync_with(&[]);
            self.no_faults();
            last = String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
            let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            output.status.success() && told["writes"] == 0
        });
        assert!(rests, "{when}: it does not come to rest: {last}");
        self.later(3_600);
        let output = self.sync_with(&[]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        assert_eq!(told["writes"], 0, "{when}: an hour later: {told}");
        let before = self.rows();
        let output = self.sync_with(&[]);
        assert!(output.status.success(), "{when}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(self.rows(), before, "{when}: the last round wrote");
        let mut found = self.wrongs();
        found.retain(|wrong| wrong.is_double || !self.is_parked(wrong.thing));
        self.explain(&found);
        let lines: Vec<&str> = found.iter().map(|wrong| wrong.line.as_str()).collect();
        assert!(found.is_empty(), "{when}: {lines:#?}\n{last}");
        assert_eq!(self.journal.open_calls(), 0, "{when}");
    }

    /// What is wrong now, by both dumps.
    pub fn wrongs(&self) -> Vec<Wrong> {
        wrongs(&self.log, &self.salesforce.dump(), &self.hubspot.dump())
    }

    /// Whether a create waits for a person, of this thing or of its account, because nobody can know what became of it: only
    /// without keys.
    fn is_parked(&self, thing: Option<usize>) -> bool {
        let Some(thing) = thing.filter(|_| self.keys == Keys::None) else { return false };
        let begins = if self.log.things[thing].sort == Sort::Lead { Side::HubSpot } else { Side::Salesforce };
        let Some(address) = self.address(begins, thing) else { return false };
        let output = self.command(&["explain", &address, "--json"]).output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let entities = told["entities"].as_array().unwrap();
        let reasons = ["parked", "waits_for_parent"];
        entities.iter().any(|entity| reasons.map(Value::from).contains(&entity["status"]["name"]))
    }

    fn address(&self, side: Side, thing: usize) -> Option<String> {
        let id = self.ids.get(&(side, thing))?;
        let name = if side == Side::Salesforce { "salesforce" } else { "hubspot" };
        Some(format!("{name}/{}/{id}", self.log.things[thing].sort.object(side)))
    }

    /// Prints what the program says of the things that are wrong.
    fn explain(&self, wrongs: &[Wrong]) {
        for thing in wrongs.iter().filter_map(|wrong| wrong.thing) {
            for side in [Side::Salesforce, Side::HubSpot] {
                let Some(address) = self.address(side, thing) else { continue };
                let output = self.command(&["explain", &address]).output().unwrap();
                eprintln!("{address}: {}", String::from_utf8_lossy(&output.stdout));
            }
        }
    }

    /// Rows that calls changed, and rows that they sent in vain.
    pub fn rows(&self) -> [u64; 4] {
        let count =
            |sandbox: &Sandbox, name: &str| sandbox.exchange("GET", "calls", "")[name].as_u64().unwrap();
        let (hubspot, salesforce) = (&self.hubspot, &self.salesforce);
        [
            count(hubspot, "rows_written"),
            count(hubspot, "rows_noop"),
            count(salesforce, "rows_written"),
            count(salesforce, "rows_noop"),
        ]
    }
}

fn command(place: &Place, work: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syncline"));
    command.args(arguments).arg("--dir").arg(work).stdin(Stdio::null());
    command.env_remove("SYNCLINE_KEY").env_remove("SYNCLINE_KEY_FILE");
    place.tell(&mut command);
    command
}

fn run(place: &Place, work: &std::path::Path, arguments: &[&str], input: &str) {
    let file = work.with_extension("input");
    fs::write(&file, input).unwrap();
    let output = command(place, work, arguments).stdin(fs::File::open(file).unwrap()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
