//! How heights, positions and raw keys stand in keys and values: so that they order bytewise.

use ordlane_primitives::{BlockHeight, TxId, limits::MAX_RAW_KEY_BYTES};

use super::EventPosition;
use crate::{Space, StateError, Storage};

/// The one format of a store that this release reads and writes.
pub const FORMAT_VERSION: u32 = 2;

/// The key in `meta` of the format version: 4 bytes, little-endian.
pub(crate) const FORMAT: &[u8] = b"format";
/// The key in `meta` of the tip.
pub(crate) const TIP: &[u8] = b"tip";
/// The key in `meta` of the mark of the tree's pages.
pub(super) const PAGES: &[u8] = b"pages";
/// The key in `meta` of the first block that is kept whole; absent while all are.
pub(super) const HORIZON: &[u8] = b"horizon";
/// The key in `meta` of the first block of which something is left to prune, or which is kept.
pub(super) const PRUNED: &[u8] = b"pruned";
/// The key in `meta` of the block of the snapshot that the store began with; absent where it began with its genesis.
pub(super) const BASE: &[u8] = b"base";
/// The key in `meta` of the snapshot that is being restored.
pub(super) const RESTORE: &[u8] = b"restore";
/// The key in `meta` of the first block that an upgrade has not done yet.
pub(super) const UPGRADED: &[u8] = b"upgraded";

/// Every key in `meta`. What else stands there belongs to nothing.
pub(super) const META: [&[u8]; 8] = [FORMAT, TIP, PAGES, HORIZON, PRUNED, UPGRADED, BASE, RESTORE];

pub(super) const fn height_key(height: BlockHeight) -> [u8; 8] {
    height.0.to_be_bytes()
}

pub(super) fn read_height(bytes: &[u8]) -> Result<BlockHeight, StateError> {
    bytes
        .try_into()
        .map(|bytes| BlockHeight(u64::from_be_bytes(bytes)))
        .map_err(|_| StateError::damaged("a height is not 8 bytes long"))
}

/// What a block has in a space; one that lacks it is damage and not an absence.
pub(super) fn stored(
    storage: &dyn Storage,
    space: Space,
    height: BlockHeight,
) -> Result<Vec<u8>, StateError> {
    storage
        .get(space, &height_key(height))?
        .ok_or_else(|| StateError::damaged(format!("block {height} has no entry in {space}")))
}

/// What all keys in `hist` of one raw key begin with. No such prefix begins another one: zero bytes are followed by 255
/// in the key and by 1 at its end. The order is that of the raw keys.
pub(super) fn hist_prefix(raw_key: &[u8]) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(raw_key.len().saturating_add(2 + 8));
    for &byte in raw_key {
        prefix.push(byte);
        if byte == 0 {
            prefix.push(0xff);
        }
    }
    prefix.extend_from_slice(&[0, 1]);
    prefix
}

pub(super) fn hist_key(prefix: &[u8], height: BlockHeight) -> Vec<u8> {
    [prefix, &height_key(height)].concat()
}

/// The raw key and the height in a key of `hist`, if it is one.
pub(super) fn read_hist_key(key: &[u8]) -> Option<(Vec<u8>, BlockHeight)> {
    let (prefix, height) = key.split_last_chunk::<8>()?;
    let escaped = prefix.strip_suffix(&[0, 1])?;
    let mut raw_key = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(&byte) = bytes.next() {
        raw_key.push(byte);
        if byte == 0 && bytes.next() != Some(&0xff) {
            return None;
        }
    }
    let size = 1..=MAX_RAW_KEY_BYTES;
    size.contains(&raw_key.len())
        .then(|| (raw_key, BlockHeight(u64::from_be_bytes(*height))))
}

/// The key in `tx_index`: height and index inverted, so that the last of several transactions with one id is the first.
pub(super) fn tx_key(tx_id: &TxId, height: BlockHeight, index: u32) -> Vec<u8> {
    let (height, index) = (!height.0, !index);
    [&tx_id.0[..], &height.to_be_bytes(), &index.to_be_bytes()].concat()
}

pub(super) fn read_tx_key(key: &[u8]) -> Result<(BlockHeight, u32), StateError> {
    key.split_first_chunk::<32>()
        .and_then(|(_, position)| {
            let (height, index) = position.split_first_chunk::<8>()?;
            let index = index.try_into().ok()?;
            Some((
                BlockHeight(!u64::from_be_bytes(*height)),
                !u32::from_be_bytes(index),
            ))
        })
        .ok_or_else(|| StateError::damaged("a transaction's position is not 12 bytes long"))
}

pub(super) fn event_key(prefix: &[u8], position: EventPosition) -> Vec<u8> {
    [
        prefix,
        &height_key(position.height),
        &position.tx_index.to_be_bytes(),
        &position.event_index.to_be_bytes(),
    ]
    .concat()
}

pub(super) fn read_event_position(bytes: &[u8]) -> Result<EventPosition, StateError> {
    bytes
        .split_first_chunk::<8>()
        .and_then(|(height, rest)| {
            let height = BlockHeight(u64::from_be_bytes(*height));
            Some(read_event_in(height, rest.try_into().ok()?))
        })
        .ok_or_else(|| StateError::damaged("an event's position is not 16 bytes long"))
}

/// The position of an event in a block: index of the transaction, index of the event.
pub(super) const fn read_event_in(height: BlockHeight, bytes: [u8; 8]) -> EventPosition {
    let [a, b, c, d, e, f, g, h] = bytes;
    EventPosition {
        height,
        tx_index: u32::from_be_bytes([a, b, c, d]),
        event_index: u32::from_be_bytes([e, f, g, h]),
    }
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::Hash;
    use proptest::{collection, prelude::*};

    use super::*;

    #[test]
    fn heights_and_positions_round_trip_and_refuse_other_lengths() {
        let height = BlockHeight(0x0102_0304_0506_0708);
        assert_eq!(height_key(height), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(read_height(&height_key(height)).unwrap(), height);
        let key = tx_key(&Hash([7; 32]), height, 9);
        assert_eq!(read_tx_key(&key).unwrap(), (height, 9));
        let position = EventPosition {
            height,
            tx_index: 9,
            event_index: 10,
        };
        let bytes = event_key(&[], position);
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 0, 0, 0, 10]);
        assert_eq!(read_event_position(&bytes).unwrap(), position);
        for length in [0, 7, 8, 15, 31, 32, 43] {
            assert!(read_tx_key(&key[..length]).is_err());
            assert!(length == 8 || read_height(&key[..length]).is_err());
            assert!(length > 16 || read_event_position(&bytes[..length]).is_err());
        }
    }

    #[test]
    fn of_several_transactions_with_one_id_the_last_comes_first() {
        let id = Hash([7; 32]);
        let key = |height, index| tx_key(&id, BlockHeight(height), index);
        let keys = [key(300, 0), key(2, 256), key(2, 1), key(0, 5), key(0, 0)];
        assert!(keys.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn what_is_no_key_of_an_earlier_value_is_not_read_as_one() {
        let key = |prefix: &[u8]| [prefix, &[0; 8]].concat();
        for wrong in [
            key(&[]),
            key(&[0, 1]),
            key(&[7, 0]),
            key(&[7, 0, 0, 1]),
            key(&[7, 0, 7, 0, 1]),
            key(&hist_prefix(&[7; MAX_RAW_KEY_BYTES + 1])),
            vec![0, 1],
        ] {
            assert_eq!(read_hist_key(&wrong), None, "{wrong:02x?}");
        }
        assert!(read_hist_key(&key(&hist_prefix(&[7; MAX_RAW_KEY_BYTES]))).is_some());
    }

    proptest! {
        #[test]
        fn versions_of_one_key_never_stand_among_those_of_another(
            a in collection::vec(prop_oneof![Just(0_u8), Just(1), Just(255), any::<u8>()], 1..6),
            b in collection::vec(prop_oneof![Just(0_u8), Just(1), Just(255), any::<u8>()], 1..6),
            heights in any::<[u64; 2]>(),
        ) {
            let (first, second) = (hist_prefix(&a), hist_prefix(&b));
            prop_assert_eq!(first.starts_with(&second), a == b);
            let first = hist_key(&first, BlockHeight(heights[0]));
            let second = hist_key(&second, BlockHeight(heights[1]));
            prop_assert_eq!(read_hist_key(&first), Some((a.clone(), BlockHeight(heights[0]))));
            prop_assert_eq!(first.cmp(&second), (a, heights[0]).cmp(&(b, heights[1])));
        }
    }
}
