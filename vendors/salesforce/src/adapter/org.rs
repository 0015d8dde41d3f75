//! The org: who we are in it, its currency, and the schemas as they are now.

use super::{
    Salesforce,
    client::lock,
    composite::{Part, Reply, refused},
    ids,
    reading::Reading,
    schema::Described,
    settings::Settings,
    soql, time,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_kit::vendor::{CaptureWant, ObjectWant, VendorError};
use syncline_model::{Account, Currency, ObjectName, ObjectSchema, RecordId};

/// How long schemas and users are taken as read before they are looked at again.
const CHECK_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// What the adapter remembers while its process runs.
#[derive(Debug, Default)]
pub(super) struct Memory {
    described: BTreeMap<ObjectName, Arc<Described>>,
    /// Objects that do not exist or may not be seen.
    missing: BTreeSet<ObjectName>,
    checked: Option<Timestamp>,
    /// Schemas were handed over that this process has not described itself.
    remembered: bool,
    org: Option<Org>,
    /// What the org says of itself, once it was asked for.
    pub(super) settings: Option<Settings>,
}

/// What the org says of itself.
#[derive(Debug, Clone)]
pub(super) struct Org {
    pub(super) id: String,
    time_zone: String,
}

impl Memory {
    /// Whether an object's schema is known well enough, or known to be missing.
    fn suffices(&self, want: &ObjectWant) -> bool {
        let object = &want.object;
        self.described.get(object).map_or_else(|| self.missing.contains(object), |it| it.suffices(want))
    }
}

impl Salesforce {
    /// A schema, if it was read and the object may be seen.
    pub(super) fn described(&self, object: &ObjectName) -> Option<Arc<Described>> {
        lock(&self.memory).described.get(object).cloned()
    }

    /// Forgets a schema, so that it is read before the next use.
    pub(super) fn forget(&self, objects: &[ObjectName]) {
        let mut memory = lock(&self.memory);
        for object in objects {
            memory.described.remove(object);
            memory.missing.remove(object);
        }
    }

    /// Takes schemas that somebody else kept, where this process knows nothing newer.
    pub(super) fn take_schemas(&self, schemas: &[ObjectSchema]) {
        let roles = schemas.iter().any(|schema| schema.object.as_str() == super::ROLE_OBJECT);
        let mut memory = lock(&self.memory);
        for schema in schemas {
            if !memory.described.contains_key(&schema.object) && !memory.missing.contains(&schema.object) {
                let described = Described::remembered(schema.clone(), roles);
                memory.described.insert(schema.object.clone(), Arc::new(described));
                memory.remembered = true;
            }
        }
    }

    /// The org's own currency for these rows of one object, asked for where one of them has an amount and no code.
    pub(super) async fn currency_of<'a>(
        &self,
        reading: &Reading,
        mut rows: impl Iterator<Item = &'a Json>,
    ) -> Result<Option<Currency>, VendorError> {
        if !rows.any(|row| reading.lacks_currency(row)) {
            return Ok(None);
        }
        Ok(self.settings().await?.currency)
    }

    /// Whether schemas and users are to be looked at again.
    pub(super) fn check_is_due(&self, want: &CaptureWant) -> bool {
        let memory = lock(&self.memory);
        let fresh = memory
            .checked
            .is_some_and(|at| self.client.now().duration_since(at) < CHECK_EVERY && self.client.now() >= at);
        !fresh || memory.org.is_none() || !want.objects.iter().all(|object| memory.suffices(object))
    }

    /// The objects that a look around describes. Schemas that were handed over were fresh then, so a process's first look
    /// leaves them out.
    pub(super) fn to_describe(&self, want: &CaptureWant) -> Vec<ObjectName> {
        let mut memory = lock(&self.memory);
        let trusts = std::mem::take(&mut memory.remembered);
        let due = want.objects.iter().filter(|object| !(trusts && memory.suffices(object)));
        due.map(|object| object.object.clone()).collect()
    }

    /// Reads what is not in memory yet of these objects' schemas.
    pub(super) async fn ensure(&self, objects: &[ObjectName]) -> Result<(), VendorError> {
        let bare = |object: &ObjectName| ObjectWant {
            object: object.clone(),
            fields: Vec::new(),
            edges: Vec::new(),
        };
        self.ensure_for(&objects.iter().map(bare).collect::<Vec<_>>()).await
    }

    /// The same, as far as reading these fields needs.
    pub(super) async fn ensure_for(&self, want: &[ObjectWant]) -> Result<(), VendorError> {
        let (lacking, is_new) = {
            let memory = lock(&self.memory);
            let lacking = want.iter().filter(|object| !memory.suffices(object));
            (lacking.map(|object| object.object.clone()).collect::<Vec<_>>(), memory.org.is_none())
        };
        if !lacking.is_empty() || is_new {
            self.check(&lacking, Vec::new()).await?;
        }
        Ok(())
    }

    /// Looks at the org and at these schemas again, each only if it changed; `more` rides along in the same call.
    /// Returns the vendor's time, the schemas that changed and the answers to `more`.
    pub(super) async fn check(
        &self,
        objects: &[ObjectName],
        more: Vec<Part>,
    ) -> Result<(Timestamp, Vec<Arc<ObjectSchema>>, Vec<Reply>), VendorError> {
        let mut parts = vec![Part::query("SELECT Id,TimeZoneSidKey FROM Organization LIMIT 1")];
        let (about, riding) = (parts.len(), more.len());
        parts.extend(more);
        parts.extend(objects.iter().map(|object| self.describe_part(object)));
        let (at, mut replies) = self.client.read_parts(parts).await?;
        let describes = replies.split_off(about + riding);
        let riders = replies.split_off(about);
        self.take_org(replies)?;
        let changed = self.take_describes(objects, describes)?;
        lock(&self.memory).checked = Some(self.client.now());
        Ok((at, changed, riders))
    }

    fn describe_part(&self, object: &ObjectName) -> Part {
        let part = Part::new("GET", &format!("/sobjects/{}/describe", soql::encode(object.as_str())));
        match self.described(object).and_then(|described| described.as_of.clone()) {
            Some(as_of) => part.header("If-Modified-Since", as_of),
            None => part,
        }
    }

    /// The same org as before, or an error: a refreshed copy of an org has another id [doc: research §3.2].
    fn take_org(&self, replies: Vec<Reply>) -> Result<(), VendorError> {
        let rows = replies.into_iter().next().ok_or_else(no_org)?.page()?.records;
        let row = rows.first().ok_or_else(no_org)?;
        let id = row.get("Id").and_then(Json::as_str).map(ids::canonical).ok_or_else(no_org)?.to_string();
        let zone = row.get("TimeZoneSidKey").and_then(Json::as_str).unwrap_or("UTC").to_owned();
        let mut memory = lock(&self.memory);
        match &memory.org {
            Some(known) if known.id != id => return Err(other_org(&known.id, &id)),
            Some(_) => {}
            None => memory.org = Some(Org { id, time_zone: zone }),
        }
        Ok(())
    }

    fn take_describes(
        &self,
        objects: &[ObjectName],
        replies: Vec<Reply>,
    ) -> Result<Vec<Arc<ObjectSchema>>, VendorError> {
        let mut changed = Vec::new();
        for (object, reply) in objects.iter().zip(replies) {
            let mut memory = lock(&self.memory);
            match reply.status {
                200..300 => {
                    let as_of = time::newer_than(reply.header("last-modified"), self.client.server_time());
                    let described = Described::read(&reply, as_of).map_err(|error| {
                        VendorError::Protocol(format!(
                            "the description of {object} could not be read: {error}"
                        ))
                    })?;
                    memory.missing.remove(object);
                    changed.push(Arc::clone(&described.schema));
                    memory.described.insert(object.clone(), Arc::new(described));
                }
                304 => {}
                404 | 403 => {
                    memory.described.remove(object);
                    memory.missing.insert(object.clone());
                }
                _ => return Err(refused(reply.error())),
            }
        }
        Ok(changed)
    }

    /// The org's id, once it was read.
    pub(super) fn org_id(&self) -> Option<String> {
        lock(&self.memory).org.as_ref().map(|org| org.id.clone())
    }

    /// The id of the user whose session this is, as records name it; asked for once.
    pub(super) async fn user(&self) -> Result<Option<RecordId>, VendorError> {
        Ok(self.settings().await?.user)
    }

    pub(super) async fn read_account(&self) -> Result<Account, VendorError> {
        // A currency that nobody told may have become visible since.
        let settings = match self.settings().await? {
            Settings { currency: None, .. } => self.read_settings().await?,
            known => known,
        };
        let user = settings.user;
        let riders = user.iter().map(|id| {
            Part::query(&format!("SELECT Id,Username FROM User WHERE Id = {}", soql::quote(id.as_str())))
        });
        let (_, _, replies) = self.check(&[], riders.collect()).await?;
        let name = replies
            .into_iter()
            .next()
            .and_then(|reply| reply.page().ok())
            .and_then(|page| page.records.first()?.get("Username")?.as_str().map(Arc::<str>::from));
        let org = lock(&self.memory).org.clone().ok_or_else(no_org)?;
        Ok(Account {
            id: Arc::from(org.id),
            currency: settings.currency,
            time_zone: Arc::from(org.time_zone),
            user: name.unwrap_or_else(|| Arc::from("unknown")),
            user_id: user.map(|id| Arc::from(id.as_str())),
        })
    }

    pub(super) async fn read_schemas(
        &self,
        objects: &[ObjectName],
    ) -> Result<Vec<ObjectSchema>, VendorError> {
        self.check(objects, Vec::new()).await?;
        let read = objects.iter().filter_map(|object| self.described(object));
        Ok(read.map(|described| ObjectSchema::clone(&described.schema)).collect())
    }
}

fn no_org() -> VendorError {
    VendorError::Protocol("the org does not show its Organization record".to_owned())
}

/// The credentials lead to an org that is not the one read before.
pub(super) fn other_org(known: &str, found: &str) -> VendorError {
    VendorError::OtherAccount { expected: known.to_owned(), found: found.to_owned() }
}
