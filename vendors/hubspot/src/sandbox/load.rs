//! `--seed DIR`: CSV files named after the objects, `owners.csv` and `pipelines.csv`. Rows pass the same checks as API
//! writes; the first bad one stops the load.

use super::HubSpot;
use super::kind::Kind;
use super::links::Tie;
use super::people::{Pipeline, Stage, stage_metadata};
use super::portal::Act;
use super::stamp;
use super::table::{Slot, Source};
use super::write::{Given, Refusal};
use std::collections::BTreeMap;
use syncline_kit::sandbox::seed::{Loaded, SeedError, SeedFiles};

/// What a column of a record file means.
enum Column {
    /// A property.
    Property(String),
    /// When the record was created.
    Created,
    /// The owner with that e-mail address.
    Owner,
    /// The record of that type whose property has the value.
    Tie(Kind, String),
    /// The parent company.
    Parent(String),
}

fn failed(file: &str, line: u64, message: impl Into<String>) -> SeedError {
    SeedError { file: file.to_owned(), line, message: message.into() }
}

type Row = (u64, Vec<String>);

/// Header and rows of a file with their lines.
fn rows(file: &str, content: &[u8]) -> Result<(Vec<String>, Vec<Row>), SeedError> {
    let mut reader = csv::ReaderBuilder::new().from_reader(content);
    let header = reader.headers().map_err(|error| failed(file, 1, error.to_string()))?;
    let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    let mut all = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(1, csv::Position::line);
            failed(file, line, error.to_string())
        })?;
        let line = record.position().map_or(1, csv::Position::line);
        all.push((line, record.iter().map(str::to_owned).collect()));
    }
    Ok((header, all))
}

/// A row as name → text.
fn named<'a>(header: &'a [String], row: &'a [String]) -> BTreeMap<&'a str, &'a str> {
    header.iter().map(String::as_str).zip(row.iter().map(String::as_str)).collect()
}

impl HubSpot {
    /// Loads all files.
    pub(super) fn load(&mut self, files: &SeedFiles, now: i64) -> Result<Loaded, SeedError> {
        let known = ["pipelines", "owners", "companies", "contacts", "deals"];
        if let Some(other) = files.names().find(|name| !known.contains(name)) {
            return Err(failed(other, 1, "no object of that name"));
        }
        self.portal.loading = true;
        let mut loaded = Loaded::default();
        let result = self.load_all(files, now, &mut loaded);
        self.portal.loading = false;
        self.portal.written = 0;
        self.portal.unchanged = 0;
        self.portal.events.clear();
        result.map(|()| loaded)
    }

    fn load_all(&mut self, files: &SeedFiles, now: i64, loaded: &mut Loaded) -> Result<(), SeedError> {
        if let Some(content) = files.get("pipelines") {
            loaded.rows.insert("pipelines".to_owned(), self.load_pipelines(content, now)?);
        }
        if let Some(content) = files.get("owners") {
            loaded.rows.insert("owners".to_owned(), self.load_owners(content, now)?);
        }
        for kind in [Kind::Companies, Kind::Contacts, Kind::Deals] {
            if let Some(content) = files.get(kind.plural()) {
                loaded.rows.insert(kind.plural().to_owned(), self.load_records(kind, content, now)?);
            }
        }
        Ok(())
    }

    fn load_owners(&mut self, content: &[u8], now: i64) -> Result<u64, SeedError> {
        let (header, rows) = rows("owners", content)?;
        let mut count = 0;
        for (line, row) in &rows {
            let row = named(&header, row);
            let get = |name: &str| row.get(name).copied().unwrap_or_default();
            let email = get("email");
            if email.is_empty() {
                return Err(failed("owners", *line, "email is missing"));
            }
            if self.portal.owners.iter().any(|owner| owner.email == email) {
                return Err(failed("owners", *line, format!("{email} stands twice")));
            }
            self.push_owner(email, get("firstName"), get("lastName"), now);
            count += 1;
        }
        Ok(count)
    }

    fn load_pipelines(&mut self, content: &[u8], now: i64) -> Result<u64, SeedError> {
        let file = "pipelines";
        let (header, rows) = rows(file, content)?;
        let mut pipelines: Vec<Pipeline> = Vec::new();
        let mut count = 0;
        for (line, row) in &rows {
            let row = named(&header, row);
            let get = |name: &str| {
                row.get(name)
                    .copied()
                    .filter(|text| !text.is_empty())
                    .ok_or_else(|| failed(file, *line, format!("{name} is missing")))
            };
            if Kind::parse(get("objectType")?) != Some(Kind::Deals) {
                return Err(failed(file, *line, "only deals have pipelines here"));
            }
            let order = get("displayOrder")?;
            let order = order.parse().map_err(|_| failed(file, *line, format!("{order} is no number")))?;
            let probability = get("probability")?;
            let metadata = stage_metadata(probability);
            if probability.parse::<rust_decimal::Decimal>().is_err() {
                return Err(failed(file, *line, format!("{probability} is no number")));
            }
            if metadata.get("isClosed").map(String::as_str) != Some(&get("isClosed")?.to_lowercase()) {
                return Err(failed(
                    file,
                    *line,
                    "isClosed goes with a probability of 0 or 1, and only with those",
                ));
            }
            let (id, label) = (get("pipelineId")?, get("pipelineLabel")?);
            let place = pipelines.iter().position(|known| known.id == id).unwrap_or_else(|| {
                let display_order = i64::try_from(pipelines.len()).unwrap_or(0);
                pipelines.push(Pipeline {
                    id: id.to_owned(),
                    label: label.to_owned(),
                    display_order,
                    stages: Vec::new(),
                    created_at: now,
                    updated_at: now,
                });
                pipelines.len() - 1
            });
            let stage = get("stageId")?;
            if pipelines.iter().any(|known| known.stage(stage).is_some()) {
                return Err(failed(file, *line, format!("stage {stage} stands twice")));
            }
            if let Some(pipeline) = pipelines.get_mut(place) {
                pipeline.stages.push(Stage {
                    id: stage.to_owned(),
                    label: get("stageLabel")?.to_owned(),
                    display_order: order,
                    metadata,
                    created_at: now,
                    updated_at: now,
                });
            }
            count += 1;
        }
        if !pipelines.is_empty() {
            self.portal.pipelines = pipelines;
        }
        Ok(count)
    }

    fn columns(&self, kind: Kind, header: &[String]) -> Result<Vec<Column>, SeedError> {
        let file = kind.plural();
        let registry = |kind: Kind, name: &str| self.portal.table(kind).registry.visible(name).is_some();
        header
            .iter()
            .map(|name| {
                let lower = name.to_lowercase();
                if lower == "createdate" {
                    return Ok(Column::Created);
                }
                let Some((relation, property)) = lower.split_once('.') else {
                    return if registry(kind, &lower) {
                        Ok(Column::Property(lower))
                    } else {
                        Err(failed(file, 1, format!("Property \"{name}\" does not exist")))
                    };
                };
                let column = match relation {
                    "owner" | "hubspot_owner" if property == "email" => Some(Column::Owner),
                    "parent" | "parent_company" if kind == Kind::Companies && registry(kind, property) => {
                        Some(Column::Parent(property.to_owned()))
                    }
                    _ => Kind::parse(relation)
                        .filter(|to| registry(*to, property))
                        .map(|to| Column::Tie(to, property.to_owned())),
                };
                column.ok_or_else(|| failed(file, 1, format!("{name} refers to nothing known")))
            })
            .collect()
    }

    fn load_records(&mut self, kind: Kind, content: &[u8], now: i64) -> Result<u64, SeedError> {
        let file = kind.plural();
        let (header, rows) = rows(file, content)?;
        let columns = self.columns(kind, &header)?;
        let act = Act { now, source: Source::Import, by: self.auth.user_id, late_ms: 0 };
        let mut names: BTreeMap<(Kind, String), BTreeMap<String, Vec<Slot>>> = BTreeMap::new();
        let mut parents = Vec::new();
        for (line, row) in &rows {
            let mut given = Given::new();
            let mut created = None;
            let mut ties = Vec::new();
            for (column, text) in columns.iter().zip(row).filter(|(_, text)| !text.is_empty()) {
                match column {
                    Column::Property(name) => given.push((name.clone(), Some(text.clone()))),
                    Column::Created => {
                        let ms = stamp::parse(text);
                        created =
                            Some(ms.ok_or_else(|| {
                                failed(file, *line, format!("{text} was not a valid long."))
                            })?);
                    }
                    Column::Owner => {
                        let owner = self.portal.owners.iter().find(|owner| owner.email == *text);
                        let owner = owner.ok_or_else(|| failed(file, *line, format!("no owner {text}")))?;
                        given.push(("hubspot_owner_id".to_owned(), Some(owner.id.to_string())));
                    }
                    Column::Tie(to, property) => {
                        let slot = self
                            .named(&mut names, *to, property, text)
                            .map_err(|error| failed(file, *line, error))?;
                        ties.push((*to, slot));
                    }
                    Column::Parent(property) => parents.push((*line, property.clone(), text.clone(), None)),
                }
            }
            let mut prepared = self
                .portal
                .prepare(kind, None, &given)
                .map_err(|refusal| failed(file, *line, refusal_text(refusal)))?;
            prepared.created = created;
            let slot = self.portal.create(kind, prepared, &act);
            parents
                .iter_mut()
                .filter(|(_, _, _, child)| child.is_none())
                .for_each(|(_, _, _, child)| *child = Some(slot));
            for to in ties {
                let types =
                    self.portal.edges.primary(kind, to.0).or_else(|| self.portal.edges.unlabeled(kind, to.0));
                let types: Vec<_> = types.into_iter().collect();
                self.portal.associate((kind, slot), to, &types, Tie::Add, &act);
            }
        }
        // Parents may stand below their children.
        let mut names = BTreeMap::new();
        for (line, property, text, child) in parents {
            let parent =
                self.named(&mut names, kind, &property, &text).map_err(|error| failed(file, line, error))?;
            let Some(child) = child else { continue };
            if parent == child {
                return Err(failed(file, line, "Cannot associate a record with itself"));
            }
            self.portal.associate((kind, child), (kind, parent), &[14], Tie::Add, &act);
        }
        Ok(u64::try_from(rows.len()).unwrap_or(0))
    }

    /// The one record whose property has that value.
    fn named(
        &self,
        names: &mut BTreeMap<(Kind, String), BTreeMap<String, Vec<Slot>>>,
        kind: Kind,
        property: &str,
        text: &str,
    ) -> Result<Slot, String> {
        let by_text = names.entry((kind, property.to_owned())).or_insert_with(|| {
            let mut by_text: BTreeMap<String, Vec<Slot>> = BTreeMap::new();
            for slot in self.portal.table(kind).slots_from(0) {
                if let Some(value) = self.portal.text(kind, slot, property) {
                    by_text.entry(value).or_default().push(slot);
                }
            }
            by_text
        });
        match by_text.get(text).map(Vec::as_slice) {
            Some([slot]) => Ok(*slot),
            Some(several) => Err(format!("{} {} have {property} {text}", several.len(), kind.plural())),
            None => Err(format!("no {} has {property} {text}", kind.singular())),
        }
    }
}

fn refusal_text(refusal: Refusal) -> String {
    match refusal {
        Refusal::Invalid(all) => all.into_iter().map(|one| one.message).collect::<Vec<_>>().join("; "),
        Refusal::Missing(names) => format!("Required properties were not set: {}", names.join(", ")),
        Refusal::Conflict(id) => format!("Contact already exists. Existing ID: {id}"),
    }
}
