//! The engine against the oracle, and against itself.

#![expect(
    clippy::cast_possible_truncation,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop"
)]

mod against_oracle;
mod archive;
mod at_once;
mod beside;
mod checkpoints;
mod codes;
mod cold_reads;
mod contract_calls;
mod contracts;
mod crash;
mod diffs;
mod failures;
mod fees;
mod fields;
mod fork_tree;
mod forks;
mod golden;
mod import_many;
mod imports;
mod in_rayon;
mod matrix;
mod mutated;
mod mutated_blocks;
mod questions;
mod replays;
mod scripts;
mod slots;
mod stages;
mod submit;
mod subscribe;
mod supply;
mod support;
mod trace;
mod weak_keys;
mod witness;
