//! `ordlane fsck` on stores with and without damage, and `ordlane db stats` beside it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::{
    fs,
    ops::ControlFlow,
    path::Path,
    process::{Command, Output},
};

use ordlane::state::{FjallStorage, Space, Storage as _, WriteBatch};
use serde_json::Value;

fn ordlane(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ordlane"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Runs it, expects this exit code, and reads what it printed.
fn json(arguments: &[&str], code: i32) -> Value {
    let output = ordlane(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(arguments: &[&str], code: i32) -> String {
    let output = ordlane(arguments);
    assert_eq!(output.status.code(), Some(code));
    String::from_utf8(output.stdout).unwrap()
}

fn make_chain(data: &str) {
    let arguments = [
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
    ];
    json(&arguments, 0);
}

/// Changes the store of a folder behind its back.
fn damage(data: &str, change: impl FnOnce(&FjallStorage, &mut WriteBatch)) {
    let storage = FjallStorage::open(Path::new(data).join("store")).unwrap();
    let mut batch = WriteBatch::new();
    change(&storage, &mut batch);
    assert!(!batch.is_empty());
    storage.write(batch).unwrap();
}

fn keys(storage: &FjallStorage, space: Space) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    storage
        .scan(space, &[], &mut |key, _| {
            keys.push(key.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();
    keys
}

fn count(report: &Value, severity: &str) -> u64 {
    report["found"][severity].as_u64().unwrap()
}

#[test]
fn a_sound_store_is_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    make_chain(data);
    let report = json(&["fsck", "--data", data, "--json"], 0);
    assert_eq!(report["store"], "sound");
    assert_eq!(report["height"], 3);
    assert_eq!(report["blocks"], 4);
    assert_eq!(report["values"], 11, "ten accounts and the parameters");
    assert_eq!(report["hint"], Value::Null);
    let again = json(&["fsck", "--repair", "--data", data, "--json"], 0);
    assert_eq!(again["store"], "sound");
    assert_eq!(again["entries_repaired"], 0);
    let shown = text(&["fsck", "--data", data], 0);
    for word in ["sound", "nothing", "block 3"] {
        assert!(shown.contains(word), "{shown}");
    }
}

#[test]
fn what_can_be_made_again_is_and_the_store_opens() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    make_chain(data);
    let tip = json(&["inspect", "--data", data, "tip", "--json"], 0);
    let tx = tip["tx_ids"][0].as_str().unwrap();
    let record = json(&["inspect", "--data", data, "tx", tx, "--json"], 0);
    damage(data, |storage, batch| {
        for space in [Space::TxIndex, Space::EventIndex, Space::Hist] {
            for key in keys(storage, space) {
                batch.remove(space, key);
            }
        }
        batch.put(Space::Meta, *b"pages", *b"no mark");
        batch.put(Space::Rev, *b"stray", *b"stray");
    });
    let refused = ordlane(&["inspect", "--data", data, "tip"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("`ordlane fsck --data DIR`"), "{said}");
    let stats = json(&["db", "stats", "--data", data, "--json"], 0);
    assert_eq!(stats["unreadable"], serde_json::json!(["pages"]));
    let shown = text(&["db", "stats", "--data", data], 0);
    assert!(shown.contains("cannot be read: pages"), "{shown}");

    let found = json(&["fsck", "--data", data, "--json"], 1);
    assert_eq!(found["store"], "damaged");
    assert!(found["hint"].as_str().unwrap().contains("--repair"));
    assert_eq!((count(&found, "lost"), count(&found, "stray")), (0, 1));
    assert!(count(&found, "rebuildable") > 90);
    let shown = text(&["fsck", "--data", data], 1);
    for word in ["damaged", "more", "hint: all of this can be repaired"] {
        assert!(shown.contains(word), "{shown}");
    }

    let repaired = json(&["fsck", "--repair", "--data", data, "--json"], 0);
    assert_eq!(repaired["store"], "repaired");
    assert_eq!(repaired["found"], found["found"]);
    assert!(repaired["entries_repaired"].as_u64().unwrap() > 90);
    assert_eq!(repaired["left"]["listed"], serde_json::json!([]));
    assert_eq!(json(&["inspect", "--data", data, "tip", "--json"], 0), tip);
    let again = json(&["inspect", "--data", data, "tx", tx, "--json"], 0);
    assert_eq!(again, record);
    let stats = json(&["db", "stats", "--data", data, "--json"], 0);
    assert_eq!(stats["unreadable"], serde_json::json!([]));
}

#[test]
fn what_is_lost_is_said_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    make_chain(data);
    damage(data, |storage, batch| {
        batch.remove(Space::Receipts, 2_u64.to_be_bytes());
        batch.remove(Space::TxIndex, keys(storage, Space::TxIndex).remove(0));
    });
    for arguments in [
        &["fsck", "--data", data, "--json"][..],
        &["fsck", "--repair", "--data", data, "--json"],
        &["fsck", "--data", data, "--json"],
    ] {
        let report = json(arguments, 1);
        assert_eq!(report["store"], "damaged");
        assert_eq!(report["entries_repaired"], 0);
        assert_eq!(count(&report, "lost"), 1);
        assert_eq!(report["found"], report["left"]);
        let lost = &report["found"]["listed"];
        let lost = lost.as_array().unwrap().iter();
        let lost: Vec<&Value> = lost.filter(|found| found["severity"] == "lost").collect();
        assert_eq!(lost[0]["space"], "receipts");
        assert_eq!(lost[0]["height"], 2);
        assert_eq!(lost[0]["fault"], "missing");
        assert!(report["hint"].as_str().unwrap().contains("from a copy"));
    }
    let shown = text(&["fsck", "--repair", "--data", data], 1);
    assert!(
        shown.contains("lost: receipts of block 2: it is missing"),
        "{shown}"
    );
}

#[test]
fn what_is_no_store_is_refused_with_its_own_code_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    let foreign = folder.path().join("foreign");
    fs::create_dir_all(foreign.join("store")).unwrap();
    fs::write(foreign.join("store/file"), "mine").unwrap();
    for data in [&absent, &foreign] {
        for repair in [&[][..], &["--repair"]] {
            let arguments = [&["fsck", "--data", data.to_str().unwrap()], repair].concat();
            let output = ordlane(&arguments);
            assert_eq!(output.status.code(), Some(2));
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(
                said.starts_with("error: ") && said.contains("hint"),
                "{said}"
            );
        }
    }
    assert!(!absent.exists());
    assert_eq!(fs::read_dir(foreign.join("store")).unwrap().count(), 1);
    assert_eq!(ordlane(&["fsck"]).status.code(), Some(2));
}
