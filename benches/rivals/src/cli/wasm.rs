//! The command lines of `wasm` and `modules`.

use clap::Args;

use super::OutputOptions;

/// What the columns mean.
pub(crate) const FIGURES: &str = "\
Figures, each a median over the rounds, with quartiles in brackets:
  call us     CPU time of a token transfer in a fresh instance, all functions of the interface and their gas included, over a
              hash map
  wasmtime    the same with wasmtime (Cranelift, fuel, a pool of instances, imports resolved before), over a hash map, and how
              many times that of ours it takes; its functions of the interface do the same work and charge nothing
  compile us  CPU time from the token's bytes to a contract that is ready, our validation included
  compute us  CPU time of a computation without storage
  engine us   CPU time of a token transfer through scheduler, contract, accounts and state root, on one thread: stages execute
              and hash of blocks in memory; signatures, decoding and the disk apart
  results     whether both gave the same answers";

/// Settings of `wasm`.
#[derive(Args, Clone, Debug)]
pub(crate) struct WasmOptions {
    /// Calls per round.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) calls: u32,
    /// Rounds of mixing per computation.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) mixes: u32,
    /// Measured rounds, after one that is thrown away.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// What the columns of `modules` mean.
pub(crate) const MODULES_FIGURES: &str = "\
Figures, each a number of modules:
  made       of as many as were asked for, by chance bytes that were enough
  accepted   made ready by our rules and our interpreter
  by both    of those, by wasmtime, too
  returned   both left the same memory and the same globals
  trapped    the same instruction failed in both
  too deep   functions were nested deeper than one of the two lets them be
  differing  all else";

/// Settings of `modules`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ModulesOptions {
    /// Modules.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) count: u32,
    /// Where chance begins.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}
