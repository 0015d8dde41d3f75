//! The planner: `plan_entity(neighbourhood, context) -> operations | held`. One entity, its links, snapshots and bases, and
//! the link states of its neighbours; no function takes all records, so plans stream (A4). Dry run and real run call the
//! same function, and `explain` prints what it derived.

mod attributes;
mod create;
mod edges;
mod neighbourhood;
mod preconditions;
mod scope;
mod settle;
mod stand;

pub use neighbourhood::{ClockOffset, Context, Neighbourhood, Refusal, Target, side_digest, side_fields};
pub use preconditions::before_hash;
pub use settle::{LinkChange, Settled, looked_at, settle};

use crate::mapping::{OnDelete, OnLeave};
use std::collections::BTreeMap;
use syncline_model::{
    Action, AttributeName, Base, ConnectionName, EntityId, FieldChange, FieldName, Kind, LinkState, Observed,
    Precondition, Reason, RecordRef, Value,
    operation::{Association, Case},
    plan::{Finding, Held, HeldReason},
    review::Question,
};

/// What is to be done about one entity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityPlan {
    /// In the order of applying.
    pub operations: Vec<Draft>,
    /// What waits, each with the keys whose change releases it.
    pub held: Vec<(Held, Vec<String>)>,
    /// What there is to know.
    pub findings: Vec<Finding>,
    /// Bases that move because the sides were seen to agree; stored without any vendor call.
    pub bases: Vec<(RecordRef, Base)>,
    /// Questions for a person.
    pub questions: Vec<Question>,
    /// The organisation to keep as a pending link of a lead that is created (CRM-15).
    pub pending_organisation: Option<EntityId>,
    /// How each attribute and edge was decided; printed by `explain`.
    pub derivations: Vec<Derivation>,
}

/// An operation before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Where it writes.
    pub connection: ConnectionName,
    /// What it does.
    pub action: Action,
    /// What it was derived from.
    pub preconditions: Vec<Precondition>,
}

/// How one attribute or edge was decided.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Derivation {
    /// Which.
    pub attribute: AttributeName,
    /// The rule in words.
    pub rule: String,
    /// Each side as it went in.
    pub sides: Vec<SideSeen>,
    /// The case of the table; `None`: nothing moved, or a person is asked.
    pub case: Option<Case>,
    /// What all sides are to hold; `None`: blank or undecided.
    pub result: Option<String>,
    /// Whether a person is asked.
    pub asks: bool,
}

/// One side of a derivation.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SideSeen {
    /// The record.
    pub record: RecordRef,
    /// The field.
    pub field: FieldName,
    /// What was agreed last; `None`: nothing.
    pub base: Option<Observed>,
    /// What it shows.
    pub now: Observed,
    /// `same`, `changed`, `cleared`, `unknown` or `no_base`.
    pub stand: &'static str,
}

/// A record in force: one per connection.
pub(crate) struct ActiveSide<'a> {
    pub(crate) record: &'a RecordRef,
    pub(crate) snapshot: &'a syncline_model::Snapshot,
    pub(crate) base: Option<&'a Base>,
}

/// Work in progress on one entity.
pub(crate) struct Draftsman<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) hood: &'a Neighbourhood,
    pub(crate) model: &'a crate::mapping::KindModel,
    pub(crate) sides: Vec<ActiveSide<'a>>,
    /// Changes by the record they go to.
    pub(crate) changes: BTreeMap<RecordRef, Vec<FieldChange>>,
    /// Relations to make or take away, with the record whose relation it is.
    pub(crate) relations: Vec<(ConnectionName, Action)>,
    /// Fields whose base moves to what is shown, by record.
    pub(crate) adopted: BTreeMap<RecordRef, Vec<FieldName>>,
    /// What the attributes are to hold.
    pub(crate) values: BTreeMap<AttributeName, Agreed>,
    /// What the single-target edges are to hold.
    pub(crate) parents: BTreeMap<AttributeName, Parent>,
    pub(crate) plan: EntityPlan,
}

/// The value of an attribute that a new record takes.
#[derive(Debug, Clone)]
pub(crate) struct Agreed {
    pub(crate) value: Value,
    pub(crate) from: ConnectionName,
}

/// The target of a single-target edge.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parent {
    /// The entity, if it is known.
    pub(crate) entity: Option<EntityId>,
    /// A record that a side points to and that is no entity yet.
    pub(crate) unresolved: Option<RecordRef>,
    /// The side it comes from.
    pub(crate) from: Option<ConnectionName>,
}

/// Plans one entity. The same neighbourhood gives the same plan, byte for byte.
pub fn plan_entity(context: &Context<'_>, hood: &Neighbourhood) -> EntityPlan {
    let Some(model) = context.mapping.kinds.get(&hood.kind) else { return EntityPlan::default() };
    let sides = active_sides(hood);
    let mut draftsman = Draftsman {
        context,
        hood,
        model,
        sides,
        changes: BTreeMap::new(),
        relations: Vec::new(),
        adopted: BTreeMap::new(),
        values: BTreeMap::new(),
        parents: BTreeMap::new(),
        plan: EntityPlan::default(),
    };
    draftsman.run();
    draftsman.plan
}

fn active_sides(hood: &Neighbourhood) -> Vec<ActiveSide<'_>> {
    let mut sides: Vec<ActiveSide<'_>> = Vec::new();
    for (link, snapshot) in hood.links.iter().zip(&hood.snapshots) {
        let Some(snapshot) = snapshot else { continue };
        if link.facet != hood.kind || !link.state.is_active() || !snapshot.is_live() {
            continue;
        }
        if sides.iter().any(|side| side.record.connection == link.record.connection) {
            continue;
        }
        sides.push(ActiveSide { record: &link.record, snapshot, base: link.base.as_ref() });
    }
    sides
}

impl Draftsman<'_> {
    fn run(&mut self) {
        if self.sides.is_empty() {
            self.hold_pending();
            return;
        }
        self.attributes();
        self.edges();
        self.deleted();
        self.updates();
        self.missing_sides();
        self.move_bases();
    }

    /// A record that waits for a person's word on what it is.
    fn hold_pending(&mut self) {
        let Some(review) = self.hood.review else { return };
        for link in self.hood.links.iter().filter(|link| link.state == LinkState::Pending && link.facet == self.hood.kind)
        {
            let held = Held {
                entity: self.hood.entity,
                kind: self.hood.kind,
                record: link.record.clone(),
                attribute: None,
                connection: link.record.connection.clone(),
                reason: HeldReason::Ambiguous { review },
                until: None,
            };
            self.plan.held.push((held, vec![format!("review:{review}")]));
        }
    }

    /// What a delete on one side means for the others (CRM-12). The deleted side itself is never written again.
    fn deleted(&mut self) {
        let tombstones: Vec<RecordRef> = self
            .hood
            .links
            .iter()
            .filter(|link| self.is_own(link) && link.state == LinkState::Deleted)
            .filter(|link| !self.sides.iter().any(|side| side.record.connection == link.record.connection))
            .map(|link| link.record.clone())
            .collect();
        let Some(tombstone) = tombstones.first().cloned() else { return };
        match self.model.on_delete {
            OnDelete::Review => {
                self.plan.questions.push(Question::Deleted { entity: self.hood.entity, record: tombstone.clone() });
                let connection = tombstone.connection.clone();
                self.hold(None, &connection, HeldReason::DeletedElsewhere { record: tombstone }, Vec::new());
            }
            OnDelete::Unlink => {}
            OnDelete::Archive => {
                let reason = Reason {
                    rule: "on_delete".into(),
                    case: Case::OneChanged,
                    from: Some(tombstone.connection.clone()),
                };
                let records: Vec<RecordRef> = self.sides.iter().map(|side| side.record.clone()).collect();
                for record in records {
                    self.changes.remove(&record);
                    let connection = record.connection.clone();
                    let action = Action::Archive { record, reason: reason.clone() };
                    self.push(connection, action, Vec::new());
                }
            }
        }
    }

    /// Whether a link is of a record that can be this kind: the organisation facet of a lead (CRM-15) is not.
    pub(crate) fn is_own(&self, link: &syncline_model::Link) -> bool {
        link.facet == self.hood.kind && settle::is_own_object(self.context.mapping, link)
    }

    /// Turns collected changes into update operations, where the record takes part.
    fn updates(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        for (record, mut fields) in changes {
            if self.model.on_leave == OnLeave::Freeze && !self.in_scope(&record.connection) {
                continue;
            }
            fields.retain(|change| self.not_refused(&record.connection, change));
            if fields.is_empty() {
                continue;
            }
            let preconditions = self.preconditions(&fields, Some(&record));
            let connection = record.connection.clone();
            self.push(connection, Action::Update { record, fields }, preconditions);
        }
        for (connection, action) in std::mem::take(&mut self.relations) {
            if self.model.on_leave == OnLeave::Freeze && !self.in_scope(&connection) {
                continue;
            }
            let preconditions = match &action {
                Action::Associate(association) | Action::Dissociate(association) => self.edge_preconditions(association),
                Action::Create { .. } | Action::Update { .. } | Action::Archive { .. } => Vec::new(),
            };
            self.push(connection, action, preconditions);
        }
    }

    /// Whether the vendor has not refused just this change before. A refusal ends when the value or the schema changes
    /// (HUB-4).
    fn not_refused(&mut self, connection: &ConnectionName, change: &FieldChange) -> bool {
        let refusal = self.hood.refusals.iter().find(|refusal| refusal.is_about(connection, change)).cloned();
        match refusal {
            None => true,
            Some(refusal) => {
                let reason = HeldReason::Refused { code: refusal.code, message: refusal.message };
                self.hold(Some(&change.attribute), connection, reason, vec![refusal.wake]);
                false
            }
        }
    }

    /// Stores that the sides agree: entries of adopted fields go, fields without any base are noted as such.
    fn move_bases(&mut self) {
        for side in &self.sides {
            let adopted = self.adopted.remove(side.record).unwrap_or_default();
            let digest = side_digest(self.context.mapping, self.hood.kind, side.record);
            let mut base = self.context.base_under(self.hood.kind, side.record, side.base, digest);
            for field in adopted {
                base.entries.remove(&field);
            }
            if side.base != Some(&base) && (side.base.is_some() || self.settles(&base, side.record)) {
                self.plan.bases.push((side.record.clone(), base));
            }
        }
    }

    /// A first base is stored only once at least one field of it is agreed: until then the link is provisional.
    fn settles(&self, base: &Base, record: &RecordRef) -> bool {
        side_fields(self.context.mapping, self.hood.kind, record)
            .iter()
            .any(|(field, _)| !base.entries.contains_key(field))
    }

    pub(crate) fn push(&mut self, connection: ConnectionName, action: Action, preconditions: Vec<Precondition>) {
        self.plan.operations.push(Draft { connection, action, preconditions });
    }

    pub(crate) fn adopt(&mut self, record: &RecordRef, field: &FieldName) {
        self.adopted.entry(record.clone()).or_default().push(field.clone());
    }

    pub(crate) fn hold(
        &mut self,
        attribute: Option<&AttributeName>,
        connection: &ConnectionName,
        reason: HeldReason,
        wake: Vec<String>,
    ) {
        self.hold_until(attribute, connection, reason, wake, None);
    }

    pub(crate) fn hold_until(
        &mut self,
        attribute: Option<&AttributeName>,
        connection: &ConnectionName,
        reason: HeldReason,
        wake: Vec<String>,
        until: Option<jiff::Timestamp>,
    ) {
        // Named by a record of another side, so that a person finds it: where it would go it may not exist.
        let record = self
            .sides
            .iter()
            .find(|side| side.record.connection != *connection)
            .or_else(|| self.sides.first())
            .map(|side| side.record.clone());
        let Some(record) = record else { return };
        let held = Held {
            entity: self.hood.entity,
            kind: self.hood.kind,
            record,
            attribute: attribute.cloned(),
            connection: connection.clone(),
            reason,
            until,
        };
        self.plan.held.push((held, wake));
    }

    pub(crate) fn find(&mut self, record: &RecordRef, what: syncline_model::plan::FindingKind) {
        self.plan.findings.push(Finding { record: record.clone(), what });
    }

    fn edge_preconditions(&self, association: &Association) -> Vec<Precondition> {
        match &association.from {
            syncline_model::operation::Endpoint::Record(record) => self
                .sides
                .iter()
                .filter(|side| side.record == record)
                .map(|side| preconditions::of(side.snapshot, vec![association.field.clone()]))
                .collect(),
            syncline_model::operation::Endpoint::Entity(_) => Vec::new(),
        }
    }
}

/// The kinds of an entity's links, for callers that only know the entity.
pub fn kind_of(links: &[syncline_model::Link]) -> Option<Kind> {
    links.first().map(|link| link.facet)
}

#[cfg(test)]
mod tests;
