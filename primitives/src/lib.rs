//! The vocabulary of ordlane: types, canonical bytes, hashes, the signature rule and proofs.
//!
//! Purpose: everything that *defines* a result lives here, with no I/O, no clock and no threads, so that an engine, a
//! light client, a wallet and a proof verifier share one definition.
//!
//! Invariants:
//! - `decode` accepts exactly the bytes that `encode` produces, and checks each length against a named limit before it
//!   allocates ([`codec`]);
//! - every use of SHA-256 has a domain tag, save tree nodes, list parents and value hashes ([`hash`]);
//! - one signature rule, ZIP-215, decides every verdict ([`signature`]).
//!
//! ```
//! use ordlane_primitives::{
//!     Address, Amount, ChainId, Gas, GasPrice, Nonce, SigningKey, Transaction, TransactionPayload, TxKind, codec,
//! };
//!
//! let key = SigningKey::from_seed([7; 32]);
//! let payload = TransactionPayload {
//!     version: ordlane_primitives::TX_VERSION,
//!     chain_id: ChainId(1),
//!     sender: key.address(),
//!     nonce: Nonce(0),
//!     gas_limit: Gas(23_100),
//!     gas_price: GasPrice(1),
//!     valid_until: None,
//!     kind: TxKind::Transfer { to: Address::ZERO, amount: Amount(5) },
//!     memo: Default::default(),
//! };
//! let tx = key.sign_transaction(payload);
//! let bytes = codec::encode(&tx);
//! let back = codec::decode::<Transaction>(&bytes)?;
//! assert_eq!(back, tx);
//! # Ok::<(), codec::DecodeError>(())
//! ```

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

pub mod batch;
pub mod codec;
pub mod hash;
pub mod levels;
pub mod limits;
pub mod list;
pub mod proof;
pub mod signature;
pub mod state_key;
pub mod tree;

mod account;
mod address;
mod block;
mod error_code;
mod gas;
mod genesis;
mod numbers;
mod receipt;
mod signing;
mod transaction;
mod witness;

pub use account::Account;
pub use address::{Address, AddressKind};
pub use block::{BLOCK_VERSION, Block, BlockHeader, Extra};
pub use error_code::{ErrorClass, ErrorCode};
pub use gas::{GAS_SCHEDULE_V1, GasSchedule, SlotWrite, StorageCharge};
pub use genesis::{
    ChainParams, FeeRule, Genesis, GenesisAccount, GenesisContract, GenesisError, GenesisSlot,
};
pub use hash::{BlockHash, Hash, TxId};
pub use numbers::{Amount, BlockHeight, ChainId, Gas, GasPrice, Nonce, TimestampMs};
pub use receipt::{Event, EventData, Receipt, ReceiptStatus, Receipts, ReturnData, Topics};
pub use signing::SigningKey;
pub use state_key::RawKey;
pub use transaction::{
    Auth, Code, ContractInput, IndexedSignature, KIND_NAMES, Memo, MultiPolicy, PolicyKeys,
    PolicySignatures, Salt, TX_VERSION, Transaction, TransactionPayload, TxBytes, TxKind,
};
pub use witness::{BlockWitness, WITNESS_VERSION, WitnessEntry};
