//! What a store must hold: the same blocks in a twin that never crashed, kept whole.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use ordlane_primitives::{BlockHeight, Hash, batch::Sequential, codec::encode, hash::code_hash};
use ordlane_state::{
    BlockCommit, BlockMark, EventFilter, EventPosition, MemoryStorage, Space, StateError,
    StateStore, Storage, StoreOptions, Visit, Witness, WriteBatch,
};

use crate::chain::{Chain, emitter, open, topic};

/// How a store went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Wrong {
    /// It said so itself.
    #[error("refused: {0}")]
    Refused(#[from] StateError),
    /// It answered, and the answer is not what was committed.
    #[error("a silent loss: {0}")]
    Silent(String),
}

/// What went well, or the end of the test.
#[expect(clippy::panic, reason = "a wrong answer fails the test by its case")]
pub(crate) fn right<T>(outcome: Result<T, Wrong>, case: &str) -> T {
    match outcome {
        Ok(right) => right,
        Err(wrong) => panic!("{case}: {wrong}"),
    }
}

/// Compares, and says in words what differs.
fn same<T: PartialEq + std::fmt::Debug>(
    what: impl Fn() -> String,
    found: &T,
    expected: &T,
) -> Result<(), Wrong> {
    if found == expected {
        return Ok(());
    }
    let mut said = format!("{}: {found:?}, not {expected:?}", what());
    said.truncate(400);
    Err(Wrong::Silent(said))
}

/// A chain with all of its blocks at hand, and a store in memory that has as many of them as are asked for.
pub(crate) struct Twin {
    chain: Chain,
    blocks: Vec<BlockCommit>,
    padding_bytes: usize,
    archive: StateStore,
    memory: Arc<MemoryStorage>,
}

impl Twin {
    pub(crate) fn new(seed: u64) -> Self {
        Self::padded(seed, 0)
    }

    /// One whose blocks have so many bytes behind what they say.
    pub(crate) fn padded(seed: u64, padding_bytes: usize) -> Self {
        let (archive, memory) = empty();
        Self {
            padding_bytes,
            chain: Chain::new(seed).with_codes(),
            blocks: Vec::new(),
            archive,
            memory,
        }
    }

    /// The block at a height.
    pub(crate) fn block(&mut self, height: u64) -> BlockCommit {
        let at = usize::try_from(height).unwrap();
        while self.blocks.len() <= at {
            let mut block = self.chain.next_block();
            let padding = vec![7; self.padding_bytes];
            block.block_bytes.extend(padding);
            self.blocks.push(block);
        }
        self.blocks[at].clone()
    }

    /// The mark of the block at a height.
    #[cfg(feature = "fjall")]
    pub(crate) fn mark(&mut self, height: u64) -> BlockMark {
        BlockMark {
            height: BlockHeight(height),
            block_hash: self.block(height).header.hash(),
        }
    }

    /// Adds blocks to a store until it has `count` more.
    pub(crate) fn extend(&mut self, store: &StateStore, count: u64) -> Result<(), StateError> {
        let first = next_height(store);
        (first..first + count).try_for_each(|height| store.commit(self.block(height)))
    }

    /// Makes the archive end at a height.
    fn move_to(&mut self, height: Option<u64>) {
        let Some(height) = height else {
            (self.archive, self.memory) = empty();
            return;
        };
        while next_height(&self.archive) <= height {
            let block = self.block(next_height(&self.archive));
            self.archive.commit(block).unwrap();
        }
        self.archive.rollback_to(BlockHeight(height)).unwrap();
    }

    /// Opens a storage twice, from its values alone and as it is, and checks all that it says.
    pub(crate) fn check(
        &mut self,
        storage: &Arc<dyn Storage>,
        options: StoreOptions,
    ) -> Result<StateStore, Wrong> {
        let rebuilt = rebuilt_root(storage)?;
        let store = StateStore::open_with(Arc::clone(storage), Arc::new(Sequential), options)?;
        same(
            || "the root of the pages beside that of the values".to_owned(),
            &store.tree().root(),
            &rebuilt,
        )?;
        self.check_open(&store, storage.as_ref())?;
        Ok(store)
    }

    /// Checks all that an open store says and holds.
    pub(crate) fn check_open(
        &mut self,
        store: &StateStore,
        storage: &dyn Storage,
    ) -> Result<(), Wrong> {
        let tip = store.tip();
        self.move_to(tip.map(|tip| tip.height.0));
        same(|| "tip".to_owned(), &tip, &self.archive.tip())?;
        let root = store.tree().root();
        same(|| "root".to_owned(), &root, &self.archive.tree().root())?;
        self.check_entries(storage, store.horizon())?;
        self.check_answers(store)
    }

    /// Every entry of every kept block, nothing else, and the same by key as in order.
    fn check_entries(&self, storage: &dyn Storage, horizon: BlockHeight) -> Result<(), Wrong> {
        let expected = entries(self.memory.as_ref())?;
        let found = entries(storage)?;
        self.check_codes(storage, &found[&Space::Code])?;
        for space in Space::ALL.into_iter().filter(|space| *space != Space::Code) {
            let (found, expected) = (&found[&space], &expected[&space]);
            for (key, value) in expected {
                let kept = height_of(space, key).is_none_or(|height| height >= horizon);
                let actual = found.get(key);
                let what = || format!("{space} {key:02x?}");
                if kept {
                    same(what, &actual, &Some(value))?;
                    same(what, &storage.get(space, key)?.as_ref(), &Some(value))?;
                } else if let Some(actual) = actual {
                    let cut = space == Space::Block && value.starts_with(actual);
                    same(what, &(actual == value || cut), &true)?;
                }
            }
            let foreign = found.keys().find(|key| !expected.contains_key(*key));
            same(|| format!("a further entry in {space}"), &foreign, &None)?;
        }
        Ok(())
    }

    /// Every code that a block brought, and beside those only what undone blocks left.
    fn check_codes(
        &self,
        storage: &dyn Storage,
        found: &BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Result<(), Wrong> {
        let durable = usize::try_from(next_height(&self.archive)).unwrap();
        for (hash, code) in self.blocks[..durable].iter().flat_map(|block| &block.codes) {
            let what = || format!("code {hash}");
            let code = Some(code.to_vec());
            same(what, &found.get(&hash.0[..]).cloned(), &code)?;
            same(what, &storage.get(Space::Code, &hash.0)?, &code)?;
        }
        let foreign = found
            .iter()
            .find(|(hash, code)| **hash != code_hash(code).0);
        same(|| "a further entry in code".to_owned(), &foreign, &None)
    }

    /// What the store answers, beside what the archive does.
    fn check_answers(&self, store: &StateStore) -> Result<(), Wrong> {
        let Some(tip) = store.tip() else {
            return Ok(());
        };
        let horizon = store.horizon();
        for key in (0..self.chain.keys).step_by(7) {
            let key = key.to_be_bytes();
            let what = || format!("key {key:?}");
            let value = self.archive.read(&key)?;
            same(what, &store.read(&key)?, &value)?;
            let proven = store.prove(&key)?;
            let verified = proven.proof.verify(&tip.state_root, &key, value.as_deref());
            same(what, &verified, &Ok(()))?;
            for height in [horizon.0.midpoint(tip.height.0), horizon.0].map(BlockHeight) {
                let expected = self.archive.read_at(height, &key)?;
                same(what, &store.read_at(height, &key)?, &expected)?;
            }
        }
        let from = Some(EventPosition::start_of(horizon));
        for number in 0..3 {
            for filter in [
                EventFilter::Emitter(emitter(number)),
                EventFilter::Topic(topic(number)),
            ] {
                let expected = self.archive.event_positions(&filter, from, 1_000)?;
                let found = store.event_positions(&filter, from, 1_000)?;
                same(|| format!("{filter:?}"), &found, &expected)?;
            }
        }
        for height in (horizon.0..=tip.height.0).map(BlockHeight) {
            let block = &self.blocks[usize::try_from(height.0).unwrap()];
            let what = || format!("block {height}");
            let bytes = store.block_bytes(height)?;
            same(what, &bytes.as_ref(), &Some(&block.block_bytes))?;
            let receipts = store.receipts_bytes(height)?;
            same(what, &receipts, &Some(encode(&block.receipts)))?;
            let diff = self.archive.reverse_diff(height)?;
            same(what, &store.reverse_diff(height)?, &diff)?;
            let found = store.height_of(&block.header.hash())?;
            same(what, &found, &Some(height))?;
            for (hash, code) in &block.codes {
                same(what, &store.code(hash)?.as_deref(), &Some(&**code))?;
            }
            for receipt in block.receipts.iter() {
                let expected = self.archive.tx_position(&receipt.tx_id)?;
                same(what, &store.tx_position(&receipt.tx_id)?, &expected)?;
            }
        }
        Ok(())
    }
}

fn empty() -> (StateStore, Arc<MemoryStorage>) {
    let memory = Arc::new(MemoryStorage::new());
    (open(memory.clone()).unwrap(), memory)
}

/// The height of the next block of a store.
pub(crate) fn next_height(store: &StateStore) -> u64 {
    store.tip().map_or(0, |tip| tip.height.0 + 1)
}

type Entries = BTreeMap<Space, BTreeMap<Vec<u8>, Vec<u8>>>;

/// All that a storage holds but the tree's pages, and what is said about pruning.
fn entries(storage: &dyn Storage) -> Result<Entries, StateError> {
    let mut all = Entries::new();
    for space in Space::ALL {
        let mut found = BTreeMap::new();
        storage.scan(space, &[], &mut |key, value| {
            let own = space == Space::Meta && [&b"pages"[..], b"horizon", b"pruned"].contains(&key);
            if space != Space::Page && !own {
                found.insert(key.to_vec(), value.to_vec());
            }
            ControlFlow::Continue(())
        })?;
        all.insert(space, found);
    }
    Ok(all)
}

/// The block of an entry that is pruned with it, or none for what stays.
fn height_of(space: Space, key: &[u8]) -> Option<BlockHeight> {
    let at = |at: usize| {
        let bytes = key.get(at..at + 8)?.try_into().ok()?;
        Some(u64::from_be_bytes(bytes))
    };
    let height = match space {
        Space::Rev | Space::Block | Space::Receipts => at(0),
        Space::Hist => at(key.len() - 8),
        Space::TxIndex => at(32).map(|inverted| !inverted),
        Space::EventIndex => at(33),
        Space::Flat | Space::BlockHash | Space::Page | Space::Meta | Space::Code => None,
    };
    height.map(BlockHeight)
}

/// The root of the tree of all stored values, whatever pages are stored. Writes nothing.
fn rebuilt_root(storage: &Arc<dyn Storage>) -> Result<Hash, StateError> {
    let unmarked = Arc::new(Unmarked(Arc::clone(storage)));
    Ok(open(unmarked)?.tree().root())
}

/// A storage as if it had no pages, which is only read.
#[derive(Debug)]
struct Unmarked(Arc<dyn Storage>);

impl Storage for Unmarked {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        if (space, key) == (Space::Meta, b"pages") {
            return Ok(None);
        }
        self.0.get(space, key)
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        self.0.scan(space, from, visit)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StateError> {
        // An empty store says which format it is of.
        assert_eq!(batch.len(), 1, "opening writes nothing else");
        Ok(())
    }

    fn witness(&self) -> Result<Witness, StateError> {
        self.0.witness()
    }

    fn attest(&self, _tip: &BlockMark) -> Result<(), StateError> {
        Ok(())
    }
}
