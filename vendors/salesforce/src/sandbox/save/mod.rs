//! One row's save: what is checked, in which order, and what it changes (research notes §2.2–2.4, §3.2).

mod checks;
pub(crate) mod convert;
pub(crate) mod convert_lead;
pub(crate) mod delete;
mod derive;
mod duplicates;
pub(crate) mod merge;

use super::fail::{Fail, Res};
use super::ids::{Obj, Rec};
use super::org::Org;
use super::schema::Type;
use super::store::Row;
use super::value::Cell;
use serde_json::{Map, Value};

/// How a save is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opts {
    /// Who saves.
    pub(crate) by: Rec,
    /// Through the API: field and record access apply, and it is counted.
    pub(crate) api: bool,
    /// `Sforce-Duplicate-Rule-Header: allowSave=true`.
    pub(crate) allow_duplicates: bool,
    /// `Sforce-Auto-Assign`: assignment rules apply.
    pub(crate) assign: bool,
    /// A data loader: audit fields may be set.
    pub(crate) loader: bool,
}

/// Values of a save, by field index.
pub(crate) type Cells = Vec<(usize, Cell)>;

impl Org {
    /// Saves JSON fields into a new row (`target` none) or an existing one.
    pub(crate) fn save(
        &mut self,
        opts: &Opts,
        obj: Obj,
        target: Option<Rec>,
        fields: &Map<String, Value>,
    ) -> Res<Rec> {
        let cells = self.read_fields(opts, obj, target.is_none(), fields)?;
        self.save_cells(opts, obj, target, cells)
    }

    fn read_fields(
        &mut self,
        opts: &Opts,
        obj: Obj,
        create: bool,
        fields: &Map<String, Value>,
    ) -> Res<Cells> {
        let mut cells = Vec::with_capacity(fields.len());
        let mut refused = Vec::new();
        for (name, value) in fields {
            if name == "attributes" || (name.eq_ignore_ascii_case("id") && !create) {
                continue;
            }
            let object = self.store.schema.get(obj);
            if let Value::Object(by) = value
                && let Some(field) = object.relation(name)
            {
                let f = &object.fields[field];
                if opts.api && (f.hidden || f.locked || !writable(f.createable, f.updateable, create)) {
                    refused.push(f.name.to_string());
                    continue;
                }
                cells.push((field, self.by_foreign_key(obj, field, by)?));
                continue;
            }
            let field =
                object.find(name).filter(|i| !(opts.api && object.fields[*i].hidden)).ok_or_else(|| {
                    Fail::new(
                        400,
                        "INVALID_FIELD",
                        format!("No such column '{name}' on sobject of type {}", object.name),
                    )
                })?;
            let f = &object.fields[field];
            if !writable(f.createable, f.updateable, create) || (opts.api && f.locked) {
                refused.push(f.name.to_string());
                continue;
            }
            cells.push((field, self.cell_from_json(obj, field, value)?));
        }
        if refused.is_empty() {
            return Ok(cells);
        }
        let names: Vec<&str> = refused.iter().map(String::as_str).collect();
        let message = format!(
            "Unable to create/update fields: {}. Please check the security settings of this field and verify that it \
             is read/write for your profile or permission set.",
            names.join(", ")
        );
        Err(Fail::save("INVALID_FIELD_FOR_INSERT_UPDATE", message, &names))
    }

    /// `"Account": {"Ext__c": "A1"}` → the reference.
    fn by_foreign_key(&mut self, obj: Obj, field: usize, by: &Map<String, Value>) -> Res<Cell> {
        let targets = self.store.schema.get(obj).fields[field].targets.clone();
        let mut pairs = by.iter().filter(|(name, _)| *name != "attributes");
        let (Some((name, value)), None) = (pairs.next(), pairs.next()) else {
            return Err(Fail::new(
                400,
                "INVALID_FIELD",
                "a relationship takes exactly one external ID field",
            ));
        };
        let wanted = by.get("attributes").and_then(|a| a.get("type")).and_then(Value::as_str);
        for target in targets {
            let object = self.store.schema.get(target);
            if wanted.is_some_and(|w| !w.eq_ignore_ascii_case(&object.name)) {
                continue;
            }
            let Some(key) = object.find(name).filter(|i| {
                let f = &object.fields[*i];
                !f.hidden
                    && (f.external_id || f.ty == Type::Id || (f.name_field && f.ty == Type::Text) || f.unique)
            }) else {
                continue;
            };
            let (object_name, key_name) = (object.name.clone(), object.fields[key].name.clone());
            let cell = self.cell_from_json(target, key, value)?;
            let found = self.find_by_key(target, key, cell);
            return match found.as_slice() {
                [one] => Ok(Cell::Ref(*one)),
                [] => Err(Fail::save(
                    "INVALID_FIELD",
                    format!(
                        "Foreign key external ID: {} not found for field {key_name} in entity {object_name}",
                        plain(value).to_lowercase()
                    ),
                    &[],
                )),
                _ => Err(Fail::save(
                    "DUPLICATE_EXTERNAL_ID",
                    format!("Foreign key external ID: {} is not unique for field {key_name}", plain(value)),
                    &[],
                )),
            };
        }
        Err(Fail::new(400, "INVALID_FIELD", format!("{name} is not an external ID of the related object")))
    }

    /// Live, accessible rows by the value of an indexed field or by id.
    pub(crate) fn find_by_key(&self, obj: Obj, field: usize, cell: Cell) -> Vec<Rec> {
        if let (Cell::Ref(rec), true) = (cell, self.store.schema.get(obj).fields[field].ty == Type::Id) {
            return self.accessible(rec).map(|_| rec).into_iter().collect();
        }
        let Some(slot) = self.store.schema.get(obj).fields[field].slot() else { return Vec::new() };
        let candidates = self.store.by_value(obj, slot, cell, usize::MAX - 1).unwrap_or_default();
        let same = |rec: &Rec| self.accessible(*rec).is_some_and(|row| self.same(row.slot(slot), cell));
        candidates.into_iter().map(|seq| Rec::new(obj, seq)).filter(same).collect()
    }

    /// Equal as SOQL compares: text without case.
    pub(crate) fn same(&self, a: Cell, b: Cell) -> bool {
        match (a.sym(), b.sym()) {
            (Some(a), Some(b)) => self.store.pool.fold(a) == self.store.pool.fold(b),
            _ => a == b,
        }
    }

    /// Saves converted values.
    pub(crate) fn save_cells(
        &mut self,
        opts: &Opts,
        obj: Obj,
        target: Option<Rec>,
        cells: Cells,
    ) -> Res<Rec> {
        let object = self.store.schema.get(obj);
        let name = object.name.clone();
        if opts.api && !(if target.is_some() { object.updateable } else { object.createable }) {
            let message = format!(
                "entity type cannot be {}: {name}",
                if target.is_some() { "updated" } else { "inserted" }
            );
            return Err(Fail::save("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, &[]));
        }
        let old = match target {
            Some(rec) => Some(self.target(rec, opts.api)?.clone()),
            None => None,
        };
        if let Some(old) = &old {
            self.check_converted(obj, old)?;
        }
        let mut row = old.clone().unwrap_or_else(|| Row::new(opts.by, self.now));
        if old.is_none() {
            self.defaults(opts, obj, &mut row);
        }
        let mut contact = None;
        for (field, cell) in &cells {
            let f = &self.store.schema.get(obj).fields[*field];
            if &*f.name == "ContactId" && obj == self.known.opportunity {
                contact = cell.rec();
            }
            if let Some(slot) = f.slot() {
                row.set(slot, *cell);
            }
        }
        self.derive(obj, old.as_ref(), &mut row, &cells);
        self.check_required(obj, &row)?;
        self.check_references(opts, obj, old.as_ref(), &row)?;
        self.check_picklists(obj, old.as_ref(), &row)?;
        self.check_rules(obj, target, &row)?;
        self.check_unique(obj, target, old.as_ref(), &row)?;
        self.check_special(obj, target, &row)?;
        self.check_duplicates(opts, obj, target, old.as_ref(), &row)?;
        self.check_locks(obj, target, old.as_ref(), &row)?;

        let created = target.is_none();
        let rec = target.unwrap_or_else(|| self.store.next(obj));
        let changed = old.as_ref().is_none_or(|old| !old.same_values(&row));
        if !created && (changed || self.knobs.noop_moves_stamp) {
            (row.stamp, row.modified, row.modified_by) = (self.now, self.now, opts.by);
        }
        if opts.loader {
            self.audit(obj, &mut row, &cells);
        }
        if created || changed || self.knobs.noop_moves_stamp {
            self.store.put(rec, Some(row));
        }
        if opts.api {
            if changed { self.written += 1 } else { self.noop += 1 }
        }
        self.after_save(opts, rec, created, contact);
        Ok(rec)
    }

    fn audit(&self, obj: Obj, row: &mut Row, cells: &Cells) {
        for (field, cell) in cells {
            let name = &*self.store.schema.get(obj).fields[*field].name;
            match (name, *cell) {
                ("CreatedDate", Cell::Time(at)) => row.created = at,
                ("LastModifiedDate", Cell::Time(at)) => row.modified = at,
                ("SystemModstamp", Cell::Time(at)) => row.stamp = at,
                ("CreatedById", Cell::Ref(by)) => row.created_by = by,
                ("LastModifiedById", Cell::Ref(by)) => row.modified_by = by,
                _ => {}
            }
        }
    }
}

fn writable(createable: bool, updateable: bool, create: bool) -> bool {
    if create { createable } else { updateable }
}

/// A JSON scalar as bare text.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
