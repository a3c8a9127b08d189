//! `ordlane gpu` and `--backend`, with whatever this machine has.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]
#![cfg(feature = "gpu")]

use std::{
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
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Says that a test has no adapter, unless there must be one.
fn no_adapter() {
    let required = std::env::var("ORDLANE_REQUIRE_ADAPTER").is_ok_and(|value| value == "1");
    assert!(!required, "no adapter");
    println!("skipped: no adapter");
}

/// Everything that works on a chain without a demo, on this backend: who hashed in each of the commands, and the roots.
fn works_on_a_chain(folder: &Path, chain: &str, backend: &str) -> (Vec<Value>, Vec<Value>) {
    let path = |name: &str| {
        folder
            .join(format!("{backend}-{name}"))
            .display()
            .to_string()
    };
    let (again, file, restored) = (path("again"), path("file"), path("restored"));
    let genesis = format!("{chain}/genesis.bin");
    let block = format!("{chain}/blocks/00000001.block");
    let with = |arguments: &[&str]| json(&[arguments, &["--backend", backend, "--json"]].concat());
    let done = [
        with(&["execute", "--data", &again, "--genesis", &genesis, &block]),
        with(&["snapshot", "create", "--data", chain, &file]),
        with(&["snapshot", "inspect", "--verify", &file]),
        with(&["snapshot", "restore", "--data", &restored, &file]),
        with(&["fsck", "--data", chain]),
    ];
    let [executed, others @ ..] = &done;
    let roots = others.iter().map(|done| done["state_root"].clone());
    let roots = [executed[0]["state_root"].clone()].into_iter().chain(roots);
    let who = others.iter().map(|done| done["hash_backend"].clone());
    let adapters: Vec<Value> = others
        .iter()
        .map(|done| done["gpu_adapter"].clone())
        .collect();
    assert!(
        adapters.iter().all(|adapter| *adapter == adapters[0]),
        "{adapters:?}"
    );
    (who.chain([adapters[0].clone()]).collect(), roots.collect())
}

#[test]
fn every_command_that_hashes_does_so_where_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let chain = folder.path().join("chain").display().to_string();
    let demo = ["--txs", "60", "--accounts", "20", "--blocks", "1", "--json"];
    let demo = json(&[&["demo", "--backend", "cpu", "--data", &chain], &demo[..]].concat());
    let (on_cpu, roots) = works_on_a_chain(folder.path(), &chain, "cpu");
    assert!(
        roots.iter().all(|root| *root == demo["state_root"]),
        "{roots:?}"
    );
    assert_eq!(on_cpu.last(), Some(&Value::Null));
    let (on_gpu, same) = works_on_a_chain(folder.path(), &chain, "gpu");
    assert_eq!(same, roots);
    let info = json(&["gpu", "info", "--json"]);
    if info["adapters"].as_array().unwrap().is_empty() {
        no_adapter();
        assert_eq!(on_gpu, on_cpu);
        return;
    }
    let [who @ .., adapter] = &on_gpu[..] else {
        panic!("no command was run");
    };
    assert_eq!(*adapter, info["adapter"]);
    let name = info["backend"].as_str().unwrap();
    for who in who {
        assert!(who.as_str().unwrap().starts_with(name), "{on_gpu:?}");
    }
}

#[test]
fn shaders_are_printed_one_or_all() {
    let all = ordlane(&["gpu", "shaders", "--radix", "u32"]);
    let all = String::from_utf8(all.stdout).unwrap();
    assert_eq!(all.matches("@compute").count(), 8);
    assert!(!all.contains("u64"));
    let one = ordlane(&["gpu", "shaders", "--radix", "u32", "ed25519_finish"]);
    let one = String::from_utf8(one.stdout).unwrap();
    assert_eq!(one.matches("@compute").count(), 1);
    assert!(all.contains(one.trim_end()));
    let none = ordlane(&["gpu", "shaders", "nothing"]);
    assert_eq!(none.status.code(), Some(1));
    let error = String::from_utf8(none.stderr).unwrap();
    assert!(error.contains("sha256_parent"), "{error}");
}

#[test]
fn every_backend_gives_the_same_root_and_says_who_it_was() {
    let demo = |backend: &str| {
        json(&[
            "demo",
            "--txs",
            "80",
            "--accounts",
            "20",
            "--blocks",
            "2",
            "--backend",
            backend,
            "--json",
        ])
    };
    let (auto, cpu, gpu) = (demo("auto"), demo("cpu"), demo("gpu"));
    for result in [&auto, &cpu, &gpu] {
        assert_eq!(result["state_root"], cpu["state_root"]);
        assert_eq!(result["roots_equal"], Value::Bool(true));
        assert!(result["verify_backend"].is_string() && result["hash_backend"].is_string());
    }
    assert_eq!(cpu["gpu_adapter"], Value::Null);
    let info = json(&["gpu", "info", "--json"]);
    if info["adapters"].as_array().unwrap().is_empty() {
        no_adapter();
        assert_eq!(info["state"], "absent");
        assert_eq!(gpu["gpu_adapter"], Value::Null);
        return;
    }
    assert_eq!(info["state"], "ready");
    assert_eq!(info["reason"], Value::Null);
    assert_eq!(gpu["gpu_adapter"], info["adapter"]);
    assert_eq!(gpu["verify_backend"], info["backend"]);
    let calibration = info["calibration"].as_array().unwrap();
    assert_eq!(calibration.len(), 4);
}

#[test]
fn an_adapter_that_there_is_not_is_said_plainly() {
    let info = ordlane(&["gpu", "info", "--adapter", "no adapter has this name"]);
    assert!(info.status.success());
    let text = String::from_utf8(info.stdout).unwrap();
    assert!(text.contains("no GPU is used: "), "{text}");
    let bench = ordlane(&["gpu", "bench", "--adapter", "no adapter has this name"]);
    assert_eq!(bench.status.code(), Some(1));
}
