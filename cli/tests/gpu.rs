//! `ordlane gpu` and `--backend`, with whatever this machine has.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]
#![cfg(feature = "gpu")]

use std::process::{Command, Output};

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
        println!("skipped: no adapter");
        assert_eq!(info["state"], "absent");
        assert_eq!(gpu["gpu_adapter"], Value::Null);
        return;
    }
    assert_eq!(info["state"], "ready");
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
    assert!(text.contains("no GPU"), "{text}");
    let bench = ordlane(&["gpu", "bench", "--adapter", "no adapter has this name"]);
    assert_eq!(bench.status.code(), Some(1));
}
