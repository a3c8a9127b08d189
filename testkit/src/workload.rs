//! Blocks of really signed transactions, from a seed.
//!
//! Purpose: the same load for tests, benches and demos. A generator keeps the nonces, so that all its transactions are
//! valid in the order in which it gives them, apart from those of [`Distribution::Hostile`] that are meant not to be.
//!
//! Invariant: the output is a function of the [`Workload`], on every machine.
//!
//! ```
//! use ordlane_testkit::workload::{Distribution, Workload};
//!
//! let workload = Workload {
//!     accounts: 100,
//!     txs_per_block: 50,
//!     blocks: 2,
//!     distribution: Distribution::Zipf("0.99".parse()?),
//!     failing: "0.1".parse()?,
//!     ..Workload::default()
//! };
//! let generator = workload.generator()?;
//! let chain_id = generator.genesis().params().chain_id;
//! let blocks: Vec<_> = generator.collect();
//! assert_eq!(blocks.len(), 2);
//! assert_eq!(blocks[0].txs.len(), 50);
//! # assert_eq!(chain_id, ordlane_primitives::ChainId(1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accounts;
mod contract;
mod generator;
mod hostile;
mod number;
mod zipf;

use ordlane_primitives::{
    Address, BlockHeight, ChainId, ChainParams, ErrorCode, GenesisError, TimestampMs, TxBytes,
};

pub use self::{
    contract::{ContractLoad, Holders, INITIAL_TOKENS, token, token_transfer},
    generator::Generator,
    number::{Exponent, ParseNumberError, Share},
};

/// Most accounts of a workload.
pub const MAX_ACCOUNTS: u32 = 1 << 22;

/// What each account has in the beginning. No workload can spend it all.
pub const INITIAL_BALANCE: u128 = 100_000_000_000_000_000_000;

/// A load to generate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// How many accounts with a key there are, 1 to [`MAX_ACCOUNTS`].
    pub accounts: u32,
    /// How many transactions a block has.
    pub txs_per_block: u32,
    /// How many blocks there are.
    pub blocks: u64,
    /// Who sends to whom.
    pub distribution: Distribution,
    /// The share of transactions that are included and fail.
    pub failing: Share,
    /// The share of transactions that a multi-signature policy sends.
    pub multi_sig: Share,
    /// How many bytes of memo each transaction carries, at most 1024.
    pub memo_bytes: u16,
    /// Whether each block is proposed by one of the accounts, or by an address apart from them.
    pub proposer_among_senders: bool,
    /// The chain's parameters.
    pub params: ChainParams,
    /// Where all randomness comes from.
    pub seed: u64,
}

/// Who sends to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// All accounts are as likely, as sender and as receiver.
    Uniform,
    /// The k-th account is sender or receiver with a weight of `k^-s`.
    Zipf(Exponent),
    /// All send to the first account.
    HotReceiver,
    /// A few accounts send all transactions, in long chains of nonces.
    Chains {
        /// How many.
        senders: u32,
    },
    /// As [`Distribution::Uniform`], but half of the candidates are hostile: invalid in every way there is, or valid at
    /// an edge.
    Hostile,
    /// All that a block can include: an eighth is sent by a few accounts, an eighth goes to the first account, an eighth
    /// is valid at an edge (to oneself, to the proposer, to nobody yet, of nothing, with barely enough gas, ...), and the
    /// rest is as in [`Distribution::Uniform`].
    Full,
    /// Calls and deployments of contracts, which the genesis has then.
    Contracts(ContractLoad),
}

impl Default for Workload {
    /// One block of 1,000 transfers among 1,000 accounts.
    fn default() -> Self {
        Self {
            accounts: 1_000,
            txs_per_block: 1_000,
            blocks: 1,
            distribution: Distribution::Uniform,
            failing: Share::NONE,
            multi_sig: Share::NONE,
            memo_bytes: 0,
            proposer_among_senders: false,
            params: ChainParams::development(ChainId(1)),
            seed: 0,
        }
    }
}

impl Workload {
    /// All that works, mixed: [`Distribution::Full`], a twentieth sent by policies of many keys, all with a memo, and a
    /// fifth failing.
    #[must_use]
    pub fn full() -> Self {
        Self {
            distribution: Distribution::Full,
            failing: Share::per_million(200_000),
            multi_sig: Share::per_million(50_000),
            memo_bytes: 24,
            proposer_among_senders: true,
            ..Self::default()
        }
    }

    /// Makes the accounts, with their keys, and a generator of blocks.
    ///
    /// # Errors
    /// [`WorkloadError`] when there are no accounts or too many, the memo is too long, or the parameters allow no chain.
    pub fn generator(&self) -> Result<Generator, WorkloadError> {
        self.check()?;
        Generator::new(self.clone())
    }

    fn check(&self) -> Result<(), WorkloadError> {
        if self.accounts == 0 || self.accounts > MAX_ACCOUNTS {
            return Err(WorkloadError::Accounts {
                count: self.accounts,
            });
        }
        if usize::from(self.memo_bytes) > ordlane_primitives::limits::MAX_MEMO_BYTES {
            return Err(WorkloadError::Memo {
                size: self.memo_bytes,
            });
        }
        Ok(())
    }
}

/// One block's worth of candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedBlock {
    /// The number that the block is meant for; the first is 1.
    pub number: BlockHeight,
    /// One second after the block before.
    pub timestamp_ms: TimestampMs,
    /// Who is paid.
    pub proposer: Address,
    /// The candidates, in order.
    pub txs: Vec<TxBytes>,
    /// What is to become of each, provided that the block has room for all.
    pub expected: Vec<Expected>,
}

/// What a candidate was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It is included and succeeds.
    Success,
    /// It is included and fails.
    Failed(ErrorCode),
    /// A builder skips it.
    Invalid(ErrorCode),
}

/// Why there is no such workload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkloadError {
    /// There are no accounts, or too many.
    #[error("{count} accounts, 1 to {MAX_ACCOUNTS} are possible")]
    Accounts {
        /// How many were asked for.
        count: u32,
    },
    /// The memo is above its limit.
    #[error("a memo of {size} bytes is longer than a transaction may carry")]
    Memo {
        /// How many bytes were asked for.
        size: u16,
    },
    /// Policies are wanted among accounts that were made without.
    #[error("the accounts were made without policies")]
    NoPolicies,
    /// The parameters allow no chain.
    #[error("the parameters allow no chain")]
    Genesis(#[from] GenesisError),
}
