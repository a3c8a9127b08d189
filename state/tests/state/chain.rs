//! A little chain to commit: random blocks from a seed, and what the store must say about them.
use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use ordlane_primitives::{
    Account, Address, Amount, BLOCK_VERSION, Block, BlockHeader, BlockHeight, ChainId, Event,
    EventData, Extra, Gas, Hash, RawKey, Receipt, ReceiptStatus, Receipts, ReturnData, TimestampMs,
    Topics, TxId,
    batch::Sequential,
    codec::{Bounded, encode},
    hash::{code_hash, sha256},
    list::{self, ListKind},
    tree,
};
use ordlane_state::{
    BlockCommit, Change, Codes, MemoryStorage, ReverseDiff, Space, StateError, StateStore, Storage,
    Tip, Tree, hash_changes,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a block was, as far as the store must give it back.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    pub(crate) tip: Tip,
    pub(crate) block_bytes: Vec<u8>,
    pub(crate) receipts: Receipts,
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
    /// Whether headers have the roots of their bodies; else those are zero.
    sealed: bool,
    /// Whether blocks bring codes, which no account names.
    coded: bool,
}

impl Chain {
    /// One whose headers commit to their whole blocks.
    pub(crate) fn rooted(seed: u64, keys: u32) -> Self {
        Self {
            sealed: true,
            ..Self::with_keys(seed, keys)
        }
    }

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
            sealed: false,
            coded: false,
        }
    }

    /// The same, and most blocks bring codes.
    pub(crate) fn with_codes(mut self) -> Self {
        self.coded = true;
        self
    }

    /// A chain whose headers commit to their bodies, as an engine's do.
    pub(crate) fn sealed(seed: u64) -> Self {
        Self {
            sealed: true,
            ..Self::new(seed)
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
        self.block_of(changes)
    }

    /// The next block, with these changes.
    pub(crate) fn block_of(&mut self, changes: Vec<Change>) -> BlockCommit {
        let transactions = self.rng.random_range(0..6);
        self.block_with(changes, transactions)
    }

    /// The next block, with many transactions and so events.
    pub(crate) fn block_of_many_events(&mut self, transactions: usize) -> BlockCommit {
        self.block_with(Vec::new(), transactions)
    }

    fn block_with(&mut self, changes: Vec<Change>, transactions: usize) -> BlockCommit {
        let tree = self
            .tree
            .update(&hash_changes(&changes, &Sequential), &Sequential)
            .unwrap();
        let mut header = self.header(&tree);
        let transactions: Vec<Vec<u8>> = (0..transactions)
            .map(|_| (0..64).map(|_| self.rng.random()).collect())
            .collect();
        let receipts = self.random_receipts(transactions.iter().map(|tx| sha256(tx)));
        if self.sealed {
            seal(&mut header, &transactions, &receipts);
        }
        let block_bytes = encode(&Block {
            header: header.clone(),
            proposer_auth: None,
            transactions,
        });
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
            receipts: receipts.clone(),
            diff: ReverseDiff::of(&changes),
            values: self.values.clone(),
        });
        let codes = match self.coded {
            true => brought_by(&header),
            false => Codes::new(),
        };
        BlockCommit {
            codes,
            header,
            block_bytes,
            receipts,
            changes,
            tree: None,
        }
    }

    /// A receipt for each id; now and then one has the id of an earlier transaction.
    fn random_receipts(&mut self, tx_ids: impl Iterator<Item = TxId>) -> Receipts {
        let earlier: Vec<TxId> = self
            .blocks
            .iter()
            .flat_map(|block| block.receipts.iter().map(|receipt| receipt.tx_id))
            .collect();
        let receipts = tx_ids.map(|mut tx_id| {
            if !earlier.is_empty() && self.rng.random_bool(0.1) {
                tx_id = earlier[self.rng.random_range(0..earlier.len())];
            }
            let events = (0..self.rng.random_range(0..4))
                .map(|_| self.random_event())
                .collect();
            Receipt {
                tx_id,
                status: ReceiptStatus::Success,
                gas_used: Gas(self.rng.random()),
                fee: Amount(7),
                events: Bounded::new(events).unwrap(),
                return_data: ReturnData::default(),
            }
        });
        Bounded::new(receipts.collect()).unwrap()
    }

    fn random_event(&mut self) -> Event {
        let topics = (0..self.rng.random_range(0..=4)).map(|_| topic(self.rng.random_range(0..4)));
        let topics = Topics::new(topics.collect()).unwrap();
        Event {
            emitter: emitter(self.rng.random_range(0..3)),
            topics,
            data: EventData::default(),
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

/// The codes that a block brings: none, or some of its own and one that others bring, too.
fn brought_by(header: &BlockHeader) -> Codes {
    let count = header.number.0 % 3;
    let own =
        (0..count).map(|number| [&header.hash().0[..], &[u8::try_from(number).unwrap()]].concat());
    let common = (count > 0).then(|| b"common".to_vec());
    codes(own.chain(common))
}

/// Codes in their order.
pub(crate) fn codes(codes: impl IntoIterator<Item = Vec<u8>>) -> Codes {
    let mut codes: Codes = codes
        .into_iter()
        .map(|code| (code_hash(&code), code.into()))
        .collect();
    codes.sort();
    codes
}

/// The change by which an account comes to be, with a code or without one.
pub(crate) fn account(number: u8, code: Option<&[u8]>) -> Change {
    let account = Account {
        balance: Amount(1),
        code_hash: code.map(code_hash).unwrap_or_default(),
        ..Account::default()
    };
    Change {
        key: RawKey::account(&Address::from_bytes([number; 32])),
        old: None,
        new: Some(encode(&account)),
    }
}

/// Gives a header the roots of its body.
fn seal(header: &mut BlockHeader, transactions: &[Vec<u8>], receipts: &Receipts) {
    let of =
        |kind, items: &[Vec<u8>]| list::root(kind, items.iter().map(Vec::as_slice), &Sequential);
    let events: Vec<Vec<u8>> = (0..)
        .zip(receipts.iter())
        .flat_map(|(index, receipt)| {
            let item = move |event| list::event_item(index, event);
            receipt.events.iter().map(item)
        })
        .collect();
    let receipts: Vec<Vec<u8>> = receipts.iter().map(encode).collect();
    header.transactions_root = of(ListKind::Transactions, transactions);
    header.receipts_root = of(ListKind::Receipts, &receipts);
    header.events_root = of(ListKind::Events, &events);
}

/// One of a few emitters.
pub(crate) fn emitter(number: u8) -> Address {
    Address::from_bytes([number; 32])
}

/// One of a few topics; some are equal to an emitter's bytes.
pub(crate) fn topic(number: u8) -> Hash {
    Hash([number; 32])
}

/// All that a storage holds, but for the tree's pages, which follow from the values and are written when there is time.
pub(crate) fn dump(storage: &dyn Storage) -> BTreeMap<Space, BTreeMap<Vec<u8>, Vec<u8>>> {
    Space::ALL
        .into_iter()
        .filter(|space| *space != Space::Page)
        .map(|space| {
            let mut entries = BTreeMap::new();
            storage
                .scan(space, &[], &mut |key, value| {
                    if (space, key) != (Space::Meta, b"pages") {
                        entries.insert(key.to_vec(), value.to_vec());
                    }
                    ControlFlow::Continue(())
                })
                .unwrap();
            (space, entries)
        })
        .collect()
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
        check("receipts", bytes == Some(encode(&block.receipts)))?;
        let diff = store.reverse_diff(height).map_err(failed)?;
        check("diff", diff.as_ref() == Some(&block.diff))?;
        let found = store.height_of(&block.tip.block_hash).map_err(failed)?;
        check("height", found == Some(height))?;
        let header = store.header(height).map_err(failed)?;
        let hash = header.map(|header| header.hash());
        check("header", hash == Some(block.tip.block_hash))?;
    }
    for (id, expected) in positions(blocks) {
        let position = store.tx_position(&id).map_err(failed)?;
        check("position", position == Some(expected))?;
    }
    let above = BlockHeight(blocks.len() as u64);
    let beyond = store.block_bytes(above).map_err(failed)?;
    check("end", beyond.is_none())
}

/// Where each transaction is; of several with one id, the last.
pub(crate) fn positions(blocks: &[Committed]) -> BTreeMap<TxId, (BlockHeight, u32)> {
    let of = |block: &Committed| {
        let height = block.tip.height;
        (0..)
            .zip(block.receipts.iter().map(|receipt| receipt.tx_id))
            .map(move |(index, id)| (id, (height, index)))
            .collect::<Vec<_>>()
    };
    blocks.iter().flat_map(of).collect()
}

pub(crate) fn assert_equal(store: &StateStore, chain: &Chain) {
    check_equal(store, &chain.blocks, chain.keys).unwrap();
}
