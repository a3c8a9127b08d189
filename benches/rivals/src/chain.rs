//! A chain of ours: blocks with transactions, receipts and events, which change a state.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ordlane_gpu_kernels::{Dispatcher, DispatcherConfig};
use ordlane_primitives::batch::BatchHasher;
use ordlane_primitives::{
    Address, Amount, BLOCK_VERSION, Block, BlockHeader, BlockHeight, ChainId, Event, EventData,
    Extra, Gas, Hash, RawKey, Receipt, ReceiptStatus, Receipts, ReturnData, TimestampMs, Topics,
    codec::{self, Bounded},
};
use ordlane_state::{
    BlockCommit, Change, FjallStorage, Space, StateStore, Storage, StoreOptions, Tip, hash_changes,
};
use rand_0_9::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::cli::Kind;
use crate::error::CompareError;
use crate::state::workload::{Op, Population};

/// The bytes of a transaction.
const TX_BYTES: usize = 200;
/// Who emits events, and how many topics they have.
const EMITTERS: u64 = 1_000;

/// The header of the block on a tip.
pub(crate) fn header(tip: Option<Tip>, state_root: Hash) -> BlockHeader {
    BlockHeader {
        version: BLOCK_VERSION,
        chain_id: ChainId(1),
        parent_hash: tip.map_or(Hash::ZERO, |tip| tip.block_hash),
        number: tip.map_or(BlockHeight::GENESIS, |tip| BlockHeight(tip.height.0 + 1)),
        timestamp_ms: TimestampMs(0),
        proposer: Address::ZERO,
        state_root,
        transactions_root: Hash::ZERO,
        receipts_root: Hash::ZERO,
        events_root: Hash::ZERO,
        compute_receipts_root: Hash::ZERO,
        gas_limit: Gas(0),
        gas_used: Gas(0),
        total_pouw_score: 0,
        provider_count: 0,
        extra: Extra::default(),
    }
}

pub(crate) fn change(op: &Op) -> Change {
    Change {
        key: RawKey::from_bytes(op.key.to_vec()),
        old: op.old.clone(),
        new: op.new.clone(),
    }
}

/// Our hashes, on so many threads as the machine runs at once.
pub(crate) fn hasher() -> Result<Arc<dyn BatchHasher>, CompareError> {
    Ok(Arc::new(Dispatcher::new(DispatcherConfig::default())?))
}

/// A chain in a folder, and what its state has.
pub(crate) struct Chain {
    storage: Arc<FjallStorage>,
    store: StateStore,
    hasher: Arc<dyn BatchHasher>,
    population: Population,
    rng: ChaCha8Rng,
}

impl Chain {
    /// A chain whose first blocks have made a state of so many keys.
    pub(crate) fn begin(
        folder: &Path,
        keys: usize,
        options: StoreOptions,
    ) -> Result<Self, CompareError> {
        let population = Population::new(keys);
        let mut chain = Self::open(folder, population, options)?;
        let initial: Vec<Vec<Op>> = chain.population.initial().collect();
        for batch in &initial {
            chain.commit(batch, 0)?;
        }
        Ok(chain)
    }

    /// The same chain with other options. `closed` has its files in between.
    pub(crate) fn reopened(
        self,
        options: StoreOptions,
        closed: impl FnOnce() -> io::Result<()>,
    ) -> Result<Self, CompareError> {
        let folder = self.storage.folder().to_owned();
        let population = self.population;
        drop((self.store, self.storage));
        closed()?;
        Self::open(&folder, population, options)
    }

    fn open(
        folder: &Path,
        population: Population,
        options: StoreOptions,
    ) -> Result<Self, CompareError> {
        let storage = Arc::new(FjallStorage::open(folder)?);
        let hasher = hasher()?;
        let shared = Arc::<FjallStorage>::clone(&storage);
        let store = StateStore::open_with(shared, Arc::clone(&hasher), options)?;
        let rng = ChaCha8Rng::seed_from_u64(store.tip().map_or(0, |tip| tip.height.0));
        Ok(Self {
            storage,
            store,
            hasher,
            population,
            rng,
        })
    }

    pub(crate) const fn store(&self) -> &StateStore {
        &self.store
    }

    /// What the tables of a space take of the disk.
    pub(crate) fn table_bytes(&self, space: Space) -> Result<u64, CompareError> {
        Ok(self.storage.disk_bytes(space)?.unwrap_or(0))
    }

    /// The next block: so many changes, a tenth of them insertions and a tenth deletions, and so many transactions with
    /// an event each.
    pub(crate) fn extend(&mut self, changes: usize, txs: usize) -> Result<(), CompareError> {
        let batch = self.population.apply(changes, Kind::Mixed);
        self.commit(&batch, txs)
    }

    fn commit(&mut self, batch: &[Op], txs: usize) -> Result<(), CompareError> {
        let changes: Vec<Change> = batch.iter().map(change).collect();
        let hasher = self.hasher.as_ref();
        let leaves = hash_changes(&changes, hasher);
        let tree = self.store.tree().update(&leaves, hasher)?;
        let header = header(self.store.tip(), tree.root());
        let transactions = (0..txs).map(|_| {
            let mut bytes = vec![0; TX_BYTES];
            self.rng.fill_bytes(&mut bytes);
            bytes
        });
        let transactions = transactions.collect();
        let receipts = (0..txs).map(|_| self.receipt()).collect();
        let block = Block {
            header: header.clone(),
            proposer_auth: None,
            transactions,
        };
        Ok(self.store.commit(BlockCommit {
            header,
            block_bytes: codec::encode(&block),
            receipts: Receipts::new(receipts).unwrap_or_default(),
            changes,
            codes: Vec::new(),
            tree: Some(tree),
        })?)
    }

    fn receipt(&mut self) -> Receipt {
        let mut word = || {
            let mut word = Hash::ZERO;
            let which = self.rng.random_range(0..EMITTERS);
            word.0[..8].copy_from_slice(&which.to_be_bytes());
            word
        };
        let event = Event {
            emitter: Address::from_bytes(word().0),
            topics: Topics::new(vec![word()]).unwrap_or_default(),
            data: EventData::default(),
        };
        let mut tx_id = Hash::ZERO;
        self.rng.fill_bytes(&mut tx_id.0);
        Receipt {
            tx_id,
            status: ReceiptStatus::Success,
            gas_used: Gas(0),
            fee: Amount(0),
            events: Bounded::new(vec![event]).unwrap_or_default(),
            return_data: ReturnData::default(),
        }
    }
}
