//! Checking a store, and making again what can be made again.
//!
//! Everything is recomputed from the values of the tip and compared: the tree with the tip's state root, or, where it has
//! another one, every value with the leaves of the stored pages; the pages with the roots of their block, the chain of
//! headers by its hashes, bodies and receipts with the roots in the headers, reverse diffs by undoing block after block,
//! codes with their hashes and with the accounts that name them, and indexes and earlier values with what they follow from,
//! both ways. It works on a storage, so it serves a store that
//! cannot be opened, too.
//!
//! Invariants:
//! - nothing is taken for right but what hashes lead to from the tip's block hash, which the witness attests;
//! - a repair changes nothing where something is lost; otherwise each entry that it writes follows from what was proven,
//!   whatever else was written, so it can be interrupted anywhere and run again;
//! - a code follows from nothing but itself: one that an account names, and that is missing or wrong, is lost;
//! - memory is bounded by the tree, the codes' hashes, the largest block, and named limits;
//! - damaged bytes are findings and never panics.

use std::collections::BTreeMap;

use ordlane_primitives::{Address, BlockHeight, Hash, batch::BatchHasher};

pub use self::report::{
    CheckProgress, CheckReport, CheckStage, Fault, Finding, MAX_LISTED_FINDINGS, Repair, Severity,
};
use super::{StateStore, restore, upgrade::Writer};
use crate::{Space, StateError, Storage, WriteEntry};

mod blocks;
mod codes;
mod history;
mod meta;
mod pages;
mod report;
mod strays;
mod values;

/// How often what a repair has made is checked and made again: what hides behind damage shows when that is gone.
const MAX_ROUNDS: usize = 4;

/// Is told how far a check is.
type Progress<'a> = dyn FnMut(CheckProgress) + 'a;

impl StateStore {
    /// Compares everything that a storage holds, by reading all of it, and changes nothing. Nobody may work on the
    /// storage meanwhile. `progress` is told how far it is.
    ///
    /// ```
    /// use ordlane_primitives::batch::Sequential;
    /// use ordlane_state::{MemoryStorage, StateStore};
    ///
    /// let report = StateStore::fsck(&MemoryStorage::new(), &Sequential, &mut |_| {})?;
    /// assert!(report.is_sound());
    /// # Ok::<(), ordlane_state::StateError>(())
    /// ```
    ///
    /// # Errors
    /// [`StateError::NeedsUpgrade`] and [`StateError::UnknownFormat`] for a store of another format,
    /// [`StateError::UnfinishedRestore`] for one that is being restored, and what the storage reports when it fails. Damage
    /// is no error but a finding.
    pub fn fsck(
        storage: &dyn Storage,
        hasher: &dyn BatchHasher,
        progress: &mut Progress<'_>,
    ) -> Result<CheckReport, StateError> {
        if let Err(unfinished @ StateError::UnfinishedRestore { .. }) =
            restore::check_finished(storage)
        {
            return Err(unfinished);
        }
        let mut check = Check::new(storage, hasher, progress, None);
        check.run()?;
        Ok(check.report)
    }

    /// Checks a storage and makes again what can be made again: the tree's pages, indexes, earlier values, reverse diffs
    /// and records about the store, and values of the tip that an earlier block still has. Removes what belongs to nothing.
    /// Where something is lost, such as the code of a contract, it changes nothing.
    ///
    /// It may be interrupted, and run again. Nobody may work on the storage meanwhile.
    ///
    /// # Errors
    /// Those of [`StateStore::fsck`].
    pub fn repair(
        storage: &dyn Storage,
        hasher: &dyn BatchHasher,
        progress: &mut Progress<'_>,
    ) -> Result<Repair, StateError> {
        let found = Self::fsck(storage, hasher, progress)?;
        let mut repair = Repair {
            left: found.clone(),
            found,
            entries: 0,
        };
        for _ in 0..MAX_ROUNDS {
            if repair.left.is_sound() || repair.left.has_lost() {
                break;
            }
            let fixes = Fixes {
                writer: Writer::new(storage),
                entries: 0,
            };
            let mut check = Check::new(storage, hasher, &mut *progress, Some(fixes));
            repair.entries = repair.entries.saturating_add(check.run()?);
            repair.left = Self::fsck(storage, hasher, progress)?;
        }
        Ok(repair)
    }
}

/// A check on its way.
struct Check<'a> {
    storage: &'a dyn Storage,
    hasher: &'a dyn BatchHasher,
    progress: &'a mut Progress<'a>,
    report: CheckReport,
    /// What is to be written, when it is a repair.
    fixes: Option<Fixes<'a>>,
    /// The first block that is kept whole.
    horizon: BlockHeight,
    /// The first block that has more than its header.
    first: BlockHeight,
    /// What is known of what else follows from.
    sources: Sources,
    /// The hashes of the codes that accounts name, at the tip or in an earlier kept state, and whose they are.
    named: BTreeMap<Hash, Address>,
}

/// What a repair writes.
struct Fixes<'a> {
    writer: Writer<'a>,
    entries: u64,
}

/// Which of the spaces that others follow from are whole, and how many entries of those others there must be.
struct Sources {
    values: bool,
    headers: bool,
    receipts: bool,
    diffs: bool,
    derived: [u64; Space::ALL.len()],
}

impl<'a> Check<'a> {
    fn new(
        storage: &'a dyn Storage,
        hasher: &'a dyn BatchHasher,
        progress: &'a mut Progress<'a>,
        fixes: Option<Fixes<'a>>,
    ) -> Self {
        Self {
            storage,
            hasher,
            progress,
            report: CheckReport::default(),
            fixes,
            horizon: BlockHeight::GENESIS,
            first: BlockHeight::GENESIS,
            sources: Sources {
                values: true,
                headers: true,
                receipts: true,
                diffs: true,
                derived: [0; Space::ALL.len()],
            },
            named: BTreeMap::new(),
        }
    }

    /// Goes through everything. Returns how many entries were written.
    fn run(&mut self) -> Result<u64, StateError> {
        if let Some(tip) = self.find_tip()? {
            self.report.tip = Some(tip);
            let tree = self.check_values(&tip);
            let tree = self.contain(Space::Flat, tree)?.flatten();
            self.sources.values &= tree.is_some();
            let limits = self.find_limits(&tip);
            self.contain(Space::Meta, limits)?;
            let blocks = self.check_blocks(&tip, tree);
            self.contain(Space::Block, blocks)?;
            self.report.first = self.first;
            let codes = self.check_codes();
            self.contain(Space::Code, codes)?;
            self.flush()?;
            let strays = self.check_strays(&tip);
            self.contain(Space::Block, strays)?;
        }
        let pages = self.check_pages();
        self.contain(Space::Page, pages)?;
        self.flush()?;
        Ok(self.fixes.as_ref().map_or(0, |fixes| fixes.entries))
    }

    /// Makes damage that the storage itself reports a finding.
    fn contain<T>(
        &mut self,
        space: Space,
        outcome: Result<T, StateError>,
    ) -> Result<Option<T>, StateError> {
        match outcome {
            Ok(done) => Ok(Some(done)),
            Err(error @ StateError::Damaged { .. }) => {
                let reason = error.to_string();
                self.lost(space, &[], None, Fault::Refused { reason });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Something is lost. A repair ends here: whatever was to be written rests on a store in which nothing is.
    fn lost(&mut self, space: Space, key: &[u8], height: Option<BlockHeight>, fault: Fault) {
        self.fixes = None;
        self.report.add(Finding {
            severity: Severity::Lost,
            fault,
            space,
            key: key.to_vec(),
            height,
        });
    }

    /// Something can be made again: by giving the entry the value that it must have.
    fn rebuildable(
        &mut self,
        (space, key, value): WriteEntry,
        height: Option<BlockHeight>,
        fault: Fault,
    ) -> Result<(), StateError> {
        self.report.add(Finding {
            severity: Severity::Rebuildable,
            fault,
            space,
            key: key.clone(),
            height,
        });
        self.fix((space, key, value))
    }

    /// Something belongs to nothing.
    fn stray(
        &mut self,
        space: Space,
        key: Vec<u8>,
        height: Option<BlockHeight>,
    ) -> Result<(), StateError> {
        self.report.add(Finding {
            severity: Severity::Stray,
            fault: Fault::Stray,
            space,
            key: key.clone(),
            height,
        });
        self.fix((space, key, None))
    }

    /// Writes an entry, when it is a repair.
    fn fix(&mut self, entry: WriteEntry) -> Result<(), StateError> {
        let Some(fixes) = &mut self.fixes else {
            return Ok(());
        };
        fixes.entries = fixes.entries.saturating_add(1);
        fixes.writer.add(entry)
    }

    /// Writes what is still on its way.
    fn flush(&mut self) -> Result<(), StateError> {
        self.fixes
            .as_mut()
            .map_or(Ok(()), |fixes| fixes.writer.flush())
    }

    fn tell(&mut self, stage: CheckStage, done: u64, total: Option<u64>) {
        (self.progress)(CheckProgress { stage, done, total });
    }
}
