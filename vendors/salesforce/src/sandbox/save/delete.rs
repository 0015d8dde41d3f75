//! Deletion with its cascades, and undeletion (research notes §5).

use super::Opts;
use super::checks::locked;
use crate::sandbox::fail::{Fail, Res};
use crate::sandbox::ids::{Obj, Rec};
use crate::sandbox::org::Org;
use crate::sandbox::value::Cell;

impl Org {
    /// Moves a row to the recycle bin, its cascading children along; other references to it become blank.
    pub(crate) fn delete(&mut self, opts: &Opts, rec: Rec) -> Res<()> {
        self.target(rec, opts.api)?;
        let object = self.store.schema.get(rec.object());
        if !object.deletable {
            let message = format!("entity type cannot be deleted: {}", object.name);
            return Err(Fail::save("CANNOT_DELETE", message, &[]));
        }
        if self.lock_all {
            return Err(locked(&self.store.id(rec)));
        }
        self.check_lock_of(rec)?;
        self.bin(rec, None, opts);
        if opts.api {
            self.written += 1;
        }
        Ok(())
    }

    fn check_lock_of(&mut self, rec: Rec) -> Res<()> {
        let Some(left) = self.locks.get_mut(&rec) else { return Ok(()) };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.locks.remove(&rec);
        }
        Err(locked(&self.store.id(rec)))
    }

    /// The recycle bin: `with` is the record whose deletion took this one along.
    pub(crate) fn bin(&mut self, rec: Rec, with: Option<Rec>, opts: &Opts) {
        let Some(mut row) = self.store.live(rec).cloned() else { return };
        let now = self.now;
        (row.deleted, row.with, row.stamp) = (Some(now), with, now);
        (row.modified, row.modified_by) = (now, opts.by);
        self.store.put(rec, Some(row));
        for (child, field) in self.store.schema.children(rec.object()) {
            let f = &self.store.schema.get(child).fields[field];
            let (cascade, relation, name) = (f.cascade, f.child.is_some() || f.nillable, f.name.clone());
            if matches!(&*name, "OwnerId" | "MasterRecordId") || name.starts_with("Converted") {
                continue;
            }
            for other in self.store.referring(child, field, rec) {
                if cascade {
                    self.bin(other, Some(with.unwrap_or(rec)), opts);
                } else if relation {
                    self.touch(other, |store, row| store.set(child, row, &name, Cell::Null));
                }
            }
        }
    }

    /// Takes a row out of the recycle bin with the children that went along.
    pub(crate) fn undelete(&mut self, opts: &Opts, rec: Rec) -> Res<()> {
        let row = self.store.row(rec).ok_or_else(Fail::not_found)?;
        if row.deleted.is_none() {
            return Err(Fail::save("UNDELETE_FAILED", "Entity is not in the recycle bin", &[]));
        }
        let mut back = vec![rec];
        for obj in 0..self.store.schema.objects.len() as Obj {
            let binned = self.store.table(obj).bin.iter().map(|(_, seq)| Rec::new(obj, *seq));
            back.extend(binned.filter(|other| self.store.row(*other).is_some_and(|r| r.with == Some(rec))));
        }
        for rec in back {
            let by = opts.by;
            let now = self.now;
            self.touch(rec, |store, row| {
                (row.deleted, row.with, row.modified, row.modified_by) = (None, None, now, by);
                store.set(rec.object(), row, "MasterRecordId", Cell::Null);
            });
        }
        Ok(())
    }
}
