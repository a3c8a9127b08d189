//! What the user reads: tables, JSON, progress, errors.

use std::{
    io::{ErrorKind, IsTerminal as _, Write as _},
    time::Duration,
};

use anyhow::Context as _;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use ordlane::{
    BlockError, EngineError, SystemError,
    state::{StateError, snapshot::SnapshotError},
};
use serde::Serialize;

use crate::demo::TraceFileError;

/// Prints text and ends the line. Whoever closed the other end wants no more, which is no failure.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// Prints a value as JSON in one document.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// Prints names and values in two aligned columns.
pub(crate) fn print_fields(fields: &[(&str, String)]) -> anyhow::Result<()> {
    let mut table = plain_table();
    for (name, value) in fields {
        table.add_row([*name, value]);
    }
    print_table(&mut table)
}

/// Prints a table whose columns but the first are numbers.
pub(crate) fn print_numbers<const N: usize>(
    head: [&str; N],
    rows: Vec<[String; N]>,
) -> anyhow::Result<()> {
    let mut table = plain_table();
    table.set_header(head);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    print_table(&mut table)
}

fn print_table(table: &mut Table) -> anyhow::Result<()> {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    print(&table.trim_fmt())
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// A progress bar on a terminal; elsewhere nothing.
pub(crate) fn progress(steps: u64, what: &'static str, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(steps).with_message(what);
    match ProgressStyle::with_template("{msg:24} [{bar:40}] {pos}/{len} {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Milliseconds with microseconds behind the point.
#[expect(
    clippy::float_arithmetic,
    reason = "a figure for people, never part of a result"
)]
pub(crate) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// A quotient with two digits behind the point; zero when there is nothing to divide by.
#[expect(
    clippy::float_arithmetic,
    reason = "a figure for people, never part of a result"
)]
pub(crate) fn ratio(dividend: f64, divisor: f64) -> f64 {
    if divisor > 0.0 {
        (dividend / divisor * 100.0).round() / 100.0
    } else {
        0.0
    }
}

/// One line: the error, its causes, and a hint where there is one.
pub(crate) fn error_line(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string().replace('\n', " ");
        // Some errors quote their cause; it is not said twice.
        if !parts.last().is_some_and(|above| above.contains(&text)) {
            parts.push(text);
        }
    }
    let hint = error
        .chain()
        .find_map(hint)
        .map(|hint| format!(" (hint: {hint})"))
        .unwrap_or_default();
    format!("error: {}{hint}", parts.join(": "))
}

fn hint(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    if let Some(error) = cause.downcast_ref::<StateError>() {
        return state_hint(error);
    }
    if let Some(error) = cause.downcast_ref::<SnapshotError>() {
        return snapshot_hint(error);
    }
    if let Some(error) = cause.downcast_ref::<TraceFileError>() {
        return error.hint();
    }
    match cause.downcast_ref::<EngineError>() {
        Some(EngineError::Block(BlockError::StaleParent { .. })) => {
            Some("the chain already has a block there, see `ordlane inspect tip`")
        }
        Some(EngineError::Block(BlockError::UnknownParent { .. })) => Some(
            "give the block files in order, beginning above the tip that `ordlane inspect tip` shows",
        ),
        Some(EngineError::System(SystemError::NoGenesis)) => {
            Some("give the chain's genesis with --genesis FILE")
        }
        _ => None,
    }
}

fn snapshot_hint(error: &SnapshotError) -> Option<&'static str> {
    match error {
        SnapshotError::Store(error) => state_hint(error),
        SnapshotError::Truncated { .. }
        | SnapshotError::TrailingBytes
        | SnapshotError::WrongHash { .. }
        | SnapshotError::WrongRoot { .. } => {
            Some("get the snapshot again, or another one; a chain begins with a whole one only")
        }
        SnapshotError::NotEmpty { .. } => Some("choose an empty folder"),
        SnapshotError::OtherSnapshot { .. } => {
            Some("finish with the snapshot that was begun, or choose an empty folder")
        }
        SnapshotError::UnknownVersion { .. } => Some("use the release that wrote this file"),
        _ => None,
    }
}

fn state_hint(error: &StateError) -> Option<&'static str> {
    match error {
        StateError::ForeignFolder { .. } => {
            Some("choose an empty folder, or one that ordlane made")
        }
        StateError::UnfinishedRestore { .. } => {
            Some("run `ordlane snapshot restore` again with the same file, or remove the folder")
        }
        StateError::Locked { .. } => Some("another process uses this folder; wait until it ends"),
        StateError::NeedsUpgrade { .. } => {
            Some("copy the folder, then run `ordlane db upgrade --data DIR`")
        }
        StateError::Poisoned { cause: Some(cause) } => state_hint(cause),
        StateError::Pruned { .. } => Some("only the header of this block is kept"),
        StateError::UnknownFormat { .. } => Some("use the release that wrote this folder"),
        StateError::Exhausted { .. } => {
            Some("free some space, then run the command again: nothing acknowledged is lost")
        }
        StateError::Damaged { .. } => Some(
            "the folder was left as it is; `ordlane fsck --data DIR` tells what is wrong with it, and with --repair makes \
             again what can be made again",
        ),
        StateError::LostBlocks { .. } => Some(
            "the folder was left as it is; restore it from a copy, or replay its blocks into an empty one",
        ),
        _ => None,
    }
}
