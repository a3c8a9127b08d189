//! Transactions: a payload, which is what is signed, and the signatures that authorise it.
//!
//! Layout: `payload ‖ auth`. The id is a hash of the payload alone, so it stays the same whatever the signatures; it
//! binds chain id, nonce and expiry, and it is the 32-byte message that is signed. The sender is a hash of the key or
//! policy in `auth`, which binds that too.

mod auth;
mod kind;

use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

pub use self::{
    auth::{Auth, IndexedSignature, MultiPolicy, PolicyKeys, PolicySignatures},
    kind::{Code, ContractInput, KIND_NAMES, Salt, TxKind},
};
use crate::{
    Address, Amount, BlockHeight, ChainId, Gas, GasPrice, Nonce,
    codec::{self, BoundedBytes, Canonical, DecodeCause, DecodeError, read_option},
    hash::{Domain, TxId, tagged},
    limits::{MAX_MEMO_BYTES, MAX_TX_BYTES, MIN_TX_BYTES},
};

/// The one transaction version that this release understands.
pub const TX_VERSION: u16 = 1;

/// The canonical bytes of a transaction, signatures included.
pub type TxBytes = Vec<u8>;

/// Free bytes that a sender attaches, charged as data.
pub type Memo = BoundedBytes<MAX_MEMO_BYTES>;

/// What a sender signs.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize)]
pub struct TransactionPayload {
    /// The format's version, [`TX_VERSION`].
    pub version: u16,
    /// The chain on which this is valid.
    pub chain_id: ChainId,
    /// Whose account pays and acts.
    pub sender: Address,
    /// The sender's nonce: exactly the account's current one.
    pub nonce: Nonce,
    /// The most gas that may be used; it is reserved up front.
    pub gas_limit: Gas,
    /// What is paid per unit of gas.
    pub gas_price: GasPrice,
    /// The last height at which this may be included; none for always.
    pub valid_until: Option<BlockHeight>,
    /// What is to be done.
    pub kind: TxKind,
    /// Free bytes.
    pub memo: Memo,
}

impl TransactionPayload {
    /// The transaction's id: the tagged hash of the encoded payload.
    #[must_use]
    pub fn id(&self) -> TxId {
        id_of(&codec::encode(self))
    }

    /// The most that the gas can cost.
    #[must_use]
    pub const fn max_fee(&self) -> Amount {
        self.gas_limit.cost(self.gas_price)
    }
}

impl BorshDeserialize for TransactionPayload {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let version = u16::deserialize_reader(reader)?;
        if version != TX_VERSION {
            return Err(DecodeCause::UnsupportedVersion {
                field: "transaction",
                value: version,
            }
            .into());
        }
        Ok(Self {
            version,
            chain_id: ChainId::deserialize_reader(reader)?,
            sender: Address::deserialize_reader(reader)?,
            nonce: Nonce::deserialize_reader(reader)?,
            gas_limit: Gas::deserialize_reader(reader)?,
            gas_price: GasPrice::deserialize_reader(reader)?,
            valid_until: read_option(reader, "valid_until")?,
            kind: TxKind::deserialize_reader(reader)?,
            memo: Memo::deserialize_reader(reader)?,
        })
    }
}

/// A signed transaction: 64 bytes to 128 KiB when encoded.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Transaction {
    /// What is signed.
    pub payload: TransactionPayload,
    /// Who signed it.
    pub auth: Auth,
}

impl Transaction {
    /// The transaction's id; the signatures do not enter it.
    #[must_use]
    pub fn id(&self) -> TxId {
        self.payload.id()
    }

    /// Decodes a transaction and hashes its payload where it lies, without encoding it again.
    ///
    /// # Errors
    /// As [`codec::decode`].
    pub fn decode_with_id(bytes: &[u8]) -> Result<(Self, TxId), DecodeError> {
        let tx = codec::decode::<Self>(bytes)?;
        let payload_len = bytes.len().saturating_sub(tx.auth.encoded_len());
        let id = id_of(bytes.get(..payload_len).unwrap_or_default());
        Ok((tx, id))
    }
}

impl Canonical for Transaction {
    const NAME: &'static str = "transaction";
    const MIN_BYTES: usize = MIN_TX_BYTES;
    const MAX_BYTES: usize = MAX_TX_BYTES;
}

fn id_of(payload: &[u8]) -> TxId {
    tagged(Domain::TxId, &[payload])
}

#[cfg(test)]
mod tests;
