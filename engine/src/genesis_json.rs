//! The genesis as a JSON document that people write; `docs/GENESIS.md` has the schema.
//!
//! Invariant: a document has one meaning. What is not known, said twice, or not exact in every reader of JSON is refused,
//! and the stated supply must be the sum of the balances. Source: seed specification, section 9.

use ordlane_primitives::{
    Address, Amount, ChainId, ChainParams, Code, Gas, GasPrice, Genesis, GenesisAccount,
    GenesisContract, GenesisError, GenesisSlot, TimestampMs,
    codec::{Bounded, BoundedBytes, DecodeCause},
};
use serde::{Deserialize, Serialize};

use self::form::{Decimal, Object, Rule};

mod form;
#[cfg(test)]
mod tests;

/// Largest genesis document in bytes (256 MiB, some two million accounts). A larger genesis has the binary form only.
pub const MAX_GENESIS_JSON_BYTES: usize = 256 * 1024 * 1024;

/// Why a document is not a genesis.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisJsonError {
    /// The document is longer than any may be; nothing of it was read.
    #[error("{bytes} bytes, at most {MAX_GENESIS_JSON_BYTES} are allowed")]
    TooLarge {
        /// How long it is.
        bytes: usize,
    },
    /// It is not JSON, or not of the schema: a field is unknown, missing, there twice, or of another form.
    #[error("the document is not of the schema")]
    Schema(#[source] serde_json::Error),
    /// An address is not 64 hex digits.
    #[error("the address of account number {position} is not one")]
    Address {
        /// The account's position in the list, from 0.
        position: usize,
        /// What is wrong with it.
        #[source]
        source: <Address as core::str::FromStr>::Err,
    },
    /// The address, the code or the storage of a contract is not in hex digits.
    #[error("the {field} of contract number {position} is not in hex digits")]
    Contract {
        /// The contract's position in the list, from 0.
        position: usize,
        /// Which part of it.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        source: hex::FromHexError,
    },
    /// The code or the storage of a contract is above its limit.
    #[error("the {field} of contract number {position} is too large")]
    ContractSize {
        /// The contract's position in the list, from 0.
        position: usize,
        /// Which part of it.
        field: &'static str,
        /// By how much.
        #[source]
        source: DecodeCause,
    },
    /// The document says well what cannot be.
    #[error("no chain can begin like this")]
    Genesis(#[from] GenesisError),
    /// The stated supply is not the sum of all balances.
    #[error("total_supply is {stated}, the balances together are {sum}")]
    WrongSupply {
        /// What the document states.
        stated: Amount,
        /// All balances together.
        sum: Amount,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GenesisJson {
    params: Object<ParamsJson>,
    timestamp_ms: Decimal<u64>,
    total_supply: Decimal<u128>,
    accounts: Vec<Object<AccountJson>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    contracts: Vec<Object<ContractJson>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParamsJson {
    chain_id: Decimal<u64>,
    protocol_version: u16,
    gas_schedule: u16,
    fee_rule: Rule,
    min_gas_price: Decimal<u64>,
    block_gas_limit: Decimal<u64>,
    max_block_txs: u32,
    max_block_bytes: u32,
    epoch_blocks: Decimal<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountJson {
    address: String,
    balance: Decimal<u128>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractJson {
    address: String,
    balance: Decimal<u128>,
    code: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    storage: Vec<Object<SlotJson>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlotJson {
    key: String,
    value: String,
}

/// A genesis from a JSON document.
///
/// # Errors
/// [`GenesisJsonError`]: the first thing that is wrong, in the order of its variants.
pub fn genesis_from_json(bytes: &[u8]) -> Result<Genesis, GenesisJsonError> {
    if bytes.len() > MAX_GENESIS_JSON_BYTES {
        return Err(GenesisJsonError::TooLarge { bytes: bytes.len() });
    }
    let Object(document): Object<GenesisJson> =
        serde_json::from_slice(bytes).map_err(GenesisJsonError::Schema)?;
    let accounts = document.accounts.into_iter().enumerate();
    let accounts = accounts
        .map(|(position, Object(account))| {
            let address = account.address.parse();
            Ok(GenesisAccount {
                address: address
                    .map_err(|source| GenesisJsonError::Address { position, source })?,
                balance: Amount(account.balance.0),
            })
        })
        .collect::<Result<Vec<_>, GenesisJsonError>>()?;
    let contracts = document.contracts.into_iter().enumerate();
    let contracts = contracts
        .map(|(position, Object(contract))| contract.into_contract(position))
        .collect::<Result<Vec<_>, GenesisJsonError>>()?;
    let params = document.params.0.into();
    let genesis = Genesis::new(params, TimestampMs(document.timestamp_ms.0), accounts)?
        .with_contracts(contracts)?;
    let (stated, sum) = (Amount(document.total_supply.0), genesis.total_supply()?);
    if stated != sum {
        return Err(GenesisJsonError::WrongSupply { stated, sum });
    }
    Ok(genesis)
}

/// The JSON document of a genesis, indented; [`genesis_from_json`] makes the same genesis of it.
///
/// # Errors
/// [`GenesisJsonError::Genesis`] when a decoded genesis breaks a rule, [`GenesisJsonError::TooLarge`] when it has more
/// accounts than a document can have.
pub fn genesis_to_json(genesis: &Genesis) -> Result<String, GenesisJsonError> {
    genesis.validate()?;
    let account = |account: &GenesisAccount| {
        Object(AccountJson {
            address: account.address.to_string(),
            balance: Decimal(account.balance.0),
        })
    };
    let document = GenesisJson {
        params: Object(genesis.params().into()),
        timestamp_ms: Decimal(genesis.timestamp_ms().0),
        total_supply: Decimal(genesis.total_supply()?.0),
        accounts: genesis.accounts().iter().map(account).collect(),
        contracts: genesis.contracts().iter().map(ContractJson::of).collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).map_err(GenesisJsonError::Schema)?;
    text.push('\n');
    if text.len() > MAX_GENESIS_JSON_BYTES {
        return Err(GenesisJsonError::TooLarge { bytes: text.len() });
    }
    Ok(text)
}

impl ContractJson {
    fn of(contract: &GenesisContract) -> Object<Self> {
        let slot = |slot: &GenesisSlot| {
            Object(SlotJson {
                key: hex::encode(&*slot.key),
                value: hex::encode(&*slot.value),
            })
        };
        Object(Self {
            address: contract.address.to_string(),
            balance: Decimal(contract.balance.0),
            code: hex::encode(&*contract.code),
            storage: contract.storage.iter().map(slot).collect(),
        })
    }

    fn into_contract(self, position: usize) -> Result<GenesisContract, GenesisJsonError> {
        let not_hex = |field| {
            move |source| GenesisJsonError::Contract {
                position,
                field,
                source,
            }
        };
        let too_large = |field| {
            move |source| GenesisJsonError::ContractSize {
                position,
                field,
                source,
            }
        };
        let slot = |Object(slot): Object<SlotJson>| {
            let key = hex::decode(slot.key).map_err(not_hex("storage"))?;
            let value = hex::decode(slot.value).map_err(not_hex("storage"))?;
            Ok(GenesisSlot {
                key: BoundedBytes::new(key).map_err(too_large("storage"))?,
                value: BoundedBytes::new(value).map_err(too_large("storage"))?,
            })
        };
        let slots = self.storage.into_iter().map(slot);
        let slots = slots.collect::<Result<Vec<_>, GenesisJsonError>>()?;
        let code = hex::decode(self.code).map_err(not_hex("code"))?;
        Ok(GenesisContract {
            address: self.address.parse().map_err(not_hex("address"))?,
            balance: Amount(self.balance.0),
            code: Code::new(code).map_err(too_large("code"))?,
            storage: Bounded::new(slots).map_err(too_large("storage"))?,
        })
    }
}

impl From<ParamsJson> for ChainParams {
    fn from(params: ParamsJson) -> Self {
        Self {
            chain_id: ChainId(params.chain_id.0),
            protocol_version: params.protocol_version,
            gas_schedule: params.gas_schedule,
            fee_rule: params.fee_rule.0,
            min_gas_price: GasPrice(params.min_gas_price.0),
            block_gas_limit: Gas(params.block_gas_limit.0),
            max_block_txs: params.max_block_txs,
            max_block_bytes: params.max_block_bytes,
            epoch_blocks: params.epoch_blocks.0,
        }
    }
}

impl From<&ChainParams> for ParamsJson {
    fn from(params: &ChainParams) -> Self {
        Self {
            chain_id: Decimal(params.chain_id.0),
            protocol_version: params.protocol_version,
            gas_schedule: params.gas_schedule,
            fee_rule: Rule(params.fee_rule),
            min_gas_price: Decimal(params.min_gas_price.0),
            block_gas_limit: Decimal(params.block_gas_limit.0),
            max_block_txs: params.max_block_txs,
            max_block_bytes: params.max_block_bytes,
            epoch_blocks: Decimal(params.epoch_blocks),
        }
    }
}
