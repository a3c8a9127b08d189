//! Making the witness of a durable block.

use std::{collections::BTreeMap, sync::Arc};

use ordlane_primitives::{
    Block, BlockHeight, BlockWitness, Code, Hash, RawKey, WitnessEntry,
    codec::{Bounded, Canonical as _},
    limits::{MAX_WITNESS_CODES, MAX_WITNESS_ENTRIES},
    tree,
};
use ordlane_state::{Change, StateError, Tree};

use super::{
    WitnessError,
    replay::Alone,
    source::{Read, Recording, RolledBack, Values},
};
use crate::{Engine, SystemError, seal};

/// How many blocks are undone in memory at most, the block itself among them, to get at the state below it.
pub const MAX_ROLLED_BACK_BLOCKS: u64 = 64;

impl Engine {
    /// The witness of the durable block at a height: what [`verify_witness`](crate::verify_witness) needs to execute it
    /// again without a store.
    ///
    /// The block and those above it are undone in memory, then it is executed once more, one transaction after another on
    /// the calling thread. Nothing can be committed meanwhile.
    ///
    /// # Errors
    /// [`WitnessError::NoBlock`], [`WitnessError::Genesis`], [`WitnessError::TooFarBack`] and [`WitnessError::NotKept`]
    /// for a block of which there is no witness, [`WitnessError::TooLarge`] for one that is too large,
    /// [`WitnessError::System`] when the store fails or is not what it must be.
    #[tracing::instrument(skip_all, fields(height = %height))]
    pub fn witness(&self, height: BlockHeight) -> Result<BlockWitness, WitnessError> {
        let lanes = self.dispatcher.lanes();
        lanes.detached(|| self.witness_of(height))
    }

    fn witness_of(&self, height: BlockHeight) -> Result<BlockWitness, WitnessError> {
        let _no_commit = self.chain.pause();
        let durable = self.chain.durable().header.number;
        let below = durable
            .checked_sub(height)
            .ok_or(WitnessError::NoBlock { height, durable })?
            .0;
        let parent = height
            .checked_sub(BlockHeight(1))
            .ok_or(WitnessError::Genesis)?;
        if below >= MAX_ROLLED_BACK_BLOCKS {
            return Err(WitnessError::TooFarBack {
                height,
                below,
                limit: MAX_ROLLED_BACK_BLOCKS,
            });
        }
        let parent = self.durable_at(parent)?.header;
        let block = self.durable_at(height)?;
        let state = RolledBack::new(&self.store, durable, height)?;
        let tree = self.tree_with(&state.old)?;
        check_store(tree.root() == parent.state_root, "reverse diffs")?;

        let recording = Recording::new(&state);
        let root_after = |changes: &[Change]| {
            let tree = seal::update_tree(&tree, changes, &self.dispatcher)?;
            Ok(tree.root())
        };
        Alone::new(&self.contracts)?
            .replay(&parent, &block, &recording, root_after)
            .map_err(as_corrupt)?;
        let Read { values, codes } = recording.into_read();
        check_size("entries", values.len(), MAX_WITNESS_ENTRIES)?;
        let paths: Vec<Hash> = values
            .keys()
            .map(|key| tree::path_of(key.as_bytes()))
            .collect();
        let proof = tree.prove_many(&paths).map_err(|error| match error {
            StateError::Unprovable(error) => WitnessError::Proof(error),
            error => SystemError::from(error).into(),
        })?;
        let witness = BlockWitness {
            parent,
            block,
            entries: values.into_iter().map(entry).collect(),
            proof,
            codes: bounded(codes)?,
        };
        check_size("bytes", witness.encoded_bytes(), BlockWitness::MAX_BYTES)?;
        Ok(witness)
    }

    /// The block at a height that is durable.
    fn durable_at(&self, height: BlockHeight) -> Result<Block, WitnessError> {
        let missing = SystemError::Corrupt {
            what: "block",
            source: None,
        };
        Ok(self.block(height)?.ok_or(missing)?)
    }

    /// The durable tree with these values in it.
    fn tree_with(&self, values: &Values) -> Result<Tree, SystemError> {
        let change = |(key, value): (&RawKey, &Option<Vec<u8>>)| Change {
            key: key.clone(),
            old: None,
            new: value.clone(),
        };
        let changes: Vec<Change> = values.iter().map(change).collect();
        seal::update_tree(&self.store.tree(), &changes, &self.dispatcher)
    }
}

fn entry((key, value): (RawKey, Option<Vec<u8>>)) -> WitnessEntry {
    WitnessEntry { key, value }
}

/// Codes, which ascend by hash, as a witness holds them.
fn bounded(
    codes: BTreeMap<Hash, Arc<[u8]>>,
) -> Result<Bounded<Code, MAX_WITNESS_CODES>, WitnessError> {
    check_size("codes", codes.len(), MAX_WITNESS_CODES)?;
    // None is longer than one that can be stored.
    let too_large = |_| SystemError::Corrupt {
        what: "code",
        source: None,
    };
    let codes: Result<Vec<Code>, SystemError> = codes
        .into_values()
        .map(|code| Code::new(code.to_vec()).map_err(too_large))
        .collect();
    Ok(Bounded::new(codes?).map_err(too_large)?)
}

/// A durable block was executed before, so whatever refuses it now is a fault of the store.
fn as_corrupt(error: WitnessError) -> WitnessError {
    match error {
        WitnessError::Block(error) => {
            tracing::error!(%error, "a durable block does not execute any more");
            WitnessError::System(SystemError::Corrupt {
                what: "block",
                source: None,
            })
        }
        other => other,
    }
}

const fn check_store(holds: bool, what: &'static str) -> Result<(), WitnessError> {
    if holds {
        return Ok(());
    }
    Err(WitnessError::System(SystemError::Corrupt {
        what,
        source: None,
    }))
}

const fn check_size(what: &'static str, size: usize, limit: usize) -> Result<(), WitnessError> {
    if size > limit {
        Err(WitnessError::TooLarge { what, size, limit })
    } else {
        Ok(())
    }
}
