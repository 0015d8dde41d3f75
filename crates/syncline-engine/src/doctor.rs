//! `doctor`: everything that stands in the way, with what to do about it (HUB-14, HUB-19). One problem never hides
//! another where the other can be seen without it.

use crate::{
    connections::Connection,
    ctx::{Facts, Outside, objects_of},
    error::Error,
    registry::{self, Build},
    setup,
    workspace::{DatabasePlace, Environment, Workspace},
};
use serde::Serialize;
use std::path::Path;
use syncline_core::mapping;
use syncline_model::{ConnectionName, ObjectName, VendorName};
use syncline_store::Batch;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, and is worth a thought.
    Warning,
    /// Something does not work until it is mended.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// How it stands.
    pub level: Level,
    /// What it is about: `configuration`, `key`, `database`, or a connection.
    pub about: String,
    /// What was found.
    pub what: String,
    /// What to do, where there is something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The code that the documentation explains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// What a connection needs (HUB-14).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// Which.
    pub connection: ConnectionName,
    /// Its vendor.
    pub vendor: VendorName,
    /// The rights, in the vendor's words.
    pub rights: Vec<String>,
}

/// What `doctor` found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// In the order looked at.
    pub checks: Vec<Check>,
    /// By connection.
    pub needs: Vec<Needs>,
    /// The exit status of the first error, 0 without one.
    pub exit: u8,
}

impl Report {
    fn note(&mut self, level: Level, about: &str, what: impl Into<String>, fix: Option<String>) {
        let check = Check { level, about: about.to_owned(), what: what.into(), fix, code: None };
        self.checks.push(check);
    }

    fn error(&mut self, about: &str, error: &Error) {
        let code = Some(error.code().to_string());
        if self.exit == 0 {
            self.exit = error.exit();
        }
        // Problems of a configuration come with code, place and fix of their own.
        let lines =
            if let Error::Config { problems } = error { problems.clone() } else { vec![error.to_string()] };
        for what in lines {
            let check = Check {
                level: Level::Error,
                about: about.to_owned(),
                what,
                fix: error.fix(),
                code: code.clone(),
            };
            self.checks.push(check);
        }
    }
}

/// Looks at everything. What it finds is in the report; only what keeps it from looking at all is missing from it.
pub async fn examine(dir: &Path, environment: &Environment, outside: &Outside, build: &Build) -> Report {
    let mut report = Report::default();
    let workspace = match Workspace::open(dir, environment).await {
        Ok(workspace) => workspace,
        Err(error) => {
            report.error("workspace", &error);
            return report;
        }
    };
    report.note(Level::Ok, "configuration", "it can be read", None);
    match workspace.store.ledger().await {
        Ok(ledger) => {
            let what = format!("the journal is there up to its last entry, {}", ledger.seq().0);
            report.note(Level::Ok, "database", what, None);
        }
        Err(error) => report.error("database", &error.into()),
    }
    key(&workspace, &mut report);
    let mut facts = Facts::default();
    for name in workspace.config.connections.keys() {
        if let Err(error) = connection(&workspace, name, outside, build, &mut facts, &mut report).await {
            report.error(name.as_str(), &error);
        }
    }
    if facts.accounts.len() == workspace.config.connections.len() {
        schema_problems(&workspace, &facts, &mut report);
    }
    report
}

fn key(workspace: &Workspace, report: &mut Report) {
    if let Err(error) = workspace.key() {
        report.error("key", &error);
        return;
    }
    let place = &workspace.key_place;
    if place.is_readable_by_others() {
        let fix = Some("take the rights away: chmod 600 on the key file".to_owned());
        report.note(Level::Warning, "key", "other users of this machine may read the key file", fix);
    }
    let DatabasePlace::File(database) = &workspace.database_place else { return };
    if place.shares_disk_with(database) {
        let fix = Some("keep the key elsewhere and name it in SYNCLINE_KEY_FILE".to_owned());
        let what =
            "the key and the database are on the same disk: whoever takes the disk has the credentials";
        report.note(Level::Warning, "key", what, fix);
    }
}

async fn connection(
    workspace: &Workspace,
    name: &ConnectionName,
    outside: &Outside,
    build: &Build,
    facts: &mut Facts,
    report: &mut Report,
) -> Result<(), Error> {
    let config = &workspace.config;
    let objects = objects_of(config, name);
    if let Some(configured) = config.connections.get(name) {
        let rights = registry::rights(&configured.vendor, &objects);
        report.needs.push(Needs { connection: name.clone(), vendor: configured.vendor.clone(), rights });
    }
    let connection = Connection::open(name, workspace, outside, build).await?;
    let result = vendor(workspace, &connection, outside, facts, report).await;
    // A token that was renewed meanwhile is the only one that still works.
    let mut batch = Batch::at(outside.clock.now());
    if connection.keep_credentials(workspace.key()?, outside, &mut batch)? {
        workspace.store.commit(batch).await?;
    }
    result
}

async fn vendor(
    workspace: &Workspace,
    connection: &Connection,
    outside: &Outside,
    facts: &mut Facts,
    report: &mut Report,
) -> Result<(), Error> {
    let name = &connection.name;
    // Always asked: reachability is what is being examined.
    let configured = workspace.config.connections.get(name).and_then(|entry| entry.account.as_deref());
    let account = connection.ask_account(configured).await?;
    report.note(
        Level::Ok,
        name.as_str(),
        format!("reached account {} as {}", account.id, account.user),
        None,
    );
    facts.of(workspace, name, connection, Batch::at(outside.clock.now())).await?;
    let planted: Vec<ObjectName> = setup::planted_objects(&workspace.config, name);
    for step in setup::plan(connection, &planted).await?.iter().filter(|step| !step.done) {
        let fix = Some(format!("syncline setup {name} --plan, then --apply"));
        report.note(Level::Warning, name.as_str(), step.what.clone(), fix);
    }
    Ok(())
}

/// What the live schemas take exception to counts as an error here: a field that is held is a field not synced.
fn schema_problems(workspace: &Workspace, facts: &Facts, report: &mut Report) {
    let problems = match mapping::compile(&workspace.config, &facts.schemas, &facts.accounts) {
        Ok(compiled) => compiled.warnings,
        Err(problems) => problems,
    };
    for problem in &problems {
        let place = format!("{}:{}:{}: {}", problem.file, problem.line, problem.column, problem.message);
        let fix = (!problem.fix.is_empty()).then(|| problem.fix.clone());
        let code = Some(problem.code.to_string());
        report.checks.push(Check {
            level: Level::Error,
            about: "configuration".to_owned(),
            what: place,
            fix,
            code,
        });
        if report.exit == 0 {
            report.exit = 2;
        }
    }
    if problems.is_empty() {
        report.note(Level::Ok, "configuration", "every field it names is there", None);
    }
}
