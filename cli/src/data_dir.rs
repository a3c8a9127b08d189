//! The data folder of the command line: `store/` (the chain), `genesis.bin` (how it began), `checkpoints/`
//! (snapshots of every thousandth block), and for the demo `blocks/`.

use std::{
    fs::{self, File},
    io::Read as _,
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use ordlane::{
    Backend, Engine, MAX_GENESIS_JSON_BYTES, genesis_from_json,
    primitives::{
        Genesis, codec,
        limits::{MAX_BLOCK_BYTES, MAX_GENESIS_BYTES},
    },
    state::{FjallOptions, FjallStorage},
};

/// The folder of the store inside a data folder.
const STORE: &str = "store";
/// The folder of checkpoints inside a data folder.
const CHECKPOINTS: &str = "checkpoints";
/// The genesis file inside a data folder.
const GENESIS: &str = "genesis.bin";

/// How much memory what was read from a chain may take.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Cache {
    /// How much memory what was read from the chain may take, in MiB
    #[arg(long, value_name = "N", default_value_t = Self::default().cache_mib, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    cache_mib: u32,
}

impl Default for Cache {
    fn default() -> Self {
        Self { cache_mib: 768 }
    }
}

impl Cache {
    /// Of pages of the tree, in bytes: two thirds, since they are what a commit reads.
    pub(crate) fn page_bytes(self) -> usize {
        usize::try_from(self.bytes() / 3 * 2).unwrap_or(usize::MAX)
    }

    /// The storage in a folder, whose cache has the other third.
    pub(crate) fn storage(self, folder: &Path) -> anyhow::Result<FjallStorage> {
        let mut options = FjallOptions::default();
        options.cache_bytes = self.bytes() / 3;
        FjallStorage::open_with(folder, options)
            .with_context(|| format!("cannot open {}", folder.display()))
    }

    fn bytes(self) -> u64 {
        u64::from(self.cache_mib) << 20
    }
}

/// How a chain is opened. Nothing here changes what it says of the blocks that it keeps.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Opening {
    /// By default as many as the machine runs at once.
    pub(crate) threads: Option<usize>,
    pub(crate) backend: Backend,
    /// By default all blocks are kept.
    pub(crate) keep_blocks: Option<NonZeroU64>,
    pub(crate) cache: Cache,
}

impl Opening {
    /// For those who ask it something and write nothing: the calling thread does all.
    pub(crate) fn to_read() -> Self {
        Self {
            threads: Some(1),
            backend: Backend::Cpu,
            ..Self::default()
        }
    }
}

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
pub(crate) fn open(data: &Path, opening: Opening) -> anyhow::Result<Engine> {
    if !has_chain(data)? {
        bail!("{}", not_one(data));
    }
    build(data, None, opening)
}

/// What is said of a folder without a chain.
pub(crate) fn not_one(data: &Path) -> String {
    format!(
        "{} is not a data folder of ordlane (hint: `ordlane demo --data DIR` makes one)",
        data.display()
    )
}

/// Begins a chain in a folder that is absent or empty, and keeps the genesis beside it.
pub(crate) fn begin(data: &Path, genesis: Genesis, opening: Opening) -> anyhow::Result<Engine> {
    if !is_absent_or_empty(data)? {
        bail!(
            "{} holds files and no chain; nothing was touched (hint: choose an empty folder)",
            data.display()
        );
    }
    write_genesis(data, &genesis)?;
    build(data, Some(genesis), opening)
}

/// Opens a chain and compares how it began with a genesis that the caller gives.
pub(crate) fn open_compared(
    data: &Path,
    genesis: Genesis,
    opening: Opening,
) -> anyhow::Result<Engine> {
    build(data, Some(genesis), opening)
}

/// Writes the genesis file of a data folder, and makes the folder.
pub(crate) fn write_genesis(data: &Path, genesis: &Genesis) -> anyhow::Result<()> {
    fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    let path = genesis_path(data);
    fs::write(&path, codec::encode(genesis))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn build(data: &Path, genesis: Option<Genesis>, opening: Opening) -> anyhow::Result<Engine> {
    let storage = opening.cache.storage(&store_path(data))?;
    let mut builder = Engine::builder()
        .store(Arc::new(storage))
        .cache_bytes(opening.cache.page_bytes())
        .checkpoints(data.join(CHECKPOINTS))
        .backend(opening.backend);
    if let Some(genesis) = genesis {
        builder = builder.genesis(genesis);
    }
    if let Some(threads) = opening.threads {
        builder = builder.threads(threads);
    }
    if let Some(blocks) = opening.keep_blocks {
        builder = builder.keep_blocks(blocks);
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

/// Reads a genesis file: JSON where its name ends in `.json`, else the binary form.
pub(crate) fn read_genesis(path: &Path) -> anyhow::Result<Genesis> {
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        let bytes = read_bounded(path, MAX_GENESIS_JSON_BYTES)?;
        return genesis_from_json(&bytes)
            .with_context(|| format!("{} is not a genesis", path.display()));
    }
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
