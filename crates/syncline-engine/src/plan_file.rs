//! Plan files: JSON Lines, a header and then operations in the order of applying, held items and findings; streamed both
//! ways, never whole in memory (decisions §2).

mod cost;
mod open;

pub use open::PlanFile;

use crate::{
    confirm,
    ctx::Ctx,
    error::Error,
    planning::{Keep, Pass},
};
use cost::Cost;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};
use syncline_model::{
    Action, ConnectionName, Operation,
    plan::{Confirms, PLAN_FORMAT, PlanHeader, PlanLine},
};

/// What a plan comes to, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Operations by connection, object (or relation) and word.
    pub operations: BTreeMap<(ConnectionName, String, &'static str), u64>,
    /// Held items by reason.
    pub held: BTreeMap<String, u64>,
    /// Findings by code.
    pub findings: BTreeMap<&'static str, u64>,
    /// Values that the tie rule decides at first contact, by attribute.
    pub ties: BTreeMap<String, u64>,
    /// Calls by connection.
    pub cost: BTreeMap<ConnectionName, u64>,
    /// What applying it confirms.
    pub confirms: Vec<Confirms>,
    /// Operations in all.
    pub operation_count: u64,
    /// Held items in all.
    pub held_count: u64,
}

impl Summary {
    fn add(&mut self, operation: &Operation) {
        let what = match &operation.action {
            Action::Create { object, .. } => object.to_string(),
            Action::Update { record, .. } | Action::Archive { record, .. } => record.object.to_string(),
            Action::Associate(association) | Action::Dissociate(association) => {
                format!("{}.{}", operation.kind, association.edge)
            }
        };
        let key = (operation.connection.clone(), what, operation.action.word());
        *self.operations.entry(key).or_default() += 1;
        self.operation_count += 1;
        for change in operation.action.fields() {
            if change.reason.case == syncline_model::operation::Case::Tie {
                *self.ties.entry(format!("{}.{}", operation.kind, change.attribute)).or_default() += 1;
            }
        }
    }
}

/// Plans all work there is and hands every line to `line`.
///
/// # Errors
/// [`Error::Store`], and what `line` returns.
pub async fn plan(ctx: &Ctx, mut line: impl FnMut(&PlanLine) -> Result<(), Error>) -> Result<Summary, Error> {
    let mut summary = Summary { confirms: confirm::pending(ctx).await?, ..Summary::default() };
    let mut cost = Cost::default();
    let mut pass = Pass::start(ctx, Keep::Nothing).await?;
    let mut level = None;
    while let Some((kind, page)) = pass.next_page().await? {
        if level.is_some_and(|level| level != kind) {
            cost.pack(ctx)?;
        }
        level = Some(kind);
        for planned in page {
            for operation in pass.operations(&planned) {
                summary.add(&operation);
                cost.add(ctx, &operation)?;
                line(&PlanLine::Operation(operation))?;
            }
            for (held, _) in &planned.plan.held {
                *summary.held.entry(held.reason.name().to_owned()).or_default() += 1;
                summary.held_count += 1;
                line(&PlanLine::Held(held.clone()))?;
            }
            for finding in &planned.plan.findings {
                *summary.findings.entry(finding.what.code()).or_default() += 1;
                line(&PlanLine::Finding(finding.clone()))?;
            }
        }
    }
    cost.pack(ctx)?;
    summary.cost = cost.calls;
    Ok(summary)
}

/// Writes a plan to a file that only its owner can read.
///
/// # Errors
/// [`Error::File`]; [`Error::Store`].
pub async fn write(ctx: &Ctx, path: &Path) -> Result<Summary, Error> {
    let mut body = Body::start(path)?;
    let summary = plan(ctx, |line| body.add(line)).await?;
    body.finish(ctx, &summary, path).await?;
    Ok(summary)
}

/// As [`write`], for a plan that was made otherwise: these lines, which confirm nothing.
///
/// # Errors
/// As for [`write`].
pub async fn write_lines(ctx: &Ctx, path: &Path, lines: &[PlanLine]) -> Result<Summary, Error> {
    let summary = summary_of(ctx, lines)?;
    let mut body = Body::start(path)?;
    lines.iter().try_for_each(|line| body.add(line))?;
    body.finish(ctx, &summary, path).await?;
    Ok(summary)
}

/// What lines come to.
///
/// # Errors
/// [`Error::UnknownConnection`] where an operation writes to one.
pub fn summary_of(ctx: &Ctx, lines: &[PlanLine]) -> Result<Summary, Error> {
    let mut summary = Summary::default();
    let mut cost = Cost::default();
    for line in lines {
        match line {
            PlanLine::Operation(operation) => {
                summary.add(operation);
                cost.add(ctx, operation)?;
            }
            PlanLine::Held(held) => {
                *summary.held.entry(held.reason.name().to_owned()).or_default() += 1;
                summary.held_count += 1;
            }
            PlanLine::Finding(finding) => {
                *summary.findings.entry(finding.what.code()).or_default() += 1;
            }
        }
    }
    cost.pack(ctx)?;
    summary.cost = cost.calls;
    Ok(summary)
}

/// The lines after the first, which stands before them and is known only once they are.
struct Body {
    part: PathBuf,
    hasher: Sha256,
    file: BufWriter<File>,
}

impl Body {
    fn start(path: &Path) -> Result<Self, Error> {
        let part = PathBuf::from(format!("{}.part", path.display()));
        let file = BufWriter::new(private(&part)?);
        Ok(Self { part, hasher: Sha256::new(), file })
    }

    fn add(&mut self, line: &PlanLine) -> Result<(), Error> {
        let mut bytes = serde_json::to_vec(line).map_err(|error| Error::Internal(error.to_string()))?;
        bytes.push(b'\n');
        self.hasher.update(&bytes);
        self.file.write_all(&bytes).map_err(|error| written(&self.part, &error))
    }

    async fn finish(self, ctx: &Ctx, summary: &Summary, path: &Path) -> Result<(), Error> {
        let Self { part, hasher, file: mut body } = self;
        body.flush().map_err(|error| written(&part, &error))?;
        drop(body);
        let header = header(ctx, summary, &hex(&hasher.finalize())).await?;
        let mut file = BufWriter::new(private(path)?);
        serde_json::to_writer(&mut file, &header).map_err(|error| Error::Internal(error.to_string()))?;
        file.write_all(b"\n").map_err(|error| written(path, &error))?;
        let mut body = File::open(&part).map_err(|error| written(&part, &error))?;
        std::io::copy(&mut body, &mut file).map_err(|error| written(path, &error))?;
        file.flush().map_err(|error| written(path, &error))?;
        std::fs::remove_file(&part).map_err(|error| written(&part, &error))
    }
}

async fn header(ctx: &Ctx, summary: &Summary, sha256: &str) -> Result<PlanHeader, Error> {
    let created_at = ctx.now();
    let schemas = ctx.facts.schemas.iter().flat_map(|(connection, objects)| {
        objects
            .iter()
            .map(move |(object, schema)| (format!("{connection}/{object}"), crate::schemas::digest(schema)))
    });
    let mut header = PlanHeader {
        format: PLAN_FORMAT,
        plan_id: ctx.ids.next(created_at),
        workspace: ctx.workspace.id,
        accounts: accounts(ctx),
        config_sha256: ctx.workspace.config_sha256.clone(),
        policy_sha256: ctx.workspace.config_sha256.clone(),
        schema_sha256: schemas.collect(),
        journal_seq: ctx.store.journal_head().await?,
        created_at,
        tool: tool().into(),
        operations: summary.operation_count,
        held: summary.held_count,
        cost: summary.cost.clone(),
        confirms: summary.confirms.clone(),
        sha256: sha256.into(),
        header_sha256: "".into(),
    };
    header.header_sha256 = digest(&header)?.into();
    Ok(header)
}

/// The digest of a header with its own digest left out.
/// Name and version of the program.
pub(crate) fn tool() -> String {
    format!("syncline {}", env!("CARGO_PKG_VERSION"))
}

fn digest(header: &PlanHeader) -> Result<String, Error> {
    let blank = PlanHeader { header_sha256: "".into(), ..header.clone() };
    let bytes = serde_json::to_vec(&blank).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(hex(&Sha256::digest(bytes)))
}

fn accounts(ctx: &Ctx) -> BTreeMap<ConnectionName, Arc<str>> {
    ctx.facts.accounts.iter().map(|(name, account)| (name.clone(), account.id.clone())).collect()
}

fn private(path: &Path) -> Result<File, Error> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| written(path, &error))
}

fn written(path: &Path, error: &std::io::Error) -> Error {
    Error::File { path: path.to_owned(), doing: "written", why: error.to_string() }
}

fn read(path: &Path, error: &std::io::Error) -> Error {
    Error::File { path: path.to_owned(), doing: "read", why: error.to_string() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    })
}
