//! What becomes of records: conversions, merges, deletes, restores.

use super::{Act, People, done};
use crate::{
    ledger::PARENT,
    picture::{At, Life},
    script::Dealing,
    side::Side::{self, HubSpot, Salesforce},
    world::World,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use syncline_model::Kind;

impl People {
    pub(super) fn convert(&mut self, world: &World, thing: u32, into: Option<u32>, deal: Dealing) -> Act {
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
    pub(super) fn say_one(&mut self, person: &str, account: &str) {
        let edits = self.ledger.get(person).map(|person| person.edits(PARENT)).unwrap_or_default();
        let companies: BTreeSet<String> =
            edits.iter().filter_map(|edit| edit.value.clone()).filter(|company| company != account).collect();
        if companies.is_empty() {
            return;
        }
        let all: BTreeSet<String> = companies.into_iter().chain([account.to_owned()]).collect();
        for token in &all {
            if let Some(thing) = self.ledger.get_mut(token) {
                thing.murky = true;
                thing.said_to_be.extend(all.iter().filter(|other| *other != token).cloned());
            }
        }
    }

    pub(super) fn merge(&mut self, world: &World, side: Side, thing: u32, other: u32) -> Act {
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
        if let Some(made) = &made {
            let now = self.ledger.now;
            if let (HubSpot, Some(survivor)) = (side, made.get("id").and_then(Json::as_str)) {
                let survivor = At { id: survivor.to_owned(), ..master.clone() };
                self.ledger.swallowed.insert(survivor, (now, [master, loser]));
            }
            self.ledger.merge(&token, &lost);
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

    pub(super) fn delete(&mut self, world: &World, side: Side, thing: u32) -> Act {
        let Some((at, _)) = self.one(world, side, thing) else { return Act::Nothing };
        let act = match side {
            Salesforce => json!({"do": "delete", "id": at.id}),
            HubSpot => json!({"do": "archive", "object": at.object, "id": at.id}),
        };
        done(self.admin(world, side, &act))
    }

    pub(super) fn restore(&mut self, world: &World, side: Side, thing: u32) -> Act {
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
}
