//! Which crate may import which of ours. The table is that of docs/ARCHITECTURE.md.

#![expect(clippy::expect_used, reason = "a test that cannot go on must stop")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// A crate, and the crates of ours that it may depend on (dev-dependencies aside).
const MAY_IMPORT: [(&str, &[&str]); 8] = [
    ("ordlane-primitives", &[]),
    ("ordlane-scheduler", &[]),
    ("ordlane-state", &["ordlane-primitives"]),
    ("ordlane-gpu-kernels", &["ordlane-primitives"]),
    (
        "ordlane",
        &[
            "ordlane-gpu-kernels",
            "ordlane-primitives",
            "ordlane-scheduler",
            "ordlane-state",
        ],
    ),
    ("ordlane-cli", &["ordlane", "ordlane-testkit"]),
    ("ordlane-testkit", &["ordlane-primitives"]),
    ("ordlane-benches", &[]),
];

/// Crates outside our house that only one of ours may name.
const ONLY_IN: [(&str, &str); 4] = [
    ("fjall", "ordlane-state"),
    ("dashmap", "ordlane-scheduler"),
    ("ed25519-dalek", "ordlane-primitives"),
    ("wgpu", "ordlane-gpu-kernels"),
];

/// The direct dependencies of each package of the workspace, those for tests left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .no_deps()
        .exec()
        .expect("the workspace has metadata");
    let of = |package: &cargo_metadata::Package| -> BTreeSet<String> {
        let kept = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind != DependencyKind::Development);
        kept.map(|dependency| dependency.name.clone()).collect()
    };
    metadata
        .packages
        .iter()
        .map(|package| (package.name.to_string(), of(package)))
        .collect()
}

#[test]
fn a_crate_imports_only_what_the_table_allows() {
    let dependencies = dependencies();
    let ours: BTreeSet<&str> = dependencies.keys().map(String::as_str).collect();
    let table: BTreeMap<&str, &[&str]> = MAY_IMPORT.into_iter().collect();
    assert_eq!(
        ours,
        table.keys().copied().collect::<BTreeSet<_>>(),
        "the table names every crate"
    );
    for (package, names) in &dependencies {
        for name in names.iter().filter(|name| ours.contains(name.as_str())) {
            assert!(
                table[package.as_str()].contains(&name.as_str()),
                "{package} must not import {name}"
            );
        }
    }
}

#[test]
fn what_belongs_to_one_crate_is_named_by_no_other() {
    for (package, names) in dependencies() {
        for (outside, owner) in ONLY_IN {
            assert!(
                package == owner || !names.contains(outside),
                "{package} must not import {outside}"
            );
        }
    }
}

#[test]
fn the_signature_rule_is_called_from_one_place_only() {
    // No crate but primitives turns bytes into a verdict; the others go through its batch port.
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    for package in ["scheduler", "state", "gpu-kernels", "engine", "cli"] {
        for file in rust_files(&std::path::Path::new(root).join(package).join("src")) {
            let text = std::fs::read_to_string(&file).expect("a source file");
            for banned in [
                "verify_strict",
                "ed25519_dalek",
                "curve25519_dalek",
                "signature::verify(",
            ] {
                assert!(!text.contains(banned), "{} names {banned}", file.display());
            }
        }
    }
}

fn rust_files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
