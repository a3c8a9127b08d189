//! What a transaction does. Discriminants are reserved for every kind that the protocol will have; decoding one that
//! does not work yet is a typed error that names it.

use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{
    Address, Amount,
    codec::{BoundedBytes, DecodeCause, read_option},
    limits::{MAX_CODE_BYTES, MAX_CONTRACT_INPUT_BYTES},
};

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

/// The code of a contract: a WebAssembly module.
pub type Code = BoundedBytes<MAX_CODE_BYTES>;

/// What a contract is given when it is called or deployed.
pub type ContractInput = BoundedBytes<MAX_CONTRACT_INPUT_BYTES>;

/// Chooses the address of a contract before it is deployed: 32 bytes.
pub type Salt = [u8; 32];

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
    /// Discriminant 4: makes a contract of `code` and runs its `init`.
    Deploy {
        /// The WebAssembly module.
        code: Code,
        /// What `init` is given.
        init: ContractInput,
        /// With a salt the address is [`Address::of_salted_contract`], without one [`Address::of_contract`] of the
        /// transaction's nonce.
        salt: Option<Salt>,
    },
    /// Discriminant 5: calls a contract.
    Call {
        /// Which one.
        contract: Address,
        /// What it is given.
        input: ContractInput,
        /// What is moved from the sender to it.
        value: Amount,
    },
}

impl TxKind {
    /// The byte that stands first in the encoding.
    #[must_use]
    pub const fn discriminant(&self) -> u8 {
        match self {
            Self::Transfer { .. } => 0,
            Self::Deploy { .. } => 4,
            Self::Call { .. } => 5,
        }
    }

    /// The name in [`KIND_NAMES`].
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Transfer { .. } => "Transfer",
            Self::Deploy { .. } => "ContractDeploy",
            Self::Call { .. } => "ContractCall",
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
            Self::Deploy { code, init, salt } => {
                code.serialize(writer)?;
                init.serialize(writer)?;
                salt.serialize(writer)
            }
            Self::Call {
                contract,
                input,
                value,
            } => {
                contract.serialize(writer)?;
                input.serialize(writer)?;
                value.serialize(writer)
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
            (4, _) => Ok(Self::Deploy {
                code: Code::deserialize_reader(reader)?,
                init: ContractInput::deserialize_reader(reader)?,
                salt: read_option(reader, "salt")?,
            }),
            (5, _) => Ok(Self::Call {
                contract: Address::deserialize_reader(reader)?,
                input: ContractInput::deserialize_reader(reader)?,
                value: Amount::deserialize_reader(reader)?,
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
