//! Whether the journal and what is kept beside it tell how the present state came about (HUB-6): what `syncline
//! replay` does, at every rest.

use crate::{
    player::Player,
    world::{Broken, finish},
};
use syncline_engine::replay;

/// Contradictions that are told.
const TOLD: usize = 3;

impl Player<'_> {
    /// Takes the state back to the last checkpoint and forward again, along the journal.
    pub(crate) fn prove_journal(&mut self) -> Result<(), Broken> {
        let proof = finish("replay", replay::replay(self.world.store(), None))?
            .map_err(|error| Broken::new("replay", error))?;
        if !proof.same {
            let told = proof.differs.iter().take(TOLD).map(|difference| match &difference.record {
                Some(record) => format!("{record}: {}", difference.what),
                None => difference.what.clone(),
            });
            let told: Vec<String> = told.collect();
            let count = proof.differs.len() as u64 + proof.more;
            self.violated("journal", format!("{count} contradictions: {}", told.join("; ")));
        }
        Ok(())
    }
}
