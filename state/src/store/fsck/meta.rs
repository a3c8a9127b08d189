//! What the store says about itself: its format, its tip, what was pruned.
//!
//! A tip that cannot be read, or names no block that is there, is found again by its hash or by the witness; nothing is
//! guessed where neither leads to a block.

use ordlane_primitives::{BlockHeader, BlockHeight, codec};

use super::{Check, Fault};
use crate::{
    Space, StateError, Tip, Witness,
    store::{
        FORMAT_VERSION, check_format, header_of, keys,
        recovery::{check_witness, read_format, read_tip},
    },
};

impl Check<'_> {
    /// The tip, as its record, or the witness, leads to it; none where there is none, or none can be found.
    pub(super) fn find_tip(&mut self) -> Result<Option<Tip>, StateError> {
        let format = match read_format(self.storage) {
            Ok(Some(format)) => check_format(format).map(|()| None)?,
            Ok(None) => Some(Fault::Missing),
            Err(StateError::Damaged { .. }) => Some(Fault::Undecodable),
            Err(error) => return Err(error),
        };
        let (recorded, fault) = match read_tip(self.storage) {
            Ok(Some(tip)) => (Some(tip), Fault::Different),
            Ok(None) => (None, Fault::Missing),
            Err(StateError::Damaged { .. }) => (None, Fault::Undecodable),
            Err(error) => return Err(error),
        };
        let witness = self.storage.witness()?;
        let by_hash = recorded.map(|tip| self.tip_by_hash(&tip)).transpose()?;
        let found = match by_hash.flatten() {
            Some(tip) => Some(tip),
            None => self.tip_by_witness(witness)?,
        };
        let Some(tip) = found.or(recorded) else {
            self.check_no_tip(witness, fault)?;
            return Ok(None);
        };
        if recorded != Some(tip) {
            let entry = (Space::Meta, keys::TIP.to_vec(), Some(codec::encode(&tip)));
            self.rebuildable(entry, Some(tip.height), fault)?;
        }
        if let Some(fault) = format {
            let value = FORMAT_VERSION.to_le_bytes().to_vec();
            let entry = (Space::Meta, keys::FORMAT.to_vec(), Some(value));
            self.rebuildable(entry, None, fault)?;
        }
        let header = self.header_at(tip.height)?;
        if let Err(error) = check_witness(witness, Some(&tip), header.as_ref()) {
            self.refused_by_witness(Some(tip.height), &error);
        }
        Ok(Some(tip))
    }

    /// The block with the hash of a recorded tip: at its height, or where the index has it.
    fn tip_by_hash(&self, recorded: &Tip) -> Result<Option<Tip>, StateError> {
        let indexed = self.storage.get(Space::BlockHash, &recorded.block_hash.0)?;
        let indexed = indexed.and_then(|bytes| keys::read_height(&bytes).ok());
        for height in [Some(recorded.height), indexed].into_iter().flatten() {
            let tip = self.header_at(height)?.map(|header| tip_of(&header));
            if let Some(tip) = tip.filter(|tip| tip.block_hash == recorded.block_hash) {
                return Ok(Some(tip));
            }
        }
        Ok(None)
    }

    /// The highest block that the witness allows to be the tip.
    fn tip_by_witness(&self, witness: Witness) -> Result<Option<Tip>, StateError> {
        let (top, bottom) = match witness {
            Witness::Untracked => return Ok(None),
            Witness::Certain(mark) | Witness::Doubtful(mark) => {
                let height = mark.map_or(0, |mark| mark.height.0);
                (mark.map_or(0, |_| height.saturating_add(1)), height)
            }
            Witness::RollingBack { from, to } => (from.height.0, to.height.0),
        };
        for height in (bottom..=top).rev().map(BlockHeight) {
            let Some(header) = self.header_at(height)? else {
                continue;
            };
            let tip = tip_of(&header);
            if check_witness(witness, Some(&tip), Some(&header)).is_ok() {
                return Ok(Some(tip));
            }
        }
        Ok(None)
    }

    /// A store without a tip holds nothing, and nothing was acknowledged.
    fn check_no_tip(&mut self, witness: Witness, fault: Fault) -> Result<(), StateError> {
        if let Err(error) = check_witness(witness, None, None) {
            self.refused_by_witness(None, &error);
            return Ok(());
        }
        let mut is_empty = fault == Fault::Missing;
        for space in Space::ALL {
            let says_nothing = matches!(space, Space::Page | Space::Meta);
            if !says_nothing && self.storage.first_at_or_after(space, &[])?.is_some() {
                is_empty = false;
            }
        }
        if !is_empty {
            self.lost(Space::Meta, keys::TIP, None, fault);
        }
        Ok(())
    }

    fn refused_by_witness(&mut self, height: Option<BlockHeight>, error: &StateError) {
        let reason = error.to_string();
        self.lost(Space::Meta, keys::TIP, height, Fault::Refused { reason });
    }

    /// The header stored at a height, whatever its hash.
    pub(super) fn header_at(&self, height: BlockHeight) -> Result<Option<BlockHeader>, StateError> {
        let bytes = self.storage.get(Space::Block, &keys::height_key(height))?;
        let header = bytes.and_then(|bytes| header_of(&bytes));
        Ok(header.filter(|header| header.number == height))
    }

    /// From which block on more than headers is stored, and from which block on all is kept.
    ///
    /// Where the records do not say, blocks were pruned if they look as pruned ones do: a header, and nothing else.
    pub(super) fn find_limits(&mut self, tip: &Tip) -> Result<(), StateError> {
        let (horizon, pruned) = (self.limit(keys::HORIZON)?, self.limit(keys::PRUNED)?);
        let agree = matches!(
            (&horizon, &pruned),
            (Ok(horizon), Ok(pruned)) if pruned <= horizon && *horizon <= tip.height
        );
        let recorded = *pruned.as_ref().unwrap_or(&BlockHeight::GENESIS);
        self.first = recorded;
        if !agree || self.block_is_bare(recorded)? {
            self.first = self.first_whole(tip)?;
        }
        // A horizon between the first block and the tip is the operator's choice.
        self.horizon = match horizon {
            Ok(horizon) if self.first <= horizon && horizon <= tip.height => horizon,
            _ => self.first,
        };
        for (key, found, expected) in [
            (keys::HORIZON, horizon, self.horizon),
            (keys::PRUNED, pruned, self.first),
        ] {
            let fault = match found {
                Ok(found) if found == expected => continue,
                Ok(_) => Fault::Different,
                Err(fault) => fault,
            };
            let value =
                (expected != BlockHeight::GENESIS).then(|| keys::height_key(expected).to_vec());
            self.rebuildable((Space::Meta, key.to_vec(), value), None, fault)?;
        }
        Ok(())
    }

    /// The height that a record has, or that it stands for by being absent.
    fn limit(&self, key: &[u8]) -> Result<Result<BlockHeight, Fault>, StateError> {
        let found = self.storage.get(Space::Meta, key)?;
        Ok(found.map_or(Ok(BlockHeight::GENESIS), |bytes| {
            keys::read_height(&bytes).map_err(|_| Fault::Undecodable)
        }))
    }

    /// The first block that is not bare.
    fn first_whole(&self, tip: &Tip) -> Result<BlockHeight, StateError> {
        let mut height = BlockHeight::GENESIS;
        while height < tip.height && self.block_is_bare(height)? {
            height = BlockHeight(height.0.saturating_add(1));
        }
        Ok(height)
    }

    /// Whether of a block there is a header and nothing else, as of one that was pruned.
    fn block_is_bare(&self, height: BlockHeight) -> Result<bool, StateError> {
        let key = keys::height_key(height);
        for space in [Space::Rev, Space::Receipts] {
            if self.storage.get(space, &key)?.is_some() {
                return Ok(false);
            }
        }
        let block = self.storage.get(Space::Block, &key)?;
        Ok(block.is_some_and(|bytes| {
            header_of(&bytes).is_some_and(|header| codec::encode(&header) == bytes)
        }))
    }
}

fn tip_of(header: &BlockHeader) -> Tip {
    Tip {
        height: header.number,
        block_hash: header.hash(),
        state_root: header.state_root,
    }
}
