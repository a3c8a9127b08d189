//! `ordlane completions`: a completion script for a shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::report;

/// Print the completion script of a shell
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which shell
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut command = crate::Cli::command();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "ordlane", &mut script);
    report::print(String::from_utf8(script)?.trim_end())
}
