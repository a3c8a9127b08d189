//! `ordlane gpu`: what the GPU of this machine is, how fast, and what runs on it.

#[cfg(feature = "gpu")]
mod bench;
#[cfg(feature = "gpu")]
mod info;
#[cfg(feature = "gpu")]
mod shaders;

use clap::Subcommand;

/// Look at the GPU: adapters and self-test, measurements, generated shaders
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Info(InfoArgs),
    Bench(BenchArgs),
    Shaders(ShadersArgs),
}

/// Show the adapters, test the one that is used, and compare it with the CPU
#[derive(Debug, clap::Args)]
pub(crate) struct InfoArgs {
    /// Only an adapter whose name contains this
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// How many CPU threads it is compared with; by default as many as the machine runs at once
    #[arg(long, value_name = "N", value_parser = crate::demo::parse_threads)]
    threads: Option<usize>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Measure signatures and hashes on the GPU, on the CPU, and on both at once
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// Only an adapter whose name contains this
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// How many CPU threads take part; by default as many as the machine runs at once
    #[arg(long, value_name = "N", value_parser = crate::demo::parse_threads)]
    threads: Option<usize>,
    /// The smallest batch: two to the power of this
    #[arg(long, value_name = "LOG2", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=24))]
    from: u32,
    /// The largest batch: two to the power of this; by default 20, and 12 where the adapter is software
    #[arg(long, value_name = "LOG2", value_parser = clap::value_parser!(u32).range(0..=24))]
    to: Option<u32>,
    /// Only this radix; by default both, where the adapter has them
    #[arg(long, value_enum)]
    radix: Option<RadixArg>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Print the WGSL of the kernels, as it is generated
#[derive(Debug, clap::Args)]
pub(crate) struct ShadersArgs {
    /// In which words the kernels of the curve compute
    #[arg(long, value_enum, default_value_t = RadixArg::U64)]
    radix: RadixArg,
    /// Only this kernel; by default all
    kernel: Option<String>,
}

/// In which words the curve's field is computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum RadixArg {
    /// Words of 32 bits: every device
    U32,
    /// Words of 64 bits: devices that have them
    U64,
}

#[cfg(feature = "gpu")]
impl From<RadixArg> for ordlane::gpu_kernels::GpuRadix {
    fn from(argument: RadixArg) -> Self {
        match argument {
            RadixArg::U32 => Self::U32,
            RadixArg::U64 => Self::U64,
        }
    }
}

#[cfg(feature = "gpu")]
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.command {
        Command::Info(args) => info::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Shaders(args) => shaders::run(args),
    }
}

#[cfg(not(feature = "gpu"))]
pub(crate) fn run(_: &Args) -> anyhow::Result<()> {
    anyhow::bail!("this build has no GPU (hint: build it with the feature `gpu`)")
}

/// As many threads as were asked for, or as the machine runs at once.
#[cfg(feature = "gpu")]
fn threads_or_all(threads: Option<usize>) -> usize {
    use std::{num::NonZeroUsize, thread};
    threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZeroUsize::get))
}
