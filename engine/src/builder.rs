//! Setting up an engine.

use std::{
    num::{NonZeroU64, NonZeroUsize},
    sync::Arc,
    thread,
};

use ordlane_gpu_kernels::{Dispatcher, DispatcherConfig};
use ordlane_primitives::{Block, BlockHeader, BlockHeight, Genesis, Hash, Receipts, codec};
use ordlane_scheduler::{Config, Executor, Mode};
use ordlane_state::{BlockCommit, Change, MemoryStorage, StateStore, Storage, StoreOptions};

use crate::{
    Engine, EngineError, SystemError, durable::DurableChain, execute::Runner, layer::Layers, seal,
    submit::Committer,
};

/// Collects the settings of an [`Engine`]. Nothing in here changes a result.
#[derive(Debug, Default)]
pub struct EngineBuilder {
    storage: Option<Arc<dyn Storage>>,
    genesis: Option<Genesis>,
    threads: Option<usize>,
    mode: Mode,
    traces: bool,
    keep_blocks: Option<NonZeroU64>,
    max_unsynced_blocks: Option<NonZeroUsize>,
}

impl EngineBuilder {
    /// Where the state lives; by default in memory.
    #[must_use]
    pub fn store(mut self, storage: Arc<dyn Storage>) -> Self {
        self.storage = Some(storage);
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

    /// How many blocks may be submitted and not yet on disk ([`Engine::submit`]); by default 4, and at most 8.
    #[must_use]
    pub const fn max_unsynced_blocks(mut self, blocks: NonZeroUsize) -> Self {
        self.max_unsynced_blocks = Some(blocks);
        self
    }

    /// Opens the store and starts the threads.
    ///
    /// # Errors
    /// [`SystemError`] when the store cannot be opened, is damaged, began with another genesis, or is empty and no
    /// genesis was given; or when the threads cannot be started.
    pub fn build(self) -> Result<Engine, EngineError> {
        let threads = self
            .threads
            .unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZeroUsize::get));
        let config = DispatcherConfig {
            threads,
            ..DispatcherConfig::default()
        };
        let dispatcher =
            Dispatcher::new(config).map_err(|error| SystemError::Threads(error.into()))?;
        let dispatcher = Arc::new(dispatcher);
        let config = Config {
            threads,
            mode: self.mode,
            ..Config::default()
        };
        let executor = Executor::new(config).map_err(|error| SystemError::Threads(error.into()))?;
        let storage = self
            .storage
            .unwrap_or_else(|| Arc::new(MemoryStorage::default()));
        let options = self
            .keep_blocks
            .map_or_else(StoreOptions::default, StoreOptions::keeping);
        let hasher = Arc::<Dispatcher>::clone(&dispatcher);
        let store = StateStore::open_with(storage, hasher, options).map_err(SystemError::from)?;
        let store = Arc::new(store);

        if store.tip().is_none() {
            let genesis = self.genesis.as_ref().ok_or(SystemError::NoGenesis)?;
            begin(&store, genesis, &dispatcher)?;
        } else if let Some(genesis) = &self.genesis {
            check_genesis(&store, genesis)?;
        }
        let chain = Arc::new(DurableChain::load(Arc::clone(&store))?);
        let committer = Committer::new(Arc::clone(&chain), self.max_unsynced_blocks);
        Ok(Engine {
            store,
            dispatcher,
            runner: Runner::new(executor, self.traces),
            layers: Layers::default(),
            chain,
            committer,
        })
    }
}

/// Commits block 0.
fn begin(
    store: &StateStore,
    genesis: &Genesis,
    dispatcher: &Dispatcher,
) -> Result<(), SystemError> {
    genesis.validate()?;
    let changes: Vec<Change> = genesis
        .state()
        .into_iter()
        .map(|(key, value)| Change {
            key,
            old: None,
            new: Some(value),
        })
        .collect();
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
