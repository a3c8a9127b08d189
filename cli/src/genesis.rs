//! `ordlane genesis`: checks how a chain is to begin, and says what comes of it.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use ordlane::{Engine, primitives::codec};
use serde::Serialize;

use crate::{data_dir, report};

/// Check a genesis file, and print its hash and its state root
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The genesis: JSON where the name ends in .json, else the binary form
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write the binary form to this file, which must not exist
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct GenesisJson {
    hash: String,
    state_root: String,
    block_hash: String,
    chain_id: String,
    total_supply: String,
    accounts: usize,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let genesis = data_dir::read_genesis(&args.file)?;
    let invalid = || format!("no chain can begin with {}", args.file.display());
    let supply = genesis.total_supply().with_context(invalid)?;
    let engine = Engine::builder()
        .genesis(genesis.clone())
        .threads(1)
        .build()
        .with_context(invalid)?;
    let head = engine.durable_head();
    let described = GenesisJson {
        hash: genesis.hash().to_string(),
        state_root: head.state_root.to_string(),
        block_hash: head.hash.to_string(),
        chain_id: genesis.params().chain_id.to_string(),
        total_supply: supply.to_string(),
        accounts: genesis.accounts().len(),
    };
    if let Some(out) = &args.out {
        let what = || format!("cannot write {}", out.display());
        let mut file = fs::File::create_new(out).with_context(what)?;
        std::io::Write::write_all(&mut file, &codec::encode(&genesis)).with_context(what)?;
        file.sync_all().with_context(what)?;
    }
    if args.json {
        return report::print_json(&described);
    }
    report::print_fields(&[
        ("hash", described.hash),
        ("state root", described.state_root),
        ("block 0", described.block_hash),
        ("chain", described.chain_id),
        ("supply", described.total_supply),
        ("accounts", described.accounts.to_string()),
    ])
}
