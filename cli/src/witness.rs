//! `ordlane witness`: what is needed to execute a block again without its chain.

use std::{
    fs,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use ordlane::primitives::{BlockHeight, BlockWitness};
use serde_json::json;

use crate::{
    data_dir::{self, Opening},
    report,
};

/// Write the witness of a block: the block, what it touches of the state below it, and the proof of that
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The block's height, 1 to that of the tip
    height: u64,
    /// Where to write; by default to standard output, unless that is a terminal
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print what was written to FILE as JSON
    #[arg(long, requires = "output")]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if args.output.is_none() {
        refuse_terminal(std::io::stdout().is_terminal())?;
    }
    let engine = data_dir::open(&args.data, Opening::to_read())?;
    let witness = engine
        .witness(BlockHeight(args.height))
        .with_context(|| format!("cannot make the witness of block {}", args.height))?;
    let bytes = witness.to_bytes();
    match &args.output {
        Some(path) => write_file(path, &witness, &bytes, args.json),
        None => write_output(&bytes),
    }
}

/// A witness is no text, and some of its bytes would change a terminal's settings.
fn refuse_terminal(is_terminal: bool) -> anyhow::Result<()> {
    if is_terminal {
        bail!(
            "a witness is not text and is not written to a terminal (hint: `-o FILE`, or `> FILE`)"
        );
    }
    Ok(())
}

fn write_output(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .context("cannot write to standard output")
}

fn write_file(path: &Path, witness: &BlockWitness, bytes: &[u8], json: bool) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    let hash = witness.block.hash().to_string();
    let file = path.display().to_string();
    let (keys, txs) = (witness.entries.len(), witness.block.transactions.len());
    if json {
        return report::print_json(&json!({
            "file": file,
            "height": witness.block.header.number.0,
            "hash": hash,
            "txs": txs,
            "keys": keys,
            "bytes": bytes.len(),
        }));
    }
    report::print_fields(&[
        ("file", file),
        ("height", witness.block.header.number.to_string()),
        ("hash", hash),
        ("txs", txs.to_string()),
        ("keys", keys.to_string()),
        ("bytes", bytes.len().to_string()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_refused_with_a_hint() {
        assert!(refuse_terminal(false).is_ok());
        let refused = refuse_terminal(true).map_err(|error| error.to_string());
        assert!(refused.is_err_and(|text| text.contains("-o FILE")));
    }
}
