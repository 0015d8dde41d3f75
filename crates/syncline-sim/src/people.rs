//! What people, administrators and other programs do in the two systems.

mod administrators;
mod changing;
mod fates;
mod making;

pub(crate) use making::site;

use crate::{
    attrs::{self, Attr},
    fault::Fault,
    ledger::Ledger,
    picture::{At, Life, Picture},
    script::{Access, Step},
    side::Side::{self, HubSpot, Salesforce},
    world::{Broken, World},
};
use changing::Way;
use serde_json::{Map, Value as Json, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use syncline_model::Kind;

/// What administrators have changed, as the oracle needs to know it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Rights {
    /// Fields that are not wholly open to the connection's user.
    pub(crate) access: BTreeMap<(Side, Kind, &'static str), Access>,
    /// Fields that were not wholly open at some time since everything was last looked at.
    pub(crate) touched: BTreeSet<(Kind, &'static str)>,
    /// Industries that a side does not offer.
    pub(crate) industries: BTreeSet<(Side, String)>,
}

impl Rights {
    /// Everything was looked at: what is wholly open now may be held against that.
    pub(crate) fn looked_at(&mut self) {
        self.touched = self.access.keys().map(|(_, kind, name)| (*kind, *name)).collect();
        if !self.industries.is_empty() {
            self.touched.insert((Kind::Organisation, "industry"));
        }
    }
}

/// The people of a simulated company.
#[derive(Default)]
pub(crate) struct People {
    pub(crate) ledger: Ledger,
    pub(crate) rights: Rights,
    pub(crate) picture: Picture,
    /// Records that somebody saved, whether a value changed or not.
    pub(crate) saved: BTreeSet<(Side, String)>,
    /// Things that somebody made, by token.
    born: BTreeSet<String>,
    /// Sides where something was done since they were last looked at.
    touched: BTreeSet<Side>,
    /// Records that another transaction holds until it commits.
    locked: BTreeMap<At, jiff::Timestamp>,
    /// When somebody last changed a record of each object of Salesforce, whose stamps are of a second.
    last: BTreeMap<String, i64>,
}

/// How long a transaction that commits late holds its row: no other one gets in between.
const LATE: jiff::SignedDuration = jiff::SignedDuration::from_secs(150);
/// After so many seconds every index shows what was done: more than a late commit and the worst lag take.
const INDEXED: u64 = 400;

/// What became of an act.
enum Act {
    /// Done: both systems are to be looked at.
    Done,
    /// There was nothing to do it to, or the vendor refused.
    Nothing,
}

impl People {
    /// Does a step in the middle of a run. Nobody makes a twin then: no engine can see what comes after its look.
    pub(crate) fn act_meanwhile(&mut self, world: &World, step: &Step) -> Result<(), Broken> {
        if !matches!(step, Step::Twin { .. }) {
            self.act(world, step)?;
        }
        Ok(())
    }

    /// Does a step if it is one of people; `false` where it is one of the engine's.
    pub(crate) fn act(&mut self, world: &World, step: &Step) -> Result<bool, Broken> {
        let act = match step {
            Step::Organisation { side, n } => self.organisation(world, *side, *n),
            Step::Person { side, of, parent, n } => self.person(world, *side, *of, *parent, *n),
            Step::Deal { side, parent, n } => self.deal(world, *side, *parent, *n),
            Step::Twin { thing, n } => self.twin(world, *thing, *n),
            Step::Double { thing } => self.double(world, *thing),
            Step::Edit { side, thing, attribute, n } => {
                self.edit(world, *side, *thing, *attribute, Some(*n), Way::Screen)
            }
            Step::LateEdit { side, thing, attribute, n } => {
                self.edit(world, *side, *thing, *attribute, Some(*n), Way::LateApi)
            }
            Step::Clear { side, thing, attribute } => {
                self.edit(world, *side, *thing, *attribute, None, Way::Screen)
            }
            Step::Conflict { thing, attribute, n, m } => {
                self.edit(world, Salesforce, *thing, *attribute, Some(*n), Way::Screen);
                self.look(world)?;
                self.edit(world, HubSpot, *thing, *attribute, Some(*m), Way::Screen)
            }
            Step::Reassign { side, thing, owner } => self.reassign(world, *side, *thing, *owner),
            Step::Move { side, thing, parent } => self.r#move(world, *side, *thing, *parent),
            Step::Involve { side, deal, person } => self.involve(world, *side, *deal, *person),
            Step::Convert { thing, into, deal } => self.convert(world, *thing, *into, *deal),
            Step::Merge { side, thing, other } => self.merge(world, *side, *thing, *other),
            Step::Delete { side, thing } => self.delete(world, *side, *thing),
            Step::Restore { side, thing } => self.restore(world, *side, *thing),
            Step::Access { side, attribute, access } => self.access(world, *side, *attribute, *access),
            Step::Industry { side, n, offered } => self.industry(world, *side, *n, *offered),
            Step::Wait { seconds } => {
                world.advance(*seconds);
                Act::Nothing
            }
            Step::Skew { side, seconds } => {
                let moved = world.net.control::<Json>(*side, "POST", "clock", &json!({"advance_s": seconds}));
                moved.map_err(Broken)?;
                world.net.cover(|coverage| coverage.fault(Fault::ClockSkew));
                Act::Nothing
            }
            Step::Fault { side, fault, meets, after } => {
                world.net.arm(crate::net::Armed { side: *side, fault: *fault, meets: *meets, after: *after });
                Act::Nothing
            }
            // Done where it is known what was written.
            Step::Overwrite { .. } => Act::Nothing,
            Step::Apply { .. }
            | Step::Webhooks { .. }
            | Step::Sync { .. }
            | Step::Plan { .. }
            | Step::Restart
            | Step::Reconfigure { .. }
            | Step::Answer
            | Step::Quiesce
            | Step::Shuffle { .. }
            | Step::Undo { .. } => return Ok(false),
        };
        if let Act::Done = act {
            self.look(world)?;
        }
        Ok(true)
    }

    /// Takes in what both systems show after an act.
    fn look(&mut self, world: &World) -> Result<(), Broken> {
        let mut after = self.picture.clone();
        for side in std::mem::take(&mut self.touched) {
            after = after.with(side, world.half(side)?);
        }
        self.ledger.now = world.net.now();
        let made = after.records.iter().filter(|(at, _)| !self.picture.records.contains_key(at));
        self.born.extend(made.filter_map(|(_, record)| record.token.clone()));
        world.net.cover(|coverage| coverage.things = self.born.len() as u64);
        self.ledger.absorb(&self.picture, &after);
        self.picture = after;
        Ok(())
    }

    /// A thing by number, live on a side as exactly one record.
    fn one(&self, world: &World, side: Side, number: u32) -> Option<(At, String)> {
        let live: Vec<(&At, &String)> = self
            .picture
            .of_side(side)
            .filter(|(_, record)| record.life == Life::Live)
            .filter_map(|(at, record)| Some((at, record.token.as_ref()?)))
            .collect();
        let at =
            if number == u32::MAX { live.len().checked_sub(1)? } else { number as usize % live.len().max(1) };
        live.get(at)
            .filter(|(at, _)| !self.is_locked(world, at))
            .map(|(at, token)| ((*at).clone(), (*token).clone()))
    }

    fn is_locked(&self, world: &World, at: &At) -> bool {
        self.locked.get(at).is_some_and(|until| *until > world.net.now())
    }

    fn one_of(&self, world: &World, side: Side, object: &str, number: u32) -> Option<(At, String)> {
        let live: Vec<(&At, &String)> = self
            .picture
            .of_side(side)
            .filter(|(at, record)| record.life == Life::Live && at.object == object)
            .filter_map(|(at, record)| Some((at, record.token.as_ref()?)))
            .collect();
        live.get(number as usize % live.len().max(1))
            .filter(|(at, _)| !self.is_locked(world, at))
            .map(|(at, token)| ((*at).clone(), (*token).clone()))
    }

    fn attribute(kind: Kind, number: u32) -> Option<&'static Attr> {
        attrs::meant(attrs::of_kind(kind), number)
    }

    fn admin(&mut self, world: &World, side: Side, act: &Json) -> Option<Json> {
        // Nothing happens twice in a millisecond to one record.
        world.clock.pass(Duration::from_millis(1));
        self.touched.insert(side);
        let made = world.admin(side, act);
        let ids = ["id", "master"].iter().filter_map(|member| act[*member].as_str());
        let from = act["from"].as_str().and_then(|address| address.rsplit('/').next());
        self.saved.extend(ids.chain(from).map(|id| (side, id.to_owned())));
        let shown = match &made {
            Ok(_) => String::new(),
            Err(why) => format!(" refused: {}", why.chars().take(120).collect::<String>()),
        };
        world.net.note(&format!("{} people at {}: {act}{shown}", world.net.now(), side.name()));
        if let (Salesforce, Ok(made)) = (side, &made)
            && let Some(object) = stamped(act, made)
        {
            let second = world.net.now().as_second();
            if self.last.insert(object, second) == Some(second) {
                world.net.cover(|coverage| coverage.fault(Fault::EqualStamps));
            }
        }
        made.ok()
    }

    fn create(
        &mut self,
        world: &World,
        side: Side,
        object: &str,
        fields: Map<String, Json>,
    ) -> Option<String> {
        let member = if side == Salesforce { "fields" } else { "properties" };
        let made = self.admin(world, side, &json!({"do": "create", "object": object, member: fields}))?;
        made["id"].as_str().map(str::to_owned)
    }

    fn change(&mut self, world: &World, at: &At, fields: Map<String, Json>) -> Act {
        let member = if at.side == Salesforce { "fields" } else { "properties" };
        let act = json!({"do": "edit", "object": at.object, "id": at.id, member: fields});
        done(self.admin(world, at.side, &act))
    }

    /// Fields for a new record of a thing.
    fn fields(&self, side: Side, object: &str, token: &str, n: u32) -> Map<String, Json> {
        let mut fields = Map::new();
        let Some(kind) = attrs::kind_of(object) else { return fields };
        for (place, attr) in (0..).zip(attrs::of_kind(kind).filter(|attr| !attr.is_later())) {
            // People leave blanks.
            let number = n.wrapping_add(place * 7);
            let blank = attr.may_be_cleared() && number.is_multiple_of(3);
            if let (false, Some(field)) = (blank, attr.field(side, object)) {
                fields.insert(field.to_owned(), attr.spelt(side, &attr.value(number, token)));
            }
        }
        fields
    }
}

fn done<T>(made: Option<T>) -> Act {
    if made.is_some() { Act::Done } else { Act::Nothing }
}

/// Which object of Salesforce has a new stamp by this act, by the first three characters of its records' ids: those are read
/// together, in the order of their stamps. Setting up stamps no record.
fn stamped(act: &Json, made: &Json) -> Option<String> {
    let id = match act["do"].as_str()? {
        "create" => &made["id"],
        "edit" | "delete" | "undelete" => &act["id"],
        "merge" => &act["master"],
        "convert_lead" => &act["lead"],
        _ => return None,
    };
    id.as_str()?.get(..3).map(str::to_owned)
}
