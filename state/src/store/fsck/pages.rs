//! The stored pages of the tree, compared with the root of the block that they are of.

use ordlane_primitives::Hash;

use super::{Check, CheckStage, Fault};
use crate::{
    Space, StateError,
    store::{
        keys,
        pages::{PagesMark, read_mark},
    },
    tree::{BadPage, Belongs, belongs, walk_pages},
};

impl Check<'_> {
    /// Compares the pages. Without a mark they say nothing, and are left to the store.
    pub(super) fn check_pages(&mut self) -> Result<(), StateError> {
        let mark = match read_mark(self.storage) {
            Ok(None) => return Ok(()),
            Ok(Some(mark)) => match self.root_of(&mark)? {
                Marked::Unknown => return Ok(()),
                Marked::Block(root) if mark.root == root => Ok(mark),
                Marked::Block(root) => Err(Fault::WrongHash {
                    of: "root",
                    expected: root,
                    found: mark.root,
                }),
                Marked::Nothing => Err(Fault::Different),
            },
            Err(StateError::Damaged { .. }) => Err(Fault::Undecodable),
            Err(error) => return Err(error),
        };
        let mark = match mark {
            Ok(mark) => mark,
            Err(fault) => {
                let entry = (Space::Meta, keys::PAGES.to_vec(), None);
                self.rebuildable(entry, None, fault)?;
                return self.drop_pages();
            }
        };
        let (storage, hasher) = (self.storage, self.hasher);
        let (mut present, mut sound) = (0_u64, true);
        walk_pages(storage, &mark.root, hasher, &mut |key, bad| {
            let fault = match bad {
                None => {
                    self.report.pages = self.report.pages.saturating_add(1);
                    self.tell(CheckStage::Pages, self.report.pages, None);
                    None
                }
                Some(BadPage::Missing) => Some(Fault::Missing),
                Some(BadPage::Wrong) => Some(Fault::Different),
            };
            present = present.saturating_add(u64::from(bad != Some(BadPage::Missing)));
            let Some(fault) = fault else {
                return Ok(());
            };
            sound = false;
            self.rebuildable((Space::Page, key, None), Some(mark.height), fault)
        })?;
        self.check_stray_pages(&mark.root, present)?;
        if sound { Ok(()) } else { self.drop_pages() }
    }

    /// The root of the block that a mark names.
    fn root_of(&self, mark: &PagesMark) -> Result<Marked, StateError> {
        let Some(tip) = self.report.tip else {
            // Where there should be a tip it was said already.
            return Ok(if self.report.has_lost() {
                Marked::Unknown
            } else {
                Marked::Nothing
            });
        };
        if mark.height == tip.height {
            return Ok(Marked::Block(tip.state_root));
        }
        if mark.height > tip.height {
            return Ok(Marked::Nothing);
        }
        let header = self
            .header_at(mark.height)?
            .filter(|_| self.sources.headers);
        Ok(header.map_or(Marked::Unknown, |header| Marked::Block(header.state_root)))
    }

    fn check_stray_pages(&mut self, root: &Hash, present: u64) -> Result<(), StateError> {
        if !self.has_more_than(Space::Page, present)? {
            return Ok(());
        }
        let (storage, hasher) = (self.storage, self.hasher);
        self.each_part(Space::Page, &mut |check, part| {
            for key in part {
                if belongs(storage, root, &key, hasher)? == Belongs::No {
                    check.stray(Space::Page, key, None)?;
                }
            }
            Ok(())
        })
    }

    /// Takes away the mark first, without which pages say nothing, and then all of them: the store makes them again.
    fn drop_pages(&mut self) -> Result<(), StateError> {
        self.fix((Space::Meta, keys::PAGES.to_vec(), None))?;
        self.flush()?;
        if self.fixes.is_none() {
            return Ok(());
        }
        self.each_part(Space::Page, &mut |check, part| {
            part.into_iter()
                .try_for_each(|key| check.fix((Space::Page, key, None)))
        })
    }
}

/// What a mark names.
enum Marked {
    /// A block with this state root.
    Block(Hash),
    /// A block whose header is lost, or hangs on nothing.
    Unknown,
    /// No block.
    Nothing,
}
