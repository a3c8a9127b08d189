//! The data folder of the command line: `store/` (the chain), `genesis.bin` (how it began), and for the demo `blocks/`.

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

/// Opens the chain of a data folder that has one.
pub(crate) fn open(data: &Path) -> anyhow::Result<Engine> {
    let store = store_path(data);
    if !store.is_dir() {
        bail!(
            "{} is not a data folder of ordlane (hint: `ordlane demo --data DIR` makes one)",
            data.display()
        );
    }
    let storage =
        FjallStorage::open(&store).with_context(|| format!("cannot open {}", store.display()))?;
    let engine = Engine::builder().store(Arc::new(storage)).build();
    engine.with_context(|| format!("cannot open the chain in {}", data.display()))
}

/// Opens the chain of a data folder, or begins one there with a genesis.
pub(crate) fn open_or_begin(
    data: &Path,
    genesis: Genesis,
    threads: Option<usize>,
) -> anyhow::Result<Engine> {
    let store = store_path(data);
    if !store.exists() && !is_absent_or_empty(data)? && !genesis_path(data).exists() {
        bail!(
            "{} holds files and no chain; nothing was touched (hint: choose an empty folder)",
            data.display()
        );
    }
    let storage =
        FjallStorage::open(&store).with_context(|| format!("cannot open {}", store.display()))?;
    let mut builder = Engine::builder().store(Arc::new(storage)).genesis(genesis);
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
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut bytes = Vec::new();
    let most = (limit as u64).saturating_add(1);
    file.take(most)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    if bytes.len() > limit {
        bail!("{} is larger than {limit} bytes", path.display());
    }
    Ok(bytes)
}
