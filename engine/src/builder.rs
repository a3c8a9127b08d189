//! Setting up an engine.

use std::{
    num::{NonZeroU64, NonZeroUsize},
    path::PathBuf,
    sync::Arc,
    thread,
};

use ordlane_gpu_kernels::{Backend, Dispatcher, DispatcherConfig, GpuOptions};
use ordlane_primitives::{Block, BlockHeader, BlockHeight, Genesis, Hash, Receipts, codec};
use ordlane_scheduler::{Config, Executor, Mode};
use ordlane_state::{BlockCommit, Change, MemoryStorage, StateStore, Storage, StoreOptions};
use ordlane_wasm::{Contracts, DEFAULT_CACHE_BYTES, Fault, Interpreter};

use crate::{
    AnyProposer, Engine, EngineError, ProposerSchedule, SystemError,
    checkpoint::{Checkpoints, Settings},
    durable::DurableChain,
    execute::Runner,
    layer::Layers,
    seal,
    submit::Committer,
};

/// Collects the settings of an [`Engine`]. Nothing in here changes a result.
#[derive(Debug)]
pub struct EngineBuilder {
    storage: Option<Arc<dyn Storage>>,
    genesis: Option<Genesis>,
    threads: Option<usize>,
    backend: Backend,
    gpu: GpuOptions,
    dispatcher: Option<Arc<Dispatcher>>,
    mode: Mode,
    traces: bool,
    keep_blocks: Option<NonZeroU64>,
    cache_bytes: Option<usize>,
    max_unsynced_blocks: Option<NonZeroUsize>,
    checkpoint_folder: Option<PathBuf>,
    checkpoint_interval: u64,
    keep_checkpoints: NonZeroUsize,
    proposers: Option<Arc<dyn ProposerSchedule>>,
    contracts: Option<Arc<Contracts>>,
}

/// After how many blocks there is a checkpoint where nothing else is said.
const CHECKPOINT_INTERVAL: u64 = 1_000;
/// How many checkpoints are kept where nothing else is said.
const KEEP_CHECKPOINTS: NonZeroUsize = NonZeroUsize::new(3).unwrap();

impl Default for EngineBuilder {
    fn default() -> Self {
        Self {
            storage: None,
            genesis: None,
            threads: None,
            backend: Backend::default(),
            gpu: GpuOptions::default(),
            dispatcher: None,
            mode: Mode::default(),
            traces: false,
            keep_blocks: None,
            cache_bytes: None,
            max_unsynced_blocks: None,
            checkpoint_folder: None,
            checkpoint_interval: CHECKPOINT_INTERVAL,
            keep_checkpoints: KEEP_CHECKPOINTS,
            proposers: None,
            contracts: None,
        }
    }
}

impl EngineBuilder {
    /// Where the state lives; by default in memory.
    #[must_use]
    pub fn store(mut self, storage: Arc<dyn Storage>) -> Self {
        self.storage = Some(storage);
        self
    }

    /// Who may make which block; by default anybody. It belongs to the consensus of a chain: all its nodes must have the
    /// same one.
    #[must_use]
    pub fn proposers(mut self, schedule: Arc<dyn ProposerSchedule>) -> Self {
        self.proposers = Some(schedule);
        self
    }

    /// How the chain begins. Needed for an empty store; compared with a store that is not empty.
    #[must_use]
    pub fn genesis(mut self, genesis: Genesis) -> Self {
        self.genesis = Some(genesis);
        self
    }

    /// How many threads execute, and how many verify and hash; by default as many as the machine runs at once.
    #[must_use]
    pub const fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Where signatures are verified and hashes computed; by default on whatever is fastest here. Without the feature `gpu`
    /// that is the CPU.
    #[must_use]
    pub const fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// How the GPU is used, where it is.
    #[must_use]
    pub fn gpu(mut self, options: GpuOptions) -> Self {
        self.gpu = options;
        self
    }

    /// Who verifies signatures and computes hashes, instead of a dispatcher made for this engine with its threads, its
    /// backend and its options for the GPU. Several engines may share one.
    #[must_use]
    pub fn dispatcher(mut self, dispatcher: Arc<Dispatcher>) -> Self {
        self.dispatcher = Some(dispatcher);
        self
    }

    /// In parallel or one after another; by default whatever suits the block.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Whether every executed block has a [`BlockTrace`](crate::BlockTrace); by default none has. Without traces nothing
    /// is paid for them, with them some 100 bytes and a look at the clock per transaction.
    #[must_use]
    pub const fn trace(mut self, trace: bool) -> Self {
        self.traces = trace;
        self
    }

    /// How many of the last blocks are kept whole: their transactions, receipts, events, and the states after them. Of
    /// earlier ones only headers are. By default all are kept.
    ///
    /// What is not to be kept goes with the blocks that are committed, a bounded part with each.
    #[must_use]
    pub const fn keep_blocks(mut self, blocks: NonZeroU64) -> Self {
        self.keep_blocks = Some(blocks);
        self
    }

    /// How much memory pages of the tree that are on disk may take, in bytes; by default 512 MiB. The storage has a cache
    /// of its own.
    #[must_use]
    pub const fn cache_bytes(mut self, cache_bytes: usize) -> Self {
        self.cache_bytes = Some(cache_bytes);
        self
    }

    /// How many blocks may be submitted and not yet on disk ([`Engine::submit`]); by default 4, and at most 8.
    #[must_use]
    pub const fn max_unsynced_blocks(mut self, blocks: NonZeroUsize) -> Self {
        self.max_unsynced_blocks = Some(blocks);
        self
    }

    /// Where checkpoints go: snapshots of every so many blocks, written in the background, each a file `HEIGHT.snapshot`.
    /// The folder is made with the first of them, and should have nothing else in it. By default there are none.
    #[must_use]
    pub fn checkpoints(mut self, folder: impl Into<PathBuf>) -> Self {
        self.checkpoint_folder = Some(folder.into());
        self
    }

    /// After how many blocks there is a checkpoint, where there are any; 1,000 by default, and 0 makes none.
    #[must_use]
    pub const fn checkpoint_interval(mut self, blocks: u64) -> Self {
        self.checkpoint_interval = blocks;
        self
    }

    /// How many of the last checkpoints are kept; 3 by default.
    #[must_use]
    pub const fn keep_checkpoints(mut self, checkpoints: NonZeroUsize) -> Self {
        self.keep_checkpoints = checkpoints;
        self
    }

    /// Which contracts in Rust there are, and what runs those in WebAssembly; by default none, and the interpreter. Several
    /// engines may share them.
    ///
    /// Those in Rust are a rule of the chain: all who execute it need the same ones.
    #[must_use]
    pub fn contracts(mut self, contracts: Arc<Contracts>) -> Self {
        self.contracts = Some(contracts);
        self
    }

    /// Opens the store and starts the threads.
    ///
    /// # Errors
    /// [`SystemError`] when the store cannot be opened, is damaged, began with another genesis, or is empty and no
    /// genesis was given; or when the threads cannot be started.
    pub fn build(self) -> Result<Engine, EngineError> {
        let threads = threads_or_all(self.threads);
        let dispatcher = match self.dispatcher {
            Some(dispatcher) => dispatcher,
            None => new_dispatcher(threads, self.backend, self.gpu)?,
        };
        let checkpoints = self
            .checkpoint_folder
            .zip(NonZeroU64::new(self.checkpoint_interval))
            .map(|(folder, interval)| Settings {
                folder,
                interval,
                keep: self.keep_checkpoints,
            });
        let config = Config {
            threads,
            mode: self.mode,
            ..Config::default()
        };
        let executor = Executor::new(config).map_err(|error| SystemError::Threads(error.into()))?;
        let storage = self
            .storage
            .unwrap_or_else(|| Arc::new(MemoryStorage::default()));
        let mut options = StoreOptions::default();
        options.keep_blocks = self.keep_blocks;
        options.cache_bytes = self.cache_bytes.unwrap_or(options.cache_bytes);
        let hasher = Arc::<Dispatcher>::clone(&dispatcher);
        let store = StateStore::open_with(storage, hasher, options).map_err(SystemError::from)?;
        let store = Arc::new(store);

        let contracts = self.contracts.unwrap_or_else(default_contracts);
        // Of a chain that begins here; else the first look at all accounts tells.
        let mut supply = None;
        if store.tip().is_none() {
            let genesis = self.genesis.as_ref().ok_or(SystemError::NoGenesis)?;
            begin(&store, genesis, &contracts, &dispatcher)?;
            supply = genesis.total_supply().ok();
        } else if let Some(genesis) = &self.genesis {
            check_genesis(&store, genesis)?;
        }
        let checkpoints = checkpoints.map(Checkpoints::start).transpose()?;
        let chain = Arc::new(DurableChain::load(Arc::clone(&store), checkpoints, supply)?);
        let committer = Committer::new(Arc::clone(&chain), self.max_unsynced_blocks);
        Ok(Engine {
            store,
            dispatcher,
            runner: Runner::new(executor, self.traces),
            layers: Layers::default(),
            chain,
            committer,
            proposers: self.proposers.unwrap_or_else(|| Arc::new(AnyProposer)),
            contracts,
        })
    }
}

/// No contracts in Rust, and the interpreter.
pub(crate) fn default_contracts() -> Arc<Contracts> {
    Arc::new(Contracts::new(Arc::new(Interpreter), DEFAULT_CACHE_BYTES))
}

/// The hasher that an engine with so many threads and this backend has, for those who work on a store without one. By
/// default it has as many threads as the machine runs at once. A GPU takes batches once it is ready
/// ([`Dispatcher::wait_for_gpu`]).
///
/// # Errors
/// [`SystemError::Threads`] when they cannot be started.
pub fn batch_hasher(
    threads: Option<usize>,
    backend: Backend,
) -> Result<Arc<Dispatcher>, SystemError> {
    new_dispatcher(threads_or_all(threads), backend, GpuOptions::default())
}

fn threads_or_all(threads: Option<usize>) -> usize {
    threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZeroUsize::get))
}

fn new_dispatcher(
    threads: usize,
    backend: Backend,
    gpu: GpuOptions,
) -> Result<Arc<Dispatcher>, SystemError> {
    let config = DispatcherConfig {
        backend,
        threads,
        gpu,
        ..DispatcherConfig::default()
    };
    let dispatcher = Dispatcher::new(config).map_err(|error| SystemError::Threads(error.into()))?;
    Ok(Arc::new(dispatcher))
}

/// What a deployment looks at, for the contracts of a genesis.
fn check_contracts(genesis: &Genesis, contracts: &Contracts) -> Result<(), SystemError> {
    let schedule = genesis.params().schedule()?;
    for contract in genesis.contracts() {
        let address = contract.address;
        if contracts.has_native(&address) {
            return Err(SystemError::GenesisAddress { address });
        }
        match contracts.check(&contract.code, schedule) {
            Ok(()) => {}
            Err(Fault::InvalidCode(source)) => {
                return Err(SystemError::GenesisCode { address, source });
            }
            Err(fault) => return Err(SystemError::Internal(fault.to_string())),
        }
    }
    Ok(())
}

/// Commits block 0.
fn begin(
    store: &StateStore,
    genesis: &Genesis,
    contracts: &Contracts,
    dispatcher: &Dispatcher,
) -> Result<(), SystemError> {
    genesis.validate()?;
    check_contracts(genesis, contracts)?;
    let changes: Vec<Change> = genesis
        .state()
        .into_iter()
        .map(|(key, value)| Change {
            key,
            old: None,
            new: Some(value),
        })
        .collect();
    let codes = genesis.codes().into_iter();
    let codes = codes.map(|(hash, code)| (hash, Arc::from(&**code)));
    let tree = seal::update_tree(&store.tree(), &changes, dispatcher)?;
    let header = genesis.header(tree.root(), dispatcher);
    let block = Block {
        header,
        proposer_auth: None,
        transactions: Vec::new(),
    };
    store.commit(BlockCommit {
        header: block.header.clone(),
        block_bytes: codec::encode(&block),
        receipts: Receipts::default(),
        changes,
        codes: codes.collect(),
        tree: Some(tree),
    })?;
    Ok(())
}

/// Compares the genesis with the one that block 0 names in its `extra`.
fn check_genesis(store: &StateStore, genesis: &Genesis) -> Result<(), SystemError> {
    let stored = header_at(store, BlockHeight::GENESIS)?.extra;
    let given = genesis.hash();
    if *stored == given.as_bytes()[..] {
        return Ok(());
    }
    let stored = <[u8; 32]>::try_from(&*stored).map_or(Hash::ZERO, Hash);
    Err(SystemError::OtherGenesis {
        stored: stored.to_string(),
        given: given.to_string(),
    })
}

pub(crate) fn header_at(
    store: &StateStore,
    height: BlockHeight,
) -> Result<BlockHeader, SystemError> {
    store.header(height)?.ok_or(SystemError::Corrupt {
        what: "header",
        source: None,
    })
}
