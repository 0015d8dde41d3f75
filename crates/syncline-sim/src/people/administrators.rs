//! What administrators take away and put back: fields and options.

use super::{Act, People};
use crate::{
    attrs,
    script::{Access, Offered},
    side::Side::{self, HubSpot, Salesforce},
    world::World,
};
use serde_json::{Value as Json, json};
use syncline_model::Kind;

impl People {
    pub(super) fn access(&mut self, world: &World, side: Side, attribute: u32, access: Access) -> Act {
        let open = attrs::ATTRS.iter().filter(|attr| attr.may_be_cleared());
        // Taking back comes before taking away: half of what is closed is opened again.
        let closed: Vec<_> = self.rights.access.keys().copied().collect();
        let (side, attr) =
            match (access, closed.get((attribute % attrs::MORE) as usize % closed.len().max(1))) {
                (Access::Full, None) => return Act::Nothing,
                (Access::Full, Some((side, kind, name))) => match attrs::named(*kind, name) {
                    Some(attr) => (*side, attr),
                    None => return Act::Nothing,
                },
                (Access::ReadOnly | Access::Hidden, _) => match attrs::meant(open, attribute) {
                    Some(attr) => (side, attr),
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

    pub(super) fn industry(&mut self, world: &World, side: Side, n: u32, offered: Offered) -> Act {
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
