//! The errors of the engine, parted by who acts.
//!
//! - [`ValidationError`]: the sender. The transaction stays out of a block. Each stage has an error of its own, which
//!   stands in the stage's module.
//! - [`RuntimeError`](crate::RuntimeError): nobody here. Receipts have the codes
//!   ([`ordlane_primitives::ReceiptStatus`]).
//! - [`BlockError`]: whoever made or asked for the block. The block is refused, the state is untouched.
//! - [`SystemError`]: the operator. The handle is poisoned where a write failed; the store is at its last durable block.

use ordlane_primitives::{
    Address, BlockHash, BlockHeight, ErrorClass, ErrorCode, Gas, GenesisError, TimestampMs,
    codec::DecodeError,
};
use ordlane_state::StateError;
use ordlane_wasm::InvalidCode;

use crate::{AdmissionError, InvariantViolation, SignatureError, Stage, TransitionError};

/// Anything that an engine reports.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A block is refused.
    #[error("the block is refused")]
    Block(#[from] BlockError),
    /// The machine failed.
    #[error("the system failed")]
    System(#[from] SystemError),
}

impl EngineError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Block(error) => error.code(),
            Self::System(error) => error.code(),
        }
    }
}

/// Why a transaction cannot be in a block: the error of the first stage that refuses it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidationError {
    /// The bytes are not a transaction.
    #[error("cannot be decoded")]
    Decode(#[from] DecodeError),
    /// It is refused without a look at signatures or state.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// A signature does not verify.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The state does not allow it.
    #[error(transparent)]
    Transition(#[from] TransitionError),
}

impl ValidationError {
    /// The stage that refuses it.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        match self {
            Self::Decode(_) => Stage::Decode,
            Self::Admission(_) => Stage::Admit,
            Self::Signature(_) => Stage::Verify,
            Self::Transition(_) => Stage::Execute,
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Decode(error) => error.code(),
            Self::Admission(error) => error.code(),
            Self::Signature(_) => ErrorCode::InvalidSignature,
            Self::Transition(error) => error.code(),
        }
    }
}

/// Why a block is refused. The state is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The bytes are not a block.
    #[error("cannot be decoded")]
    Decode(#[from] DecodeError),
    /// No block with the parent's hash is known, or it was dropped.
    #[error("parent {parent} is not known")]
    UnknownParent {
        /// The parent's hash.
        parent: BlockHash,
    },
    /// The parent does not descend from the last durable block: it lies below it, or another block was committed in its
    /// place.
    #[error("parent {parent} does not descend from the durable block {durable}")]
    StaleParent {
        /// The parent's hash.
        parent: BlockHash,
        /// The durable tip.
        durable: BlockHash,
    },
    /// A block was to be committed that does not stand on the durable tip.
    #[error("block {hash} does not stand on the durable block {durable}")]
    NotOnTip {
        /// The block.
        hash: BlockHash,
        /// The durable tip.
        durable: BlockHash,
    },
    /// Too many executed blocks are held, or they are stacked too deep.
    #[error(
        "{live} executed blocks are held and {depth} stacked, at most {max_live} and {max_depth} are allowed"
    )]
    TooManyExecuted {
        /// How many are held.
        live: usize,
        /// How many are stacked on the durable tip.
        depth: usize,
        /// The most that may be held.
        max_live: usize,
        /// The most that may be stacked.
        max_depth: usize,
    },
    /// The proposer's authorisation is not the proposer's or does not verify.
    #[error("the proposer's authorisation is refused: {code}")]
    ProposerAuth {
        /// What is wrong with it.
        code: ErrorCode,
    },
    /// The timestamp is not above the parent's.
    #[error("timestamp {got} is not above the parent's {parent}")]
    Timestamp {
        /// The parent's timestamp.
        parent: TimestampMs,
        /// The block's timestamp.
        got: TimestampMs,
    },
    /// The timestamp lies further ahead than the caller allows. It may be right later.
    #[error("timestamp {got} lies beyond {latest}")]
    TimestampTooFar {
        /// The latest that is allowed now.
        latest: TimestampMs,
        /// The block's timestamp.
        got: TimestampMs,
    },
    /// It is not the proposer's turn.
    #[error("{proposer} is not the proposer at height {height}")]
    WrongProposer {
        /// The block's height.
        height: BlockHeight,
        /// Who says to be.
        proposer: Address,
    },
    /// The proposer's authorisation is missing, and blocks must have one.
    #[error("the authorisation of the proposer {proposer} is missing")]
    Unauthorised {
        /// Whose.
        proposer: Address,
    },
    /// The block, or one below it, was found invalid before.
    #[error("block {hash} was found invalid before")]
    KnownInvalid {
        /// That block.
        hash: BlockHash,
    },
    /// Heights are exhausted.
    #[error("there is no height above {parent}")]
    NoHeight {
        /// The parent's height.
        parent: BlockHeight,
    },
    /// A field of the header is not what re-execution gives.
    #[error("header field {field} is {got}, must be {expected}")]
    Header {
        /// The field.
        field: &'static str,
        /// What re-execution gives.
        expected: String,
        /// What the header says.
        got: String,
    },
    /// It has more transactions than the chain allows.
    #[error("{count} transactions, at most {limit} are allowed")]
    TooManyTransactions {
        /// How many there are.
        count: usize,
        /// The chain's limit.
        limit: usize,
    },
    /// Its transactions have more bytes than the chain allows.
    #[error("{bytes} bytes of transactions, at most {limit} are allowed")]
    TooManyBytes {
        /// How many there are, lengths included.
        bytes: u64,
        /// The chain's limit.
        limit: u64,
    },
    /// It contains a transaction that cannot be in a block.
    #[error("transaction {index} is invalid: {source}")]
    InvalidTransaction {
        /// Its position.
        index: usize,
        /// Why.
        source: Box<ValidationError>,
    },
    /// A transaction brings what the block leaves behind above its limit.
    #[error(
        "transaction {index} brings the block's {what} to {bytes} bytes, at most {limit} are allowed"
    )]
    TooMuchOutput {
        /// The transaction's position.
        index: usize,
        /// Receipts, or what is written to storage.
        what: &'static str,
        /// How much there would be.
        bytes: u64,
        /// How much is allowed.
        limit: u64,
    },
    /// A transaction brings the gas above the block's limit.
    #[error(
        "transaction {index} brings the block's gas to {gas_used}, at most {limit} are allowed"
    )]
    GasLimit {
        /// Its position.
        index: usize,
        /// The sum with it.
        gas_used: Gas,
        /// The block's limit.
        limit: Gas,
    },
    /// Something does not hold that holds after every block.
    #[error(transparent)]
    Invariant(#[from] InvariantViolation),
    /// Executing a transaction on final state panicked.
    #[error("executing transaction {index} panicked: {message}")]
    Panicked {
        /// Its position.
        index: usize,
        /// The panic's text, for the log only.
        message: String,
    },
}

impl BlockError {
    /// The stable code. An invalid transaction gives that of its own error. The proposer's authorisation gives that of
    /// what is wrong with it (a signature that does not verify, a weak key, a signer that is another), and
    /// [`ErrorCode::ProposerAuth`] where that is no error of validation.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Decode(_) => ErrorCode::MalformedBlock,
            Self::UnknownParent { .. } => ErrorCode::UnknownParent,
            Self::StaleParent { .. } => ErrorCode::StaleParent,
            Self::NotOnTip { .. } => ErrorCode::NotOnTip,
            Self::TooManyExecuted { .. } => ErrorCode::TooManyExecuted,
            Self::ProposerAuth { code } => match code.class() {
                ErrorClass::Validation => *code,
                _ => ErrorCode::ProposerAuth,
            },
            Self::Unauthorised { .. } => ErrorCode::ProposerAuth,
            Self::WrongProposer { .. } => ErrorCode::WrongProposer,
            Self::KnownInvalid { .. } => ErrorCode::KnownInvalid,
            Self::Timestamp { .. } => ErrorCode::TimestampNotAbove,
            Self::TimestampTooFar { .. } => ErrorCode::TimestampTooFar,
            Self::NoHeight { .. } => ErrorCode::NoHeight,
            Self::Header { .. } => ErrorCode::HeaderMismatch,
            Self::TooManyTransactions { .. } => ErrorCode::TooManyTransactions,
            Self::TooManyBytes { .. } | Self::TooMuchOutput { .. } => ErrorCode::TooManyBytes,
            Self::InvalidTransaction { source, .. } => source.code(),
            Self::GasLimit { .. } => ErrorCode::BlockGasLimit,
            Self::Invariant(_) => ErrorCode::StateInvariantViolation,
            Self::Panicked { .. } => ErrorCode::RuntimePanic,
        }
    }
}

/// What the operator has to look at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SystemError {
    /// The store failed.
    #[error("the store failed")]
    State(#[from] StateError),
    /// The store is empty and no genesis was given.
    #[error("the store is empty and no genesis was given")]
    NoGenesis,
    /// The store belongs to another chain than the genesis.
    #[error("the store began with genesis {stored}, not with {given}")]
    OtherGenesis {
        /// The genesis hash in the store.
        stored: String,
        /// The hash of the genesis given.
        given: String,
    },
    /// The genesis breaks a rule.
    #[error("the genesis is not valid")]
    Genesis(#[from] GenesisError),
    /// The code of a contract of the genesis breaks a rule.
    #[error("the code of contract {address} of the genesis is refused")]
    GenesisCode {
        /// The contract.
        address: Address,
        /// Which rule, and where.
        #[source]
        source: Box<InvalidCode>,
    },
    /// A contract of the genesis stands where the engine has one in Rust.
    #[error("there is a contract in Rust at {address}, where the genesis has another")]
    GenesisAddress {
        /// Where.
        address: Address,
    },
    /// What the store holds under a key is not what must be there.
    #[error("the store's {what} cannot be decoded")]
    Corrupt {
        /// What was read.
        what: &'static str,
        /// Why it cannot be decoded.
        #[source]
        source: Option<DecodeError>,
    },
    /// Threads could not be started.
    #[error("cannot start the threads")]
    Threads(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Something that cannot happen did; the message says what.
    #[error("internal error: {0}")]
    Internal(String),
}

impl SystemError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::State(error) => error.code(),
            Self::Threads(_) => ErrorCode::ResourceExhausted,
            Self::Internal(_) => ErrorCode::RuntimePanic,
            _ => ErrorCode::StorageCorruption,
        }
    }
}
