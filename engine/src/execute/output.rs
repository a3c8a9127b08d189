//! What a block leaves behind beside its transactions: receipts, and what it writes to storage.
//!
//! Gas bounds the work of a block and not every byte that must be kept of it: a slot that is deleted costs the same however
//! much it held. What can be committed is bounded here, where transactions are let into the block.

use std::collections::HashMap;

use foldhash::quality::RandomState;
use ordlane_primitives::{
    Receipt,
    limits::{MAX_BLOCK_STATE_BYTES, MAX_RECEIPTS_BYTES},
};

use super::{Field, FieldValue, ParentState};

/// How many bytes there are so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Output {
    receipts: u64,
    state: u64,
}

/// More than a block may leave behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch {
    pub(super) what: &'static str,
    pub(super) bytes: u64,
    pub(super) limit: u64,
}

impl Output {
    /// What there is with one transaction more, `written` being the fields that those below it wrote.
    pub(super) fn with(
        self,
        receipt: &Receipt,
        writes: &[(Field, Option<FieldValue>)],
        written: &HashMap<Field, Option<FieldValue>, RandomState>,
        parent: &ParentState<'_>,
    ) -> Result<Self, TooMuch> {
        let size = |bytes: usize| bytes as u64;
        let mut state = self.state;
        for (field, value) in writes {
            let Field::Slot(slot) = field else { continue };
            let new = match value {
                Some(FieldValue::Bytes(bytes)) => bytes.len(),
                _ => 0,
            };
            // Whoever writes a slot has looked at it, so it is known and nothing is read here.
            let old = match written.contains_key(field) {
                true => 0,
                false => parent.slot(slot).ok().flatten().map_or(0, |old| old.len()),
            };
            let bytes = slot.key.len().saturating_add(old).saturating_add(new);
            state = state.saturating_add(size(bytes));
        }
        let receipts = self.receipts.saturating_add(size(receipt.encoded_len()));
        check("written state", state, MAX_BLOCK_STATE_BYTES)?;
        // The list has four bytes of its own.
        check(
            "receipts",
            receipts.saturating_add(4),
            size(MAX_RECEIPTS_BYTES),
        )?;
        Ok(Self { receipts, state })
    }
}

const fn check(what: &'static str, bytes: u64, limit: u64) -> Result<(), TooMuch> {
    if bytes > limit {
        Err(TooMuch { what, bytes, limit })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ordlane_primitives::{
        Address, Amount, Gas, Hash, ReceiptStatus, ReturnData, codec::Bounded,
    };

    use super::*;
    use crate::{
        SystemError,
        execute::{RawState, SlotKey},
    };

    /// Holds ten bytes under every key.
    #[derive(Debug)]
    struct Ten;

    impl RawState for Ten {
        fn raw_value(
            &self,
            _: &ordlane_primitives::RawKey,
        ) -> Result<Option<Vec<u8>>, SystemError> {
            Ok(Some(vec![0; 10]))
        }

        fn code(&self, _: &Hash) -> Result<Option<Arc<[u8]>>, SystemError> {
            Ok(None)
        }
    }

    fn receipt() -> Receipt {
        Receipt {
            tx_id: Hash::ZERO,
            status: ReceiptStatus::Success,
            gas_used: Gas(0),
            fee: Amount(0),
            events: Bounded::default(),
            return_data: ReturnData::default(),
        }
    }

    fn write(new: Option<usize>) -> (Field, Option<FieldValue>) {
        let slot = SlotKey {
            contract: Address::ZERO,
            key: Box::new([1, 2]),
        };
        let value = new.map(|len| FieldValue::Bytes(vec![0; len].into()));
        (Field::Slot(Arc::new(slot)), value)
    }

    #[test]
    fn the_old_value_counts_once_and_every_new_one() {
        let parent = ParentState::new(Ten, Vec::new());
        let mut written = HashMap::default();
        let first = Output::default()
            .with(&receipt(), &[write(None)], &written, &parent)
            .unwrap();
        assert_eq!(first.state, 2 + 10);
        written.extend([write(None)]);
        let second = first
            .with(&receipt(), &[write(Some(7))], &written, &parent)
            .unwrap();
        assert_eq!(second.state, 2 + 10 + 2 + 7);
        assert_eq!(second.receipts, 2 * receipt().encoded_len() as u64);
    }

    #[test]
    fn what_cannot_be_kept_is_not_let_in() {
        let parent = ParentState::new(Ten, Vec::new());
        let written = HashMap::default();
        let full = Output {
            receipts: 0,
            state: MAX_BLOCK_STATE_BYTES - 12,
        };
        let with =
            |output: Output, writes: &[_]| output.with(&receipt(), writes, &written, &parent);
        assert!(with(full, &[write(None)]).is_ok());
        let too_much = with(full, &[write(Some(1))]).unwrap_err();
        assert_eq!(too_much.bytes, MAX_BLOCK_STATE_BYTES + 1);
        let full = Output {
            receipts: MAX_RECEIPTS_BYTES as u64 - 4,
            state: 0,
        };
        assert_eq!(with(full, &[]).unwrap_err().what, "receipts");
    }
}
