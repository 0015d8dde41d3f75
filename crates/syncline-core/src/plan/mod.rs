//! The planner: `plan_entity(neighbourhood, context) -> operations | held`. One entity, its links, snapshots and bases, and
//! the link states of its neighbours; no function takes all records, so plans stream (A4). Dry run and real run call the
//! same function, and `explain` prints what it derived.

mod align;
mod attributes;
mod clocks;
mod company;
mod create;
mod deletes;
mod edges;
mod heirs;
mod inherit;
mod inputs;
mod neighbourhood;
mod notes;
mod preconditions;
mod refused;
mod scope;
mod settle;
mod stand;
mod watch;

pub use company::LeadCompany;
pub use create::company_binding;
pub(crate) use edges::picked;
pub use heirs::{Estate, heirs_first};
pub use inputs::Inputs;
pub use neighbourhood::{
    ClockOffset, Context, Earlier, Neighbourhood, Refusal, RefusedPart, Related, Sides, Target, TargetState,
    side_digest, side_fields,
};
pub use preconditions::{before_hash, of as precondition};
pub use settle::{Beside, LinkChange, Settled, Successor, at_odds, is_of_lead, looked_at, settle};
pub use watch::{TakenBack, Wrote, note_step, note_undone, note_write, shows_same};

use scope::Scope;
use std::collections::BTreeMap;
use syncline_model::{
    Action, AttributeName, Base, BaseEntry, ConnectionName, EntityId, FieldChange, FieldName, Link,
    LinkState, Observed, Precondition, RecordRef, Sight, Value,
    defect::{Defect, planted},
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
    /// The organisations to keep as pending links of leads that are there (CRM-15).
    pub companies: Vec<LeadCompany>,
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
    pub(crate) link: &'a Link,
    pub(crate) snapshot: &'a syncline_model::Snapshot,
}

/// How the base of a field moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Moved {
    /// To what the record shows.
    ToShown,
    /// To this: a set of which only some elements are agreed.
    To(Observed),
}

/// Work in progress on one entity.
pub(crate) struct Draftsman<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) hood: &'a Neighbourhood,
    pub(crate) model: &'a crate::mapping::KindModel,
    pub(crate) sides: Vec<ActiveSide<'a>>,
    /// Their bases as they count now, in the same order.
    pub(crate) bases: Vec<Base>,
    /// Changes by the record they go to.
    pub(crate) changes: BTreeMap<RecordRef, Vec<FieldChange>>,
    /// Relations to make or take away, with the record whose relation it is.
    pub(crate) relations: Vec<(ConnectionName, Action)>,
    /// Fields whose base moves, by position of the side.
    pub(crate) moved: Vec<Vec<(FieldName, Moved)>>,
    /// Whether the sides were seen to agree on anything that two of them carry.
    pub(crate) any_agreed: bool,
    /// What the attributes are to hold.
    pub(crate) values: BTreeMap<AttributeName, Agreed>,
    /// Attributes of which a side shows a value that has no counterpart.
    pub(crate) unmapped: BTreeMap<AttributeName, std::sync::Arc<str>>,
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
    /// The side that the entity comes from.
    pub(crate) from: Option<ConnectionName>,
    /// Two sides can carry the relation, and all that can be read show none.
    pub(crate) orphan: bool,
}

/// Plans one entity. The same neighbourhood gives the same plan, byte for byte.
pub fn plan_entity(context: &Context<'_>, hood: &Neighbourhood) -> EntityPlan {
    let Some(model) = context.mapping.kinds.get(&hood.kind) else { return EntityPlan::default() };
    let sides = active_sides(hood);
    let bases = sides
        .iter()
        .map(|side| context.base_under(hood.kind, side.record, side.link.base.as_ref()))
        .collect();
    let mut draftsman = Draftsman {
        context,
        hood,
        model,
        moved: vec![Vec::new(); sides.len()],
        sides,
        bases,
        changes: BTreeMap::new(),
        relations: Vec::new(),
        any_agreed: false,
        values: BTreeMap::new(),
        unmapped: BTreeMap::new(),
        parents: BTreeMap::new(),
        plan: EntityPlan::default(),
    };
    draftsman.run();
    draftsman.plan
}

/// One record per connection, in the connections' order whatever order the links came in.
fn active_sides(hood: &Neighbourhood) -> Vec<ActiveSide<'_>> {
    let mut sides: Vec<ActiveSide<'_>> = Vec::new();
    for (link, snapshot) in hood.links.iter().zip(&hood.snapshots) {
        if let Some(snapshot) = snapshot
            && link.facet == hood.kind
            && (link.state.is_active() && snapshot.is_live() || is_dead_lead(link))
        {
            sides.push(ActiveSide { record: &link.record, link, snapshot });
        }
    }
    sides.sort_by(|left, right| left.record.cmp(right.record));
    if planted(Defect::DeadLead) {
        sides.sort_by_key(|side| (&side.record.connection, !is_dead_lead(side.link)));
    }
    sides.dedup_by(|later, first| later.record.connection == first.record.connection);
    sides
}

/// Whether a lead goes on standing for its person after its conversion.
fn is_dead_lead(link: &Link) -> bool {
    planted(Defect::DeadLead) && matches!(link.state, LinkState::ConvertedTo(_))
}

impl Draftsman<'_> {
    fn run(&mut self) {
        if self.sides.is_empty() {
            self.hold_pending();
            return;
        }
        self.prune_watches();
        self.attributes();
        self.edges();
        self.companies_of_leads();
        self.deleted();
        self.updates();
        if !self.awaits_delete() {
            self.missing_sides();
        }
        self.hold_undone();
        self.hold_merged();
        self.note_orphans();
        self.note_beaten_leads();
        self.wake_by_clocks();
        self.move_bases();
    }

    /// Whether a link is of a record that can be this kind: the organisation facet of a lead (CRM-15) is not.
    pub(crate) fn is_own(&self, link: &syncline_model::Link) -> bool {
        link.facet == self.hood.kind && settle::is_own_object(self.context.mapping, link)
    }

    /// Turns collected changes into update operations, where the record takes part. A record that left the scope is not
    /// written (CRM-7); what changed meanwhile waits as a change against its base, and is merged when it comes back.
    fn updates(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        for (record, fields) in changes {
            if self.scope(&record.connection) != Scope::In {
                self.hold_out_of_scope(&record.connection);
                continue;
            }
            let fields = self.not_refused_together(&record, fields);
            if fields.is_empty() {
                continue;
            }
            let preconditions = self.preconditions(&fields, Some(&record));
            let connection = record.connection.clone();
            self.push(connection, Action::Update { record, fields }, preconditions);
        }
        let relations = std::mem::take(&mut self.relations);
        for (connection, action) in self.not_refused_relations(relations) {
            if self.scope(&connection) != Scope::In {
                self.hold_out_of_scope(&connection);
                continue;
            }
            let preconditions = match &action {
                Action::Associate(association) | Action::Dissociate(association) => {
                    self.edge_preconditions(association)
                }
                Action::Create { .. } | Action::Update { .. } | Action::Archive { .. } => Vec::new(),
            };
            self.push(connection, action, preconditions);
        }
    }

    /// Stores what the sides were seen to agree on. With one side there is nothing to agree with: a base would only make
    /// what changes before the other side is there look like a conflict.
    fn move_bases(&mut self) {
        if self.sides.len() < 2 {
            return;
        }
        for (position, side) in self.sides.iter().enumerate() {
            // A link is provisional until something is agreed that two sides carry.
            if side.link.base.is_none() && !self.any_agreed {
                continue;
            }
            let mut base = std::mem::take(&mut self.bases[position]);
            for (field, moved) in std::mem::take(&mut self.moved[position]) {
                match moved {
                    Moved::ToShown => {
                        base.entries.remove(&field);
                    }
                    Moved::To(agreed) => {
                        let changed = base.entries.get(&field).and_then(|entry| entry.changed);
                        base.entries
                            .insert(field, BaseEntry { agreed: Some(agreed), changed, sight: Sight::Seen });
                    }
                }
            }
            if side.link.base.as_ref() != Some(&base) {
                self.plan.bases.push((side.record.clone(), base));
            }
        }
    }

    pub(crate) fn push(
        &mut self,
        connection: ConnectionName,
        action: Action,
        preconditions: Vec<Precondition>,
    ) {
        self.plan.operations.push(Draft { connection, action, preconditions });
    }

    /// The base of a side's field moves to what it shows.
    pub(crate) fn adopt(&mut self, position: usize, field: &FieldName) {
        self.moved[position].push((field.clone(), Moved::ToShown));
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
        match self.plan.held.iter_mut().find(|(known, _)| *known == held) {
            Some((_, keys)) => {
                let more: Vec<String> = wake.into_iter().filter(|key| !keys.contains(key)).collect();
                keys.extend(more);
            }
            None => self.plan.held.push((held, wake)),
        }
    }

    pub(crate) fn find(&mut self, record: &RecordRef, what: syncline_model::plan::FindingKind) {
        self.plan.findings.push(Finding { record: record.clone(), what });
    }

    /// The relation as the sides carry it: where it is written, and where it was read.
    pub(crate) fn edge_preconditions(&self, association: &Association) -> Vec<Precondition> {
        let edge = self.model.edges.iter().find(|edge| edge.name == association.edge);
        self.sides
            .iter()
            .filter_map(|side| {
                let binding = edge?.binding(&side.record.connection, &side.record.object)?;
                Some(preconditions::of(side.snapshot, vec![binding.field.clone()]))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
