//! The raw keys of the state.
//!
//! Purpose: one flat key space, parted by its first byte. A raw key is what is stored and proven; its path in the tree
//! is [`tree::path_of`](crate::tree::path_of).

use core::fmt;

use crate::{Address, hash::fmt_hex};

/// The first byte of a raw key: which part of the state it belongs to. The values are frozen.
mod space {
    pub(super) const ACCOUNT: u8 = 0x00;
    pub(super) const STORAGE: u8 = 0x01;
    pub(super) const PARAMS: u8 = 0x03;
}

/// A raw state key: at most [`MAX_RAW_KEY_BYTES`](crate::limits::MAX_RAW_KEY_BYTES) bytes, ordered bytewise.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawKey(Vec<u8>);

impl RawKey {
    /// The key of an account: `0x00 ‖ address`, 33 bytes; its value is an encoded [`Account`](crate::Account).
    #[must_use]
    pub fn account(address: &Address) -> Self {
        let mut bytes = Vec::with_capacity(33);
        bytes.push(space::ACCOUNT);
        bytes.extend_from_slice(address.as_bytes());
        Self(bytes)
    }

    /// Whose account it is the key of, if it is one.
    #[must_use]
    pub fn account_address(&self) -> Option<Address> {
        let (&space, address) = self.0.split_first()?;
        let address = address.try_into().ok()?;
        (space == space::ACCOUNT).then(|| Address::from_bytes(address))
    }

    /// The key of a contract's storage slot: `0x01 ‖ address ‖ key`; its value is what the contract stored.
    ///
    /// Keys above [`MAX_STORAGE_KEY_BYTES`](crate::limits::MAX_STORAGE_KEY_BYTES) are refused where contracts name them.
    #[must_use]
    pub fn storage(contract: &Address, key: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(key.len().saturating_add(33));
        bytes.push(space::STORAGE);
        bytes.extend_from_slice(contract.as_bytes());
        bytes.extend_from_slice(key);
        Self(bytes)
    }

    /// Whose slot it is the key of and under which key, if it is one.
    #[must_use]
    pub fn storage_slot(&self) -> Option<(Address, &[u8])> {
        let (&space, rest) = self.0.split_first()?;
        let (address, key) = rest.split_first_chunk::<32>()?;
        (space == space::STORAGE).then(|| (Address::from_bytes(*address), key))
    }

    /// The first key of an account that there could be; all of them follow each other.
    #[must_use]
    pub fn first_account() -> Self {
        Self(vec![space::ACCOUNT])
    }

    /// The key of the chain parameters: `0x03`; its value is an encoded [`ChainParams`](crate::ChainParams).
    #[must_use]
    pub fn params() -> Self {
        Self(vec![space::PARAMS])
    }

    /// Any bytes as a key. The state stores what it is given; only the engine gives keys a meaning.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for RawKey {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for RawKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_hex(&self.0, f)
    }
}

impl fmt::Display for RawKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_hex(&self.0, f)
    }
}
