//! Associations by v4 batches. Both directions are stored by the vendor, so each edge is written from the child only.

use super::Attempt;
use crate::adapter::{
    HubSpot,
    client::{Call, Effect, Failure},
    edges::{self, Edge, Label},
    fault::Fault,
    pace::Lane,
    pack::Shape,
    records::plain,
};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_kit::vendor::{EdgeWrite, Rejection, RejectionClass, RowOutcome, VendorError, Write, WriteRow};
use syncline_model::{FieldName, RecordId};

/// Category and number of an association type.
type Type = (&'static str, u32);

#[derive(Deserialize)]
struct Created {
    #[serde(default)]
    results: Vec<Pair>,
    #[serde(default)]
    errors: Vec<Json>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pair {
    from_object_id: Json,
    to_object_id: Json,
}

impl HubSpot {
    /// `batch/create`: adds types to pairs; a pair stands once in a call, with all its types.
    pub(super) async fn associate(
        &self,
        shape: &Shape,
        field: &FieldName,
        rows: &[&WriteRow],
    ) -> Result<Attempt, Failure> {
        let Some(edge) = edges::named(field) else { return Ok(all(rows, &unknown_edge(field))) };
        let labels = self.labels_of(edge, rows).await.map_err(Failure::Nothing)?;
        let mut refused: BTreeMap<usize, RowOutcome> = BTreeMap::new();
        let mut pairs: BTreeMap<(&RecordId, &RecordId), BTreeSet<Type>> = BTreeMap::new();
        for (position, write) in rows.iter().map(|row| edge_of(row)).enumerate() {
            let Some(write) = write else { continue };
            match types(edge, write, &labels) {
                Ok(types) => pairs.entry((&write.from.id, &write.to.id)).or_default().extend(types),
                Err(rejection) => drop(refused.insert(position, RowOutcome::Rejected(rejection))),
            }
        }
        let created = if pairs.is_empty() {
            Created { results: Vec::new(), errors: Vec::new() }
        } else {
            let inputs: Vec<Json> = pairs.iter().map(|((from, to), types)| input(from, to, types)).collect();
            let call = Call::post(shape.path(), &json!({ "inputs": inputs }), Effect::Write);
            let answer = self.client.send(call.lane(Lane::Associations)).await?;
            if !answer.is_success() {
                return Ok(Attempt::Refused(answer.fault()));
            }
            answer.parse().map_err(|error| Failure::Unknown(error.to_string()))?
        };
        let faults: Vec<Fault> = created.errors.into_iter().map(Fault::of_row).collect();
        let done: BTreeSet<(String, String)> = created
            .results
            .into_iter()
            .filter_map(|pair| Some((plain(pair.from_object_id)?, plain(pair.to_object_id)?)))
            .collect();
        let asked: BTreeSet<(String, String)> =
            pairs.into_keys().map(|(from, to)| (from.to_string(), to.to_string())).collect();
        let outcome = |(position, row): (usize, &&WriteRow)| {
            if let Some(refused) = refused.remove(&position) {
                return refused;
            }
            let Some(write) = edge_of(row) else { return RowOutcome::Rejected(unknown_edge(field)) };
            if done.contains(&pair_of(write)) {
                return confirmed(write);
            }
            if let Some(fault) = faults.iter().find(|fault| is_about(fault, write)) {
                return RowOutcome::Rejected(fault.rejection(&self.connection, &write.from.object));
            }
            match survivor(write, &done, &asked) {
                Some(id) => {
                    let record = self.record(write.from.object.clone(), id);
                    RowOutcome::Confirmed { record, created: false, observation: None }
                }
                None if faults.is_empty() => confirmed(write),
                None => RowOutcome::Unknown { why: "the answer does not speak of this pair".to_owned() },
            }
        };
        Ok(Attempt::Rows(rows.iter().enumerate().map(outcome).collect()))
    }

    /// `batch/archive` takes pairs away, `batch/labels/archive` single types of them. Both answer nothing, and neither
    /// minds what is not there.
    pub(super) async fn dissociate(&self, shape: &Shape, rows: &[&WriteRow]) -> Result<Attempt, Failure> {
        let writes: Vec<&EdgeWrite> = rows.iter().filter_map(|row| edge_of(row)).collect();
        let (Shape::Dissociate(field) | Shape::Unlabel(field)) = shape else {
            return Ok(Attempt::Rows(Vec::new()));
        };
        let Some(edge) = edges::named(field) else { return Ok(all(rows, &unknown_edge(field))) };
        let mut refused: BTreeMap<usize, RowOutcome> = BTreeMap::new();
        let inputs: Vec<Json> = if matches!(shape, Shape::Unlabel(_)) {
            let labels = self.labels_of(edge, rows).await.map_err(Failure::Nothing)?;
            let mut inputs = Vec::new();
            for (position, write) in writes.iter().enumerate() {
                let types = match &write.role {
                    None => [("HUBSPOT_DEFINED", edge.plain)].into(),
                    Some(role) => match label(&labels, role) {
                        Some(id) => [("USER_DEFINED", id)].into(),
                        None => {
                            refused.insert(position, RowOutcome::Rejected(unknown_label(write, role)));
                            continue;
                        }
                    },
                };
                inputs.push(input(&write.from.id, &write.to.id, &types));
            }
            inputs
        } else {
            let mut by_child: BTreeMap<&RecordId, BTreeSet<&RecordId>> = BTreeMap::new();
            for write in &writes {
                by_child.entry(&write.from.id).or_default().insert(&write.to.id);
            }
            let parents =
                |ids: BTreeSet<&RecordId>| ids.into_iter().map(|id| json!({ "id": id })).collect::<Vec<_>>();
            by_child
                .into_iter()
                .map(|(from, to)| json!({ "from": { "id": from }, "to": parents(to) }))
                .collect()
        };
        if !inputs.is_empty() {
            let call = Call::post(shape.path(), &json!({ "inputs": inputs }), Effect::Write);
            let answer = self.client.send(call.lane(Lane::Associations)).await?;
            if !answer.is_success() {
                return Ok(Attempt::Refused(answer.fault()));
            }
        }
        let outcome = |(position, write)| refused.remove(&position).unwrap_or_else(|| confirmed(write));
        Ok(Attempt::Rows(writes.into_iter().enumerate().map(outcome).collect()))
    }

    /// Takes roles away: the label where the pair keeps another one, else the pair.
    pub(super) async fn unlabel(
        &self,
        field: &FieldName,
        rows: &[&WriteRow],
    ) -> Result<Vec<RowOutcome>, VendorError> {
        let label = Shape::Unlabel(field.clone());
        let Some(edge) = edges::named(field).filter(|edge| !edge.exact) else {
            return self.write_rows(&label, rows).await;
        };
        let children: Vec<RecordId> =
            rows.iter().filter_map(|row| Some(edge_of(row)?.from.id.clone())).collect();
        let present = self.read_edges(edge, &children).await?;
        // All of a pair's roles that the call takes away: each row alone would leave the pair to the others, and a pair
        // whose labels are all gone stays associated without one [docs associations v4].
        let mut going: BTreeMap<(&RecordId, &RecordId), BTreeSet<String>> = BTreeMap::new();
        for write in rows.iter().filter_map(|row| edge_of(row)) {
            let roles = going.entry((&write.from.id, &write.to.id)).or_default();
            roles.extend(write.role.as_deref().map(str::to_lowercase));
        }
        let keeps_another = |row: &WriteRow| {
            edge_of(row).is_some_and(|write| {
                let refs = present.get(&write.from.id).map_or(&[][..], Vec::as_slice);
                let going = going.get(&(&write.from.id, &write.to.id));
                let stays = |role: &str| !going.is_some_and(|roles| roles.contains(&role.to_lowercase()));
                refs.iter().any(|one| one.id == write.to.id && one.role.as_deref().is_some_and(stays))
            })
        };
        let mut outcomes: Vec<Option<RowOutcome>> = rows.iter().map(|_| None).collect();
        for (shape, labelled) in [(label, true), (Shape::Dissociate(field.clone()), false)] {
            let chosen: Vec<usize> =
                (0..rows.len()).filter(|at| keeps_another(rows[*at]) == labelled).collect();
            if chosen.is_empty() {
                continue;
            }
            let part: Vec<&WriteRow> = chosen.iter().map(|at| rows[*at]).collect();
            let is_first = outcomes.iter().all(Option::is_none);
            let settled = match self.write_rows(&shape, &part).await {
                Err(error) if is_first => return Err(error),
                Err(error) => vec![RowOutcome::Again { why: error.to_string() }; part.len()],
                Ok(settled) => settled,
            };
            for (at, outcome) in chosen.into_iter().zip(settled) {
                outcomes[at] = Some(outcome);
            }
        }
        let unsaid = || RowOutcome::Unknown { why: "the call was not made".to_owned() };
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unsaid)).collect())
    }

    /// The account's labels as far as these rows name some. A name that they do not hold may have been given since they
    /// were read, so they are read anew once.
    async fn labels_of(&self, edge: &Edge, rows: &[&WriteRow]) -> Result<Arc<Vec<Label>>, VendorError> {
        let roles: Vec<&str> = rows.iter().filter_map(|row| edge_of(row)?.role.as_deref()).collect();
        if roles.is_empty() {
            return Ok(Arc::default());
        }
        let known = self.known_labels(edge).filter(|known| {
            let is_known = |role: &&str| label(known, role).is_some();
            roles.iter().all(is_known)
        });
        match known {
            Some(known) => Ok(known),
            None => self.read_labels(edge).await,
        }
    }
}

/// The types that an edge is written with.
fn types(edge: &Edge, write: &EdgeWrite, labels: &[Label]) -> Result<BTreeSet<Type>, Rejection> {
    let mut types = BTreeSet::from([("HUBSPOT_DEFINED", edge.plain)]);
    if let Some(primary) = edge.primary.filter(|_| write.primary) {
        types.insert(("HUBSPOT_DEFINED", primary));
    }
    if let Some(role) = &write.role {
        types.insert(("USER_DEFINED", label(labels, role).ok_or_else(|| unknown_label(write, role))?));
    }
    Ok(types)
}

fn label(labels: &[Label], role: &str) -> Option<u32> {
    labels.iter().find(|label| label.name.eq_ignore_ascii_case(role)).map(|label| label.type_id)
}

fn edge_of(row: &WriteRow) -> Option<&EdgeWrite> {
    match &row.write {
        Write::Associate(edge) | Write::Dissociate(edge) => Some(edge),
        Write::Create { .. } | Write::Update { .. } | Write::Archive { .. } => None,
    }
}

fn input(from: &RecordId, to: &RecordId, types: &BTreeSet<Type>) -> Json {
    let types: Vec<Json> = types
        .iter()
        .map(|(category, id)| json!({ "associationCategory": category, "associationTypeId": id }))
        .collect();
    json!({ "from": { "id": from }, "to": { "id": to }, "types": types })
}

fn confirmed(write: &EdgeWrite) -> RowOutcome {
    RowOutcome::Confirmed { record: write.from.clone(), created: false, observation: None }
}

/// Both ends as an answer names them.
fn pair_of(write: &EdgeWrite) -> (String, String) {
    (write.from.id.to_string(), write.to.id.to_string())
}

/// The id under which an answer speaks of this write where it does not name its child: the child was merged, and what it was
/// merged into has the relation now. An answer that names the child with another parent tells that the parent was merged, which
/// makes it no other child's relation.
fn survivor<'a>(
    write: &EdgeWrite,
    done: &'a BTreeSet<(String, String)>,
    asked: &BTreeSet<(String, String)>,
) -> Option<&'a str> {
    let (child, parent) = pair_of(write);
    if done.iter().any(|(from, _)| *from == child) {
        return None;
    }
    done.iter().find(|pair| pair.1 == parent && !asked.contains(*pair)).map(|(from, _)| from.as_str())
}

fn all(rows: &[&WriteRow], rejection: &Rejection) -> Attempt {
    Attempt::Rows(rows.iter().map(|_| RowOutcome::Rejected(rejection.clone())).collect())
}

fn unknown_label(write: &EdgeWrite, role: &str) -> Rejection {
    Rejection {
        class: RejectionClass::Fields(vec![write.field.clone()]),
        code: "UNKNOWN_LABEL".to_owned(),
        message: format!("the account has no association label `{role}` for {}", write.field),
    }
}

fn unknown_edge(field: &FieldName) -> Rejection {
    Rejection {
        class: RejectionClass::Other,
        code: "UNKNOWN_EDGE".to_owned(),
        message: format!("this connector knows no association `{field}`"),
    }
}

/// Whether an error row names this pair, or one end of it where it names no other.
fn is_about(fault: &Fault, write: &EdgeWrite) -> bool {
    let names = |names: [&str; 3], id: &RecordId| -> Option<bool> {
        let ids: Vec<String> = names.iter().flat_map(|name| fault.context(name)).collect();
        (!ids.is_empty()).then(|| ids.iter().any(|one| one == id.as_str()))
    };
    let from = names(["fromObjectId", "from", "fromId"], &write.from.id);
    let to = names(["toObjectId", "to", "toId"], &write.to.id);
    let any = names(["objectId", "id", "ids"], &write.from.id).unwrap_or(false)
        || names(["objectId", "id", "ids"], &write.to.id).unwrap_or(false);
    match (from, to) {
        (None, None) => any,
        (from, to) => from.unwrap_or(true) && to.unwrap_or(true),
    }
}
