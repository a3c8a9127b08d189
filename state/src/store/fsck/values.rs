//! The values of the tip.
//!
//! All of them are right when they make the tree with the tip's state root. When they make another one, the stored pages
//! say which are wrong: they are those of an earlier block, and with the values of the keys that later blocks changed they
//! make the tip's tree. Where that has the tip's root, its leaves are proven, and so is every value that differs from them.
//! A value is found again where an earlier one of its key has the hash that it must have.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::ControlFlow,
};

use ordlane_primitives::{BlockHeight, Hash, tree};

use super::{Check, CheckStage, Fault};
use crate::{
    Space, StateError, Tip, Tree,
    store::{decode_diff, history::decode_old, keys, pages::read_mark, recovery::all_leaves},
    tree::stored_leaves,
};

/// Most wrong values whose keys are looked for. Where there are more, it is said of all of them together.
const MAX_WRONG_VALUES: usize = 65_536;

/// A path and the hash of its value.
type Leaf = (Hash, Hash);

/// A leaf that the values have, or have not, other than it must be.
#[derive(Debug, Default)]
struct Wrong {
    expected: Option<Hash>,
    found: Option<Hash>,
    /// The raw key with the path, where it is found.
    key: Option<Vec<u8>>,
    /// The key in `hist` of an earlier value with the hash that is expected.
    again: Option<Vec<u8>>,
}

/// What is wrong, by path.
type AllWrong = BTreeMap<Hash, Wrong>;

impl Check<'_> {
    /// The tree of the tip: that of all values, or, where some of them are wrong, the one that the pages prove.
    pub(super) fn check_values(&mut self, tip: &Tip) -> Result<Option<Tree>, StateError> {
        self.tell(CheckStage::Values, 0, None);
        let leaves = all_leaves(self.storage, self.hasher)?;
        self.report.values = leaves.len() as u64;
        self.tell(CheckStage::Values, self.report.values, None);
        let tree = Tree::from_leaves(leaves, self.hasher)?;
        if tree.root() == tip.state_root {
            return Ok(Some(tree));
        }
        let fault = Fault::WrongHash {
            of: "state root",
            expected: tip.state_root,
            found: tree.root(),
        };
        drop(tree);
        self.sources.values = false;
        let proven = self.proven_leaves(tip)?;
        let wrong = match &proven {
            Some((_, leaves)) => wrong_leaves(leaves, self.sorted_leaves()?),
            None => None,
        };
        match wrong {
            Some(wrong) => self.report_wrong(tip, wrong)?,
            None => self.lost(Space::Flat, &[], Some(tip.height), fault),
        }
        Ok(proven.map(|(tree, _)| tree))
    }

    /// The tree of the tip with its leaves, ascending, as the stored pages prove them, if they do.
    fn proven_leaves(&self, tip: &Tip) -> Result<Option<(Tree, Vec<Leaf>)>, StateError> {
        let mark = match read_mark(self.storage) {
            Ok(Some(mark)) if mark.height <= tip.height => mark,
            Ok(_) | Err(StateError::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(changed) = self.changed_since(mark.height, tip)? else {
            return Ok(None);
        };
        let Some(mut leaves) = stored_leaves(self.storage, &mark.top(), self.hasher)? else {
            return Ok(None);
        };
        leaves.retain(|(path, _)| !changed.contains_key(path));
        let present = |(path, value_hash): (Hash, Option<Hash>)| Some((path, value_hash?));
        leaves.extend(changed.into_iter().filter_map(present));
        leaves.sort_unstable();
        let tree = Tree::from_leaves(leaves.clone(), self.hasher)?;
        Ok((tree.root() == tip.state_root).then_some((tree, leaves)))
    }

    /// What the values say of the keys that the blocks above a height have changed; none where that is not stored.
    fn changed_since(
        &self,
        height: BlockHeight,
        tip: &Tip,
    ) -> Result<Option<BTreeMap<Hash, Option<Hash>>>, StateError> {
        let mut changed = BTreeMap::new();
        for height in (height.0.saturating_add(1)..=tip.height.0).map(BlockHeight) {
            let diff = keys::stored(self.storage, Space::Rev, height);
            let diff = match diff.and_then(|bytes| decode_diff(height, &bytes)) {
                Ok(diff) => diff,
                Err(StateError::Damaged { .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
            for (key, _) in diff.entries() {
                if let Entry::Vacant(vacant) = changed.entry(tree::path_of(key.as_bytes())) {
                    let value = self.storage.get(Space::Flat, key.as_bytes())?;
                    vacant.insert(value.as_deref().map(tree::value_hash));
                }
            }
        }
        Ok(Some(changed))
    }

    fn sorted_leaves(&self) -> Result<Vec<Leaf>, StateError> {
        let mut leaves = all_leaves(self.storage, self.hasher)?;
        leaves.sort_unstable();
        Ok(leaves)
    }

    /// Says of each wrong value what must be there, and restores it where it is found again.
    fn report_wrong(&mut self, tip: &Tip, mut wrong: AllWrong) -> Result<(), StateError> {
        self.find_keys(&mut wrong)?;
        self.find_again(&mut wrong)?;
        let height = Some(tip.height);
        for (path, wrong) in wrong {
            let fault = match (wrong.expected, wrong.found) {
                (None, _) => Fault::Stray,
                (Some(_), None) => Fault::Missing,
                (Some(expected), Some(found)) => Fault::WrongHash {
                    of: "value hash",
                    expected,
                    found,
                },
            };
            let again = wrong.again.map(|again| self.earlier_value(&again));
            match (wrong.key, wrong.expected, again.transpose()?.flatten()) {
                (Some(key), None, _) => {
                    self.rebuildable((Space::Flat, key, None), height, fault)?
                }
                (Some(key), Some(_), value @ Some(_)) => {
                    self.rebuildable((Space::Flat, key, value), height, fault)?;
                }
                (Some(key), Some(_), None) => self.lost(Space::Flat, &key, height, fault),
                (None, expected, _) => {
                    let value_hash = expected.unwrap_or_default();
                    let fault = Fault::MissingLeaf { path, value_hash };
                    self.lost(Space::Flat, &[], height, fault);
                }
            }
        }
        Ok(())
    }

    /// Finds the keys of wrong values among those that have one.
    fn find_keys(&self, wrong: &mut AllWrong) -> Result<(), StateError> {
        self.storage.scan(Space::Flat, &[], &mut |key, _| {
            if let Some(wrong) = wrong.get_mut(&tree::path_of(key)) {
                wrong.key = Some(key.to_vec());
            }
            ControlFlow::Continue(())
        })
    }

    /// Finds the keys of missing values, and values, among earlier ones.
    fn find_again(&self, wrong: &mut AllWrong) -> Result<(), StateError> {
        let mut last: (Vec<u8>, Hash) = Default::default();
        self.storage.scan(Space::Hist, &[], &mut |key, earlier| {
            let Some((raw_key, _)) = keys::read_hist_key(key) else {
                return ControlFlow::Continue(());
            };
            if last.0 != raw_key {
                let path = tree::path_of(&raw_key);
                last = (raw_key, path);
            }
            let Some(wrong) = wrong.get_mut(&last.1) else {
                return ControlFlow::Continue(());
            };
            if wrong.key.is_none() {
                wrong.key = Some(last.0.clone());
            }
            let value = decode_old(earlier.to_vec()).ok().flatten();
            let value_hash = value.as_deref().map(tree::value_hash);
            if value_hash.is_some() && value_hash == wrong.expected {
                wrong.again = Some(key.to_vec());
            }
            ControlFlow::Continue(())
        })
    }

    fn earlier_value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let earlier = self.storage.get(Space::Hist, key)?;
        Ok(earlier.and_then(|earlier| decode_old(earlier).ok()?))
    }
}

/// Where two lists of leaves, both ascending, differ; none where they do so in too many places.
fn wrong_leaves(expected: &[Leaf], found: Vec<Leaf>) -> Option<AllWrong> {
    let mut wrong = AllWrong::new();
    let mut found = found.into_iter().peekable();
    let mut differ = |path, expected, found| {
        if expected != found {
            let different = Wrong {
                expected,
                found,
                ..Wrong::default()
            };
            wrong.insert(path, different);
        }
        wrong.len() <= MAX_WRONG_VALUES
    };
    for &(path, value_hash) in expected {
        while let Some((stray, stray_hash)) = found.next_if(|(found, _)| *found < path) {
            differ(stray, None, Some(stray_hash)).then_some(())?;
        }
        let here = found.next_if(|(found, _)| *found == path);
        differ(path, Some(value_hash), here.map(|(_, hash)| hash)).then_some(())?;
    }
    for (stray, stray_hash) in found {
        differ(stray, None, Some(stray_hash)).then_some(())?;
    }
    Some(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(path: u8, value: u8) -> Leaf {
        (Hash([path; 32]), Hash([value; 32]))
    }

    #[test]
    fn leaves_differ_where_one_is_missing_another_or_too_many() {
        let expected = [leaf(2, 1), leaf(4, 1), leaf(6, 1)];
        let found = vec![leaf(1, 7), leaf(4, 2), leaf(6, 1), leaf(9, 7)];
        let wrong = wrong_leaves(&expected, found).unwrap();
        let told: Vec<_> = wrong
            .iter()
            .map(|(path, wrong)| {
                let byte = |hash: Option<Hash>| hash.map(|hash| hash.0[0]);
                (path.0[0], byte(wrong.expected), byte(wrong.found))
            })
            .collect();
        assert_eq!(
            told,
            [
                (1, None, Some(7)),
                (2, Some(1), None),
                (4, Some(1), Some(2)),
                (9, None, Some(7))
            ]
        );
        assert!(
            wrong_leaves(&expected, expected.to_vec())
                .unwrap()
                .is_empty()
        );
        assert_eq!(wrong_leaves(&[], Vec::new()).unwrap().len(), 0);
    }

    #[test]
    fn too_many_wrong_leaves_are_not_listed() {
        let leaves = |count: u32| -> Vec<Leaf> {
            let path = |number: u32| {
                let mut path = Hash::ZERO;
                path.0[..4].copy_from_slice(&number.to_be_bytes());
                (path, Hash::ZERO)
            };
            (0..count).map(path).collect()
        };
        let limit = u32::try_from(MAX_WRONG_VALUES).unwrap();
        let wrong = wrong_leaves(&[], leaves(limit)).unwrap();
        assert_eq!(wrong.len(), MAX_WRONG_VALUES);
        assert!(wrong_leaves(&[], leaves(limit + 1)).is_none());
    }
}
