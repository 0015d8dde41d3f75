//! Records that webhooks pointed at, each once, until the worker takes them.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};
use syncline_model::RecordRef;
use tokio::sync::Notify;

/// More are refused, so that the vendor sends them again later; the poll finds them in any case.
const MOST: usize = 100_000;

/// The waiting records.
#[derive(Default)]
pub(super) struct Hints {
    waiting: Mutex<BTreeSet<RecordRef>>,
    some: Notify,
}

impl Hints {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<RecordRef>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds records; `false`: there are too many already, and none was added.
    pub(super) fn add(&self, records: impl IntoIterator<Item = RecordRef>) -> bool {
        let mut waiting = self.lock();
        if waiting.len() >= MOST {
            return false;
        }
        waiting.extend(records);
        if !waiting.is_empty() {
            self.some.notify_one();
        }
        true
    }

    /// Puts records back whose reading failed.
    pub(super) fn put_back(&self, records: Vec<RecordRef>) {
        self.lock().extend(records);
        self.some.notify_one();
    }

    /// Takes all that wait.
    pub(super) fn take(&self) -> Vec<RecordRef> {
        std::mem::take(&mut *self.lock()).into_iter().collect()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Waits until there are some.
    pub(super) async fn some(&self) {
        loop {
            let rung = self.some.notified();
            if self.len() > 0 {
                return;
            }
            rung.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: usize) -> RecordRef {
        RecordRef::new("hubspot", "contacts", id.to_string())
    }

    #[tokio::test]
    async fn a_record_waits_once_and_is_taken_once() {
        let hints = Hints::default();
        assert!(hints.add([record(1), record(2)]));
        assert!(hints.add([record(1)]));
        hints.some().await;
        assert_eq!(hints.take(), [record(1), record(2)]);
        assert_eq!(hints.take(), []);
        hints.put_back(vec![record(2)]);
        hints.some().await;
        assert_eq!(hints.take(), [record(2)]);
    }

    #[test]
    fn a_full_queue_refuses_more() {
        let hints = Hints::default();
        assert!(hints.add((0..MOST).map(record)));
        assert!(!hints.add([record(MOST)]));
        assert_eq!(hints.len(), MOST);
    }
}
