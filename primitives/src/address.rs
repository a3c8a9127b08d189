//! Addresses: hashes of what may act for an account.

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{
    Hash, Nonce,
    hash::{Domain, fmt_hex, parse_hex, tagged},
    transaction::MultiPolicy,
};

/// Thirty-two bytes: `H(domain ‖ kind ‖ descriptor)`, written as 64 lower-case hex digits.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct Address([u8; 32]);

/// What an address is the hash of. The discriminants are frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AddressKind {
    /// An Ed25519 public key; descriptor: its 32 bytes.
    Ed25519Key = 0,
    /// A multi-signature policy; descriptor: its encoding.
    MultiPolicy = 1,
    /// A contract by its creator's nonce; descriptor: creator (32 bytes) ‖ nonce (8, little-endian).
    ContractByNonce = 2,
    /// A contract by a salt; descriptor: creator (32 bytes) ‖ salt (32) ‖ code hash (32).
    ContractBySalt = 3,
    /// A module of the protocol itself; descriptor: its number (4 bytes, little-endian).
    Native = 4,
}

impl Address {
    /// Thirty-two zero bytes. No key hashes to it: what is sent there is out of reach.
    pub const ZERO: Self = Self([0; 32]);

    /// An address from its 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The address's 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The address of an Ed25519 public key (32 bytes).
    #[must_use]
    pub fn of_key(key: &[u8; 32]) -> Self {
        Self::derive(AddressKind::Ed25519Key, &[key])
    }

    /// The address of a multi-signature policy.
    #[must_use]
    pub fn of_policy(policy: &MultiPolicy) -> Self {
        Self::derive(AddressKind::MultiPolicy, &[&crate::codec::encode(policy)])
    }

    /// The address of the contract that `creator` deploys at `nonce`.
    #[must_use]
    pub fn of_contract(creator: &Self, nonce: Nonce) -> Self {
        Self::derive(
            AddressKind::ContractByNonce,
            &[&creator.0, &nonce.0.to_le_bytes()],
        )
    }

    /// The address of the contract that `creator` deploys with a salt, known before it is deployed.
    #[must_use]
    pub fn of_salted_contract(creator: &Self, salt: &[u8; 32], code_hash: &Hash) -> Self {
        Self::derive(
            AddressKind::ContractBySalt,
            &[&creator.0, salt, code_hash.as_bytes()],
        )
    }

    /// The address of a module of the protocol.
    #[must_use]
    pub fn native(module: u32) -> Self {
        Self::derive(AddressKind::Native, &[&module.to_le_bytes()])
    }

    /// The module that moves the native token and emits its events: [`Address::native`] of 1.
    #[must_use]
    pub fn token_module() -> Self {
        Self::native(1)
    }

    fn derive(kind: AddressKind, descriptor: &[&[u8]]) -> Self {
        let kind = [kind as u8];
        let parts: Vec<&[u8]> = core::iter::once(&kind[..])
            .chain(descriptor.iter().copied())
            .collect();
        Self(tagged(Domain::Address, &parts).0)
    }
}

impl From<Address> for Hash {
    /// The same 32 bytes as an event topic.
    fn from(address: Address) -> Self {
        Self(address.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_hex(&self.0, f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_hex(&self.0, f)
    }
}

impl core::str::FromStr for Address {
    type Err = hex::FromHexError;

    /// Reads 64 hex digits, with or without a leading `0x`.
    ///
    /// # Errors
    /// When the text is not exactly 64 hex digits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_hex(text).map(Self)
    }
}
