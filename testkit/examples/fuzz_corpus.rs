//! Writes the first inputs of the fuzz targets into a folder: `cargo run -p ordlane-testkit --example fuzz_corpus -- fuzz/corpus`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ordlane_testkit::golden;
use serde_json::Value;

fn main() -> io::Result<()> {
    let folder = std::env::args().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::other("say where to write"))?;
    let document: Value = serde_json::from_str(golden::TEXT)?;
    let samples = document["samples"].as_object().into_iter().flatten();
    for (name, sample) in samples {
        let bytes =
            hex::decode(sample["bytes"].as_str().unwrap_or_default()).map_err(io::Error::other)?;
        write(&folder, name, &bytes)?;
    }
    Ok(())
}

/// Writes a sample to each target that takes it; `roundtrip_canonical` has the type's number in front.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let (target, which) = match name {
        "transaction_single" | "transaction_multi" => (Some("tx_decode"), 0),
        "block" => (Some("block_decode"), 1),
        "header" => (None, 2),
        "receipt_success" | "receipt_failed" => (None, 3),
        "genesis" => (None, 4),
        "chain_params" => (None, 5),
        "state_proof_empty" | "state_proof_leaf" => (None, 6),
        "account" => (None, 7),
        _ => return Ok(()),
    };
    if let Some(target) = target {
        put(&folder.join(target), name, bytes)?;
    }
    put(
        &folder.join("roundtrip_canonical"),
        name,
        &[&[which], bytes].concat(),
    )
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // The prefix keeps names apart from the hashes that a fuzzer gives to what it finds.
    fs::write(folder.join(format!("sample_{name}")), bytes)
}
