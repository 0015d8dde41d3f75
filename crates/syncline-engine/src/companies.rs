//! The company of a lead (CRM-15): a link of the lead that stays pending until somebody converts it. It says which organisation
//! that is for us, and what it was called when the link was made.

use crate::{ctx::Ctx, error::Error};
use std::sync::Arc;
use syncline_core::plan::LeadCompany;
use syncline_model::{EntityId, Evidence, JournalSeq, Kind, Link, LinkState, RecordRef, journal::Event};
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
        match (known, company.organisation) {
            (Some(link), _) if link.state != LinkState::Pending => {}
            (Some(link), Some(organisation)) if link.entity == organisation => {}
            (_, Some(organisation)) => put(batch, &company.lead, organisation, company.name.clone()),
            // One that was deleted shows nowhere; it is the lead's company all the same, and what the lead is converted into
            // is not made anew on the side that deleted it (CRM-17).
            (Some(link), None) if is_deleted(ctx, &link).await? => {}
            (Some(link), None) => batch.links.push(LinkWrite::Remove(link.record, link.facet)),
            (None, None) => {}
        }
    }
    Ok(())
}

/// Whether nothing of a lead's company is left but what was deleted.
async fn is_deleted(ctx: &Ctx, lead: &Link) -> Result<bool, Error> {
    let entity = ctx.store.entities(&[lead.entity]).await?.pop();
    let links = entity.map(|entity| entity.links).unwrap_or_default();
    let own = || links.iter().filter(|link| link.facet == Kind::Organisation && link.record != lead.record);
    let left = own().any(|link| link.state.is_active());
    Ok(!left && own().any(|link| link.state == LinkState::Deleted))
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
    batch.journal.push(Event::Linked {
        record: link.record.clone(),
        facet: link.facet,
        entity: link.entity,
        state: link.state.clone(),
        evidence: link.evidence.clone(),
    });
    batch.links.push(LinkWrite::Put(link));
}
