//! `ordlane snapshot`: the state after a block as one file, and a chain that begins with it.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, IsTerminal as _, Read},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use indicatif::ProgressBar;
use ordlane::{
    gpu_kernels::Dispatcher,
    primitives::BlockHash,
    state::{
        FjallStorage, StateStore,
        snapshot::{self, DEFAULT_CHUNK_BYTES, Manifest, Progress, SNAPSHOT_VERSION, Stage},
    },
};
use serde_json::{Value, json};

use crate::{
    backend::{BackendArg, Backends},
    data_dir, report,
};

/// Write the state of a chain to one file, look at such a file, or begin a chain with it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write the state after the last block, and that block, to a file
    Create(Create),
    /// Say which block a snapshot or a checkpoint is of, and whether all of it is right
    Inspect(Inspect),
    /// Begin a chain with a snapshot or a checkpoint; can be interrupted and run again
    Restore(Restore),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where to write; `-` is standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where hashes are computed
    #[arg(long, value_enum, default_value_t)]
    backend: BackendArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Inspect {
    /// The snapshot; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Read all of it, and compare every entry with the state root
    #[arg(long)]
    verify: bool,
    /// The hash of the block that you trust: 64 hex digits; without it any block is accepted
    #[arg(long, value_name = "HEX")]
    hash: Option<BlockHash>,
    /// Where hashes are computed, with --verify
    #[arg(long, value_enum, default_value_t)]
    backend: BackendArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Restore {
    /// The snapshot; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The data folder: absent, empty, or one in which the same snapshot was being restored
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The hash of the block that you trust: 64 hex digits; without it any block is accepted
    #[arg(long, value_name = "HEX")]
    hash: Option<BlockHash>,
    /// Where hashes are computed
    #[arg(long, value_enum, default_value_t)]
    backend: BackendArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::Create(args) => create(args),
        What::Inspect(args) => inspect(args),
        What::Restore(args) => restore(args),
    }
}

fn create(args: &Create) -> anyhow::Result<()> {
    let to_output = is_dash(&args.file);
    if to_output {
        refuse_terminal(io::stdout().is_terminal())?;
    }
    if !data_dir::has_chain(&args.data)? {
        bail!("{}", data_dir::not_one(&args.data));
    }
    let hasher = args.backend.hasher()?;
    let store = open_store(&args.data, Arc::clone(&hasher))?;
    let failed = || format!("cannot make a snapshot of {}", args.data.display());
    let held = store.snapshot().with_context(failed)?;
    let bar = report::progress(0, "", args.json);
    let mut observer = shown_on(&bar);
    if to_output {
        let mut out = BufWriter::new(io::stdout().lock());
        held.write_to(
            &mut out,
            hasher.as_ref(),
            DEFAULT_CHUNK_BYTES,
            &mut observer,
        )
        .with_context(failed)?;
        bar.finish_and_clear();
        return Ok(());
    }
    let manifest = held
        .write_file(
            &args.file,
            hasher.as_ref(),
            DEFAULT_CHUNK_BYTES,
            &mut observer,
        )
        .with_context(|| format!("{} in {}", failed(), args.file.display()))?;
    bar.finish_and_clear();
    // The block and all values were compared with the header before anything was written.
    print(&manifest, Verdict::Written, Some(&hasher), args.json)
}

fn inspect(args: &Inspect) -> anyhow::Result<()> {
    let refused = || format!("{} is refused", args.file.display());
    let mut input = open_input(&args.file)?;
    if args.verify {
        let hasher = args.backend.hasher()?;
        let bar = report::progress(0, "", args.json);
        let manifest = snapshot::verify(
            &mut input,
            hasher.as_ref(),
            args.hash.as_ref(),
            &mut shown_on(&bar),
        )
        .with_context(refused)?;
        bar.finish_and_clear();
        return print(&manifest, Verdict::Verified, Some(&hasher), args.json);
    }
    let manifest = snapshot::inspect(&mut input).with_context(refused)?;
    let found = manifest.header.hash();
    if let Some(expected) = args.hash.filter(|hash| *hash != found) {
        bail!("{}: it is of block {found}, not of {expected}", refused());
    }
    print(&manifest, Verdict::NotRead, None, args.json)
}

fn restore(args: &Restore) -> anyhow::Result<()> {
    let refused = || format!("cannot restore {}", args.file.display());
    if !data_dir::has_chain(&args.data)? && !data_dir::is_absent_or_empty(&args.data)? {
        bail!(
            "{} holds files and no chain; nothing was touched (hint: choose an empty folder)",
            args.data.display()
        );
    }
    if !is_dash(&args.file) {
        // A file that is no snapshot makes no folder.
        snapshot::inspect(&mut open_input(&args.file)?).with_context(refused)?;
    }
    let mut input = open_input(&args.file)?;
    let hasher = args.backend.hasher()?;
    let path = data_dir::store_path(&args.data);
    let storage =
        FjallStorage::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    let bar = report::progress(0, "", args.json);
    let manifest = snapshot::restore(
        &mut input,
        &storage,
        hasher.as_ref(),
        args.hash.as_ref(),
        &mut shown_on(&bar),
    )
    .with_context(refused)?;
    bar.finish_and_clear();
    drop(storage);
    // Opens it as every later command does, and writes the tree, so that they are fast.
    open_store(&args.data, Arc::clone(&hasher))?
        .write_pages()
        .with_context(|| format!("cannot write to {}", path.display()))?;
    print(&manifest, Verdict::Verified, Some(&hasher), args.json)
}

fn open_store(data: &Path, hasher: Arc<Dispatcher>) -> anyhow::Result<StateStore> {
    let path = data_dir::store_path(data);
    let failed = || format!("cannot open {}", path.display());
    let storage = FjallStorage::open(&path).with_context(failed)?;
    StateStore::open(Arc::new(storage), hasher).with_context(failed)
}

fn is_dash(file: &Path) -> bool {
    file == Path::new("-")
}

fn open_input(file: &Path) -> anyhow::Result<Box<dyn Read>> {
    if is_dash(file) {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    Ok(Box::new(BufReader::new(opened)))
}

/// A snapshot is no text, and some of its bytes would change a terminal's settings.
fn refuse_terminal(is_terminal: bool) -> anyhow::Result<()> {
    if is_terminal {
        bail!("a snapshot is not text and is not written to a terminal (hint: name a FILE)");
    }
    Ok(())
}

fn shown_on(bar: &ProgressBar) -> impl FnMut(Progress) -> ControlFlow<()> {
    |progress| {
        bar.set_message(match progress.stage {
            Stage::Counting => "reading the state",
            Stage::Writing => "writing chunks",
            Stage::Reading => "comparing chunks",
        });
        bar.set_length(progress.total.unwrap_or(progress.done));
        bar.set_position(progress.done);
        ControlFlow::Continue(())
    }
}

/// How far a snapshot was compared with its block's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Written,
    Verified,
    NotRead,
}

/// What a snapshot is, and who hashed, if anybody did.
fn print(
    manifest: &Manifest,
    verdict: Verdict,
    hasher: Option<&Dispatcher>,
    json: bool,
) -> anyhow::Result<()> {
    let backends = hasher.map(Backends::of);
    if json {
        return report::print_json(&as_json(manifest, verdict, backends));
    }
    let header = &manifest.header;
    let verified = match verdict {
        Verdict::Written => "yes, before it was written",
        Verdict::Verified => "yes",
        Verdict::NotRead => "only what it says of itself (see --verify)",
    };
    report::print_fields(&[
        ("verified", verified.into()),
        ("height", header.number.to_string()),
        ("hash", header.hash().to_string()),
        ("state_root", header.state_root.to_string()),
        ("chain_id", header.chain_id.to_string()),
        ("genesis_hash", manifest.genesis_hash().to_string()),
        ("entries", manifest.entries.to_string()),
        ("chunks", manifest.chunks.len().to_string()),
        ("snapshot", manifest.id().to_string()),
    ])
}

fn as_json(manifest: &Manifest, verdict: Verdict, backends: Option<Backends>) -> Value {
    let (hash_backend, gpu_adapter) =
        backends.map_or((None, None), |of| (Some(of.hash), of.adapter));
    let header = &manifest.header;
    json!({
        "format": SNAPSHOT_VERSION,
        "verified": verdict != Verdict::NotRead,
        "height": header.number.0,
        "hash": header.hash().to_string(),
        "state_root": header.state_root.to_string(),
        "chain_id": header.chain_id.0,
        "genesis_hash": manifest.genesis_hash().to_string(),
        "entries": manifest.entries,
        "chunks": manifest.chunks.len(),
        "chunk_bytes": manifest.chunk_bytes,
        "snapshot": manifest.id().to_string(),
        "hash_backend": hash_backend,
        "gpu_adapter": gpu_adapter,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_refused_with_a_hint() {
        assert!(refuse_terminal(false).is_ok());
        let refused = refuse_terminal(true).map_err(|error| error.to_string());
        assert!(refused.is_err_and(|text| text.contains("name a FILE")));
    }
}
