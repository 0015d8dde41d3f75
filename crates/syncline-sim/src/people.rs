//! What people, administrators and other programs do in the two systems.

use crate::{
    attrs::{self, Attr, Type},
    fault::Fault,
    ledger::{Ledger, PARENT},
    picture::{At, Life, Parent, Picture},
    script::{Access, Dealing, Offered, PersonAs, Step},
    side::Side::{self, HubSpot, Salesforce},
    world::{Broken, World},
};
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

/// The people of a simulated company.
#[derive(Default)]
pub(crate) struct People {
    pub(crate) ledger: Ledger,
    pub(crate) rights: Rights,
    pub(crate) picture: Picture,
    /// Records that somebody saved, whether a value changed or not.
    pub(crate) saved: BTreeSet<(Side, String)>,
    /// Sides where something was done since they were last looked at.
    touched: BTreeSet<Side>,
    /// Records that another transaction holds until it commits.
    locked: BTreeMap<At, jiff::Timestamp>,
    /// When somebody last changed something on each side, in the vendor's seconds.
    last: BTreeMap<Side, i64>,
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
                let moved = world.net.control(*side, "POST", "clock", &json!({"advance_s": seconds}));
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
            Step::Webhooks { .. }
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
        self.ledger.absorb(&self.picture, &after);
        self.picture = after;
        Ok(())
    }

    // ---- which

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
        let all: Vec<&'static Attr> = attrs::of_kind(kind).collect();
        all.get(number as usize % all.len().max(1)).copied()
    }

    // ---- acts

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
        let second = world.net.now().as_second();
        if made.is_ok() && self.last.insert(side, second) == Some(second) {
            world.net.cover(|coverage| coverage.fault(Fault::EqualStamps));
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
        for (place, attr) in (0..).zip(attrs::of_kind(kind)) {
            // People leave blanks.
            let number = n.wrapping_add(place * 7);
            let blank = attr.may_be_cleared() && number.is_multiple_of(3);
            if let (false, Some(field)) = (blank, attr.field(side, object)) {
                fields.insert(field.to_owned(), attr.spelt(side, &attr.value(number, token)));
            }
        }
        fields
    }

    fn organisation(&mut self, world: &World, side: Side, n: u32) -> Act {
        let token = self.ledger.thing(Kind::Organisation);
        self.company(world, side, &token, n)
    }

    fn company(&mut self, world: &World, side: Side, token: &str, n: u32) -> Act {
        let object = if side == Salesforce { "Account" } else { "companies" };
        if let Some(thing) = self.ledger.get_mut(token) {
            thing.sited = true;
        }
        let mut fields = self.fields(side, object, token, n);
        let (field, site) = site(side, token);
        fields.insert(field.to_owned(), site);
        done(self.create(world, side, object, fields))
    }

    fn person(&mut self, world: &World, side: Side, of: PersonAs, parent: Option<u32>, n: u32) -> Act {
        let token = self.ledger.thing(Kind::Person);
        self.somebody(world, side, of, &token, parent, n)
    }

    fn somebody(
        &mut self,
        world: &World,
        side: Side,
        of: PersonAs,
        token: &str,
        parent: Option<u32>,
        n: u32,
    ) -> Act {
        let object = match (side, of) {
            (HubSpot, _) => "contacts",
            (Salesforce, PersonAs::Lead) => "Lead",
            (Salesforce, PersonAs::Contact) => "Contact",
        };
        let mut fields = self.fields(side, object, token, n);
        let email = format!("{token}@people.example");
        fields.insert(if side == Salesforce { "Email" } else { "email" }.to_owned(), json!(email));
        if n.is_multiple_of(17) {
            fields.remove(if side == Salesforce { "Email" } else { "email" });
        }
        match object {
            "Lead" => {
                // Unborn until the lead is converted.
                let firm = self.ledger.thing(Kind::Organisation);
                fields.insert("Company".to_owned(), json!(format!("Firm {firm}")));
            }
            "Contact" => {
                if let Some((account, _)) =
                    parent.and_then(|parent| self.one_of(world, side, "Account", parent))
                {
                    fields.insert("AccountId".to_owned(), json!(account.id));
                }
            }
            _ => {}
        }
        let Some(id) = self.create(world, side, object, fields) else { return Act::Nothing };
        if side == HubSpot
            && let Some((company, _)) = parent.and_then(|n| self.one_of(world, side, "companies", n))
        {
            self.tie(world, &format!("contacts/{id}"), &company);
        }
        Act::Done
    }

    fn tie(&mut self, world: &World, from: &str, company: &At) {
        let to = format!("{}/{}", company.object, company.id);
        self.admin(world, HubSpot, &json!({"do": "associate", "from": from, "to": to}));
    }

    fn deal(&mut self, world: &World, side: Side, parent: Option<u32>, n: u32) -> Act {
        let token = self.ledger.thing(Kind::Deal);
        let object = if side == Salesforce { "Opportunity" } else { "deals" };
        let mut fields = self.fields(side, object, &token, n);
        if side == HubSpot {
            fields.insert("pipeline".to_owned(), json!("default"));
        } else if let Some((account, _)) = parent.and_then(|n| self.one_of(world, side, "Account", n)) {
            fields.insert("AccountId".to_owned(), json!(account.id));
        }
        let Some(id) = self.create(world, side, object, fields) else { return Act::Nothing };
        if side == HubSpot
            && let Some((company, _)) = parent.and_then(|n| self.one_of(world, side, "companies", n))
        {
            self.tie(world, &format!("deals/{id}"), &company);
        }
        Act::Done
    }

    /// The same organisation or person on the other side, which nobody has linked yet. Deals have no key to be known by.
    fn twin(&mut self, world: &World, thing: u32, n: u32) -> Act {
        let alone: Vec<(At, Kind, String)> = self
            .picture
            .records
            .iter()
            .filter(|(_, record)| record.life == Life::Live && record.kind != Kind::Deal)
            .filter_map(|(at, record)| Some((at.clone(), record.kind, record.token.clone()?)))
            .filter(|(at, _, token)| {
                let thing = self.ledger.get(token);
                self.picture.live(at.side.other(), token).next().is_none()
                    && thing.is_some_and(|thing| {
                        let known_by = thing.sited || thing.kind == Kind::Person;
                        known_by && thing.ended.is_empty() && !thing.murky && !thing.met
                    })
            })
            .collect();
        let Some(last) = alone.len().checked_sub(1) else { return Act::Nothing };
        let number = if thing == u32::MAX { last } else { thing as usize % alone.len() };
        let (at, kind, token) = alone[number].clone();
        let side = at.side.other();
        // Nobody can find what no index shows yet: people who do the same on both sides within minutes make two. But for
        // people at HubSpot, who have one address once.
        if !(kind == Kind::Person && side == HubSpot && n.is_multiple_of(2)) {
            world.advance(INDEXED);
        }
        let act = match kind {
            Kind::Organisation => self.company(world, side, &token, n),
            Kind::Person | Kind::Deal | Kind::User => {
                let email =
                    self.picture.records.get(&at).and_then(|record| record.values.get("email").cloned());
                if email.as_deref() != Some(format!("{token}@people.example").as_str()) {
                    return Act::Nothing;
                }
                self.somebody(world, side, PersonAs::Lead, &token, None, n - n % 17 + 1)
            }
        };
        if !(kind == Kind::Person && side == HubSpot && n.is_multiple_of(2)) {
            world.advance(INDEXED);
        }
        act
    }

    fn double(&mut self, world: &World, thing: u32) -> Act {
        let Some((at, token)) = self.one(world, Salesforce, thing) else { return Act::Nothing };
        if at.object != "Account" && at.object != "Lead" {
            return Act::Nothing;
        }
        if let Some(thing) = self.ledger.get_mut(&token) {
            (thing.murky, thing.twofold) = (true, true);
        }
        if at.object == "Account" {
            self.company(world, Salesforce, &token, thing)
        } else {
            self.somebody(world, Salesforce, PersonAs::Lead, &token, None, thing - thing % 17 + 1)
        }
    }

    fn edit(
        &mut self,
        world: &World,
        side: Side,
        thing: u32,
        attribute: u32,
        n: Option<u32>,
        way: Way,
    ) -> Act {
        let Some((at, token)) = self.one(world, side, thing) else { return Act::Nothing };
        let Some(kind) = attrs::kind_of(at.object) else { return Act::Nothing };
        let Some(attr) = Self::attribute(kind, attribute) else { return Act::Nothing };
        let Some(field) = attr.field(side, at.object) else { return Act::Nothing };
        let value = match n {
            Some(n) => attr.spelt(side, &attr.value(n, &token)),
            None if !attr.may_be_cleared() => return Act::Nothing,
            None if side == Salesforce => Json::Null,
            None => json!(""),
        };
        // An address that changes before both sides met is no key any more.
        if let (Type::Email, Some(thing)) = (attr.of, self.ledger.get_mut(&token))
            && !thing.met
            && self.picture.live(side.other(), &token).next().is_some()
        {
            (thing.murky, thing.twofold) = (true, true);
        }
        let fields = Map::from_iter([(field.to_owned(), value)]);
        match way {
            Way::Screen => self.change(world, &at, fields),
            Way::LateApi => {
                let fields = Json::Object(fields);
                world.clock.pass(Duration::from_millis(1));
                self.touched.insert(side);
                let made = world.net.foreign_edit(side, at.object, &at.id, &fields, true);
                world.net.note(&format!("{} a program at {at}: {fields} {made:?}", world.net.now()));
                if made.is_err() {
                    return Act::Nothing;
                }
                let until = world.net.now().checked_add(LATE).unwrap_or(jiff::Timestamp::MAX);
                self.saved.insert((side, at.id.clone()));
                self.locked.insert(at, until);
                world.net.cover(|coverage| coverage.fault(Fault::LateCommit));
                Act::Done
            }
        }
    }

    /// Somebody changes this value of this record.
    pub(crate) fn overwrite(
        &mut self,
        world: &World,
        at: &At,
        token: &str,
        attr: &Attr,
        n: u32,
    ) -> Result<(), Broken> {
        if let Some(field) = attr.field(at.side, at.object) {
            let value = attr.spelt(at.side, &attr.value(n, token));
            self.change(world, at, Map::from_iter([(field.to_owned(), value)]));
        }
        self.look(world)
    }

    fn reassign(&mut self, world: &World, side: Side, thing: u32, owner: u32) -> Act {
        let Some((at, _)) = self.one(world, side, thing) else { return Act::Nothing };
        let shared = world.owners.shared();
        let Some(email) = shared.get(owner as usize % shared.len().max(1)) else { return Act::Nothing };
        let Some(id) = world.owners.id(side, email) else { return Act::Nothing };
        let field = if side == Salesforce { "OwnerId" } else { "hubspot_owner_id" };
        self.change(world, &at, Map::from_iter([(field.to_owned(), json!(id))]))
    }

    fn r#move(&mut self, world: &World, side: Side, thing: u32, parent: Option<u32>) -> Act {
        let Some((at, _)) = self.one(world, side, thing) else { return Act::Nothing };
        if !matches!(at.object, "Contact" | "Opportunity" | "contacts" | "deals") {
            return Act::Nothing;
        }
        if side == Salesforce {
            let account = parent.and_then(|n| self.one_of(world, side, "Account", n)).map(|(at, _)| at.id);
            return self.change(world, &at, Map::from_iter([("AccountId".to_owned(), json!(account))]));
        }
        let from = format!("{}/{}", at.object, at.id);
        let old = self.picture.records.get(&at).map(|record| record.parent.clone());
        if let Some(Parent::Thing(token)) = old {
            let companies: Vec<At> = self.picture.live(side, &token).map(|(at, _)| at.clone()).collect();
            for company in companies {
                let to = format!("{}/{}", company.object, company.id);
                self.admin(world, side, &json!({"do": "dissociate", "from": from, "to": to}));
            }
        }
        if let Some((company, _)) = parent.and_then(|n| self.one_of(world, side, "companies", n)) {
            self.tie(world, &from, &company);
        }
        Act::Done
    }

    fn involve(&mut self, world: &World, side: Side, deal: u32, person: u32) -> Act {
        let (deals, people) =
            if side == Salesforce { ("Opportunity", "Contact") } else { ("deals", "contacts") };
        let Some((deal, _)) = self.one_of(world, side, deals, deal) else { return Act::Nothing };
        let Some((person, token)) = self.one_of(world, side, people, person) else { return Act::Nothing };
        if self.picture.records.get(&deal).is_some_and(|record| record.people.contains(&token)) {
            return Act::Nothing;
        }
        if side == Salesforce {
            let fields = json!({"OpportunityId": deal.id, "ContactId": person.id});
            let act = json!({"do": "create", "object": "OpportunityContactRole", "fields": fields});
            return done(self.admin(world, side, &act));
        }
        let (from, to) = (format!("deals/{}", deal.id), format!("contacts/{}", person.id));
        done(self.admin(world, side, &json!({"do": "associate", "from": from, "to": to})))
    }

    fn convert(&mut self, world: &World, thing: u32, into: Option<u32>, deal: Dealing) -> Act {
        let Some((lead, token)) = self.one_of(world, Salesforce, "Lead", thing) else { return Act::Nothing };
        let mut act =
            json!({"do": "convert_lead", "lead": lead.id, "no_opportunity": deal == Dealing::WithoutDeal});
        if deal == Dealing::WithDeal {
            let token = self.ledger.thing(Kind::Deal);
            act["opportunity_name"] = json!(format!("Won {token}"));
        }
        if let Some((account, chosen)) = into.and_then(|n| self.one_of(world, Salesforce, "Account", n)) {
            act["account"] = json!(account.id);
            self.say_one(&token, &chosen);
        }
        done(self.admin(world, Salesforce, &act))
    }

    /// Who converts a person into an account says that it is the person's company, whatever either was called before.
    fn say_one(&mut self, person: &str, account: &str) {
        let edits = self.ledger.get(person).map(|person| person.edits(PARENT)).unwrap_or_default();
        let companies: BTreeSet<String> =
            edits.iter().filter_map(|edit| edit.value.clone()).filter(|company| company != account).collect();
        if companies.is_empty() {
            return;
        }
        for token in companies.iter().map(String::as_str).chain([account]) {
            if let Some(thing) = self.ledger.get_mut(token) {
                thing.murky = true;
            }
        }
    }

    fn merge(&mut self, world: &World, side: Side, thing: u32, other: u32) -> Act {
        let Some((master, token)) = self.one(world, side, thing) else { return Act::Nothing };
        let Some((loser, lost)) = self.one_of(world, side, master.object, other) else { return Act::Nothing };
        if loser == master
            || !matches!(master.object, "Account" | "Contact" | "Lead" | "contacts" | "companies")
        {
            return Act::Nothing;
        }
        let act = match side {
            Salesforce => json!({"do": "merge", "master": master.id, "losers": [loser.id], "fields": {}}),
            HubSpot => {
                json!({"do": "merge", "object": master.object, "id": master.id, "merge": loser.id})
            }
        };
        let made = self.admin(world, side, &act);
        if made.is_some() {
            let now = self.ledger.now;
            for token in [token, lost] {
                let unread =
                    side == HubSpot && self.ledger.get(&token).is_some_and(|it| self.ledger.is_unread(it));
                if let Some(thing) = self.ledger.get_mut(&token) {
                    thing.murky = true;
                    if unread {
                        thing.merged_unread.get_or_insert(now);
                    }
                }
            }
        }
        done(made)
    }

    fn delete(&mut self, world: &World, side: Side, thing: u32) -> Act {
        let Some((at, _)) = self.one(world, side, thing) else { return Act::Nothing };
        let act = match side {
            Salesforce => json!({"do": "delete", "id": at.id}),
            HubSpot => json!({"do": "archive", "object": at.object, "id": at.id}),
        };
        done(self.admin(world, side, &act))
    }

    fn restore(&mut self, world: &World, side: Side, thing: u32) -> Act {
        let gone: Vec<At> = self
            .picture
            .of_side(side)
            .filter(|(_, record)| record.life == Life::Gone && record.token.is_some())
            .map(|(at, _)| at.clone())
            .collect();
        let Some(at) = gone.get(thing as usize % gone.len().max(1)) else { return Act::Nothing };
        let token = self.picture.records.get(at).and_then(|record| record.token.clone());
        let archives = world.profile.archives();
        if let (HubSpot, Some(thing)) = (side, token.and_then(|token| self.ledger.get_mut(&token))) {
            // Taking it out of HubSpot's bin moves no stamp: it is noticed only where somebody is asked about the delete.
            thing.murky |= archives || !thing.met;
        }
        let act = match side {
            Salesforce => json!({"do": "undelete", "id": at.id}),
            HubSpot => json!({"do": "restore", "object": at.object, "id": at.id}),
        };
        done(self.admin(world, side, &act))
    }

    // ---- administrators

    fn access(&mut self, world: &World, side: Side, attribute: u32, access: Access) -> Act {
        let open: Vec<&'static Attr> = attrs::ATTRS.iter().filter(|attr| attr.may_be_cleared()).collect();
        // Taking back comes before taking away: half of what is closed is opened again.
        let closed: Vec<_> = self.rights.access.keys().copied().collect();
        let (side, attr) = match (access, closed.get(attribute as usize % closed.len().max(1))) {
            (Access::Full, None) => return Act::Nothing,
            (Access::Full, Some((side, kind, name))) => match attrs::named(*kind, name) {
                Some(attr) => (*side, attr),
                None => return Act::Nothing,
            },
            (Access::ReadOnly | Access::Hidden, _) => match open.get(attribute as usize % open.len()) {
                Some(attr) => (side, *attr),
                None => return Act::Nothing,
            },
        };
        let key = (side, attr.kind, attr.name);
        let was = self.rights.access.get(&key).copied().unwrap_or(Access::Full);
        if was != Access::Full && access != Access::Full {
            return Act::Nothing;
        }
        let places: Vec<(&str, &str)> = match side {
            Salesforce => attr.salesforce.to_vec(),
            HubSpot => vec![(object_of(attr.kind), attr.hubspot)],
        };
        for (object, field) in places {
            for act in rights(side, object, field, was, access) {
                self.admin(world, side, &act);
            }
        }
        self.rights.touched.insert((attr.kind, attr.name));
        if access == Access::Full {
            self.rights.access.remove(&key);
        } else {
            self.rights.access.insert(key, access);
        }
        Act::Nothing
    }

    fn industry(&mut self, world: &World, side: Side, n: u32, offered: Offered) -> Act {
        let Some(attr) = attrs::named(Kind::Organisation, "industry") else { return Act::Nothing };
        let label = attr.value(n, "");
        let is_gone = self.rights.industries.contains(&(side, label.clone()));
        if is_gone != (offered == Offered::Yes) {
            return Act::Nothing;
        }
        let word = if is_gone { "add_option" } else { "remove_option" };
        let value = attr.spelt(side, &label);
        let act = match side {
            Salesforce => json!({"do": word, "object": "Account", "field": "Industry", "value": value}),
            HubSpot => {
                json!({"do": word, "object": "companies", "property": "industry", "value": value, "label": label})
            }
        };
        if self.admin(world, side, &act).is_some() {
            self.rights.touched.insert((Kind::Organisation, "industry"));
            if is_gone {
                self.rights.industries.remove(&(side, label));
            } else {
                self.rights.industries.insert((side, label));
            }
        }
        Act::Nothing
    }
}

/// How another program or a person changes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Screen,
    LateApi,
}

/// The field of a company's web site, and the site of this one.
pub(crate) fn site(side: Side, token: &str) -> (&'static str, Json) {
    match side {
        Salesforce => ("Website", json!(format!("https://{token}works.com"))),
        HubSpot => ("domain", json!(format!("{token}works.com"))),
    }
}

fn done<T>(made: Option<T>) -> Act {
    if made.is_some() { Act::Done } else { Act::Nothing }
}

fn object_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Organisation => "companies",
        Kind::Deal => "deals",
        Kind::Person | Kind::User => "contacts",
    }
}

/// The commands that lead from one access to another.
fn rights(side: Side, object: &str, field: &str, was: Access, access: Access) -> Vec<Json> {
    let (word, member) = match (side, was, access) {
        (_, was, access) if was == access => return Vec::new(),
        (Salesforce, Access::Hidden, _) => ("show_field", "field"),
        (Salesforce, Access::ReadOnly, _) => ("writable_field", "field"),
        (Salesforce, Access::Full, Access::Hidden) => ("hide_field", "field"),
        (Salesforce, Access::Full, _) => ("readonly_field", "field"),
        (HubSpot, Access::Hidden, _) => ("show_property", "property"),
        (HubSpot, Access::Full, Access::Hidden) => ("hide_property", "property"),
        (HubSpot, _, _) => ("readonly_property", "property"),
    };
    let mut act = json!({"do": word, "object": object, member: field});
    if word == "readonly_property" {
        act["value"] = json!(access == Access::ReadOnly);
    }
    vec![act]
}
