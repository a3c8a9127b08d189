//! What fjall does not notice in its journals.
//!
//! fjall takes a journal up to where it cannot be read, and goes on with the next one; it trusts the number of entries and
//! the sequence number before a batch, which no checksum covers. So what lies behind a break in an older journal, or in a
//! batch whose number is wrong, would be gone without a word, while the tip, which is in the last journal, is there.
//!
//! Invariant: the journals follow each other without a gap; no batch lies behind a break; sequence numbers ascend; each
//! batch follows the one that its trail names; and each batch that moves the tip moves it by one block. A break behind which
//! there is nothing is a write that was cut off: what it cost, the tip witness tells. Whether journals are missing before the
//! oldest one, the trail of its first batch tells, together with the tables.
//!
//! Source: fjall 3.1, `journal/entry.rs`. A batch is a head (a tag, the number of entries, 4 bytes, and the sequence number,
//! 8), its entries (a tag, the kind, the compression, the key space, 8, the size of the key, 2, of the value, 4, and of the
//! value as it is stored, 4, the key, the value), and an end (a tag, a checksum, 8, a magic), all little-endian. Checksums
//! are left to fjall.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use ordlane_primitives::codec::{self, Canonical as _};

use super::trail::{self, Trail};
use crate::{
    StateError, Tip,
    store::{FORMAT_KEY, TIP_KEY},
};

const HEAD: u8 = 1;
const ENTRY: u8 = 2;
const END: u8 = 3;
/// The kind of an entry that has a value.
const PUT: u8 = 0;
/// The longest value that is looked at, but for trails: that of a tip.
const MAX_VALUE_BYTES: usize = 72;

/// What the journals begin with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// They hold no batch.
    Nothing,
    /// A batch of an earlier release, which says nothing of those before it.
    Untold,
    /// A batch with this trail.
    Batch(Trail),
}

/// Checks the journals in fjall's folder, changes nothing, and says what they begin with.
pub(super) fn check(database: &Path) -> Result<Beginning, StateError> {
    let mut found = Found::default();
    let mut last_number = None;
    for (number, path) in journals(database)? {
        if last_number.is_some_and(|last: u64| last.checked_add(1) != Some(number)) {
            return Err(StateError::damaged("a journal is missing"));
        }
        last_number = Some(number);
        found.read(&path)?;
    }
    Ok(found.beginning.unwrap_or(Beginning::Nothing))
}

/// All journals, the oldest first.
fn journals(database: &Path) -> Result<Vec<(u64, PathBuf)>, StateError> {
    let failed = |error| StateError::io("list the journals", error);
    let mut journals = Vec::new();
    for entry in fs::read_dir(database).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jnl") {
            let number = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            let number = number.ok_or_else(|| StateError::damaged("a journal has no number"))?;
            journals.push((number, path));
        }
    }
    journals.sort_unstable();
    Ok(journals)
}

/// What the journals so far say.
#[derive(Default)]
struct Found {
    beginning: Option<Beginning>,
    sequence: Option<u64>,
    /// The number of the last batch, if that has a trail.
    number: Option<u64>,
    height: Option<u64>,
    /// The store was new, so the first block is the genesis block.
    is_new: bool,
    /// There was something that is no batch.
    broken: bool,
}

impl Found {
    fn read(&mut self, path: &Path) -> Result<(), StateError> {
        let failed = |error| StateError::io("read a journal", error);
        let mut journal = BufReader::new(File::open(path).map_err(failed)?);
        loop {
            match Batch::read(&mut journal) {
                Ok(Some(batch)) => self.add(&batch)?,
                Ok(None) => break,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.broken = true;
                    return Ok(());
                }
                Err(error) => return Err(failed(error)),
            }
        }
        // fjall reserves space before it needs it.
        self.broken |= !is_zero(&mut journal).map_err(failed)?;
        Ok(())
    }

    fn add(&mut self, batch: &Batch) -> Result<(), StateError> {
        if self.broken {
            return Err(StateError::damaged("an older journal breaks off"));
        }
        if self.sequence.is_some_and(|last| batch.sequence <= last) {
            return Err(StateError::damaged(
                "the batches of its journals are out of order",
            ));
        }
        self.sequence = Some(batch.sequence);
        self.follow(batch)?;
        self.is_new |= batch.is_of_new_store();
        let Some(height) = batch.moves_tip() else {
            return Ok(());
        };
        let follows = match self.height {
            Some(last) => height.abs_diff(last) == 1,
            None => height == 0 || !self.is_new,
        };
        if !follows {
            return Err(StateError::damaged("a block is missing among its journals"));
        }
        self.height = Some(height);
        Ok(())
    }

    /// Compares a batch's trail with that of the batch before it.
    fn follow(&mut self, batch: &Batch) -> Result<(), StateError> {
        let trail = batch.trail.as_deref().map(Trail::decode).transpose()?;
        let number = trail.as_ref().map(|trail| trail.number);
        if number > Some(batch.sequence) {
            return Err(StateError::damaged(
                "the number of a batch in its journals is wrong",
            ));
        }
        let follows = trail.as_ref().and_then(Trail::follows);
        if number.is_some() && self.number.is_some() && follows != self.number {
            return Err(StateError::damaged("a batch is missing among its journals"));
        }
        self.number = number;
        self.beginning
            .get_or_insert(trail.map_or(Beginning::Untold, Beginning::Batch));
        Ok(())
    }
}

/// The entries of a batch that may tell what it does to the tip.
struct Batch {
    sequence: u64,
    entries: u32,
    tip: Option<Tip>,
    /// What it says of the batches before it.
    trail: Option<Vec<u8>>,
    /// Those whose keys may be block hashes, heights, or that of the format's version.
    short: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// The batch that comes next, or none where something else does.
    fn read(journal: &mut BufReader<File>) -> io::Result<Option<Self>> {
        if read_end(journal)? != Some(HEAD) {
            return Ok(None);
        }
        let mut batch = Self {
            entries: u32::from_le_bytes(array(journal)?),
            sequence: u64::from_le_bytes(array(journal)?),
            tip: None,
            trail: None,
            short: Vec::new(),
        };
        loop {
            match array(journal)? {
                [ENTRY] => batch.read_entry(journal)?,
                [END] => break,
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let _checksum_and_magic: [u8; 12] = array(journal)?;
        Ok(Some(batch))
    }

    fn read_entry(&mut self, journal: &mut BufReader<File>) -> io::Result<()> {
        let [kind, _compression] = array(journal)?;
        let _key_space: [u8; 8] = array(journal)?;
        let mut key = vec![0; usize::from(u16::from_le_bytes(array(journal)?))];
        let _whole_bytes: [u8; 4] = array(journal)?;
        let value_bytes = u32::from_le_bytes(array(journal)?);
        journal.read_exact(&mut key)?;
        let is_trail = key == trail::KEY;
        let is_short = [TIP_KEY.len(), FORMAT_KEY.len(), 8, 32].contains(&key.len());
        let limit = if is_trail {
            Trail::MAX_BYTES
        } else {
            MAX_VALUE_BYTES
        };
        match usize::try_from(value_bytes) {
            Ok(value_bytes) if (is_trail || is_short) && value_bytes <= limit => {
                let mut value = vec![0; value_bytes];
                journal.read_exact(&mut value)?;
                if is_trail {
                    // Marks stand under the same key.
                    if value != trail::MARK {
                        self.trail = Some(value);
                    }
                } else if key == TIP_KEY {
                    // Of several the one in `meta` comes last.
                    self.tip = codec::decode(&value).ok();
                } else {
                    self.short.push((key, (kind == PUT).then_some(value)));
                }
                Ok(())
            }
            _ => journal.seek_relative(i64::from(value_bytes)),
        }
    }

    /// Whether it is the first one of a store that begins with no block.
    fn is_of_new_store(&self) -> bool {
        let mut keys = self.short.iter().map(|(key, _)| key.as_slice());
        let others = u32::from(self.trail.is_some());
        self.entries.checked_sub(others) == Some(1) && keys.next() == Some(FORMAT_KEY)
    }

    /// The height of the block that becomes the tip, if this batch commits a block or undoes one.
    fn moves_tip(&self) -> Option<u64> {
        let tip = self.tip.as_ref()?;
        let height = tip.height.0;
        let has = |key: &[u8], value: Option<&[u8]>| {
            let mut short = self.short.iter();
            short.any(|(found, to)| found == key && to.as_deref() == value)
        };
        let commits = has(&tip.block_hash.0, Some(&height.to_be_bytes()));
        let undoes = || has(&height.checked_add(1)?.to_be_bytes(), None).then_some(());
        (commits || undoes().is_some()).then_some(height)
    }
}

fn array<const N: usize>(journal: &mut BufReader<File>) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    journal.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The next byte, or none at the end, and at a byte that begins no batch, which is left for the next reader.
fn read_end(journal: &mut BufReader<File>) -> io::Result<Option<u8>> {
    let mut byte = [0];
    match journal.read(&mut byte)? {
        0 => Ok(None),
        _ if byte == [HEAD] => Ok(Some(HEAD)),
        _ => {
            journal.seek_relative(-1)?;
            Ok(None)
        }
    }
}

/// Whether nothing but zeros is left.
fn is_zero(journal: &mut BufReader<File>) -> io::Result<bool> {
    let mut bytes = [0; 4_096];
    loop {
        match journal.read(&mut bytes)? {
            0 => return Ok(true),
            count if bytes.iter().take(count).any(|byte| *byte != 0) => return Ok(false),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::{BlockHeight, Hash, hash::sha256};

    use super::*;

    type Entry<'a> = (&'a [u8], Option<&'a [u8]>);

    fn batch(sequence: u64, entries: &[Entry<'_>]) -> Vec<u8> {
        let count = u32::try_from(entries.len()).unwrap();
        let mut bytes = [&[HEAD], &count.to_le_bytes()[..], &sequence.to_le_bytes()].concat();
        for (key, value) in entries {
            bytes.extend([ENTRY, value.map_or(1, |_| PUT), 0]);
            bytes.extend(7_u64.to_le_bytes());
            bytes.extend(u16::try_from(key.len()).unwrap().to_le_bytes());
            let size = u32::try_from(value.map_or(0, <[u8]>::len)).unwrap();
            bytes.extend([size.to_le_bytes(); 2].concat());
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(value.unwrap_or_default());
        }
        [&bytes[..], &[END], &[9; 12]].concat()
    }

    fn tip(height: u64) -> Tip {
        Tip {
            height: BlockHeight(height),
            block_hash: sha256(&height.to_le_bytes()),
            state_root: Hash::ZERO,
        }
    }

    /// What a commit of the block at a height leaves, the least of it.
    fn block(sequence: u64, height: u64) -> Vec<u8> {
        let tip = tip(height);
        let (hash, height) = (tip.block_hash.0, height.to_be_bytes());
        // A raw key that has the name of the tip's, too.
        let entries: [Entry<'_>; 4] = [
            (TIP_KEY, Some(b"a value")),
            (&[5; 200], Some(&[6; 300])),
            (&hash, Some(&height)),
            (TIP_KEY, Some(&codec::encode(&tip))),
        ];
        batch(sequence, &entries)
    }

    /// What undoing the block at a height leaves.
    fn undone(sequence: u64, height: u64) -> Vec<u8> {
        let below = codec::encode(&tip(height.checked_sub(1).unwrap()));
        let entries: [Entry<'_>; 2] = [(&height.to_be_bytes(), None), (TIP_KEY, Some(&below))];
        batch(sequence, &entries)
    }

    fn pages(sequence: u64) -> Vec<u8> {
        batch(sequence, &[(b"page", Some(&[1; 5_000])), (&[3; 32], None)])
    }

    /// A batch of a number, with a trail that names the number of the one before it, and a mark.
    fn trailing(sequence: u64, number: u64, follows: Option<u64>) -> Vec<u8> {
        let last = follows.map(|number| Trail::new(None, number, [7].into()).unwrap());
        let trail = Trail::new(last.as_ref(), number, [7].into()).unwrap();
        let (mark, trail) = (Some(&trail::MARK[..]), trail.encode());
        let entries: [Entry<'_>; 2] = [(&trail::KEY, mark), (&trail::KEY, Some(&trail))];
        batch(sequence, &entries)
    }

    fn check_of(journals: &[(u64, Vec<Vec<u8>>)]) -> Result<Beginning, String> {
        let folder = tempfile::tempdir().unwrap();
        for (number, parts) in journals {
            fs::write(folder.path().join(format!("{number}.jnl")), parts.concat()).unwrap();
        }
        check(folder.path()).map_err(|error| error.to_string())
    }

    fn refusal(journals: &[(u64, Vec<Vec<u8>>)]) -> String {
        check_of(journals).unwrap_err()
    }

    #[test]
    fn journals_as_they_are_written_are_right() {
        let zeros = || vec![0; 10_000];
        let first = || vec![block(1, 4), pages(2), block(3, 5), zeros()];
        for last in [
            vec![],
            vec![zeros()],
            vec![block(9, 6), undone(10, 6), undone(12, 5), block(13, 5)],
            // A write that was cut off.
            vec![block(9, 6), block(10, 7)[..60].to_vec()],
            vec![block(9, 6), block(10, 7)[..60].to_vec(), zeros()],
        ] {
            check_of(&[(9, first()), (10, last)]).unwrap();
        }
        // The write that was cut off was the last one, though a journal was begun behind it.
        let cut = vec![block(1, 4), block(2, 5)[..90].to_vec()];
        check_of(&[(3, cut), (4, vec![zeros()])]).unwrap();
        let new = batch(1, &[(FORMAT_KEY, Some(&[2, 0, 0, 0]))]);
        check_of(&[(0, vec![new, block(2, 0), block(3, 1)])]).unwrap();
    }

    #[test]
    fn what_lies_behind_a_break_is_never_taken_for_all() {
        let next = || (2, vec![block(9, 6)]);
        let whole = [block(1, 4), block(3, 5)].concat();
        for size in (1..whole.len()).step_by(5).chain([block(1, 4).len()]) {
            let cut = whole[..size].to_vec();
            assert!(check_of(&[(1, vec![cut]), next()]).is_err(), "{size} bytes");
        }
        let changed = vec![block(1, 4), vec![7; 3], block(3, 5)];
        let said = refusal(&[(1, changed), next()]);
        assert!(said.contains("breaks off"), "{said}");
    }

    #[test]
    fn batches_out_of_order_and_blocks_and_journals_that_are_missing_are_refused() {
        for wrong in [0, 1, 2, 5] {
            let said = refusal(&[(1, vec![block(2, 4), block(5, 5), pages(wrong)])]);
            assert!(said.contains("out of order"), "{said}");
        }
        for (from, to) in [(4, 6), (6, 4), (5, 5)] {
            let said = refusal(&[(1, vec![block(1, from)]), (2, vec![block(2, to)])]);
            assert!(said.contains("a block is missing"), "{said}");
        }
        let new = batch(1, &[(FORMAT_KEY, Some(&[2, 0, 0, 0]))]);
        let said = refusal(&[(0, vec![new, block(2, 1)])]);
        assert!(said.contains("a block is missing"), "{said}");
        let trail = Trail::new(None, 1, [7].into()).unwrap().encode();
        let new = batch(
            1,
            &[
                (FORMAT_KEY, Some(&[2, 0, 0, 0])),
                (&trail::KEY, Some(&trail)),
            ],
        );
        let said = refusal(&[(0, vec![new, block(2, 1)])]);
        assert!(said.contains("a block is missing"), "{said}");
        let said = refusal(&[(1, vec![block(1, 4)]), (3, vec![block(2, 5)])]);
        assert!(said.contains("a journal is missing"), "{said}");
    }

    #[test]
    fn the_trail_of_the_first_batch_is_told() {
        let trail = || trailing(5, 4, Some(3));
        let told = |parts| check_of(&[(1, vec![]), (2, parts)]).unwrap();
        assert_eq!(told(vec![]), Beginning::Nothing);
        assert_eq!(told(vec![trail()[..90].to_vec()]), Beginning::Nothing);
        assert_eq!(told(vec![pages(4), trail()]), Beginning::Untold);
        let Beginning::Batch(found) = told(vec![trail(), pages(6)]) else {
            panic!("it begins with a trail");
        };
        assert_eq!((found.number, found.follows()), (4, Some(3)));
    }

    #[test]
    fn a_batch_that_follows_another_one_than_its_trail_says_is_refused() {
        let first = || trailing(5, 4, None);
        for parts in [
            vec![first(), trailing(6, 6, Some(4)), trailing(9, 7, Some(6))],
            // One of an earlier release came between.
            vec![first(), pages(6), trailing(9, 7, Some(4))],
        ] {
            check_of(&[(1, parts)]).unwrap();
        }
        for follows in [None, Some(3), Some(5)] {
            let said = refusal(&[(1, vec![first(), trailing(6, 6, follows)])]);
            assert!(said.contains("a batch is missing"), "{said}");
        }
        let said = refusal(&[(1, vec![trailing(3, 4, None)])]);
        assert!(said.contains("number of a batch"), "{said}");
        let cut = batch(3, &[(&trail::KEY, Some(&[1; 20]))]);
        let said = refusal(&[(1, vec![cut])]);
        assert!(said.contains("cannot be read"), "{said}");
    }
}
