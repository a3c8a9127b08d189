//! What must hold for any input of a decoder.
//!
//! Purpose: a fuzz target, a test over mutations and a test over garbage all assert the same. Each function takes any
//! bytes, and panics when a promise of [`codec`] is broken.

use ordlane_primitives::{
    Account, Block, BlockHeader, ChainParams, Genesis, Receipt, Transaction,
    codec::{self, Canonical, DecodeError},
    proof::StateProof,
    signature,
};

/// Decodes, and asserts that whatever is accepted encodes to exactly the input.
///
/// # Errors
/// As [`codec::decode`]; the error's offset lies within the input.
pub fn decode_canonical<T: Canonical>(bytes: &[u8]) -> Result<T, DecodeError> {
    let decoded = codec::decode::<T>(bytes);
    match &decoded {
        Ok(value) => assert!(
            codec::encode(value) == bytes,
            "{} has two encodings",
            T::NAME
        ),
        Err(error) => {
            assert_eq!(error.what, T::NAME);
            assert!(error.offset <= bytes.len(), "{error}");
        }
    }
    decoded
}

/// Any bytes as a transaction: its id and address are computed, and its signatures looked at, without a panic.
pub fn tx_decode(bytes: &[u8]) {
    let Ok(tx) = decode_canonical::<Transaction>(bytes) else {
        return;
    };
    let id = Transaction::decode_with_id(bytes).map(|(_, id)| id);
    assert_eq!(id, Ok(tx.id()));
    assert_eq!(tx.auth.signatures().count(), tx.auth.signature_count());
    let _ = tx.auth.address();
    for key in tx.auth.keys() {
        let _ = signature::is_weak_key(key);
    }
    for (key, signature) in tx.auth.signatures().take(1) {
        let _ = signature::verify(key, tx.id().as_bytes(), signature);
    }
}

/// Any bytes as a block, and each of its transactions.
pub fn block_decode(bytes: &[u8]) {
    let Ok(block) = decode_canonical::<Block>(bytes) else {
        return;
    };
    assert_eq!(block.hash(), block.header.hash());
    for tx in &block.transactions {
        let _ = decode_canonical::<Transaction>(tx);
    }
}

/// The first byte chooses a type, the others are decoded as it.
pub fn roundtrip_canonical(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    match which % 8 {
        0 => drop(decode_canonical::<Transaction>(bytes)),
        1 => drop(decode_canonical::<Block>(bytes)),
        2 => drop(decode_canonical::<BlockHeader>(bytes)),
        3 => drop(decode_canonical::<Receipt>(bytes)),
        4 => drop(decode_canonical::<Genesis>(bytes).map(|genesis| genesis.validate())),
        5 => drop(decode_canonical::<ChainParams>(bytes)),
        6 => drop(decode_canonical::<StateProof>(bytes)),
        _ => drop(decode_canonical::<Account>(bytes)),
    }
}
