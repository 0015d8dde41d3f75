//! `--seed`: CSV files named after the objects, as a data loader would load them. Rows pass the same checks as API
//! writes; the first bad row stops the load.

use super::fail::Fail;
use super::ids::{Obj, Rec};
use super::org::Org;
use super::save::{Cells, Opts};
use super::schema::Type;
use super::schema::build::Custom;
use super::value::Cell;
use std::collections::BTreeMap;
use syncline_kit::sandbox::seed::{Loaded, SeedError, SeedFiles};

/// Parents before children; references inside one object are set after its rows.
const ORDER: [&str; 13] = [
    "User",
    "Group",
    "RecordType",
    "LeadStatus",
    "OpportunityStage",
    "Product2",
    "Pricebook2",
    "PricebookEntry",
    "Account",
    "Contact",
    "Lead",
    "Opportunity",
    "OpportunityContactRole",
];

/// What a column is.
enum Column {
    Field(usize),
    /// Reference field, by this field of the referred object.
    Parent(usize, String),
    /// `User.Name`: split into first and last name.
    UserName,
    /// `Product2.StandardPrice`: an entry of the standard price book.
    StandardPrice,
}

/// Text → record of one object by one field; `None` = more than one.
type Names = BTreeMap<String, Option<Rec>>;

/// Loads all files.
pub(super) fn load(org: &mut Org, files: &SeedFiles) -> Result<Loaded, SeedError> {
    let mut loaded = Loaded::default();
    let known: Vec<&str> = ORDER.into_iter().filter(|name| files.get(name).is_some()).collect();
    if let Some(stranger) = files.names().find(|name| !known.contains(name)) {
        return Err(error(stranger, 1, format!("sObject type '{stranger}' is not supported.")));
    }
    for name in known {
        if let (Some(content), Some(obj)) = (files.get(name), org.store.schema.find(name)) {
            let rows = File { org, name, obj, names: BTreeMap::new() }.load(content)?;
            loaded.rows.insert(name.to_owned(), rows);
        }
    }
    Ok(loaded)
}

fn error(file: &str, line: u64, message: impl Into<String>) -> SeedError {
    SeedError { file: file.to_owned(), line, message: message.into() }
}

struct File<'a> {
    org: &'a mut Org,
    name: &'a str,
    obj: Obj,
    names: BTreeMap<(Obj, String), Names>,
}

/// A reference inside the object: line, row, field, by which field, text.
type Later = (u64, Rec, usize, String, String);

impl File<'_> {
    fn fail(&self, line: u64, fail: &Fail) -> SeedError {
        error(self.name, line, format!("{}: {}", fail.code, fail.message))
    }

    fn load(&mut self, content: &[u8]) -> Result<u64, SeedError> {
        // Stages and statuses that the file declares replace those of a new org.
        if [self.org.known.stage, self.org.known.lead_status].contains(&self.obj) {
            for seq in 1..=self.org.store.table(self.obj).last() {
                self.org.store.put(Rec::new(self.obj, seq), None);
            }
        }
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let mut reader = csv::ReaderBuilder::new().has_headers(true).flexible(false).from_reader(content);
        let header = reader.headers().map_err(|e| error(self.name, 1, e.to_string()))?.clone();
        let columns = header.iter().map(|name| self.column(name)).collect::<Result<Vec<_>, _>>()?;
        let mut later: Vec<Later> = Vec::new();
        let mut count = 0;
        for record in reader.records() {
            let record = record.map_err(|e| {
                let line = e.position().map_or(0, csv::Position::line);
                error(self.name, line, e.to_string())
            })?;
            let line = record.position().map_or(0, csv::Position::line);
            self.row(&columns, &record, line, &mut later)?;
            self.org.store.commit(None);
            count += 1;
        }
        for (line, rec, field, by, text) in later {
            let target = self.find(self.obj, &by, &text, line)?;
            let f = &self.org.store.schema.get(self.obj).fields[field];
            let Some(slot) = f.slot() else { continue };
            if let Some(mut row) = self.org.store.row(rec).cloned() {
                row.set(slot, Cell::Ref(target));
                self.org.store.put(rec, Some(row));
            }
            self.org.store.commit(None);
        }
        Ok(count)
    }

    fn column(&mut self, name: &str) -> Result<Column, SeedError> {
        let known = self.org.known;
        let object = self.org.store.schema.get(self.obj);
        if self.obj == known.user && name == "Name" {
            return Ok(Column::UserName);
        }
        if self.obj == known.product && name == "StandardPrice" {
            return Ok(Column::StandardPrice);
        }
        let unknown = |what: &str| {
            let message = format!("No such column '{what}' on sobject of type {}", object.name);
            error(self.name, 1, message)
        };
        if let Some((relation, by)) = name.split_once('.') {
            let field = object.relation(relation).ok_or_else(|| unknown(name))?;
            return Ok(Column::Parent(field, by.to_owned()));
        }
        if let Some(field) = object.find(name) {
            let f = &object.fields[field];
            let audit =
                ["CreatedDate", "LastModifiedDate", "SystemModstamp", "CreatedById", "LastModifiedById"];
            let setup = [known.stage, known.lead_status].contains(&self.obj);
            if f.createable || setup || audit.contains(&&*f.name) {
                return Ok(Column::Field(field));
            }
            let message = format!("Unable to create/update fields: {}", f.name);
            return Err(error(self.name, 1, message));
        }
        if !name.ends_with("__c") {
            return Err(unknown(name));
        }
        let custom = Custom {
            name: name.to_owned(),
            ty: Type::Text,
            len: 255,
            scale: 0,
            external_id: false,
            unique: false,
            required: false,
            target: None,
            choices: Vec::new(),
            restricted: false,
        };
        let field = self.org.store.schema.add_custom(self.obj, custom).map_err(|e| error(self.name, 1, e))?;
        self.org.store.sync_schema();
        Ok(Column::Field(field))
    }

    fn row(
        &mut self,
        columns: &[Column],
        record: &csv::StringRecord,
        line: u64,
        later: &mut Vec<Later>,
    ) -> Result<(), SeedError> {
        let mut cells: Cells = Vec::new();
        let mut price = None;
        let mut waiting = Vec::new();
        for (column, text) in columns.iter().zip(record) {
            match column {
                Column::Field(field) => {
                    let blank = text.trim().is_empty();
                    let ty = self.org.store.schema.get(self.obj).fields[*field].ty;
                    if blank && (ty == Type::Bool || ty == Type::Time) {
                        continue;
                    }
                    let cell =
                        self.org.cell_from_text(self.obj, *field, text).map_err(|f| self.fail(line, &f))?;
                    cells.push((*field, cell));
                }
                Column::Parent(_, _) if text.trim().is_empty() => {}
                Column::Parent(field, by) => {
                    let targets = self.org.store.schema.get(self.obj).fields[*field].targets.clone();
                    if targets == [self.obj] {
                        waiting.push((*field, by.clone(), text.trim().to_owned()));
                        continue;
                    }
                    let mut found = Err(error(self.name, line, "no such object"));
                    for target in targets {
                        found = self.find(target, by, text.trim(), line);
                        if found.is_ok() {
                            break;
                        }
                    }
                    cells.push((*field, Cell::Ref(found?)));
                }
                Column::UserName => {
                    let (first, last) = text.trim().rsplit_once(' ').unwrap_or(("", text.trim()));
                    for (name, part) in [("FirstName", first), ("LastName", last)] {
                        if let Some(field) = self.org.store.schema.get(self.obj).find(name) {
                            cells.push((field, self.org.store.text_cell(part)));
                        }
                    }
                }
                Column::StandardPrice if text.trim().is_empty() => {}
                Column::StandardPrice => price = Some(text.trim().to_owned()),
            }
        }
        self.user_name(&mut cells);
        let opts =
            Opts { by: self.org.person, api: false, allow_duplicates: false, assign: false, loader: true };
        let saved = self.org.save_cells(&opts, self.obj, None, cells).map_err(|f| self.fail(line, &f))?;
        later.extend(waiting.into_iter().map(|(field, by, text)| (line, saved, field, by, text)));
        if let Some(price) = price {
            self.standard_price(saved, &price, line)?;
        }
        Ok(())
    }

    /// A user without a user name is known by the e-mail address.
    fn user_name(&self, cells: &mut Cells) {
        let object = self.org.store.schema.get(self.obj);
        if self.obj != self.org.known.user {
            return;
        }
        if let (Some(name), Some(email)) = (object.find("Username"), object.find("Email"))
            && !cells.iter().any(|(f, _)| *f == name)
            && let Some((_, mail)) = cells.iter().find(|(f, _)| *f == email).copied()
        {
            cells.push((name, mail));
        }
    }

    fn standard_price(&mut self, product: Rec, price: &str, line: u64) -> Result<(), SeedError> {
        let obj = self.org.known.entry;
        let store = &self.org.store;
        let book =
            store.all(self.org.known.pricebook).find(|(rec, _)| store.value(*rec, "IsStandard").is_true());
        let Some((book, _)) = book else {
            return Err(error(self.name, line, "there is no standard price book"));
        };
        let object = self.org.store.schema.get(obj);
        let at = |name: &str| object.find(name).unwrap_or_default();
        let (unit, product_field, book_field) = (at("UnitPrice"), at("Product2Id"), at("Pricebook2Id"));
        let price = self.org.cell_from_text(obj, unit, price).map_err(|f| self.fail(line, &f))?;
        let cells = vec![(unit, price), (product_field, Cell::Ref(product)), (book_field, Cell::Ref(book))];
        let opts =
            Opts { by: self.org.person, api: false, allow_duplicates: false, assign: false, loader: true };
        self.org.save_cells(&opts, obj, None, cells).map(|_| ()).map_err(|f| self.fail(line, &f))
    }

    /// The one record of an object with this text in a field.
    fn find(&mut self, obj: Obj, by: &str, text: &str, line: u64) -> Result<Rec, SeedError> {
        let key = (obj, by.to_owned());
        if !self.names.contains_key(&key) {
            let store = &self.org.store;
            let object = store.schema.get(obj);
            let field = object.find(by).ok_or_else(|| {
                let message = format!("No such column '{by}' on sobject of type {}", object.name);
                error(self.name, 1, message)
            })?;
            let mut names = Names::new();
            for (rec, row) in store.all(obj) {
                let text = self.org.cell_plain(row.get(rec, &object.fields[field])).to_lowercase();
                names.entry(text).and_modify(|found| *found = None).or_insert(Some(rec));
            }
            self.names.insert(key.clone(), names);
        }
        let object = &self.org.store.schema.get(obj).name;
        match self.names.get(&key).and_then(|names| names.get(&text.to_lowercase())) {
            Some(Some(rec)) => Ok(*rec),
            Some(None) => Err(error(self.name, line, format!("more than one {object} has {by} '{text}'"))),
            None => Err(error(self.name, line, format!("no {object} has {by} '{text}'"))),
        }
    }
}
