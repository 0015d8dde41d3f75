//! The company of a lead (CRM-15): a link of the lead that stays pending until somebody converts it. It says which organisation
//! that is for us, and what it was called when the link was made.

use crate::{ctx::Ctx, error::Error};
use std::sync::Arc;
use syncline_core::{
    identify,
    mapping::Mapping,
    plan::{LeadCompany, company_binding},
};
use syncline_model::{EntityId, Evidence, JournalSeq, Kind, Link, LinkState, RecordRef, Snapshot};
use syncline_store::{Batch, LinkWrite};

/// Keeps what plans say of the companies of leads, where that is not what is kept.
///
/// # Errors
/// [`Error::Store`].
pub(crate) async fn keep(ctx: &Ctx, batch: &mut Batch, companies: &[&LeadCompany]) -> Result<(), Error> {
    if companies.is_empty() {
        return Ok(());
    }
    let leads: Vec<RecordRef> = companies.iter().map(|company| company.lead.clone()).collect();
    for (company, stored) in companies.iter().zip(ctx.store.records(&leads).await?) {
        let known = stored.links.into_iter().find(|link| link.facet == Kind::Organisation);
        let called = stored.snapshot.as_ref().and_then(|lead| called(ctx.mapping(), lead));
        let is_called = |name: Option<&Arc<str>>| match (called, name) {
            (Some(called), Some(name)) => identify::company_name(called) == identify::company_name(name),
            _ => false,
        };
        match (known, company.organisation) {
            (Some(link), _) if link.state != LinkState::Pending => {}
            (Some(link), Some(organisation)) if link.entity == organisation => {}
            // While it calls its company as it is linked, an account that it is converted into is that company and not
            // another one, whatever became of the contact's.
            (Some(link), _) if is_called(named(&link)) && !is_called(company.name.as_ref()) => {}
            (_, Some(organisation)) => put(batch, &company.lead, organisation, company.name.clone()),
            (Some(link), None) => batch.links.push(LinkWrite::Remove(link.record, link.facet)),
            (None, None) => {}
        }
    }
    Ok(())
}

/// What the two had in common when a lead was linked to its company.
pub(crate) fn named(link: &Link) -> Option<&Arc<str>> {
    let Evidence::CompanyNamed { name } = &link.evidence else { return None };
    Some(name)
}

/// Leads whose organisation has lost its last record to another one, at a person's word, go with it.
pub(crate) fn follow(batch: &mut Batch, left: &[Link], moved: &[RecordRef], organisation: EntityId) {
    let (leads, own): (Vec<&Link>, Vec<&Link>) =
        left.iter().filter(|link| link.facet == Kind::Organisation).partition(|link| is_of_lead(link));
    if own.iter().all(|link| !link.state.is_active() || moved.contains(&link.record)) {
        for lead in leads {
            put(batch, &lead.record, organisation, named(lead).cloned());
        }
    }
}

fn is_of_lead(link: &Link) -> bool {
    let says_so = matches!(link.evidence, Evidence::CompanyNamed { .. } | Evidence::CompanyOfLead);
    link.state == LinkState::Pending && says_so
}

/// What a lead calls its company. What only stands for a name says nothing.
pub(crate) fn called<'s>(mapping: &Mapping, lead: &'s Snapshot) -> Option<&'s str> {
    let binding = company_binding(mapping, &lead.record)?;
    let called = lead.field(binding.field.as_str()).value()?;
    called.as_str().filter(|_| binding.placeholder.as_ref() != Some(called))
}

/// Links a lead to its organisation until it is converted; `name`: what the two have in common.
pub(crate) fn put(batch: &mut Batch, lead: &RecordRef, organisation: EntityId, name: Option<Arc<str>>) {
    let evidence = match name {
        Some(name) => Evidence::CompanyNamed { name },
        None => Evidence::CompanyOfLead,
    };
    let link = Link {
        record: lead.clone(),
        facet: Kind::Organisation,
        entity: organisation,
        state: LinkState::Pending,
        evidence,
        since: JournalSeq::default(),
        base: None,
    };
    batch.link(link);
}
