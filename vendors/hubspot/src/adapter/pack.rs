//! Rows to calls: as few as the vendor's limits allow, and never one id twice in a call, since that refuses the whole
//! call [gh segmentio/action-destinations PR#3969].

use super::{edges, edges::Edge, records::BATCH};
use std::collections::BTreeSet;
use syncline_kit::vendor::{EdgeWrite, Write, WriteCall, WriteRow};
use syncline_model::{FieldName, ObjectName, Value};

/// Inputs of one association create [docs associations v4].
const ASSOCIATE: usize = 2_000;
/// Distinct records that one association archive starts from.
const DISSOCIATE: usize = 100;

/// How rows are written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// `batch/create`.
    Create(ObjectName),
    /// `batch/upsert` by a unique property: a repeat finds the first.
    Upsert(ObjectName, FieldName),
    /// `batch/update`.
    Update(ObjectName),
    /// `batch/archive`.
    Archive(ObjectName),
    Associate(FieldName),
    /// Takes all types of a pair away.
    Dissociate(FieldName),
    /// Takes one type of a pair away.
    Unlabel(FieldName),
}

impl Shape {
    pub(super) fn of(write: &Write) -> Self {
        match write {
            Write::Create { object, key_field: Some(key), .. } => Self::Upsert(object.clone(), key.clone()),
            // An address is no key to write by: an upsert finds it as the second one of somebody else, too, and writes
            // over them. A create is refused then, and names them [KB deduplicate records].
            Write::Create { object, key_field: None, .. } => Self::Create(object.clone()),
            Write::Update { record, .. } => Self::Update(record.object.clone()),
            Write::Archive { record } => Self::Archive(record.object.clone()),
            Write::Associate(edge) => Self::Associate(edge.field.clone()),
            Write::Dissociate(edge) => {
                let is_exact = edges::named(&edge.field).is_some_and(|edge| edge.exact);
                if is_exact || edge.role.is_some() {
                    Self::Unlabel(edge.field.clone())
                } else {
                    Self::Dissociate(edge.field.clone())
                }
            }
        }
    }

    fn endpoint(&self) -> String {
        let pair = |field: &FieldName| {
            edges::named(field)
                .map_or_else(|| format!("unknown/{field}"), |Edge { from, to, .. }| format!("{from}/{to}"))
        };
        match self {
            Self::Create(object) => format!("POST /crm/v3/objects/{object}/batch/create"),
            Self::Upsert(object, _) => format!("POST /crm/v3/objects/{object}/batch/upsert"),
            Self::Update(object) => format!("POST /crm/v3/objects/{object}/batch/update"),
            Self::Archive(object) => format!("POST /crm/v3/objects/{object}/batch/archive"),
            Self::Associate(field) => format!("POST /crm/v4/associations/{}/batch/create", pair(field)),
            Self::Dissociate(field) => format!("POST /crm/v4/associations/{}/batch/archive", pair(field)),
            Self::Unlabel(field) => format!("POST /crm/v4/associations/{}/batch/labels/archive", pair(field)),
        }
    }

    /// The path of [`Self::endpoint`].
    pub(super) fn path(&self) -> String {
        self.endpoint().trim_start_matches("POST ").to_owned()
    }

    fn name(&self) -> String {
        match self {
            Self::Create(object) => format!("create {object}"),
            Self::Upsert(object, key) => format!("upsert {object} by {key}"),
            Self::Update(object) => format!("update {object}"),
            Self::Archive(object) => format!("archive {object}"),
            Self::Associate(field) => format!("associate {field}"),
            Self::Dissociate(field) => format!("dissociate {field}"),
            Self::Unlabel(field) => format!("unlabel {field}"),
        }
    }

    /// Most rows, and most distinct marks, of one call.
    fn limits(&self) -> (usize, usize) {
        match self {
            Self::Create(_) | Self::Upsert(..) | Self::Update(_) | Self::Archive(_) => (BATCH, BATCH),
            Self::Associate(_) => (ASSOCIATE, ASSOCIATE),
            Self::Dissociate(_) => (ASSOCIATE, DISSOCIATE),
            Self::Unlabel(_) => (DISSOCIATE, DISSOCIATE),
        }
    }

    /// Whether one mark may stand in a call only once.
    fn is_exclusive(&self) -> bool {
        match self {
            Self::Create(_) | Self::Upsert(..) | Self::Update(_) | Self::Archive(_) => true,
            Self::Associate(_) | Self::Dissociate(_) | Self::Unlabel(_) => false,
        }
    }
}

/// The text of a field that is to be written.
pub(super) fn text<'a>(fields: &'a [(FieldName, Option<Value>)], name: &FieldName) -> Option<&'a str> {
    fields.iter().find(|(field, _)| field == name)?.1.as_ref()?.as_str()
}

/// The unique value that an upsert finds its record by.
pub(super) fn key_value(row: &WriteRow, key: &FieldName) -> String {
    match &row.write {
        Write::Create { fields, .. } => {
            text(fields, key).map_or_else(|| row.entity.to_string(), str::to_owned)
        }
        Write::Update { .. } | Write::Associate(_) | Write::Dissociate(_) | Write::Archive { .. } => {
            String::new()
        }
    }
}

/// The address of a new contact: HubSpot takes each only once, as a first or as a further one.
pub(super) fn address(row: &WriteRow) -> Option<&str> {
    match &row.write {
        Write::Create { object, fields, .. } if object.as_str() == "contacts" => {
            text(fields, &FieldName::from("email"))
        }
        Write::Create { .. }
        | Write::Update { .. }
        | Write::Associate(_)
        | Write::Dissociate(_)
        | Write::Archive { .. } => None,
    }
}

/// What tells a row from others of its call.
fn mark(row: &WriteRow, shape: &Shape) -> String {
    match (&row.write, shape) {
        (Write::Create { .. }, Shape::Upsert(_, key)) => key_value(row, key).to_lowercase(),
        (Write::Create { .. }, _) => match address(row) {
            // Two with one address in a call refuse each other.
            Some(address) => address.to_lowercase(),
            None => format!("{}", row.operation.0),
        },
        (Write::Update { record, .. } | Write::Archive { record }, _) => record.id.to_string(),
        (Write::Associate(EdgeWrite { from, to, .. }), _) => format!("{} {}", from.id, to.id),
        (Write::Dissociate(EdgeWrite { from, .. }), _) => from.id.to_string(),
    }
}

struct Open {
    shape: Shape,
    marks: BTreeSet<String>,
    rows: Vec<WriteRow>,
}

/// Packs rows; calls stand in the order of their first rows.
pub(super) fn pack(rows: Vec<WriteRow>) -> Vec<WriteCall> {
    let mut open: Vec<Open> = Vec::new();
    for row in rows {
        let shape = Shape::of(&row.write);
        let mark = mark(&row, &shape);
        let (most_rows, most_marks) = shape.limits();
        // Only the latest call of a shape takes rows, so that two rows of one record keep their order.
        let latest = open.iter_mut().rfind(|call| call.shape == shape).filter(|call| {
            let is_new = !call.marks.contains(&mark);
            call.rows.len() < most_rows
                && (call.marks.len() < most_marks || !is_new)
                && (is_new || !shape.is_exclusive())
        });
        match latest {
            Some(call) => {
                call.marks.insert(mark);
                call.rows.push(row);
            }
            None => open.push(Open { shape, marks: BTreeSet::from([mark]), rows: vec![row] }),
        }
    }
    open.into_iter()
        .map(|Open { shape, rows, .. }| WriteCall { endpoint: shape.endpoint(), shape: shape.name(), rows })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncline_model::{EntityId, OperationId, RecordRef};

    fn row(number: u64, write: Write) -> WriteRow {
        let bytes = u128::from(number);
        WriteRow { operation: OperationId(number), entity: entity(bytes), write }
    }

    fn entity(number: u128) -> EntityId {
        serde_json::from_str(&format!("\"00000000-0000-7000-8000-{number:012}\"")).unwrap()
    }

    fn create(number: u64, key: Option<&str>) -> WriteRow {
        let fields = vec![(FieldName::from("dealname"), Value::text("x"))];
        row(number, Write::Create { object: "deals".into(), key_field: key.map(FieldName::from), fields })
    }

    fn update(number: u64, id: &str) -> WriteRow {
        let record = RecordRef::new("hs", "deals", id);
        row(number, Write::Update { record, version: None, fields: Vec::new() })
    }

    #[test]
    fn creates_go_a_hundred_a_call() {
        let calls = pack((0..8_800).map(|number| create(number, Some("syncline_id"))).collect());
        assert_eq!(calls.len(), 88);
        assert!(calls.iter().all(|call| call.endpoint == "POST /crm/v3/objects/deals/batch/upsert"));
    }

    #[test]
    fn a_record_stands_once_in_a_call_and_its_rows_keep_their_order() {
        let calls = pack(vec![update(1, "7"), update(2, "8"), update(3, "7"), update(4, "8")]);
        let order: Vec<Vec<u64>> =
            calls.iter().map(|call| call.rows.iter().map(|row| row.operation.0).collect()).collect();
        assert_eq!(order, [vec![1, 2], vec![3, 4]]);
    }

    #[test]
    fn contacts_without_planted_key_are_created_and_those_of_one_address_in_calls_of_their_own() {
        let contact = |number: u64, email: &str| {
            let fields = vec![(FieldName::from("email"), Value::text(email))];
            row(number, Write::Create { object: "contacts".into(), key_field: None, fields })
        };
        let calls = pack(vec![contact(1, "ada@x.io"), contact(2, "bo@x.io"), contact(3, "Ada@x.io")]);
        assert!(calls.iter().all(|call| call.endpoint == "POST /crm/v3/objects/contacts/batch/create"));
        assert_eq!(calls.iter().map(|call| call.rows.len()).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(Shape::of(&create(1, None).write), Shape::Create("deals".into()));
    }
}
