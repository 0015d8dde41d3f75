//! What long texts were read as, by the text itself: a vendor describes an object letter for letter as it did before,
//! nearly always, to every process and every connection.

use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Kept<T> = Vec<(Bytes, Arc<T>)>;

/// Values by the text that they were read from, the latest first. What a text means must depend on nothing else.
pub struct Memo<T> {
    most: usize,
    kept: Mutex<Kept<T>>,
}

impl<T> Memo<T> {
    /// Keeps so many values; one that was not asked for gives way first.
    pub const fn new(most: usize) -> Self {
        Self { most, kept: Mutex::new(Vec::new()) }
    }

    fn lock(&self) -> MutexGuard<'_, Kept<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this very text was read as.
    pub fn get(&self, text: &[u8]) -> Option<Arc<T>> {
        let mut kept = self.lock();
        let at = kept.iter().position(|(known, _)| known == text)?;
        kept[..=at].rotate_right(1);
        kept.first().map(|(_, value)| Arc::clone(value))
    }

    /// Keeps what a text was read as.
    pub fn put(&self, text: Bytes, value: Arc<T>) {
        let mut kept = self.lock();
        kept.truncate(self.most.saturating_sub(1));
        kept.insert(0, (text, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_text_is_known_and_what_nobody_asks_for_gives_way() {
        let memo = Memo::new(2);
        memo.put(Bytes::from_static(b"one"), Arc::new(1));
        memo.put(Bytes::from_static(b"two"), Arc::new(2));
        assert_eq!(memo.get(b"one").as_deref(), Some(&1));
        assert_eq!(memo.get(b"onE"), None);
        memo.put(Bytes::from_static(b"three"), Arc::new(3));
        assert_eq!(memo.get(b"two"), None);
        assert_eq!((memo.get(b"one").as_deref(), memo.get(b"three").as_deref()), (Some(&1), Some(&3)));
    }
}
