//! A little chain to commit: random blocks from a seed, and what the store must say about them.
use std::{collections::BTreeMap, sync::Arc};

use ordlane_primitives::{
    Address, BLOCK_VERSION, Block, BlockHeader, BlockHeight, ChainId, Extra, Gas, Hash, RawKey,
    TimestampMs, TxId, batch::Sequential, codec::encode, hash::sha256, tree,
};
use ordlane_state::{
    BlockCommit, Change, MemoryStorage, ReverseDiff, StateError, StateStore, Storage, Tip, Tree,
    hash_changes,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a block was, as far as the store must give it back.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    pub(crate) tip: Tip,
    pub(crate) block_bytes: Vec<u8>,
    pub(crate) receipts_bytes: Vec<u8>,
    pub(crate) tx_ids: Vec<TxId>,
    pub(crate) diff: ReverseDiff,
    pub(crate) values: BTreeMap<RawKey, Vec<u8>>,
}

/// A chain that grows by random blocks, the same for the same seed.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    rng: ChaCha8Rng,
    pub(crate) tree: Tree,
    pub(crate) blocks: Vec<Committed>,
    pub(crate) values: BTreeMap<RawKey, Vec<u8>>,
    pub(crate) keys: u32,
}

impl Chain {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with_keys(seed, 200)
    }

    pub(crate) fn with_keys(seed: u64, keys: u32) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            tree: Tree::empty(),
            blocks: Vec::new(),
            values: BTreeMap::new(),
            keys,
        }
    }

    /// The chain after as many blocks.
    pub(crate) fn grown(seed: u64, blocks: usize) -> Self {
        let mut chain = Self::new(seed);
        for _ in 0..blocks {
            chain.next_block();
        }
        chain
    }

    /// The same chain up to here, and other blocks from here on.
    pub(crate) fn fork(&self, seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            ..self.clone()
        }
    }

    pub(crate) fn tip(&self) -> Option<Tip> {
        self.blocks.last().map(|block| block.tip)
    }

    /// The next block, which from here on is part of this chain.
    pub(crate) fn next_block(&mut self) -> BlockCommit {
        let changes = self.random_changes();
        let tree = self
            .tree
            .update(&hash_changes(&changes, &Sequential), &Sequential)
            .unwrap();
        let header = self.header(&tree);
        let transactions: Vec<Vec<u8>> = (0..self.rng.random_range(0..6))
            .map(|_| (0..64).map(|_| self.rng.random()).collect())
            .collect();
        let tx_ids: Vec<TxId> = transactions.iter().map(|tx| sha256(tx)).collect();
        let block_bytes = encode(&Block {
            header: header.clone(),
            proposer_auth: None,
            transactions,
        });
        let receipts_bytes = vec![7; self.rng.random_range(0..200)];
        for change in changes.iter().cloned() {
            match change.new {
                Some(new) => self.values.insert(change.key, new),
                None => self.values.remove(&change.key),
            };
        }
        self.tree = tree;
        self.blocks.push(Committed {
            tip: Tip {
                height: header.number,
                block_hash: header.hash(),
                state_root: header.state_root,
            },
            block_bytes: block_bytes.clone(),
            receipts_bytes: receipts_bytes.clone(),
            tx_ids: tx_ids.clone(),
            diff: ReverseDiff::of(&changes),
            values: self.values.clone(),
        });
        BlockCommit {
            header,
            block_bytes,
            receipts_bytes,
            tx_ids,
            changes,
            tree: None,
        }
    }

    fn random_changes(&mut self) -> Vec<Change> {
        let mut new_values = BTreeMap::new();
        for _ in 0..self.rng.random_range(0..30) {
            let key = self.rng.random_range(0..self.keys).to_be_bytes().to_vec();
            let new = self.rng.random_bool(0.7).then(|| {
                let size = self.rng.random_range(0..100);
                (0..size).map(|_| self.rng.random()).collect::<Vec<u8>>()
            });
            new_values.insert(RawKey::from_bytes(key), new);
        }
        new_values
            .into_iter()
            .map(|(key, new)| {
                let old = self.values.get(&key).cloned();
                Change { key, old, new }
            })
            .collect()
    }

    fn header(&mut self, tree: &Tree) -> BlockHeader {
        let parent = self.tip();
        BlockHeader {
            version: BLOCK_VERSION,
            chain_id: ChainId(1),
            parent_hash: parent.map_or(Hash::ZERO, |tip| tip.block_hash),
            number: parent.map_or(BlockHeight(0), |tip| BlockHeight(tip.height.0 + 1)),
            timestamp_ms: TimestampMs(self.rng.random()),
            proposer: Address::ZERO,
            state_root: tree.root(),
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
}

pub(crate) fn open(storage: Arc<dyn Storage>) -> Result<StateStore, StateError> {
    StateStore::open(storage, Arc::new(Sequential))
}

pub(crate) fn in_memory() -> StateStore {
    open(Arc::new(MemoryStorage::new())).unwrap()
}

/// Checks that the store says exactly what a chain of these blocks must say, down to every value, proof and index.
pub(crate) fn check_equal(
    store: &StateStore,
    blocks: &[Committed],
    keys: u32,
) -> Result<(), String> {
    let check = |what: &str, right: bool| {
        if right {
            Ok(())
        } else {
            Err(format!("{what} of {} blocks differs", blocks.len()))
        }
    };
    let failed = |error: StateError| error.to_string();
    check("tip", store.tip() == blocks.last().map(|block| block.tip))?;
    let nothing = BTreeMap::new();
    let values = blocks.last().map_or(&nothing, |block| &block.values);
    for key in 0..keys {
        let key = key.to_be_bytes();
        let expected = values.get(&RawKey::from_bytes(key.to_vec()));
        let read = store.read(&key).map_err(failed)?;
        check("value", read.as_ref() == expected)?;
        let proven = store.prove(&key).map_err(failed)?;
        let root = proven.tip.map_or(tree::EMPTY, |tip| tip.state_root);
        let value = proven.value.as_deref();
        check("proof", proven.proof.verify(&root, &key, value) == Ok(()))?;
        check("proven value", value == expected.map(Vec::as_slice))?;
    }
    for block in blocks {
        let height = block.tip.height;
        let bytes = store.block_bytes(height).map_err(failed)?;
        check("block", bytes.as_ref() == Some(&block.block_bytes))?;
        let bytes = store.receipts_bytes(height).map_err(failed)?;
        check("receipts", bytes.as_ref() == Some(&block.receipts_bytes))?;
        let diff = store.reverse_diff(height).map_err(failed)?;
        check("diff", diff.as_ref() == Some(&block.diff))?;
        let found = store.height_of(&block.tip.block_hash).map_err(failed)?;
        check("height", found == Some(height))?;
        for (index, id) in (0..).zip(&block.tx_ids) {
            let position = store.tx_position(id).map_err(failed)?;
            check("position", position == Some((height, index)))?;
        }
    }
    let above = BlockHeight(blocks.len() as u64);
    let beyond = store.block_bytes(above).map_err(failed)?;
    check("end", beyond.is_none())
}

pub(crate) fn assert_equal(store: &StateStore, chain: &Chain) {
    check_equal(store, &chain.blocks, chain.keys).unwrap();
}
