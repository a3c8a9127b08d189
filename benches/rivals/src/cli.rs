//! The command line.

pub(crate) mod block;
#[cfg(feature = "wasmtime")]
pub(crate) mod wasm;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use self::block::BlockOptions;
#[cfg(feature = "wasmtime")]
use self::wasm::{MODULES_FIGURES, ModulesOptions, WasmOptions};

/// Measures ours beside its rivals in one process and prints ratios.
#[derive(Debug, Parser)]
#[command(name = "compare", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the columns mean.
const FIGURES: &str = "\
Figures, each a median over the rounds, with quartiles in brackets:
  wall ratio    wall time of the sequential mode / that of ours: above 1 ours is faster
  machine       how much more so many independent threads do than one: the most that a wall ratio can be
  CPU ratio     CPU time of ours / that of the sequential mode
  engine us/tx  (CPU time of ours - CPU time of the sequential mode) / B
  seq us/tx     (CPU time of the sequential mode - CPU time of a plain loop over a vector) / B
  runs/tx       calls of the Vm per transaction
  handoff ns    one way of a cache line between two cores; far above 100 others have the cores
  p50, p99      when half, and 99 of 100, of the transactions were committed, from the start of the run
  outputs       whether the digests of all outputs, and of all writes in order, are those of sequential execution";

/// What the columns of `signatures` mean.
const SIGNATURE_FIGURES: &str = "\
Figures, each a median over the rounds, with quartiles in brackets:
  ours us        CPU time of all threads per signature
  the others     the same of a rival, and how many times that of ours it is
  dalek          from_bytes and verify, with the AVX-512 backend
  dalek default  the same as a user gets it without flags
  zebra          from bytes one by one, and all at once, with the AVX-512 backend
  dalek batch    verify_batch, with the AVX-512 backend: another rule, whose verdict on a signature can depend on others
  wrong/right    of --invalid: CPU time of ours over that of the same batch without corrupted signatures
  verdicts       whether all find the corrupted signatures and no others, in every round
A batch of a rival that fails is checked one by one; that counts. --json has all rivals in both builds, and wall times.";

/// What the columns of `merkle` mean.
const MERKLE_FIGURES: &str = "\
Figures, each a median over the rounds, with quartiles in brackets:
  ours ns     CPU time of all threads per pair
  the others  the same of a rival, and how many times that of ours it is
  digests     whether all digests are equal, in every round
--json has wall times, too.";

/// What the columns of `state` mean.
const STATE_FIGURES: &str = "\
Figures, each a median over the rounds, with quartiles in brackets:
  root ms        CPU time of all threads from the changes to the root, in memory: values hashed, tree updated
  x limit        CPU time of the tree's update over that of its 64-byte hashes alone, one by one with sha2
  nomt, jmt      CPU time of the rival from the same changes to its root, and how many times that of ours it is
  nomt default   NOMT with as many workers as it has by default; nomt has one for the tree and one for files
  durable ms     wall time of ours from the changes to the synced block, and how many times that NOMT takes
  mixed          root ms of a batch with a tenth of insertions and a tenth of deletions over that of updates alone
  proof B        bytes of a proof: ours, NOMT's, jmt's
  verify us      CPU time in which a proof is verified: ours, which hashes the key, too, NOMT's, jmt's
  B/key          bytes of disk per key after the state was loaded: ours, NOMT's; allocated ones count
  MiB            memory that the loaded state takes: ours, NOMT's, jmt's
  roots          whether ours are those of NOMT, after every batch
jmt is in memory, so it has no durable figures; writing its nodes to its map and pruning are not counted.";

/// What the columns of `disk` mean.
const DISK_FIGURES: &str = "\
Figures, each at the end of so many blocks, in MiB:
  mean, most  what the files took of the disk since the line before, what is allocated and not used included; it is looked
              every 50 blocks
  growth      the mean of the second half of all blocks so far over that of the first
  journals    how many of fjall's journals there are, and what they take
  values ...  the tables of each space: values, earlier values, reverse diffs, blocks and their hashes, receipts, the
              indexes of transactions and events, pages of the tree
  ms/block    wall time of a block since the sample before
  CPU ms      CPU time of all threads for it, also of those that write tables
Headers and hashes of blocks are kept for ever, so with them the disk grows by some 400 bytes per block.";

/// What the columns of `opening` mean.
const OPENING_FIGURES: &str = "\
Figures, each a median over the rounds, with quartiles in brackets:
  left       written: closed with all pages written; behind: closed with blocks whose pages are not; killed: the same as
             its files are while it is open
  journals   how many of fjall's journals there are, and their MiB
  files ms   wall time of FjallStorage::open
  store ms   wall time of StateStore::open
  cold       the same with files that come from the disk, where the system gives them up when it is advised to
  roots      whether the root is the one that the store had when it was left";

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The scheduler beside sequential execution, on transfers between random accounts with a cost of their own.
    ///
    /// Lists are separated by commas and every combination is measured. A point is neutral P2P(K, B, C): B transfers
    /// between random ones of K accounts, each with C microseconds of work between its reads and its writes. The runs of a
    /// round follow each other in changing order in one process; making the executor and collecting the outputs count.
    #[command(after_long_help = FIGURES)]
    Scheduler(SchedulerOptions),
    /// Batches of signature checks beside ed25519-dalek and ed25519-zebra, all from bytes.
    ///
    /// Lists are separated by commas and every combination is measured. The runs of a round follow each other in changing
    /// order. dalek and zebra above it are measured as users get them by default and with dalek's AVX-512 backend, which
    /// takes a build of its own: that is made at the first call and run in a process apart, in turn with the rest.
    #[command(after_long_help = SIGNATURE_FIGURES)]
    Signatures(SignatureOptions),
    /// SHA-256 of pairs of hashes beside sha2 and hashtree.
    ///
    /// Lists are separated by commas and every combination is measured. The runs of a round follow each other in changing
    /// order. hashtree is built at the first call, which takes make and a C compiler, and runs in a process apart, in turn
    /// with the rest.
    #[command(after_long_help = MERKLE_FIGURES)]
    Merkle(MerkleOptions),
    /// The authenticated tree and durable commits beside NOMT and jmt.
    ///
    /// Lists are separated by commas and every combination is measured. The state is loaded once for everybody, and the
    /// batches of a round are the same for all, who apply them in changing order. A million keys take about 2 GiB of
    /// memory and 2 GiB of disk, and some minutes to load.
    #[command(after_long_help = STATE_FIGURES)]
    State(StateOptions),
    /// What our store takes of the disk while a chain grows and is pruned.
    ///
    /// Blocks change random keys of a state, a tenth of the changes are insertions and a tenth deletions, and have
    /// transactions of 200 bytes with an event each. They are committed one after another, each durable.
    #[command(after_long_help = DISK_FIGURES)]
    Disk(DiskOptions),
    /// How long our store takes to open, as it was left: with all pages written, with blocks behind them, killed.
    ///
    /// Every opening is that of a copy. Lists are separated by commas.
    #[command(after_long_help = OPENING_FIGURES)]
    Opening(OpeningOptions),
    /// Whole blocks from bytes to durable roots: ours in parallel, ours in sequence, and two nodes of others' parts.
    ///
    /// Lists are separated by commas and every combination is measured. All blocks are made before any clock runs; the
    /// runs of a round follow each other in changing order in one process, and each round goes on where the one before
    /// ended.
    #[command(after_long_help = block::FIGURES)]
    Block(BlockOptions),
    #[cfg(feature = "wasmtime")]
    /// Contracts beside wasmtime (Cranelift, fuel, pooled): a token transfer, its compilation, and computing.
    ///
    /// The runs of a round follow each other in changing order in one process, on one thread.
    #[command(after_long_help = wasm::FIGURES)]
    Wasm(WasmOptions),
    #[cfg(feature = "wasmtime")]
    /// Modules by chance in our interpreter and in wasmtime, which have to come to the same.
    ///
    /// They have integers only, import nothing, and end by chance or after a thousand steps.
    #[command(after_long_help = MODULES_FIGURES)]
    Modules(ModulesOptions),
}

/// Settings of `scheduler`. Lists are separated by commas and every combination is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct SchedulerOptions {
    /// K, accounts; the fewer, the more conflicts [default: 10000; with --grid 2,10,100,1000,10000]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u64).range(2..))]
    pub(crate) accounts: Option<Vec<u64>>,
    /// B, transactions per block [default: 10000; with --grid 1000,10000,50000]
    #[arg(long, value_delimiter = ',')]
    pub(crate) txs: Option<Vec<usize>>,
    /// C, cost of a transaction, in microseconds of one thread [default: 10; with --grid 0,1,10,50]
    #[arg(long, value_delimiter = ',')]
    pub(crate) cost_us: Option<Vec<u32>>,
    /// Threads of the executor [default: 2; with --grid those of 1,2,4,8,16 that the machine has cores for]
    #[arg(long, value_delimiter = ',')]
    pub(crate) threads: Option<Vec<usize>>,
    /// Measured rounds per point, after one that is thrown away.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// The mode that is measured beside the sequential one.
    #[arg(long, value_enum, default_value_t = Mode::Parallel)]
    pub(crate) mode: Mode,
    /// What every transaction does to one key that all share.
    #[arg(long, value_enum, default_value_t = SharedKey::None)]
    pub(crate) shared_key: SharedKey,
    /// Measures what a fee key costs: the same block with an addition to one shared key per transaction, and without.
    #[arg(long, conflicts_with = "shared_key")]
    pub(crate) fee_key: bool,
    /// Measures the whole grid, but for the lists that are given.
    #[arg(long)]
    pub(crate) grid: bool,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// Settings of `signatures`.
#[derive(Args, Clone, Debug)]
pub(crate) struct SignatureOptions {
    /// Signatures per batch.
    #[arg(long, value_delimiter = ',', default_value = "1024", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch: Vec<u32>,
    /// Length of every message, in bytes.
    #[arg(long, value_delimiter = ',', default_value = "32")]
    pub(crate) message_bytes: Vec<u32>,
    /// Threads that share a batch.
    #[arg(long, value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Vec<u32>,
    /// Share of signatures of which one bit is flipped, at most 1; the same batch without is then measured, too
    #[arg(long, value_delimiter = ',', value_parser = share)]
    pub(crate) invalid: Vec<f64>,
    /// Exponent of the Zipf law by which senders sign; without it every signature has a sender of its own
    #[arg(long, value_parser = exponent)]
    pub(crate) zipf: Option<f64>,
    /// Measured rounds per point, after one that is thrown away.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// Settings of `merkle`.
#[derive(Args, Clone, Debug)]
pub(crate) struct MerkleOptions {
    /// Pairs per batch.
    #[arg(long, value_delimiter = ',', default_value = "100000", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pairs: Vec<u32>,
    /// Threads that share a batch.
    #[arg(long, value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Vec<u32>,
    /// Measured rounds per point, after one that is thrown away.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// Another state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateRival {
    /// NOMT with one worker.
    Nomt,
    /// NOMT with as many as it takes by default.
    NomtDefault,
    /// jmt, in memory.
    Jmt,
}

/// Settings of `state`.
#[derive(Args, Clone, Debug)]
pub(crate) struct StateOptions {
    /// Keys in the state.
    #[arg(long, value_delimiter = ',', default_value = "1000000", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keys: Vec<u32>,
    /// Changes per batch; at most one per key.
    #[arg(long, value_delimiter = ',', default_value = "10000", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch: Vec<u32>,
    /// Threads of our hashes.
    #[arg(long, value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Vec<u32>,
    /// What a batch does.
    #[arg(long, value_delimiter = ',', value_enum, default_value = "updates")]
    pub(crate) kinds: Vec<Kind>,
    /// MiB of each of our two caches, pages of the tree and blocks of files, and of each of NOMT's two.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) cache_mib: u32,
    /// Which rivals to load; of the others there are no figures. With ten million keys jmt alone takes 7 GiB.
    #[arg(
        long,
        value_delimiter = ',',
        value_enum,
        default_value = "nomt,nomt-default,jmt"
    )]
    pub(crate) rivals: Vec<StateRival>,
    /// Folder for everybody's files, on the disk that is to be measured; they are removed [default: the build's folder]
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// Measured rounds per point, after one that is thrown away.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// Settings of `disk`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DiskOptions {
    /// Blocks after those that make the state.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) blocks: u32,
    /// How many of the last blocks are kept whole; 0 keeps all.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) keep: u32,
    /// Keys in the state.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keys: u32,
    /// Changes per block.
    #[arg(long, default_value_t = 100)]
    pub(crate) changes: u32,
    /// Transactions per block.
    #[arg(long, default_value_t = 10)]
    pub(crate) txs: u32,
    /// After how many blocks there is a line of figures, each time.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) every: u32,
    /// Folder for the files, on the disk that is to be measured; they are removed [default: the build's folder]
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// Settings of `opening`.
#[derive(Args, Clone, Debug)]
pub(crate) struct OpeningOptions {
    /// Keys in the state.
    #[arg(long, value_delimiter = ',', default_value = "1000000", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keys: Vec<u32>,
    /// Blocks whose pages are not written, where there are any; a store writes them after 64 at the latest.
    #[arg(long, default_value_t = 64)]
    pub(crate) behind: u32,
    /// Changes per such block.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) changes: u32,
    /// Transactions per such block.
    #[arg(long, default_value_t = 100)]
    pub(crate) txs: u32,
    /// Folder for the files, on the disk that is to be measured; they are removed [default: the build's folder]
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// Measured rounds per point.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// The form of what is printed.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct OutputOptions {
    /// Prints JSON: an object, or an array if there are several points.
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Prints a table in Markdown.
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// A share that is not zero.
fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("a share is a number above 0 and at most 1".to_owned()),
    }
}

fn exponent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(exponent) if (0.0..=10.0).contains(&exponent) => Ok(exponent),
        _ => Err("an exponent is a number from 0 to 10".to_owned()),
    }
}

/// A mode of the executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// On the executor's threads.
    Parallel,
    /// As the executor chooses.
    Auto,
    /// One transaction after another.
    Sequential,
}

impl Mode {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Parallel => "parallel",
            Self::Auto => "auto",
            Self::Sequential => "sequential",
        }
    }
}

impl From<Mode> for ordlane_scheduler::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Parallel => Self::Parallel,
            Mode::Auto => Self::Auto,
            Mode::Sequential => Self::Sequential,
        }
    }
}

/// What a batch does to the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// New values for keys that are there.
    Updates,
    /// The same, but for a tenth of new keys and a tenth of keys that go.
    Mixed,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Updates => "updates",
            Self::Mixed => "mixed",
        }
    }
}

/// What every transaction does to one key that all share, a fee account for instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SharedKey {
    /// There is none.
    None,
    /// Adds one to it.
    Add,
    /// Reads it and writes it back with one more.
    Write,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Cli, Command, MerkleOptions, SignatureOptions};

    fn signatures(arguments: &[&str]) -> Option<SignatureOptions> {
        let arguments = ["compare", "signatures"].iter().chain(arguments);
        match Cli::try_parse_from(arguments).ok()?.command {
            Command::Signatures(options) => Some(options),
            _ => None,
        }
    }

    fn merkle(arguments: &[&str]) -> Option<MerkleOptions> {
        let arguments = ["compare", "merkle"].iter().chain(arguments);
        match Cli::try_parse_from(arguments).ok()?.command {
            Command::Merkle(options) => Some(options),
            _ => None,
        }
    }

    #[test]
    fn without_options_there_is_a_batch_on_one_thread() {
        let options = signatures(&[]).unwrap();
        assert_eq!(options.batch, [1024]);
        assert_eq!(options.message_bytes, [32]);
        assert_eq!(options.threads, [1]);
        assert!(options.invalid.is_empty() && options.zipf.is_none());
        let options = merkle(&[]).unwrap();
        assert_eq!((options.pairs, options.threads), (vec![100_000], vec![1]));
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let options = signatures(&["--message-bytes", "32,200,1024", "--invalid", "0.001,0.5"]);
        let options = options.unwrap();
        assert_eq!(options.message_bytes, [32, 200, 1024]);
        assert_eq!(options.invalid, [0.001, 0.5]);
    }

    #[test]
    fn numbers_without_a_meaning_are_refused() {
        for share in ["0", "1.1", "-1", "NaN", "half"] {
            assert!(signatures(&["--invalid", share]).is_none(), "{share}");
        }
        for exponent in ["-1", "NaN", "11", "inf"] {
            assert!(signatures(&["--zipf", exponent]).is_none(), "{exponent}");
        }
        for option in ["--batch", "--threads", "--rounds"] {
            assert!(signatures(&[option, "0"]).is_none(), "{option}");
            assert!(signatures(&[option, "1"]).is_some(), "{option}");
        }
        for option in ["--pairs", "--threads", "--rounds"] {
            assert!(merkle(&[option, "0"]).is_none(), "{option}");
        }
        for option in ["--keys", "--batch", "--threads", "--rounds", "--cache-mib"] {
            assert!(Cli::try_parse_from(["compare", "state", option, "0"]).is_err());
        }
        assert!(signatures(&["--json", "--markdown"]).is_none());
    }
}
