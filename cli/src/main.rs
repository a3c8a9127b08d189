//! The `ordlane` command line: one file per command.
//!
//! Exit codes: 0 when it worked, 1 when it did not, 2 when it was called wrongly; `fsck` has its own. Results go to standard output, in
//! words or with `--json`; errors go to standard error, in one line with their causes and a hint, and so do warnings.

mod account_json;
mod backend;
mod block_files;
mod completions;
mod data_dir;
mod db;
mod demo;
mod errors;
mod execute;
mod fsck;
mod genesis;
mod gpu;
mod inspect;
mod proof_json;
mod prove;
mod report;
mod snapshot;
mod verify_proof;
mod verify_witness;
mod witness;

use std::{io::IsTerminal as _, process::ExitCode};

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// What is printed of what happens inside where nothing else is said.
const LOG: &str = "warn";

/// Many lanes, one order: blocks of signed transactions, executed in parallel, durable and proven.
#[derive(Debug, Parser)]
#[command(
    name = "ordlane",
    version,
    arg_required_else_help = true,
    max_term_width = 100
)]
struct Cli {
    /// Print what happens inside, to standard error: a filter such as `info`, `ordlane=debug` or `off`; by default warnings
    #[arg(long, global = true, value_name = "FILTER", value_parser = parse_filter)]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Execute(execute::Args),
    Prove(prove::Args),
    VerifyProof(verify_proof::Args),
    Witness(witness::Args),
    VerifyWitness(verify_witness::Args),
    Inspect(inspect::Args),
    Db(db::Args),
    Snapshot(snapshot::Args),
    Fsck(fsck::Args),
    Gpu(gpu::Args),
    Genesis(genesis::Args),
    Errors(errors::Args),
    Completions(completions::Args),
}

fn parse_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(cli.log.as_deref().unwrap_or(LOG)))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let outcome = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Execute(args) => execute::run(&args),
        Command::Prove(args) => prove::run(&args),
        Command::VerifyProof(args) => verify_proof::run(&args),
        Command::Witness(args) => witness::run(&args),
        Command::VerifyWitness(args) => verify_witness::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Db(args) => db::run(&args),
        Command::Snapshot(args) => snapshot::run(&args),
        Command::Fsck(args) => return fsck::run(&args),
        Command::Gpu(args) => gpu::run(&args),
        Command::Genesis(args) => genesis::run(&args),
        Command::Errors(args) => errors::run(&args),
        Command::Completions(args) => completions::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", report::error_line(&error));
            ExitCode::FAILURE
        }
    }
}
