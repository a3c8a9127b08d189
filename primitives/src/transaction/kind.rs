//! What a transaction does. Discriminants are reserved for every kind that the protocol will have; decoding one that
//! does not work yet is a typed error that names it.

use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{Address, Amount, codec::DecodeCause};

/// The names of all kinds, at the position of their discriminant.
pub const KIND_NAMES: [&str; 9] = [
    "Transfer",
    "Stake",
    "Unstake",
    "ComputeSubmit",
    "ContractDeploy",
    "ContractCall",
    "ComputeRequest",
    "ProviderRegister",
    "ProviderRetire",
];

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TxKind {
    /// Discriminant 0: moves `amount` from the sender to `to`.
    Transfer {
        /// Who receives; the account need not exist.
        to: Address,
        /// How much.
        amount: Amount,
    },
}

impl TxKind {
    /// The byte that stands first in the encoding.
    #[must_use]
    pub const fn discriminant(&self) -> u8 {
        match self {
            Self::Transfer { .. } => 0,
        }
    }
}

impl BorshSerialize for TxKind {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        self.discriminant().serialize(writer)?;
        match self {
            Self::Transfer { to, amount } => {
                to.serialize(writer)?;
                amount.serialize(writer)
            }
        }
    }
}

impl BorshDeserialize for TxKind {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let value = u8::deserialize_reader(reader)?;
        match (value, KIND_NAMES.get(usize::from(value))) {
            (0, _) => Ok(Self::Transfer {
                to: Address::deserialize_reader(reader)?,
                amount: Amount::deserialize_reader(reader)?,
            }),
            (_, Some(name)) => Err(DecodeCause::UnsupportedKind { value, name }.into()),
            (_, None) => Err(DecodeCause::UnknownDiscriminant {
                field: "transaction kind",
                value,
            }
            .into()),
        }
    }
}
