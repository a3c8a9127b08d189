//! Executing a block over its witness, with no store.

use ordlane_primitives::{
    BlockHash, BlockHeader, BlockWitness, Receipt,
    proof::{KeyValue, ProofError},
};
use ordlane_state::Change;
use ordlane_wasm::Contracts;

use super::{
    WitnessError,
    replay::Alone,
    source::{Read, Recording, WitnessState},
};
use crate::{BlockError, builder::default_contracts};

/// A block that was executed again and is what its header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedBlock {
    /// The block's hash. It is for the caller to know whether this is the block that it asks about.
    pub hash: BlockHash,
    /// The header, of which every field was compared.
    pub header: BlockHeader,
    /// One receipt per transaction, in order.
    pub receipts: Vec<Receipt>,
    /// What the block changes: key, old value, new value, ascending by key.
    pub changes: Vec<Change>,
}

/// Executes the block of a witness over the witness alone, and compares every field of its header.
///
/// It goes through the stages of an engine: decode, admit, verify, execute, end phase, one transaction after another on
/// the calling thread. Reads go to the entries, which are proven under the parent's state root before, and to the codes, of
/// which only the one with the hash that an account has is found; the state root after the block is computed from the proof. The proposer's authorisation is checked where the block carries one.
///
/// That the block is the right one is not checked: compare [`VerifiedBlock::hash`] with a hash that you trust.
///
/// # Errors
/// [`WitnessError::Proof`], [`WitnessError::Missing`], [`WitnessError::Unused`], [`WitnessError::MissingCode`] and
/// [`WitnessError::UnusedCode`] for a witness that does not belong to its block, [`WitnessError::Block`] for a block that is not what its header says, [`WitnessError::System`] when the
/// machine fails or the parent's state is not what it must be.
///
/// ```
/// use ordlane::{BlockContext, Engine, verify_witness};
/// use ordlane::primitives::{
///     Amount, BlockHeight, BlockWitness, ChainId, ChainParams, Genesis, GenesisAccount, SigningKey, TimestampMs,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let proposer = SigningKey::from_seed([1; 32]).address();
/// let accounts = vec![GenesisAccount { address: proposer, balance: Amount(1_000_000) }];
/// let genesis = Genesis::new(ChainParams::development(ChainId(1)), TimestampMs(0), accounts)?;
/// let engine = Engine::builder().genesis(genesis).build()?;
/// let context = BlockContext::new(TimestampMs(1_000), proposer);
/// let executed = engine.execute(&engine.durable_head().hash, &context, &[])?;
/// let committed = engine.commit(executed)?;
///
/// let bytes = engine.witness(BlockHeight(1))?.to_bytes();
/// let verified = verify_witness(&BlockWitness::from_bytes(&bytes)?)?;
/// assert_eq!(verified.hash, committed.head.hash);
/// # Ok(())
/// # }
/// ```
pub fn verify_witness(witness: &BlockWitness) -> Result<VerifiedBlock, WitnessError> {
    verify_witness_with(witness, &default_contracts())
}

/// The same for a chain that has contracts in Rust, or another engine of contracts.
///
/// # Errors
/// As [`verify_witness`].
pub fn verify_witness_with(
    witness: &BlockWitness,
    contracts: &Contracts,
) -> Result<VerifiedBlock, WitnessError> {
    let BlockWitness { parent, block, .. } = witness;
    block
        .check_proposer()
        .map_err(|code| BlockError::ProposerAuth { code })?;
    let state = WitnessState::new(witness);
    check_order(witness, &state)?;
    let items = witness.items();
    witness.proof.verify(&parent.state_root, &items)?;
    let recording = Recording::new(&state);
    let root_after = |changes: &[Change]| {
        let changed: Vec<KeyValue<'_>> = changes
            .iter()
            .map(|change| (change.key.as_bytes(), change.new.as_deref()))
            .collect();
        let root = witness
            .proof
            .verify_update(&parent.state_root, &items, &changed)?;
        Ok(root)
    };
    let outcome = Alone::new(contracts)?.replay(parent, block, &recording, root_after);
    let read = recording.into_read();
    if let Some(missing) = state.missing() {
        return Err(missing);
    }
    let replayed = outcome?;
    check_all_used(&state, &read)?;
    Ok(VerifiedBlock {
        hash: block.hash(),
        header: block.header.clone(),
        receipts: replayed.receipts,
        changes: replayed.changes,
    })
}

/// All that was read is in the witness, so what was not read is too much.
fn check_all_used(state: &WitnessState<'_>, read: &Read) -> Result<(), WitnessError> {
    let entries = state.witness.entries.iter();
    let mut keys = entries.map(|entry| &entry.key);
    if let Some(key) = keys.find(|key| !read.values.contains_key(*key)) {
        return Err(WitnessError::Unused { key: key.clone() });
    }
    let mut hashes = state.hashes.iter();
    match hashes.find(|hash| !read.codes.contains_key(*hash)) {
        Some(hash) => Err(WitnessError::UnusedCode { hash: *hash }),
        None => Ok(()),
    }
}

/// Looking entries and codes up needs their order, which decoding checks and a caller who makes a witness may not.
fn check_order(witness: &BlockWitness, state: &WitnessState<'_>) -> Result<(), ProofError> {
    let ascend = witness.entries.is_sorted_by(|a, b| a.key < b.key);
    if ascend && state.hashes.is_sorted_by(|a, b| a < b) {
        Ok(())
    } else {
        Err(ProofError::Misshapen)
    }
}
