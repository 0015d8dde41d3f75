//! `POST /__sandbox/admin`: what an administrator or another person does. The commands stand in a table in this
//! vendor folder's README.

mod people;
mod setup;

use super::Salesforce;
use super::fail::Fail;
use super::ids::{Obj, Rec};
use super::save::plain;
use serde_json::{Map, Value, json};

/// Why a command was refused.
pub(crate) type Refused = String;
pub(crate) type Done = Result<Value, Refused>;

impl From<Fail> for Refused {
    fn from(fail: Fail) -> Self {
        format!("{}: {}", fail.code, fail.message)
    }
}

/// A command's arguments.
pub(crate) struct Args<'a>(&'a Map<String, Value>);

impl Args<'_> {
    fn text(&self, key: &str) -> Result<&str, Refused> {
        self.maybe(key).ok_or_else(|| format!("{key} is missing or not a text"))
    }
    fn maybe(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }
    fn flag(&self, key: &str, default: bool) -> bool {
        self.0.get(key).and_then(Value::as_bool).unwrap_or(default)
    }
    fn number(&self, key: &str) -> Option<i64> {
        self.0.get(key).and_then(Value::as_i64)
    }
    fn value(&self, key: &str) -> Value {
        self.0.get(key).cloned().unwrap_or(Value::Null)
    }
    fn fields(&self) -> Result<Map<String, Value>, Refused> {
        match self.0.get("fields") {
            None => Ok(Map::new()),
            Some(fields) => fields.as_object().cloned().ok_or_else(|| "fields is not an object".to_owned()),
        }
    }
    fn list(&self, key: &str) -> Vec<String> {
        match self.0.get(key) {
            Some(Value::Array(list)) => list.iter().map(plain).collect(),
            Some(Value::String(one)) => vec![one.clone()],
            _ => Vec::new(),
        }
    }
}

impl Salesforce {
    /// Carries out one command.
    pub(super) fn admin(&mut self, command: &Value) -> Done {
        let args = Args(command.as_object().ok_or("a command is a JSON object")?);
        let name = args.text("do")?.to_owned();
        match self.setup(&name, &args)? {
            Some(result) => Ok(result),
            None => match self.people(&name, &args)? {
                Some(result) => Ok(result),
                None => Err(format!("no such command: {name}")),
            },
        }
    }

    fn admin_object(&self, args: &Args<'_>) -> Result<Obj, Refused> {
        let name = args.text("object")?;
        self.org.store.schema.find(name).ok_or_else(|| format!("no object {name}"))
    }

    fn admin_field(&self, obj: Obj, name: &str) -> Result<usize, Refused> {
        let object = self.org.store.schema.get(obj);
        object.find(name).ok_or_else(|| format!("{} has no field {name}", object.name))
    }

    fn admin_rec(&self, text: &str) -> Result<Rec, Refused> {
        self.org.store.read_id(text).ok().flatten().ok_or_else(|| format!("no record {text}"))
    }

    fn admin_maybe_rec(&self, args: &Args<'_>, key: &str) -> Result<Option<Rec>, Refused> {
        args.maybe(key).map(|text| self.admin_rec(text)).transpose()
    }

    /// A user by id, user name, e-mail or name.
    fn admin_user(&self, args: &Args<'_>) -> Result<Rec, Refused> {
        let wanted = args.text("user")?;
        if let Ok(rec) = self.admin_rec(wanted) {
            return Ok(rec);
        }
        let store = &self.org.store;
        let found = store.all(self.org.known.user).map(|(rec, _)| rec).find(|rec| {
            ["Username", "Email", "Name"].iter().any(|field| {
                store.text(store.value(*rec, field)).is_some_and(|text| text.eq_ignore_ascii_case(wanted))
            })
        });
        found.ok_or_else(|| format!("no user {wanted}"))
    }
}

fn done() -> Value {
    json!({})
}
