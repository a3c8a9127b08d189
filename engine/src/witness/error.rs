//! Why there is no witness, or why it is refused.

use ordlane_primitives::{BlockHeight, Hash, RawKey, proof::ProofError};

use crate::{BlockError, EngineError, SystemError};

/// Why a witness cannot be made, or is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// There is no durable block at that height.
    #[error("there is no block {height}, the durable one is {durable}")]
    NoBlock {
        /// The height that was asked for.
        height: BlockHeight,
        /// The durable block.
        durable: BlockHeight,
    },
    /// The genesis block executes nothing and has no parent.
    #[error("the genesis block has no witness")]
    Genesis,
    /// The block lies too far below the durable one to undo all between them in memory.
    #[error(
        "block {height} lies {below} blocks below the durable one, witnesses are made for less than {limit}"
    )]
    TooFarBack {
        /// The height that was asked for.
        height: BlockHeight,
        /// How many blocks stand on it.
        below: u64,
        /// How many blocks are undone at most.
        limit: u64,
    },
    /// The values that a block replaced are not kept any more.
    #[error("the old values of block {height} are not kept")]
    NotKept {
        /// The block.
        height: BlockHeight,
    },
    /// The block touches more than a witness can hold.
    #[error("the witness has {size} {what}, at most {limit} are allowed")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much of it there is.
        size: usize,
        /// How much is allowed.
        limit: usize,
    },
    /// The witness's proof does not show its entries under the parent's state root.
    #[error("the witness's proof is refused")]
    Proof(#[from] ProofError),
    /// The block asks for a key that the witness does not hold.
    #[error("the block asks for key {key}, which is not in the witness")]
    Missing {
        /// The key.
        key: RawKey,
    },
    /// The witness holds a key that the block does not ask for.
    #[error("the witness holds key {key}, which the block does not ask for")]
    Unused {
        /// The key.
        key: RawKey,
    },
    /// The block asks for a code that the witness does not hold.
    #[error("the block asks for the code with hash {hash}, which is not in the witness")]
    MissingCode {
        /// The code's hash.
        hash: Hash,
    },
    /// The witness holds a code that the block does not ask for.
    #[error("the witness holds the code with hash {hash}, which the block does not ask for")]
    UnusedCode {
        /// The code's hash.
        hash: Hash,
    },
    /// The block is refused.
    #[error("the block is refused")]
    Block(#[source] BlockError),
    /// The machine failed.
    #[error("the system failed")]
    System(#[source] SystemError),
}

impl From<EngineError> for WitnessError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Block(error) => Self::Block(error),
            EngineError::System(error) => Self::System(error),
        }
    }
}

impl From<BlockError> for WitnessError {
    fn from(error: BlockError) -> Self {
        Self::Block(error)
    }
}

impl From<SystemError> for WitnessError {
    fn from(error: SystemError) -> Self {
        Self::System(error)
    }
}
