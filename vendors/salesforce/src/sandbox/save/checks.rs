//! The checks of a save, each with the refusal it gives.

use super::Opts;
use crate::sandbox::fail::{Fail, Res};
use crate::sandbox::ids::{Obj, Rec};
use crate::sandbox::org::{Org, Rule};
use crate::sandbox::schema::Type;
use crate::sandbox::store::Row;
use crate::sandbox::value::{self, Cell};
use std::cmp::Ordering;

impl Org {
    pub(super) fn check_converted(&self, obj: Obj, old: &Row) -> Res<()> {
        let converted = obj == self.known.lead
            && self.store.slot(obj, "IsConverted").is_some_and(|slot| old.slot(slot).is_true());
        if converted && !self.knobs.edit_converted_leads {
            return Err(Fail::save("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", &[]));
        }
        Ok(())
    }

    pub(super) fn check_required(&self, obj: Obj, row: &Row) -> Res<()> {
        let object = self.store.schema.get(obj);
        let missing: Vec<&str> = object
            .fields
            .iter()
            .filter(|f| !f.removed && !f.nillable && (f.createable || f.updateable))
            .filter(|f| f.slot().is_some_and(|slot| row.slot(slot).is_null()))
            .map(|f| &*f.name)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("Required fields are missing: [{}]", missing.join(", "));
        Err(Fail::save("REQUIRED_FIELD_MISSING", message, &missing))
    }

    pub(super) fn check_references(&self, opts: &Opts, obj: Obj, old: Option<&Row>, row: &Row) -> Res<()> {
        let object = self.store.schema.get(obj);
        for f in object.fields.iter().filter(|f| f.ty == Type::Reference) {
            let Some(slot) = f.slot() else { continue };
            let Some(rec) = row.slot(slot).rec() else { continue };
            if old.is_some_and(|old| old.slot(slot) == row.slot(slot)) {
                continue;
            }
            let invalid = || Fail::save("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]);
            let parent = self.store.live(rec).ok_or_else(invalid)?;
            if opts.api && parent.hidden {
                let message =
                    format!("insufficient access rights on cross-reference id: {}", self.store.id(rec));
                return Err(Fail::save("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", message, &[]));
            }
            if &*f.name == "OwnerId" {
                self.check_owner(&object.name, rec)?;
            }
            if &*f.name == "RecordTypeId" {
                let fits = self.store.text(self.store.value(rec, "SobjectType")) == Some(&*object.name);
                if !fits || !self.store.value(rec, "IsActive").is_true() {
                    let message = format!(
                        "Record Type ID: this ID value isn't valid for the user: {}",
                        self.store.id(rec)
                    );
                    return Err(Fail::save("INVALID_CROSS_REFERENCE_KEY", message, &["RecordTypeId"]));
                }
            }
        }
        Ok(())
    }

    fn check_owner(&self, object: &str, owner: Rec) -> Res<()> {
        if owner.object() == self.known.user && !self.store.value(owner, "IsActive").is_true() {
            let message = format!(
                "operation performed with inactive user [{}] as owner of {}",
                self.store.id(owner),
                object.to_lowercase()
            );
            return Err(Fail::save("INACTIVE_OWNER_OR_USER", message, &["OwnerId"]));
        }
        let queue = self.store.text(self.store.value(owner, "Type")) == Some("Queue");
        if owner.object() == self.known.group && !queue {
            return Err(Fail::save(
                "INVALID_CROSS_REFERENCE_KEY",
                "invalid cross reference id",
                &["OwnerId"],
            ));
        }
        Ok(())
    }

    pub(super) fn check_picklists(&self, obj: Obj, old: Option<&Row>, row: &Row) -> Res<()> {
        for f in self.store.schema.get(obj).fields.iter().filter(|f| f.restricted && !f.removed) {
            let Some(slot) = f.slot() else { continue };
            if old.is_some_and(|old| old.slot(slot) == row.slot(slot)) {
                continue;
            }
            let Some(text) = self.store.text(row.slot(slot)) else { continue };
            let allowed = self.choices(obj, f);
            let known =
                |part: &str| allowed.iter().any(|c| c.active && c.value.eq_ignore_ascii_case(part.trim()));
            let good = if f.ty == Type::Multi { text.split(';').all(known) } else { known(text) };
            if !good {
                let message = format!("{}: bad value for restricted picklist field: {text}", f.label);
                return Err(Fail::save("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &[&f.name]));
            }
        }
        Ok(())
    }

    pub(super) fn check_rules(&self, obj: Obj, target: Option<Rec>, row: &Row) -> Res<()> {
        let rec = target.unwrap_or(Rec::new(obj, 0));
        match self.rules.iter().find(|rule| rule.obj == obj && self.broken(rule, rec, row)) {
            None => Ok(()),
            Some(rule) => {
                let at: Vec<&str> = rule.at.as_deref().into_iter().collect();
                Err(Fail::save("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message.clone(), &at))
            }
        }
    }

    /// The rule's condition holds, so the save is refused.
    fn broken(&self, rule: &Rule, rec: Rec, row: &Row) -> bool {
        let cell = row.get(rec, &self.store.schema.get(rule.obj).fields[rule.field]);
        let text = self.cell_plain(cell);
        let wanted = super::plain(&rule.value);
        let order = match cell {
            Cell::Num(m, p) => match value::number(&wanted, 15) {
                Some(Cell::Num(wm, wp)) => value::compare_numbers((m, p), (wm, wp)),
                _ => return false,
            },
            Cell::Null | Cell::Bool(_) | Cell::Date(_) | Cell::Time(_) | Cell::Text(_) | Cell::Ref(_) => {
                text.to_lowercase().cmp(&wanted.to_lowercase())
            }
        };
        match rule.operator.as_str() {
            "=" => !cell.is_null() && order == Ordering::Equal,
            "!=" => cell.is_null() || order != Ordering::Equal,
            "<" => !cell.is_null() && order == Ordering::Less,
            "<=" => !cell.is_null() && order != Ordering::Greater,
            ">" => !cell.is_null() && order == Ordering::Greater,
            ">=" => !cell.is_null() && order != Ordering::Less,
            "blank" => cell.is_null(),
            "not_blank" => !cell.is_null(),
            "contains" => text.to_lowercase().contains(&wanted.to_lowercase()),
            _ => text.to_lowercase().starts_with(&wanted.to_lowercase()),
        }
    }

    /// A value as bare text.
    pub(crate) fn cell_plain(&self, cell: Cell) -> String {
        match cell {
            Cell::Null => String::new(),
            Cell::Bool(value) => value.to_string(),
            Cell::Num(m, p) => value::number_text(m, p),
            Cell::Date(days) => value::date_text(days),
            Cell::Time(seconds) => value::time_text(seconds),
            Cell::Text(sym) => self.store.pool.text(sym).to_owned(),
            Cell::Ref(rec) => self.store.id(rec),
        }
    }

    pub(super) fn check_unique(
        &self,
        obj: Obj,
        target: Option<Rec>,
        old: Option<&Row>,
        row: &Row,
    ) -> Res<()> {
        for f in self.store.schema.get(obj).fields.iter().filter(|f| f.unique && !f.removed) {
            let Some(slot) = f.slot() else { continue };
            let cell = row.slot(slot);
            if cell.is_null() || old.is_some_and(|old| old.slot(slot) == cell) {
                continue;
            }
            let others = self.store.by_value(obj, slot, cell, usize::MAX - 1).unwrap_or_default();
            let twin = others.into_iter().map(|seq| Rec::new(obj, seq)).find(|rec| {
                Some(*rec) != target && self.store.live(*rec).is_some_and(|r| self.same(r.slot(slot), cell))
            });
            if let Some(twin) = twin {
                let id = self.store.id(twin);
                let message = format!(
                    "duplicate value found: {} duplicates value on record with id: {}",
                    f.name,
                    &id[..15]
                );
                return Err(Fail::save("DUPLICATE_VALUE", message, &[]));
            }
        }
        Ok(())
    }

    /// Rules of single objects.
    pub(super) fn check_special(&self, obj: Obj, target: Option<Rec>, row: &Row) -> Res<()> {
        let get = |name: &str| self.store.slot(obj, name).map_or(Cell::Null, |slot| row.slot(slot));
        if obj == self.known.entry && target.is_none() {
            let (Some(book), Some(product)) = (get("Pricebook2Id").rec(), get("Product2Id").rec()) else {
                return Ok(());
            };
            let field = self.store.schema.get(obj).find("Product2Id").unwrap_or_default();
            let entries = self.store.referring(obj, field, product);
            let book_of = |rec: &Rec| self.store.value(*rec, "Pricebook2Id").rec();
            if entries.iter().any(|rec| book_of(rec) == Some(book)) {
                let message = "This price definition already exists in this price book";
                return Err(Fail::save("DUPLICATE_VALUE", message, &[]));
            }
            let standard =
                |rec: &Rec| book_of(rec).is_some_and(|b| self.store.value(b, "IsStandard").is_true());
            if !self.store.value(book, "IsStandard").is_true() && !entries.iter().any(standard) {
                let message = "Before creating a custom price, create a standard price.";
                return Err(Fail::save("STANDARD_PRICE_NOT_DEFINED", message, &[]));
            }
        }
        for name in ["ParentId", "ManagerId", "ReportsToId"] {
            if target.is_some() && get(name).rec() == target {
                let code = "CIRCULAR_DEPENDENCY";
                return Err(Fail::save(code, "a record cannot be above itself in its hierarchy", &[name]));
            }
        }
        Ok(())
    }

    /// Locks: of the row itself, or of a parent that a save of the row locks too.
    pub(super) fn check_locks(
        &mut self,
        obj: Obj,
        target: Option<Rec>,
        old: Option<&Row>,
        row: &Row,
    ) -> Res<()> {
        if self.lock_all {
            return Err(locked(&target.map(|rec| self.store.id(rec)).unwrap_or_default()));
        }
        if self.locks.is_empty() {
            return Ok(());
        }
        let mut touched: Vec<Rec> = target.into_iter().collect();
        for f in
            self.store.schema.get(obj).fields.iter().filter(|f| f.cascade || f.name.as_ref() == "ParentId")
        {
            let Some(slot) = f.slot() else { continue };
            touched.extend(row.slot(slot).rec());
            touched.extend(old.and_then(|old| old.slot(slot).rec()));
        }
        for rec in touched {
            if let Some(left) = self.locks.get_mut(&rec) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.locks.remove(&rec);
                }
                return Err(locked(&self.store.id(rec)));
            }
        }
        Ok(())
    }
}

pub(super) fn locked(id: &str) -> Fail {
    let message = format!("unable to obtain exclusive access to this record or 1 records: {id}");
    Fail::save("UNABLE_TO_LOCK_ROW", message, &[])
}
