//! Every limit of the wire formats, by name.
//!
//! Invariant: a decoder compares a length with its limit *before* it allocates. Limits that a chain may choose live in
//! [`ChainParams`](crate::ChainParams); those here bound what any chain may choose.

/// Smallest encoded transaction in bytes; shorter input is `MalformedTransaction`.
pub const MIN_TX_BYTES: usize = 64;
/// Largest encoded transaction in bytes (128 KiB); longer input is `OversizedTransaction`.
pub const MAX_TX_BYTES: usize = 128 * 1024;
/// Largest memo of a transaction in bytes.
pub const MAX_MEMO_BYTES: usize = 1024;
/// Most keys of a multi-signature policy.
pub const MAX_POLICY_KEYS: usize = 16;
/// Most transactions of one block.
pub const MAX_BLOCK_TXS: usize = 1_000_000;
/// Largest encoded block in bytes (256 MiB).
pub const MAX_BLOCK_BYTES: usize = 256 * 1024 * 1024;
/// Most bytes of a block's transactions with their lengths: what is left beside the largest header and the signature.
pub const MAX_BLOCK_BODY_BYTES: usize = MAX_BLOCK_BYTES - 4 * 1024;
/// Largest `extra` field of a header in bytes.
pub const MAX_EXTRA_BYTES: usize = 1024;
/// Most topics of one event.
pub const MAX_EVENT_TOPICS: usize = 4;
/// Largest data of one event in bytes.
pub const MAX_EVENT_DATA_BYTES: usize = 16 * 1024;
/// Most events of one receipt.
pub const MAX_RECEIPT_EVENTS: usize = 1024;
/// Largest return data of one receipt in bytes.
pub const MAX_RETURN_DATA_BYTES: usize = 16 * 1024;
/// Largest encoded list of a block's receipts in bytes (1 GiB).
pub const MAX_RECEIPTS_BYTES: usize = 1024 * 1024 * 1024;
/// Largest code of a contract in bytes (96 KiB).
pub const MAX_CODE_BYTES: usize = 96 * 1024;
/// Largest input of a contract in bytes (64 KiB), that of its deployment included.
pub const MAX_CONTRACT_INPUT_BYTES: usize = 64 * 1024;
/// Most contracts of a genesis.
pub const MAX_GENESIS_CONTRACTS: usize = 64 * 1024;
/// Most storage slots of one contract of a genesis.
pub const MAX_GENESIS_SLOTS: usize = 16 * 1024 * 1024;
/// What the slots of storage that one block writes may have of bytes (1 GiB): each write its key and its new value, and the
/// first write of a slot in the block the old value, too.
pub const MAX_BLOCK_STATE_BYTES: u64 = 1024 * 1024 * 1024;
/// Largest contract storage key in bytes.
pub const MAX_STORAGE_KEY_BYTES: usize = 128;
/// Largest value in the state in bytes.
pub const MAX_STATE_VALUE_BYTES: usize = 16 * 1024;
/// Largest raw state key in bytes: a space byte, an address, a storage key.
pub const MAX_RAW_KEY_BYTES: usize = 1 + 32 + MAX_STORAGE_KEY_BYTES;
/// Most accounts of a genesis.
pub const MAX_GENESIS_ACCOUNTS: usize = 16 * 1024 * 1024;
/// Largest encoded genesis in bytes (1 GiB).
pub const MAX_GENESIS_BYTES: usize = 1024 * 1024 * 1024;
/// Deepest path of the state tree in bits.
pub const MAX_TREE_DEPTH: usize = 256;
/// Largest encoded state proof in bytes.
pub const MAX_PROOF_BYTES: usize = 4 + MAX_TREE_DEPTH * 32 + 1 + 64;
/// Most ends of paths in one multiproof.
pub const MAX_MULTI_PROOF_ENDS: usize = 4 * 1024 * 1024;
/// Most siblings in one multiproof.
pub const MAX_MULTI_PROOF_SIBLINGS: usize = 24 * 1024 * 1024;
/// Largest encoded multiproof in bytes.
pub const MAX_MULTI_PROOF_BYTES: usize = 4
    + MAX_MULTI_PROOF_ENDS * 3
    + 4
    + MAX_MULTI_PROOF_ENDS * 64
    + 4
    + MAX_MULTI_PROOF_SIBLINGS * 32;
/// Most keys of the state in one block's witness.
pub const MAX_WITNESS_ENTRIES: usize = MAX_MULTI_PROOF_ENDS;
/// Most contract codes in one block's witness: each is that of an account among its keys.
pub const MAX_WITNESS_CODES: usize = MAX_WITNESS_ENTRIES;
/// Largest witness of a block in bytes (2 GiB).
pub const MAX_WITNESS_BYTES: usize = 2 * 1024 * 1024 * 1024;
/// The total supply of a chain stays below this amount (2^127), so that sums of two balances fit in 128 bits.
pub const MAX_TOTAL_SUPPLY: u128 = 1 << 127;
