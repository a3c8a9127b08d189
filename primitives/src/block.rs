//! Blocks.
//!
//! The block hash is the tagged hash of the encoded header. The proposer signs that hash; the signature stands outside
//! it. The header commits to the body by its roots, so a block is known by its hash only once its body was compared.

use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{
    Address, Auth, BlockHeight, ChainId, ErrorCode, Gas, Hash, TimestampMs, TxBytes,
    codec::{self, BoundedBytes, Canonical, DecodeCause, read_bytes, read_length, read_option},
    hash::{BlockHash, Domain, tagged},
    limits::{MAX_BLOCK_BYTES, MAX_BLOCK_TXS, MAX_EXTRA_BYTES, MAX_TX_BYTES, MIN_TX_BYTES},
    signature,
};

/// The one header version that this release understands.
pub const BLOCK_VERSION: u16 = 1;

/// A consensus engine's own data in a header.
pub type Extra = BoundedBytes<MAX_EXTRA_BYTES>;

/// What a block says about itself; everything in it is hashed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize)]
pub struct BlockHeader {
    /// The format's version, [`BLOCK_VERSION`].
    pub version: u16,
    /// The chain that this block belongs to.
    pub chain_id: ChainId,
    /// The hash of the block below; zero in the genesis block.
    pub parent_hash: BlockHash,
    /// The parent's number plus one.
    pub number: BlockHeight,
    /// Milliseconds since the Unix epoch, above the parent's.
    pub timestamp_ms: TimestampMs,
    /// Who is paid for the block and signs it.
    pub proposer: Address,
    /// The root of the state after this block.
    pub state_root: Hash,
    /// The root of the full bytes of all transactions.
    pub transactions_root: Hash,
    /// The root of all receipts.
    pub receipts_root: Hash,
    /// The root of all events.
    pub events_root: Hash,
    /// The root of all compute receipts.
    pub compute_receipts_root: Hash,
    /// The most gas that the block may use.
    pub gas_limit: Gas,
    /// The gas that it used, before refunds.
    pub gas_used: Gas,
    /// The sum of the scores of the compute receipts.
    pub total_pouw_score: u64,
    /// How many providers stand behind them.
    pub provider_count: u32,
    /// A consensus engine's own data, at most 1 KiB.
    pub extra: Extra,
}

impl BlockHeader {
    /// The block's hash.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        tagged(Domain::BlockHeader, &[&codec::encode(self)])
    }
}

impl BorshDeserialize for BlockHeader {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let version = u16::deserialize_reader(reader)?;
        if version != BLOCK_VERSION {
            return Err(DecodeCause::UnsupportedVersion {
                field: "block",
                value: version,
            }
            .into());
        }
        Ok(Self {
            version,
            chain_id: ChainId::deserialize_reader(reader)?,
            parent_hash: Hash::deserialize_reader(reader)?,
            number: BlockHeight::deserialize_reader(reader)?,
            timestamp_ms: TimestampMs::deserialize_reader(reader)?,
            proposer: Address::deserialize_reader(reader)?,
            state_root: Hash::deserialize_reader(reader)?,
            transactions_root: Hash::deserialize_reader(reader)?,
            receipts_root: Hash::deserialize_reader(reader)?,
            events_root: Hash::deserialize_reader(reader)?,
            compute_receipts_root: Hash::deserialize_reader(reader)?,
            gas_limit: Gas::deserialize_reader(reader)?,
            gas_used: Gas::deserialize_reader(reader)?,
            total_pouw_score: u64::deserialize_reader(reader)?,
            provider_count: u32::deserialize_reader(reader)?,
            extra: Extra::deserialize_reader(reader)?,
        })
    }
}

/// A header, its proposer's authorisation and its body.
///
/// Transactions stand in it as bytes, each 64 bytes to 128 KiB: what they mean is decoded later, many at a time. The
/// list of compute receipts has its place in the format and is empty in this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What is hashed.
    pub header: BlockHeader,
    /// The proposer's authorisation over the block hash; none when consensus carries signatures of its own.
    pub proposer_auth: Option<Auth>,
    /// The canonical bytes of each transaction, in order.
    pub transactions: Vec<TxBytes>,
}

impl Block {
    /// The block's hash, which is its header's.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        self.header.hash()
    }

    /// Checks the proposer's authorisation, if there is one: it is the proposer's, no key in it is weak, it has all its
    /// signatures, and each verifies over the block hash.
    ///
    /// # Errors
    /// The code of what is wrong: [`ErrorCode::SignerMismatch`], [`ErrorCode::WeakPublicKey`] or
    /// [`ErrorCode::InvalidSignature`].
    pub fn check_proposer(&self) -> Result<(), ErrorCode> {
        let Some(auth) = &self.proposer_auth else {
            return Ok(());
        };
        if auth.address() != self.header.proposer {
            return Err(ErrorCode::SignerMismatch);
        }
        if auth.keys().iter().any(signature::is_weak_key) {
            return Err(ErrorCode::WeakPublicKey);
        }
        let hash = self.hash();
        let verifies = |(key, signature): (&[u8; 32], &[u8; 64])| {
            signature::verify(key, hash.as_bytes(), signature)
        };
        if auth.is_complete() && auth.signatures().all(verifies) {
            Ok(())
        } else {
            Err(ErrorCode::InvalidSignature)
        }
    }
}

impl BorshSerialize for Block {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        self.header.serialize(writer)?;
        self.proposer_auth.serialize(writer)?;
        self.transactions.serialize(writer)?;
        0_u32.serialize(writer)
    }
}

impl BorshDeserialize for Block {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let header = BlockHeader::deserialize_reader(reader)?;
        let proposer_auth = read_option(reader, "proposer authorisation")?;
        let count = read_length(reader, "transactions", MAX_BLOCK_TXS)?;
        let mut transactions = Vec::new();
        for _ in 0..count {
            let size = read_length(reader, "transaction", MAX_TX_BYTES)?;
            if size < MIN_TX_BYTES {
                return Err(DecodeCause::Undersized {
                    size,
                    limit: MIN_TX_BYTES,
                }
                .into());
            }
            transactions.push(read_bytes(reader, size)?);
        }
        read_length(reader, "compute receipts", 0)?;
        Ok(Self {
            header,
            proposer_auth,
            transactions,
        })
    }
}

impl Canonical for BlockHeader {
    const NAME: &'static str = "block header";
    const MIN_BYTES: usize = 2 + 8 + 32 + 8 + 8 + 32 + 5 * 32 + 8 + 8 + 8 + 4 + 4;
    const MAX_BYTES: usize = Self::MIN_BYTES + MAX_EXTRA_BYTES;
}

impl Canonical for Block {
    const NAME: &'static str = "block";
    const MIN_BYTES: usize = BlockHeader::MIN_BYTES + 1 + 4 + 4;
    const MAX_BYTES: usize = MAX_BLOCK_BYTES;
}

#[cfg(test)]
mod tests;
