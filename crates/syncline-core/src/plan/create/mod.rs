//! Sides on which an entity has no record yet: whether one may be created, as what, and with what.

mod known;
mod relations;
mod values;

pub use values::company_binding;

use super::{Draftsman, Parent, Target, TargetState, scope::Scope};
use crate::mapping::{CreateAllowed, FieldState};
use syncline_model::{
    Action, AttributeName, ConnectionName, EdgeName, EntityId, Evidence, FieldChange, FieldName, Kind, Link,
    LinkState, ObjectName, RecordId, RecordRef,
    defect::{Defect, planted},
    plan::{FindingKind, HeldReason},
};

impl Draftsman<'_> {
    pub(super) fn missing_sides(&mut self) {
        let connections: Vec<ConnectionName> = self.model.objects.keys().cloned().collect();
        for connection in connections {
            // A tombstone counts: what was deleted is not brought back (invariant "no resurrection").
            let counts = |link: &Link| {
                let converted = matches!(link.evidence, Evidence::Conversion(_))
                    || matches!(link.state, LinkState::ConvertedTo(_));
                !(planted(Defect::SecondContact) && converted)
            };
            let has = |link: &Link| self.is_own(link) && link.record.connection == connection && counts(link);
            let mut there = self.hood.links.iter().filter(|link| has(link)).peekable();
            if there.peek().is_some() {
                // What an undo took back comes back by undoing that, and the answer to it may be lost.
                if there.all(|link| matches!(link.state, LinkState::Undone(_))) {
                    self.hold_parked(&connection);
                }
                continue;
            }
            match self.scope(&connection) {
                Scope::In => self.missing_side(&connection),
                Scope::Unseen if self.may_be_made(&connection) => self.hold_out_of_scope(&connection),
                Scope::Out if self.lacks_identity(&connection) => {
                    let record = self.sides[0].record.clone();
                    self.find(&record, FindingKind::NoIdentity);
                }
                Scope::Unseen | Scope::Out => {}
            }
        }
    }

    /// Lists a create of which nobody knows what came of it; says whether there is one.
    fn hold_parked(&mut self, connection: &ConnectionName) -> bool {
        let Some(what) = self.hood.parked.get(connection) else { return false };
        let reason = HeldReason::Parked { what: what.clone() };
        self.hold(None, connection, reason, Vec::new());
        true
    }

    fn missing_side(&mut self, connection: &ConnectionName) {
        if self.hold_parked(connection) {
            return;
        }
        let Some(rule) = self.model.create.get(connection).cloned() else { return };
        if rule.allowed != CreateAllowed::Never && self.hold_hidden_key(connection) {
            return;
        }
        let Some(object) = self.object_to_create(&rule.allowed, connection) else { return };
        let Some(fields) = self.new_fields(connection, &object) else { return };
        let Some((references, associations)) = self.new_edges(connection, &object) else { return };
        let mut fields = fields;
        fields.extend(references);
        if fields.is_empty() {
            return;
        }
        let refusal =
            self.hood.refusals.iter().find(|refusal| refusal.is_about_create(connection, &fields)).cloned();
        if let Some(refusal) = refusal {
            self.hold_refused(None, connection, refusal);
            return;
        }
        let record =
            RecordRef { connection: connection.clone(), object: object.clone(), id: RecordId::new("") };
        let all = fields.len();
        let fields = self.without_refused(&record, fields);
        if fields.len() < all && !self.has_required(connection, &object, &fields) {
            return;
        }
        let preconditions = self.preconditions(&fields, None);
        self.push(connection.clone(), Action::Create { object, fields }, preconditions);
        for association in associations {
            let preconditions = self.edge_preconditions(&association);
            self.push(connection.clone(), Action::Associate(association), preconditions);
        }
    }

    /// Whether the fields that a new record must have are among these.
    fn has_required(&self, connection: &ConnectionName, object: &ObjectName, fields: &[FieldChange]) -> bool {
        let given = |field: &FieldName| fields.iter().any(|change| change.field == *field);
        self.model.attributes.iter().filter_map(|attribute| attribute.binding(connection, object)).all(
            |binding| {
                !matches!(binding.field_state, FieldState::Present { required: true, createable: true, .. })
                    || !binding.direction.writes()
                    || given(&binding.field)
            },
        )
    }

    /// What the record would be, if it may be created at all (CRM-3, CRM-14).
    fn object_to_create(
        &mut self,
        allowed: &CreateAllowed,
        connection: &ConnectionName,
    ) -> Option<ObjectName> {
        match allowed {
            CreateAllowed::Never => {
                if self.hood.kind != Kind::User {
                    self.hold(None, connection, HeldReason::ModelForbidsCreate, vec!["config".to_owned()]);
                }
                None
            }
            CreateAllowed::As(object) => Some(object.clone()),
            CreateAllowed::LeadOrContact { lead, contact, edge } => {
                if !planted(Defect::Orphan) && self.waits_for_record(edge, connection) {
                    return None;
                }
                match self.organisation(edge) {
                    Some(entity) if self.is_reachable(entity, connection) => Some(contact.clone()),
                    Some(entity) => {
                        self.plan.pending_organisation = Some(entity);
                        Some(lead.clone())
                    }
                    None => Some(lead.clone()),
                }
            }
            CreateAllowed::AfterParent { object, edge } => {
                match self.parents.get(edge.as_str()).and_then(|parent| parent.entity) {
                    Some(entity) if self.is_reachable(entity, connection) => Some(object.clone()),
                    _ if planted(Defect::Orphan) => Some(object.clone()),
                    Some(entity) => {
                        let wake = vec![format!("entity:{entity}")];
                        self.hold(None, connection, HeldReason::WaitsForAccount, wake);
                        None
                    }
                    None => {
                        let wake = self
                            .parents
                            .get(edge.as_str())
                            .and_then(|parent| parent.unresolved.as_ref())
                            .map(|record| format!("record:{record}"));
                        self.hold(None, connection, HeldReason::WaitsForAccount, wake.into_iter().collect());
                        None
                    }
                }
            }
        }
    }

    /// Whether a person waits for a company that is nobody's yet, or of which somebody is asked whose it is: as what the person
    /// comes to be hangs on it (CRM-5).
    fn waits_for_record(&mut self, edge: &EdgeName, connection: &ConnectionName) -> bool {
        let name = AttributeName::new(edge.as_str());
        let (record, wake) = match self.parents.get(&name) {
            Some(Parent { entity: None, unresolved: Some(record), .. }) => {
                (record.clone(), vec![format!("record:{record}")])
            }
            Some(Parent { entity: Some(entity), .. }) if !self.is_somewhere(*entity) => {
                let asked = |(_, target): &(&RecordRef, &Target)| {
                    target.entity == Some(*entity) && target.state == TargetState::Asked
                };
                let Some((record, _)) = self.hood.targets.iter().find(asked) else { return false };
                (record.clone(), vec![format!("record:{record}"), format!("entity:{entity}")])
            }
            Some(_) | None => return false,
        };
        let model = self.model;
        let Some(edge) = model.edges.iter().find(|candidate| candidate.name == *edge) else { return false };
        self.wait(edge, &name, connection, record, wake).is_none()
    }

    /// The organisation of a person: by relation, else by the domain of the e-mail address.
    fn organisation(&self, edge: &EdgeName) -> Option<EntityId> {
        self.parents.get(edge.as_str()).and_then(|parent| parent.entity).or(self.hood.organisation_by_domain)
    }
}
