//! What an account, that a lead was converted into, is to the organisation that the lead belonged to (CRM-4, CRM-15).

use crate::{
    capture, companies,
    ctx::Ctx,
    error::Error,
    hoods::{domain_key, organisation_names},
    settling::Member,
};
use std::{collections::BTreeMap, sync::Arc};
use syncline_core::{identify, mapping::Mapping};
use syncline_model::{Evidence, Kind, Link, LinkState, RecordRef, Snapshot, review::Question};

/// What a lead and its company had in common when they were linked, by the lead.
pub(crate) fn named_company(link: &Link) -> Option<(RecordRef, Arc<str>)> {
    Some((link.record.clone(), companies::named(link)?.clone()))
}

/// Whether a link is of the account that a lead was converted into.
pub(crate) fn is_of_conversion(link: &Link) -> bool {
    link.facet == Kind::Organisation && matches!(link.evidence, Evidence::Conversion(_))
}

/// What the lead of an account calls its company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Called<'a> {
    /// As the organisation was called that it is linked to.
    AsLinked,
    /// Otherwise.
    Otherwise(&'a str),
    /// It names none, or it was linked by no name.
    Unsaid,
}

/// What the lead that became an account calls its company; `named`: what it was linked by.
pub(crate) fn called<'m>(
    mapping: &Mapping,
    named: &BTreeMap<RecordRef, Arc<str>>,
    member: &Member<'m>,
    account: &Link,
) -> Called<'m> {
    let Evidence::Conversion(id) = &account.evidence else { return Called::Unsaid };
    let is_lead =
        |seen: &&Snapshot| seen.record.connection == account.record.connection && seen.record.id == *id;
    let lead = member.snapshots.iter().flatten().find(is_lead);
    let said = lead.and_then(|lead| Some((named.get(&lead.record)?, companies::called(mapping, lead)?)));
    match said {
        None => Called::Unsaid,
        Some((linked_as, name)) if identify::company_name(linked_as) == identify::company_name(name) => {
            Called::AsLinked
        }
        Some((_, name)) => Called::Otherwise(name),
    }
}

/// What an account, that a lead of an organisation was converted into, is to that organisation.
pub(crate) enum Handover {
    /// It is the organisation's.
    Same,
    /// It is some other one's: the organisation has an account, and whoever converted the lead did not take it; or it was
    /// deleted, and nothing says that it was this one.
    Another,
    /// A person has to say; until then nothing is made of it.
    Asked(Question),
}

/// Whoever converts a lead says which account its company is; but an account with the domain of another organisation is
/// not linked before a person has said that the two are one, nor one that came of a lead that calls its company otherwise.
///
/// # Errors
/// [`Error::Store`]; [`Error::Vendor`].
pub(crate) async fn handover(
    ctx: &Ctx,
    account: &Link,
    called: Called<'_>,
    unseen: bool,
) -> Result<Handover, Error> {
    if unseen {
        capture::records(ctx, std::slice::from_ref(&account.record)).await?;
    }
    let key = domain_key(ctx.mapping());
    let domain = |snapshot: &Snapshot| {
        let keys = identify::keys(ctx.mapping(), Kind::Organisation, snapshot);
        keys.into_iter().find(|found| Some(&found.name) == key.as_ref()).map(|found| found.value)
    };
    let stored = ctx.store.records(std::slice::from_ref(&account.record)).await?.pop();
    let theirs = stored.and_then(|stored| domain(&stored.snapshot?));
    let Some(entity) = ctx.store.entities(&[account.entity]).await?.pop() else { return Ok(Handover::Same) };
    let all = || entity.links.iter().zip(&entity.snapshots);
    let own = all().filter(|(link, _)| {
        link.facet == Kind::Organisation && link.state.is_active() && link.record != account.record
    });
    let own: Vec<_> = own.map(|(link, seen)| (&link.record, seen.as_ref().and_then(domain))).collect();
    let has_one = own.iter().any(|(record, _)| record.connection == account.record.connection);
    if has_one && called != Called::AsLinked {
        return Ok(Handover::Another);
    }
    // Of an organisation that was deleted there is nothing to ask about, but what it was is known.
    let gone = all().filter(|(link, _)| own.is_empty() && link.state == LinkState::Deleted);
    let gone: Vec<_> = gone.map(|(_, seen)| seen.as_ref().and_then(domain)).collect();
    let known = || own.iter().map(|(_, ours)| ours).chain(&gone).flatten();
    let is_called = |name: &str| {
        let name = identify::company_name(name);
        organisation_names(ctx.mapping(), &entity).any(|ours| identify::company_name(ours) == name)
    };
    let why = match (&theirs, called) {
        _ if has_one => "that has an account already",
        (Some(theirs), _) if known().any(|ours| ours == theirs) => return Ok(Handover::Same),
        (Some(_), _) if known().next().is_some() => "their domains differ",
        (_, Called::Otherwise(name)) if !(own.is_empty() && gone.is_empty() || is_called(name)) => {
            "the lead called its company otherwise"
        }
        (_, _) => return Ok(Handover::Same),
    };
    if own.is_empty() {
        // Nothing that is there is the same: the account is of its own.
        return Ok(Handover::Another);
    }
    let mut records: Vec<RecordRef> = own.into_iter().map(|(record, _)| record.clone()).collect();
    records.push(account.record.clone());
    records.sort();
    let key = format!("a lead of the one was converted into the other, and {why}").into();
    Ok(Handover::Asked(Question::SameThing { kind: Kind::Organisation, key, records }))
}
