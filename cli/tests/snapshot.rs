//! `ordlane snapshot`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordlane"));
    command.args(arguments);
    command
}

fn ordlane(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = ordlane(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The one line that a command says when it fails.
fn failure(arguments: &[&str]) -> String {
    let output = ordlane(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn demo(data: &Path, seed: &str, blocks: &str) {
    let arguments = [
        &[
            "demo",
            "--data",
            text(data),
            "--seed",
            seed,
            "--blocks",
            blocks,
        ][..],
        &[
            "--txs",
            "30",
            "--accounts",
            "10",
            "--threads",
            "1",
            "--json",
        ],
    ];
    json(&arguments.concat());
}

#[test]
fn a_chain_goes_on_in_another_folder_from_its_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let [data, file, copy] = ["data", "a.snapshot", "copy"].map(|name| folder.path().join(name));
    let (data, file, copy) = (text(&data), text(&file), text(&copy));
    demo(Path::new(data), "1", "3");
    let tip = json(&["inspect", "--data", data, "tip", "--json"]);
    let made = json(&["snapshot", "create", "--data", data, file, "--json"]);
    assert_eq!(made["height"], 3);
    assert_eq!(made["hash"], tip["hash"]);
    assert_eq!(made["entries"], 11);
    let piped = ordlane(&["snapshot", "create", "--data", data, "-"]);
    assert!(piped.stdout == fs::read(file).unwrap());

    let hash = tip["hash"].as_str().unwrap();
    let seen = json(&["snapshot", "inspect", file, "--json"]);
    assert_eq!(seen["verified"], false);
    let verified = json(&[
        "snapshot", "inspect", file, "--verify", "--hash", hash, "--json",
    ]);
    assert_eq!(verified["verified"], true);
    assert_eq!(verified["snapshot"], made["snapshot"]);
    let shown = ordlane(&["snapshot", "inspect", file]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("see --verify"), "{shown}");

    let restored = json(&[
        "snapshot", "restore", file, "--data", copy, "--hash", hash, "--json",
    ]);
    assert_eq!(restored, verified);
    let mut there = json(&["inspect", "--data", copy, "tip", "--json"]);
    assert_eq!(there, tip);
    let said = failure(&["inspect", "--data", copy, "block", "2"]);
    assert!(said.contains("pruned"), "{said}");
    let said = failure(&["snapshot", "restore", file, "--data", copy]);
    assert!(said.contains("not empty, it ends at block 3"), "{said}");

    // Both go on with the same block: its file was made by a longer run of the same demo.
    let blocks = folder.path().join("longer");
    demo(&blocks, "1", "4");
    let mut names: Vec<_> = fs::read_dir(blocks.join("blocks"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    let next = text(names.last().unwrap());
    let genesis = blocks.join("genesis.bin");
    for chain in [data, copy] {
        let done = json(&[
            "execute",
            "--data",
            chain,
            "--genesis",
            text(&genesis),
            next,
            "--json",
        ]);
        assert_eq!(done[0]["height"], 4);
        there = json(&["inspect", "--data", chain, "tip", "--json"]);
    }
    let longer = json(&["inspect", "--data", text(&blocks), "tip", "--json"]);
    assert_eq!(there, longer);
}

#[test]
fn a_damaged_or_another_file_is_refused_with_a_hint_and_makes_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let [data, file, copy] = ["data", "a.snapshot", "copy"].map(|name| folder.path().join(name));
    demo(&data, "2", "3");
    json(&[
        "snapshot",
        "create",
        "--data",
        text(&data),
        text(&file),
        "--json",
    ]);
    let bytes = fs::read(&file).unwrap();

    let bad = folder.path().join("bad");
    fs::write(&bad, b"no snapshot").unwrap();
    for arguments in [
        &["snapshot", "inspect", text(&bad)][..],
        &["snapshot", "restore", text(&bad), "--data", text(&copy)],
    ] {
        let said = failure(arguments);
        assert!(said.contains("this is not a snapshot"), "{said}");
    }
    assert!(!copy.exists());
    fs::write(&bad, &bytes[..bytes.len() - 1]).unwrap();
    let said = failure(&["snapshot", "inspect", text(&bad), "--verify"]);
    assert!(said.contains("ends within"), "{said}");
    assert!(said.contains("hint: get the snapshot again"), "{said}");
    let other = "00".repeat(32);
    for more in [&["--verify"][..], &[]] {
        let arguments = [
            &["snapshot", "inspect", text(&file), "--hash", &other],
            more,
        ]
        .concat();
        let said = failure(&arguments);
        assert!(said.contains("not of"), "{said}");
    }
    for (command, hint) in [
        ("create", "is not a data folder"),
        ("restore", "cannot open"),
    ] {
        let absent = folder.path().join("absent");
        let arguments = ["snapshot", command, "--data", text(&absent), text(&absent)];
        let said = failure(&arguments);
        assert!(said.contains(hint), "{said}");
        assert!(!absent.exists());
    }
    let said = failure(&[
        "snapshot",
        "restore",
        text(&file),
        "--data",
        text(folder.path()),
    ]);
    assert!(said.contains("nothing was touched"), "{said}");
}

#[test]
fn an_unfinished_restore_is_no_chain_and_is_finished_by_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let [data, file, copy] = ["data", "a.snapshot", "copy"].map(|name| folder.path().join(name));
    let (data, file, copy) = (text(&data), text(&file), text(&copy));
    demo(Path::new(data), "3", "3");
    json(&["snapshot", "create", "--data", data, file, "--json"]);
    // Through a pipe that ends early.
    let cut = folder.path().join("cut");
    let bytes = fs::read(file).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
    let output = command(&["snapshot", "restore", "-", "--data", copy])
        .stdin(Stdio::from(File::open(&cut).unwrap()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = failure(&["inspect", "--data", copy, "tip"]);
    assert!(said.contains("it is not finished"), "{said}");
    assert!(
        said.contains("run `ordlane snapshot restore` again"),
        "{said}"
    );

    let another = folder.path().join("another");
    demo(&another, "4", "3");
    let other = folder.path().join("b.snapshot");
    json(&[
        "snapshot",
        "create",
        "--data",
        text(&another),
        text(&other),
        "--json",
    ]);
    let said = failure(&["snapshot", "restore", text(&other), "--data", copy]);
    assert!(said.contains("another snapshot"), "{said}");

    json(&["snapshot", "restore", file, "--data", copy, "--json"]);
    let tip = |data| json(&["inspect", "--data", data, "tip", "--json"]);
    assert_eq!(tip(copy), tip(data));
}
