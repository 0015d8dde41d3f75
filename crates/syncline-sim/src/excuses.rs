//! Which differences at rest stand: those that `explain` names no reason for which what people and administrators did bears
//! out.

use crate::{
    attrs,
    inspect::Fault,
    judged::Judged,
    ledger::{PARENT, Thing},
    picture::{At, Life, Parent},
    player::Player,
    profile::Change,
    script::Access,
    side::Side,
    world::{Broken, finish},
};
use jiff::{SignedDuration, Timestamp};
use syncline_engine::{
    Ctx,
    explain::{self, Explanation},
};
use syncline_model::{
    AttributeName, Kind, LinkState, RecordRef,
    plan::{Held, HeldReason},
};

/// So many edits that are set back within so long park a field, as the engine is configured here (its defaults).
const FLIPS: usize = 3;
const FLIPS_WITHIN: SignedDuration = SignedDuration::from_hours(24);

impl Player<'_> {
    /// A fault stands unless `explain` names a reason for it that the log of people and administrators bears out.
    pub(crate) fn judge(&mut self, thing: &Thing, seen: &[&At], fault: Fault) -> Result<(), Broken> {
        let Some(ctx) = &self.world.ctx else { return Ok(()) };
        let reasons: Vec<Explanation> = seen.iter().map(|at| explained(ctx, at)).collect::<Result<_, _>>()?;
        let held: Vec<&Held> = reasons.iter().flat_map(held_in).collect();
        let concerned = || held.iter().filter(|held| concerns(held, fault.attribute));
        let excused = concerned().any(|held| self.bears_out(thing, held));
        let follows = concerned().any(|held| {
            matches!(held.reason, HeldReason::WaitsForParent { .. } | HeldReason::WaitsForAccount)
        });
        if excused {
            self.looked(Judged::DifferencesExplained);
            return Ok(());
        }
        if (follows && self.parent_waits(ctx, thing)?) || self.other_excuse(thing, &fault) {
            self.looked(Judged::DifferencesExcused);
            return Ok(());
        }
        let shown: Vec<String> = reasons.iter().map(status).collect();
        let evidence = format!("{} (explain: {})", fault.evidence, shown.join("; "));
        self.violated(fault.invariant, evidence);
        Ok(())
    }

    /// A record in force that is alone says why: what was deleted or taken back is known of it, or something waits.
    pub(crate) fn tells(&mut self, thing: &Thing, seen: &[&At]) -> Result<(), Broken> {
        let Some(ctx) = &self.world.ctx else { return Ok(()) };
        let reasons: Vec<Explanation> = seen.iter().map(|at| explained(ctx, at)).collect::<Result<_, _>>()?;
        let silent: Vec<String> = reasons.iter().filter(|it| is_silent(it, thing.kind)).map(status).collect();
        if !silent.is_empty() {
            let evidence = format!(
                "{} is without a counterpart, and nothing says why: {}",
                thing.token,
                silent.join("; ")
            );
            self.violated("no_silence", evidence);
        }
        Ok(())
    }

    /// Whether a parent that people gave it waits itself for somebody's word, and rightly.
    fn parent_waits(&self, ctx: &Ctx, thing: &Thing) -> Result<bool, Broken> {
        let parents = thing.edits(PARENT).iter().filter_map(|edit| edit.value.as_ref());
        for parent in parents.filter_map(|token| self.people.ledger.get(token)) {
            for (at, _) in Side::BOTH.iter().flat_map(|side| self.people.picture.live(*side, &parent.token)) {
                let reasons = explained(ctx, at)?;
                let asks = |held: &Held| {
                    matches!(
                        held.reason,
                        HeldReason::Parked { .. }
                            | HeldReason::Ambiguous { .. }
                            | HeldReason::DeletedElsewhere { .. }
                            | HeldReason::KeyHidden { .. }
                    )
                };
                if held_in(&reasons).any(|held| asks(held) && self.bears_out(parent, held)) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Reasons that no held item tells because there is none to hold.
    fn other_excuse(&self, thing: &Thing, fault: &Fault) -> bool {
        let Some(name) = fault.attribute else { return false };
        // A side that may not see a field takes no part in it.
        let hidden = Side::BOTH.iter().any(|side| {
            self.people.rights.access.get(&(*side, thing.kind, name_of(name))) == Some(&Access::Hidden)
        });
        hidden || thing.ended.len() == Side::BOTH.len()
    }

    /// Whether a record is there and refers to this thing.
    fn refers(&self, child: &RecordRef, thing: &Thing) -> bool {
        self.people.picture.records.iter().any(|(at, record)| {
            at.side.name() == child.connection.as_str()
                && at.object == child.object.as_str()
                && at.id == child.id.as_str()
                && record.life == Life::Live
                && (record.parent == Parent::Thing(thing.token.clone())
                    || record.further.contains(&thing.token)
                    || record.people.contains(&thing.token))
        })
    }

    /// Whether a record is in the bin, or nowhere.
    pub(crate) fn is_gone(&self, record: &RecordRef) -> bool {
        let mut all = self.people.picture.records.iter();
        let mut there = all.by_ref().filter(|(at, _)| {
            at.side.name() == record.connection.as_str()
                && at.object == record.object.as_str()
                && at.id == record.id.as_str()
        });
        !there.any(|(_, there)| there.life == Life::Live)
    }

    /// Whether what people did explains why this is held.
    pub(crate) fn bears_out(&self, thing: &Thing, held: &Held) -> bool {
        let side = Side::of_connection(held.connection.as_str());
        let closed = |name: &str| {
            side.is_some_and(|side| {
                self.people
                    .rights
                    .access
                    .keys()
                    .any(|(at, kind, of)| *at == side && *kind == thing.kind && *of == name)
            })
        };
        let attribute = held.attribute.as_ref().map(AttributeName::as_str);
        let is_industry = attribute == Some("industry");
        match &held.reason {
            HeldReason::NotWritable | HeldReason::NoSuchField => attribute.is_some_and(closed),
            // Whose options may not be seen has none.
            HeldReason::Unmapped { .. } | HeldReason::DoesNotFit { .. } => {
                let hides = |side: &Side| {
                    let seen = (*side, Kind::Organisation, "industry");
                    self.people.rights.access.get(&seen) == Some(&Access::Hidden)
                };
                is_industry && (!self.people.rights.industries.is_empty() || Side::BOTH.iter().any(hides))
            }
            HeldReason::Refused { .. } => {
                (is_industry && !self.people.rights.industries.is_empty()) || attribute.is_some_and(closed)
            }
            HeldReason::ModelForbidsCreate => {
                thing.kind == Kind::Organisation
                    && side == Some(Side::Salesforce)
                    && !self.profile.creates_everywhere()
            }
            HeldReason::WaitsForAccount => thing.kind == Kind::Deal && self.lacks_account(thing),
            // Whoever belongs to what was deleted keeps it on the other side while somebody is asked about that.
            HeldReason::DeletedElsewhere { record, .. }
                if matches!(attribute, Some("company" | "account")) =>
            {
                let mut parents = thing.edits(PARENT).iter().filter_map(|edit| edit.value.as_ref());
                !self.profile.archives()
                    && self.is_gone(record)
                    && parents
                        .any(|token| self.people.ledger.get(token).is_some_and(|it| !it.ended.is_empty()))
            }
            // What was restored after its counterpart was archived waits for somebody's word.
            HeldReason::DeletedElsewhere { referred_by, .. } => {
                let ended = !thing.ended.is_empty() || (self.profile.archives() && thing.was_ended);
                ended && referred_by.as_ref().is_none_or(|child| self.refers(child, thing))
            }
            // What may have come of a create without an answer is asked about, and stays so when its source is deleted.
            HeldReason::Ambiguous { .. } => {
                let lost = self.doubt && !self.profile.keyed() && !thing.ended.is_empty();
                thing.murky || thing.disputed || lost
            }
            HeldReason::MergedElsewhere { .. } => thing.murky,
            HeldReason::Parked { .. } => self.doubt && !self.profile.keyed(),
            // By declaration it waits so long; then it goes ahead without. What belongs to an account that is asked about waits
            // for the answer.
            HeldReason::WaitsForParent { .. } => {
                let mut parents = thing.edits(PARENT).iter().filter_map(|edit| edit.value.as_ref());
                held.until.is_some_and(|until| until > self.world.net.now())
                    || parents.any(|token| self.people.ledger.get(token).is_some_and(|it| it.disputed))
            }
            HeldReason::KeyHidden { hidden_at, object, .. } => {
                let kind = attrs::kind_of(object.as_str());
                Side::of_connection(hidden_at.as_str()).zip(kind).is_some_and(|(side, kind)| {
                    kind == thing.kind
                        && self.people.rights.access.get(&(side, kind, attrs::SITE)) == Some(&Access::Hidden)
                })
            }
            HeldReason::OutOfScope => self.may_be_out_of_scope(thing),
            HeldReason::NoSuchUser { .. }
            | HeldReason::ManualConflict
            | HeldReason::CurrencyMismatch { .. } => false,
            HeldReason::Oscillates => attribute.is_some_and(|name| self.is_set_back(thing, name)),
            HeldReason::Undone { .. } => self.undo.was_undone(&thing.token, attribute),
        }
    }

    /// Whether the company of a deal in HubSpot is no account that is certainly the same.
    fn lacks_account(&self, thing: &Thing) -> bool {
        let picture = &self.people.picture;
        let is_account = |token: &String| {
            let site = (Side::Salesforce, Kind::Organisation, attrs::SITE);
            let known = self.people.rights.access.get(&site) != Some(&Access::Hidden)
                && self.people.ledger.get(token).is_some_and(|it| !it.murky && !it.disputed);
            known && picture.live(Side::Salesforce, token).any(|(at, _)| at.object == "Account")
        };
        picture.live(Side::HubSpot, &thing.token).any(|(_, deal)| {
            match (&deal.parent, deal.further.first()) {
                (Parent::Thing(token), _) => !is_account(token),
                (Parent::None, Some(token)) => deal.further.len() > 1 || !is_account(token),
                (Parent::None | Parent::Nameless, _) => true,
            }
        })
    }

    /// Whether the scope is narrowed to what this thing lacks on some side, or shows on none.
    fn may_be_out_of_scope(&self, thing: &Thing) -> bool {
        let lacks = |side: Side| {
            let mut there = self.people.picture.live(side, &thing.token);
            there.any(|(_, record)| !record.values.contains_key("amount"))
        };
        let is_on = |side: Side| self.people.picture.live(side, &thing.token).next().is_some();
        let hides = |side: Side| {
            self.people.rights.access.get(&(side, Kind::Deal, "amount")) == Some(&Access::Hidden)
        };
        thing.kind == Kind::Deal
            && self.dropped(Change::ScopeOfDeals)
            && (Side::BOTH.into_iter().any(lacks)
                || Side::BOTH.into_iter().filter(|side| is_on(*side)).all(hides))
    }

    /// Whether people so often edited what the other side rules that it counts as something that sets it back (decisions
    /// §1.4).
    fn is_set_back(&self, thing: &Thing, name: &str) -> bool {
        let mut ruled = attrs::of_kind(thing.kind)
            .filter(|attr| name_of(attr.name) == name && self.profile.ruler(thing.kind, attr.name).is_some());
        ruled.any(|attr| {
            Side::BOTH.iter().any(|side| {
                let edits = thing.edits(attr.name).iter().filter(|edit| edit.side == *side);
                let at: Vec<Timestamp> = edits.map(|edit| edit.at).collect();
                at.windows(FLIPS).any(|some| some[FLIPS - 1].duration_since(some[0]) <= FLIPS_WITHIN)
            })
        })
    }
}

fn explained(ctx: &Ctx, at: &At) -> Result<Explanation, Broken> {
    let record = RecordRef::new(at.side.name(), at.object, at.id.as_str());
    finish("explain", explain::explain(ctx, &record))?.map_err(|error| Broken::new("explain", error))
}

fn held_in(explained: &Explanation) -> impl Iterator<Item = &Held> {
    explained.entities.iter().flat_map(|entity| &entity.held).map(|held| &held.held)
}

/// Whether a record is in force, alone, and nothing is known that would tell why.
fn is_silent(explained: &Explanation, kind: Kind) -> bool {
    explained.entities.iter().filter(|entity| entity.kind == kind).any(|entity| {
        let own = entity.links.iter().any(|link| link.record == explained.record && link.state.is_active());
        let ended =
            entity.links.iter().any(|link| matches!(link.state, LinkState::Deleted | LinkState::Undone(_)));
        own && !ended && entity.status.name == "alone" && entity.findings.is_empty()
    })
}

fn concerns(held: &Held, attribute: Option<&'static str>) -> bool {
    match (&held.attribute, attribute) {
        (None, _) => true,
        (Some(held), Some(PARENT)) => matches!(held.as_str(), "company" | "account"),
        (Some(held), Some(attribute)) => held.as_str() == name_of(attribute),
        (Some(_), None) => true,
    }
}

/// The configuration's name of an attribute or pseudo-attribute.
fn name_of(attribute: &'static str) -> &'static str {
    attribute.trim_start_matches('@')
}

fn status(explained: &Explanation) -> String {
    let words: Vec<String> = explained
        .entities
        .iter()
        .map(|entity| {
            let held: Vec<String> = entity
                .held
                .iter()
                .map(|held| {
                    let what = held.held.attribute.as_ref().map_or("*", AttributeName::as_str);
                    format!("{} {what}", held.code)
                })
                .collect();
            format!("{} [{}]", entity.status.name, held.join(", "))
        })
        .collect();
    let words = if words.is_empty() { "nothing known".to_owned() } else { words.join(" | ") };
    format!("{} {words}", explained.record)
}
