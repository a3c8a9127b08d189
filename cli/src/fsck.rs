//! `ordlane fsck`: compares everything in a store, and makes again what can be made again.
//!
//! Exit codes: 0 when the store is sound, or is now; 1 when damage remains; 2 when the store cannot be opened at all.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use indicatif::ProgressBar;
use ordlane::state::{
    CheckProgress, CheckReport, CheckStage, FjallStorage, Repair, Severity, StateStore,
};
use serde_json::{Value, json};

use crate::{
    backend::{BackendArg, Backends},
    db, report,
};

/// How many findings people are shown.
const SHOWN_FINDINGS: usize = 20;

/// Check a store: compare everything in it with the hashes of its chain, also when it cannot be opened
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Make again what follows from what is proven right, and remove what belongs to nothing; changes nothing where
    /// something is lost, can be interrupted and run again
    #[arg(long)]
    repair: bool,
    /// Where hashes are computed
    #[arg(long, value_enum, default_value_t)]
    backend: BackendArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The store cannot be opened, or was not looked at.
const NOT_CHECKED: u8 = 2;

pub(crate) fn run(args: &Args) -> ExitCode {
    let (outcome, backends) = match repaired(args) {
        Ok(repaired) => repaired,
        Err(error) => {
            eprintln!("{}", report::error_line(&error));
            return ExitCode::from(NOT_CHECKED);
        }
    };
    let shown = if args.json {
        report::print_json(&as_json(args.repair, &outcome, &backends))
    } else {
        show(args, &outcome)
    };
    match shown {
        Ok(()) if outcome.left.is_sound() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}", report::error_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// What was found, and what is left of it: without a repair, all; and who hashed.
fn repaired(args: &Args) -> anyhow::Result<(Repair, Backends)> {
    let store = db::store_of(&args.data)?;
    let storage =
        FjallStorage::open(&store).with_context(|| format!("cannot open {}", store.display()))?;
    let hasher = args.backend.hasher()?;
    let mut bars = Bars {
        quiet: args.json,
        current: None,
    };
    let tell = &mut |progress| bars.tell(progress);
    let outcome = if args.repair {
        StateStore::repair(&storage, hasher.as_ref(), tell)
    } else {
        StateStore::fsck(&storage, hasher.as_ref(), tell).map(|found| Repair {
            left: found.clone(),
            found,
            entries: 0,
        })
    };
    bars.finish();
    let outcome = outcome.with_context(|| format!("cannot check {}", store.display()))?;
    Ok((outcome, Backends::of(&hasher)))
}

/// A bar for the stage that a check is in.
struct Bars {
    quiet: bool,
    current: Option<(CheckStage, ProgressBar)>,
}

impl Bars {
    fn tell(&mut self, CheckProgress { stage, done, total }: CheckProgress) {
        if self
            .current
            .as_ref()
            .is_none_or(|(found, _)| *found != stage)
        {
            self.finish();
            self.current = Some((stage, report::progress(0, stage.name(), self.quiet)));
        }
        if let Some((_, bar)) = &self.current {
            bar.set_length(total.unwrap_or(done));
            bar.set_position(done);
        }
    }

    fn finish(&mut self) {
        if let Some((_, bar)) = self.current.take() {
            bar.finish_and_clear();
        }
    }
}

fn state_of(outcome: &Repair) -> &'static str {
    if outcome.found.is_sound() {
        "sound"
    } else if outcome.left.is_sound() {
        "repaired"
    } else {
        "damaged"
    }
}

fn show(args: &Args, outcome: &Repair) -> anyhow::Result<()> {
    let Repair {
        found,
        left,
        entries,
    } = outcome;
    let tip = found.tip.map(|tip| tip.mark().to_string());
    report::print_fields(&[
        ("store", state_of(outcome).to_owned()),
        ("tip", tip.unwrap_or_else(|| "-".into())),
        (
            "blocks",
            format!("{}, whole from block {}", found.blocks, found.first),
        ),
        ("values", found.values.to_string()),
        ("codes", found.codes.to_string()),
        ("pages", found.pages.to_string()),
        ("found", counts(found)),
        ("entries repaired", entries.to_string()),
    ])?;
    for finding in found.findings().iter().take(SHOWN_FINDINGS) {
        report::print(&finding.to_string())?;
    }
    let all = Severity::ALL.map(|severity| found.count(severity));
    let more = all
        .iter()
        .sum::<u64>()
        .saturating_sub(SHOWN_FINDINGS as u64);
    if more > 0 {
        report::print(&format!("... and {more} more"))?;
    }
    match advice(args.repair, left) {
        Some(advice) => report::print(&format!("hint: {advice}")),
        None => Ok(()),
    }
}

fn counts(report: &CheckReport) -> String {
    if report.is_sound() {
        return "nothing".into();
    }
    let worst_first = Severity::ALL.iter().rev();
    worst_first
        .map(|severity| (report.count(*severity), severity))
        .filter(|(count, _)| *count > 0)
        .map(|(count, severity)| format!("{count} {severity}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn advice(repair: bool, left: &CheckReport) -> Option<&'static str> {
    if left.has_lost() {
        Some(
            "what is lost is nowhere else in this store, and nothing was changed; restore the folder from a copy, or \
             replay its blocks into an empty one",
        )
    } else if left.is_sound() {
        None
    } else if repair {
        Some(
            "not everything could be repaired; run the command again, or restore the folder from a copy",
        )
    } else {
        Some(
            "all of this can be repaired: copy the folder, then run `ordlane fsck --repair --data DIR`",
        )
    }
}

fn as_json(repair: bool, outcome: &Repair, backends: &Backends) -> Value {
    let Repair {
        found,
        left,
        entries,
    } = outcome;
    json!({
        "store": state_of(outcome),
        "height": found.tip.map(|tip| tip.height.0),
        "hash": found.tip.map(|tip| tip.block_hash.to_string()),
        "state_root": found.tip.map(|tip| tip.state_root.to_string()),
        "blocks": found.blocks,
        "whole_from": found.first.0,
        "values": found.values,
        "codes": found.codes,
        "pages": found.pages,
        "found": findings_json(found),
        "entries_repaired": entries,
        "left": findings_json(left),
        "hint": advice(repair, left),
        "hash_backend": backends.hash,
        "gpu_adapter": backends.adapter,
    })
}

fn findings_json(report: &CheckReport) -> Value {
    let findings: Vec<Value> = report
        .findings()
        .iter()
        .map(|finding| {
            let key: String = finding
                .key
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            json!({
                "severity": finding.severity.name(),
                "fault": finding.fault.name(),
                "what": finding.fault.to_string(),
                "space": finding.space.name(),
                "key": key,
                "height": finding.height.map(|height| height.0),
            })
        })
        .collect();
    json!({
        "lost": report.count(Severity::Lost),
        "rebuildable": report.count(Severity::Rebuildable),
        "stray": report.count(Severity::Stray),
        "listed": findings,
    })
}
