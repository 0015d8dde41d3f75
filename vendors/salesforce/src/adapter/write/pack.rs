//! Rows into calls: a call holds five groups of up to 200 rows, and a row without a planted key goes alone, because what
//! became of it cannot be found out later.

use super::slot::{self, Slot, Sort};
use std::collections::VecDeque;
use syncline_kit::vendor::{WriteCall, WriteRow};

pub(super) fn pack(rows: Vec<WriteRow>, strict: bool) -> Vec<WriteCall> {
    let positions: Vec<usize> = (0..rows.len()).collect();
    let slots = slot::slots(&rows, &positions, strict);
    let (keyless, others): (Vec<Slot>, Vec<Slot>) = slots
        .into_iter()
        .partition(|slot| slot.rows.iter().all(|position| slot::is_single(&rows[*position])));
    let mut rows: Vec<Option<WriteRow>> = rows.into_iter().map(Some).collect();
    let mut calls = Vec::new();
    let mut queue: VecDeque<Slot> = others.into();
    while !queue.is_empty() {
        let batch = slot::take_batch(&mut queue);
        calls.push(call(&batch, &mut rows));
    }
    calls.extend(keyless.iter().map(|slot| call(std::slice::from_ref(slot), &mut rows)));
    calls
}

fn call(batch: &[Slot], rows: &mut [Option<WriteRow>]) -> WriteCall {
    let shape = batch
        .iter()
        .map(|slot| {
            let what = match &slot.sort {
                Sort::Upsert(object, key) => format!("upsert {object} by {key}"),
                Sort::Update => "update".to_owned(),
                Sort::Role => "create OpportunityContactRole".to_owned(),
                Sort::Delete => "delete".to_owned(),
                Sort::Alone => "single".to_owned(),
            };
            format!("{what} ×{}", slot.rows.len())
        })
        .collect::<Vec<_>>()
        .join(", ");
    let rows =
        batch.iter().flat_map(|slot| &slot.rows).filter_map(|position| rows[*position].take()).collect();
    WriteCall { endpoint: "POST /services/data/v59.0/composite".to_owned(), shape, rows }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncline_kit::vendor::Write;
    use syncline_model::{EntityId, FieldName, OperationId, RecordRef, Ref, Value, Version};

    fn row(number: u128, write: Write) -> WriteRow {
        WriteRow { operation: OperationId(0), entity: EntityId(uuid::Uuid::from_u128(number)), write }
    }

    fn update(number: u128, object: &str, account: Option<&str>) -> WriteRow {
        let fields = account
            .map(|id| (FieldName::from("AccountId"), Some(Value::Refs(vec![Ref::to("Account", id)]))))
            .into_iter()
            .collect();
        let record = RecordRef::new("sf", object, format!("id{number}"));
        let version = Some(Version("2026-01-01T00:00:00.000+0000".into()));
        row(number, Write::Update { record, version, fields })
    }

    fn create(number: u128, object: &str, key: Option<&str>) -> WriteRow {
        let key_field = key.map(FieldName::from);
        row(number, Write::Create { object: object.into(), key_field, fields: Vec::new() })
    }

    #[test]
    fn a_hundred_updates_are_one_call_and_a_thousand_too() {
        for (count, calls) in [(100, 1), (1000, 1), (1001, 2)] {
            let rows = (0..count).map(|n| update(n, "Contact", None)).collect();
            assert_eq!(pack(rows, false).len(), calls, "{count}");
        }
    }

    #[test]
    fn no_row_is_lost_or_doubled() {
        let mut rows: Vec<WriteRow> = (0..700).map(|n| create(n, "Lead", Some("Key__c"))).collect();
        rows.extend((700..1500).map(|n| update(n, if n % 2 == 0 { "Contact" } else { "Account" }, None)));
        rows.extend((1500..1503).map(|n| create(n, "Account", None)));
        let calls = pack(rows, false);
        assert_eq!(calls.iter().map(|call| call.rows.len()).collect::<Vec<_>>(), [900, 600, 1, 1, 1]);
        let mut seen: Vec<EntityId> =
            calls.iter().flat_map(|call| &call.rows).map(|row| row.entity).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 1503);
    }

    #[test]
    fn strict_updates_are_packed_twenty_five_to_a_call() {
        let rows = (0..60).map(|n| update(n, "Contact", None)).collect();
        assert_eq!(pack(rows, true).iter().map(|call| call.rows.len()).collect::<Vec<_>>(), [25, 25, 10]);
    }

    #[test]
    fn rows_of_one_account_stand_side_by_side() {
        let rows = vec![
            update(1, "Contact", Some("a")),
            update(2, "Contact", Some("b")),
            update(3, "Contact", Some("a")),
        ];
        let order: Vec<u128> = pack(rows, false)[0].rows.iter().map(|row| row.entity.0.as_u128()).collect();
        assert_eq!(order, [1, 3, 2]);
    }
}
