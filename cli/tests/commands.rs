//! The commands as a user runs them: what they print, and how they end.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must stop"
)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

fn ordlane(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ordlane"))
        .args(arguments)
        .output()
        .unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = ordlane(arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The one line that an error is.
fn failure(arguments: &[&str], code: i32) -> String {
    let output = ordlane(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn demo(folder: &Path) -> Value {
    let data = folder.to_str().unwrap();
    json(&[
        "demo",
        "--txs",
        "60",
        "--accounts",
        "20",
        "--blocks",
        "3",
        "--threads",
        "2",
        "--data",
        data,
        "--json",
    ])
}

#[test]
fn the_demo_prints_its_stable_keys_and_everything_is_equal() {
    let cases: [&[&str]; 4] = [
        &[],
        &["--zipf", "1.2", "--failing", "0.4"],
        &["--accounts", "2"],
        &["--threads", "1", "--failing", "0", "--seed", "9"],
    ];
    for extra in cases {
        let mut arguments = vec!["demo", "--txs", "50", "--blocks", "2", "--json"];
        if !extra.contains(&"--accounts") {
            arguments.extend(["--accounts", "30"]);
        }
        arguments.extend(extra);
        let result = json(&arguments);
        for key in [
            "roots_equal",
            "receipts_equal",
            "events_equal",
            "proof_verified",
        ] {
            assert_eq!(result[key], Value::Bool(true), "{key}");
        }
        assert_eq!(result["state_root"], result["sequential_state_root"]);
        assert_eq!(
            (result["txs"].as_u64(), result["blocks"].as_u64()),
            (Some(50), Some(2))
        );
        for stage in ["decode", "verify", "execute", "hash", "persist"] {
            assert!(result["stages"][stage].is_number(), "{stage}");
        }
        for key in [
            "threads",
            "parallel_tps",
            "sequential_tps",
            "failed_txs",
            "wall_ms",
            "sequential_wall_ms",
        ] {
            assert!(result[key].is_number(), "{key}");
        }
    }
}

#[test]
fn the_full_demo_ends_in_a_fork_and_what_it_keeps_is_a_chain() {
    for (txs, accounts) in [("80", "40"), ("1", "1")] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let data = data.to_str().unwrap();
        let load = [
            "demo",
            "--workload",
            "full",
            "--txs",
            txs,
            "--accounts",
            accounts,
        ];
        let result = json(&[&load[..], &["--blocks", "2", "--data", data, "--json"]].concat());
        for key in [
            "roots_equal",
            "receipts_equal",
            "events_equal",
            "proof_verified",
        ] {
            assert_eq!(result[key], Value::Bool(true), "{key}");
        }
        assert_eq!(result["workload"], "full");
        let fork = serde_json::json!({ "undone": 1, "applied": 2, "reorgs_equal": true });
        assert_eq!(result["fork"], fork);
        let total = 4 * txs.parse::<u64>().unwrap();
        assert_eq!(number(&result["total_txs"]), total);
        assert_eq!(number(&result["failed_txs"]), total / 5);
        assert_eq!(number(&result["events"]), total - total / 5);

        // The files without the one that lost are the same chain again.
        let again = folder.path().join("again");
        let again = again.to_str().unwrap();
        let genesis = format!("{data}/genesis.bin");
        let blocks: Vec<String> = (1..5)
            .map(|height| format!("{data}/blocks/{height:08}.block"))
            .collect();
        let mut execute = vec!["execute", "--data", again, "--genesis", &genesis, "--json"];
        execute.extend(blocks.iter().map(String::as_str));
        let executed = json(&execute);
        assert_eq!(executed[3]["state_root"], result["state_root"]);
    }
    let both = ["demo", "--workload", "full", "--zipf", "1", "--txs", "1"];
    assert!(failure(&both, 1).contains("--zipf"));
}

#[test]
fn the_demo_is_a_function_of_its_seed() {
    let root = |seed: &str| {
        let result = json(&[
            "demo",
            "--txs",
            "40",
            "--accounts",
            "9",
            "--blocks",
            "2",
            "--seed",
            seed,
            "--json",
        ]);
        result["state_root"].as_str().unwrap().to_owned()
    };
    assert_eq!(root("3"), root("3"));
    assert_ne!(root("3"), root("4"));
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

/// Checks a block of 80 transactions in a trace file; gives the runs and the conflicts of all of them.
fn traced(block: &Value, height: u64) -> (u64, u64) {
    assert_eq!(number(&block["height"]), height);
    let transactions = block["transactions"].as_array().unwrap();
    assert_eq!(transactions.len(), 80);
    let (mut runs, mut conflicts, mut last) = (0, 0, 0);
    for (transaction, index) in transactions.iter().zip(0_u64..) {
        assert_eq!(number(&transaction["index"]), index);
        let committed_at = number(&transaction["committed_at_ns"]);
        assert!(last <= committed_at);
        last = committed_at;
        let waited = number(&transaction["waits"]) > 0;
        assert_eq!(waited, transaction["waited_on"].is_string());
        runs += number(&transaction["runs"]);
        conflicts += u64::from(transaction["conflict"].is_string());
    }
    (runs, conflicts)
}

#[test]
fn a_traced_demo_tells_how_each_transaction_was_executed() {
    let folder = tempfile::tempdir().unwrap();
    // In the folder of the chain, which the demo makes.
    let data = folder.path().join("chain");
    let file = data.join("trace.json");
    let arguments = [
        "demo",
        "--txs",
        "80",
        "--accounts",
        "2",
        "--blocks",
        "3",
        "--threads",
        "2",
        "--json",
    ];
    let result = json(
        &[
            &arguments[..],
            &[
                "--data",
                data.to_str().unwrap(),
                "--trace",
                file.to_str().unwrap(),
            ],
        ]
        .concat(),
    );
    assert_eq!(result["roots_equal"], true);
    let trace: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let blocks = trace["blocks"].as_array().unwrap();
    assert_eq!(blocks.len(), 3);
    let counts = (1..)
        .zip(blocks)
        .map(|(height, block)| traced(block, height));
    let (runs, conflicts) = counts.fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
    let told = &result["trace"];
    assert_eq!(trace["hottest"], told["hottest"]);
    assert_eq!(number(&told["txs"]), 240);
    assert_eq!(number(&told["runs"]), runs);
    assert_eq!(number(&told["conflicts"]), conflicts);
    for hot in trace["hottest"].as_array().unwrap() {
        let (name, address) = hot["key"].as_str().unwrap().split_once(" of ").unwrap();
        assert!(["balance", "nonce"].contains(&name) && address.len() == 64);
        assert!(number(&hot["transactions"]) > 0);
    }

    let text = ordlane(&[
        "demo",
        "--txs",
        "9",
        "--blocks",
        "1",
        "--trace",
        file.to_str().unwrap(),
    ]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("9 transactions in 9 runs: 0 had a conflict"),
        "{text}"
    );
    let untraced = json(&["demo", "--txs", "9", "--blocks", "1", "--json"]);
    assert_eq!(untraced["trace"], Value::Null);
}

#[test]
fn a_trace_file_that_cannot_be_made_or_written_is_a_failure_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chain");
    let data = data.to_str().unwrap();
    let no_folder = folder.path().join("none/trace.json");
    let no_folder = no_folder.to_str().unwrap();
    let here = folder.path().to_str().unwrap();
    for (file, says) in [
        (no_folder, "make its folder"),
        (here, "choose another file"),
    ] {
        let error = failure(&["demo", "--data", data, "--trace", file], 1);
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(
            error.contains("cannot make the trace file") && error.contains(says),
            "{error}"
        );
        assert!(!Path::new(data).exists());
    }
    if cfg!(target_os = "linux") {
        let few = [
            "demo",
            "--txs",
            "9",
            "--blocks",
            "1",
            "--trace",
            "/dev/full",
        ];
        // More than a buffer holds, so that it fails in the middle.
        let many = [
            "demo",
            "--txs",
            "900",
            "--blocks",
            "1",
            "--trace",
            "/dev/full",
        ];
        for arguments in [few, many] {
            let error = failure(&arguments, 1);
            assert_eq!(error.lines().count(), 1, "{error}");
            assert!(error.contains("cannot write the trace file"), "{error}");
            assert!(error.contains("the file is incomplete"), "{error}");
        }
    }
}

#[test]
fn a_kept_chain_can_be_inspected_proven_and_executed_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chain");
    let summary = demo(&data);
    let data = data.to_str().unwrap();

    let tip = json(&["inspect", "--data", data, "--json", "tip"]);
    assert_eq!(tip["state_root"], summary["state_root"]);
    assert_eq!(tip["height"], 3);
    let block = json(&["inspect", "--data", data, "--json", "block", "2"]);
    assert_eq!(block["hash"], tip["parent_hash"]);
    assert!(failure(&["inspect", "--data", data, "block", "9"], 1).contains("there is no block 9"));
    let nothing = "00".repeat(32);
    assert!(failure(&["inspect", "--data", data, "tx", &nothing], 1).contains("no durable block"));

    let proposer = tip["proposer"].as_str().unwrap();
    let account = json(&["inspect", "--data", data, "--json", "account", proposer]);
    assert_eq!(account["present"], true);
    let absent = json(&["inspect", "--data", data, "--json", "account", &nothing]);
    assert_eq!(absent["present"], false);

    for address in [proposer, &nothing] {
        let proof = ordlane(&["prove", "--data", data, address]);
        let file = folder.path().join("proof.json");
        fs::write(&file, &proof.stdout).unwrap();
        let root = tip["state_root"].as_str().unwrap();
        let verified = json(&[
            "verify-proof",
            file.to_str().unwrap(),
            "--root",
            root,
            "--json",
        ]);
        assert_eq!(verified["verified"], true);
        let refused = failure(
            &["verify-proof", file.to_str().unwrap(), "--root", &nothing],
            1,
        );
        assert!(refused.contains("is refused"), "{refused}");
        let text = String::from_utf8(proof.stdout).unwrap();
        let changed = text.replacen("\"nonce\": ", "\"nonce\": 1", 1);
        fs::write(&file, changed).unwrap();
        failure(&["verify-proof", file.to_str().unwrap(), "--root", root], 1);
    }
    execute_again(folder.path(), data, &tip);
}

#[test]
fn blocks_that_are_not_to_be_kept_go_and_a_small_cache_changes_no_root() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let root = demo(&first)["state_root"].clone();
    let (first, second) = (first.to_str().unwrap(), second.to_str().unwrap());
    let genesis = format!("{first}/genesis.bin");
    let mut arguments = vec!["execute", "--data", second, "--genesis", &genesis, "--json"];
    arguments.extend(["--keep-blocks", "2", "--cache-mib", "1"]);
    let files = [1, 2, 3].map(|number| format!("{first}/blocks/{number:08}.block"));
    arguments.extend(files.iter().map(String::as_str));
    assert_eq!(json(&arguments)[2]["state_root"], root);

    let pruned = failure(&["inspect", "--data", second, "block", "1"], 1);
    assert!(pruned.contains("block 1 was pruned, block 2 is the first that is kept"));
    assert!(pruned.contains("only the header of this block is kept"));
    let pruned = failure(&["inspect", "--data", second, "diff", "1"], 1);
    assert!(pruned.contains("block 1 was pruned"), "{pruned}");
    assert!(pruned.contains("only the header of this block is kept"));
    for height in ["2", "3"] {
        let kept = json(&["inspect", "--data", second, "--json", "block", height]);
        let whole = json(&["inspect", "--data", first, "--json", "block", height]);
        assert_eq!(kept, whole);
    }
    for flag in ["--keep-blocks", "--cache-mib"] {
        failure(&["execute", "--data", second, flag, "0", &files[2]], 2);
    }
    let demo = ["demo", "--txs", "9", "--blocks", "1", "--accounts", "5"];
    let demo = [&demo[..], &["--cache-mib", "1", "--json"]].concat();
    assert_eq!(json(&demo)["roots_equal"], true);
}

#[test]
fn what_a_block_and_a_transaction_changed_is_shown_and_what_to_pay() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chain");
    demo(&data);
    let data = data.to_str().unwrap();
    let inspect = |what: &[&str]| json(&[&["inspect", "--data", data, "--json"], what].concat());

    let block = inspect(&["block", "2"]);
    let diff = inspect(&["diff", "2"]);
    assert_eq!(
        (&diff["height"], &diff["deleted"]),
        (&block["height"], &0.into())
    );
    let accounts = diff["accounts"].as_array().unwrap();
    assert_eq!(number(&diff["changed"]), accounts.len() as u64);
    for changed in accounts {
        let address = changed["address"].as_str().unwrap();
        for (at, side) in [("1", "before"), ("2", "after")] {
            let account = inspect(&["account", address, "--at", at]);
            assert_eq!(account["present"], !changed[side].is_null());
            if changed[side].is_object() {
                assert_eq!(account["balance"], changed[side]["balance"]);
                assert_eq!(account["nonce"], changed[side]["nonce"]);
            }
        }
    }
    let id = block["tx_ids"][1].as_str().unwrap();
    let tx = inspect(&["tx", id]);
    let diff = inspect(&["diff", id]);
    assert_eq!(
        (&diff["height"], &diff["index"]),
        (&tx["height"], &tx["index"])
    );
    let accounts = diff["accounts"].as_array().unwrap();
    let own = accounts
        .iter()
        .find(|own| own["address"] == tx["sender"])
        .unwrap();
    assert_eq!(own["before"]["nonce"], tx["nonce"]);
    assert_eq!(number(&own["after"]["nonce"]), number(&tx["nonce"]) + 1);
    assert_eq!(
        inspect(&["diff", "0"])["others"].as_array().unwrap().len(),
        1
    );

    assert!(failure(&["inspect", "--data", data, "diff", "9"], 1).contains("there is no block 9"));
    let nothing = "00".repeat(32);
    assert!(
        failure(&["inspect", "--data", data, "diff", &nothing], 1).contains("no durable block")
    );
    failure(&["inspect", "--data", data, "diff", "first"], 2);

    let fees = inspect(&["fees"]);
    assert_eq!(
        (number(&fees["blocks"]), &fees["gas_price"]),
        (3, &fees["minimum"])
    );
    assert_eq!(number(&inspect(&["fees", "--blocks", "1"])["blocks"]), 1);
    for wrong in [
        ["--blocks", "0"],
        ["--blocks", "101"],
        ["--percentile", "101"],
    ] {
        failure(
            &[&["inspect", "--data", data, "fees"][..], &wrong].concat(),
            2,
        );
    }
}

#[test]
fn a_witness_verifies_without_its_chain_and_a_damaged_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chain");
    demo(&data);
    let data = data.to_str().unwrap();
    let file = folder.path().join("w.bin");
    let file = file.to_str().unwrap();
    for height in ["1", "2", "3"] {
        let block = json(&["inspect", "--data", data, "--json", "block", height]);
        let written = json(&["witness", "--data", data, height, "-o", file, "--json"]);
        let piped = ordlane(&["witness", "--data", data, height]);
        assert!(piped.status.success());
        assert_eq!(piped.stdout, fs::read(file).unwrap());
        assert_eq!(written["bytes"], piped.stdout.len());
        let verified = json(&["verify-witness", file, "--json"]);
        for key in [
            "height",
            "hash",
            "state_root",
            "txs",
            "failed_txs",
            "gas_used",
        ] {
            assert_eq!(verified[key], block[key], "{key}");
        }
        assert_eq!(verified["verified"], true);
        let hash = block["hash"].as_str().unwrap();
        assert!(
            ordlane(&["verify-witness", file, "--hash", hash])
                .status
                .success()
        );
    }
    let other = failure(&["verify-witness", file, "--hash", &"00".repeat(32)], 1);
    assert!(other.contains("is refused: it is of block"), "{other}");
    let none = failure(&["witness", "--data", data, "4", "-o", file], 1);
    assert!(none.contains("there is no block 4"), "{none}");
    let genesis = failure(&["witness", "--data", data, "0", "-o", file], 1);
    assert!(genesis.contains("the genesis block has no witness"));
    assert!(
        ordlane(&["verify-witness", file]).status.success(),
        "it was left as it is"
    );

    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, &bytes).unwrap();
    for arguments in [
        &["verify-witness", file][..],
        &["verify-witness", file, "--json"],
    ] {
        let refused = failure(arguments, 1);
        assert!(refused.contains("is refused"), "{refused}");
        assert_eq!(refused.lines().count(), 1);
    }
}

/// Executes the block files into a second folder, in order and out of order.
fn execute_again(folder: &Path, data: &str, tip: &Value) {
    let second = folder.join("second");
    let second = second.to_str().unwrap();
    let genesis = format!("{data}/genesis.bin");
    let files: Vec<String> = (1..=3)
        .map(|number| format!("{data}/blocks/{number:08}.block"))
        .collect();

    let error = failure(
        &[
            "execute",
            "--data",
            second,
            "--genesis",
            &genesis,
            &files[1],
        ],
        1,
    );
    assert!(
        error.contains("00000002.block") && error.contains("is not known"),
        "{error}"
    );
    let done = json(&[
        "execute",
        "--data",
        second,
        "--genesis",
        &genesis,
        "--json",
        &files[0],
        &files[1],
    ]);
    assert_eq!(done.as_array().unwrap().len(), 2);
    let done = json(&["execute", "--data", second, "--json", &files[2]]);
    assert_eq!(done[0]["state_root"], tip["state_root"]);
    let error = failure(&["execute", "--data", second, &files[2]], 1);
    assert!(
        error.starts_with("error: ") && error.lines().count() == 1,
        "{error}"
    );

    let mut bytes = fs::read(&files[2]).unwrap();
    let last = bytes.len() - 40;
    bytes[last] ^= 1;
    let damaged = folder.join("damaged.block");
    fs::write(&damaged, bytes).unwrap();
    failure(&["execute", "--data", second, damaged.to_str().unwrap()], 1);
    let unchanged = json(&["inspect", "--data", second, "--json", "tip"]);
    assert_eq!(unchanged["hash"], tip["hash"]);
}

#[test]
fn wrong_usage_ends_with_2_and_failures_with_1() {
    for arguments in [
        &["demo", "--txs", "0"][..],
        &["demo", "--threads", "0"],
        &["demo", "--failing", "1.5"],
        &["demo", "--zipf", "much"],
        &["prove", "--data", "x", "not-hex"],
        &["verify-proof", "x"],
        &["inspect", "tip"],
        &["execute", "--data", "x"],
        &["no-such-command"],
        &["--log", "!!!=", "completions", "bash"],
        &[],
    ] {
        failure(arguments, 2);
    }
    assert!(failure(&["inspect", "--data", "/nonexistent/folder", "tip"], 1).contains("hint"));
    assert!(
        failure(
            &["verify-proof", "/nonexistent", "--root", &"00".repeat(32)],
            1
        )
        .contains("cannot open")
    );
}

#[test]
fn a_foreign_folder_is_never_touched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("precious");
    fs::write(&file, "mine").unwrap();
    let data = folder.path().to_str().unwrap();
    assert!(failure(&["demo", "--data", data], 1).contains("not empty"));
    assert!(failure(&["inspect", "--data", data, "tip"], 1).contains("not a data folder"));

    let other = tempfile::tempdir().unwrap();
    demo(&other.path().join("chain"));
    let genesis = other.path().join("chain/genesis.bin");
    let block = other.path().join("chain/blocks/00000001.block");
    let arguments = [
        "execute",
        "--data",
        data,
        "--genesis",
        genesis.to_str().unwrap(),
        block.to_str().unwrap(),
    ];
    assert!(failure(&arguments, 1).contains("nothing was touched"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn completions_and_help_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        let output = ordlane(&["completions", shell]);
        assert!(output.status.success() && output.stdout.len() > 500);
    }
    let help = ordlane(&["--help"]);
    let text = String::from_utf8(help.stdout).unwrap();
    for command in [
        "demo",
        "execute",
        "prove",
        "verify-proof",
        "inspect",
        "db",
        "fsck",
        "completions",
    ] {
        assert!(text.contains(command), "{command}");
    }
}

#[test]
fn what_was_committed_is_reported_before_a_later_failure() {
    let folder = tempfile::tempdir().unwrap();
    let chain = folder.path().join("chain");
    demo(&chain);
    let second = folder.path().join("second");
    let (second, genesis) = (second.to_str().unwrap(), chain.join("genesis.bin"));
    let first_block = chain.join("blocks/00000001.block");
    let output = ordlane(&[
        "execute",
        "--data",
        second,
        "--genesis",
        genesis.to_str().unwrap(),
        "--json",
        first_block.to_str().unwrap(),
        folder.path().to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1));
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(done[0]["height"], 1);
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("is not a file")
    );
    let again = failure(
        &["execute", "--data", second, first_block.to_str().unwrap()],
        1,
    );
    assert!(again.contains("already has a block"), "{again}");
}

#[test]
fn a_chain_that_was_lost_is_not_begun_anew_and_looking_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let chain = folder.path().join("chain");
    demo(&chain);
    let data = chain.to_str().unwrap();
    let genesis = chain.join("genesis.bin");
    let block = chain.join("blocks/00000001.block");
    fs::remove_dir_all(chain.join("store")).unwrap();
    fs::create_dir(chain.join("store")).unwrap();
    for arguments in [
        &["inspect", "--data", data, "tip"][..],
        &["execute", "--data", data, block.to_str().unwrap()],
        &[
            "execute",
            "--data",
            data,
            "--genesis",
            genesis.to_str().unwrap(),
            block.to_str().unwrap(),
        ],
    ] {
        failure(arguments, 1);
        assert_eq!(fs::read_dir(chain.join("store")).unwrap().count(), 0);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_a_failure_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let chain = folder.path().join("chain");
    let tip = demo(&chain);
    assert!(tip["state_root"].is_string());
    let data = chain.to_str().unwrap();
    let nobody = "00".repeat(32);
    for arguments in [
        &["inspect", "--data", data, "tip"][..],
        &["inspect", "--data", data, "--json", "tip"],
        &["prove", "--data", data, &nobody],
        &["completions", "bash"],
    ] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_ordlane"))
            .args(arguments)
            .stdout(full)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn errors_are_printed_as_the_published_table() {
    let output = ordlane(&["errors"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, include_str!("../../docs/ERRORS.md"));
    let errors = json(&["errors", "--json"]);
    let block = errors
        .as_array()
        .unwrap()
        .iter()
        .find(|error| error["code"] == 4002);
    assert_eq!(block.unwrap()["name"], "UnknownParent");
    assert_eq!(block.unwrap()["class"], "block");
}

#[test]
fn a_genesis_in_json_is_that_of_its_binary_form() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (source, binary) = (path("genesis.json"), path("genesis.bin"));
    let (_, rest) = include_str!("../../docs/GENESIS.md")
        .split_once("```json\n")
        .unwrap();
    let document = rest.split_once("```").unwrap().0;
    fs::write(&source, document).unwrap();
    let described = json(&["genesis", &source, "--out", &binary, "--json"]);
    assert_eq!(described["chain_id"], "7");
    assert_eq!(described["accounts"], 2);
    assert_eq!(described["total_supply"], "1000000000000000000000000000");
    assert_eq!(json(&["genesis", &binary, "--json"]), described);
    // What is there is never overwritten.
    assert!(failure(&["genesis", &source, "--out", &binary], 1).contains("cannot write"));

    let wrong = document.replace("\"balance\": \"1\"", "\"balance\": \"2\"");
    fs::write(&source, wrong).unwrap();
    let said = failure(&["genesis", &source], 1);
    assert!(
        said.contains("total_supply is 1000000000000000000000000000"),
        "{said}"
    );
    // A block file is looked at only after the genesis.
    let data = path("data");
    let arguments = [
        "execute",
        "--data",
        &data,
        "--genesis",
        &source,
        "none.block",
    ];
    assert!(failure(&arguments, 1).contains("total_supply"));
    assert!(!Path::new(&data).exists());
}
