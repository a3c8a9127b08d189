//! `compare`: measures ours beside what it is measured against, interleaved, and prints ratios.

mod apart;
mod block;
mod chain;
mod cli;
mod contest;
mod disk;
mod error;
mod fee_key;
mod files;
mod machine;
mod measure;
mod merkle;
#[cfg(feature = "wasmtime")]
mod modules;
mod opening;
mod points;
mod progress;
mod report;
mod scheduler;
mod signatures;
mod state;
#[cfg(feature = "wasmtime")]
mod wasm;
mod workload;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let done = match &cli.command {
        cli::Command::Scheduler(options) if options.fee_key => fee_key::compare(options),
        cli::Command::Scheduler(options) => scheduler::compare(options),
        cli::Command::Signatures(options) => signatures::compare(options),
        cli::Command::Merkle(options) => merkle::compare(options),
        cli::Command::State(options) => state::compare(options),
        cli::Command::Disk(options) => disk::compare(options),
        cli::Command::Opening(options) => opening::compare(options),
        cli::Command::Block(options) => block::compare(options),
        #[cfg(feature = "wasmtime")]
        cli::Command::Wasm(options) => wasm::compare(options),
        #[cfg(feature = "wasmtime")]
        cli::Command::Modules(options) => modules::compare(options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("results differ");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
