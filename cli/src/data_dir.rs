//! The data folder of the command line: `store/` (the chain), `genesis.bin` (how it began), `checkpoints/`
//! (snapshots of every thousandth block), and for the demo `blocks/`.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use ordlane::{
    Engine,
    primitives::{
        Genesis, codec,
        limits::{MAX_BLOCK_BYTES, MAX_GENESIS_BYTES},
    },
    state::FjallStorage,
};

/// The folder of the store inside a data folder.
const STORE: &str = "store";
/// The folder of checkpoints inside a data folder.
const CHECKPOINTS: &str = "checkpoints";
/// The genesis file inside a data folder.
const GENESIS: &str = "genesis.bin";

/// The store of a data folder.
pub(crate) fn store_path(data: &Path) -> PathBuf {
    data.join(STORE)
}

/// The genesis file of a data folder.
pub(crate) fn genesis_path(data: &Path) -> PathBuf {
    data.join(GENESIS)
}

/// Whether a data folder has a chain. One that only seems to have one is left to the store to judge.
pub(crate) fn has_chain(data: &Path) -> anyhow::Result<bool> {
    Ok(!is_absent_or_empty(&store_path(data))?)
}

/// Opens the chain of a data folder that has one. Makes nothing.
pub(crate) fn open(data: &Path, threads: Option<usize>) -> anyhow::Result<Engine> {
    if !has_chain(data)? {
        bail!("{}", not_one(data));
    }
    build(data, None, threads)
}

/// What is said of a folder without a chain.
pub(crate) fn not_one(data: &Path) -> String {
    format!(
        "{} is not a data folder of ordlane (hint: `ordlane demo --data DIR` makes one)",
        data.display()
    )
}

/// Begins a chain in a folder that is absent or empty, and keeps the genesis beside it.
pub(crate) fn begin(
    data: &Path,
    genesis: Genesis,
    threads: Option<usize>,
) -> anyhow::Result<Engine> {
    if !is_absent_or_empty(data)? {
        bail!(
            "{} holds files and no chain; nothing was touched (hint: choose an empty folder)",
            data.display()
        );
    }
    write_genesis(data, &genesis)?;
    build(data, Some(genesis), threads)
}

/// Opens a chain and compares how it began with a genesis that the caller gives.
pub(crate) fn open_compared(
    data: &Path,
    genesis: Genesis,
    threads: Option<usize>,
) -> anyhow::Result<Engine> {
    build(data, Some(genesis), threads)
}

/// Writes the genesis file of a data folder, and makes the folder.
pub(crate) fn write_genesis(data: &Path, genesis: &Genesis) -> anyhow::Result<()> {
    fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    let path = genesis_path(data);
    fs::write(&path, codec::encode(genesis))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn build(data: &Path, genesis: Option<Genesis>, threads: Option<usize>) -> anyhow::Result<Engine> {
    let store = store_path(data);
    let storage =
        FjallStorage::open(&store).with_context(|| format!("cannot open {}", store.display()))?;
    let mut builder = Engine::builder()
        .store(Arc::new(storage))
        .checkpoints(data.join(CHECKPOINTS));
    if let Some(genesis) = genesis {
        builder = builder.genesis(genesis);
    }
    if let Some(threads) = threads {
        builder = builder.threads(threads);
    }
    builder
        .build()
        .with_context(|| format!("cannot open the chain in {}", data.display()))
}

/// Whether a folder does not exist or has nothing in it.
pub(crate) fn is_absent_or_empty(folder: &Path) -> anyhow::Result<bool> {
    if !folder.exists() {
        return Ok(true);
    }
    let mut entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    Ok(entries.next().is_none())
}

/// Reads a genesis file.
pub(crate) fn read_genesis(path: &Path) -> anyhow::Result<Genesis> {
    let bytes = read_bounded(path, MAX_GENESIS_BYTES)?;
    codec::decode(&bytes).with_context(|| format!("{} is not a genesis", path.display()))
}

/// Reads a block file.
pub(crate) fn read_block(path: &Path) -> anyhow::Result<Vec<u8>> {
    read_bounded(path, MAX_BLOCK_BYTES)
}

/// Reads a file of at most `limit` bytes; of a longer one nothing beyond the limit is read.
pub(crate) fn read_bounded(path: &Path, limit: usize) -> anyhow::Result<Vec<u8>> {
    let what = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let metadata = file.metadata().with_context(what)?;
    if !metadata.is_file() {
        bail!("{} is not a file", path.display());
    }
    if metadata.len() > limit as u64 {
        bail!(
            "{} has {} bytes, at most {limit} are allowed",
            path.display(),
            metadata.len()
        );
    }
    let mut bytes = Vec::new();
    let most = (limit as u64).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).with_context(what)?;
    if bytes.len() > limit {
        bail!(
            "{} grew beyond {limit} bytes while it was read",
            path.display()
        );
    }
    Ok(bytes)
}
