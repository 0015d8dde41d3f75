//! Order independence: what one picture shows is made twice in two empty companies, at one instant and in two
//! orders; from whichever record the engine meets first, the same links and values must come.

use crate::{
    attrs,
    engine::{Came, alone},
    ledger::Ledger,
    people::site,
    picture::{At, Life, Parent, Picture, Record},
    player::Player,
    side::Side::{self, HubSpot, Salesforce},
    world::{Broken, World, finish},
};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use syncline_engine::explain;
use syncline_model::{Kind, RecordRef, plan::Held};

/// Runs within which a new company has to be still.
const ROUNDS: usize = 6;
/// Between runs.
const AN_HOUR: u64 = 3_600;

/// What a company came to: by side, object and token, what each such record shows and is linked to.
type Outcome = BTreeMap<(Side, &'static str, String), Vec<String>>;

/// What was made, by side, object and token: of doubles the same one is referred to in every order.
type Made<'p> = BTreeMap<(Side, &'static str, String), (&'p At, String)>;

impl Player<'_> {
    /// Makes what `picture` shows in two orders, and compares.
    pub(crate) fn shuffled(&mut self, picture: &Picture, order: u64) -> Result<(), Broken> {
        let mut things: Vec<(&At, &Record)> = picture
            .records
            .iter()
            .filter(|(_, record)| record.life == Life::Live && record.token.is_some())
            .collect();
        // Who refers comes after who is referred to.
        things.sort_by_key(|(_, record)| record.kind);
        let plain = self.outcome(&things)?;
        let mut rng = fastrand::Rng::with_seed(order);
        rng.shuffle(&mut things);
        things.sort_by_key(|(_, record)| record.kind);
        let other = self.outcome(&things)?;
        let (Some(plain), Some(other)) = (plain, other) else { return Ok(()) };
        self.world.net.cover(|coverage| coverage.operation("order_shuffled", 1));
        let keys = plain.keys().chain(other.keys());
        let apart: Vec<String> = keys
            .filter(|key| plain.get(*key) != other.get(*key))
            .map(|key| format!("{key:?}: {:?} in one order, {:?} in another", plain.get(key), other.get(key)))
            .collect();
        if let Some(first) = apart.first() {
            self.violated("order", format!("{} records come out otherwise; {first}", apart.len()));
        }
        Ok(())
    }

    /// A new company with these records, in this order. `None` where a vendor does not take one of them, or nothing comes of it.
    fn outcome(&mut self, things: &[(&At, &Record)]) -> Result<Option<Outcome>, Broken> {
        let mut world = World::new(self.profile, self.seed())?;
        let mut made = Made::new();
        for (at, record) in things {
            let Some(id) = make(&world, &self.people.ledger, &made, at, record) else { return Ok(None) };
            if let Some(token) = &record.token {
                let first = made.entry((at.side, at.object, token.clone())).or_insert((*at, id.clone()));
                if *at < first.0 {
                    *first = (*at, id);
                }
            }
        }
        world.advance(AN_HOUR);
        let mut still = false;
        for _ in 0..ROUNDS {
            let came = alone(&mut world)?;
            still = matches!(came, Ok(Came::Ran { writes: 0, needs: None }));
            if still {
                break;
            }
            world.advance(AN_HOUR);
        }
        if !still {
            self.violated(
                "convergence",
                format!("a new company of {} records does not come to rest", made.len()),
            );
            return Ok(None);
        }
        world.seal()?;
        self.world.net.seal(&[&world.net.trace()]);
        let picture = world.half(Salesforce)?.with(HubSpot, world.half(HubSpot)?);
        outcome(&world, &picture).map(Some)
    }
}

/// A record as somebody would make it by hand; its id.
fn make(world: &World, ledger: &Ledger, made: &Made<'_>, at: &At, record: &Record) -> Option<String> {
    let side = at.side;
    let token = record.token.as_deref()?;
    let mut fields: Map<String, Json> = attrs::of_kind(record.kind)
        .filter_map(|attr| {
            let value = record.values.get(attr.name)?;
            Some((attr.field(side, at.object)?.to_owned(), attr.spelt(side, value)))
        })
        .collect();
    let owner = record.owner.as_deref().and_then(|owner| world.owners.id(side, owner));
    let (owner_field, member) =
        if side == Salesforce { ("OwnerId", "fields") } else { ("hubspot_owner_id", "properties") };
    fields.extend(owner.map(|id| (owner_field.to_owned(), json!(id))));
    if record.kind == Kind::Organisation && ledger.get(token).is_some_and(|thing| thing.sited) {
        let (field, value) = site(side, token);
        fields.insert(field.to_owned(), value);
    }
    match at.object {
        "Lead" => drop(fields.insert("Company".to_owned(), json!(format!("Firm of {token}")))),
        "deals" => drop(fields.insert("pipeline".to_owned(), json!("default"))),
        _ => {}
    }
    let parent = match &record.parent {
        Parent::Thing(parent) => {
            let object = if side == Salesforce { "Account" } else { "companies" };
            made.get(&(side, object, parent.clone())).map(|(_, id)| id)
        }
        Parent::None | Parent::Nameless => None,
    };
    if let (Salesforce, Some(parent)) = (side, parent) {
        fields.insert("AccountId".to_owned(), json!(parent));
    }
    let answer = world.admin(side, &json!({"do": "create", "object": at.object, member: fields})).ok()?;
    let id = answer["id"].as_str()?.to_owned();
    if let (HubSpot, Some(parent)) = (side, parent) {
        let tie = json!({"do": "associate", "from": format!("{}/{id}", at.object), "to": format!("companies/{parent}")});
        world.admin(side, &tie).ok()?;
    }
    for person in &record.people {
        let object = if side == Salesforce { "Contact" } else { "contacts" };
        let Some((_, person)) = made.get(&(side, object, person.clone())) else { continue };
        let act = match side {
            Salesforce => json!({"do": "create", "object": "OpportunityContactRole",
                "fields": {"OpportunityId": id, "ContactId": person}}),
            HubSpot => {
                json!({"do": "associate", "from": format!("deals/{id}"), "to": format!("contacts/{person}")})
            }
        };
        world.admin(side, &act).ok()?;
    }
    Some(id)
}

fn outcome(world: &World, picture: &Picture) -> Result<Outcome, Broken> {
    let mut outcome = Outcome::new();
    let Some(ctx) = &world.ctx else { return Err(Broken::new("a new company", "nobody is at work")) };
    let named = |record: &RecordRef| {
        let found = picture.records.iter().find(|(at, _)| {
            at.side.name() == record.connection.as_str()
                && at.object == record.object.as_str()
                && at.id == record.id.as_str()
        });
        let token = found.and_then(|(_, record)| record.token.clone());
        format!("{}/{} {token:?}", record.connection, record.object)
    };
    for (at, record) in picture.records.iter().filter(|(_, record)| record.life == Life::Live) {
        let address = RecordRef::new(at.side.name(), at.object, at.id.as_str());
        let explained = finish("explain", explain::explain(ctx, &address))?
            .map_err(|error| Broken::new("explain", error))?;
        let mut lines = Vec::new();
        for entity in &explained.entities {
            let links = entity.links.iter().map(|link| {
                format!(
                    "{:?} {} {}",
                    entity.kind,
                    named(&link.record),
                    if link.state.is_active() { "active" } else { "not active" }
                )
            });
            let mut links: Vec<String> = links.collect();
            links.sort();
            lines.extend(links);
            let held = entity.held.iter().map(|held| {
                let Held { attribute, connection, .. } = &held.held;
                format!("held {} {attribute:?} {connection}", held.code)
            });
            let mut held: Vec<String> = held.collect();
            held.sort();
            lines.extend(held);
        }
        let shown = format!(
            "{:?} {:?} {:?} {:?} <- {lines:?}",
            record.values, record.parent, record.owner, record.people
        );
        let token = record.token.clone().unwrap_or_default();
        outcome.entry((at.side, at.object, token)).or_default().push(shown);
    }
    outcome.values_mut().for_each(|all| all.sort());
    Ok(outcome)
}
