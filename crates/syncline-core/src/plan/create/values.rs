//! The values of a new record.

use super::super::{Draftsman, align::companion_change, attributes::opts_out};
use crate::mapping::{Attribute, AttributeType, Binding, CreateAllowed, FieldState, Mapping, Rule};
use syncline_model::{
    After, ConnectionName, EdgeName, FieldChange, Kind, ObjectName, Observed, Reason, RecordRef, Value,
    operation::Case, plan::HeldReason,
};

impl Draftsman<'_> {
    /// The values of a new record; `None` where a required one cannot be given, which is listed.
    pub(super) fn new_fields(
        &mut self,
        connection: &ConnectionName,
        object: &ObjectName,
    ) -> Option<Vec<FieldChange>> {
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
        if attribute.rule == Rule::Off {
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
        // A create that is sent again may find a record whose person has opted out since (its answer was lost).
        let value =
            value.filter(|value| *required || attribute.rule != Rule::MostRestrictive || opts_out(value));
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
        let reason = Reason { rule: attribute.rule.word(), case, from };
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
