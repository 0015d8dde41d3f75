//! Writes: rows into subrequests, answers into outcomes.

mod body;
mod currency;
mod outcome;
mod pack;
mod probe;
mod slot;

use super::{Salesforce, client::Lost, composite::Part};
use outcome::{Blame, Judged, Verdict};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use slot::{Slot, Sort};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use syncline_kit::vendor::{
    EdgeWrite, Rejection, RejectionClass, RowOutcome, VendorError, Write, WriteCall, WriteRow,
};
use syncline_model::{
    ConnectionName, ObjectName, Value,
    defect::{Defect, planted},
};

/// How often rows that another transaction holds are sent again within one write.
const LOCK_TRIES: u32 = 3;
/// How often collections are halved within one write; what is unreadable then is refused.
const MOST_SPLITS: u32 = 24;

/// What is being found out about a call's rows.
struct Progress<'a> {
    rows: &'a [WriteRow],
    outcomes: Vec<Option<RowOutcome>>,
    /// Role rows to take away whose ids had to be looked up.
    role_rows: BTreeMap<usize, String>,
    queue: VecDeque<Slot>,
    locked: Vec<usize>,
    lock_tries: u32,
    splits: u32,
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
            splits: 0,
        };
        for (position, refused) in self.misplaced(&call.rows).await? {
            progress.outcomes[position] = Some(refused);
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

    /// A role row is taken away by its id; where the caller does not know it, the opportunity does.
    async fn find_role_rows(&self, progress: &mut Progress<'_>) -> Result<(), VendorError> {
        let lacking: Vec<(usize, &EdgeWrite)> = progress
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
                if planted(Defect::LockedRow) {
                    let locked = std::mem::take(&mut progress.locked);
                    progress.pass_over(&self.connection, &locked);
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
                                progress.outcomes[*position] = Some(*outcome);
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
}

impl Progress<'_> {
    fn take(&mut self, mut slot: Slot, verdict: Judged) {
        if let Judged::Refused(_, blame) = &verdict {
            let (blamed, innocent): (Vec<usize>, Vec<usize>) = match blame {
                Blame::Fields(fields) => {
                    slot.rows.iter().partition(|position| slot::writes(&self.rows[**position], fields))
                }
                Blame::OneRow | Blame::All => (slot.rows.clone(), Vec::new()),
            };
            if *blame == Blame::OneRow && slot.rows.len() > 1 && self.splits < MOST_SPLITS {
                // One row can make a whole collection unreadable; halves find it and let the others pass.
                self.splits += 1;
                let (first, second) = slot.rows.split_at(slot.rows.len() / 2);
                self.queue.push_back(Slot { sort: slot.sort.clone(), rows: first.to_vec() });
                self.queue.push_back(Slot { sort: slot.sort.clone(), rows: second.to_vec() });
                return;
            }
            if !innocent.is_empty() && !blamed.is_empty() {
                self.queue.push_back(Slot { sort: slot.sort.clone(), rows: innocent });
                slot.rows = blamed;
            }
        }
        for (position, verdict) in slot.rows.iter().zip(verdict.into_rows(slot.rows.len())) {
            match verdict {
                Verdict::Settled(outcome) => self.outcomes[*position] = Some(*outcome),
                Verdict::Locked => self.locked.push(*position),
            }
        }
    }

    /// Counts rows as written that were not.
    fn pass_over(&mut self, connection: &ConnectionName, positions: &[usize]) {
        for position in positions {
            self.outcomes[*position] = Some(outcome::as_if_written(connection, &self.rows[*position]));
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

/// Whether a role row is the relation meant.
fn is_edge(row: &Json, edge: &EdgeWrite) -> bool {
    let text = |name: &str| row.get(name).and_then(Json::as_str);
    text("ContactId").map(super::ids::canonical).as_ref() == Some(&edge.to.id)
        && edge.role.as_deref().is_none_or(|role| text("Role") == Some(role))
}

/// A number that differs from row to row and is the same in every run.
fn spread(row: &WriteRow) -> u8 {
    Sha256::digest(row.entity.0.as_bytes())[0]
}
