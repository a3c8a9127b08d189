//! Reading a snapshot, and comparing everything in it.

use std::{
    collections::BTreeSet,
    io::{self, Read},
};

use ordlane_primitives::{
    Block, BlockHash, Hash, Receipts,
    batch::BatchHasher,
    codec::{self, Canonical},
    hash::code_hash,
    limits::MAX_CODE_BYTES,
    list::{self, ListKind},
};

use super::{
    Manifest, Observer, Part, SNAPSHOT_VERSION, SnapshotError, Stage,
    chunk::{self, End},
    create::codes_of,
    manifest::{Digest, hash_part, id_of},
    progress::tell,
};
use crate::{Codes, Entry, change::leaves_of, tree::root_of};

/// How many bytes of codes are handed over together, about.
const CODES_BYTES: usize = 4 * 1024 * 1024;
/// How every snapshot begins.
const MAGIC: [u8; 8] = *b"ordsnap\0";
/// How one of this release's format does.
pub(super) const PRELUDE: [&[u8]; 2] = [&MAGIC, &SNAPSHOT_VERSION.to_le_bytes()];

/// Reads what a snapshot says about itself, and checks what can be checked by that alone: its form, its hash and the proof
/// of the chain's parameters. What follows in the file is not read.
///
/// # Errors
/// [`SnapshotError`] when the bytes do not begin with a snapshot's manifest, or cannot be read.
pub fn inspect(input: &mut dyn Read) -> Result<Manifest, SnapshotError> {
    Ok(Reader::open(input)?.manifest)
}

/// Reads a whole snapshot and compares everything in it, as a restore does. Where the caller knows the block's hash,
/// `trusted` is compared with it.
///
/// # Errors
/// [`SnapshotError`] when anything is not what it must be, the bytes cannot be read, or `observer` wants no more.
pub fn verify(
    input: &mut dyn Read,
    hasher: &dyn BatchHasher,
    trusted: Option<&BlockHash>,
    observer: &mut Observer<'_>,
) -> Result<Manifest, SnapshotError> {
    let mut reader = Reader::open(input)?;
    reader.check_trusted(trusted)?;
    reader.walk(hasher, observer, &mut |_| Ok(()))?;
    Ok(reader.manifest)
}

/// A snapshot that is being read.
pub(super) struct Reader<'a> {
    input: &'a mut dyn Read,
    pub(super) manifest: Manifest,
}

/// The block of a snapshot: its bytes, and its receipts.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) block_bytes: Vec<u8>,
    pub(super) receipts: Receipts,
}

/// A part of the state.
#[derive(Debug)]
pub(super) enum Taken {
    /// The entries of the chunk with a number.
    Chunk(usize, Vec<Entry>),
    /// Some of the codes that the entries name.
    Codes(Codes),
}

/// Takes the state, part by part.
pub(super) type Take<'a> = dyn FnMut(Taken) -> Result<(), SnapshotError> + 'a;

impl<'a> Reader<'a> {
    /// Reads and checks the manifest.
    pub(super) fn open(input: &'a mut dyn Read) -> Result<Self, SnapshotError> {
        let part = Part::Manifest;
        let magic = read_bytes(input, MAGIC.len() as u64).map_err(SnapshotError::Read)?;
        if magic != MAGIC {
            return Err(SnapshotError::NotASnapshot);
        }
        let found = read_u32(input, part)?;
        if found != SNAPSHOT_VERSION {
            return Err(SnapshotError::UnknownVersion { found });
        }
        let length = u64::from(read_u32(input, part)?);
        check_size(part, length, Manifest::MAX_BYTES as u64)?;
        let bytes = read_whole(input, part, length)?;
        if read_whole(input, part, 32)? != id_of(&bytes).0 {
            return Err(SnapshotError::WrongHash { part });
        }
        let manifest: Manifest =
            codec::decode(&bytes).map_err(|source| SnapshotError::Decode { part, source })?;
        manifest.check()?;
        Ok(Self { input, manifest })
    }

    /// Compares the block with the one that the caller trusts.
    pub(super) fn check_trusted(&self, trusted: Option<&BlockHash>) -> Result<(), SnapshotError> {
        let found = self.manifest.header.hash();
        match trusted {
            Some(trusted) if *trusted != found => Err(SnapshotError::OtherBlock {
                trusted: *trusted,
                found,
            }),
            _ => Ok(()),
        }
    }

    /// Reads all that follows, handing over chunk by chunk, each as soon as it has its hash, and the codes once the chunks
    /// have the state root. Only when this returns is the whole compared with the header.
    pub(super) fn walk(
        &mut self,
        hasher: &dyn BatchHasher,
        observer: &mut Observer<'_>,
        take: &mut Take<'_>,
    ) -> Result<Body, SnapshotError> {
        let mut leaves = Vec::new();
        let mut codes = BTreeSet::new();
        let mut end = End::default();
        let total = self.manifest.chunks.len();
        for number in 0..total {
            let entries = self.chunk(number, &mut end)?;
            leaves.extend(leaves_of(&entries, hasher));
            codes.extend(codes_of(&entries));
            take(Taken::Chunk(number, entries))?;
            let done = number.saturating_add(1);
            tell(observer, Stage::Reading, done, Some(total))?;
        }
        if leaves.len() as u64 != self.manifest.entries {
            return Err(SnapshotError::BrokenRule {
                part: Part::Manifest,
                rule: "it counts its entries",
            });
        }
        let (found, expected) = (root_of(leaves, hasher), self.manifest.header.state_root);
        if found != expected {
            return Err(SnapshotError::WrongRoot { expected, found });
        }
        self.codes(&codes, observer, take)?;
        self.body(hasher)
    }

    /// Reads the codes with these hashes, and hands over some at a time.
    fn codes(
        &mut self,
        hashes: &BTreeSet<Hash>,
        observer: &mut Observer<'_>,
        take: &mut Take<'_>,
    ) -> Result<(), SnapshotError> {
        let mut codes = Codes::new();
        let mut size_bytes: usize = 0;
        for hash in hashes {
            let part = Part::Code(*hash);
            let length = u64::from(read_u32(self.input, part)?);
            check_size(part, length, MAX_CODE_BYTES as u64)?;
            let code = read_whole(self.input, part, length)?;
            if code_hash(&code) != *hash {
                return Err(SnapshotError::WrongHash { part });
            }
            size_bytes = size_bytes.saturating_add(code.len());
            codes.push((*hash, code.into()));
            if size_bytes >= CODES_BYTES || hashes.last() == Some(hash) {
                take(Taken::Codes(core::mem::take(&mut codes)))?;
                size_bytes = 0;
                let chunks = self.manifest.chunks.len();
                tell(observer, Stage::Reading, chunks, Some(chunks))?;
            }
        }
        Ok(())
    }

    fn chunk(&mut self, number: usize, end: &mut End) -> Result<Vec<Entry>, SnapshotError> {
        let part = Part::Chunk(number as u64);
        let chunk_bytes = self.manifest.chunk_bytes;
        let length = u64::from(read_u32(self.input, part)?);
        check_size(part, length, u64::from(chunk_bytes))?;
        let bytes = read_whole(self.input, part, length)?;
        if self.manifest.chunks.get(number) != Some(&hash_part(&bytes)) {
            return Err(SnapshotError::WrongHash { part });
        }
        chunk::decode(number as u64, &bytes, chunk_bytes, end)
    }

    /// The block and its receipts, compared with the header; nothing follows them.
    fn body(&mut self, hasher: &dyn BatchHasher) -> Result<Body, SnapshotError> {
        let Manifest {
            block, receipts, ..
        } = self.manifest;
        let block_bytes = self.part(Part::Block, &block)?;
        self.check_block(&block_bytes, hasher)?;
        let bytes = self.part(Part::Receipts, &receipts)?;
        let part = Part::Receipts;
        let receipts: Receipts =
            codec::decode(&bytes).map_err(|source| SnapshotError::Decode { part, source })?;
        let leaves = receipts
            .iter()
            .map(|receipt| ListKind::Receipts.leaf(&codec::encode(receipt)))
            .collect();
        if list::root_of_leaves(leaves, hasher) != self.manifest.header.receipts_root {
            let rule = "it has the receipts root of the header";
            return Err(SnapshotError::BrokenRule { part, rule });
        }
        match read_bytes(self.input, 1).map_err(SnapshotError::Read)?[..] {
            [] => Ok(Body {
                block_bytes,
                receipts,
            }),
            _ => Err(SnapshotError::TrailingBytes),
        }
    }

    fn check_block(&self, bytes: &[u8], hasher: &dyn BatchHasher) -> Result<(), SnapshotError> {
        let part = Part::Block;
        let broken = |rule| Err(SnapshotError::BrokenRule { part, rule });
        let block: Block =
            codec::decode(bytes).map_err(|source| SnapshotError::Decode { part, source })?;
        let header = &self.manifest.header;
        if block.header != *header {
            return broken("it has the header of the manifest");
        }
        let transactions = block.transactions.iter().map(Vec::as_slice);
        let root = list::root(ListKind::Transactions, transactions, hasher);
        if root != header.transactions_root {
            return broken("it has the transactions root of the header");
        }
        if block.check_proposer().is_err() {
            return broken("its proposer authorised it, or nobody did");
        }
        Ok(())
    }

    fn part(&mut self, part: Part, digest: &Digest) -> Result<Vec<u8>, SnapshotError> {
        let bytes = read_whole(self.input, part, digest.size_bytes)?;
        if hash_part(&bytes) == digest.hash {
            Ok(bytes)
        } else {
            Err(SnapshotError::WrongHash { part })
        }
    }
}

fn check_size(part: Part, size_bytes: u64, limit: u64) -> Result<(), SnapshotError> {
    if size_bytes > limit {
        Err(SnapshotError::TooLarge {
            part,
            size_bytes,
            limit,
        })
    } else {
        Ok(())
    }
}

fn read_u32(input: &mut dyn Read, part: Part) -> Result<u32, SnapshotError> {
    let bytes = read_whole(input, part, 4)?;
    bytes
        .try_into()
        .map(u32::from_le_bytes)
        .map_err(|_| SnapshotError::Truncated { within: part })
}

/// Reads as many bytes, or says that they are not all there.
fn read_whole(input: &mut dyn Read, part: Part, length: u64) -> Result<Vec<u8>, SnapshotError> {
    let bytes = read_bytes(input, length).map_err(SnapshotError::Read)?;
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(SnapshotError::Truncated { within: part })
    }
}

/// Reads at most as many bytes. What is allocated grows with what was read, never with what was claimed.
fn read_bytes(input: &mut dyn Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}
