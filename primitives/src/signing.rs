//! Signing, for wallets, proposers and tests. Keys and signing come from ed25519-dalek.

use core::fmt;

use ed25519_dalek::Signer as _;

use crate::{Address, Auth, BlockHeader, Transaction, TransactionPayload};

/// An Ed25519 secret key. It does not print itself.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key of a 32-byte seed (the RFC 8032 private key).
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// The public key, 32 bytes.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The address of the public key.
    #[must_use]
    pub fn address(&self) -> Address {
        Address::of_key(&self.public_key())
    }

    /// Signs a message: `R ‖ S`, 64 bytes, deterministic.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// Signs a payload. Whether the payload's sender is this key's address is the caller's affair; verification checks.
    #[must_use]
    pub fn sign_transaction(&self, payload: TransactionPayload) -> Transaction {
        let signature = self.sign(payload.id().as_bytes());
        Transaction {
            payload,
            auth: Auth::Ed25519 {
                key: self.public_key(),
                signature,
            },
        }
    }

    /// Signs a header's hash, as its proposer.
    #[must_use]
    pub fn sign_header(&self, header: &BlockHeader) -> Auth {
        let signature = self.sign(header.hash().as_bytes());
        Auth::Ed25519 {
            key: self.public_key(),
            signature,
        }
    }
}

#[cfg(test)]
impl SigningKey {
    /// The secret scalar, for tests that make signatures no honest signer would.
    pub(crate) fn expanded_scalar(&self) -> curve25519_dalek::Scalar {
        self.0.to_scalar()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}
