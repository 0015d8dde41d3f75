//! Writing values: check a whole write first, then carry it out.

use super::catalog::LIFECYCLE;
use super::derive;
use super::kind::Kind;
use super::knobs::Backward;
use super::pool::Sym;
use super::portal::{Act, Happening, Portal};
use super::registry::{Def, Prop};
use super::table::{Entry, Slot, Source, State};
use super::values::{self, Invalid};

/// What a caller wants to set. `None` and an empty text clear.
pub(super) type Given = Vec<(String, Option<String>)>;

/// A checked write.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// In the order given, only known writable properties.
    pub(super) changes: Vec<(Prop, Option<String>)>,
    /// Unique values this write takes.
    pub(super) claims: Vec<(Prop, String)>,
    /// When the record was created, if the caller may say so (the seed).
    pub(super) created: Option<i64>,
}

/// Why a write is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Values that do not fit their properties.
    Invalid(Vec<Invalid>),
    /// Required properties are missing.
    Missing(Vec<&'static str>),
    /// A contact with that address exists.
    Conflict(u64),
}

impl Portal {
    /// Checks a write to a new (`slot` = `None`) or existing record.
    pub(super) fn prepare(&self, kind: Kind, slot: Option<Slot>, given: &Given) -> Result<Prepared, Refusal> {
        let mut prepared = Prepared::default();
        let mut invalid = Vec::new();
        for (name, raw) in given {
            match self.check(kind, slot, name, raw.as_deref().unwrap_or("")) {
                Ok(Some(change)) => prepared.changes.push(change),
                Ok(None) => {}
                Err(refused) => invalid.push(refused),
            }
        }
        if kind == Kind::Deals {
            self.check_stage(slot, &mut prepared, &mut invalid);
        }
        let conflict = self.check_unique(kind, slot, &mut prepared, &mut invalid);
        if !invalid.is_empty() {
            return Err(Refusal::Invalid(invalid));
        }
        let missing = self.missing(kind, slot, &prepared);
        if !missing.is_empty() {
            return Err(Refusal::Missing(missing));
        }
        conflict.map_or(Ok(prepared), |holder| Err(Refusal::Conflict(holder)))
    }

    fn check(
        &self,
        kind: Kind,
        slot: Option<Slot>,
        name: &str,
        raw: &str,
    ) -> Result<Option<(Prop, Option<String>)>, Invalid> {
        let registry = &self.table(kind).registry;
        let Some((prop, def)) = registry.visible(name).and_then(|prop| Some((prop, registry.get(prop)?)))
        else {
            let message = format!("Property \"{name}\" does not exist");
            return Err(Invalid::new("PROPERTY_DOESNT_EXIST", name, message));
        };
        if def.calculated || def.read_only {
            let message = format!("\"{name}\" is a calculated property; its value cannot be set.");
            return Err(Invalid::new("READ_ONLY_VALUE", name, message));
        }
        let current = slot.and_then(|slot| self.text(kind, slot, name));
        let value = values::normalise(self, def, raw, current.as_deref())?;
        if name == "lifecyclestage" && backward(current.as_deref(), value.as_deref()) {
            return match self.knobs.lifecycle_backward {
                Backward::Accept => Ok(Some((prop, value))),
                Backward::Ignore => Ok(None),
                Backward::Refuse => Err(Invalid::new(
                    "INVALID_LIFECYCLE_STAGE",
                    name,
                    format!("{raw} is an earlier stage than the present one."),
                )),
            };
        }
        Ok(Some((prop, value)))
    }

    /// The stage must belong to the pipeline the deal will have.
    fn check_stage(&self, slot: Option<Slot>, prepared: &mut Prepared, invalid: &mut Vec<Invalid>) {
        let registry = &self.table(Kind::Deals).registry;
        let (Some(stage_prop), Some(pipeline_prop)) = (registry.any("dealstage"), registry.any("pipeline"))
        else {
            return;
        };
        let given = |prop: Prop| prepared.changes.iter().rev().find(|(known, _)| *known == prop);
        let (stage, pipeline) = (given(stage_prop).cloned(), given(pipeline_prop).cloned());
        if stage.is_none() && pipeline.is_none() {
            return;
        }
        let kept = |name: &str| slot.and_then(|slot| self.text(Kind::Deals, slot, name));
        let pipeline_id = match pipeline {
            Some((_, value)) => value,
            None => kept("pipeline"),
        };
        let pipeline_id = pipeline_id.unwrap_or_else(|| {
            let default = "default".to_owned();
            prepared.changes.push((pipeline_prop, Some(default.clone())));
            default
        });
        let Some(found) = self.pipeline(&pipeline_id) else {
            let ids: Vec<&str> = self.pipelines.iter().map(|pipeline| pipeline.id.as_str()).collect();
            invalid.push(not_allowed("pipeline", &pipeline_id, &ids));
            return;
        };
        let stage_id = stage.map_or_else(|| kept("dealstage"), |(_, value)| value);
        if let Some(stage_id) = stage_id
            && found.stage(&stage_id).is_none()
        {
            let ids: Vec<&str> = found.stages.iter().map(|stage| stage.id.as_str()).collect();
            invalid.push(not_allowed("dealstage", &stage_id, &ids));
        }
    }

    /// Finds the first contact that owns one of the addresses; notes clashes of other unique properties.
    fn check_unique(
        &self,
        kind: Kind,
        slot: Option<Slot>,
        prepared: &mut Prepared,
        invalid: &mut Vec<Invalid>,
    ) -> Option<u64> {
        let table = self.table(kind);
        let mut conflict = None;
        let mut claims = Vec::new();
        for (prop, value) in &prepared.changes {
            let (Some(def), Some(value)) = (table.registry.get(*prop), value) else { continue };
            for (key, text) in claims_of(self, kind, def, *prop, value) {
                let holder = self.pool.find(&text).and_then(|sym| table.holder(key, sym));
                if let Some(holder) = holder.filter(|holder| Some(*holder) != slot) {
                    let id = self.id_of((kind, holder));
                    if def.has_unique_value {
                        invalid.push(self.clash(kind, slot, &def.name, &text, id));
                    } else {
                        conflict = conflict.or(Some(id));
                    }
                }
                claims.push((key, text));
            }
        }
        prepared.claims = claims;
        conflict
    }

    fn clash(&self, kind: Kind, slot: Option<Slot>, name: &str, value: &str, holder: u64) -> Invalid {
        let on = slot.map_or_else(|| "new object".to_owned(), |slot| self.id_of((kind, slot)).to_string());
        let message = format!(
            "Cannot set PropertyValueCoordinates{{portalId={}, objectTypeId={}, propertyName={name}, value={value}}} \
             on {on}. {holder} already has that value.",
            self.id,
            kind.type_id(),
        );
        Invalid::new("CONFLICTING_UNIQUE_VALUE", name, message)
    }

    fn missing(&self, kind: Kind, slot: Option<Slot>, prepared: &Prepared) -> Vec<&'static str> {
        let registry = &self.table(kind).registry;
        let given = |name: &str| {
            let prop = registry.any(name)?;
            prepared.changes.iter().rev().find(|(known, _)| *known == prop)
        };
        let has = |name: &str| match (given(name), slot) {
            (Some((_, value)), _) => value.is_some(),
            (None, Some(slot)) => self.text(kind, slot, name).is_some(),
            (None, None) => false,
        };
        let any_of = |names: &[&'static str]| -> Vec<&'static str> {
            if slot.is_some() || names.iter().any(|name| has(name)) { Vec::new() } else { names.to_vec() }
        };
        match kind {
            Kind::Deals if slot.is_none() => {
                ["dealname", "dealstage"].into_iter().filter(|name| !has(name)).collect()
            }
            // A deal's stage cannot be cleared.
            Kind::Deals => {
                ["dealstage"].into_iter().filter(|name| given(name).is_some() && !has(name)).collect()
            }
            Kind::Contacts if self.knobs.require_contact_identity => {
                any_of(&["email", "firstname", "lastname"])
            }
            Kind::Companies if self.knobs.require_company_identity => any_of(&["name", "domain"]),
            Kind::Contacts | Kind::Companies => Vec::new(),
        }
    }

    /// Makes a record.
    pub(super) fn create(&mut self, kind: Kind, prepared: Prepared, act: &Act) -> Slot {
        let created = prepared.created.unwrap_or(act.now);
        let slot = self.table_mut(kind).push(created, act.now);
        self.note((kind, slot), act, Happening::Created);
        let mut changes = derive::defaults(self, kind, act);
        changes.retain(|(prop, _)| !prepared.changes.iter().any(|(given, _)| given == prop));
        changes.extend(prepared.changes);
        self.put(kind, slot, changes, act);
        let birth = derive::birth(self, kind, slot, act);
        self.put(kind, slot, birth, &Act { source: Source::Calculated, ..*act });
        self.finish(kind, slot, act);
        if let Some(row) = self.table_mut(kind).row_mut(slot) {
            row.tighten();
        }
        slot
    }

    /// Changes a record; `false` if it held all those values already.
    pub(super) fn update(&mut self, kind: Kind, slot: Slot, prepared: Prepared, act: &Act) -> bool {
        let changed = self.put(kind, slot, prepared.changes, act);
        if !changed {
            self.unchanged += 1;
            if !self.knobs.noop_bumps_modified {
                return false;
            }
        }
        if let Some(row) = self.table_mut(kind).row_mut(slot) {
            row.updated = act.now;
        }
        if changed {
            self.finish(kind, slot, act);
        } else {
            self.reindex(kind, slot, act);
        }
        changed
    }

    /// Derived values, index and the count of written rows.
    fn finish(&mut self, kind: Kind, slot: Slot, act: &Act) {
        let derived = derive::derived(self, kind, slot, act);
        self.put(kind, slot, derived, &Act { source: Source::Calculated, ..*act });
        self.reindex(kind, slot, act);
        self.written += 1;
    }

    /// Stores values that differ; returns whether any did.
    pub(super) fn put(
        &mut self,
        kind: Kind,
        slot: Slot,
        changes: Vec<(Prop, Option<String>)>,
        act: &Act,
    ) -> bool {
        let mut changed = false;
        for (prop, text) in changes {
            let value = text.as_deref().map(|text| self.pool.intern(text));
            let Some(before) = self.table(kind).row(slot).map(|row| row.value(prop)) else { continue };
            if before == value {
                continue;
            }
            changed = true;
            self.reclaim(kind, slot, prop, before.map(|sym| self.pool.text(sym).to_owned()), text.as_deref());
            if let Some(row) = self.table_mut(kind).row_mut(slot) {
                row.put(Entry { prop, source: act.source, value, at: act.now });
            }
            if kind == Kind::Companies && self.table(kind).registry.name(prop) == "domain" {
                self.file_domain(slot, before, value);
            }
            if self.listening {
                let name = self.table(kind).registry.name(prop).to_owned();
                self.note((kind, slot), act, Happening::Property { name, value: text.unwrap_or_default() });
            }
        }
        changed
    }

    fn file_domain(&mut self, slot: Slot, before: Option<Sym>, after: Option<Sym>) {
        if let Some(slots) = before.and_then(|old| self.domains.get_mut(&old)) {
            slots.remove(&slot);
        }
        if let Some(new) = after {
            self.domains.entry(new).or_default().insert(slot);
        }
    }

    /// Moves the unique keys of a property from its old value to its new one.
    fn reclaim(&mut self, kind: Kind, slot: Slot, prop: Prop, before: Option<String>, after: Option<&str>) {
        let Some(def) = self.table(kind).registry.get(prop) else { return };
        let keys = |value: Option<&str>| {
            value.map_or_else(Vec::new, |value| claims_of(self, kind, def, prop, value))
        };
        let (old, new) = (keys(before.as_deref()), keys(after));
        for (key, text) in old {
            let sym = self.pool.intern(&text);
            self.table_mut(kind).release(key, sym, slot);
        }
        for (key, text) in new {
            let sym = self.pool.intern(&text);
            self.table_mut(kind).claim(key, sym, slot);
        }
    }

    /// Every unique key that a row's present values stand for.
    pub(super) fn keys_of(&self, kind: Kind, slot: Slot) -> Vec<(Prop, String)> {
        let table = self.table(kind);
        let Some(row) = table.row(slot) else { return Vec::new() };
        let keys = row.set_values().filter_map(|(prop, value)| {
            let def = table.registry.get(prop)?;
            Some(claims_of(self, kind, def, prop, self.pool.text(value)))
        });
        keys.flatten().collect()
    }

    /// Puts a record into the recycle bin; its associations go, its stamp stays.
    pub(super) fn archive(&mut self, kind: Kind, slot: Slot, act: &Act) {
        self.leave(kind, slot, State::Archived(act.now), act);
        self.note((kind, slot), act, Happening::Deleted);
        self.written += 1;
    }

    /// Deletes a contact for privacy: nothing remains.
    pub(super) fn erase(&mut self, kind: Kind, slot: Slot, act: &Act) {
        self.leave(kind, slot, State::Erased, act);
        self.binned_edges.remove(&(kind, slot));
        self.note((kind, slot), act, Happening::PrivacyDeleted);
        self.note((kind, slot), act, Happening::Deleted);
        self.written += 1;
    }

    /// Takes a row out of everything that callers look into.
    pub(super) fn leave(&mut self, kind: Kind, slot: Slot, state: State, act: &Act) {
        for (prop, text) in self.keys_of(kind, slot) {
            let sym = self.pool.intern(&text);
            self.table_mut(kind).release(prop, sym, slot);
        }
        let ties: Vec<_> = self.edges.all_of((kind, slot)).map(|(to, types)| (to, types.to_vec())).collect();
        for (to, _) in &ties {
            self.edges.set_pair((kind, slot), *to, &[]);
        }
        self.binned_edges.insert((kind, slot), ties);
        self.table_mut(kind).set_state(slot, state);
        self.reindex(kind, slot, act);
    }

    /// Takes a record out of the recycle bin. Refused when a unique value has another holder now.
    pub(super) fn restore(&mut self, kind: Kind, slot: Slot, act: &Act) -> Result<(), String> {
        let keys = self.keys_of(kind, slot);
        for (prop, text) in &keys {
            if let Some(holder) = self.pool.find(text).and_then(|sym| self.table(kind).holder(*prop, sym)) {
                return Err(format!("{} holds {text} now", self.id_of((kind, holder))));
            }
        }
        self.table_mut(kind).set_state(slot, State::Live);
        for (prop, text) in keys {
            let sym = self.pool.intern(&text);
            self.table_mut(kind).claim(prop, sym, slot);
        }
        for (to, types) in self.binned_edges.remove(&(kind, slot)).unwrap_or_default() {
            if self.table(to.0).is_live(to.1) {
                self.tie_again((kind, slot), to, &types);
            }
        }
        self.note((kind, slot), act, Happening::Restored);
        self.reindex(kind, slot, act);
        Ok(())
    }
}

/// The unique keys of one value: an e-mail address (secondary ones count as primary), or the value itself.
fn claims_of(portal: &Portal, kind: Kind, def: &Def, prop: Prop, value: &str) -> Vec<(Prop, String)> {
    let email = || portal.table(kind).registry.any("email");
    match (kind, def.name.as_str()) {
        (Kind::Contacts, "email") => vec![(prop, value.to_owned())],
        (Kind::Contacts, "hs_additional_emails") => {
            let parts = value.split(';').filter(|part| !part.is_empty());
            email().map_or_else(Vec::new, |email| parts.map(|part| (email, part.to_owned())).collect())
        }
        _ if def.has_unique_value => vec![(prop, value.to_owned())],
        _ => Vec::new(),
    }
}

fn not_allowed(property: &str, value: &str, allowed: &[&str]) -> Invalid {
    let message = format!("{value} was not one of the allowed options: [{}]", allowed.join(", "));
    Invalid::new("INVALID_OPTION", property, message)
}

/// Whether a lifecycle write goes to an earlier stage.
fn backward(current: Option<&str>, wanted: Option<&str>) -> bool {
    let rank = |stage: Option<&str>| LIFECYCLE.iter().position(|known| Some(*known) == stage);
    matches!((rank(current), rank(wanted)), (Some(now), Some(then)) if then < now)
}
