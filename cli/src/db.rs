//! `ordlane db`: looks after the store of a data folder.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use ordlane::state::{FjallStorage, SpaceStats, StateStore, StoreStats, Upgrade};
use serde_json::{Value, json};

use crate::{
    data_dir::{self, Opening},
    report,
};

/// Look after the store of a data folder: count what it holds, bring it to the present format
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Bring a store that an earlier release wrote to the present format; can be interrupted and run again
    Upgrade(Target),
    /// Count what each part of the store holds, by reading all of it
    Stats(Target),
}

#[derive(Debug, clap::Args)]
struct Target {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::Upgrade(target) => upgrade(target),
        What::Stats(target) => stats(target),
    }
}

fn upgrade(target: &Target) -> anyhow::Result<()> {
    let store = store_of(&target.data)?;
    let upgrade = FjallStorage::upgrade(&store)
        .with_context(|| format!("cannot upgrade {}", store.display()))?;
    // Opening compares what is there with the roots of the chain.
    let head = data_dir::open(&target.data, Opening::to_read())?.durable_head();
    let Upgrade { from, to, blocks } = upgrade;
    if target.json {
        return report::print_json(&json!({
            "from": from,
            "to": to,
            "blocks": blocks,
            "height": head.height.0,
            "state_root": head.state_root.to_string(),
        }));
    }
    let done = if from == to {
        format!("has format {to} already")
    } else {
        format!("went from format {from} to {to}")
    };
    report::print_fields(&[
        ("store", done),
        ("blocks", blocks.to_string()),
        ("tip", head.height.to_string()),
        ("state root", head.state_root.to_string()),
    ])
}

fn stats(target: &Target) -> anyhow::Result<()> {
    let store = store_of(&target.data)?;
    let storage =
        FjallStorage::open(&store).with_context(|| format!("cannot open {}", store.display()))?;
    let stats = StateStore::stats(&storage)
        .with_context(|| format!("cannot count what {} holds", store.display()))?;
    if target.json {
        return report::print_json(&as_json(&stats));
    }
    let tip = stats.tip.map(|tip| tip.mark().to_string());
    report::print_fields(&[
        ("format", stats.format.to_string()),
        ("tip", tip.unwrap_or_else(|| "-".into())),
        ("kept from", format!("block {}", stats.horizon)),
        (
            "pages of",
            stats
                .pages
                .map_or_else(|| "-".into(), |height| format!("block {height}")),
        ),
    ])?;
    if !stats.unreadable.is_empty() {
        report::print(&format!(
            "records that cannot be read: {} (see `ordlane fsck`)",
            stats.unreadable.join(", ")
        ))?;
    }
    report::print("")?;
    let rows = stats.spaces.iter().map(row).collect();
    report::print_numbers(
        ["space", "entries", "key bytes", "value bytes", "in tables"],
        rows,
    )
}

fn row(space: &SpaceStats) -> [String; 5] {
    [
        space.space.to_string(),
        space.entries.to_string(),
        space.key_bytes.to_string(),
        space.value_bytes.to_string(),
        space
            .disk_bytes
            .map_or_else(|| "-".into(), |bytes| bytes.to_string()),
    ]
}

fn as_json(stats: &StoreStats) -> Value {
    let spaces: Vec<Value> = stats
        .spaces
        .iter()
        .map(|space| {
            json!({
                "space": space.space.name(),
                "entries": space.entries,
                "key_bytes": space.key_bytes,
                "value_bytes": space.value_bytes,
                "disk_bytes": space.disk_bytes,
            })
        })
        .collect();
    json!({
        "format": stats.format,
        "height": stats.tip.map(|tip| tip.height.0),
        "hash": stats.tip.map(|tip| tip.block_hash.to_string()),
        "state_root": stats.tip.map(|tip| tip.state_root.to_string()),
        "horizon": stats.horizon.0,
        "pages_height": stats.pages.map(|height| height.0),
        "unreadable": stats.unreadable,
        "spaces": spaces,
    })
}

/// The store of a data folder that has one. Makes nothing.
pub(crate) fn store_of(data: &Path) -> anyhow::Result<PathBuf> {
    if !data_dir::has_chain(data)? {
        bail!("{}", data_dir::not_one(data));
    }
    Ok(data_dir::store_path(data))
}
