//! Plan files: JSON Lines, a header and then operations in the order of applying, held items and findings; streamed both
//! ways, never whole in memory (decisions §2).

use crate::{
    confirm,
    ctx::Ctx,
    error::Error,
    planning::{Keep, Pass},
};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};
use syncline_kit::vendor::{Write as VendorWrite, WriteRow};
use syncline_model::{
    Action, After, ConnectionName, Operation, Ref, Value,
    plan::{Confirms, PLAN_FORMAT, PlanHeader, PlanLine},
};

/// Rows packed at a time to say what a plan costs: more than any vendor's largest call.
const PACK: usize = 2_000;

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

/// A plan file that may be applied here and now.
pub struct PlanFile {
    /// Its first line.
    pub header: PlanHeader,
    lines: std::io::Lines<BufReader<File>>,
    path: PathBuf,
}

impl PlanFile {
    /// Opens a plan and checks that it is whole, unedited, of this workspace, these accounts and this configuration, and
    /// young enough.
    ///
    /// # Errors
    /// [`Error::Plan`] says which of these does not hold; [`Error::File`].
    pub async fn open(ctx: &Ctx, path: &Path) -> Result<Self, Error> {
        let refused = |why: String| Error::Plan { path: path.to_owned(), why };
        let mut reader = BufReader::new(File::open(path).map_err(|error| read(path, &error))?);
        let mut first = String::new();
        reader.read_line(&mut first).map_err(|error| read(path, &error))?;
        let header: PlanHeader = serde_json::from_str(&first)
            .map_err(|error| refused(format!("its first line is no plan header: {error}")))?;
        if header.format != PLAN_FORMAT {
            return Err(refused(format!(
                "it has format {}, this program knows {PLAN_FORMAT}",
                header.format
            )));
        }
        let mut hasher = Sha256::new();
        std::io::copy(&mut reader, &mut hasher).map_err(|error| read(path, &error))?;
        if hex(&hasher.finalize()) != *header.sha256 || digest(&header)? != *header.header_sha256 {
            return Err(refused("it was edited or is not whole: its checksum does not fit".to_owned()));
        }
        if header.workspace != ctx.workspace.id {
            return Err(refused("it was made in another workspace".to_owned()));
        }
        if let Some((name, _)) =
            header.accounts.iter().find(|(name, id)| accounts(ctx).get(*name) != Some(*id))
        {
            return Err(refused(format!("it was made for another account of `{name}`")));
        }
        if header.config_sha256 != ctx.workspace.config_sha256 {
            return Err(refused("the configuration has changed since it was made".to_owned()));
        }
        let age = ctx.now().duration_since(header.created_at);
        if age > ctx.workspace.config.plan_max_age {
            return Err(refused(format!("it is older than {:#}", ctx.workspace.config.plan_max_age)));
        }
        if header.journal_seq > ctx.store.journal_head().await? {
            return Err(refused("the store is older than the plan: it was restored from a copy".to_owned()));
        }
        let mut lines = BufReader::new(File::open(path).map_err(|error| read(path, &error))?).lines();
        lines.next();
        Ok(Self { header, lines, path: path.to_owned() })
    }

    /// The next operation.
    ///
    /// # Errors
    /// [`Error::Plan`] where a line cannot be read.
    pub fn next_operation(&mut self) -> Result<Option<Operation>, Error> {
        for line in self.lines.by_ref() {
            let line = line.map_err(|error| read(&self.path, &error))?;
            let line: PlanLine = serde_json::from_str(&line)
                .map_err(|error| Error::Plan { path: self.path.clone(), why: error.to_string() })?;
            if let PlanLine::Operation(operation) = line {
                return Ok(Some(operation));
            }
        }
        Ok(None)
    }
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

/// What operations cost, by packing them as they will be packed.
#[derive(Default)]
struct Cost {
    fields: BTreeMap<ConnectionName, Vec<WriteRow>>,
    relations: BTreeMap<ConnectionName, Vec<WriteRow>>,
    calls: BTreeMap<ConnectionName, u64>,
}

impl Cost {
    fn add(&mut self, ctx: &Ctx, operation: &Operation) -> Result<(), Error> {
        let Some(row) = pretend(ctx, operation) else { return Ok(()) };
        let rows = match operation.action {
            Action::Create { .. } | Action::Update { .. } | Action::Archive { .. } => &mut self.fields,
            Action::Associate(_) | Action::Dissociate(_) => &mut self.relations,
        };
        let rows = rows.entry(operation.connection.clone()).or_default();
        rows.push(row);
        if rows.len() >= PACK * 2 && !matches!(operation.action, Action::Associate(_) | Action::Dissociate(_))
        {
            let rows = std::mem::take(rows);
            self.count(ctx, &operation.connection, rows)?;
        }
        Ok(())
    }

    fn pack(&mut self, ctx: &Ctx) -> Result<(), Error> {
        for rows in [std::mem::take(&mut self.fields), std::mem::take(&mut self.relations)] {
            for (connection, rows) in rows {
                self.count(ctx, &connection, rows)?;
            }
        }
        Ok(())
    }

    fn count(&mut self, ctx: &Ctx, connection: &ConnectionName, rows: Vec<WriteRow>) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let calls = ctx.connection(connection)?.vendor.pack(rows).len() as u64;
        *self.calls.entry(connection.clone()).or_default() += calls;
        Ok(())
    }
}

/// A row of the same shape as the one that will be sent; references that are not known yet get a stand-in.
fn pretend(ctx: &Ctx, operation: &Operation) -> Option<WriteRow> {
    let stand_in = || Ref::to("?", operation.entity.to_string());
    let fields = || {
        operation
            .action
            .fields()
            .iter()
            .map(|change| {
                let value = match &change.after {
                    After::Value(value) => Some(value.clone()),
                    After::Clear => None,
                    After::Reference(_) => Some(Value::Refs(vec![stand_in()])),
                };
                (change.field.clone(), value)
            })
            .collect()
    };
    let end = |end: &syncline_model::Endpoint, object: &str| match end {
        syncline_model::Endpoint::Record(record) => record.clone(),
        syncline_model::Endpoint::Entity(entity) => {
            syncline_model::RecordRef::new(operation.connection.clone(), object, entity.to_string())
        }
    };
    let write = match &operation.action {
        Action::Create { object, .. } => VendorWrite::Create {
            object: object.clone(),
            key_field: ctx.mapping().connections.get(&operation.connection)?.key_fields.get(object).cloned(),
            fields: fields(),
        },
        Action::Update { record, .. } => {
            VendorWrite::Update { record: record.clone(), version: None, fields: fields() }
        }
        Action::Archive { record, .. } => VendorWrite::Archive { record: record.clone() },
        Action::Associate(association) | Action::Dissociate(association) => {
            let objects = |kind| {
                let model = ctx.mapping().kinds.get(&kind)?;
                model.objects.get(&operation.connection)?.first().map(ToString::to_string)
            };
            let model = ctx.mapping().kinds.get(&operation.kind)?;
            let to = model.edges.iter().find(|edge| edge.name == association.edge)?.to;
            let edge = syncline_kit::vendor::EdgeWrite {
                field: association.field.clone(),
                from: end(&association.from, &objects(operation.kind)?),
                to: end(&association.to, &objects(to)?),
                role: association.role.clone(),
                primary: association.primary,
                row: association.row.clone(),
            };
            match operation.action {
                Action::Dissociate(_) => VendorWrite::Dissociate(edge),
                Action::Associate(_)
                | Action::Create { .. }
                | Action::Update { .. }
                | Action::Archive { .. } => VendorWrite::Associate(edge),
            }
        }
    };
    Some(WriteRow { operation: operation.id, entity: operation.entity, write })
}
