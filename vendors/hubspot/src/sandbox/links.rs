//! Tying records together, with the rules for primary companies; and merging.

use super::catalog::LIFECYCLE;
use super::edges::{End, TypeId};
use super::kind::Kind;
use super::portal::{Act, Happening, Portal};
use super::registry::Prop;
use super::table::{Entry, Slot, Source, State};

/// How given types meet the ones a pair has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tie {
    /// Beside them.
    Add,
    /// Instead of them.
    Replace,
}

impl Portal {
    /// Ties two records. Returns the types of the pair afterwards, seen from `from`.
    pub(super) fn associate(
        &mut self,
        from: End,
        to: End,
        types: &[TypeId],
        tie: Tie,
        act: &Act,
    ) -> Vec<TypeId> {
        let mut wanted = types.to_vec();
        if tie == Tie::Add {
            wanted.extend_from_slice(self.edges.types_of(from, to));
        }
        if let Some(primary) = self.edges.primary(from.0, to.0) {
            let (child, company) = if from.0 == Kind::Companies { (to, from) } else { (from, to) };
            let first = self.edges.of(child, Kind::Companies, 0).next().is_none();
            let automatic = first
                && self.knobs.first_api_association_primary
                && !self.loading
                && act.source != Source::Person;
            if automatic {
                wanted.push(primary);
            }
            if wanted.contains(&primary) {
                self.demote_others(child, company, act);
            }
        }
        self.set_pair(from, to, &wanted, act);
        self.edges.types_of(from, to).to_vec()
    }

    /// Unties two records.
    pub(super) fn dissociate(&mut self, from: End, to: End, act: &Act) {
        self.set_pair(from, to, &[], act);
    }

    /// Takes types away from a pair; without the unlabeled one nothing remains.
    pub(super) fn remove_types(&mut self, from: End, to: End, types: &[TypeId], act: &Act) {
        let base = self.edges.unlabeled(from.0, to.0);
        if base.is_some_and(|base| types.contains(&base)) {
            self.dissociate(from, to, act);
            return;
        }
        let kept: Vec<TypeId> =
            self.edges.types_of(from, to).iter().copied().filter(|id| !types.contains(id)).collect();
        self.set_pair(from, to, &kept, act);
    }

    /// A record has one primary company: the others lose that type.
    fn demote_others(&mut self, child: End, company: End, act: &Act) {
        let Some(primary) = self.edges.primary(child.0, Kind::Companies) else { return };
        let others: Vec<(Slot, Vec<TypeId>)> = self
            .edges
            .of(child, Kind::Companies, 0)
            .filter(|(slot, types)| *slot != company.1 && types.contains(&primary))
            .map(|(slot, types)| (slot, types.iter().copied().filter(|id| *id != primary).collect()))
            .collect();
        for (slot, kept) in others {
            self.set_pair(child, (Kind::Companies, slot), &kept, act);
        }
    }

    /// Ties that a record comes back with; who got another primary company meanwhile keeps that one [est].
    pub(super) fn tie_again(&mut self, from: End, to: End, types: &[TypeId]) {
        let child = if from.0 == Kind::Companies { to } else { from };
        let primary = self.edges.primary(child.0, Kind::Companies);
        let has_another = primary.is_some_and(|primary| {
            self.edges.of(child, Kind::Companies, 0).any(|(_, types)| types.contains(&primary))
        });
        let kept: Vec<TypeId> =
            types.iter().copied().filter(|id| !(has_another && self.is_primary(*id))).collect();
        self.edges.set_pair(from, to, &kept);
    }

    fn set_pair(&mut self, from: End, to: End, types: &[TypeId], act: &Act) {
        let change = self.edges.set_pair(from, to, types);
        if change.added.is_empty() && change.removed.is_empty() {
            self.unchanged += 1;
            return;
        }
        self.written += 1;
        for (ids, removed) in [(change.added, false), (change.removed, true)] {
            for id in ids {
                let primary = self.is_primary(id);
                let (from_id, to_id) = (self.id_of(from), self.id_of(to));
                self.note(from, act, Happening::Associated { to: to.0, to_id, removed, primary });
                self.note(to, act, Happening::Associated { to: from.0, to_id: from_id, removed, primary });
            }
        }
        self.follow_links(from, act);
        self.follow_links(to, act);
    }

    fn is_primary(&self, id: TypeId) -> bool {
        self.edges.edge_type(id).is_some_and(|edge| self.edges.primary(edge.from, edge.to) == Some(id))
    }

    /// Properties that mirror associations. They move without touching the modification stamp.
    fn follow_links(&mut self, end: End, act: &Act) {
        let (name, mirrored) = match end.0 {
            Kind::Contacts => ("associatedcompanyid", 1),
            Kind::Companies => ("hs_parent_company_id", 14),
            Kind::Deals => return,
        };
        let company = self
            .edges
            .of(end, Kind::Companies, 0)
            .find(|(_, types)| types.contains(&mirrored))
            .map(|(slot, _)| self.id_of((Kind::Companies, slot)).to_string());
        let Some(prop) = self.table(end.0).registry.any(name) else { return };
        if self.put(end.0, end.1, vec![(prop, company)], &Act { source: Source::Calculated, ..*act }) {
            self.reindex(end.0, end.1, act);
        }
    }

    /// Merges `loser` into `primary` and returns the surviving row.
    pub(super) fn merge(&mut self, kind: Kind, primary: Slot, loser: Slot, act: &Act) -> Slot {
        let (primary_id, loser_id) = (self.id_of((kind, primary)), self.id_of((kind, loser)));
        let values = self.merged_values(kind, primary, loser);
        let history = self.merged_history(kind, primary, loser);
        let ties = self.merged_ties((kind, primary), (kind, loser));
        let created = [primary, loser]
            .iter()
            .filter_map(|slot| self.table(kind).row(*slot).map(|row| row.created))
            .min()
            .unwrap_or(act.now);
        let survivor =
            if self.knobs.merge_new_id { self.table_mut(kind).push(created, act.now) } else { primary };
        self.leave(kind, loser, State::Merged(survivor), act);
        self.binned_edges.remove(&(kind, loser));
        if survivor != primary {
            self.leave(kind, primary, State::Merged(survivor), act);
            self.binned_edges.remove(&(kind, primary));
            if let Some(row) = self.table_mut(kind).row_mut(survivor) {
                history.into_iter().for_each(|entry| row.put(entry));
            }
        }
        let moved = values.len();
        let act = Act { source: Source::Merge, ..*act };
        self.put(kind, survivor, values, &act);
        for (key, text) in self.keys_of(kind, survivor) {
            let sym = self.pool.intern(&text);
            self.table_mut(kind).claim(key, sym, survivor);
        }
        let traces = self.merge_traces(kind, survivor, [primary_id, loser_id], act.now);
        self.put(kind, survivor, traces, &act);
        if let Some(row) = self.table_mut(kind).row_mut(survivor) {
            row.created = created;
            row.updated = act.now;
        }
        for (to, types) in ties {
            self.edges.set_pair((kind, survivor), to, &types);
            self.follow_links((kind, survivor), &act);
        }
        self.reindex(kind, survivor, &act);
        let new_id = self.id_of((kind, survivor));
        self.note(
            (kind, survivor),
            &act,
            Happening::Merged { primary: primary_id, merged: loser_id, new_id, moved },
        );
        self.written += 1;
        survivor
    }

    /// The primary's values win; blanks are filled; the furthest lifecycle stage and all addresses are kept [KB merge].
    fn merged_values(&self, kind: Kind, primary: Slot, loser: Slot) -> Vec<(Prop, Option<String>)> {
        let table = self.table(kind);
        let registry = &table.registry;
        let (Some(first), Some(second)) = (table.row(primary), table.row(loser)) else { return Vec::new() };
        let text = |sym| self.pool.text(sym).to_owned();
        let mut values: Vec<(Prop, Option<String>)> =
            first.set_values().map(|(prop, value)| (prop, Some(text(value)))).collect();
        for (prop, value) in second.set_values() {
            if first.value(prop).is_none() {
                values.push((prop, Some(text(value))));
            }
        }
        let mut set = |name: &str, value: String| {
            if let Some(prop) = registry.any(name) {
                values.retain(|(known, _)| *known != prop);
                values.push((prop, Some(value)));
            }
        };
        let both = |name: &str| (self.text(kind, primary, name), self.text(kind, loser, name));
        if let (Some(ours), Some(theirs)) = both("lifecyclestage") {
            let rank = |stage: &str| LIFECYCLE.iter().position(|known| *known == stage);
            let further = if rank(&theirs) > rank(&ours) { theirs } else { ours };
            set("lifecyclestage", further);
        }
        if kind == Kind::Contacts {
            let main = both("email").0.or_else(|| both("email").1);
            let mut others: Vec<String> = Vec::new();
            let lists = [both("hs_additional_emails").0, both("email").1, both("hs_additional_emails").1];
            for address in lists
                .into_iter()
                .flatten()
                .flat_map(|list| list.split(';').map(str::to_owned).collect::<Vec<_>>())
            {
                if Some(&address) != main.as_ref() && !others.contains(&address) {
                    others.push(address);
                }
            }
            if !others.is_empty() {
                set("hs_additional_emails", others.join(";"));
            }
        }
        values
    }

    fn merged_history(&self, kind: Kind, primary: Slot, loser: Slot) -> Vec<Entry> {
        let table = self.table(kind);
        let rows = [table.row(primary), table.row(loser)];
        let mut entries: Vec<Entry> =
            rows.into_iter().flatten().flat_map(|row| row.all_versions().copied()).collect();
        entries.sort_by_key(|entry| entry.at);
        entries
    }

    /// United; where both have a primary company, the primary record's stays.
    fn merged_ties(&self, primary: End, loser: End) -> Vec<(End, Vec<TypeId>)> {
        let mut ties: Vec<(End, Vec<TypeId>)> =
            self.edges.all_of(primary).map(|(to, types)| (to, types.to_vec())).collect();
        let has_primary = ties
            .iter()
            .any(|(to, types)| to.0 == Kind::Companies && types.iter().any(|id| self.is_primary(*id)));
        for (to, types) in self.edges.all_of(loser) {
            let drop = |id: &TypeId| has_primary && to.0 == Kind::Companies && self.is_primary(*id);
            let types: Vec<TypeId> = types.iter().copied().filter(|id| !drop(id)).collect();
            match ties.iter_mut().find(|(known, _)| *known == to) {
                Some((_, known)) => known.extend(types),
                None => ties.push((to, types)),
            }
        }
        ties.retain(|(to, _)| *to != primary && *to != loser);
        ties
    }

    fn merge_traces(
        &self,
        kind: Kind,
        survivor: Slot,
        ids: [u64; 2],
        now: i64,
    ) -> Vec<(Prop, Option<String>)> {
        let registry = &self.table(kind).registry;
        let mut all: Vec<u64> = ids
            .iter()
            .filter_map(|id| self.table(kind).slot(*id))
            .filter_map(|slot| self.text(kind, slot, "hs_merged_object_ids"))
            .flat_map(|list| list.split(';').filter_map(|id| id.parse().ok()).collect::<Vec<u64>>())
            .chain(ids)
            .collect();
        all.retain(|id| *id != self.id_of((kind, survivor)));
        let mut unique: Vec<u64> = Vec::new();
        for id in all {
            if !unique.contains(&id) {
                unique.push(id);
            }
        }
        let join = |print: &dyn Fn(&u64) -> String| unique.iter().map(print).collect::<Vec<_>>().join(";");
        let mut traces = Vec::new();
        let mut set = |name: &str, value: String| {
            if let Some(prop) = registry.any(name) {
                traces.push((prop, Some(value)));
            }
        };
        set("hs_merged_object_ids", join(&|id| id.to_string()));
        if kind == Kind::Contacts {
            let all_ids = format!("{};{}", self.id_of((kind, survivor)), join(&|id| id.to_string()));
            set("hs_all_contact_vids", all_ids);
            set("hs_calculated_merged_vids", join(&|id| format!("{id}:{now}")));
        }
        traces
    }
}
