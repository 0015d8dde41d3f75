//! The company of a lead (CRM-15). A lead cannot hang on an account: what the person's other records say of its company is
//! kept beside it, and follows them, until the lead is converted.

use super::{Draftsman, Parent};
use crate::mapping::CreateAllowed;
use std::sync::Arc;
use syncline_model::{EntityId, RecordRef};

/// The organisation that a lead is to be linked to until it is converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadCompany {
    /// The lead.
    pub lead: RecordRef,
    /// Which; `None`: the person's other records show none.
    pub organisation: Option<EntityId>,
    /// What it is called.
    pub name: Option<Arc<str>>,
}

impl Draftsman<'_> {
    /// Notes the company of every lead in force. Where it was not read, or is itself in question, what was noted stays.
    pub(super) fn companies_of_leads(&mut self) {
        for side in &self.sides {
            let Some(rule) = self.model.create.get(&side.record.connection) else { continue };
            let CreateAllowed::LeadOrContact { lead, edge, .. } = &rule.allowed else { continue };
            if side.record.object != *lead {
                continue;
            }
            let organisation = match self.parents.get(edge.as_str()) {
                Some(Parent { entity: Some(entity), .. }) if self.is_somewhere(*entity) => Some(*entity),
                Some(Parent { entity: None, orphan: true, .. }) => None,
                Some(_) | None => continue,
            };
            let name = organisation.and_then(|entity| self.hood.names.get(&entity).cloned());
            self.plan.companies.push(LeadCompany { lead: side.record.clone(), organisation, name });
        }
    }

    pub(super) fn is_somewhere(&self, entity: EntityId) -> bool {
        self.hood.records_of.get(&entity).is_some_and(|records| !records.is_empty())
    }
}
