//! How a chain begins: its parameters and its first accounts.
//!
//! Invariant: parameters live in the state, written by the genesis, and never in a node's own configuration.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
};

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{
    Account, Address, Amount, BLOCK_VERSION, BlockHeader, BlockHeight, ChainId, Code, Extra, Gas,
    GasPrice, GasSchedule, Hash, RawKey, TimestampMs,
    batch::BatchHasher,
    codec::{self, Bounded, BoundedBytes, Canonical, DecodeCause},
    hash::{Domain, code_hash, tagged},
    limits::{
        MAX_BLOCK_BODY_BYTES, MAX_BLOCK_TXS, MAX_GENESIS_ACCOUNTS, MAX_GENESIS_BYTES,
        MAX_GENESIS_CONTRACTS, MAX_GENESIS_SLOTS, MAX_STATE_VALUE_BYTES, MAX_STORAGE_KEY_BYTES,
        MAX_TOTAL_SUPPLY, MAX_TX_BYTES,
    },
    list::{self, ListKind},
};

/// What becomes of the fees of a block, in its end phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FeeRule {
    /// The proposer is paid.
    PayProposer = 0,
    /// Nobody is paid: the supply shrinks.
    Burn = 1,
}

/// The rules that a chain chose for itself. They stand in the state under [`RawKey::params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct ChainParams {
    /// Which chain this is; every transaction and header carries it.
    pub chain_id: ChainId,
    /// The version of the protocol's rules; 1.
    pub protocol_version: u16,
    /// The version of the gas schedule.
    pub gas_schedule: u16,
    /// What becomes of fees.
    pub fee_rule: FeeRule,
    /// The lowest gas price that is admitted.
    pub min_gas_price: GasPrice,
    /// The most gas that one block may use.
    pub block_gas_limit: Gas,
    /// The most transactions in one block.
    pub max_block_txs: u32,
    /// The most bytes that the transactions of one block may have, each counted with the four bytes of its length.
    pub max_block_bytes: u32,
    /// How many blocks an epoch has.
    pub epoch_blocks: u64,
}

impl ChainParams {
    /// Parameters for tests and development: every field at a usable value.
    #[must_use]
    pub const fn development(chain_id: ChainId) -> Self {
        Self {
            chain_id,
            protocol_version: 1,
            gas_schedule: 1,
            fee_rule: FeeRule::PayProposer,
            min_gas_price: GasPrice(1),
            block_gas_limit: Gas(10_000_000_000),
            max_block_txs: 200_000,
            max_block_bytes: 64 * 1024 * 1024,
            epoch_blocks: 1_000,
        }
    }

    /// The gas schedule that the parameters name.
    ///
    /// # Errors
    /// [`GenesisError::UnknownGasSchedule`] when this release does not know it.
    pub const fn schedule(&self) -> Result<&'static GasSchedule, GenesisError> {
        match GasSchedule::by_version(self.gas_schedule) {
            Some(schedule) => Ok(schedule),
            None => Err(GenesisError::UnknownGasSchedule {
                version: self.gas_schedule,
            }),
        }
    }

    fn validate(&self) -> Result<(), GenesisError> {
        self.schedule()?;
        if self.protocol_version != 1 {
            return Err(GenesisError::UnknownProtocol {
                version: self.protocol_version,
            });
        }
        let field = if self.block_gas_limit == Gas::ZERO {
            "block_gas_limit"
        } else if self.max_block_txs == 0 || self.max_block_txs as usize > MAX_BLOCK_TXS {
            "max_block_txs"
        } else if (self.max_block_bytes as usize) < 4 + MAX_TX_BYTES
            || self.max_block_bytes as usize > MAX_BLOCK_BODY_BYTES
        {
            "max_block_bytes"
        } else if self.epoch_blocks == 0 {
            "epoch_blocks"
        } else {
            return Ok(());
        };
        Err(GenesisError::ParameterOutOfRange { field })
    }
}

/// An account that exists from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct GenesisAccount {
    /// Whose it is.
    pub address: Address,
    /// What it holds, above zero.
    pub balance: Amount,
}

/// What a contract has stored from the beginning.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct GenesisSlot {
    /// Under which key.
    pub key: BoundedBytes<MAX_STORAGE_KEY_BYTES>,
    /// What.
    pub value: BoundedBytes<MAX_STATE_VALUE_BYTES>,
}

/// A contract that exists from the beginning. Its `init` is not run: its storage is given.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct GenesisContract {
    /// Where it is.
    pub address: Address,
    /// What it holds; nothing is allowed.
    pub balance: Amount,
    /// Its WebAssembly module. Whether it is one, the engine checks.
    pub code: Code,
    /// Its storage, by ascending key.
    pub storage: Bounded<GenesisSlot, MAX_GENESIS_SLOTS>,
}

/// The beginning of a chain.
///
/// The encoding is that of its fields in their order; without contracts it ends before their list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// The rules.
    params: ChainParams,
    /// The timestamp of block 0.
    timestamp_ms: TimestampMs,
    /// The accounts, by ascending address.
    accounts: Bounded<GenesisAccount, MAX_GENESIS_ACCOUNTS>,
    /// The contracts, by ascending address.
    contracts: Bounded<GenesisContract, MAX_GENESIS_CONTRACTS>,
}

/// Why a chain cannot begin like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// An address is listed twice.
    #[error("account {address} is listed twice")]
    DuplicateAccount {
        /// The address.
        address: Address,
    },
    /// A decoded genesis lists an account after one with a higher address.
    #[error("account {address} is out of order")]
    OutOfOrder {
        /// The address.
        address: Address,
    },
    /// An account holds nothing, so it would be absent.
    #[error("account {address} holds nothing")]
    EmptyAccount {
        /// The address.
        address: Address,
    },
    /// All balances together reach 2^127.
    #[error("the total supply reaches 2^127")]
    SupplyTooLarge,
    /// There are more accounts than a genesis may have.
    #[error("{count} accounts, at most {MAX_GENESIS_ACCOUNTS} are allowed")]
    TooManyAccounts {
        /// How many there are.
        count: usize,
    },
    /// There are more contracts than a genesis may have.
    #[error("{count} contracts, at most {MAX_GENESIS_CONTRACTS} are allowed")]
    TooManyContracts {
        /// How many there are.
        count: usize,
    },
    /// A contract lists a storage key twice or after a higher one.
    #[error("contract {address} does not list its storage by ascending key")]
    SlotOrder {
        /// The contract.
        address: Address,
    },
    /// The gas schedule's version is unknown.
    #[error("gas schedule {version} is not known to this release")]
    UnknownGasSchedule {
        /// The version.
        version: u16,
    },
    /// The protocol's version is unknown.
    #[error("protocol version {version} is not known to this release")]
    UnknownProtocol {
        /// The version.
        version: u16,
    },
    /// A parameter has a value with which no block can be made.
    #[error("parameter {field} is out of range")]
    ParameterOutOfRange {
        /// Which one.
        field: &'static str,
    },
}

impl Genesis {
    /// A genesis from parameters and accounts in any order.
    ///
    /// # Errors
    /// [`GenesisError`] when parameters are out of range, an account is empty or listed twice, or the supply is too
    /// large.
    pub fn new(
        params: ChainParams,
        timestamp_ms: TimestampMs,
        mut accounts: Vec<GenesisAccount>,
    ) -> Result<Self, GenesisError> {
        accounts.sort_unstable_by_key(|account| account.address);
        let count = accounts.len();
        let accounts =
            Bounded::new(accounts).map_err(|_| GenesisError::TooManyAccounts { count })?;
        let genesis = Self {
            params,
            timestamp_ms,
            accounts,
            contracts: Bounded::default(),
        };
        genesis.validate()?;
        Ok(genesis)
    }

    /// The same genesis with these contracts, in any order.
    ///
    /// # Errors
    /// [`GenesisError`] when an address is an account's or is listed twice, storage is out of order, or the supply is too
    /// large.
    pub fn with_contracts(
        mut self,
        mut contracts: Vec<GenesisContract>,
    ) -> Result<Self, GenesisError> {
        contracts.sort_by_key(|contract| contract.address);
        let count = contracts.len();
        self.contracts =
            Bounded::new(contracts).map_err(|_| GenesisError::TooManyContracts { count })?;
        self.validate()?;
        Ok(self)
    }

    /// Checks what decoding alone does not: the rules of [`Genesis::new`].
    ///
    /// # Errors
    /// As [`Genesis::new`].
    pub fn validate(&self) -> Result<(), GenesisError> {
        self.params.validate()?;
        check_order(self.accounts.iter().map(|account| account.address))?;
        check_order(self.contracts.iter().map(|contract| contract.address))?;
        for contract in &self.contracts {
            let address = contract.address;
            let found = self
                .accounts
                .binary_search_by_key(&address, |account| account.address);
            if found.is_ok() {
                return Err(GenesisError::DuplicateAccount { address });
            }
            if !contract.storage.is_sorted_by(|a, b| a.key < b.key) {
                return Err(GenesisError::SlotOrder { address });
            }
        }
        if let Some(empty) = self
            .accounts
            .iter()
            .find(|account| account.balance == Amount::ZERO)
        {
            return Err(GenesisError::EmptyAccount {
                address: empty.address,
            });
        }
        self.total_supply().map(drop)
    }

    /// The chain's parameters.
    #[must_use]
    pub const fn params(&self) -> &ChainParams {
        &self.params
    }

    /// The timestamp of block 0.
    #[must_use]
    pub const fn timestamp_ms(&self) -> TimestampMs {
        self.timestamp_ms
    }

    /// The first accounts, by ascending address.
    #[must_use]
    pub fn accounts(&self) -> &[GenesisAccount] {
        &self.accounts
    }

    /// The first contracts, by ascending address.
    #[must_use]
    pub fn contracts(&self) -> &[GenesisContract] {
        &self.contracts
    }

    /// The codes of the first contracts by their hashes, each once.
    #[must_use]
    pub fn codes(&self) -> BTreeMap<Hash, &Code> {
        let code = |contract: &'_ GenesisContract| code_hash(&contract.code);
        self.contracts
            .iter()
            .map(|contract| (code(contract), &contract.code))
            .collect()
    }

    /// All balances together.
    ///
    /// # Errors
    /// [`GenesisError::SupplyTooLarge`] from 2^127 on.
    pub fn total_supply(&self) -> Result<Amount, GenesisError> {
        let accounts = self.accounts.iter().map(|account| account.balance);
        let contracts = self.contracts.iter().map(|contract| contract.balance);
        accounts
            .chain(contracts)
            .try_fold(0_u128, |sum, balance| sum.checked_add(balance.0))
            .filter(|sum| *sum < MAX_TOTAL_SUPPLY)
            .map(Amount)
            .ok_or(GenesisError::SupplyTooLarge)
    }

    /// The hash of the whole document.
    #[must_use]
    pub fn hash(&self) -> Hash {
        tagged(Domain::Genesis, &[&codec::encode(self)])
    }

    /// The first state: raw keys and values, ascending by key.
    #[must_use]
    pub fn state(&self) -> Vec<(RawKey, Vec<u8>)> {
        let accounts = self.accounts.iter().map(|account| {
            let record = Account {
                balance: account.balance,
                ..Account::default()
            };
            (RawKey::account(&account.address), codec::encode(&record))
        });
        let contracts = self.contracts.iter().map(|contract| {
            let record = Account {
                balance: contract.balance,
                code_hash: code_hash(&contract.code),
                ..Account::default()
            };
            (RawKey::account(&contract.address), codec::encode(&record))
        });
        let slots = self.contracts.iter().flat_map(|contract| {
            let slot = |slot: &GenesisSlot| {
                let key = RawKey::storage(&contract.address, &slot.key);
                (key, slot.value.to_vec())
            };
            contract.storage.iter().map(slot)
        });
        let mut state: Vec<_> = accounts
            .chain(contracts)
            .chain(slots)
            .chain([(RawKey::params(), codec::encode(&self.params))])
            .collect();
        state.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        state
    }

    /// The header of block 0, given the root of [`Genesis::state`]. Its `extra` is the genesis hash.
    #[must_use]
    pub fn header(&self, state_root: Hash, hasher: &dyn BatchHasher) -> BlockHeader {
        let empty = |kind: ListKind| list::root(kind, [], hasher);
        BlockHeader {
            version: BLOCK_VERSION,
            chain_id: self.params.chain_id,
            parent_hash: Hash::ZERO,
            number: BlockHeight::GENESIS,
            timestamp_ms: self.timestamp_ms,
            proposer: Address::ZERO,
            state_root,
            transactions_root: empty(ListKind::Transactions),
            receipts_root: empty(ListKind::Receipts),
            events_root: empty(ListKind::Events),
            compute_receipts_root: empty(ListKind::ComputeReceipts),
            gas_limit: self.params.block_gas_limit,
            gas_used: Gas::ZERO,
            total_pouw_score: 0,
            provider_count: 0,
            extra: Extra::new(self.hash().as_bytes().to_vec()).unwrap_or_default(),
        }
    }
}

fn check_order(addresses: impl Iterator<Item = Address>) -> Result<(), GenesisError> {
    let mut before = None;
    for address in addresses {
        if before == Some(address) {
            return Err(GenesisError::DuplicateAccount { address });
        }
        if before > Some(address) {
            return Err(GenesisError::OutOfOrder { address });
        }
        before = Some(address);
    }
    Ok(())
}

impl BorshSerialize for Genesis {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        self.params.serialize(writer)?;
        self.timestamp_ms.serialize(writer)?;
        self.accounts.serialize(writer)?;
        if self.contracts.is_empty() {
            return Ok(());
        }
        self.contracts.serialize(writer)
    }
}

impl BorshDeserialize for Genesis {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        Ok(Self {
            params: ChainParams::deserialize_reader(reader)?,
            timestamp_ms: TimestampMs::deserialize_reader(reader)?,
            accounts: Bounded::deserialize_reader(reader)?,
            contracts: read_contracts(reader)?,
        })
    }
}

/// Reads the list of contracts, or that there is nothing more to read.
fn read_contracts<R: io::Read>(
    reader: &mut R,
) -> io::Result<Bounded<GenesisContract, MAX_GENESIS_CONTRACTS>> {
    let mut first = [0];
    if reader.read(&mut first)? == 0 {
        return Ok(Bounded::default());
    }
    let contracts = Bounded::deserialize_reader(&mut first.as_slice().chain(reader))?;
    if contracts.is_empty() {
        return Err(DecodeCause::NotCanonical {
            field: "contracts",
            rule: "a genesis without them ends before their list",
        }
        .into());
    }
    Ok(contracts)
}

impl BorshSerialize for FeeRule {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(&[*self as u8])
    }
}

impl BorshDeserialize for FeeRule {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        match u8::deserialize_reader(reader)? {
            0 => Ok(Self::PayProposer),
            1 => Ok(Self::Burn),
            value => Err(DecodeCause::UnknownDiscriminant {
                field: "fee rule",
                value,
            }
            .into()),
        }
    }
}

impl Canonical for ChainParams {
    const NAME: &'static str = "chain parameters";
    const MIN_BYTES: usize = 8 + 2 + 2 + 1 + 8 + 8 + 4 + 4 + 8;
    const MAX_BYTES: usize = Self::MIN_BYTES;
}

impl Canonical for Genesis {
    const NAME: &'static str = "genesis";
    const MIN_BYTES: usize = ChainParams::MIN_BYTES + 8 + 4;
    const MAX_BYTES: usize = MAX_GENESIS_BYTES;
}

#[cfg(test)]
mod tests;
