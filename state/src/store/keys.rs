//! How heights and positions stand in keys and values: big-endian, so that they order bytewise.

use ordlane_primitives::BlockHeight;

use crate::StateError;

/// The one format of a store that this release reads and writes.
pub const FORMAT_VERSION: u32 = 1;

/// The key in `meta` of the format version: 4 bytes, little-endian.
pub(super) const FORMAT: &[u8] = b"format";
/// The key in `meta` of the tip.
pub(super) const TIP: &[u8] = b"tip";
/// The key in `meta` of the mark of the tree's pages.
pub(super) const PAGES: &[u8] = b"pages";

pub(super) const fn height_key(height: BlockHeight) -> [u8; 8] {
    height.0.to_be_bytes()
}

pub(super) fn read_height(bytes: &[u8]) -> Result<BlockHeight, StateError> {
    bytes
        .try_into()
        .map(|bytes| BlockHeight(u64::from_be_bytes(bytes)))
        .map_err(|_| StateError::damaged("a height is not 8 bytes long"))
}

pub(super) fn position(height: BlockHeight, index: u32) -> Vec<u8> {
    [&height_key(height)[..], &index.to_be_bytes()].concat()
}

pub(super) fn read_position(bytes: &[u8]) -> Result<(BlockHeight, u32), StateError> {
    bytes
        .split_first_chunk::<8>()
        .and_then(|(height, index)| {
            let index = index.try_into().ok()?;
            Some((
                BlockHeight(u64::from_be_bytes(*height)),
                u32::from_be_bytes(index),
            ))
        })
        .ok_or_else(|| StateError::damaged("a transaction's position is not 12 bytes long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_round_trip_and_refuse_other_lengths() {
        let height = BlockHeight(0x0102_0304_0506_0708);
        let bytes = position(height, 9);
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9]);
        assert_eq!(read_position(&bytes).unwrap(), (height, 9));
        assert_eq!(read_height(&bytes[..8]).unwrap(), height);
        for length in [0, 7, 8, 11] {
            assert!(read_position(&bytes[..length]).is_err());
        }
        assert!(read_height(&bytes).is_err());
    }
}
