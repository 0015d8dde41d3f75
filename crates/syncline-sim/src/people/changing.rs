//! What people change on records: values, owners, parents, participants.

use super::{Act, LATE, People, done};
use crate::{
    attrs::{self, Attr, Type},
    picture::{At, Parent},
    side::Side::{self, Salesforce},
    world::{Broken, World},
};
use serde_json::{Map, Value as Json, json};
use std::time::Duration;

impl People {
    pub(super) fn edit(
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
            None if attr.of == Type::Consent => attr.spelt(side, "false"),
            None if side == Salesforce => Json::Null,
            None => json!(""),
        };
        // An address that changes before both sides met is no key any more, not even for what comes out of a bin: a contact
        // that was merged is not what its lead says that it became. Nor is a site: in HubSpot the domain is one still.
        let is_key = attr.of == Type::Email || (attr.of == Type::Url && side == Salesforce);
        if let (true, Some(thing)) = (is_key, self.ledger.get_mut(&token))
            && !thing.met
            && self.picture.of_side(side.other()).any(|(_, record)| record.token.as_deref() == Some(&*token))
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
                let made = world.net.late_edit(side, at.object, &at.id, &fields);
                world.net.note(&format!("{} a program at {at}: {fields} {made:?}", world.net.now()));
                if made.is_err() {
                    return Act::Nothing;
                }
                let until = world.net.now().checked_add(LATE).unwrap_or(jiff::Timestamp::MAX);
                self.saved.insert((side, at.id.clone()));
                self.locked.insert(at, until);
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

    pub(super) fn reassign(&mut self, world: &World, side: Side, thing: u32, owner: u32) -> Act {
        let Some((at, _)) = self.one(world, side, thing) else { return Act::Nothing };
        let shared = world.owners.shared();
        let Some(email) = shared.get(owner as usize % shared.len().max(1)) else { return Act::Nothing };
        let Some(id) = world.owners.id(side, email) else { return Act::Nothing };
        let field = if side == Salesforce { "OwnerId" } else { "hubspot_owner_id" };
        self.change(world, &at, Map::from_iter([(field.to_owned(), json!(id))]))
    }

    pub(super) fn r#move(&mut self, world: &World, side: Side, thing: u32, parent: Option<u32>) -> Act {
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

    pub(super) fn involve(&mut self, world: &World, side: Side, deal: u32, person: u32) -> Act {
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
}

/// How another program or a person changes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Screen,
    LateApi,
}
