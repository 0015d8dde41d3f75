//! A counted sorted list: insertion, removal, rank and paging by rank without scanning the elements.

const CHUNK: usize = 1024;

/// Distinct elements in order, cut into chunks.
#[derive(Debug)]
pub(super) struct Sorted<T> {
    chunks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T: Ord + Copy> Sorted<T> {
    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds `item`; a second time changes nothing.
    pub(super) fn insert(&mut self, item: T) {
        let at = self.chunk_for(&item);
        let Some(chunk) = self.chunks.get_mut(at) else {
            match self.chunks.last_mut() {
                Some(last) if last.len() < CHUNK => last.push(item),
                _ => self.chunks.push(vec![item]),
            }
            self.len += 1;
            return;
        };
        let Err(place) = chunk.binary_search(&item) else { return };
        chunk.insert(place, item);
        self.len += 1;
        if chunk.len() > 2 * CHUNK {
            let tail = chunk.split_off(CHUNK);
            self.chunks.insert(at + 1, tail);
        }
    }

    /// Takes `item` out if it is there.
    pub(super) fn remove(&mut self, item: &T) {
        let at = self.chunk_for(item);
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        let Ok(place) = chunk.binary_search(item) else { return };
        chunk.remove(place);
        self.len -= 1;
        if chunk.is_empty() {
            self.chunks.remove(at);
        }
    }

    /// How many elements are smaller than `bound`.
    pub(super) fn rank(&self, bound: &T) -> usize {
        let at = self.chunk_for(bound);
        let before: usize = self.chunks.iter().take(at).map(Vec::len).sum();
        before + self.chunks.get(at).map_or(0, |chunk| chunk.partition_point(|item| item < bound))
    }

    /// Elements from rank `from` on, ascending.
    pub(super) fn starting_at(&self, from: usize) -> impl Iterator<Item = T> + '_ {
        let mut skip = from;
        let mut at = 0;
        while self.chunks.get(at).is_some_and(|chunk| skip >= chunk.len()) {
            skip -= self.chunks.get(at).map_or(0, Vec::len);
            at += 1;
        }
        self.chunks.iter().skip(at).flatten().skip(skip).copied()
    }

    /// The first chunk whose last element is not smaller than `item`; `chunks.len()` if there is none.
    fn chunk_for(&self, item: &T) -> usize {
        self.chunks.partition_point(|chunk| chunk.last().is_some_and(|last| last < item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn agrees_with_a_set_under_random_changes() {
        let mut list = Sorted::default();
        let mut model = BTreeSet::new();
        let mut state = 7_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let item = (state >> 33) % 6_000;
            if state >> 62 == 0 {
                list.remove(&item);
                model.remove(&item);
            } else {
                list.insert(item);
                model.insert(item);
            }
        }
        assert!(list.starting_at(0).eq(model.iter().copied()));
        assert_eq!(list.len(), model.len());
        for bound in [0, 17, 2_999, 5_999, 9_000] {
            let rank = model.range(..bound).count();
            assert_eq!(list.rank(&bound), rank);
            assert_eq!(list.starting_at(rank).next(), model.range(bound..).next().copied());
        }
    }
}
