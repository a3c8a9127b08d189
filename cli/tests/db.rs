//! `ordlane db`, and looking at earlier states.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

/// The state root of the store of format 1 that the tests of `ordlane-state` keep.
const OLD_ROOT: &str = "768f2b753710daba20d1f60d6d59071e510290a209b21de34fcb02f2e5de7642";

fn ordlane(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ordlane"))
        .args(arguments)
        .output()
        .unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = ordlane(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn failure(arguments: &[&str]) -> String {
    let output = ordlane(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::write(to, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

#[test]
fn an_old_folder_is_upgraded_and_then_works() {
    let folder = tempfile::tempdir().unwrap();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("../state/tests/data/format-1");
    copy(&old, &folder.path().join("store"));
    let data = folder.path().to_str().unwrap();
    for arguments in [
        &["inspect", "--data", data, "tip"][..],
        &["db", "stats", "--data", data],
    ] {
        let said = failure(arguments);
        assert!(said.contains("`ordlane db upgrade --data DIR`"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let upgraded = json(&["db", "upgrade", "--data", data, "--json"]);
    assert_eq!(upgraded["from"], 1);
    assert_eq!(upgraded["to"], 2);
    assert_eq!(upgraded["blocks"], 6);
    assert_eq!(upgraded["height"], 5);
    assert_eq!(upgraded["state_root"], OLD_ROOT);
    let tip = json(&["inspect", "--data", data, "tip", "--json"]);
    assert_eq!(tip["state_root"], OLD_ROOT);
    let again = ordlane(&["db", "upgrade", "--data", data]);
    let said = String::from_utf8(again.stdout).unwrap();
    assert!(said.contains("has format 2 already"), "{said}");
}

#[test]
fn stats_count_what_the_store_holds() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    json(&[
        "demo",
        "--txs",
        "30",
        "--accounts",
        "10",
        "--blocks",
        "3",
        "--threads",
        "1",
        "--failing",
        "0",
        "--data",
        data,
        "--json",
    ]);
    let stats = json(&["db", "stats", "--data", data, "--json"]);
    assert_eq!(stats["format"], 2);
    assert_eq!(stats["height"], 3);
    assert_eq!(stats["horizon"], 0);
    let entries = |name: &str| {
        let spaces = stats["spaces"].as_array().unwrap();
        let space = spaces.iter().find(|space| space["space"] == name).unwrap();
        assert!(space["disk_bytes"].is_u64(), "{name}");
        space["entries"].as_u64().unwrap()
    };
    assert_eq!(entries("flat"), 11, "ten accounts and the parameters");
    assert_eq!(entries("tx_index"), 90);
    // In each block the emitter, the name of the event, and the accounts that send or receive.
    assert!((9..=36).contains(&entries("event_index")));
    assert!(entries("hist") > 11);
    for space in ["block", "rev", "receipts", "block_hash"] {
        assert_eq!(entries(space), 4, "{space}");
    }
    let shown = ordlane(&["db", "stats", "--data", data]);
    let text = String::from_utf8(shown.stdout).unwrap();
    for word in ["kept from", "block 0", "event_index", "value bytes"] {
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn a_folder_without_a_chain_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    for command in ["upgrade", "stats"] {
        let said = failure(&["db", command, "--data", absent.to_str().unwrap()]);
        assert!(said.contains("is not a data folder"), "{said}");
    }
    assert!(!absent.exists());
}

#[test]
fn an_account_is_shown_as_it_was_after_an_earlier_block() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    json(&[
        "demo",
        "--txs",
        "20",
        "--accounts",
        "2",
        "--blocks",
        "3",
        "--threads",
        "1",
        "--failing",
        "0",
        "--data",
        data,
        "--json",
    ]);
    let tip = json(&["inspect", "--data", data, "tip", "--json"]);
    let id = tip["tx_ids"][0].as_str().unwrap();
    let tx = json(&["inspect", "--data", data, "tx", id, "--json"]);
    let sender = tx["sender"].as_str().unwrap();
    let at = |height: &str| {
        json(&[
            "inspect", "--data", data, "account", sender, "--at", height, "--json",
        ])
    };
    let now = json(&["inspect", "--data", data, "account", sender, "--json"]);
    assert_eq!(at("3"), now);
    assert_eq!(now["state_root"], tip["state_root"]);
    assert_eq!(at("0")["nonce"], 0);
    let nonces: Vec<u64> = ["0", "1", "2", "3"]
        .map(|height| at(height)["nonce"].as_u64().unwrap())
        .to_vec();
    assert!(nonces.is_sorted() && nonces[0] < nonces[3], "{nonces:?}");
    let said = failure(&["inspect", "--data", data, "account", sender, "--at", "4"]);
    assert!(said.contains("there is no block 4"), "{said}");
}
