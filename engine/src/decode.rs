//! Stage 1: bytes become transactions. Needs neither keys nor state.

use ordlane_primitives::{Transaction, TxBytes, TxId, codec::DecodeError};

/// A transaction in canonical form, of which nothing else is known yet.
#[derive(Clone, Debug)]
pub struct Decoded {
    pub(crate) tx: Transaction,
    pub(crate) id: TxId,
    pub(crate) bytes: TxBytes,
}

impl Decoded {
    /// Decodes the canonical bytes of one transaction.
    ///
    /// # Errors
    /// [`DecodeError`], which names what is wrong and where.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (tx, id) = Transaction::decode_with_id(bytes)?;
        Ok(Self {
            tx,
            id,
            bytes: bytes.to_vec(),
        })
    }

    /// The transaction.
    #[must_use]
    pub const fn transaction(&self) -> &Transaction {
        &self.tx
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &TxId {
        &self.id
    }
}
