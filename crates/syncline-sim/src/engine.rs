//! The engine at work: runs that may be stopped anywhere, and what is checked after each.

use crate::{
    after::Intended,
    coverage::Cut,
    fault::Fault,
    player::Player,
    power::{Point, Standing, Stop, When},
    script::{Delivered, Interruption},
    side::Side,
    world::{Broken, Ended, WEBHOOKS, World, drive, finish},
};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeSet,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};
use syncline_engine::{
    Ctx, Error, apply_plan,
    cycle::{self, Backfill, Needs},
    plan_file, undo,
};
use syncline_kit::HttpRequest;
use syncline_model::{
    RecordRef, RunId,
    plan::{Finding, PlanLine},
};

/// What the process is asked to do.
#[derive(Debug, Clone)]
pub(crate) enum Job {
    Sync,
    Plan,
    Apply,
    Hinted(Vec<RecordRef>),
    /// `syncline undo RUN`.
    Undo(RunId),
}

/// What it came to.
#[derive(Debug)]
pub(crate) enum Came {
    /// A run, with its writes and what it needs a person for.
    Ran { writes: u64, needs: Option<Needs> },
    /// A plan was written.
    Planned,
    /// A run was taken back.
    /// With what its plan listed, and how many of its operations could not be carried out for now.
    Undone { open: u64, findings: Vec<Finding> },
}

/// How a job ended.
#[derive(Debug)]
pub(crate) enum JobEnd {
    Came(Came),
    Failed(Error),
    /// The power went.
    Cut,
}

type Running = Pin<Box<dyn Future<Output = (Ctx, Result<Came, Error>)>>>;

fn begin(mut ctx: Ctx, job: Job, path: PathBuf) -> Running {
    Box::pin(async move {
        let result = work(&mut ctx, job, &path).await;
        (ctx, result)
    })
}

async fn work(ctx: &mut Ctx, job: Job, path: &Path) -> Result<Came, Error> {
    ctx.freshen().await?;
    let by: Arc<str> = Arc::from("simulation");
    match job {
        Job::Sync => {
            let outcome = cycle::sync(ctx, &Backfill::Ask, &by).await?;
            Ok(Came::Ran { writes: outcome.tally.writes(), needs: outcome.needs })
        }
        Job::Hinted(records) => {
            let outcome = cycle::hinted(ctx, &records, &by).await?;
            Ok(Came::Ran { writes: outcome.tally.writes(), needs: outcome.needs })
        }
        Job::Plan => {
            cycle::look(ctx).await?;
            plan_file::write(ctx, path).await?;
            Ok(Came::Planned)
        }
        Job::Undo(run) => take_back(ctx, run, path, &by).await,
        Job::Apply => {
            let applied = apply_plan::apply(ctx, path, &by).await?;
            Ok(Came::Ran { writes: applied.tally.writes(), needs: None })
        }
    }
}

/// What nobody looks at: a run of a new company, with a first contact where one is due.
pub(crate) fn alone(world: &mut World) -> Result<Result<Came, Error>, Broken> {
    if world.ctx.is_none() {
        world.start()?.map_err(|error| Broken::new("a new company", error))?;
    }
    let mut came = one(world, Job::Sync)?;
    if let Ok(Came::Ran { needs: Some(Needs::Confirmation(_)), .. }) = came {
        came = one(world, Job::Plan)?;
        if came.is_ok() {
            came = one(world, Job::Apply)?;
        }
    }
    Ok(came)
}

fn one(world: &mut World, job: Job) -> Result<Result<Came, Error>, Broken> {
    let ctx = world.ctx.take().ok_or_else(|| Broken::new("a new company", "nobody is at work"))?;
    let (ctx, came) = finish("a run", begin(ctx, job, world.dir.path().join("plan")))?;
    world.ctx = Some(ctx);
    Ok(came)
}

/// What `syncline undo RUN --yes` does.
async fn take_back(ctx: &mut Ctx, run: RunId, path: &Path, by: &Arc<str>) -> Result<Came, Error> {
    undo::look(ctx, run).await?;
    let (_, lines) = undo::write(ctx, run, path).await?;
    let findings = lines.into_iter().filter_map(|line| match line {
        PlanLine::Finding(finding) => Some(finding),
        PlanLine::Operation(_) | PlanLine::Held(_) => None,
    });
    let mut findings: Vec<Finding> = findings.collect();
    let applied = apply_plan::apply(ctx, path, by).await?;
    findings.extend(applied.not_undone);
    let open = applied.moved + applied.tally.postponed + applied.tally.unknown;
    Ok(Came::Undone { open, findings })
}

/// Longer than any lease of a process that is gone.
const LEASE_OVER: u64 = 900;

impl Player<'_> {
    /// One job of the process, from start to whatever end.
    pub(crate) fn job(&mut self, job: Job, stop: Option<&Interruption>) -> Result<JobEnd, Broken> {
        if self.world.ctx.is_none()
            && let Err(error) = self.world.start()?
        {
            self.world.net.note(&format!("the process does not start: {error}"));
            return Ok(JobEnd::Failed(error));
        }
        let Some(ctx) = self.world.ctx.take() else { return Ok(JobEnd::Cut) };
        self.world.net.cover(|coverage| coverage.rounds += 1);
        let began = self.world.net.now();
        self.people.ledger.runs.push(began);
        self.world.net.note(&format!("{began} {job:?}"));
        let applies = matches!(job, Job::Apply);
        let of = self.cut_of(&job);
        self.since = self.head()?;
        self.intended = Intended::default();
        self.world.power.arm(stop.map(stop_of));
        let path = self.world.dir.path().join("plan");
        let mut running = begin(ctx, job, path);
        let end = loop {
            match drive(running.as_mut()) {
                Ended::Done((ctx, result)) => {
                    self.world.ctx = Some(ctx);
                    break match result {
                        Ok(came) => JobEnd::Came(came),
                        Err(error) => JobEnd::Failed(error),
                    };
                }
                Ended::Stopped => match self.world.power.standing() {
                    Standing::Dead => {
                        self.doubt = true;
                        self.count_cut(of, stop);
                        break JobEnd::Cut;
                    }
                    Standing::Paused => self.interrupted(stop)?,
                    Standing::Running => return Err(Broken::new("a run", "it waits for nothing")),
                },
            }
        };
        drop(running);
        if let Some(before) = self.taken_over.take() {
            let after = self.rows()?;
            if after != before {
                let evidence = format!(
                    "a worker woke whose claim another one followed, and rows went from {before:?} to {after:?}"
                );
                self.violated("fencing", evidence);
            }
        }
        self.world.power.arm(None);
        self.world.power.on();
        let now = self.world.net.now();
        self.people.ledger.work.push((began, now));
        match &end {
            JobEnd::Came(Came::Planned) => self.people.ledger.planned(began),
            JobEnd::Came(Came::Ran { .. }) if applies => self.people.ledger.applied(now),
            JobEnd::Came(Came::Ran { needs: None, .. }) => self.people.ledger.ran(began, now),
            JobEnd::Cut => self.world.advance(LEASE_OVER),
            JobEnd::Came(Came::Ran { .. } | Came::Undone { .. }) | JobEnd::Failed(_) => {}
        }
        // Where the plan lies is another place each time.
        let place = self.world.dir.path().display().to_string();
        let ended = format!("{} ended: {end:?}", self.world.net.now()).replace(&place, "");
        self.world.net.note(&ended);
        self.world.net.is_sound()?;
        self.after_engine()?;
        Ok(end)
    }

    /// As what a job counts if the power goes in it.
    fn cut_of(&self, job: &Job) -> Cut {
        match job {
            Job::Sync => Cut::Sync,
            Job::Plan => Cut::Plan,
            Job::Apply if self.people.ledger.has_decided() => Cut::Apply,
            Job::Apply => Cut::FirstContact,
            Job::Hinted(_) => Cut::Webhook,
            Job::Undo(_) => Cut::Undo,
        }
    }

    fn count_cut(&mut self, of: Cut, stop: Option<&Interruption>) {
        let fault = match stop {
            Some(Interruption::CutAtJournal { when: When::Before, .. }) => Fault::CrashBeforeJournal,
            Some(Interruption::CutAtJournal { when: When::After, .. }) => Fault::CrashAfterJournal,
            Some(Interruption::CutAtRequest { when: When::Before, .. }) => Fault::CrashBeforeRequest,
            Some(Interruption::CutAtRequest { when: When::After, .. }) => Fault::CrashAfterRequest,
            Some(Interruption::People { .. } | Interruption::OldLease { .. }) | None => return,
        };
        self.world.net.cover(|coverage| {
            coverage.fault(fault);
            coverage.cut(of);
        });
    }

    /// What happens while a run is held between two requests.
    fn interrupted(&mut self, stop: Option<&Interruption>) -> Result<(), Broken> {
        self.after_engine()?;
        match stop {
            Some(Interruption::People { steps, .. }) => {
                let before = self.people.picture.clone();
                for step in steps {
                    self.people.act_meanwhile(self.world, step)?;
                }
                if self.people.picture != before {
                    self.world.net.cover(|coverage| coverage.fault(Fault::EditDuringRun));
                }
            }
            Some(Interruption::OldLease { steps, .. }) => {
                self.doubt = true;
                self.world.advance(LEASE_OVER);
                for step in steps {
                    self.people.act_meanwhile(self.world, step)?;
                }
                self.world.power.on();
                self.another_worker()?;
            }
            Some(Interruption::CutAtJournal { .. } | Interruption::CutAtRequest { .. }) | None => {}
        }
        self.world.power.on();
        Ok(())
    }

    /// A second process does a whole run while the first one sleeps.
    fn another_worker(&mut self) -> Result<(), Broken> {
        self.world.net.note("another worker takes over");
        let Ended::Done(Ok(ctx)) = self.world.another() else { return Ok(()) };
        let path = self.world.dir.path().join("other-plan");
        let mut running = begin(ctx, Job::Sync, path);
        let result = match drive(running.as_mut()) {
            Ended::Done((_, result)) => result.map(|came| format!("{came:?}")),
            Ended::Stopped => Ok("it was stopped".to_owned()),
        };
        self.world.net.note(&format!("the other worker ended: {result:?}"));
        // Before its first intent the first one may not have claimed anything: then nothing was taken from it.
        if result.is_ok() && !self.intended.is_empty() {
            self.taken_over = Some(self.rows()?);
            self.world.net.cover(|coverage| coverage.fault(Fault::OldLease));
        }
        // The first one does not wake in the very second.
        self.world.advance(20);
        drop(running);
        self.after_engine()
    }

    /// Webhooks that are due reach the process. The first run that they cause is stopped, if one is to be.
    pub(crate) fn webhooks(&mut self, how: Delivered, stop: Option<&Interruption>) -> Result<(), Broken> {
        let mut stop = stop;
        let mischief = match how {
            Delivered::Once => json!({"do": "webhooks", "reorder": false}),
            Delivered::Twice => json!({"do": "webhooks", "double": 5, "reorder": false}),
            Delivered::Reordered => json!({"do": "webhooks", "reorder": true}),
            Delivered::Lost => json!({"do": "webhooks", "lose": 3}),
        };
        // Whoever doubles or loses events does it to those that come next.
        self.world.admin(Side::HubSpot, &mischief).map_err(Broken)?;
        // What befell any of them, and when the latest event was that the process was told of.
        let (mut befell, mut latest) = (BTreeSet::new(), None);
        for delivery in self.world.net.due_webhooks() {
            self.world.net.delivered(delivery.id, 200);
            if how == Delivered::Lost {
                self.world.net.note("a webhook is lost");
                befell.insert(Fault::WebhookLost);
                continue;
            }
            let Some(ctx) = &self.world.ctx else { continue };
            let connection = ctx.connection(&Side::HubSpot.name().into());
            let vendor = connection.map_err(|error| Broken::new("webhooks", error))?.vendor.clone();
            let hints = match vendor.hints(&delivery.request, WEBHOOKS, self.world.net.now()) {
                Ok(hints) => hints,
                // The clocks are too far apart for the signature: the poll makes up for it.
                Err(refused) => {
                    self.world.net.note(&format!("a webhook is refused: {refused}"));
                    continue;
                }
            };
            let records: BTreeSet<RecordRef> = hints.into_iter().map(|hint| hint.record).collect();
            let records: Vec<RecordRef> = records.into_iter().collect();
            let occurred = occurred(&delivery.request);
            if latest > occurred.iter().min().copied() && !occurred.is_empty() {
                befell.insert(Fault::WebhookReordered);
            }
            latest = latest.max(occurred.into_iter().max());
            self.job(Job::Hinted(records.clone()), stop.take())?;
            if how == Delivered::Twice {
                befell.insert(Fault::WebhookDoubled);
                self.job(Job::Hinted(records), None)?;
            }
        }
        for fault in befell {
            self.world.net.cover(|coverage| coverage.fault(fault));
        }
        Ok(())
    }

    /// Plan, then what comes between, then apply.
    pub(crate) fn plan_and_apply(
        &mut self,
        between: &[crate::script::Step],
        planning: Option<&Interruption>,
        applying: Option<&Interruption>,
    ) -> Result<JobEnd, Broken> {
        let end = self.job(Job::Plan, planning)?;
        if !matches!(end, JobEnd::Came(Came::Planned)) {
            return Ok(end);
        }
        for step in between {
            self.people.act(self.world, step)?;
        }
        self.apply(applying)
    }

    /// The plan that was written last is applied.
    pub(crate) fn apply(&mut self, stop: Option<&Interruption>) -> Result<JobEnd, Broken> {
        let end = self.job(Job::Apply, stop)?;
        if let JobEnd::Came(_) = end {
            self.world.net.cover(|coverage| coverage.operation("plan_applied", 1));
        }
        Ok(end)
    }

    pub(crate) fn head(&self) -> Result<syncline_model::JournalSeq, Broken> {
        finish("the journal", self.world.store().journal_head())?
            .map_err(|error| Broken::new("the journal", error))
    }
}

/// When what a webhook tells of happened, event by event.
fn occurred(request: &HttpRequest) -> Vec<i64> {
    let events: Vec<Json> = serde_json::from_slice(request.body()).unwrap_or_default();
    events.iter().filter_map(|event| event["occurredAt"].as_i64()).collect()
}

fn stop_of(interruption: &Interruption) -> Stop {
    match interruption {
        Interruption::CutAtJournal { after, when } => Stop::Cut(Point::Journal, *after, *when),
        Interruption::CutAtRequest { after, when } => Stop::Cut(Point::Request, *after, *when),
        Interruption::People { after, .. } => Stop::Pause(*after, When::Before),
        // Only what is done can be fenced off: nobody can take back a request that is under way.
        Interruption::OldLease { after, .. } => Stop::Pause(*after, When::After),
    }
}
