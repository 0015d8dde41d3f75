//! What makes the past provable at the price of a few hashes a row: fingerprints of all rows that are kept, maintained with
//! each of them, and what a row was before, as its difference from what it became.
//!
//! A *fingerprint* is a sum over rows, so that it does not matter in which order they came and each row is added and
//! taken away alone. A *step* is a batch that changed a record or a link. Rows that were stored before format 3 and not
//! changed since have the step 0 and are in no fingerprint.

use crate::{
    StoreError,
    codec::wire::{Reader, Writer},
};
use sha2::{Digest, Sha256};

const BOOKS_FORMAT: u8 = 1;
const FORMER_FORMAT: u8 = 1;
const WHOLE: u8 = 0;
const DIFFERENCE: u8 = 1;

/// Stands where links have their facet: the row is the record itself.
pub(crate) const RECORD: i16 = -1;

/// A sum of hashes, in four lanes that wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Fingerprint([u64; 4]);

impl Fingerprint {
    pub(crate) fn add(&mut self, hash: &Hash) {
        for (lane, part) in self.0.iter_mut().zip(hash.lanes()) {
            *lane = lane.wrapping_add(part);
        }
    }

    pub(crate) fn take(&mut self, hash: &Hash) {
        for (lane, part) in self.0.iter_mut().zip(hash.lanes()) {
            *lane = lane.wrapping_sub(part);
        }
    }

    /// Adds all of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (lane, part) in self.0.iter_mut().zip(other.0) {
            *lane = lane.wrapping_add(part);
        }
    }
}

/// The SHA-256 of a row with its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hash([u8; 32]);

impl Hash {
    fn of(what: &[u8], key: &[&[u8]], row: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(what);
        for part in key {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update(row);
        Self(hash.finalize().into())
    }

    fn lanes(&self) -> [u64; 4] {
        let (lanes, _) = self.0.as_chunks::<8>();
        let mut all = [0; 4];
        for (lane, bytes) in all.iter_mut().zip(lanes) {
            *lane = u64::from_be_bytes(*bytes);
        }
        all
    }

    /// What is kept with a row, by which a row that is not what was written is told from the others.
    pub(crate) fn mark(&self) -> i64 {
        let [a, b, c, d, ..] = self.0;
        i64::from(u32::from_be_bytes([a, b, c, d]))
    }
}

/// Where a row of a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowKey<'a> {
    pub(crate) stream: i32,
    pub(crate) id: &'a [u8],
    /// [`RECORD`] or the facet of a link.
    pub(crate) facet: i16,
}

impl RowKey<'_> {
    /// The hash of what the row holds.
    pub(crate) fn hash(&self, image: &[u8]) -> Hash {
        Hash::of(b"row", &[&self.stream.to_be_bytes(), self.id, &self.facet.to_be_bytes()], image)
    }

    /// The hash of what it held until `step`, as kept.
    pub(crate) fn former_hash(&self, step: u64, body: &[u8]) -> Hash {
        let (stream, facet) = (self.stream.to_be_bytes(), self.facet.to_be_bytes());
        Hash::of(b"former", &[&stream, self.id, &facet, &step.to_be_bytes()], body)
    }
}

/// The hash of a row of values as kept; `None`: erased.
pub(crate) fn values_hash(stream: i32, id: &[u8], seq: i64, row: i64, body: Option<&[u8]>) -> Hash {
    let what: &[u8] = if body.is_some() { b"values" } else { b"erased" };
    let key = [&stream.to_be_bytes()[..], id, &seq.to_be_bytes(), &row.to_be_bytes()];
    Hash::of(what, &key, body.unwrap_or_default())
}

/// The columns of a stored record as one blob: what changes often comes first.
pub(crate) fn record_image(
    version: Option<&[u8]>,
    modified: Option<i64>,
    state: i16,
    shape: i32,
    data: &[u8],
) -> Vec<u8> {
    let mut to = Writer::default();
    to.optional(version);
    to.optional(modified.map(i64::to_be_bytes).as_ref().map(|bytes| bytes.as_slice()));
    to.int(i128::from(state));
    to.int(i128::from(shape));
    to.raw(data);
    to.finish()
}

/// The columns of a stored link as one blob.
pub(crate) fn link_image(
    entity: &[u8],
    state: i16,
    since: i64,
    detail: &[u8],
    base: Option<&[u8]>,
) -> Vec<u8> {
    let mut to = Writer::default();
    to.raw(entity);
    to.int(i128::from(state));
    to.int(i128::from(since));
    to.blob(detail);
    to.optional(base);
    to.finish()
}

/// A row as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Present {
    pub(crate) image: Vec<u8>,
    /// The step that wrote it; 0: before there were steps.
    pub(crate) step: u64,
    pub(crate) mark: i64,
}

/// What is written with a row that changes.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) step: i64,
    pub(crate) mark: i64,
    /// What it was before, to keep; `None` where it was not there or is older than steps.
    pub(crate) former: Option<Vec<u8>>,
}

/// The running account of everything that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Books {
    /// Batches that changed a record or a link.
    pub(crate) step: u64,
    /// Before this step nothing can be rebuilt: what was needed for it was let go.
    pub(crate) from: u64,
    /// Records and links that are there and have a step.
    pub(crate) rows: u64,
    /// Over those.
    pub(crate) state: Fingerprint,
    /// Over all values and former rows.
    pub(crate) kept: Fingerprint,
    /// Each journal entry hashed together with the hash of those before it.
    pub(crate) chain: [u8; 32],
}

impl Books {
    /// Notes that a row becomes `image` in step `now`, which a batch shares; `None`: it is so already.
    pub(crate) fn put(
        &mut self,
        key: RowKey<'_>,
        now: Now,
        old: Option<&Present>,
        image: &[u8],
    ) -> Result<Option<Tracked>, StoreError> {
        if old.is_some_and(|old| old.image == image) {
            return Ok(None);
        }
        let former = match old.filter(|old| old.step > 0) {
            Some(old) => Some(self.replace(key, now, old, Some(image))?),
            None => None,
        };
        let hash = key.hash(image);
        self.state.add(&hash);
        self.rows += 1;
        self.step = now.step;
        Ok(Some(Tracked { step: crate::codec::signed(now.step)?, mark: hash.mark(), former }))
    }

    /// Notes that a row goes away; what it was, to keep.
    pub(crate) fn remove(
        &mut self,
        key: RowKey<'_>,
        now: Now,
        old: &Present,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.step = now.step;
        if old.step == 0 {
            return Ok(None);
        }
        self.replace(key, now, old, None).map(Some)
    }

    fn replace(
        &mut self,
        key: RowKey<'_>,
        now: Now,
        old: &Present,
        image: Option<&[u8]>,
    ) -> Result<Vec<u8>, StoreError> {
        let hash = key.hash(&old.image);
        if hash.mark() != old.mark {
            return Err(StoreError::Corrupt(format!(
                "a row of the record with the id `{}` is not what was written",
                String::from_utf8_lossy(key.id)
            )));
        }
        self.state.take(&hash);
        self.rows = self.rows.saturating_sub(1);
        let former = encode_former(old, now.seq, image);
        self.kept.add(&key.former_hash(now.step, &former));
        Ok(former)
    }

    /// Adds a journal entry to the chain.
    pub(crate) fn link(&mut self, seq: i64, at: i64, run: Option<&[u8]>, event: &[u8]) {
        self.chain = linked(&self.chain, seq, at, run, event);
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut to = Writer::new(BOOKS_FORMAT);
        for number in [self.step, self.from, self.rows] {
            to.uint(u128::from(number));
        }
        for lane in self.state.0.iter().chain(&self.kept.0) {
            to.raw(&lane.to_be_bytes());
        }
        to.raw(&self.chain);
        to.finish()
    }

    /// Stored books; none were kept before format 3.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut from = Reader::new(bytes, "account of what is kept");
        from.format(BOOKS_FORMAT)?;
        let (step, first, rows) = (from.number()?, from.number()?, from.number()?);
        let mut lanes = [0; 8];
        for lane in &mut lanes {
            let (bytes, _) = from.raw(8)?.as_chunks::<8>();
            *lane = bytes.first().copied().map_or(0, u64::from_be_bytes);
        }
        let [a, b, c, d, e, f, g, h] = lanes;
        let mut chain = [0; 32];
        chain.copy_from_slice(from.raw(32)?);
        from.end()?;
        let (state, kept) = (Fingerprint([a, b, c, d]), Fingerprint([e, f, g, h]));
        Ok(Self { step, from: first, rows, state, kept, chain })
    }
}

/// The chain after one more entry.
pub(crate) fn linked(chain: &[u8; 32], seq: i64, at: i64, run: Option<&[u8]>, event: &[u8]) -> [u8; 32] {
    let key = [chain.as_slice(), &seq.to_be_bytes(), &at.to_be_bytes(), run.unwrap_or_default()];
    Hash::of(b"entry", &key, event).0
}

/// The step and the journal's end of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) step: u64,
    pub(crate) seq: u64,
}

/// What a row was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Former {
    /// The step that had written it.
    pub(crate) step: u64,
    /// Where the journal ended when it was replaced.
    pub(crate) seq: u64,
    mark: i64,
    image: FormerImage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum FormerImage {
    Whole(Vec<u8>),
    /// Bytes shared at both ends with what came after, and those between.
    Difference {
        head: usize,
        tail: usize,
        middle: Vec<u8>,
    },
}

fn encode_former(old: &Present, seq: u64, after: Option<&[u8]>) -> Vec<u8> {
    let mut to = Writer::new(FORMER_FORMAT);
    to.uint(u128::from(old.step));
    to.uint(u128::from(seq));
    to.uint(old.mark.unsigned_abs().into());
    let Some(after) = after else {
        to.byte(WHOLE);
        to.raw(&old.image);
        return to.finish();
    };
    let before = old.image.as_slice();
    let most = before.len().min(after.len());
    let head = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let ends = before.iter().rev().zip(after.iter().rev()).take(most - head);
    let tail = ends.take_while(|(a, b)| a == b).count();
    to.byte(DIFFERENCE);
    to.uint(head as u128);
    to.uint(tail as u128);
    to.raw(&before[head..before.len() - tail]);
    to.finish()
}

/// A stored former row.
pub(crate) fn decode_former(bytes: &[u8]) -> Result<Former, StoreError> {
    let mut from = Reader::new(bytes, "former row");
    from.format(FORMER_FORMAT)?;
    let (step, seq) = (from.number()?, from.number()?);
    let mark = i64::try_from(from.number()?).map_err(|_| from.broken("its mark is too large"))?;
    let image = match from.byte()? {
        WHOLE => FormerImage::Whole(from.rest().to_vec()),
        DIFFERENCE => {
            let length = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            let (head, tail) = (length(from.number()?), length(from.number()?));
            FormerImage::Difference { head, tail, middle: from.rest().to_vec() }
        }
        tag => return Err(from.broken(&format!("no former row has the tag {tag}"))),
    };
    Ok(Former { step, seq, mark, image })
}

impl Former {
    /// What the row was, given what it became; `None` where they do not belong together.
    pub(crate) fn image(&self, key: RowKey<'_>, after: Option<&[u8]>) -> Option<Vec<u8>> {
        let image = match (&self.image, after) {
            (FormerImage::Whole(image), _) => image.clone(),
            (FormerImage::Difference { head, tail, middle }, Some(after)) => {
                let start = after.len().checked_sub(*tail)?;
                [after.get(..*head)?, middle, &after[start..]].concat()
            }
            (FormerImage::Difference { .. }, None) => return None,
        };
        (key.hash(&image).mark() == self.mark).then_some(image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: RowKey<'_> = RowKey { stream: 1, id: b"1", facet: RECORD };

    fn present(image: &[u8], step: u64) -> Present {
        Present { image: image.to_vec(), step, mark: KEY.hash(image).mark() }
    }

    proptest! {
        #[test]
        fn what_a_row_was_comes_back_from_what_it_became(before: Vec<u8>, after: Vec<u8>, shared: Vec<u8>) {
            let before = present(&[&shared[..], &before, &shared].concat(), 7);
            let after = [&shared[..], &after, &shared].concat();
            for next in [Some(after.as_slice()), None] {
                let former = decode_former(&encode_former(&before, 9, next)).unwrap();
                prop_assert_eq!((former.step, former.seq), (7, 9));
                prop_assert_eq!(former.image(KEY, next), Some(before.image.clone()));
                let other = RowKey { id: b"2", ..KEY };
                prop_assert_eq!(former.image(other, next), None);
            }
        }

        #[test]
        fn books_come_back_and_sums_do_not_depend_on_the_order(images: Vec<Vec<u8>>) {
            let (mut forth, mut back) = (Fingerprint::default(), Fingerprint::default());
            images.iter().for_each(|image| forth.add(&KEY.hash(image)));
            images.iter().rev().for_each(|image| back.add(&KEY.hash(image)));
            prop_assert_eq!(forth, back);
            let books = Books { step: 1, from: 2, rows: 3, state: forth, kept: back, chain: [9; 32] };
            prop_assert_eq!(Books::decode(&books.encode()), Ok(books));
            images.iter().for_each(|image| forth.take(&KEY.hash(image)));
            prop_assert_eq!(forth, Fingerprint::default());
        }

        #[test]
        fn damaged_bytes_are_errors_and_never_panic(bytes: Vec<u8>, after: Vec<u8>) {
            let bytes = [&[1][..], &bytes].concat();
            if let Ok(former) = decode_former(&bytes) {
                drop(former.image(KEY, Some(&after)));
            }
            drop(Books::decode(&bytes));
        }
    }

    #[test]
    fn a_version_that_moved_takes_few_bytes() {
        let data = [7; 300];
        let image = |version: &[u8], modified| record_image(Some(version), Some(modified), 0, 5, &data);
        let old = present(&image(b"2026-01-01T00:00:00.000+0000", 1_700_000_000_000_000), 500);
        let former =
            encode_former(&old, 1_000, Some(&image(b"2026-01-01T00:10:07.000+0000", 1_700_000_607_000_000)));
        assert!(former.len() < 45, "{} bytes", former.len());
    }

    #[test]
    fn a_row_that_is_not_what_was_written_is_not_written_over() {
        let mut books = Books::default();
        let now = Now { step: 3, seq: 4 };
        let tampered = Present { image: b"other".to_vec(), ..present(b"one", 2) };
        assert!(matches!(books.put(KEY, now, Some(&tampered), b"two"), Err(StoreError::Corrupt(_))));
    }
}
