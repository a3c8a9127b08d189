//! `ordlane execute`: block files into a chain.

use std::{
    num::NonZeroU64,
    path::{Path, PathBuf},
};

use anyhow::bail;
use ordlane::{Committed, Engine, ImportedBlock};
use serde::Serialize;

use crate::{
    backend::{BackendArg, Backends},
    block_files,
    data_dir::{self, Cache, Opening},
    report,
};

/// Execute block files on top of a chain, compare every root, and make them durable
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// How the chain begins (JSON where the name ends in .json): needed to begin one in an empty folder, compared with
    /// one that is there
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// How many threads; by default as many as the machine runs at once
    #[arg(long, value_name = "N", value_parser = crate::demo::parse_threads)]
    threads: Option<usize>,
    /// Keep so many of the last blocks whole, and of earlier ones the headers; by default all are kept. What is removed
    /// does not come back
    #[arg(long, value_name = "N")]
    keep_blocks: Option<NonZeroU64>,
    /// Where signatures are verified and hashes computed
    #[arg(long, value_enum, default_value_t)]
    backend: BackendArg,
    #[command(flatten)]
    cache: Cache,
    /// The block files, in order
    #[arg(required = true, value_name = "BLOCKFILE")]
    blocks: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is printed of each block. The keys are stable.
#[derive(Debug, Serialize)]
struct BlockJson {
    file: String,
    height: u64,
    hash: String,
    state_root: String,
    txs: usize,
    failed_txs: usize,
    gas_used: u64,
    ms: f64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let engine = open(args)?;
    args.backend.await_gpu(engine.dispatcher());
    let mut done = Vec::new();
    let bar = report::progress(args.blocks.len() as u64, "executing blocks", args.json);
    let mut paths = args.blocks.iter();
    let outcome = block_files::import(&engine, &args.blocks, |block| {
        done.extend(paths.next().map(|path| block_json(path, block)));
        bar.inc(1);
    });
    bar.finish_and_clear();
    // What was committed is reported, whatever came after it.
    print(done, Backends::of(engine.dispatcher()), args.json)?;
    outcome?;
    // So that the next command has the chain open at once.
    Ok(engine.write_pages()?)
}

/// The chain to execute on. A chain begins only where the user names its genesis, and never in the place of another.
fn open(args: &Args) -> anyhow::Result<Engine> {
    let genesis = args
        .genesis
        .as_deref()
        .map(data_dir::read_genesis)
        .transpose()?;
    let opening = Opening {
        threads: args.threads,
        backend: args.backend.into(),
        keep_blocks: args.keep_blocks,
        cache: args.cache,
    };
    match (genesis, data_dir::has_chain(&args.data)?) {
        (Some(genesis), true) => data_dir::open_compared(&args.data, genesis, opening),
        (Some(genesis), false) => data_dir::begin(&args.data, genesis, opening),
        (None, false) if data_dir::is_absent_or_empty(&args.data)? => bail!(
            "{} has no chain (hint: give the chain's genesis with --genesis FILE)",
            args.data.display()
        ),
        (None, _) => data_dir::open(&args.data, opening),
    }
}

fn block_json(path: &Path, block: &ImportedBlock) -> BlockJson {
    let Committed { head, stages } = block.committed;
    BlockJson {
        file: path.display().to_string(),
        height: head.height.0,
        hash: head.hash.to_string(),
        state_root: head.state_root.to_string(),
        txs: block.transactions,
        failed_txs: block.failed,
        gas_used: block.gas_used.0,
        ms: report::ms(stages.total()),
    }
}

fn print(done: Vec<BlockJson>, backends: Backends, json: bool) -> anyhow::Result<()> {
    if json {
        return report::print_json(&done);
    }
    let row = |block: BlockJson| {
        [
            block.file,
            block.height.to_string(),
            block.txs.to_string(),
            block.failed_txs.to_string(),
            block.gas_used.to_string(),
            format!("{:.1}", block.ms),
            block.state_root,
        ]
    };
    let head = ["file", "height", "txs", "failed", "gas", "ms", "state root"];
    report::print_numbers(head, done.into_iter().map(row).collect())?;
    report::print("")?;
    report::print_fields(&[
        ("verified by", backends.verify),
        ("hashed by", backends.hash),
    ])
}
