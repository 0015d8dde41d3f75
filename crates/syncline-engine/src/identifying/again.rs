//! A second look at records that stand alone. Between the run that found nothing to know a record by and the one that makes
//! its counterpart, people and merges give its keys to records that have an entity already: those never come up for
//! identification, so it is this record that is looked at again.

use super::Page;
use crate::{capture, ctx::Ctx, error::Error, parked::Lost, planning::Keep, settling};
use std::collections::BTreeSet;
use syncline_core::{identify::Identity, plan::Neighbourhood};
use syncline_kit::vendor::Listing;
use syncline_model::{Evidence, Kind, Link, LinkState, RecordRef, review::Question};

/// The record of an entity that stands alone since before this run looked: nothing was ever agreed on it, and no other
/// record was ever linked to it.
pub(crate) fn alone(ctx: &Ctx, hood: &Neighbourhood) -> Option<RecordRef> {
    let mut links = hood.links.iter().zip(&hood.snapshots).filter(|(link, _)| link.facet == hood.kind);
    let (Some((link, Some(snapshot))), None) = (links.next(), links.next()) else { return None };
    let earlier = link.since <= ctx.identified_from;
    (earlier && snapshot.is_live() && is_first(link)).then(|| link.record.clone())
}

fn is_first(link: &Link) -> bool {
    link.state.is_active() && link.evidence == Evidence::First && link.base.is_none()
}

/// Looks at such records again; says whether links moved, or what is stored of them.
///
/// # Errors
/// [`Error::Store`]; [`Error::Vendor`] where one could not be read.
pub(crate) async fn look(ctx: &Ctx, keep: Keep, kind: Kind, records: Vec<RecordRef>) -> Result<bool, Error> {
    if records.is_empty() {
        return Ok(false);
    }
    let read = match keep {
        Keep::Written => read_late(ctx, &records).await?,
        Keep::Stored | Keep::Nothing => false,
    };
    let apart: BTreeSet<String> = ctx.store.list("apart/").await?.into_iter().map(|(key, _)| key).collect();
    let mut lost = Lost::default();
    let wanted = records.into_iter().map(|record| (kind, record)).collect();
    let mut page = Page::new(ctx, &apart, &mut lost, wanted);
    let settled = page.load().await?;
    for (kind, record) in std::mem::take(&mut page.wanted) {
        page.again(kind, &record);
    }
    let moved = read || settled || page.done.linked > 0;
    page.commit().await?;
    Ok(moved)
}

/// A list that follows at a distance may still show a record that was merged or deleted since the run that read it by id.
async fn read_late(ctx: &Ctx, records: &[RecordRef]) -> Result<bool, Error> {
    let late = |record: &&RecordRef| {
        ctx.connections.get(&record.connection).is_some_and(|it| it.vendor.listing() == Listing::Late)
    };
    let late: Vec<RecordRef> = records.iter().filter(late).cloned().collect();
    let read = capture::records(ctx, &late).await?;
    settling::succeeded(ctx).await?;
    Ok(read.changed > 0)
}

impl Page<'_> {
    fn again(&mut self, kind: Kind, record: &RecordRef) {
        let Some(model) = self.ctx.mapping().kinds.get(&kind) else { return };
        // What was settled while the page was loaded, or joined it on this page, has its answer.
        let Some(link) = self.link_of(kind, record).filter(is_first) else { return };
        if self.members.get(&link.entity).is_some_and(|members| members.len() > 1) {
            return;
        }
        match self.identity(model, record) {
            Identity::New => {}
            Identity::Pairs { with, evidence } => {
                for other in with {
                    self.put(&other, kind, link.entity, LinkState::Active, evidence.clone());
                }
            }
            Identity::Ambiguous { key, records } => {
                self.ask(kind, record, link.entity, Question::SameThing { kind, key, records });
            }
            identity @ (Identity::Joins { .. } | Identity::Beaten { .. }) => {
                self.accept(model, record, identity);
            }
        }
    }
}
