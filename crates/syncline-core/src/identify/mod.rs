//! Which records are the same thing (design §6, decisions §2 "First-contact match score"): ranked keys, no score. A key
//! links only one record to one record, and only if no better key says otherwise; everything else is a question for a
//! person. Any permutation of one unlinked set gives the same answer, because an answer depends on the whole set of
//! records that carry the key, never on who asks first.

mod hidden;
mod keys;
mod normal;

pub use hidden::{KeySight, hidden_at, hidden_keys, is_bound, key_sight};
pub use keys::{RecordKey, keys, planted_key, remembered};
pub use normal::{company_name, domain};

use crate::mapping::{KindModel, Mapping, MatchRule};
use std::{collections::BTreeMap, sync::Arc};
use syncline_model::{
    ConnectionName, EntityId, Evidence, Kind, Link, LinkState, RecordRef, Snapshot,
    defect::{Defect, planted},
};

/// A record with its keys, best first, and its link of the kind in question.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Which.
    pub record: RecordRef,
    /// Its keys.
    pub keys: Vec<RecordKey>,
    /// Keys that it may have and does not show.
    pub hidden: Vec<Arc<str>>,
    /// Its link, if it has one.
    pub link: Option<Link>,
    /// The other records in force of its entity.
    pub partners: Vec<RecordRef>,
    /// Records of its entity that are deleted.
    pub former: Vec<RecordRef>,
}

impl Candidate {
    /// Reads keys off a stored record.
    pub fn new(
        mapping: &Mapping,
        kind: Kind,
        snapshot: &Snapshot,
        links: &[Link],
        partners: Vec<RecordRef>,
    ) -> Self {
        Self {
            record: snapshot.record.clone(),
            keys: keys(mapping, kind, snapshot),
            hidden: hidden_keys(mapping, kind, snapshot),
            link: links.iter().find(|link| link.facet == kind).cloned(),
            partners,
            former: Vec::new(),
        }
    }
}

/// What a record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Nothing else is known of it: it gets an entity of its own.
    New,
    /// It belongs to an entity that exists.
    Joins {
        /// Which.
        entity: EntityId,
        /// Why.
        evidence: Evidence,
    },
    /// It and this record, which has no link either, are one thing.
    Pairs {
        /// The others, one a connection.
        with: Vec<RecordRef>,
        /// Why.
        evidence: Evidence,
    },
    /// A second record of an entity on the same side, beaten by a preferred object (a contact beats a lead).
    Beaten {
        /// The record that won.
        by: RecordRef,
    },
    /// A person must say.
    Ambiguous {
        /// The key and value, for the question.
        key: Arc<str>,
        /// All records that carry it, sorted.
        records: Vec<RecordRef>,
    },
}

/// Decides what `record` is. `carriers` are all live records that carry one of its keys, the converted leads that did, and
/// all that carry one of theirs, itself not among them: a pair is made only where each is the other's best. `apart` says
/// of two records that a person declared them not the same.
pub fn identify(
    model: &KindModel,
    record: &Candidate,
    carriers: &[Candidate],
    apart: impl Fn(&RecordRef, &RecordRef) -> bool,
) -> Identity {
    if planted(Defect::NoMatching) {
        return Identity::New;
    }
    let (converted, carriers): (Vec<Candidate>, Vec<Candidate>) =
        carriers.iter().cloned().partition(is_converted);
    let identity = among(model, record, &carriers, &apart);
    let asked = (identity == Identity::New).then(|| left_by_conversion(model, record, &converted, &apart));
    asked.flatten().unwrap_or(identity)
}

/// What it is by the records that are live.
fn among(
    model: &KindModel,
    record: &Candidate,
    carriers: &[Candidate],
    apart: &impl Fn(&RecordRef, &RecordRef) -> bool,
) -> Identity {
    let same_side = |other: &&Candidate| other.record.connection == record.record.connection;
    for (rank, key) in record.keys.iter().enumerate() {
        let sharing: Vec<&Candidate> = carriers
            .iter()
            .filter(|other| other.keys.contains(key) && !apart(&record.record, &other.record))
            .filter(|other| same_side(other) || !is_unsure(model, key, record, other))
            .collect();
        if sharing.is_empty() {
            continue;
        }
        let better = &record.keys[..rank];
        // A record on the same side that a better key tells apart is simply another thing.
        let (contradicted, agreeing): (Vec<&Candidate>, Vec<&Candidate>) =
            sharing.into_iter().partition(|other| contradicts(better, &other.keys));
        let rivals: Vec<&Candidate> = agreeing.iter().copied().filter(|other| same_side(other)).collect();
        let others: Vec<&Candidate> = agreeing.iter().copied().filter(|other| !same_side(other)).collect();
        let doubtful: Vec<&Candidate> = contradicted.into_iter().filter(|other| !same_side(other)).collect();
        if rivals.is_empty() && others.is_empty() && doubtful.is_empty() {
            continue;
        }
        let question = Question { model, record, key, carriers, apart };
        return question.decide(&rivals, &others, &doubtful);
    }
    Identity::New
}

/// Of a lead with this key that was converted into somebody else's contact, as when its own was merged away and undeleted
/// since, the counterparts are without a record on this side: this record may be the one that they are without. A deleted
/// counterpart counts: what was deleted is not made again (invariant 8).
fn left_by_conversion(
    model: &KindModel,
    record: &Candidate,
    converted: &[Candidate],
    apart: &impl Fn(&RecordRef, &RecordRef) -> bool,
) -> Option<Identity> {
    let mine = &record.record;
    record.keys.iter().enumerate().find_map(|(rank, key)| {
        let left = |lead: &&Candidate| {
            lead.record.connection == mine.connection
                && lead.keys.contains(key)
                && !contradicts(&record.keys[..rank], &lead.keys)
                && preference(model, mine) < preference(model, &lead.record)
                && lead.partners.iter().all(|partner| partner.connection != mine.connection)
        };
        let counterparts = |lead: &Candidate| {
            let known = if lead.partners.is_empty() { lead.former.clone() } else { lead.partners.clone() };
            known.into_iter().filter(|other| other.connection != mine.connection && !apart(mine, other))
        };
        let mut records: Vec<RecordRef> = converted.iter().filter(left).flat_map(counterparts).collect();
        if records.is_empty() {
            return None;
        }
        records.push(mine.clone());
        records.sort();
        records.dedup();
        Some(Identity::Ambiguous { key: Arc::from(format!("{}={}", key.name, key.value)), records })
    })
}

fn is_converted(candidate: &Candidate) -> bool {
    candidate.link.as_ref().is_some_and(|link| matches!(link.state, LinkState::ConvertedTo(_)))
}

fn contradicts(better: &[RecordKey], theirs: &[RecordKey]) -> bool {
    better.iter().any(|mine| theirs.iter().any(|other| other.name == mine.name && other.value != mine.value))
}

/// Whether a better key than this might tell two apart, were it not hidden. They stay what they are until it can be seen: what
/// would be made of them waits meanwhile (`key_hidden`).
fn is_unsure(model: &KindModel, key: &RecordKey, mine: &Candidate, theirs: &Candidate) -> bool {
    // What we planted, or another connector left, is proof.
    if key.name.as_ref() == keys::PLANTED || key.name.starts_with(keys::NATIVE) {
        return false;
    }
    let has = |it: &Candidate, name: &Arc<str>| it.keys.iter().any(|key| key.name == *name);
    let hides = |it: &Candidate, name: &Arc<str>| it.hidden.contains(name);
    let better = model.match_keys.iter().take_while(|rule| !keys::makes(rule, key));
    better.filter_map(MatchRule::attribute_key).any(|name| {
        hides(mine, name) && (hides(theirs, name) || has(theirs, name))
            || hides(theirs, name) && has(mine, name)
    })
}

struct Question<'a, F> {
    model: &'a KindModel,
    record: &'a Candidate,
    key: &'a RecordKey,
    carriers: &'a [Candidate],
    apart: &'a F,
}

impl<F: Fn(&RecordRef, &RecordRef) -> bool> Question<'_, F> {
    fn decide(&self, rivals: &[&Candidate], others: &[&Candidate], doubtful: &[&Candidate]) -> Identity {
        let ambiguous = |more: &[&Candidate]| {
            let mut records: Vec<RecordRef> = [rivals, others, doubtful, more]
                .into_iter()
                .flatten()
                .map(|other| other.record.clone())
                .chain([self.record.record.clone()])
                .collect();
            records.sort();
            records.dedup();
            Identity::Ambiguous { key: Arc::from(format!("{}={}", self.key.name, self.key.value)), records }
        };
        if !doubtful.is_empty() {
            return ambiguous(&[]);
        }
        match self.rival(rivals) {
            Rival::None => {}
            Rival::Wins(by) => return Identity::Beaten { by },
            Rival::Equal => return ambiguous(&[]),
        }
        let Some(with) = self.one_a_side(others) else { return ambiguous(&[]) };
        for other in &with {
            let closer = self.closer_to(other);
            if !closer.is_empty() {
                return ambiguous(&closer);
            }
        }
        let evidence = evidence(self.key);
        let mut entities: Vec<EntityId> = with
            .iter()
            .filter_map(|other| other.link.as_ref())
            .filter(|l| l.state.is_active())
            .map(|l| l.entity)
            .collect();
        entities.dedup();
        let is_asked = |other: &&Candidate| {
            let state = other.link.as_ref().map(|link| &link.state);
            matches!(state, Some(LinkState::Pending | LinkState::DuplicateOf(_)))
        };
        match entities.as_slice() {
            // The other one is itself in question, and this one joins that question; or it is a second record of somebody who
            // does not carry the key: that one's link moves by a merge, a conversion or a person's word, not by a key
            // (invariant 12).
            _ if with.iter().any(is_asked) => ambiguous(&[]),
            // Whom it beats (a lead) has a counterpart that does not carry the key any more: it may be the same one's.
            [] if with.is_empty() && rivals.iter().any(|rival| has_counterpart(rival)) => ambiguous(&[]),
            [] if with.is_empty() => Identity::New,
            [] => Identity::Pairs { with: with.iter().map(|other| other.record.clone()).collect(), evidence },
            [_] if with.iter().any(|other| self.is_taken(other)) => ambiguous(&[]),
            [entity] => Identity::Joins { entity: *entity, evidence },
            _ => ambiguous(&[]),
        }
    }

    /// A preferred object on the same side wins if it is the only one of its object (a contact beats a lead, CRM-2).
    fn rival(&self, rivals: &[&Candidate]) -> Rival {
        let mine = preference(self.model, &self.record.record);
        // What this record itself beats does not stand in its way, nor do its equals where somebody beats them all.
        let ranked = |rival: &&&Candidate| preference(self.model, &rival.record).cmp(&mine);
        let mut winners = rivals.iter().filter(|rival| ranked(rival).is_lt());
        match (winners.next(), winners.next()) {
            (Some(winner), None) => Rival::Wins(winner.record.clone()),
            (Some(_), Some(_)) => Rival::Equal,
            (None, _) if rivals.iter().any(|rival| ranked(&rival).is_eq()) => Rival::Equal,
            (None, _) => Rival::None,
        }
    }

    /// The preferred record of each other side, if each side has just one.
    fn one_a_side<'c>(&self, others: &[&'c Candidate]) -> Option<Vec<&'c Candidate>> {
        let mut sides: BTreeMap<&ConnectionName, Vec<&'c Candidate>> = BTreeMap::new();
        for other in others {
            sides.entry(&other.record.connection).or_default().push(other);
        }
        let mut with = Vec::new();
        for candidates in sides.values() {
            let best = candidates.iter().map(|other| preference(self.model, &other.record)).min();
            let mut best_ones =
                candidates.iter().filter(|other| Some(preference(self.model, &other.record)) == best);
            match (best_ones.next(), best_ones.next()) {
                (Some(one), None) => with.push(*one),
                _ => return None,
            }
        }
        Some(with)
    }

    /// Records on this record's side that `other` could mean as well: by a better key, or by the same one although a
    /// better key tells them apart from this record.
    fn closer_to(&self, other: &Candidate) -> Vec<&Candidate> {
        let mine = preference(self.model, &self.record.record);
        let rank = other.keys.iter().position(|key| key == self.key).unwrap_or(other.keys.len());
        let mut closer = Vec::new();
        for (position, key) in other.keys.iter().take(rank + 1).enumerate() {
            closer.extend(self.carriers.iter().filter(|third| {
                third.record.connection == self.record.record.connection
                    && third.record != self.record.record
                    && third.keys.contains(key)
                    && !contradicts(&other.keys[..position], &third.keys)
                    && (position < rank || preference(self.model, &third.record) <= mine)
                    && !(self.apart)(&third.record, &other.record)
            }));
        }
        closer
    }

    /// Whether the other record's entity already has a record on this side.
    fn is_taken(&self, other: &Candidate) -> bool {
        let mine = &self.record.record;
        other.partners.iter().any(|partner| partner.connection == mine.connection && partner != mine)
    }
}

/// Whether a record, or the one that it is a second record beside, has a counterpart in force on another side.
fn has_counterpart(candidate: &Candidate) -> bool {
    let state = candidate.link.as_ref().map(|link| &link.state);
    let linked = matches!(state, Some(LinkState::Active | LinkState::DuplicateOf(_)));
    linked && candidate.partners.iter().any(|partner| partner.connection != candidate.record.connection)
}

enum Rival {
    None,
    Wins(RecordRef),
    Equal,
}

/// Position of a record's object in its connection's order of preference.
fn preference(model: &KindModel, record: &RecordRef) -> usize {
    model
        .objects
        .get(&record.connection)
        .and_then(|objects| objects.iter().position(|object| *object == record.object))
        .unwrap_or(usize::MAX)
}

fn evidence(key: &RecordKey) -> Evidence {
    match key.name.as_ref() {
        keys::PLANTED => Evidence::Planted,
        name if name.starts_with(keys::NATIVE) => Evidence::NativeConnector,
        _ => Evidence::Key { key: key.name.clone(), value: key.value.clone() },
    }
}

#[cfg(test)]
mod tests;
