//! Which crate may import which of ours. The table is that of docs/ARCHITECTURE.md.

#![expect(clippy::expect_used, reason = "a test that cannot go on must stop")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// A crate, and the crates of ours that it may depend on (dev-dependencies aside).
const MAY_IMPORT: [(&str, &[&str]); 9] = [
    ("ordlane-primitives", &[]),
    ("ordlane-scheduler", &[]),
    ("ordlane-state", &["ordlane-primitives"]),
    ("ordlane-gpu-kernels", &["ordlane-primitives"]),
    ("ordlane-wasm", &["ordlane-primitives"]),
    (
        "ordlane",
        &[
            "ordlane-gpu-kernels",
            "ordlane-primitives",
            "ordlane-scheduler",
            "ordlane-state",
            "ordlane-wasm",
        ],
    ),
    ("ordlane-cli", &["ordlane", "ordlane-testkit"]),
    ("ordlane-testkit", &["ordlane-primitives", "ordlane-wasm"]),
    ("ordlane-benches", &[]),
];

/// Crates outside our house, and which of ours may name them.
const ONLY_IN: [(&str, &[&str]); 6] = [
    ("fjall", &["ordlane-state"]),
    ("lsm-tree", &["ordlane-state"]),
    ("dashmap", &["ordlane-scheduler", "ordlane-wasm"]),
    ("ed25519-dalek", &["ordlane-primitives"]),
    ("wgpu", &["ordlane-gpu-kernels"]),
    ("wasmi", &["ordlane-wasm"]),
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

/// The files that may contain `unsafe`, as docs/ARCHITECTURE.md lists them.
const MAY_BE_UNSAFE: [&str; 9] = [
    "gpu-kernels/src/cpu/sha256/ni.rs",
    "gpu-kernels/src/cpu/vector.rs",
    "gpu-kernels/src/gpu/device/trusted.rs",
    "gpu-kernels/src/gpu/shaders/tests/device.rs",
    "scheduler/src/parallel/lock.rs",
    "scheduler/src/parallel/proofs/counters.rs",
    "scheduler/tests/memory.rs",
    "testkit/tests/allocation.rs",
    "wasm/tests/footprint.rs",
];

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
        for (outside, owners) in ONLY_IN {
            assert!(
                owners.contains(&package.as_str()) || !names.contains(outside),
                "{package} must not import {outside}"
            );
        }
    }
}

#[test]
fn the_signature_rule_is_called_from_one_place_only() {
    // No crate but primitives turns bytes into a verdict; the others go through its batch port.
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    for package in ["scheduler", "state", "gpu-kernels", "wasm", "engine", "cli"] {
        let files = rust_files(&std::path::Path::new(root).join(package).join("src"));
        // A tier's unit tests compare it with the points of a library; no verdict comes from there.
        let is_test = |file: &std::path::Path| {
            file.ends_with("tests.rs") || file.components().any(|part| part.as_os_str() == "tests")
        };
        for file in files.iter().filter(|file| !is_test(file)) {
            let text = std::fs::read_to_string(file).expect("a source file");
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

#[test]
fn unsafe_code_stands_only_where_it_is_listed() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let folders = std::fs::read_dir(root).expect("the folder of the workspace");
    let crates = folders.map(|entry| entry.expect("an entry").path());
    let files = crates
        .filter(|path| path.join("Cargo.toml").exists())
        .flat_map(|path| ["src", "tests", "examples", "benches"].map(|folder| path.join(folder)))
        .filter(|folder| folder.exists())
        .flat_map(|folder| rust_files(&folder));
    let found: BTreeSet<String> = files
        .filter(|file| {
            let text = std::fs::read_to_string(file).expect("a source file");
            text.lines().any(is_unsafe)
        })
        .map(|file| {
            let file = file.strip_prefix(root).expect("a path below the root");
            file.to_string_lossy().replace('\\', "/")
        })
        .collect();
    assert_eq!(found, MAY_BE_UNSAFE.map(String::from).into());
}

/// Whether a line has the keyword, or the lint that forbids it, outside of comments and strings.
fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let outside_of_strings = code.split('"').step_by(2);
    let is_part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    outside_of_strings
        .flat_map(|code| code.split(|c| !is_part_of_word(c)))
        .any(|word| ["unsafe", "unsafe_code"].contains(&word))
}

#[test]
fn unsafe_code_is_seen_outside_of_comments_and_strings() {
    for line in [
        "    unsafe { f() }",
        "unsafe impl Sync for A {}",
        "#[expect(unsafe_code, reason = \"a\")]",
    ] {
        assert!(is_unsafe(line), "{line}");
    }
    for line in ["// unsafe", "let text = \"unsafe\";", "let unsafely = 1;"] {
        assert!(!is_unsafe(line), "{line}");
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
