//! `ordlane execute`: block files into a chain.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use ordlane::{Committed, primitives::ReceiptStatus};
use serde::Serialize;

use crate::{data_dir, report};

/// Execute block files on top of a chain, compare every root, and make them durable
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// How the chain begins; needed once, for an empty folder
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// How many threads; by default as many as the machine runs at once
    #[arg(long, value_name = "N", value_parser = crate::demo::parse_threads)]
    threads: Option<usize>,
    /// The block files, in order
    #[arg(required = true, value_name = "BLOCKFILE")]
    blocks: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

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
    let genesis_in_folder = Some(data_dir::genesis_path(&args.data)).filter(|path| path.exists());
    let engine = match args.genesis.clone().or(genesis_in_folder) {
        Some(path) => {
            data_dir::open_or_begin(&args.data, data_dir::read_genesis(&path)?, args.threads)?
        }
        None if data_dir::is_absent_or_empty(&args.data)? => {
            bail!(
                "{} has no chain (hint: give the chain's genesis with --genesis FILE)",
                args.data.display()
            )
        }
        None => data_dir::open(&args.data)?,
    };
    let mut done = Vec::new();
    let bar = report::progress(args.blocks.len() as u64, "executing blocks", args.json);
    for path in &args.blocks {
        let bytes = data_dir::read_block(path)?;
        let what = || format!("cannot execute {}", path.display());
        let executed = engine.import_block(&bytes).with_context(what)?;
        let txs = executed.receipts().len();
        let failed = executed
            .receipts()
            .iter()
            .filter(|receipt| receipt.status != ReceiptStatus::Success)
            .count();
        let gas_used = executed.header().gas_used.0;
        let Committed { head, stages } = engine.commit(executed).with_context(what)?;
        done.push(BlockJson {
            file: path.display().to_string(),
            height: head.height.0,
            hash: head.hash.to_string(),
            state_root: head.state_root.to_string(),
            txs,
            failed_txs: failed,
            gas_used,
            ms: report::ms(stages.total().max(Duration::from_nanos(1))),
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    if args.json {
        return report::print_json(&done);
    }
    let rows = done
        .into_iter()
        .map(|block| {
            [
                block.file,
                block.height.to_string(),
                block.txs.to_string(),
                block.failed_txs.to_string(),
                block.gas_used.to_string(),
                format!("{:.1}", block.ms),
                block.state_root,
            ]
        })
        .collect();
    report::print_numbers(
        ["file", "height", "txs", "failed", "gas", "ms", "state root"],
        rows,
    );
    Ok(())
}
