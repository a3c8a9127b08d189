//! What a snapshot says about itself.

use borsh::{BorshDeserialize, BorshSerialize};
use ordlane_primitives::{
    BlockHash, BlockHeader, BlockHeight, Hash, RawKey,
    codec::{self, Bounded, BoundedBytes, Canonical},
    hash::{Domain, tagged},
    limits::{MAX_BLOCK_BYTES, MAX_PROOF_BYTES, MAX_RECEIPTS_BYTES, MAX_STATE_VALUE_BYTES},
    proof::StateProof,
};

use super::{
    Part, SnapshotError,
    chunk::{MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, MIN_ENTRY_BYTES},
};
use crate::BlockMark;

/// The one format of a snapshot that this release reads and writes.
pub const SNAPSHOT_VERSION: u32 = 1;
/// Most chunks of one snapshot.
pub const MAX_CHUNKS: usize = 1 << 20;

/// How long a part of the file is, and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Digest {
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Its tagged hash.
    pub hash: Hash,
}

impl Digest {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self {
            size_bytes: bytes.len() as u64,
            hash: hash_part(bytes),
        }
    }
}

/// The hash of a chunk, a block or a list of receipts, as the manifest has it.
pub(super) fn hash_part(bytes: &[u8]) -> Hash {
    tagged(Domain::SnapshotPart, &[bytes])
}

/// What a snapshot says about itself. It is small, and whoever has it can tell every part that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Manifest {
    /// The header of the genesis block. Nothing here proves it.
    pub genesis: BlockHeader,
    /// The header of the block whose state this is. It has the chain's id and the state root.
    pub header: BlockHeader,
    /// The value of the chain's parameters in that state; none in a state that has none.
    pub params: Option<BoundedBytes<MAX_STATE_VALUE_BYTES>>,
    /// The proof of that, against the state root.
    pub proof: StateProof,
    /// How many keys the state has.
    pub entries: u64,
    /// How many bytes of entries a chunk has at most.
    pub chunk_bytes: u32,
    /// The hash of each chunk, in order.
    pub chunks: Bounded<Hash, MAX_CHUNKS>,
    /// The encoded block.
    pub block: Digest,
    /// Its encoded receipts.
    pub receipts: Digest,
}

impl Canonical for Manifest {
    const NAME: &'static str = "manifest of a snapshot";
    const MIN_BYTES: usize =
        2 * BlockHeader::MIN_BYTES + 1 + StateProof::MIN_BYTES + 8 + 4 + 4 + 2 * (8 + 32);
    const MAX_BYTES: usize = 2 * BlockHeader::MAX_BYTES
        + 1
        + 4
        + MAX_STATE_VALUE_BYTES
        + MAX_PROOF_BYTES
        + 8
        + 4
        + 4
        + 32 * MAX_CHUNKS
        + 2 * (8 + 32);
}

impl Manifest {
    /// The snapshot's id: the tagged hash of the encoded manifest.
    #[must_use]
    pub fn id(&self) -> Hash {
        id_of(&codec::encode(self))
    }

    /// The block whose state this is.
    #[must_use]
    pub fn mark(&self) -> BlockMark {
        BlockMark {
            height: self.header.number,
            block_hash: self.header.hash(),
        }
    }

    /// The hash of the genesis block, as far as the snapshot can be believed.
    #[must_use]
    pub fn genesis_hash(&self) -> BlockHash {
        self.genesis.hash()
    }

    /// Checks what the manifest says by itself: that its headers are of one chain, its numbers possible, and the chain's
    /// parameters proven.
    pub(super) fn check(&self) -> Result<(), SnapshotError> {
        let Self {
            genesis, header, ..
        } = self;
        if genesis.number != BlockHeight::GENESIS || genesis.parent_hash != Hash::ZERO {
            return broken("its first header is that of a genesis block");
        }
        if genesis.chain_id != header.chain_id {
            return broken("its headers are of one chain");
        }
        if header.number == BlockHeight::GENESIS && genesis != header {
            return broken("there is one genesis block");
        }
        if !(MIN_CHUNK_BYTES..=MAX_CHUNK_BYTES).contains(&self.chunk_bytes) {
            return broken("chunks have 16,553 bytes to 16 MiB");
        }
        let chunks = self.chunks.len() as u64;
        let most_in_one = u64::from(self.chunk_bytes) / MIN_ENTRY_BYTES;
        if self.entries < chunks || self.entries > chunks.saturating_mul(most_in_one) {
            return broken("its chunks hold its entries");
        }
        for (part, digest, limit) in [
            (Part::Block, &self.block, MAX_BLOCK_BYTES),
            (Part::Receipts, &self.receipts, MAX_RECEIPTS_BYTES),
        ] {
            if digest.size_bytes > limit as u64 {
                return Err(SnapshotError::TooLarge {
                    part,
                    size_bytes: digest.size_bytes,
                    limit: limit as u64,
                });
            }
        }
        let params = self.params.as_deref();
        let key = RawKey::params();
        self.proof
            .verify(&header.state_root, key.as_bytes(), params)?;
        Ok(())
    }
}

/// The id of the snapshot with this encoded manifest.
pub(super) fn id_of(manifest: &[u8]) -> Hash {
    tagged(Domain::SnapshotManifest, &[manifest])
}

const fn broken(rule: &'static str) -> Result<(), SnapshotError> {
    let part = Part::Manifest;
    Err(SnapshotError::BrokenRule { part, rule })
}
