//! The genesis as a JSON document that people write; `docs/GENESIS.md` has the schema.
//!
//! Invariant: a document has one meaning. What is not known, said twice, or not exact in every reader of JSON is refused,
//! and the stated supply must be the sum of the balances. Source: seed specification, section 9.

use ordlane_primitives::{
    Address, Amount, ChainId, ChainParams, Gas, GasPrice, Genesis, GenesisAccount, GenesisError,
    TimestampMs,
};
use serde::{Deserialize, Serialize, de::IgnoredAny};

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
    /// The document has contracts, and this release has none.
    #[error("{count} contracts are listed, this release has none")]
    Contracts {
        /// How many there are.
        count: usize,
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
    #[serde(default, skip_serializing)]
    contracts: Vec<IgnoredAny>,
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
    if !document.contracts.is_empty() {
        let count = document.contracts.len();
        return Err(GenesisJsonError::Contracts { count });
    }
    let params = document.params.0.into();
    let genesis = Genesis::new(params, TimestampMs(document.timestamp_ms.0), accounts)?;
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
        contracts: Vec::new(),
    };
    let mut text = serde_json::to_string_pretty(&document).map_err(GenesisJsonError::Schema)?;
    text.push('\n');
    if text.len() > MAX_GENESIS_JSON_BYTES {
        return Err(GenesisJsonError::TooLarge { bytes: text.len() });
    }
    Ok(text)
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
