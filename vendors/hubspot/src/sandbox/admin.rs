//! `POST /__sandbox/admin`: what an administrator or a person at the screen does. The table of all of them stands in
//! this vendor's README. None counts as a call or as a row written.

use super::HubSpot;
use super::kind::Kind;
use super::links::Tie;
use super::people::Owner;
use super::portal::Act;
use super::registry::{Choice, Prop};
use super::table::{Slot, Source};
use super::values::Invalid;
use super::wire::{flag_at, list_at, number_at, text_at, texts_at};
use super::write::Refusal;
use rust_decimal::Decimal;
use serde_json::{Value, json};

fn done() -> Result<Value, String> {
    Ok(json!({"ok": true}))
}

fn explain(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Invalid(all) => {
            all.iter().map(|one: &Invalid| one.message.clone()).collect::<Vec<_>>().join("; ")
        }
        Refusal::Missing(names) => format!("missing {}", names.join(", ")),
        Refusal::Conflict(id) => format!("Contact already exists. Existing ID: {id}"),
    }
}

impl HubSpot {
    /// Carries an act out.
    pub(super) fn admin(&mut self, body: &Value, now: i64) -> Result<Value, String> {
        let act = Act { now, source: Source::Person, by: self.auth.user_id, late_ms: 0 };
        let what = text_at(body, "do").ok_or("say what to do: {\"do\":…}")?;
        let result = match what.as_str() {
            "hide_property" => self.on_property(body, |def| def.no_access = true),
            "show_property" => self.on_property(body, |def| def.no_access = false),
            "readonly_property" => {
                let read_only = body.get("value").is_none_or(|_| flag_at(body, "value"));
                self.on_property(body, |def| def.read_only = read_only)
            }
            "add_property" => {
                let kind = Self::kind_of(body)?;
                self.create_property(kind, body, now).map_err(|error| json!(error.body).to_string())
            }
            "add_option" => self.add_option(body),
            "remove_option" => {
                let value = text_at(body, "value").ok_or("value is missing")?;
                self.on_property(body, |def| def.choices.retain(|choice| choice.value != value))
            }
            "add_owner" => self.add_owner(body, now),
            "deactivate_owner" => self.owner_state(body, true, now),
            "activate_owner" => self.owner_state(body, false, now),
            "hide_record" => self.hide(body, true, &act),
            "show_record" => self.hide(body, false, &act),
            "refresh_portal" => {
                self.portal.id = 50_000_000 + self.portal.random.next() % 9_999_999;
                Ok(json!({"ok": true, "portal_id": self.portal.id}))
            }
            "api" => {
                self.auth.enabled = flag_at(body, "enabled");
                done()
            }
            "revoke_token" => {
                let which = text_at(body, "token").unwrap_or_else(|| "private_app".to_owned());
                self.auth.revoke(&which).and_then(|()| done())
            }
            "set_scopes" => {
                self.auth.private_scopes = texts_at(body, "scopes").into_iter().collect();
                done()
            }
            "set_limit" => {
                let name = text_at(body, "name").ok_or("name is missing")?;
                let size = number_at(body, "value").ok_or("value is missing")?;
                self.limits.set(&name, usize::try_from(size).unwrap_or(usize::MAX)).and_then(|()| done())
            }
            "set_knob" => {
                let name = text_at(body, "name").ok_or("name is missing")?;
                let value = body.get("value").ok_or("value is missing")?;
                self.portal.knobs.set(&name, value).and_then(|()| done())
            }
            "currencies" => self.currencies(body),
            "webhooks" => self.mischief(body),
            "create" | "edit" | "archive" | "restore" | "gdpr_delete" | "merge" => {
                self.on_record(&what, body, &act)
            }
            "associate" | "dissociate" => self.tie(&what, body, &act),
            other => Err(format!("nothing known as {other}")),
        };
        // A person's work is no row written through the API.
        self.portal.written = 0;
        self.portal.unchanged = 0;
        result
    }

    fn kind_of(body: &Value) -> Result<Kind, String> {
        let name = text_at(body, "object").ok_or("object is missing")?;
        Kind::parse(&name).ok_or_else(|| format!("no object {name}"))
    }

    fn property_of(&self, body: &Value) -> Result<(Kind, Prop), String> {
        let kind = Self::kind_of(body)?;
        let name = text_at(body, "property").ok_or("property is missing")?;
        let prop = self.portal.table(kind).registry.any(&name);
        Ok((kind, prop.ok_or_else(|| format!("{} have no property {name}", kind.plural()))?))
    }

    fn on_property(
        &mut self,
        body: &Value,
        change: impl FnOnce(&mut super::registry::Def),
    ) -> Result<Value, String> {
        let (kind, prop) = self.property_of(body)?;
        if let Some(def) = self.portal.table_mut(kind).registry.get_mut(prop) {
            change(def);
        }
        done()
    }

    fn add_option(&mut self, body: &Value) -> Result<Value, String> {
        let value = text_at(body, "value").ok_or("value is missing")?;
        let label = text_at(body, "label").unwrap_or_else(|| value.clone());
        self.on_property(body, |def| {
            let display_order = i64::try_from(def.choices.len()).unwrap_or(0);
            def.choices.push(Choice {
                label,
                value,
                description: String::new(),
                display_order,
                hidden: false,
            });
        })
    }

    fn add_owner(&mut self, body: &Value, now: i64) -> Result<Value, String> {
        let email = text_at(body, "email").ok_or("email is missing")?;
        let name = |key: &str| text_at(body, key).unwrap_or_default();
        let id = self.push_owner(&email, &name("firstName"), &name("lastName"), now);
        Ok(json!({"ok": true, "id": id.to_string()}))
    }

    /// Adds an owner and returns the id.
    pub(super) fn push_owner(&mut self, email: &str, first: &str, last: &str, now: i64) -> u64 {
        let count = u64::try_from(self.portal.owners.len()).unwrap_or(0);
        let (id, user_id) = (66_001 + count, 4_400_001 + count * 7);
        self.portal.owners.push(Owner {
            id,
            user_id,
            email: email.to_owned(),
            first_name: first.to_owned(),
            last_name: last.to_owned(),
            created_at: now,
            updated_at: now,
            archived: false,
        });
        id
    }

    fn owner_state(&mut self, body: &Value, archived: bool, now: i64) -> Result<Value, String> {
        let (id, email) = (number_at(body, "id"), text_at(body, "email"));
        let owner = self
            .portal
            .owners
            .iter_mut()
            .find(|owner| Some(owner.id) == id || email.as_ref().is_some_and(|email| owner.email == *email))
            .ok_or("no such owner")?;
        owner.archived = archived;
        owner.updated_at = now;
        done()
    }

    fn hide(&mut self, body: &Value, hide: bool, act: &Act) -> Result<Value, String> {
        let kind = Self::kind_of(body)?;
        let slot = self.slot_of(kind, body, "id")?;
        if hide {
            self.portal.hidden.insert((kind, slot));
        } else {
            self.portal.hidden.remove(&(kind, slot));
        }
        self.portal.reindex(kind, slot, act);
        done()
    }

    fn slot_of(&self, kind: Kind, body: &Value, name: &str) -> Result<Slot, String> {
        let id = number_at(body, name).ok_or_else(|| format!("{name} is missing"))?;
        let slot = self.portal.table(kind).resolve(id);
        slot.ok_or_else(|| format!("no record {}/{id}", kind.plural()))
    }

    fn currencies(&mut self, body: &Value) -> Result<Value, String> {
        if let Some(home) = text_at(body, "home") {
            self.portal.currencies.home = home;
        }
        if let Some(active) = body.get("active").and_then(Value::as_object) {
            let mut rates = std::collections::BTreeMap::new();
            for (code, rate) in active {
                let rate = super::wire::text(rate).and_then(|text| text.parse::<Decimal>().ok());
                rates.insert(code.clone(), rate.ok_or_else(|| format!("the rate of {code} is no number"))?);
            }
            self.portal.currencies.rates = rates;
        }
        done()
    }

    fn mischief(&mut self, body: &Value) -> Result<Value, String> {
        let mischief = &mut self.hooks.mischief;
        if let Some(lose) = number_at(body, "lose") {
            mischief.lose = lose;
        }
        if let Some(double) = number_at(body, "double") {
            mischief.double = double;
        }
        if body.get("reorder").is_some() {
            mischief.reorder = flag_at(body, "reorder");
        }
        if body.get("pause").is_some() {
            mischief.pause = flag_at(body, "pause");
        }
        Ok(json!({"ok": true, "waiting": self.hooks.waiting()}))
    }

    fn on_record(&mut self, what: &str, body: &Value, act: &Act) -> Result<Value, String> {
        let kind = Self::kind_of(body)?;
        let given = super::objects::given(body);
        if what == "create" {
            let prepared = self.portal.prepare(kind, None, &given).map_err(|refusal| explain(&refusal))?;
            let slot = self.portal.create(kind, prepared, act);
            return Ok(json!({"ok": true, "id": self.portal.id_of((kind, slot)).to_string()}));
        }
        let slot = self.slot_of(kind, body, "id")?;
        let live = self.portal.table(kind).is_live(slot);
        if live == (what == "restore") {
            return Err(format!("record is {}", if live { "there" } else { "not there" }));
        }
        match what {
            "edit" => {
                let prepared =
                    self.portal.prepare(kind, Some(slot), &given).map_err(|refusal| explain(&refusal))?;
                self.portal.update(kind, slot, prepared, act);
            }
            "archive" => self.portal.archive(kind, slot, act),
            "gdpr_delete" => self.portal.erase(kind, slot, act),
            "restore" => {
                if !self.portal.table(kind).bin.contains(&slot) {
                    return Err("record is not in the recycle bin".to_owned());
                }
                self.portal.restore(kind, slot, act)?;
            }
            _ => {
                let loser = self.slot_of(kind, body, "merge")?;
                if loser == slot || !self.portal.table(kind).is_live(loser) {
                    return Err("merge another record that is there".to_owned());
                }
                let survivor = self.portal.merge(kind, slot, loser, act);
                return Ok(json!({"ok": true, "id": self.portal.id_of((kind, survivor)).to_string()}));
            }
        }
        done()
    }

    fn end_of(&self, body: &Value, name: &str) -> Result<super::edges::End, String> {
        let text = text_at(body, name).ok_or_else(|| format!("{name} is missing"))?;
        let (kind, id) = text.split_once('/').ok_or_else(|| format!("{text} is not object/id"))?;
        let kind = Kind::parse(kind).ok_or_else(|| format!("no object {kind}"))?;
        let slot = id.parse().ok().and_then(|id| self.portal.table(kind).live(id));
        Ok((kind, slot.ok_or_else(|| format!("no record {text}"))?))
    }

    fn tie(&mut self, what: &str, body: &Value, act: &Act) -> Result<Value, String> {
        let (from, to) = (self.end_of(body, "from")?, self.end_of(body, "to")?);
        if what == "dissociate" {
            self.portal.dissociate(from, to, act);
            return done();
        }
        let mut types = Vec::new();
        for spec in list_at(body, "types") {
            let spec = json!({
                "associationCategory": spec.get("category"),
                "associationTypeId": spec.get("typeId"),
            });
            let edge = super::assoc::type_of(&self.portal, &spec).map_err(|_| "no such association type")?;
            types.push(edge.id);
        }
        if types.is_empty() {
            types.extend(self.portal.edges.unlabeled(from.0, to.0));
            // At the screen the first company becomes primary [docs associations].
            if let Some(primary) = self.portal.edges.primary(from.0, to.0) {
                let child = if from.0 == Kind::Companies { to } else { from };
                if self.portal.edges.of(child, Kind::Companies, 0).next().is_none() {
                    types.push(primary);
                }
            }
        }
        self.portal.associate(from, to, &types, Tie::Add, act);
        done()
    }
}
