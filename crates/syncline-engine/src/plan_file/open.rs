//! Plan files that are to be applied: whether they may be, and their operations one by one.

use super::{accounts, digest, hex, read};
use crate::{ctx::Ctx, error::Error};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};
use syncline_model::{
    Operation,
    plan::{PLAN_FORMAT, PlanHeader, PlanLine},
};

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
