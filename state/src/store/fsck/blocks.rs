//! The chain, from the tip down: headers by their hashes, bodies and receipts by the roots in the headers, and what the
//! indexes say of each block.
//!
//! Invariant: a header is right when its hash is the one that the block above has of its parent, or the tip's. Below a
//! bad header the chain hangs on nothing; what is there is compared with itself.

use ordlane_primitives::{
    Block, BlockHash, BlockHeader, BlockHeight, Hash, Receipts, codec,
    list::{self, ListKind},
    tree::EMPTY,
};

use super::{Check, CheckStage, Fault, Finding, Severity};
use crate::{
    Space, StateError, Tip, Tree, WriteEntry,
    store::{header_of, index, keys, restore::read_base},
};

impl Check<'_> {
    /// Compares every block. `tree` is that of the tip, if its values are right.
    pub(super) fn check_blocks(
        &mut self,
        tip: &Tip,
        mut tree: Option<Tree>,
    ) -> Result<(), StateError> {
        let mut expected = Some(tip.block_hash);
        let total = tip.height.0.saturating_add(1);
        // Between the genesis block and the first one of a restored store there is nothing.
        let begins = read_base(self.storage).ok().flatten();
        let base = begins.map_or(0, |base| base.min(self.first).0);
        for height in (0..=tip.height.0).rev().map(BlockHeight) {
            if height != BlockHeight::GENESIS && height.0 < base {
                expected = None;
                continue;
            }
            let bytes = self.storage.get(Space::Block, &keys::height_key(height))?;
            let header = self.check_header(height, expected, bytes.as_deref());
            let hash = expected.or_else(|| header.as_ref().map(BlockHeader::hash));
            if let Some(hash) = hash {
                let value = keys::height_key(height).to_vec();
                self.compare((Space::BlockHash, hash.0.to_vec(), Some(value)), height)?;
            }
            if height >= self.first {
                if let (Some(header), Some(bytes)) = (&header, &bytes) {
                    self.check_body(header, bytes)?;
                    self.check_receipts(header)?;
                } else {
                    self.sources.receipts = false;
                }
                // It may have turned out to be one that can only be pruned.
                if height >= self.first {
                    // What the block of a snapshot replaced is not known, whatever is below it.
                    let below = match begins {
                        Some(begins) if begins == height => None,
                        _ => self.root_below(header.as_ref())?,
                    };
                    tree = self.check_diff(height, tree, below)?;
                }
            } else if let (Some(header), Some(bytes)) = (&header, &bytes) {
                self.check_bare(header, bytes)?;
            }
            expected = header.map(|header| header.parent_hash);
            self.report.blocks = self.report.blocks.saturating_add(1);
            self.tell(CheckStage::Blocks, self.report.blocks, Some(total));
        }
        Ok(())
    }

    /// The header in a block's bytes, if it is right.
    fn check_header(
        &mut self,
        height: BlockHeight,
        expected: Option<BlockHash>,
        bytes: Option<&[u8]>,
    ) -> Option<BlockHeader> {
        let header = bytes.and_then(header_of);
        let hash = header.as_ref().map(BlockHeader::hash);
        let fault = match (bytes, &header, hash) {
            (None, ..) => Fault::Missing,
            (_, Some(_), Some(found)) if expected.is_some_and(|expected| expected != found) => {
                Fault::WrongHash {
                    of: "block hash",
                    expected: expected.unwrap_or(found),
                    found,
                }
            }
            (_, Some(header), _) if header.number == height => return Some(header.clone()),
            (_, Some(_), _) => Fault::Different,
            (_, None, _) => Fault::Undecodable,
        };
        self.sources.headers = false;
        let key = keys::height_key(height);
        self.lost(Space::Block, &key, Some(height), fault);
        None
    }

    /// The root of the state below a block, out of its parent's header.
    fn root_below(&self, header: Option<&BlockHeader>) -> Result<Option<Hash>, StateError> {
        let Some(header) = header else {
            return Ok(None);
        };
        let Some(below) = header.number.0.checked_sub(1) else {
            return Ok(Some(EMPTY));
        };
        let parent = self.header_at(BlockHeight(below))?;
        let parent = parent.filter(|parent| parent.hash() == header.parent_hash);
        Ok(parent.map(|parent| parent.state_root))
    }

    /// Compares a block's transactions with its header.
    fn check_body(&mut self, header: &BlockHeader, bytes: &[u8]) -> Result<(), StateError> {
        let fault = match codec::decode::<Block>(bytes) {
            Err(_) => Some(Fault::Undecodable),
            Ok(block) => {
                let transactions = block.transactions.iter().map(Vec::as_slice);
                let found = list::root(ListKind::Transactions, transactions, self.hasher);
                let unauthorised = || block.check_proposer().err().map(|_| Fault::Unauthorised);
                wrong_hash("transactions root", header.transactions_root, found)
                    .or_else(unauthorised)
            }
        };
        fault.map_or(Ok(()), |fault| {
            self.lose(Space::Block, header.number, fault)
        })
    }

    /// Compares a block's receipts with its header, and the indexes with its receipts.
    fn check_receipts(&mut self, header: &BlockHeader) -> Result<(), StateError> {
        let height = header.number;
        let bytes = self
            .storage
            .get(Space::Receipts, &keys::height_key(height))?;
        let receipts = match bytes.map(|bytes| codec::decode::<Receipts>(&bytes)) {
            None => Err(Fault::Missing),
            Some(Err(_)) => Err(Fault::Undecodable),
            Some(Ok(receipts)) => match self.receipts_fault(header, &receipts) {
                None => Ok(receipts),
                Some(fault) => Err(fault),
            },
        };
        match receipts {
            Ok(receipts) => index::entries(height, &receipts)
                .into_iter()
                .try_for_each(|entry| self.compare(entry, height)),
            Err(fault) => {
                self.sources.receipts = false;
                self.lose(Space::Receipts, height, fault)
            }
        }
    }

    fn receipts_fault(&self, header: &BlockHeader, receipts: &Receipts) -> Option<Fault> {
        let leaves = receipts
            .iter()
            .map(|receipt| ListKind::Receipts.leaf(&codec::encode(receipt)))
            .collect();
        let found = list::root_of_leaves(leaves, self.hasher);
        let events = || {
            let leaves = (0_u32..)
                .zip(receipts.iter())
                .flat_map(|(index, receipt)| {
                    let of = move |event| ListKind::Events.leaf(&list::event_item(index, event));
                    receipt.events.iter().map(of)
                })
                .collect();
            let found = list::root_of_leaves(leaves, self.hasher);
            wrong_hash("events root", header.events_root, found)
        };
        wrong_hash("receipts root", header.receipts_root, found).or_else(events)
    }

    /// Of a pruned block only its header stays.
    fn check_bare(&mut self, header: &BlockHeader, bytes: &[u8]) -> Result<(), StateError> {
        let bare = codec::encode(header);
        if bare == bytes {
            return Ok(());
        }
        let key = keys::height_key(header.number).to_vec();
        self.report.add(Finding {
            severity: Severity::Stray,
            fault: Fault::Different,
            space: Space::Block,
            key: key.clone(),
            height: Some(header.number),
        });
        self.fix((Space::Block, key, Some(bare)))
    }

    /// Compares an entry that follows from a block.
    pub(super) fn compare(
        &mut self,
        (space, key, expected): WriteEntry,
        height: BlockHeight,
    ) -> Result<(), StateError> {
        let found = self.storage.get(space, &key)?;
        let is_there = found.is_some();
        let fault = match found {
            // Pruning removes what a block has bit by bit, beginning with what follows from the rest.
            None if self.is_being_pruned(height) => return Ok(()),
            None => Some(Fault::Missing),
            found if found != expected => Some(Fault::Different),
            _ => None,
        };
        if is_there || self.fixes.is_some() {
            self.derived(space);
        }
        match fault {
            Some(fault) => self.rebuildable((space, key, expected), Some(height), fault),
            None => Ok(()),
        }
    }

    fn is_being_pruned(&self, height: BlockHeight) -> bool {
        height == self.first && height < self.horizon
    }

    /// Another entry of a space follows from a block.
    pub(super) fn derived(&mut self, space: Space) {
        if let Some(count) = self.sources.derived.get_mut(space as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// What a block has is lost. Below the horizon nobody asks for it: there it can be pruned, with all below.
    pub(super) fn lose(
        &mut self,
        space: Space,
        height: BlockHeight,
        fault: Fault,
    ) -> Result<(), StateError> {
        if height >= self.horizon {
            self.lost(space, &keys::height_key(height), Some(height), fault);
            return Ok(());
        }
        self.report.add(Finding {
            severity: Severity::Rebuildable,
            fault,
            space,
            key: keys::height_key(height).to_vec(),
            height: Some(height),
        });
        self.first = BlockHeight(height.0.saturating_add(1)).max(self.first);
        let pruned = keys::height_key(self.first).to_vec();
        self.fix((Space::Meta, keys::PRUNED.to_vec(), Some(pruned)))
    }
}

fn wrong_hash(of: &'static str, expected: Hash, found: Hash) -> Option<Fault> {
    (expected != found).then_some(Fault::WrongHash {
        of,
        expected,
        found,
    })
}
