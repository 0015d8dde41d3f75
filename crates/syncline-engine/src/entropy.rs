//! Randomness as a value, and the ids made of it. The simulation passes a seeded one, so that a seed rebuilds the same
//! run (invariant 13).

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use syncline_model::{EntityId, RunId};
use uuid::Uuid;

/// A stream of random bytes: SHA-256 in counter mode over a seed of 32 bytes.
pub struct Entropy {
    state: Mutex<Stream>,
}

struct Stream {
    seed: [u8; 32],
    block: u64,
}

impl Entropy {
    /// Seeded once by the operating system.
    ///
    /// # Errors
    /// Where the operating system has no randomness to give.
    pub fn system() -> Result<Self, String> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| error.to_string())?;
        Ok(Self::from_seed(seed))
    }

    /// The same stream for the same number; for simulation and tests only.
    pub fn seeded(seed: u64) -> Self {
        Self::from_seed(Sha256::digest(seed.to_le_bytes()).into())
    }

    fn from_seed(seed: [u8; 32]) -> Self {
        Self { state: Mutex::new(Stream { seed, block: 0 }) }
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        let mut stream = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(32) {
            let block =
                Sha256::new().chain_update(stream.seed).chain_update(stream.block.to_le_bytes()).finalize();
            stream.block += 1;
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy(..)")
    }
}

/// Makes ids: UUID version 7, each greater than the one before, also within a millisecond and when the clock steps back.
#[derive(Debug)]
pub struct Ids {
    entropy: Arc<Entropy>,
    last: Mutex<(u64, u16)>,
}

/// Ids of one millisecond before the next one is borrowed: what 12 bits hold.
const PER_MILLISECOND: u16 = 0x0fff;

impl Ids {
    /// A source over `entropy`.
    pub fn new(entropy: Arc<Entropy>) -> Self {
        Self { entropy, last: Mutex::new((0, 0)) }
    }

    /// The next id.
    pub fn next(&self, now: Timestamp) -> Uuid {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let millisecond = u64::try_from(now.as_millisecond()).unwrap_or(0);
        *last = match *last {
            (at, _) if at < millisecond => (millisecond, 0),
            (at, count) if count < PER_MILLISECOND => (at, count + 1),
            (at, _) => (at + 1, 0),
        };
        let (at, count) = *last;
        let mut tail: [u8; 10] = self.entropy.bytes();
        // The version's nibble overwrites the high half of the first byte, so the counter's 12 bits sort after the time.
        tail[..2].copy_from_slice(&count.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(at, &tail).into_uuid()
    }

    /// An id for a new entity.
    pub fn entity(&self, now: Timestamp) -> EntityId {
        EntityId(self.next(now))
    }

    /// An id for a new run.
    pub fn run(&self, now: Timestamp) -> RunId {
        RunId(self.next(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_stream_and_another_seed_another() {
        let read = |seed| Entropy::seeded(seed).bytes::<70>();
        assert_eq!(read(1), read(1));
        assert_ne!(read(1), read(2));
        let one = Entropy::seeded(1);
        assert_ne!(one.bytes::<32>(), one.bytes::<32>());
    }

    #[test]
    fn ids_only_grow_within_a_millisecond_and_when_the_clock_steps_back() {
        let ids = Ids::new(Arc::new(Entropy::seeded(7)));
        let mut last = ids.next(at(1_000_000));
        for step in 0..10_000_i64 {
            let next = ids.next(at(1_000_000 - step % 3));
            assert!(next > last, "{last} then {next}");
            assert_eq!(next.get_version_num(), 7);
            last = next;
        }
    }
}
