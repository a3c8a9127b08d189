//! `ordlane demo`: real signed transactions through the whole engine, in parallel and one after another, compared.
//!
//! Blocks are made once and written to files. From those bytes a parallel and a sequential engine, each with a store of
//! its own on disk, execute and commit every block, one engine after the other; then everything that they hold is compared.
//! The parallel one overlaps the stages of neighbouring blocks, the sequential one does one thing after another.

mod chains;
mod fork;
mod make;
mod summary;
mod trace_file;

pub(crate) use self::trace_file::TraceFileError;

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context as _, bail};
use ordlane::primitives::Address;
use ordlane_testkit::workload::{ContractLoad, Distribution, Exponent, Share, Workload};
use serde::Serialize;

use self::{
    chains::Chains,
    make::{FORK_BLOCKS, Maker},
    summary::{Asked, Found, Summary},
    trace_file::TraceFile,
};
use crate::{
    backend::BackendArg,
    data_dir::{self, Cache},
    report,
};

/// The share of plain transfers that fail, unless the user says otherwise.
const FAILING_PER_MILLION: u32 = 50_000;
/// Most threads that may be asked for.
const MAX_THREADS: usize = 1024;

/// Sign transactions, execute them in parallel and sequentially, compare, and prove the result
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many transactions each block has
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    txs: u32,
    /// How many accounts send and receive
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=4_194_304))]
    accounts: u32,
    /// How many threads the parallel engine has; by default as many as the machine runs at once
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    threads: Option<usize>,
    /// Where the parallel engine verifies signatures and hashes; the sequential one does on the CPU
    #[arg(long, value_enum, default_value_t)]
    backend: BackendArg,
    /// Choose accounts by Zipf's law with this exponent, instead of evenly
    #[arg(long, value_name = "S")]
    zipf: Option<Exponent>,
    /// What the transactions are
    #[arg(long, value_enum, default_value_t)]
    workload: Load,
    /// The share of transactions that fail when they run, 0 to 1; by default 0.05, and 0.2 of the full workload
    #[arg(long, value_name = "SHARE")]
    failing: Option<Share>,
    /// How many blocks
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    blocks: u64,
    /// Where all randomness comes from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Keep the block files and the chain in this folder, which must be empty; by default nothing is kept
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    cache: Cache,
    /// Write how each transaction was executed in parallel to this file, as JSON, in the place of what is there
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What the transactions of the demo are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Load {
    /// Transfers between accounts of one key
    #[default]
    Transfers,
    /// All that works, mixed: policies of many keys, memos, busy senders and receivers, edges; and a fork above the last
    /// block, of which the longer side wins
    Full,
    /// Calls and deployments of contracts: a token, an exchange, mints, calls through three contracts, computations
    Contracts,
}

pub(crate) fn parse_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=MAX_THREADS) => Ok(threads),
        _ => Err(format!(
            "{text} is not a number of threads from 1 to {MAX_THREADS}"
        )),
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let data = args.data.as_deref().unwrap_or(scratch.path());
    if !data_dir::is_absent_or_empty(data)? {
        bail!(
            "{} is not empty; nothing was touched (hint: choose an empty folder)",
            data.display()
        );
    }
    let threads = args
        .threads
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZeroUsize::get));
    let mut trace = open_trace(args.trace.as_deref(), data)?;
    let workload = workload(args)?;
    let failing = workload.failing;
    let generator = workload.generator()?;
    let genesis = generator.genesis().clone();
    data_dir::write_genesis(data, &genesis)?;

    let mut maker = Maker::new(generator, data, threads)?;
    let files = maker.blocks(args.blocks, args.json)?;
    let fork = has_fork(args).then(|| maker.fork()).transpose()?;
    drop(maker);
    let chains = run_chains(
        args,
        data,
        &scratch.path().join("sequential"),
        &genesis,
        (threads, args.backend),
        &files,
        trace.as_mut(),
    )?;
    let fork = fork.map(|files| chains.fork(&files)).transpose()?;
    if args.data.is_some() {
        chains.parallel.engine.write_pages()?;
    }
    let traced = trace.map(TraceFile::finish).transpose()?;
    let proven = chains.prove(prove_whom(&genesis))?;
    let summary = Summary::new(
        args,
        data,
        &chains,
        Asked { threads, failing },
        Found {
            proven,
            fork,
            traced,
        },
    )?;
    if args.json {
        report::print_json(&summary)?
    } else {
        summary.print()?
    }
    summary.verdict()
}

/// Makes the trace file, before anything takes long. It may lie in the folder of the chain, which is not there yet.
fn open_trace(file: Option<&Path>, data: &Path) -> anyhow::Result<Option<TraceFile>> {
    let Some(file) = file else { return Ok(None) };
    if file.starts_with(data) {
        fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    }
    Ok(Some(TraceFile::create(file)?))
}

fn has_fork(args: &Args) -> bool {
    args.workload == Load::Full
}

fn workload(args: &Args) -> anyhow::Result<Workload> {
    let forked = if has_fork(args) { FORK_BLOCKS } else { 0 };
    let load = match (args.workload, args.zipf) {
        (Load::Transfers, zipf) => Workload {
            distribution: zipf.map_or(Distribution::Uniform, Distribution::Zipf),
            failing: Share::per_million(FAILING_PER_MILLION),
            proposer_among_senders: true,
            ..Workload::default()
        },
        (Load::Full, None) => Workload::full(),
        (Load::Contracts, None) => Workload {
            distribution: Distribution::Contracts(ContractLoad::Mixed),
            failing: Share::per_million(FAILING_PER_MILLION),
            proposer_among_senders: true,
            ..Workload::default()
        },
        (Load::Full | Load::Contracts, Some(_)) => bail!(
            "this workload chooses its accounts itself (hint: leave out --zipf or --workload)"
        ),
    };
    Ok(Workload {
        accounts: args.accounts,
        txs_per_block: args.txs,
        blocks: args.blocks.saturating_add(forked),
        failing: args.failing.unwrap_or(load.failing),
        seed: args.seed,
        ..load
    })
}

fn run_chains(
    args: &Args,
    data: &Path,
    sequential: &Path,
    genesis: &ordlane::primitives::Genesis,
    (threads, backend): (usize, BackendArg),
    files: &[PathBuf],
    mut trace: Option<&mut TraceFile>,
) -> anyhow::Result<Chains> {
    let traced = trace.is_some();
    let workers = (threads, backend);
    let mut chains = Chains::open(data, sequential, genesis, workers, args.cache, traced)?;
    let steps = (files.len() as u64).saturating_mul(2);
    let bar = report::progress(steps, "executing, twice", args.json);
    // One after the other, so that neither takes time from the other.
    chains.parallel.run(files, |traced| {
        bar.inc(1);
        match (&mut trace, traced) {
            (Some(file), Some((height, traced))) => Ok(file.block(height, &traced)?),
            _ => Ok(()),
        }
    })?;
    chains.sequential.run(files, |_| {
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();
    Ok(chains)
}

/// The account that is proven: the first of the genesis.
fn prove_whom(genesis: &ordlane::primitives::Genesis) -> Address {
    genesis
        .accounts()
        .first()
        .map_or(Address::ZERO, |account| account.address)
}
