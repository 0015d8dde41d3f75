//! Writes: rows into subrequests, answers into outcomes.

mod outcome;
mod pack;
mod slot;

use super::{Salesforce, client::Lost, composite::Part, reading::Reading, soql};
use outcome::Verdict;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use slot::{Slot, Sort};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use syncline_kit::vendor::{
    ObjectWant, Probe, Rejection, RejectionClass, RowOutcome, VendorError, Write, WriteCall, WriteRow,
};
use syncline_model::{FieldName, ObjectName, Value};

/// How often rows that another transaction holds are sent again within one write.
const LOCK_TRIES: u32 = 3;

/// What is being found out about a call's rows.
struct Progress<'a> {
    rows: &'a [WriteRow],
    outcomes: Vec<Option<RowOutcome>>,
    /// Role rows to take away whose ids had to be looked up.
    role_rows: BTreeMap<usize, String>,
    queue: VecDeque<Slot>,
    locked: Vec<usize>,
    lock_tries: u32,
}

impl Salesforce {
    pub(super) fn pack_rows(&self, rows: Vec<WriteRow>) -> Vec<WriteCall> {
        pack::pack(rows, self.options.strict)
    }

    pub(super) async fn write_call(&self, call: &WriteCall) -> Result<Vec<RowOutcome>, VendorError> {
        self.prepare(&call.rows).await?;
        let mut progress = Progress {
            rows: &call.rows,
            outcomes: vec![None; call.rows.len()],
            role_rows: BTreeMap::new(),
            queue: VecDeque::new(),
            locked: Vec::new(),
            lock_tries: 0,
        };
        for (position, row) in call.rows.iter().enumerate() {
            progress.outcomes[position] = self.refuse_locally(row);
        }
        self.find_role_rows(&mut progress).await?;
        let open: Vec<usize> =
            (0..call.rows.len()).filter(|position| progress.outcomes[*position].is_none()).collect();
        progress.queue = slot::slots(&call.rows, &open, self.options.strict).into();
        self.send_all(&mut progress).await?;
        self.learn_candidates(&mut progress).await;
        let unanswered = || RowOutcome::Unknown { why: "the answer has no word on this row".to_owned() };
        Ok(progress.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unanswered)).collect())
    }

    /// Schemas are needed to clear a checkbox and to tell amounts' currencies.
    async fn prepare(&self, rows: &[WriteRow]) -> Result<(), VendorError> {
        let mut objects = BTreeSet::new();
        for row in rows {
            let (object, fields) = match &row.write {
                Write::Create { object, fields, .. } => (object, fields),
                Write::Update { record, fields, .. } => (&record.object, fields),
                Write::Associate(_) | Write::Dissociate(_) | Write::Archive { .. } => continue,
            };
            if fields.iter().any(|(_, value)| matches!(value, None | Some(Value::Money(_)))) {
                objects.insert(object.clone());
            }
        }
        self.ensure_some(objects).await
    }

    async fn ensure_some(&self, objects: BTreeSet<ObjectName>) -> Result<(), VendorError> {
        if objects.is_empty() {
            return Ok(());
        }
        let objects: Vec<ObjectName> = objects.into_iter().collect();
        self.ensure(&objects).await
    }

    /// An amount in another currency than the org's own cannot be told to an org with one currency.
    fn refuse_locally(&self, row: &WriteRow) -> Option<RowOutcome> {
        let (object, fields) = match &row.write {
            Write::Create { object, fields, .. } => (object, fields),
            Write::Update { record, fields, .. } => (&record.object, fields),
            Write::Associate(_) | Write::Dissociate(_) | Write::Archive { .. } => return None,
        };
        let several = self.described(object).is_some_and(|described| described.has("CurrencyIsoCode"));
        let own = self.told_currency().filter(|_| !several)?;
        let foreign: Vec<FieldName> = fields
            .iter()
            .filter(|(_, value)| matches!(value, Some(Value::Money(money)) if money.currency != own))
            .map(|(field, _)| field.clone())
            .collect();
        (!foreign.is_empty()).then(|| {
            RowOutcome::Rejected(Rejection {
                class: RejectionClass::Fields(foreign),
                code: "CURRENCY".to_owned(),
                message: format!("the org has one currency, {own}"),
            })
        })
    }

    /// A role row is taken away by its id; where the caller does not know it, the opportunity does.
    async fn find_role_rows(&self, progress: &mut Progress<'_>) -> Result<(), VendorError> {
        let lacking: Vec<(usize, &syncline_kit::vendor::EdgeWrite)> = progress
            .rows
            .iter()
            .enumerate()
            .filter_map(|(position, row)| match &row.write {
                Write::Dissociate(edge) if slot::is_role(edge) && edge.row.is_none() => {
                    Some((position, edge))
                }
                Write::Dissociate(_)
                | Write::Associate(_)
                | Write::Create { .. }
                | Write::Update { .. }
                | Write::Archive { .. } => None,
            })
            .collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let parents: BTreeSet<&str> = lacking.iter().map(|(_, edge)| edge.from.id.as_str()).collect();
        let roles = self.roles_of(&parents.into_iter().collect::<Vec<_>>()).await?;
        for (position, edge) in lacking {
            let found = roles.get(edge.from.id.as_str()).into_iter().flatten().find(|row| is_edge(row, edge));
            match found.and_then(|row| row.get("Id")?.as_str()) {
                Some(id) => {
                    progress.role_rows.insert(position, id.to_owned());
                }
                None => {
                    progress.outcomes[position] = Some(RowOutcome::Confirmed {
                        record: edge.from.clone(),
                        created: false,
                        observation: None,
                    });
                }
            }
        }
        Ok(())
    }

    async fn send_all(&self, progress: &mut Progress<'_>) -> Result<(), VendorError> {
        loop {
            if progress.queue.is_empty() {
                if progress.locked.is_empty() {
                    return Ok(());
                }
                if progress.lock_tries >= LOCK_TRIES {
                    let locked = std::mem::take(&mut progress.locked);
                    progress.again(&locked, "UNABLE_TO_LOCK_ROW: another transaction holds the record");
                    return Ok(());
                }
                let spread = progress.rows.get(progress.locked[0]).map_or(0, spread);
                self.client.pause(progress.lock_tries, spread).await;
                progress.lock_tries += 1;
                let locked = std::mem::take(&mut progress.locked);
                progress.queue = slot::slots(progress.rows, &locked, self.options.strict).into();
            }
            let batch = slot::take_batch(&mut progress.queue);
            let parts: Vec<Part> = batch.iter().map(|slot| self.part(slot, progress)).collect();
            match self.client.write_parts(&parts).await {
                Ok(replies) => {
                    for (slot, reply) in batch.into_iter().zip(replies) {
                        let verdict = outcome::judge(&self.connection, progress.rows, &slot, &reply);
                        progress.take(slot, verdict);
                    }
                }
                Err(Lost::Unknown(why)) => {
                    for position in batch.iter().flat_map(|slot| &slot.rows) {
                        progress.outcomes[*position] = Some(RowOutcome::Unknown { why: why.clone() });
                    }
                    progress.give_up("not sent: the vendor did not answer the call before");
                    return Ok(());
                }
                Err(Lost::Nothing(error)) => {
                    let settled = progress.outcomes.iter().any(Option::is_some);
                    if !settled && progress.lock_tries == 0 {
                        return Err(error);
                    }
                    for slot in batch {
                        progress.again(&slot.rows, &error.to_string());
                    }
                    progress.give_up(&error.to_string());
                    return Ok(());
                }
            }
        }
    }

    /// Collections name no candidates of a duplicate rule; the row alone does [doc: research §2.4].
    async fn learn_candidates(&self, progress: &mut Progress<'_>) {
        let nameless = |outcome: &Option<RowOutcome>| {
            matches!(outcome, Some(RowOutcome::Rejected(Rejection { class: RejectionClass::Exists(found), .. }))
                if found.is_empty())
        };
        let positions: Vec<usize> = progress
            .outcomes
            .iter()
            .enumerate()
            .filter(|(position, outcome)| nameless(outcome) && !slot::is_single(&progress.rows[*position]))
            .map(|(position, _)| position)
            .collect();
        let mut queue: VecDeque<Slot> =
            positions.into_iter().map(|position| Slot { sort: Sort::Alone, rows: vec![position] }).collect();
        while !queue.is_empty() {
            let batch = slot::take_batch(&mut queue);
            let parts: Vec<Part> = batch.iter().map(|slot| self.part(slot, progress)).collect();
            match self.client.write_parts(&parts).await {
                Ok(replies) => {
                    for (slot, reply) in batch.into_iter().zip(replies) {
                        let verdict = outcome::judge(&self.connection, progress.rows, &slot, &reply);
                        for (position, verdict) in slot.rows.iter().zip(verdict.into_rows(slot.rows.len())) {
                            if let Verdict::Settled(outcome) = verdict {
                                progress.outcomes[*position] = Some(outcome);
                            }
                        }
                    }
                }
                // The rows were refused before; without candidates that is what is known of them.
                Err(Lost::Nothing(_)) => return,
                Err(Lost::Unknown(why)) => {
                    for position in batch.iter().flat_map(|slot| &slot.rows) {
                        progress.outcomes[*position] = Some(RowOutcome::Unknown { why: why.clone() });
                    }
                    return;
                }
            }
        }
    }

    fn part(&self, slot: &Slot, progress: &Progress<'_>) -> Part {
        let part = self.bare_part(slot, progress);
        let part = part.header("Sforce-Duplicate-Rule-Header", "allowSave=false".to_owned());
        if self.options.owner_mapped { part.header("Sforce-Auto-Assign", "FALSE".to_owned()) } else { part }
    }

    fn bare_part(&self, slot: &Slot, progress: &Progress<'_>) -> Part {
        let rows = || slot.rows.iter().map(|position| &progress.rows[*position]);
        let collection = |method: &'static str, path: &str| {
            let records: Vec<Json> = rows().map(|row| self.body(row, true)).collect();
            Part::new(method, path).heavy().body(json!({"allOrNone": false, "records": records}))
        };
        match &slot.sort {
            Sort::Upsert(object, key) => collection("PATCH", &format!("/composite/sobjects/{object}/{key}")),
            Sort::Update => collection("PATCH", "/composite/sobjects"),
            Sort::Role => collection("POST", "/composite/sobjects"),
            Sort::Delete => {
                let ids: Vec<String> = slot
                    .rows
                    .iter()
                    .map(|position| {
                        let looked_up = progress.role_rows.get(position).cloned();
                        looked_up.unwrap_or_else(|| slot::deleted_id(&progress.rows[*position]))
                    })
                    .collect();
                let path = format!("/composite/sobjects?ids={}&allOrNone=false", ids.join(","));
                Part::new("DELETE", &path).heavy()
            }
            Sort::Alone => rows().next().map_or_else(|| Part::new("GET", "/"), |row| self.alone(row)),
        }
    }

    /// One row as a call of its own.
    fn alone(&self, row: &WriteRow) -> Part {
        let body = self.body(row, false);
        match &row.write {
            Write::Create { object, key_field: None, .. } => {
                Part::new("POST", &format!("/sobjects/{object}")).body(body)
            }
            Write::Create { object, key_field: Some(key), .. } => {
                Part::new("PATCH", &format!("/sobjects/{object}/{key}/{}", row.entity)).body(body)
            }
            Write::Update { record, version, .. } => {
                let part =
                    Part::new("PATCH", &format!("/sobjects/{}/{}", record.object, record.id)).body(body);
                let stamp = version.as_ref().filter(|_| self.options.strict).and_then(slot::condition);
                match stamp {
                    Some(stamp) => part.header("If-Unmodified-Since", stamp),
                    None => part,
                }
            }
            Write::Associate(edge) | Write::Dissociate(edge) => {
                Part::new("PATCH", &format!("/sobjects/{}/{}", edge.from.object, edge.from.id)).body(body)
            }
            Write::Archive { record } => {
                Part::new("DELETE", &format!("/sobjects/{}/{}", record.object, record.id))
            }
        }
    }

    /// A row's JSON; in a collection it carries its type, and its id or key.
    fn body(&self, row: &WriteRow, collection: bool) -> Json {
        let mut body = serde_json::Map::new();
        let (object, id) = match &row.write {
            Write::Create { object, key_field, fields } => {
                self.add_fields(&mut body, object, fields);
                if let (Some(key), true) = (key_field, collection) {
                    body.insert(key.to_string(), row.entity.to_string().into());
                }
                (object.to_string(), None)
            }
            Write::Update { record, fields, .. } => {
                self.add_fields(&mut body, &record.object, fields);
                (record.object.to_string(), Some(record.id.to_string()))
            }
            Write::Associate(edge) | Write::Dissociate(edge) if !slot::is_role(edge) => {
                let to =
                    matches!(&row.write, Write::Associate(_)).then(|| Json::String(edge.to.id.to_string()));
                body.insert(edge.field.to_string(), to.unwrap_or_default());
                (edge.from.object.to_string(), Some(edge.from.id.to_string()))
            }
            Write::Associate(edge) | Write::Dissociate(edge) => {
                if edge.row.is_none() {
                    body.insert("OpportunityId".to_owned(), edge.from.id.to_string().into());
                    body.insert("ContactId".to_owned(), edge.to.id.to_string().into());
                }
                body.insert(
                    "Role".to_owned(),
                    edge.role.as_ref().map_or(Json::Null, |role| role.to_string().into()),
                );
                body.insert("IsPrimary".to_owned(), edge.primary.into());
                (super::ROLE_OBJECT.to_owned(), edge.row.as_ref().map(ToString::to_string))
            }
            Write::Archive { .. } => return Json::Null,
        };
        if collection {
            body.insert("attributes".to_owned(), json!({"type": object}));
            if let Some(id) = id {
                body.insert("id".to_owned(), id.into());
            }
        }
        Json::Object(body)
    }

    fn add_fields(
        &self,
        body: &mut serde_json::Map<String, Json>,
        object: &ObjectName,
        fields: &[(FieldName, Option<Value>)],
    ) {
        let described = self.described(object);
        for (field, value) in fields {
            let json = super::value::write(described.as_deref(), field.as_str(), value.as_ref());
            body.insert(field.to_string(), json);
            if let (Some(Value::Money(money)), true) =
                (value, described.as_ref().is_some_and(|d| d.has("CurrencyIsoCode")))
            {
                body.entry("CurrencyIsoCode").or_insert_with(|| money.currency.as_str().into());
            }
        }
    }

    pub(super) async fn probe_rows(&self, rows: &[WriteRow]) -> Result<Vec<Probe>, VendorError> {
        let mut found: Vec<Option<Probe>> = vec![None; rows.len()];
        let mut keyed: BTreeMap<(ObjectName, FieldName), Vec<usize>> = BTreeMap::new();
        let mut by_id: BTreeMap<ObjectName, Vec<usize>> = BTreeMap::new();
        for (position, row) in rows.iter().enumerate() {
            match &row.write {
                Write::Create { object, key_field: Some(key), .. } => {
                    keyed.entry((object.clone(), key.clone())).or_default().push(position);
                }
                Write::Create { key_field: None, .. } => {
                    found[position] =
                        Some(undecided("a record without a planted key cannot be told from others"));
                }
                Write::Update { record, .. } | Write::Archive { record } => {
                    by_id.entry(record.object.clone()).or_default().push(position);
                }
                Write::Associate(edge) | Write::Dissociate(edge) => {
                    by_id.entry(edge.from.object.clone()).or_default().push(position);
                }
            }
        }
        let objects: BTreeSet<ObjectName> =
            keyed.keys().map(|(object, _)| object.clone()).chain(by_id.keys().cloned()).collect();
        self.ensure_some(objects).await?;
        for ((object, key), positions) in keyed {
            self.probe_keys(rows, &object, &key, &positions, &mut found).await?;
        }
        for (object, positions) in by_id {
            self.probe_ids(rows, &object, &positions, &mut found).await?;
        }
        Ok(found
            .into_iter()
            .map(|probe| probe.unwrap_or_else(|| undecided("it was not looked for")))
            .collect())
    }

    /// Creates: a query on the key is a strong read. Deleted rows do not count: the key of an earlier record that was
    /// deleted proves nothing, and an upsert does not find it.
    async fn probe_keys(
        &self,
        rows: &[WriteRow],
        object: &ObjectName,
        key: &FieldName,
        positions: &[usize],
        found: &mut [Option<Probe>],
    ) -> Result<(), VendorError> {
        const KEYS: usize = 150;
        let mut want = slot::want_of(object, positions.iter().map(|position| &rows[*position]));
        want.fields.push(key.clone());
        let Some(reading) = self.reading(want).filter(|_| self.sees(object, key.as_str())) else {
            for position in positions {
                found[*position] = Some(undecided("the key field cannot be seen"));
            }
            return Ok(());
        };
        let mut parts = Vec::new();
        for chunk in positions.chunks(KEYS) {
            let keys: Vec<String> = chunk.iter().map(|position| rows[*position].entity.to_string()).collect();
            let condition = soql::one_of(key.as_str(), keys.iter().map(String::as_str));
            let select = reading.selects(condition.len()).into_iter().next().unwrap_or_default();
            parts.push(Part::query(&format!("{select} WHERE {condition}")));
        }
        let (_, replies) = self.client.read_parts(parts).await?;
        let mut by_key = BTreeMap::new();
        for reply in replies {
            for row in self.all_rows(reply).await? {
                if let Some(value) = row.get(key.as_str()).and_then(Json::as_str).map(str::to_ascii_lowercase)
                {
                    by_key.insert(value, row);
                }
            }
        }
        for position in positions {
            let row = by_key.get(&rows[*position].entity.to_string());
            let seen = row.and_then(|row| reading.observe(&self.connection, row, self.currency()));
            found[*position] = Some(seen.map_or(Probe::NotWritten, |seen| Probe::Written(Box::new(seen))));
        }
        Ok(())
    }

    async fn probe_ids(
        &self,
        rows: &[WriteRow],
        object: &ObjectName,
        positions: &[usize],
        found: &mut [Option<Probe>],
    ) -> Result<(), VendorError> {
        let want = slot::want_of(object, positions.iter().map(|position| &rows[*position]));
        let (Some(reading), Some(described)) = (self.reading(want), self.described(object)) else {
            for position in positions {
                found[*position] = Some(undecided("the object cannot be seen"));
            }
            return Ok(());
        };
        let ids: BTreeSet<_> =
            positions.iter().filter_map(|position| slot::target(&rows[*position])).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let (seen, _) = self.read_rows(&reading, &ids).await?;
        for position in positions {
            let row = &rows[*position];
            let now =
                slot::target(row).and_then(|id| seen.iter().find(|observation| observation.record.id == id));
            found[*position] = Some(match now {
                Some(now) => outcome::compare(&described, row, now),
                None => undecided("the record cannot be seen"),
            });
        }
        Ok(())
    }

    fn reading(&self, want: ObjectWant) -> Option<Reading> {
        let described = self.described(&want.object)?;
        Some(Reading::new(&want, described))
    }

    fn sees(&self, object: &ObjectName, field: &str) -> bool {
        self.described(object).is_some_and(|described| described.has(field))
    }
}

impl Progress<'_> {
    fn take(&mut self, slot: Slot, verdict: outcome::Judged) {
        if let (outcome::Judged::Refused(_), true) = (&verdict, slot.rows.len() > 1) {
            // One row can make a whole collection unreadable; halves find it and let the others pass.
            let (first, second) = slot.rows.split_at(slot.rows.len() / 2);
            self.queue.push_back(Slot { sort: slot.sort.clone(), rows: first.to_vec() });
            self.queue.push_back(Slot { sort: slot.sort.clone(), rows: second.to_vec() });
            return;
        }
        for (position, verdict) in slot.rows.iter().zip(verdict.into_rows(slot.rows.len())) {
            match verdict {
                Verdict::Settled(outcome) => self.outcomes[*position] = Some(outcome),
                Verdict::Locked => self.locked.push(*position),
            }
        }
    }

    fn again(&mut self, positions: &[usize], why: &str) {
        for position in positions {
            self.outcomes[*position] = Some(RowOutcome::Again { why: why.to_owned() });
        }
    }

    /// What is still to be sent is left for another time.
    fn give_up(&mut self, why: &str) {
        let left: Vec<usize> =
            self.queue.drain(..).flat_map(|slot| slot.rows).chain(self.locked.drain(..)).collect();
        self.again(&left, why);
    }
}

fn undecided(why: &str) -> Probe {
    Probe::Undecided { why: why.to_owned() }
}

/// Whether a role row is the relation meant.
fn is_edge(row: &Json, edge: &syncline_kit::vendor::EdgeWrite) -> bool {
    let text = |name: &str| row.get(name).and_then(Json::as_str);
    text("ContactId").map(super::ids::canonical).as_ref() == Some(&edge.to.id)
        && edge.role.as_deref().is_none_or(|role| text("Role") == Some(role))
}

/// A number that differs from row to row and is the same in every run.
fn spread(row: &WriteRow) -> u8 {
    Sha256::digest(row.entity.0.as_bytes())[0]
}
