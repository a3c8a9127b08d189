//! Rivals in a process apart: `compare` starts it, and tells it by lines of JSON what to run.

use std::io::{stdin, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    match ordlane_rivals_apart::serve(stdin().lock(), stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
