//! What a store holds, decoded. It was encoded here, so what cannot be decoded is damage.

use ordlane_primitives::codec;

use crate::SystemError;

/// A value of its canonical bytes.
pub(crate) fn decoded<T: codec::Canonical>(
    what: &'static str,
    bytes: &[u8],
) -> Result<T, SystemError> {
    codec::decode(bytes).map_err(|source| SystemError::Corrupt {
        what,
        source: Some(source),
    })
}
