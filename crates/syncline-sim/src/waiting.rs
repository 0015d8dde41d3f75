//! Everything that waits once all is quiet: for a reason, and for one that there is. What has been released does not go on
//! waiting, whether or not anything is missing for it.

use crate::{
    attrs,
    judged::Judged,
    picture::At,
    player::Player,
    script::Access,
    side::Side,
    world::{Broken, finish},
};
use syncline_model::{
    AttributeName, Kind, RecordRef,
    plan::{Held, HeldReason},
};

/// Relations that the oracle reads.
const EDGES: [&str; 4] = ["account", "company", "contacts", "owner"];
/// Entities read at a time.
const PAGE: usize = 500;

impl Player<'_> {
    /// Looks at all that the engine says is waiting.
    pub(crate) fn waits(&mut self) -> Result<(), Broken> {
        // Where nobody can tell what came of a create, and it has no key, a person is asked; what hangs on that waits.
        if self.doubt && !self.profile.keyed() {
            self.looked(Judged::WaitingInDoubt);
            return Ok(());
        }
        let mut idle = Vec::new();
        let mut after = None;
        loop {
            let page = finish("what waits", self.world.store().held(None, after, PAGE))?
                .map_err(|error| Broken::new("what waits", error))?;
            let Some(last) = page.last() else { break };
            after = Some(last.entity);
            for held in page.iter().flat_map(|it| &it.held) {
                if let Some(evidence) = self.idle(held)? {
                    idle.push(evidence);
                }
            }
        }
        for evidence in idle {
            self.violated("liveness", evidence);
        }
        Ok(())
    }

    /// What waits for nothing that there is.
    fn idle(&self, held: &Held) -> Result<Option<String>, Broken> {
        let token = self.token_at(&held.record);
        let thing = token.and_then(|token| self.people.ledger.get(token)).filter(|thing| !thing.murky);
        let Some(thing) = thing.filter(|thing| is_read(thing.kind, held)) else {
            self.looked(Judged::WaitingUnread);
            return Ok(None);
        };
        self.looked(Judged::Waiting);
        let is_missed = if let HeldReason::WaitsForParent { parent, .. } = &held.reason {
            self.is_missed(parent, held)
        } else {
            false
        };
        let is_gone = if let HeldReason::DeletedElsewhere { record, .. } = &held.reason {
            self.is_gone(record)
        } else {
            false
        };
        if is_missed || is_gone || self.bears_out(thing, held) {
            return Ok(None);
        }
        let attribute = held.attribute.as_ref().map_or("*", |name| name.as_str());
        Ok(Some(format!(
            "{} ({}) waits with {attribute}: {}, and that is not so",
            held.record, thing.token, held.reason
        )))
    }

    /// Whether a parent, or a participant, has no record on the side that waits for it: a lead is none.
    fn is_missed(&self, parent: &RecordRef, held: &Held) -> bool {
        let Some(side) = Side::of_connection(held.connection.as_str()) else { return false };
        let Some(token) = self.token_at(parent) else { return true };
        let parent = self.people.ledger.get(token);
        let murky = parent.is_none_or(|it| it.murky || it.disputed);
        // What a hidden site keeps apart is there and not known to be.
        let site = (Side::Salesforce, Kind::Organisation, attrs::SITE);
        let apart = parent.is_some_and(|it| it.kind == Kind::Organisation)
            && self.people.rights.access.get(&site) == Some(&Access::Hidden);
        murky || apart || !self.people.picture.live(side, token).any(|(at, _)| at.object != "Lead")
    }

    fn token_at(&self, record: &RecordRef) -> Option<&str> {
        let side = Side::of_connection(record.connection.as_str())?;
        let known = |at: &&At| at.object == record.object.as_str() && at.id == record.id.as_str();
        attrs::kind_of(record.object.as_str())?;
        let at = self.people.picture.of_side(side).map(|(at, _)| at).find(known)?;
        self.people.picture.records.get(at)?.token.as_deref()
    }
}

/// Whether it is of what the oracle reads.
fn is_read(kind: Kind, held: &Held) -> bool {
    let name = held.attribute.as_ref().map(AttributeName::as_str);
    name.is_none_or(|name| EDGES.contains(&name) || attrs::named(kind, name).is_some())
}
