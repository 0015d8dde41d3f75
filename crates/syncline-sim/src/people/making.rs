//! Records that people make, twins and doubles among them.

use super::{Act, INDEXED, People, done};
use crate::{
    attrs,
    picture::{At, Life},
    script::PersonAs,
    side::Side::{self, HubSpot, Salesforce},
    world::World,
};
use serde_json::{Value as Json, json};
use syncline_model::Kind;

impl People {
    pub(super) fn organisation(&mut self, world: &World, side: Side, n: u32) -> Act {
        let token = self.ledger.thing(Kind::Organisation);
        self.company(world, side, &token, n)
    }

    pub(super) fn company(&mut self, world: &World, side: Side, token: &str, n: u32) -> Act {
        let object = if side == Salesforce { "Account" } else { "companies" };
        if let Some(thing) = self.ledger.get_mut(token) {
            thing.sited = true;
        }
        let mut fields = self.fields(side, object, token, n);
        let (field, site) = site(side, token);
        fields.insert(field.to_owned(), site);
        done(self.create(world, side, object, fields))
    }

    pub(super) fn person(
        &mut self,
        world: &World,
        side: Side,
        of: PersonAs,
        parent: Option<u32>,
        n: u32,
    ) -> Act {
        let token = self.ledger.thing(Kind::Person);
        self.somebody(world, side, of, &token, parent, n)
    }

    pub(super) fn somebody(
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

    pub(super) fn tie(&mut self, world: &World, from: &str, company: &At) {
        let to = format!("{}/{}", company.object, company.id);
        self.admin(world, HubSpot, &json!({"do": "associate", "from": from, "to": to}));
    }

    pub(super) fn deal(&mut self, world: &World, side: Side, parent: Option<u32>, n: u32) -> Act {
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
    pub(super) fn twin(&mut self, world: &World, thing: u32, n: u32) -> Act {
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
        if kind == Kind::Organisation && !self.is_known_by_site(&at, &token) {
            return Act::Nothing;
        }
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

    /// Whether a company can be known by the site that it was made with: in Salesforce that is one field, which people may
    /// change. In HubSpot it is the domain, which nobody touches here. Who hides it hides it from the engine only.
    fn is_known_by_site(&self, at: &At, token: &str) -> bool {
        let shown = self.picture.records.get(at).and_then(|record| record.values.get(attrs::SITE));
        let is_first = shown.is_some_and(|shown| shown.starts_with(&format!("{token}works.com")));
        at.side == HubSpot || is_first
    }

    pub(super) fn double(&mut self, world: &World, thing: u32) -> Act {
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
}

/// The field of a company's web site, and the site of this one.
pub(crate) fn site(side: Side, token: &str) -> (&'static str, Json) {
    match side {
        Salesforce => ("Website", json!(format!("https://{token}works.com"))),
        HubSpot => ("domain", json!(format!("{token}works.com"))),
    }
}
