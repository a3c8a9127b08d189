//! `ordlane verify-proof`: checks a proof with nothing but a root.

use std::path::PathBuf;

use anyhow::Context as _;
use ordlane::primitives::Hash;
use serde_json::json;

use crate::{
    data_dir::read_bounded,
    proof_json::{MAX_PROOF_JSON_BYTES, ProofJson},
    report,
};

/// Check a proof against a state root, without any store
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The proof, as `ordlane prove` prints it
    #[arg(value_name = "FILE")]
    proof: PathBuf,
    /// The state root that you trust: 64 hex digits, from a header
    #[arg(long, value_name = "HEX")]
    root: Hash,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let bytes = read_bounded(&args.proof, MAX_PROOF_JSON_BYTES)?;
    let (json, proof) = ProofJson::parse(&bytes)
        .with_context(|| format!("cannot read {}", args.proof.display()))?;
    proof
        .verify(&args.root)
        .with_context(|| format!("{} is refused", args.proof.display()))?;
    if args.json {
        return report::print_json(&json!({
            "verified": true,
            "root": args.root.to_string(),
            "address": json.address,
            "present": json.present,
        }));
    }
    let account = &proof.account;
    report::print_fields(&[
        ("verified", "yes".into()),
        ("root", args.root.to_string()),
        ("address", proof.address.to_string()),
        ("present", if json.present { "yes" } else { "no" }.into()),
        ("nonce", account.nonce.to_string()),
        ("balance", account.balance.to_string()),
    ])
}
