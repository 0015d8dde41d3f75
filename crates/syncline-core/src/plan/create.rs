//! Sides on which an entity has no record yet: whether one may be created, as what, and with what.

use super::{Draftsman, Parent, attributes::companion_change, attributes::is_user, scope::Scope};
use crate::mapping::{
    Attribute, AttributeType, Binding, Cardinality, Carrier, CreateAllowed, Edge, FieldState, Mapping, Pick,
    Rule,
};
use syncline_model::{
    Action, After, AttributeName, ConnectionName, EdgeName, EntityId, Evidence, FieldChange, FieldName, Kind,
    Link, LinkState, ObjectName, Observed, Reason, RecordId, RecordRef, Value,
    defect::{Defect, planted},
    operation::{Association, Case, Endpoint, Tied},
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
            if self.hood.links.iter().any(has) {
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

    fn missing_side(&mut self, connection: &ConnectionName) {
        if let Some(what) = self.hood.parked.get(connection) {
            let reason = HeldReason::Parked { what: what.clone() };
            self.hold(None, connection, reason, Vec::new());
            return;
        }
        let Some(rule) = self.model.create.get(connection).cloned() else { return };
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
                if !is_user(self.hood.kind) {
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

    /// Whether a person waits for a company that is nobody's yet: as what the person comes to be hangs on it (CRM-5).
    fn waits_for_record(&mut self, edge: &EdgeName, connection: &ConnectionName) -> bool {
        let name = AttributeName::new(edge.as_str());
        let Some(Parent { entity: None, unresolved: Some(record), .. }) = self.parents.get(&name) else {
            return false;
        };
        let (record, model) = (record.clone(), self.model);
        let Some(edge) = model.edges.iter().find(|candidate| candidate.name == *edge) else { return false };
        let wake = vec![format!("record:{record}")];
        self.wait(edge, &name, connection, record, wake).is_none()
    }

    /// The organisation of a person: by relation, else by the domain of the e-mail address.
    fn organisation(&self, edge: &EdgeName) -> Option<EntityId> {
        self.parents.get(edge.as_str()).and_then(|parent| parent.entity).or(self.hood.organisation_by_domain)
    }

    /// The values of a new record; `None` where a required one cannot be given, which is listed.
    fn new_fields(&mut self, connection: &ConnectionName, object: &ObjectName) -> Option<Vec<FieldChange>> {
        let mut fields = Vec::new();
        let mut complete = true;
        let model = self.model;
        for attribute in &model.attributes {
            match self.new_field(attribute, connection, object) {
                Ok(changes) => fields.extend(changes),
                Err(reason) => {
                    let required = attribute.binding(connection, object).is_some_and(|binding| {
                        matches!(binding.field_state, FieldState::Present { required: true, .. })
                    });
                    complete &= !required;
                    let wake = vec![format!("schema:{connection}/{object}"), "config".to_owned()];
                    self.hold(Some(&attribute.name), connection, reason, wake);
                }
            }
        }
        complete.then_some(fields)
    }

    fn new_field(
        &self,
        attribute: &Attribute,
        connection: &ConnectionName,
        object: &ObjectName,
    ) -> Result<Vec<FieldChange>, HeldReason> {
        if attribute.rule == crate::mapping::Rule::Off {
            return Ok(Vec::new());
        }
        let Some(binding) = attribute.binding(connection, object) else { return Ok(Vec::new()) };
        if !binding.direction.writes() {
            return Ok(Vec::new());
        }
        let agreed = self.values.get(&attribute.name);
        let declared = attribute.constant.as_ref().or(match agreed {
            None => attribute.default.as_ref(),
            Some(_) => None,
        });
        if let (None, None, Some(value)) = (declared, agreed, self.unmapped.get(&attribute.name)) {
            return Err(HeldReason::Unmapped { value: value.clone() });
        }
        let (value, case, from) = match (declared, agreed) {
            (Some(declared), _) => (Some(declared), Case::Declared, None),
            (None, Some(agreed)) => (Some(&agreed.value), Case::NewRecord, Some(agreed.from.clone())),
            (None, None) => (None, Case::Declared, None),
        };
        let FieldState::Present { createable, required, .. } = &binding.field_state else {
            return if value.is_some() { Err(HeldReason::NoSuchField) } else { Ok(Vec::new()) };
        };
        let after = match (value, &binding.placeholder) {
            (None, None) if *required => {
                return Err(HeldReason::DoesNotFit {
                    problem: format!(
                        "`{}` is required there and the source has no value for it",
                        binding.field
                    )
                    .into(),
                });
            }
            (None, None) => return Ok(Vec::new()),
            (None, Some(placeholder)) => self
                .company_of_lead(attribute, connection, object)
                .and_then(|name| self.spelled(attribute, binding, connection, Some(&name)).ok())
                .unwrap_or_else(|| After::Value(placeholder.clone())),
            (Some(value), _) => self.spelled(attribute, binding, connection, Some(value))?,
        };
        if !createable {
            return Err(HeldReason::NotWritable);
        }
        let reason = Reason { rule: super::attributes::rule_name(&attribute.rule), case, from };
        let companion = companion_change(attribute, binding, &after, &reason, |_| Observed::Absent);
        let change = FieldChange {
            field: binding.field.clone(),
            attribute: attribute.name.clone(),
            before: Observed::Absent,
            after,
            reason,
        };
        Ok([Some(change), companion].into_iter().flatten().collect())
    }

    /// The name of a new lead's organisation, for the field that stands for it: a text that leads have and contacts, which
    /// have an account instead, have not (CRM-15).
    fn company_of_lead(
        &self,
        attribute: &Attribute,
        connection: &ConnectionName,
        object: &ObjectName,
    ) -> Option<Value> {
        let rule = &self.model.create.get(connection)?.allowed;
        let edge = company_edge(rule, attribute, connection, object)?;
        Value::text(self.hood.names.get(&self.organisation(edge)?)?)
    }

    /// The relations of a new record; `None` where it waits for a parent (CRM-5).
    fn new_edges(
        &mut self,
        connection: &ConnectionName,
        object: &ObjectName,
    ) -> Option<(Vec<FieldChange>, Vec<Association>)> {
        let model = self.model;
        let mut references = Vec::new();
        let mut associations = Vec::new();
        for edge in &model.edges {
            let Some(binding) = edge.binding(connection, object) else { continue };
            let takes_part = edge.rule != Rule::Off && binding.direction.writes();
            if !takes_part || !matches!(binding.field_state, FieldState::Present { .. }) {
                continue;
            }
            let name = AttributeName::new(edge.name.as_str());
            let targets = match edge.cardinality {
                Cardinality::One => self.single_target(edge, &name, connection)?,
                Cardinality::Many => self.set_targets(edge, &name, connection),
            };
            for (entity, from) in targets {
                let reason = Reason {
                    rule: super::attributes::rule_name(&edge.rule),
                    case: Case::NewRecord,
                    from: Some(from),
                };
                match binding.carrier {
                    Carrier::Field => references.push(FieldChange {
                        field: binding.field.clone(),
                        attribute: name.clone(),
                        before: Observed::Absent,
                        after: After::Reference(entity),
                        reason,
                    }),
                    Carrier::Association => associations.push(Association {
                        edge: edge.name.clone(),
                        field: binding.field.clone(),
                        from: Endpoint::Entity(self.hood.entity),
                        to: self.endpoint(entity, connection),
                        role: None,
                        primary: binding.pick == Pick::Primary,
                        row: None,
                        before: Tied::Not,
                        displaces: None,
                        reason,
                    }),
                }
            }
        }
        Some((references, associations))
    }

    /// The target of a single-target edge on a new record. `None`: the record waits.
    fn single_target(
        &mut self,
        edge: &Edge,
        name: &AttributeName,
        connection: &ConnectionName,
    ) -> Option<Vec<(EntityId, ConnectionName)>> {
        let parent = self.parents.get(name).cloned().unwrap_or_default();
        let entity = parent.entity.or_else(|| {
            if self.hood.kind == Kind::Person && edge.to == Kind::Organisation {
                self.hood.organisation_by_domain
            } else {
                None
            }
        });
        let from =
            parent.from.clone().or_else(|| self.sides.first().map(|side| side.record.connection.clone()))?;
        match (entity, parent.unresolved) {
            (Some(entity), _) if self.is_reachable(entity, connection) => Some(vec![(entity, from)]),
            (None, None) => {
                if edge.required {
                    let reason = HeldReason::DoesNotFit {
                        problem: format!("it has no {name}, which is required").into(),
                    };
                    self.hold(Some(name), connection, reason, Vec::new());
                    return None;
                }
                Some(Vec::new())
            }
            (entity, unresolved) => {
                let parent = entity
                    .and_then(|entity| self.record_of(entity, connection))
                    .or(unresolved)
                    .or_else(|| self.sides.first().map(|side| side.record.clone()))?;
                let mut wake = vec![format!("record:{parent}")];
                wake.extend(entity.map(|entity| format!("entity:{entity}")));
                self.wait(edge, name, connection, parent, wake)
            }
        }
    }

    /// Waits for a parent as long as declared; users are never waited for: the record goes ahead without an owner.
    fn wait(
        &mut self,
        edge: &Edge,
        name: &AttributeName,
        connection: &ConnectionName,
        parent: RecordRef,
        wake: Vec<String>,
    ) -> Option<Vec<(EntityId, ConnectionName)>> {
        if planted(Defect::Orphan) {
            return Some(Vec::new());
        }
        let reason = self.waiting(edge, name, parent);
        let since = self.hood.waiting_since.unwrap_or(self.context.now);
        let until = edge.wait.and_then(|wait| since.checked_add(wait).ok());
        // Parents of the same kind may form a circle, so a record goes ahead of them and is placed under them later.
        let orderly = !is_user(edge.to) && edge.to != self.hood.kind;
        let waits = edge.required || (orderly && until.is_some_and(|until| until > self.context.now));
        let attribute = Some(name);
        if waits && !is_user(edge.to) {
            self.hold_until(attribute, connection, reason, wake, until.filter(|_| !edge.required));
            return None;
        }
        self.hold(attribute, connection, reason, wake);
        Some(Vec::new())
    }

    fn set_targets(
        &mut self,
        edge: &Edge,
        name: &AttributeName,
        connection: &ConnectionName,
    ) -> Vec<(EntityId, ConnectionName)> {
        let mut targets = Vec::new();
        for (entity, from) in self.set_of(edge) {
            if self.is_reachable(entity, connection) {
                targets.push((entity, from));
            } else if let Some(source) = self.record_of(entity, connection) {
                let held = self.waiting(edge, name, source);
                self.hold(Some(name), connection, held, vec![format!("entity:{entity}")]);
            }
        }
        targets
    }

    /// Entities that some side relates this one to.
    fn set_of(&self, edge: &Edge) -> std::collections::BTreeMap<EntityId, ConnectionName> {
        let mut found = std::collections::BTreeMap::new();
        for side in &self.sides {
            let Some(binding) = edge.binding(&side.record.connection, &side.record.object) else { continue };
            if !binding.direction.reads() {
                continue;
            }
            let Observed::Value(syncline_model::Value::Refs(refs)) =
                side.snapshot.field(binding.field.as_str())
            else {
                continue;
            };
            for reference in refs {
                let record = RecordRef {
                    connection: side.record.connection.clone(),
                    object: reference.object.clone(),
                    id: reference.id.clone(),
                };
                if let Some(entity) = self.entity_of(&record) {
                    found.entry(entity).or_insert_with(|| side.record.connection.clone());
                }
            }
        }
        found
    }
}

/// The field of a lead that stands for the organisation it has as a contact, if there is one (CRM-15).
pub fn company_binding<'m>(mapping: &'m Mapping, lead: &RecordRef) -> Option<&'m Binding> {
    let model = mapping.kinds.get(&Kind::Person)?;
    let rule = &model.create.get(&lead.connection)?.allowed;
    let named =
        |attribute: &&Attribute| company_edge(rule, attribute, &lead.connection, &lead.object).is_some();
    let attribute = model.attributes.iter().find(named)?;
    attribute.binding(&lead.connection, &lead.object)
}

/// The edge to the organisation that an attribute stands for on new leads: a text that leads have and contacts have not.
fn company_edge<'m>(
    rule: &'m CreateAllowed,
    attribute: &Attribute,
    connection: &ConnectionName,
    object: &ObjectName,
) -> Option<&'m EdgeName> {
    let CreateAllowed::LeadOrContact { lead, contact, edge } = rule else { return None };
    let stands = object == lead
        && attribute.value_type == AttributeType::Text
        && attribute.binding(connection, lead).is_some()
        && attribute.binding(connection, contact).is_none();
    stands.then_some(edge)
}
