//! Canonical borsh.
//!
//! Purpose: the one way in which values become bytes and bytes become values.
//!
//! Invariants: `decode(bytes)` succeeds only when `encode` gives the same bytes back, and nothing is left over; a length
//! is compared with its limit before anything is allocated; an error names the value, the offset and the cause. The
//! layout is borsh: integers little-endian, lengths `u32`, enum discriminants one byte.

use std::io::{self, Read as _};

use borsh::{BorshDeserialize, BorshSerialize};

/// Why bytes are not a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}: {cause}")]
pub struct DecodeError {
    /// The value that was being decoded.
    pub what: &'static str,
    /// How many bytes had been read when the fault was seen.
    pub offset: usize,
    /// What was wrong there.
    #[source]
    pub cause: DecodeCause,
}

/// What was wrong with the bytes at an offset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeCause {
    /// The input ends before the value does.
    #[error("the input ends before the value does")]
    Truncated,
    /// Bytes follow the value.
    #[error("{count} bytes follow the value")]
    TrailingBytes {
        /// How many bytes are left over.
        count: usize,
    },
    /// The whole input is shorter than any value of this type (`MalformedTransaction` for a transaction).
    #[error("the input has {size} bytes, at least {limit} are needed")]
    Undersized {
        /// Bytes of input.
        size: usize,
        /// The smallest size allowed.
        limit: usize,
    },
    /// The whole input is longer than allowed (`OversizedTransaction` for a transaction).
    #[error("the input has {size} bytes, at most {limit} are allowed")]
    Oversized {
        /// Bytes of input.
        size: usize,
        /// The largest size allowed.
        limit: usize,
    },
    /// A length is above its limit.
    #[error("{field} has length {length}, at most {limit} are allowed")]
    LengthAboveLimit {
        /// The field whose length it is.
        field: &'static str,
        /// The length that the input claims.
        length: usize,
        /// The largest length allowed.
        limit: usize,
    },
    /// A discriminant that no version of the protocol has defined.
    #[error("{field} has the unknown discriminant {value}")]
    UnknownDiscriminant {
        /// The field it stands in.
        field: &'static str,
        /// The byte that was read.
        value: u8,
    },
    /// A transaction kind whose discriminant is reserved, but which this version does not execute.
    #[error("transaction kind {value} ({name}) is reserved and not supported by this version")]
    UnsupportedKind {
        /// The discriminant.
        value: u8,
        /// The kind's name.
        name: &'static str,
    },
    /// The tag of a signature scheme that this version does not know.
    #[error("signature scheme {value} is not supported by this version")]
    UnsupportedScheme {
        /// The tag.
        value: u8,
    },
    /// A format version that is not supported.
    #[error("{field} has version {value}, which is not supported")]
    UnsupportedVersion {
        /// What carries the version.
        field: &'static str,
        /// The version that was read.
        value: u16,
    },
    /// The bytes could be read, but the value has another, canonical encoding or breaks a rule of form.
    #[error("{field} is not canonical: {rule}")]
    NotCanonical {
        /// The field in question.
        field: &'static str,
        /// The rule that it breaks.
        rule: &'static str,
    },
}

impl DecodeError {
    /// The stable code of this error, as for a transaction.
    #[must_use]
    pub const fn code(&self) -> crate::ErrorCode {
        use crate::ErrorCode;
        match self.cause {
            DecodeCause::Undersized { .. } => ErrorCode::MalformedTransaction,
            DecodeCause::Oversized { .. } => ErrorCode::OversizedTransaction,
            DecodeCause::UnsupportedVersion { .. } => ErrorCode::UnsupportedVersion,
            DecodeCause::UnsupportedKind { .. } => ErrorCode::UnsupportedKind,
            DecodeCause::UnsupportedScheme { .. } => ErrorCode::UnsupportedScheme,
            _ => ErrorCode::InvalidFormat,
        }
    }
}

impl From<DecodeCause> for io::Error {
    fn from(cause: DecodeCause) -> Self {
        Self::new(io::ErrorKind::InvalidData, cause)
    }
}

/// A value with a canonical encoding of its own, as opposed to a part of one.
pub trait Canonical: BorshSerialize + BorshDeserialize {
    /// The name that errors use.
    const NAME: &'static str;
    /// The smallest encoding in bytes.
    const MIN_BYTES: usize;
    /// The largest encoding in bytes.
    const MAX_BYTES: usize;
}

/// The canonical bytes of a value.
#[must_use]
pub fn encode<T: BorshSerialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a vector fails only when a collection is longer than u32::MAX, which every bounded type excludes.
    let written = value.serialize(&mut bytes);
    debug_assert!(written.is_ok(), "a bounded value has an encoding");
    bytes
}

/// The value that these bytes, all of them, are the encoding of.
///
/// # Errors
/// [`DecodeError`] when the size is out of bounds, the input ends early or goes on too long, a length is above its
/// limit, or a field is not canonical.
pub fn decode<T: Canonical>(bytes: &[u8]) -> Result<T, DecodeError> {
    let fail = |offset, cause| {
        Err(DecodeError {
            what: T::NAME,
            offset,
            cause,
        })
    };
    if bytes.len() < T::MIN_BYTES {
        return fail(
            0,
            DecodeCause::Undersized {
                size: bytes.len(),
                limit: T::MIN_BYTES,
            },
        );
    }
    if bytes.len() > T::MAX_BYTES {
        return fail(
            0,
            DecodeCause::Oversized {
                size: bytes.len(),
                limit: T::MAX_BYTES,
            },
        );
    }
    let mut rest = bytes;
    let decoded = T::deserialize(&mut rest);
    let offset = bytes.len().saturating_sub(rest.len());
    match decoded {
        Err(error) => fail(offset, cause_of(error)),
        Ok(_) if !rest.is_empty() => fail(offset, DecodeCause::TrailingBytes { count: rest.len() }),
        Ok(value) => Ok(value),
    }
}

/// Our own causes travel inside `io::Error`. Borsh itself decodes only integers and arrays of them here, which fail in
/// no other way than by a short read.
fn cause_of(error: io::Error) -> DecodeCause {
    match error
        .into_inner()
        .map(|inner| inner.downcast::<DecodeCause>())
    {
        Some(Ok(cause)) => *cause,
        _ => DecodeCause::Truncated,
    }
}

/// A vector whose length is bounded, in memory and before allocation when it is decoded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bounded<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Bounded<T, MAX> {
    /// The largest length.
    pub const MAX: usize = MAX;

    /// A bounded vector.
    ///
    /// # Errors
    /// [`DecodeCause::LengthAboveLimit`] when there are more than `MAX` items.
    pub fn new(items: Vec<T>) -> Result<Self, DecodeCause> {
        check_length("list", items.len(), MAX)?;
        Ok(Self(items))
    }

    /// The items, unbounded.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for Bounded<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> core::ops::Deref for Bounded<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const MAX: usize> IntoIterator for &'a Bounded<T, MAX> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: BorshSerialize, const MAX: usize> BorshSerialize for Bounded<T, MAX> {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        self.0.serialize(writer)
    }
}

impl<T: BorshDeserialize, const MAX: usize> BorshDeserialize for Bounded<T, MAX> {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let length = read_length(reader, "list", MAX)?;
        read_items(reader, length).map(Self)
    }
}

/// A byte string whose length is bounded, in memory and before allocation when it is decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoundedBytes<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> BoundedBytes<MAX> {
    /// The largest length in bytes.
    pub const MAX: usize = MAX;

    /// A bounded byte string.
    ///
    /// # Errors
    /// [`DecodeCause::LengthAboveLimit`] when there are more than `MAX` bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, DecodeCause> {
        check_length("bytes", bytes.len(), MAX)?;
        Ok(Self(bytes))
    }

    /// The bytes, unbounded.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

impl<const MAX: usize> core::ops::Deref for BoundedBytes<MAX> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> BorshSerialize for BoundedBytes<MAX> {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        self.0.serialize(writer)
    }
}

impl<const MAX: usize> BorshDeserialize for BoundedBytes<MAX> {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let length = read_length(reader, "bytes", MAX)?;
        read_bytes(reader, length).map(Self)
    }
}

/// Reads a `u32` length and compares it with its limit.
pub(crate) fn read_length<R: io::Read>(
    reader: &mut R,
    field: &'static str,
    limit: usize,
) -> io::Result<usize> {
    let length = u32::deserialize_reader(reader)? as usize;
    check_length(field, length, limit)?;
    Ok(length)
}

/// Reads `length` items. What is allocated grows with what was read, never with what was claimed.
pub(crate) fn read_items<T: BorshDeserialize, R: io::Read>(
    reader: &mut R,
    length: usize,
) -> io::Result<Vec<T>> {
    let mut items = Vec::new();
    for _ in 0..length {
        items.push(T::deserialize_reader(reader)?);
    }
    Ok(items)
}

/// What is allocated for a byte string on its length alone.
const READ_AHEAD_BYTES: usize = 1024;

/// Reads `length` bytes. Beyond a small first piece, what is allocated grows with what was read.
pub(crate) fn read_bytes<R: io::Read>(reader: &mut R, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length.min(READ_AHEAD_BYTES));
    let read = reader
        .by_ref()
        .take(length as u64)
        .read_to_end(&mut bytes)?;
    if read == length {
        Ok(bytes)
    } else {
        Err(DecodeCause::Truncated.into())
    }
}

/// Reads an optional value: a flag byte, 0 or 1, then the value if it is 1.
pub(crate) fn read_option<T: BorshDeserialize, R: io::Read>(
    reader: &mut R,
    field: &'static str,
) -> io::Result<Option<T>> {
    match u8::deserialize_reader(reader)? {
        0 => Ok(None),
        1 => T::deserialize_reader(reader).map(Some),
        _ => Err(DecodeCause::NotCanonical {
            field,
            rule: "its flag is 0 or 1",
        }
        .into()),
    }
}

fn check_length(field: &'static str, length: usize, limit: usize) -> Result<(), DecodeCause> {
    if length > limit {
        Err(DecodeCause::LengthAboveLimit {
            field,
            length,
            limit,
        })
    } else {
        Ok(())
    }
}
