//! The command line of `block`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Mode, OutputOptions};

/// What the columns mean.
pub(crate) const FIGURES: &str = "\
Everybody goes from the canonical bytes of the same blocks to the root of the state after each:
  ours        import_blocks on so many threads, where stages of neighbouring blocks overlap; durable, fjall's store. A machine
              with more cores than threads lets it use more, since each stage waits on a thread of its own
  sequential  one thread, import_block and then commit, block after block; durable, a store of its own
  naive       one thread: transactions decoded, their stateless checks, ed25519-dalek's from_bytes and verify one by one,
              execution over a hash map, receipts, events and the roots of lists with sha2, the root of the state with jmt in
              memory. Writing jmt's nodes to its map and pruning are not counted, and nothing becomes durable
  strong      the same, but rayon decodes and verifies and makes the roots of lists on so many threads, and NOMT with as
              many commit workers, its sha2 hasher and its own files makes the root and commits it, durable. Accounts
              are read from a hash map in memory, which spares it reads that ours does. It stores neither blocks nor
              receipts nor indexes. It takes block after block, as its parts do without more. NOMT needs io_uring; where the
              system does not permit it there are no figures
Figures, each a median over the rounds, with quartiles in brackets:
  wall ratio  wall time of the sequential one / that of ours: above 1 ours is faster
  machine     how much more so many independent threads do than one, in each round: the most that computing alone can gain;
              ours does not wait for the disk besides
  of machine  the wall ratio's median / that of the machine
  CPU ratio   CPU time of ours / that of the sequential one
  us/tx       wall time of ours per transaction
  seq us/tx   the same of the sequential one
  vs naive    wall time of the naive one / that of ours
  vs strong   wall time of the strong one / that of ours
  stages ms   how long each stage of a block of ours takes: decode, admit (all checks without signatures and state), verify,
              execute, hash, persist. Those of neighbouring blocks run at once and share the threads, so together they are
              more than the wall time
  seq ms      the same of the sequential one
  roots       whether all headers of ours, in parallel and in sequence, are those of the blocks; whether the strong one has
              their state root, and it and the naive one their roots of transactions, receipts and events and their gas
Loads of contracts are ours alone: no rival knows these contracts, so vs naive and vs strong have no figures.
Between runs we wait until nothing works any more, so nobody pays for another, and what a store writes in the background
after a run is counted for nobody.
The rivals' dalek is built as users get it by default. To build everything with its AVX-512 backend, where the CPU has that:
  RUSTFLAGS='--cfg curve25519_dalek_backend=\"avx512\"' cargo compare block
--json says which in dalek_backend, and has CPU times, too.";

/// A load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Load {
    /// Transfers between any accounts; a twentieth fails.
    Transfers,
    /// All that a block can include, mixed; a fifth fails, a twentieth is sent by policies of many keys.
    Full,
    /// As transfers, but all are sent by a few accounts, in long chains of nonces.
    Chains,
    /// Transfers of a contract's token; no two of a block have an account in common while there are enough.
    Token,
    /// The same, all to one account.
    TokenHot,
    /// The same by Zipf's law with exponent 1.
    TokenZipf,
    /// Exchanges with one contract of many pools.
    Amm,
    /// Mints of one contract with ids from one counter.
    Nft,
}

impl Load {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Transfers => "transfers",
            Self::Full => "full",
            Self::Chains => "chains",
            Self::Token => "token",
            Self::TokenHot => "token-hot",
            Self::TokenZipf => "token-zipf",
            Self::Amm => "amm",
            Self::Nft => "nft",
        }
    }

    /// Whether it calls contracts.
    pub(crate) const fn is_of_contracts(self) -> bool {
        !matches!(self, Self::Transfers | Self::Full | Self::Chains)
    }
}

/// Settings of `block`.
#[derive(Args, Clone, Debug)]
pub(crate) struct BlockOptions {
    /// What the blocks are made of.
    #[arg(long, value_delimiter = ',', value_enum, default_value = "transfers")]
    pub(crate) workload: Vec<Load>,
    /// Transactions per block.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pub(crate) txs: u32,
    /// Accounts that can send.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) accounts: u32,
    /// How many of them send, in chains.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) senders: u32,
    /// How many pools the exchange has.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pools: u32,
    /// Blocks per round; they follow those of the round before.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) blocks: u32,
    /// Threads of ours, and of the strong rival.
    #[arg(long, value_delimiter = ',', default_value = "2", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Vec<u32>,
    /// The mode in which ours executes.
    #[arg(long, value_enum, default_value_t = Mode::Parallel)]
    pub(crate) mode: Mode,
    /// Folder for everybody's files, on the disk that is to be measured; they are removed [default: the build's folder]
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// Measured rounds per point, after one that is thrown away.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}
