//! Takes in one observation: what the snapshot becomes, and what the bases of the record's links must remember of what
//! it was. After this the base of a field is either "what the snapshot shows" (no entry) or an explicit entry.

use syncline_model::{
    BaseEntry, FieldName, Interval, Link, Observation, Observed, RecordState, Sight, Snapshot,
};

/// What an observation brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The record as now known.
    pub snapshot: Snapshot,
    /// Fields that now differ from what was stored, sorted.
    pub changed: Vec<FieldName>,
    /// Whether the record was not stored before.
    pub appeared: bool,
    /// Whether it was deleted, merged, converted or came back.
    pub state_changed: bool,
    /// Whether version or stamp moved.
    pub version_moved: bool,
}

impl Seen {
    /// Whether anything but version and stamp is new.
    pub fn is_news(&self) -> bool {
        self.appeared || self.state_changed || !self.changed.is_empty()
    }
}

/// Merges `seen` into what is stored and keeps the bases of `links` true.
///
/// An observation older than the stored one (a search index that lags, a page read twice) changes nothing: stamps of one
/// vendor are compared with each other only. Fields that the observation does not list keep their stored value.
pub fn observe(stored: Option<&Snapshot>, links: &mut [Link], seen: &Observation) -> Seen {
    let Some(old) = stored else {
        let mut fields: Vec<_> =
            seen.fields.iter().filter(|(_, value)| *value != Observed::NotFetched).cloned().collect();
        fields.sort_by(|left, right| left.0.cmp(&right.0));
        fields.dedup_by(|later, first| later.0 == first.0);
        let changed = fields.iter().map(|(name, _)| name.clone()).collect();
        let snapshot = Snapshot {
            record: seen.record.clone(),
            version: seen.version.clone(),
            modified: seen.modified,
            state: seen.state.clone(),
            fields,
        };
        return Seen { snapshot, changed, appeared: true, state_changed: false, version_moved: true };
    };
    if is_stale(old, seen) {
        return Seen {
            snapshot: old.clone(),
            changed: Vec::new(),
            appeared: false,
            state_changed: false,
            version_moved: false,
        };
    }

    let mut snapshot = old.clone();
    let mut changed = Vec::new();
    for (name, value) in &seen.fields {
        if *value == Observed::NotFetched {
            continue;
        }
        match snapshot.fields.binary_search_by(|(field, _)| field.cmp(name)) {
            Ok(position) if snapshot.fields[position].1 == *value => {}
            Ok(position) => {
                let before = std::mem::replace(&mut snapshot.fields[position].1, value.clone());
                remember(links, name, &before, value, old, seen);
                changed.push(name.clone());
            }
            Err(position) => {
                snapshot.fields.insert(position, (name.clone(), value.clone()));
                remember(links, name, &Observed::NotFetched, value, old, seen);
                changed.push(name.clone());
            }
        }
    }
    changed.sort();
    let state_changed = old.state != seen.state;
    snapshot.state = seen.state.clone();
    let mut version_moved = false;
    if seen.version.is_some() && seen.version != old.version {
        snapshot.version = seen.version.clone();
        version_moved = true;
    }
    if seen.modified.is_some() && seen.modified != old.modified {
        snapshot.modified = seen.modified;
        version_moved = true;
    }
    Seen { snapshot, changed, appeared: false, state_changed, version_moved }
}

/// Whether the observation shows the record as it was before the stored one. Deletes and restores are never stale: they
/// need not move the stamp. What was merged away is back only with a later stamp, if ever: Salesforce moves it when a
/// record is undeleted, HubSpot takes no merge back, and its index goes on showing the record as it was.
fn is_stale(old: &Snapshot, seen: &Observation) -> bool {
    let older = matches!((old.modified, seen.modified), (Some(known), Some(shown)) if shown < known);
    let passed = matches!(old.state, RecordState::Live | RecordState::MergedInto(_));
    older && passed && seen.state == RecordState::Live
}

/// Keeps each link's base for a field whose snapshot moves from `before` to `after`.
fn remember(
    links: &mut [Link],
    field: &FieldName,
    before: &Observed,
    after: &Observed,
    old: &Snapshot,
    seen: &Observation,
) {
    let changed = seen
        .modified
        .or(old.modified)
        .map(|until| Interval { after: old.modified.filter(|stamp| *stamp < until), until });
    for link in links {
        let Some(base) = &mut link.base else { continue };
        let entry = base.entries.get(field);
        let agreed = match entry {
            Some(entry) => entry.agreed.clone(),
            None if before.is_known() => Some(before.clone()),
            None => None,
        };
        if agreed.as_ref() == Some(after) {
            base.entries.remove(field);
        } else {
            // A value that cannot be seen has not changed: the interval of a real change is kept.
            let unseen = entry.is_some_and(|entry| entry.sight == Sight::Unseen);
            let held = before.value().is_some() || after.value().is_some();
            let sight = if unseen && !held { Sight::Unseen } else { Sight::Seen };
            let is_change = after.is_known() && sight == Sight::Seen;
            let changed = if is_change { changed } else { entry.and_then(|entry| entry.changed) };
            base.entries.insert(field.clone(), BaseEntry { agreed, changed, sight });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use syncline_model::{Base, EntityId, Evidence, JournalSeq, Kind, LinkState, RecordRef, Value, Version};
    use uuid::Uuid;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn text(value: &str) -> Observed {
        Value::text(value).into()
    }

    fn seen(second: i64, fields: &[(&str, Observed)]) -> Observation {
        Observation {
            record: RecordRef::new("sf", "Account", "001"),
            version: Some(Version(second.to_string().into())),
            modified: Some(at(second)),
            state: RecordState::Live,
            fields: fields.iter().map(|(name, value)| (FieldName::new(name), value.clone())).collect(),
        }
    }

    fn agreed_link() -> Link {
        Link {
            record: RecordRef::new("sf", "Account", "001"),
            facet: Kind::Organisation,
            entity: EntityId(Uuid::nil()),
            state: LinkState::Active,
            evidence: Evidence::First,
            since: JournalSeq(1),
            base: Some(Base::default()),
        }
    }

    fn first(fields: &[(&str, Observed)]) -> Snapshot {
        observe(None, &mut [], &seen(0, fields)).snapshot
    }

    #[test]
    fn a_change_is_remembered_with_its_interval_and_forgotten_when_taken_back() {
        let mut links = [agreed_link()];
        let old = first(&[("Name", text("Acme"))]);
        let moved = observe(Some(&old), &mut links, &seen(10, &[("Name", text("Acme Inc"))]));
        assert_eq!(moved.changed, [FieldName::new("Name")]);
        let entry = links[0].base.as_ref().unwrap().entries["Name"].clone();
        assert_eq!(entry.agreed, Some(text("Acme")));
        assert_eq!(entry.changed, Some(Interval { after: Some(at(0)), until: at(10) }));

        let again = observe(Some(&moved.snapshot), &mut links, &seen(20, &[("Name", text("Acme Ltd"))]));
        let entry = links[0].base.as_ref().unwrap().entries["Name"].clone();
        assert_eq!(entry.agreed, Some(text("Acme")), "the base is what was agreed, not the value in between");
        assert_eq!(entry.changed, Some(Interval { after: Some(at(10)), until: at(20) }));

        observe(Some(&again.snapshot), &mut links, &seen(30, &[("Name", text("Acme"))]));
        assert!(links[0].base.as_ref().unwrap().entries.is_empty());
    }

    #[test]
    fn a_hidden_field_keeps_its_base_and_is_not_a_clear() {
        let mut links = [agreed_link()];
        let old = first(&[("Phone", text("1"))]);
        let hidden = observe(Some(&old), &mut links, &seen(0, &[("Phone", Observed::NotPermitted)]));
        let entry = links[0].base.as_ref().unwrap().entries["Phone"].clone();
        assert_eq!((entry.agreed, entry.changed), (Some(text("1")), None));
        observe(Some(&hidden.snapshot), &mut links, &seen(5, &[("Phone", text("1"))]));
        assert!(
            links[0].base.as_ref().unwrap().entries.is_empty(),
            "shown again unchanged: nothing happened"
        );
    }

    #[test]
    fn an_older_version_from_a_lagging_index_changes_nothing() {
        let mut links = [agreed_link()];
        let old = observe(None, &mut [], &seen(10, &[("Name", text("new"))])).snapshot;
        let stale = observe(Some(&old), &mut links, &seen(9, &[("Name", text("old"))]));
        assert!(!stale.is_news() && !stale.version_moved);
        assert_eq!(stale.snapshot, old);
        let equal = observe(Some(&old), &mut links, &seen(10, &[("Name", text("same second"))]));
        assert!(equal.is_news(), "equal stamps are not older: the same second can hold two edits");
    }

    #[test]
    fn an_index_that_lags_behind_a_merge_does_not_bring_the_loser_back() {
        let mut loser = seen(10, &[]);
        loser.state = RecordState::MergedInto("002".into());
        let merged = observe(Some(&first(&[])), &mut [], &loser).snapshot;
        let stale = observe(Some(&merged), &mut [], &seen(9, &[]));
        assert!(!stale.is_news(), "HubSpot's search shows it as it was before");
        let back = observe(Some(&merged), &mut [], &seen(11, &[]));
        assert!(back.state_changed, "a merged record undeleted in Salesforce");
        let mut deleted = seen(10, &[]);
        deleted.state = RecordState::Deleted;
        let deleted = observe(Some(&first(&[])), &mut [], &deleted).snapshot;
        assert!(observe(Some(&deleted), &mut [], &seen(9, &[])).state_changed, "a restore moves no stamp");
    }

    #[test]
    fn fields_not_read_keep_their_value_and_a_first_read_has_no_base() {
        let mut links = [agreed_link()];
        let old = first(&[("Name", text("Acme"))]);
        let more = observe(
            Some(&old),
            &mut links,
            &seen(0, &[("Name", Observed::NotFetched), ("Phone", text("1"))]),
        );
        assert_eq!(more.snapshot.field("Name"), &text("Acme"));
        assert_eq!(links[0].base.as_ref().unwrap().entries["Phone"].agreed, None);
    }

    #[test]
    fn a_delete_is_news_even_with_an_old_stamp() {
        let old = observe(None, &mut [], &seen(10, &[])).snapshot;
        let mut tombstone = seen(3, &[]);
        tombstone.state = RecordState::Deleted;
        let gone = observe(Some(&old), &mut [], &tombstone);
        assert!(gone.state_changed && gone.is_news());
        assert_eq!(gone.snapshot.state, RecordState::Deleted);
    }
}
