//! The durable side: blocks go in one at a time, and come out proven.
//!
//! Invariants: the tip, the tree and the stored values always belong together; a commit is acknowledged only when it is
//! durable and, where the storage keeps a witness, attested; commits are taken one at a time, and none after a failed
//! write.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock},
};

use borsh::{BorshDeserialize, BorshSerialize};
use ordlane_primitives::{
    BlockHash, BlockHeader, BlockHeight, Hash, Receipts,
    batch::BatchHasher,
    codec::{self, Canonical},
    proof::{StateProof, Terminal},
    tree,
};

use self::{
    history::History,
    pages::{PageWriter, read_mark},
};
use crate::{ReverseDiff, Space, StateError, Storage, StorageView, Tree, Visit, WriteBatch};

mod code;
mod commit;
mod fsck;
mod history;
mod index;
mod keys;
mod options;
mod pages;
mod prune;
mod recovery;
mod restore;
mod rollback;
mod stats;
mod upgrade;

pub use code::Codes;
pub(crate) use code::{code_in, named_code};
pub use commit::BlockCommit;
pub use fsck::{
    CheckProgress, CheckReport, CheckStage, Fault, Finding, MAX_LISTED_FINDINGS, Repair, Severity,
};
pub use index::{EventFilter, EventPosition, EventPositions, MAX_EVENT_PAGE};
pub use keys::FORMAT_VERSION;
#[cfg(feature = "fjall")]
pub(crate) use keys::{FORMAT as FORMAT_KEY, TIP as TIP_KEY};
pub use options::StoreOptions;
pub use prune::Pruned;
pub(crate) use restore::Restoration;
pub use stats::{SpaceStats, StoreStats};
pub use upgrade::Upgrade;
pub(crate) use upgrade::check_format;

/// Which block: its height and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockMark {
    /// The block's height.
    pub height: BlockHeight,
    /// The block's hash.
    pub block_hash: BlockHash,
}

impl fmt::Display for BlockMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} ({})", self.height, self.block_hash)
    }
}

/// The last durable block and the root of the state after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Tip {
    /// The block's height.
    pub height: BlockHeight,
    /// The block's hash.
    pub block_hash: BlockHash,
    /// The state root in its header.
    pub state_root: Hash,
}

impl Tip {
    /// The block without its state root.
    #[must_use]
    pub const fn mark(&self) -> BlockMark {
        BlockMark {
            height: self.height,
            block_hash: self.block_hash,
        }
    }
}

impl Canonical for Tip {
    const NAME: &'static str = "tip";
    const MIN_BYTES: usize = 8 + 32 + 32;
    const MAX_BYTES: usize = Self::MIN_BYTES;
}

/// A key's value, the proof of it, and the block whose state root the proof leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The block after which this holds; none before the genesis block, whose root is the empty one.
    pub tip: Option<Tip>,
    /// The value, or none.
    pub value: Option<Vec<u8>>,
    /// Verifies against the tip's state root, the raw key and the value.
    pub proof: StateProof,
}

/// The state at the last durable block, and all blocks up to it.
///
/// It may be shared between threads. Reads never wait for a commit; only a proof of a key that the block being
/// committed changes waits for that block. A read while a block is being committed may see values of that block.
///
/// After a failed write the store is poisoned: whether the block is on disk is not known. [`tip`](Self::tip) and
/// [`tree`](Self::tree) stay at the last acknowledged block, everything else returns [`StateError::Poisoned`] with the first
/// error as its cause, until the store is dropped and opened again.
pub struct StateStore {
    core: Arc<Core>,
    hasher: Arc<dyn BatchHasher>,
    options: StoreOptions,
    history: History,
    committing: Mutex<()>,
    writer: PageWriter,
}

/// What the store shares with the thread that writes pages.
#[derive(Debug)]
struct Core {
    storage: Arc<dyn Storage>,
    /// The tree is settled whenever this is not locked for writing.
    head: RwLock<Head>,
    /// Set once a write has failed: why, where that is known.
    poisoned: OnceLock<Option<Arc<StateError>>>,
}

#[derive(Clone, Debug)]
struct Head {
    tip: Option<Tip>,
    tree: Tree,
}

impl StateStore {
    /// Opens what a storage holds, or begins anew when it holds nothing. One store at a time works on a storage.
    ///
    /// Takes the tree's stored pages, applies what the blocks after them have changed, and compares the root with the
    /// tip's; where no pages are stored, reads every value. Compares the tip's block with its hash, and the tip with the
    /// storage's [`Witness`](crate::Witness). This is the recovery after a crash, too. Nothing is repaired: a store that
    /// is not right is refused and left as it is. A page that was not needed is compared when it is read.
    ///
    /// # Errors
    /// [`StateError::Damaged`], [`StateError::LostBlocks`], [`StateError::NeedsUpgrade`] and
    /// [`StateError::UnknownFormat`] for a store that is not right, and what the storage reports.
    pub fn open(
        storage: Arc<dyn Storage>,
        hasher: Arc<dyn BatchHasher>,
    ) -> Result<Self, StateError> {
        Self::open_with(storage, hasher, StoreOptions::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// Those of [`StateStore::open`].
    pub fn open_with(
        storage: Arc<dyn Storage>,
        hasher: Arc<dyn BatchHasher>,
        options: StoreOptions,
    ) -> Result<Self, StateError> {
        let mark = read_mark(storage.as_ref())?;
        let head = recovery::recover(&storage, &hasher, &options, mark)?;
        let history = History::load(storage.as_ref(), head.tip.as_ref())?;
        let core = Arc::new(Core {
            storage,
            head: RwLock::new(head),
            poisoned: OnceLock::new(),
        });
        Ok(Self {
            writer: PageWriter::start(&core, options, mark),
            core,
            hasher,
            options,
            history,
            committing: Mutex::new(()),
        })
    }

    /// The last acknowledged block, or none before the genesis block.
    #[must_use]
    pub fn tip(&self) -> Option<Tip> {
        self.core.head().tip
    }

    /// The tree at the tip. Once a block is committed that does not come from it, it is stale.
    #[must_use]
    pub fn tree(&self) -> Tree {
        self.core.head().tree
    }

    /// How much memory the pages of the tree take, in bytes: at most the limit in [`StoreOptions`], and those that are
    /// not written yet.
    #[must_use]
    pub fn tree_bytes(&self) -> usize {
        self.core.head().tree.resident_bytes()
    }

    /// Writes all pages of the tree that are not in the storage yet. The store does so by itself from time to time;
    /// afterwards it opens fastest.
    ///
    /// # Errors
    /// Any error of the storage, which poisons the store.
    pub fn write_pages(&self) -> Result<(), StateError> {
        self.writer.write_now()
    }

    /// Whether a write has failed, after which everything else is refused until the store is opened again.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.core.poisoned.get().is_some()
    }

    /// Checks that no write has failed, also none in the background.
    ///
    /// # Errors
    /// [`StateError::Poisoned`], which names the first write that did.
    pub fn check_healthy(&self) -> Result<(), StateError> {
        self.core.check_healthy()
    }

    /// The hasher that the store was opened with.
    #[must_use]
    pub fn hasher(&self) -> &Arc<dyn BatchHasher> {
        &self.hasher
    }

    /// The value of a raw key at the tip, or none.
    ///
    /// # Errors
    /// [`StateError`] when it cannot be read, is damaged, or the store is poisoned.
    pub fn read(&self, raw_key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.get(Space::Flat, raw_key)
    }

    /// Shows raw keys and their values at the tip, ascending from `from` on, until it is told to stop. A block that is
    /// committed meanwhile may be seen or not.
    ///
    /// # Errors
    /// [`StateError`] when they cannot be read or the store is poisoned.
    pub fn scan(&self, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        self.check_healthy()?;
        self.core.storage.scan(Space::Flat, from, visit)
    }

    /// The value of a raw key, or none, with its proof, both at one and the same block.
    ///
    /// # Errors
    /// [`StateError`] when it cannot be read, is damaged, or the store is poisoned. A stored value that is not the one in
    /// the tree is [`StateError::Damaged`].
    pub fn prove(&self, raw_key: &[u8]) -> Result<Proven, StateError> {
        let path = tree::path_of(raw_key);
        match self.try_prove(raw_key, &path) {
            Ok(proven) if proven.agrees(&path) => return Ok(proven),
            Ok(_) | Err(StateError::StaleTree) => {}
            Err(error) => return Err(error),
        }
        // A commit had written the value but not yet moved the head: once it is done the two agree.
        let _no_commit = self.lock_commits()?;
        let proven = self.try_prove(raw_key, &path)?;
        if proven.agrees(&path) {
            Ok(proven)
        } else {
            Err(StateError::damaged(format!(
                "the value stored at path {path} is not the one in the tree"
            )))
        }
    }

    /// The header of the block at a height, or none above the tip. Headers are never pruned.
    ///
    /// # Errors
    /// [`StateError::Pruned`] below the [base](Self::base) of a store that began with a snapshot; [`StateError`] when it cannot be read, is damaged or missing, or the store is poisoned.
    pub fn header(&self, height: BlockHeight) -> Result<Option<BlockHeader>, StateError> {
        self.core.check_healthy()?;
        let _no_rollback = self.history.horizon();
        self.history.check_header(height)?;
        self.is_durable(height)
            .then(|| self.stored_header(height))
            .transpose()
    }

    /// The bytes of the block at a height, or none above the tip.
    ///
    /// # Errors
    /// [`StateError::Pruned`] below the horizon; otherwise [`StateError`] when they cannot be read, are damaged or
    /// missing, or the store is poisoned.
    pub fn block_bytes(&self, height: BlockHeight) -> Result<Option<Vec<u8>>, StateError> {
        self.of_height(Space::Block, height)
    }

    /// The encoded receipts of the block at a height, or none above the tip.
    ///
    /// # Errors
    /// Those of [`StateStore::block_bytes`].
    pub fn receipts_bytes(&self, height: BlockHeight) -> Result<Option<Vec<u8>>, StateError> {
        self.of_height(Space::Receipts, height)
    }

    /// The values that the block at a height replaced, or none above the tip.
    ///
    /// # Errors
    /// Those of [`StateStore::block_bytes`].
    pub fn reverse_diff(&self, height: BlockHeight) -> Result<Option<ReverseDiff>, StateError> {
        self.history.check_diff(height)?;
        self.of_height(Space::Rev, height)?
            .map(|bytes| decode_diff(height, &bytes))
            .transpose()
    }

    /// The height of the block with a hash, or none.
    ///
    /// # Errors
    /// [`StateError`] when it cannot be read, is damaged, or the store is poisoned.
    pub fn height_of(&self, block_hash: &BlockHash) -> Result<Option<BlockHeight>, StateError> {
        let found = self.get(Space::BlockHash, &block_hash.0)?;
        let height = found.map(|bytes| keys::read_height(&bytes)).transpose()?;
        Ok(height.filter(|height| self.is_durable(*height)))
    }

    /// Whether a block is the tip or below it. While a block is being written its entries can be there before it is
    /// acknowledged; nobody is told of them.
    fn is_durable(&self, height: BlockHeight) -> bool {
        self.tip().is_some_and(|tip| height <= tip.height)
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.core.check_healthy()?;
        self.core.storage.get(space, key)
    }

    /// What every kept block up to the tip has, or none above it.
    fn of_height(&self, space: Space, height: BlockHeight) -> Result<Option<Vec<u8>>, StateError> {
        self.core.check_healthy()?;
        let horizon = self.history.horizon();
        match self.check_kept(*horizon, height) {
            Ok(()) => self.stored(space, height).map(Some),
            Err(StateError::AboveTip { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a block has; one that lacks it is damage and not an absence.
    fn stored(&self, space: Space, height: BlockHeight) -> Result<Vec<u8>, StateError> {
        keys::stored(self.core.storage.as_ref(), space, height)
    }

    fn stored_header(&self, height: BlockHeight) -> Result<BlockHeader, StateError> {
        header_of(&self.stored(Space::Block, height)?)
            .filter(|header| header.number == height)
            .ok_or_else(|| StateError::damaged(format!("block {height} has no header")))
    }

    fn stored_diff(&self, height: BlockHeight) -> Result<ReverseDiff, StateError> {
        decode_diff(height, &self.stored(Space::Rev, height)?)
    }

    fn stored_receipts(&self, height: BlockHeight) -> Result<Receipts, StateError> {
        decode_receipts(height, &self.stored(Space::Receipts, height)?)
    }

    fn try_prove(&self, raw_key: &[u8], path: &Hash) -> Result<Proven, StateError> {
        let Head { tip, tree } = self.core.head();
        Ok(Proven {
            tip,
            value: self.get(Space::Flat, raw_key)?,
            proof: tree.prove(path)?,
        })
    }

    /// Waits for the commit in progress. A commit that panicked has left the storage in an unknown state.
    fn lock_commits(&self) -> Result<MutexGuard<'_, ()>, StateError> {
        let guard = self.committing.lock();
        self.core.check_healthy()?;
        guard.map_err(|_| StateError::Poisoned { cause: None })
    }
}

impl Core {
    fn head(&self) -> Head {
        // The head is replaced as a whole, so a panic elsewhere never leaves half of one.
        self.head
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn dirty_bytes(&self) -> usize {
        let head = self.head.read().unwrap_or_else(PoisonError::into_inner);
        head.tree.dirty_bytes()
    }

    fn check_healthy(&self) -> Result<(), StateError> {
        self.poisoned.get().map_or(Ok(()), |cause| {
            let cause = cause.clone();
            Err(StateError::Poisoned { cause })
        })
    }

    /// Writes a batch. A clean failure and an unknown outcome cannot be told apart, so both stop the store.
    fn write(&self, batch: WriteBatch) -> Result<(), StateError> {
        self.storage
            .write(batch)
            .inspect_err(|error| self.poison(error))
    }

    /// Settles a tree and moves the head to it.
    fn set_head(&self, tip: Tip, tree: &Tree) -> Result<(), StateError> {
        let mut head = self.head.write().unwrap_or_else(PoisonError::into_inner);
        *head = Head {
            tip: Some(tip),
            tree: tree.settle()?,
        };
        Ok(())
    }

    /// Stops the store. Of several errors the first is the cause.
    fn poison(&self, error: &StateError) {
        self.poisoned.get_or_init(|| match error {
            StateError::Poisoned { cause } => cause.clone(),
            error => Some(Arc::new(error.clone())),
        });
    }
}

impl Proven {
    /// Whether the value is the one that the proof shows.
    fn agrees(&self, path: &Hash) -> bool {
        let shown = match &self.proof.terminal {
            Terminal::Leaf {
                path: leaf,
                value_hash,
            } if leaf == path => Some(*value_hash),
            _ => None,
        };
        shown == self.value.as_deref().map(tree::value_hash)
    }
}

impl fmt::Debug for StateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateStore")
            .field("tip", &self.tip())
            .field("storage", &self.core.storage)
            .finish_non_exhaustive()
    }
}

/// The next height above a tip: one more, or that of the genesis block.
fn next_height(tip: Option<BlockHeight>) -> Option<BlockHeight> {
    match tip {
        None => Some(BlockHeight::GENESIS),
        Some(height) => height.checked_add(BlockHeight(1)),
    }
}

/// What a block has in a space of a view; one that lacks it is damage and not an absence.
pub(crate) fn stored_in(
    view: &dyn StorageView,
    space: Space,
    height: BlockHeight,
) -> Result<Vec<u8>, StateError> {
    view.get(space, &keys::height_key(height))?
        .ok_or_else(|| StateError::damaged(format!("block {height} has no entry in {space}")))
}

fn decode_diff(height: BlockHeight, bytes: &[u8]) -> Result<ReverseDiff, StateError> {
    codec::decode(bytes).map_err(|source| {
        StateError::damaged_by(format!("the reverse diff of block {height}"), source)
    })
}

fn decode_receipts(height: BlockHeight, bytes: &[u8]) -> Result<Receipts, StateError> {
    codec::decode(bytes)
        .map_err(|source| StateError::damaged_by(format!("the receipts of block {height}"), source))
}

/// The header at the front of a block's bytes.
fn header_of(block_bytes: &[u8]) -> Option<BlockHeader> {
    let mut rest = block_bytes;
    BlockHeader::deserialize(&mut rest).ok()
}
