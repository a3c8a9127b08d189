//! `ordlane prove`: what the state says of an account, with the proof.

use std::path::PathBuf;

use ordlane::primitives::Address;

use crate::{
    data_dir::{self, Opening},
    proof_json::ProofJson,
    report,
};

/// Print the proof of an account, present or absent, as JSON
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The account's address: 64 hex digits
    address: Address,
    /// JSON, which is the only form of a proof
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let engine = data_dir::open(&args.data, Opening::to_read())?;
    let proof = engine.prove(&args.address)?;
    report::print_json(&ProofJson::new(&proof, &engine.durable_head()))
}
