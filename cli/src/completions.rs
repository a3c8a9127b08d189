//! `ordlane completions`: a completion script for a shell.

use std::io;

use clap::CommandFactory as _;
use clap_complete::Shell;

/// Print the completion script of a shell
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which shell
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut command = crate::Cli::command();
    clap_complete::generate(args.shell, &mut command, "ordlane", &mut io::stdout());
    Ok(())
}
