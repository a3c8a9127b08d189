//! `ordlane errors`: what the stable codes mean.

use ordlane::primitives::ErrorCode;
use serde::Serialize;

use crate::report;

/// Print every stable error code: its number, name, class and meaning
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct ErrorJson {
    code: u16,
    name: &'static str,
    class: &'static str,
    acts: &'static str,
    text: &'static str,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if !args.json {
        return report::print(ErrorCode::table().trim_end());
    }
    let errors: Vec<_> = ErrorCode::ALL
        .iter()
        .map(|&error| error_json(error))
        .collect();
    report::print_json(&errors)
}

const fn error_json(error: ErrorCode) -> ErrorJson {
    ErrorJson {
        code: error.code(),
        name: error.name(),
        class: error.class().name(),
        acts: error.class().acts(),
        text: error.text(),
    }
}
