//! SHA-256 under domain tags.
//!
//! Purpose: one place that says which bytes are hashed for what. A tagged hash is `SHA-256(tag ‖ data)`, where the tag
//! is 16 bytes of ASCII padded with zeros, so that no tag is a prefix of another.
//!
//! Not tagged, by rule: nodes of the state tree (told apart by their top bit), parents in lists, value hashes.

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use sha2::{Digest, Sha256};

/// A SHA-256 digest: 32 bytes, written as 64 lower-case hex digits.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Thirty-two zero bytes: the empty subtree, the parent of the genesis block, an unused field.
    pub const ZERO: Self = Self([0; 32]);

    /// The digest as bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The hash of a transaction's signed payload. It does not cover the signatures.
pub type TxId = Hash;
/// The hash of a block's header. It does not cover the proposer's signature.
pub type BlockHash = Hash;

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_hex(&self.0, f)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_hex(&self.0, f)
    }
}

impl core::str::FromStr for Hash {
    type Err = hex::FromHexError;

    /// Reads 64 hex digits, with or without a leading `0x`.
    ///
    /// # Errors
    /// When the text is not exactly 64 hex digits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_hex(text).map(Self)
    }
}

pub(crate) fn fmt_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

pub(crate) fn parse_hex(text: &str) -> Result<[u8; 32], hex::FromHexError> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes)?;
    Ok(bytes)
}

/// What a tagged hash is for. Each variant has a tag of its own; the tags are frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Domain {
    /// The signed payload of a transaction: its id, and the message that is signed.
    TxId,
    /// The address of a key, policy, contract or native module.
    Address,
    /// A block header: the block hash, and the message that a proposer signs.
    BlockHeader,
    /// A genesis document.
    Genesis,
    /// A raw state key: its path in the tree.
    StatePath,
    /// The leaf of a transactions list.
    TransactionLeaf,
    /// The leaf of a receipts list.
    ReceiptLeaf,
    /// The leaf of an events list.
    EventLeaf,
    /// The leaf of a compute-receipts list.
    ComputeReceiptLeaf,
    /// The root of any list, over its count and its top node.
    ListRoot,
    /// The name of an event, as its first topic.
    EventName,
    /// The encoding of a block's witness: its checksum.
    Witness,
    /// The manifest of a snapshot: its id.
    SnapshotManifest,
    /// A chunk of a snapshot, or the block or the receipts in it.
    SnapshotPart,
    /// The code of a contract.
    Code,
}

impl Domain {
    /// Every domain, for tests that all tags differ.
    pub const ALL: [Self; 15] = [
        Self::TxId,
        Self::Address,
        Self::BlockHeader,
        Self::Genesis,
        Self::StatePath,
        Self::TransactionLeaf,
        Self::ReceiptLeaf,
        Self::EventLeaf,
        Self::ComputeReceiptLeaf,
        Self::ListRoot,
        Self::EventName,
        Self::Witness,
        Self::SnapshotManifest,
        Self::SnapshotPart,
        Self::Code,
    ];

    /// The tag: 16 bytes, ASCII, zero-padded.
    #[must_use]
    pub const fn tag(self) -> &'static [u8; 16] {
        match self {
            Self::TxId => b"ordlane:tx-id\0\0\0",
            Self::Address => b"ordlane:address\0",
            Self::BlockHeader => b"ordlane:header\0\0",
            Self::Genesis => b"ordlane:genesis\0",
            Self::StatePath => b"ordlane:path\0\0\0\0",
            Self::TransactionLeaf => b"ordlane:l-tx\0\0\0\0",
            Self::ReceiptLeaf => b"ordlane:l-rcpt\0\0",
            Self::EventLeaf => b"ordlane:l-event\0",
            Self::ComputeReceiptLeaf => b"ordlane:l-comp\0\0",
            Self::ListRoot => b"ordlane:list\0\0\0\0",
            Self::EventName => b"ordlane:ev-name\0",
            Self::Witness => b"ordlane:witness\0",
            Self::SnapshotManifest => b"ordlane:snap-id\0",
            Self::SnapshotPart => b"ordlane:snap-pt\0",
            Self::Code => b"ordlane:code\0\0\0\0",
        }
    }
}

/// `SHA-256(tag ‖ parts[0] ‖ parts[1] ‖ …)`. The parts are joined as they are: their lengths must be fixed or encoded.
#[must_use]
pub fn tagged(domain: Domain, parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(domain.tag());
    for part in parts {
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

/// The hash by which an account names its code and under which the code is stored.
#[must_use]
pub fn code_hash(code: &[u8]) -> Hash {
    tagged(Domain::Code, &[code])
}

/// Plain `SHA-256(bytes)`: value hashes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// Plain `SHA-256(left ‖ right)`: the parent in a list; 64 bytes in.
#[must_use]
pub fn sha256_pair(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(left.0);
    hasher.update(right.0);
    Hash(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_differ_and_end_in_a_zero_byte() {
        for (i, a) in Domain::ALL.iter().enumerate() {
            assert_eq!(a.tag()[15], 0, "{a:?}");
            for b in &Domain::ALL[i + 1..] {
                assert_ne!(a.tag(), b.tag());
            }
        }
    }

    #[test]
    fn hex_round_trips_and_bad_hex_is_refused() {
        let hash = sha256(b"ordlane");
        assert_eq!(hash.to_string().parse::<Hash>(), Ok(hash));
        assert_eq!(format!("0x{hash}").parse::<Hash>(), Ok(hash));
        assert!("12".parse::<Hash>().is_err());
        assert!("zz".repeat(32).parse::<Hash>().is_err());
    }
}
