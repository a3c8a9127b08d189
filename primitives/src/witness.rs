//! The witness of a block: all that is needed to execute it again without a store.
//!
//! Purpose: whoever trusts a block hash, or wants to check somebody's block, gets the block, the header of its parent, and
//! the part of the parent's state that the block touches, with the proof of it.
//!
//! The encoding is a version (`u16`), the parent's header, the block, the entries (a `u32` count; per entry the raw key's
//! length and bytes, a flag, and if the flag is 1 the value's length and bytes), the [`MultiProof`], and the contract codes
//! (a `u32` count; per code its length and bytes). A file holds that and the tagged hash of it, 32 bytes, so that a
//! damaged one is told from a false one.
//!
//! Invariant: entries ascend strictly by raw key, and codes by their hash. Nothing else about a witness is checked by
//! decoding it.

use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{
    Block, BlockHeader, Code, RawKey,
    codec::{
        self, Bounded, BoundedBytes, Canonical, DecodeCause, DecodeError, read_length, read_option,
    },
    hash::{Domain, Hash, code_hash, tagged},
    limits::{
        MAX_RAW_KEY_BYTES, MAX_STATE_VALUE_BYTES, MAX_WITNESS_BYTES, MAX_WITNESS_CODES,
        MAX_WITNESS_ENTRIES,
    },
    proof::{KeyValue, MultiProof},
};

/// The one version of witnesses that this release understands.
pub const WITNESS_VERSION: u16 = 1;

/// The bytes of the checksum at the end of a file.
const CHECKSUM_BYTES: usize = 32;

/// A key of the state and its value before the block, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessEntry {
    /// The raw key.
    pub key: RawKey,
    /// Its value in the parent's state; none when it is absent there.
    pub value: Option<Vec<u8>>,
}

/// A block, its parent's header, and what of the parent's state the block touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockWitness {
    /// The header of the block below, whose state root the proof leads to.
    pub parent: BlockHeader,
    /// The block.
    pub block: Block,
    /// The keys that the block reads, adds to or writes, the chain's parameters among them, strictly ascending.
    pub entries: Vec<WitnessEntry>,
    /// The proof of all entries together.
    pub proof: MultiProof,
    /// The codes that the block asks for and that were there before it, each once, ascending by
    /// [`code_hash`](crate::hash::code_hash). An account among the entries names each of them by its hash.
    pub codes: Bounded<Code, MAX_WITNESS_CODES>,
}

impl BlockWitness {
    /// The bytes of a file: the encoding and its checksum.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = codec::encode(self);
        let checksum = tagged(Domain::Witness, &[&bytes]);
        bytes.extend_from_slice(checksum.as_bytes());
        bytes
    }

    /// The witness in the bytes of a file. The checksum is compared before anything else is looked at.
    ///
    /// # Errors
    /// [`DecodeError`] when the checksum is another one or the bytes are not the encoding of a witness.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let fail = |cause| DecodeError {
            what: Self::NAME,
            offset: 0,
            cause,
        };
        let Some((body, checksum)) = bytes.split_last_chunk::<CHECKSUM_BYTES>() else {
            return Err(fail(DecodeCause::Undersized {
                size: bytes.len(),
                limit: Self::MIN_BYTES.saturating_add(CHECKSUM_BYTES),
            }));
        };
        if body.len() > Self::MAX_BYTES {
            return Err(fail(DecodeCause::Oversized {
                size: bytes.len(),
                limit: Self::MAX_BYTES.saturating_add(CHECKSUM_BYTES),
            }));
        }
        if tagged(Domain::Witness, &[body]) != Hash(*checksum) {
            return Err(fail(DecodeCause::NotCanonical {
                field: "checksum",
                rule: "it is the hash of all bytes before it",
            }));
        }
        codec::decode(body)
    }

    /// The size of the encoding without its checksum, in bytes.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        let mut size = Size(0);
        // Counting never fails, and neither does what is bounded.
        let written = self.serialize(&mut size);
        debug_assert!(written.is_ok(), "a bounded value has an encoding");
        size.0
    }

    /// The entries as the proof wants them.
    #[must_use]
    pub fn items(&self) -> Vec<KeyValue<'_>> {
        self.entries
            .iter()
            .map(|entry| (entry.key.as_bytes(), entry.value.as_deref()))
            .collect()
    }
}

/// Counts what is written to it.
struct Size(usize);

impl io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BorshSerialize for WitnessEntry {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        self.key.as_bytes().serialize(writer)?;
        self.value.serialize(writer)
    }
}

impl BorshDeserialize for WitnessEntry {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let key = BoundedBytes::<MAX_RAW_KEY_BYTES>::deserialize_reader(reader)?;
        let value: Option<BoundedBytes<MAX_STATE_VALUE_BYTES>> =
            read_option(reader, "value of an entry")?;
        Ok(Self {
            key: RawKey::from_bytes(key.into_vec()),
            value: value.map(BoundedBytes::into_vec),
        })
    }
}

impl BorshSerialize for BlockWitness {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        WITNESS_VERSION.serialize(writer)?;
        self.parent.serialize(writer)?;
        self.block.serialize(writer)?;
        self.entries.serialize(writer)?;
        self.proof.serialize(writer)?;
        self.codes.serialize(writer)
    }
}

impl BorshDeserialize for BlockWitness {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let version = u16::deserialize_reader(reader)?;
        if version != WITNESS_VERSION {
            return Err(DecodeCause::UnsupportedVersion {
                field: "witness",
                value: version,
            }
            .into());
        }
        let parent = BlockHeader::deserialize_reader(reader)?;
        let block = Block::deserialize_reader(reader)?;
        let count = read_length(reader, "entries", MAX_WITNESS_ENTRIES)?;
        let mut entries: Vec<WitnessEntry> = Vec::new();
        for _ in 0..count {
            let entry = WitnessEntry::deserialize_reader(reader)?;
            let ascends = entries.last().is_none_or(|last| last.key < entry.key);
            if entry.key.as_bytes().is_empty() || !ascends {
                return Err(DecodeCause::NotCanonical {
                    field: "entries",
                    rule: "keys are not empty and ascend strictly",
                }
                .into());
            }
            entries.push(entry);
        }
        Ok(Self {
            parent,
            block,
            entries,
            proof: MultiProof::deserialize_reader(reader)?,
            codes: read_codes(reader)?,
        })
    }
}

/// Reads codes, each of which has a higher hash than the one before.
fn read_codes<R: io::Read>(reader: &mut R) -> io::Result<Bounded<Code, MAX_WITNESS_CODES>> {
    let count = read_length(reader, "contract codes", MAX_WITNESS_CODES)?;
    let mut codes = Vec::new();
    let mut last = None;
    for _ in 0..count {
        let code = Code::deserialize_reader(reader)?;
        let hash = Some(code_hash(&code));
        if hash <= last {
            return Err(DecodeCause::NotCanonical {
                field: "contract codes",
                rule: "their hashes ascend strictly",
            }
            .into());
        }
        last = hash;
        codes.push(code);
    }
    Ok(Bounded::new(codes)?)
}

impl Canonical for BlockWitness {
    const NAME: &'static str = "block witness";
    const MIN_BYTES: usize =
        2 + BlockHeader::MIN_BYTES + Block::MIN_BYTES + 4 + MultiProof::MIN_BYTES + 4;
    const MAX_BYTES: usize = MAX_WITNESS_BYTES - CHECKSUM_BYTES;
}

#[cfg(test)]
mod tests;
