//! The tip witness: which block was acknowledged last, kept apart from the data.
//!
//! A journal may end early after a crash, so a storage engine drops what it cannot read at a journal's end. After a
//! flipped bit in the middle it may in the same way drop blocks that were synced long ago, without a word. This file
//! notices.
//!
//! It holds two records, written alternately and synced, each 512 bytes apart so that a torn write meets one of them:
//! a magic, a sequence number, a flag, height and block hash, and the SHA-256 of all that. The record with the higher
//! sequence number holds.
//!
//! One bad record is tolerated only as far as it cannot hide a loss. Whether a crash tore the record that was being
//! written, or the last good one was damaged later, looks the same. In the first case the block that it was to name is
//! durable, since it is written first. So with one bad record the store must end at the block *above* the one that the
//! good record names; a store that ends at it is refused, though nothing may be missing.
//!
//! Acknowledged blocks may also go on purpose. A file beside this one then says so before the first is undone, and goes
//! when the block that is the last from then on is attested: what lies between them was given up, so no loss hides there.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use borsh::{BorshDeserialize as _, BorshSerialize as _};
use ordlane_primitives::{BlockHeight, Hash, hash::sha256};

use super::{
    Witness,
    marker::{sync_folder, write_whole},
};
use crate::{BlockMark, StateError};

/// The file's name.
pub(super) const FILE: &str = "WITNESS";

/// The file that announces a rollback.
const ROLLBACK: &str = "ROLLBACK";

const MAGIC: [u8; 8] = *b"ordwit\0\x01";
const ROLLBACK_MAGIC: [u8; 8] = *b"ordrol\0\x01";
const SLOT_BYTES: usize = 512;
const FILE_BYTES: usize = 2 * SLOT_BYTES;

/// The open file, and what it says.
#[derive(Debug)]
pub(super) struct WitnessFile {
    folder: PathBuf,
    file: File,
    newest: Record,
    certain: bool,
    rollback: Option<Rollback>,
}

/// An announced rollback: from which block down to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rollback {
    from: BlockMark,
    to: BlockMark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    sequence: u64,
    mark: Option<BlockMark>,
}

impl WitnessFile {
    /// Creates the file; it says that no block was acknowledged.
    pub(super) fn create(folder: &Path) -> Result<(), StateError> {
        let record = |sequence| {
            Record {
                sequence,
                mark: None,
            }
            .encode()
        };
        write_whole(folder, FILE, &[record(0), record(1)].concat())
            .map_err(|error| StateError::io("create the tip witness", error))
    }

    /// Opens and reads the file.
    pub(super) fn open(folder: &Path) -> Result<Self, StateError> {
        let failed = |error| StateError::io("read the tip witness", error);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(folder.join(FILE))
            .map_err(failed)?;
        let mut bytes = Vec::new();
        (&file)
            .take((FILE_BYTES as u64).saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let (newest, certain) = read_records(&bytes)?;
        Ok(Self {
            folder: folder.to_path_buf(),
            file,
            newest,
            certain,
            rollback: Rollback::read(folder)?,
        })
    }

    pub(super) const fn witness(&self) -> Witness {
        if let Some(Rollback { from, to }) = self.rollback {
            Witness::RollingBack { from, to }
        } else if self.certain {
            Witness::Certain(self.newest.mark)
        } else {
            Witness::Doubtful(self.newest.mark)
        }
    }

    /// Announces a rollback, and returns when that is durable.
    pub(super) fn begin_rollback(
        &mut self,
        from: &BlockMark,
        to: &BlockMark,
    ) -> Result<(), StateError> {
        let rollback = Rollback {
            from: *from,
            to: *to,
        };
        write_whole(&self.folder, ROLLBACK, &rollback.encode())
            .map_err(|error| StateError::io("announce the rollback", error))?;
        self.rollback = Some(rollback);
        Ok(())
    }

    /// Overwrites the older record, ends a rollback, and returns when that is durable.
    pub(super) fn attest(&mut self, mark: &BlockMark) -> Result<(), StateError> {
        self.record(mark)?;
        if self.rollback.is_some() {
            fs::remove_file(self.folder.join(ROLLBACK))
                .and_then(|()| sync_folder(&self.folder))
                .map_err(|error| StateError::io("end the rollback", error))?;
            self.rollback = None;
        }
        Ok(())
    }

    fn record(&mut self, mark: &BlockMark) -> Result<(), StateError> {
        if self.certain && self.newest.mark.as_ref() == Some(mark) {
            return Ok(());
        }
        let record = Record {
            sequence: self.newest.sequence.saturating_add(1),
            mark: Some(*mark),
        };
        self.write(&record)
            .map_err(|error| StateError::io("write the tip witness", error))?;
        self.newest = record;
        self.certain = true;
        Ok(())
    }

    fn write(&mut self, record: &Record) -> io::Result<()> {
        let slot = (record.sequence & 1).saturating_mul(SLOT_BYTES as u64);
        self.file.seek(SeekFrom::Start(slot))?;
        self.file.write_all(&record.encode())?;
        self.file.sync_data()
    }
}

impl Rollback {
    /// What an announcement says, if there is one.
    fn read(folder: &Path) -> Result<Option<Self>, StateError> {
        let bytes = match fs::read(folder.join(ROLLBACK)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StateError::io("read the announced rollback", error)),
        };
        Self::decode(&bytes)
            .map(Some)
            .ok_or_else(|| StateError::damaged("its announced rollback cannot be read"))
    }

    fn encode(&self) -> Vec<u8> {
        let Self { from, to } = self;
        let fields = (
            ROLLBACK_MAGIC,
            from.height,
            from.block_hash,
            to.height,
            to.block_hash,
        );
        let mut content = Vec::new();
        let written = fields.serialize(&mut content);
        debug_assert!(written.is_ok(), "writing to memory does not fail");
        content.extend_from_slice(&sha256(&content).0);
        content
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        type Fields = ([u8; 8], BlockHeight, Hash, BlockHeight, Hash);

        let mut rest = bytes;
        let (_, from, from_hash, to, to_hash) = Fields::deserialize(&mut rest).ok()?;
        let mark = |height, block_hash| BlockMark { height, block_hash };
        let rollback = Self {
            from: mark(from, from_hash),
            to: mark(to, to_hash),
        };
        (rollback.encode() == bytes).then_some(rollback)
    }
}

impl Record {
    fn encode(&self) -> [u8; SLOT_BYTES] {
        let mark = self.mark.unwrap_or(BlockMark {
            height: BlockHeight(0),
            block_hash: Hash::ZERO,
        });
        let fields = (
            MAGIC,
            self.sequence,
            u8::from(self.mark.is_some()),
            mark.height,
            mark.block_hash,
        );
        let mut content = Vec::with_capacity(SLOT_BYTES);
        let written = fields.serialize(&mut content);
        debug_assert!(written.is_ok(), "writing to memory does not fail");
        content.extend_from_slice(&sha256(&content).0);
        let mut slot = [0; SLOT_BYTES];
        for (to, from) in slot.iter_mut().zip(content) {
            *to = from;
        }
        slot
    }

    /// The record in a slot that lies at `index`, if every byte of it is as it was written.
    fn decode(index: u64, slot: &[u8]) -> Option<Self> {
        let mut rest = slot;
        let (magic, sequence, present, height, block_hash) =
            <([u8; 8], u64, u8, BlockHeight, Hash)>::deserialize(&mut rest).ok()?;
        let record = Self {
            sequence,
            mark: (present == 1).then_some(BlockMark { height, block_hash }),
        };
        (magic == MAGIC && sequence & 1 == index && record.encode() == slot).then_some(record)
    }
}

/// The newer of two records, and whether both are good.
fn read_records(bytes: &[u8]) -> Result<(Record, bool), StateError> {
    let damaged = || StateError::damaged("its tip witness cannot be read");
    if bytes.len() > FILE_BYTES {
        return Err(damaged());
    }
    let mut slots = bytes.chunks(SLOT_BYTES);
    let mut next = |index| slots.next().and_then(|slot| Record::decode(index, slot));
    match (next(0), next(1)) {
        (Some(even), Some(odd)) if even.sequence.abs_diff(odd.sequence) == 1 => {
            let newest = if even.sequence > odd.sequence {
                even
            } else {
                odd
            };
            Ok((newest, true))
        }
        (Some(only), None) | (None, Some(only)) => Ok((only, false)),
        _ => Err(damaged()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(height: u64) -> BlockMark {
        BlockMark {
            height: BlockHeight(height),
            block_hash: sha256(&height.to_le_bytes()),
        }
    }

    fn attested(folder: &Path, heights: u64) -> WitnessFile {
        WitnessFile::create(folder).unwrap();
        let mut file = WitnessFile::open(folder).unwrap();
        for height in 0..heights {
            file.attest(&mark(height)).unwrap();
        }
        file
    }

    #[test]
    fn what_was_attested_last_is_read() {
        for heights in 0..5 {
            let folder = tempfile::tempdir().unwrap();
            drop(attested(folder.path(), heights));
            let expected = Witness::Certain(heights.checked_sub(1).map(mark));
            let mut file = WitnessFile::open(folder.path()).unwrap();
            assert_eq!(file.witness(), expected);
            file.attest(&mark(99)).unwrap();
            let file = WitnessFile::open(folder.path()).unwrap();
            assert_eq!(file.witness(), Witness::Certain(Some(mark(99))));
        }
    }

    #[test]
    fn attesting_one_block_twice_keeps_the_block_below() {
        let folder = tempfile::tempdir().unwrap();
        attested(folder.path(), 2).attest(&mark(1)).unwrap();
        let bytes = fs::read(folder.path().join(FILE)).unwrap();
        let (even, odd) = bytes.split_at(SLOT_BYTES);
        assert_eq!(Record::decode(0, even).unwrap().mark, Some(mark(0)));
        assert_eq!(Record::decode(1, odd).unwrap().mark, Some(mark(1)));
    }

    #[test]
    fn an_announced_rollback_lasts_until_a_block_is_attested() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (mark(4), mark(1));
        attested(folder.path(), 5)
            .begin_rollback(&from, &to)
            .unwrap();
        let announced = Witness::RollingBack { from, to };
        let mut file = WitnessFile::open(folder.path()).unwrap();
        assert_eq!(file.witness(), announced);
        file.attest(&to).unwrap();
        assert_eq!(file.witness(), Witness::Certain(Some(to)));
        let file = WitnessFile::open(folder.path()).unwrap();
        assert_eq!(file.witness(), Witness::Certain(Some(to)));
    }

    #[test]
    fn an_announcement_with_any_changed_bit_is_refused() {
        let bytes = Rollback {
            from: mark(4),
            to: mark(1),
        }
        .encode();
        assert!(Rollback::decode(&bytes).is_some());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Rollback::decode(&flipped), None, "{bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(Rollback::decode(&bytes[..length]), None, "{length}");
        }
    }

    #[test]
    fn any_changed_bit_makes_its_record_bad_and_never_another_one() {
        let folder = tempfile::tempdir().unwrap();
        drop(attested(folder.path(), 2));
        let bytes = fs::read(folder.path().join(FILE)).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let good = u64::from(bit / 8 < SLOT_BYTES);
            let (newest, certain) = read_records(&flipped).unwrap();
            assert_eq!((newest.mark, certain), (Some(mark(good)), false), "{bit}");
        }
        for length in 0..bytes.len() {
            let read = read_records(&bytes[..length]);
            assert!(!matches!(read, Ok((_, true))), "{length}");
        }
        assert!(read_records(&[&bytes[..], &[0]].concat()).is_err());
        let stale = [
            &bytes[..SLOT_BYTES],
            &Record {
                sequence: 7,
                mark: None,
            }
            .encode()[..],
        ];
        assert!(read_records(&stale.concat()).is_err());
    }
}
