//! The blocks above the durable one, of which several may stand on one parent, and which of their chains is the best.
//!
//! Every block is executed when it comes in; its changes are a layer over its parent's, so a change of the best chain
//! executes nothing again and undoes nothing on disk. What is durable is final: a block that does not stand on it is
//! refused, however heavy its chain is.
//!
//! Invariant: every block in the tree is valid, and stands on the durable block or on another one in the tree. Source: seed
//! specification, sections 6.3 and 9.2.

use core::fmt;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use ordlane_primitives::{BlockHash, BlockHeader};

use crate::{
    BlockError, BlockRejected, ClaimedBlock, Committed, Engine, EngineError, Executed, Head,
    SystemError, TimeBound, Verdict, import, meters, stages::Stopwatch,
};

/// How many invalid blocks are remembered; the oldest is forgotten first.
const MAX_REMEMBERED: usize = 1_024;

/// How much a block adds to the weight of its chain.
///
/// It must follow from the header alone. The heaviest chain is the best; of two that weigh the same, the one whose tip has
/// the lower hash.
pub trait ForkChoice: fmt::Debug + Send {
    /// The weight of one block.
    fn weight(&self, header: &BlockHeader) -> u64;
}

/// The weight of the seed specification, 6.3: a base, and the useful work that a block carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotalWeight {
    /// What every block weighs.
    pub base: u64,
    /// What each unit of its score adds.
    pub pouw_multiplier: u64,
}

impl Default for TotalWeight {
    /// Every block weighs 1,000, as in the specification's example, and its score once.
    fn default() -> Self {
        Self {
            base: 1_000,
            pouw_multiplier: 1,
        }
    }
}

impl ForkChoice for TotalWeight {
    fn weight(&self, header: &BlockHeader) -> u64 {
        let bonus = self.pouw_multiplier.saturating_mul(header.total_pouw_score);
        self.base.saturating_add(bonus)
    }
}

/// Another chain became the best.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reorg {
    /// The highest block that both have.
    pub common: Head,
    /// The blocks that are no longer on the best chain, the highest first; none where it only grew.
    pub undone: Vec<Head>,
    /// Those that are on it now, the lowest first.
    pub applied: Vec<Head>,
}

/// What became of a block that was put in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inserted {
    /// The block.
    pub head: Head,
    /// Whether it was there already.
    pub was_known: bool,
    /// How the best chain has changed, if it has.
    pub reorg: Option<Reorg>,
}

/// What became of the tree when a block became final.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finalized {
    /// The blocks that are durable now, the lowest first.
    pub committed: Vec<Committed>,
    /// How the best chain has changed, if it was not the one of that block.
    pub reorg: Option<Reorg>,
}

/// Why a block was not put in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForkError {
    /// It is refused.
    #[error(transparent)]
    Rejected(#[from] Box<BlockRejected>),
    /// The machine failed.
    #[error("the system failed")]
    System(#[from] SystemError),
    /// A block that is to be final is not in the tree.
    #[error("block {hash} is not among the forks")]
    Unknown {
        /// Which.
        hash: BlockHash,
    },
}

/// A block in the tree.
#[derive(Debug)]
struct Node {
    executed: Executed,
    /// That of its chain, as far as it went through the tree.
    weight: u128,
}

/// The forks of one engine's chain.
///
/// It holds executed blocks, of which an engine allows 64 at once and 16 stacked on the durable one: what is heavier than
/// that waits until something becomes final, or a branch is [dropped](ForkTree::drop_branch).
///
/// ```
/// use std::sync::Arc;
/// use ordlane::{BlockContext, Engine, ForkTree, TotalWeight};
/// # use ordlane::primitives::{Address, ChainId, ChainParams, Genesis, TimestampMs, codec};
/// # let genesis = Genesis::new(ChainParams::development(ChainId(1)), TimestampMs(0), Vec::new())?;
/// let engine = Arc::new(Engine::builder().genesis(genesis).build()?);
/// let mut forks = ForkTree::new(Arc::clone(&engine), Box::new(TotalWeight::default()));
/// let genesis = forks.best().hash;
/// for second in [2, 1] {
///     let context = BlockContext::new(TimestampMs(second * 1_000), Address::ZERO);
///     let executed = engine.execute(&genesis, &context, &[])?;
///     let bytes = codec::encode(executed.block());
///     drop(executed);
///     forks.insert(&bytes, None)?;
/// }
/// let best = forks.best();
/// forks.finalize(&best.hash)?;
/// assert_eq!(engine.durable_head(), best);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ForkTree {
    engine: Arc<Engine>,
    choice: Box<dyn ForkChoice>,
    nodes: HashMap<BlockHash, Node>,
    /// The weight of the blocks that went through the tree and became final.
    finalized: u128,
    best: Head,
    invalid: Remembered,
}

impl ForkTree {
    /// A tree with nothing in it, on the engine's durable block. Whoever has one does not commit by other ways.
    #[must_use]
    pub fn new(engine: Arc<Engine>, choice: Box<dyn ForkChoice>) -> Self {
        Self {
            best: engine.durable_head(),
            engine,
            choice,
            nodes: HashMap::new(),
            finalized: 0,
            invalid: Remembered::default(),
        }
    }

    /// The tip of the best chain; the durable block where there is nothing above it.
    #[must_use]
    pub const fn best(&self) -> Head {
        self.best
    }

    /// How many blocks are in the tree.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A block of the tree.
    #[must_use]
    pub fn block(&self, hash: &BlockHash) -> Option<&Executed> {
        self.nodes.get(hash).map(|node| &node.executed)
    }

    /// The weight of the chain that ends in a block of the tree, above the durable block.
    #[must_use]
    pub fn weight(&self, hash: &BlockHash) -> Option<u128> {
        let node = self.nodes.get(hash)?;
        Some(node.weight.saturating_sub(self.finalized))
    }

    /// Imports a block, given as its canonical bytes, and puts it in.
    ///
    /// # Errors
    /// [`ForkError::Rejected`] around what [`Engine::import_block`] or [`Engine::import_block_within`] said, or
    /// [`BlockError::KnownInvalid`]; the tree is as it was. [`ForkError::System`] when the store fails.
    pub fn insert(
        &mut self,
        bytes: &[u8],
        bound: Option<&TimeBound>,
    ) -> Result<Inserted, ForkError> {
        let mut watch = Stopwatch::start();
        let block = import::decode(bytes).map_err(|error| {
            meters::block_refused(&error);
            Box::new(BlockRejected::new(None, error))
        })?;
        let decode = watch.lap();
        let claimed = ClaimedBlock::of(&block);
        if let Some(node) = self.nodes.get(&claimed.hash) {
            return Ok(Inserted {
                head: node.executed.head(),
                was_known: true,
                reorg: None,
            });
        }
        let known = [claimed.hash, claimed.parent]
            .into_iter()
            .find(|hash| self.invalid.has(hash));
        let outcome = match known {
            Some(hash) => Err(BlockError::KnownInvalid { hash }.into()),
            None => self
                .stands(&claimed.parent)
                .and_then(|()| self.engine.import(block, decode, bound)),
        };
        match meters::counted(outcome) {
            Ok(executed) => self.add(executed),
            Err(error) => {
                let error = refused(claimed, error);
                if let ForkError::Rejected(rejected) = &error
                    && rejected.verdict == Verdict::Invalid
                {
                    self.invalid.add(claimed.hash);
                }
                Err(error)
            }
        }
    }

    /// Puts a block in that this engine has executed or built.
    ///
    /// # Errors
    /// [`ForkError::Rejected`] when it stands neither on the durable block nor on one in the tree; [`ForkError::System`]
    /// when the store fails.
    pub fn add(&mut self, executed: Executed) -> Result<Inserted, ForkError> {
        let claimed = ClaimedBlock::of(executed.block());
        self.stands(&claimed.parent)
            .map_err(|error| refused(claimed, error))?;
        let head = executed.head();
        let was_known = self.nodes.contains_key(&head.hash);
        if !was_known {
            let below = self.nodes.get(&executed.header().parent_hash);
            let weight = below.map_or(self.finalized, |below| below.weight);
            let own = u128::from(self.choice.weight(executed.header()));
            let weight = weight.saturating_add(own);
            self.nodes.insert(head.hash, Node { executed, weight });
        }
        Ok(Inserted {
            head,
            was_known,
            reorg: self.choose(|_| true),
        })
    }

    /// Checks that a block on this parent would stand in the tree: others may hold executed blocks that are not in it.
    fn stands(&self, parent: &BlockHash) -> Result<(), EngineError> {
        let durable = self.engine.durable_head().hash;
        if *parent == durable || self.nodes.contains_key(parent) {
            return Ok(());
        }
        Err(self.engine.no_parent(parent, &durable)?.into())
    }

    /// A block and all that stands on it.
    fn branch(&self, hash: &BlockHash) -> HashSet<BlockHash> {
        let tips = self.nodes.keys();
        tips.filter(|tip| self.path(tip).contains(hash))
            .copied()
            .collect()
    }

    /// Makes a block and all below it durable, and drops every block that does not stand on it. If the best chain is among
    /// those, the heaviest one that is left takes its place.
    ///
    /// # Errors
    /// [`ForkError::Unknown`] when the block is not in the tree. Those of [`Engine::commit`]: blocks below the one that
    /// failed are durable then, and those above it are dropped.
    pub fn finalize(&mut self, hash: &BlockHash) -> Result<Finalized, ForkError> {
        let path = self.path(hash);
        let Some(last) = self.nodes.get(hash) else {
            return Err(ForkError::Unknown { hash: *hash });
        };
        self.finalized = last.weight;
        let standing = self.branch(hash);
        let reorg = self.choose(|hash| standing.contains(hash));
        let outcome = self.commit_all(path);
        self.nodes
            .retain(|hash, _| outcome.is_ok() && standing.contains(hash));
        if outcome.is_err() {
            self.best = self.engine.durable_head();
        }
        Ok(Finalized {
            committed: outcome?,
            reorg,
        })
    }

    fn commit_all(&mut self, path: Vec<BlockHash>) -> Result<Vec<Committed>, ForkError> {
        let mut committed = Vec::with_capacity(path.len());
        for hash in path {
            let Some(node) = self.nodes.remove(&hash) else {
                continue;
            };
            let claimed = ClaimedBlock::of(node.executed.block());
            let block = self.engine.commit(node.executed);
            committed.push(block.map_err(|error| refused(claimed, error))?);
        }
        Ok(committed)
    }

    /// Drops a block and all that stands on it, to make room. They may be put in again.
    pub fn drop_branch(&mut self, hash: &BlockHash) -> Option<Reorg> {
        let branch = self.branch(hash);
        let reorg = self.choose(|hash| !branch.contains(hash));
        self.nodes.retain(|hash, _| !branch.contains(hash));
        reorg
    }

    /// Forgets which blocks were invalid, as after an error of this node.
    pub fn forget_invalid(&mut self) {
        self.invalid = Remembered::default();
    }

    /// The blocks of the tree from the lowest below this one up to it.
    fn path(&self, tip: &BlockHash) -> Vec<BlockHash> {
        let mut path = Vec::new();
        let mut at = *tip;
        while let Some(node) = self.nodes.get(&at) {
            path.push(at);
            at = node.executed.header().parent_hash;
        }
        path.reverse();
        path
    }

    /// Takes the heaviest chain of blocks that may be in one as the best; says how it differs from the one before.
    fn choose(&mut self, may_be: impl Fn(&BlockHash) -> bool) -> Option<Reorg> {
        let durable = self.engine.durable_head();
        let candidates = self.nodes.iter().filter(|(hash, _)| may_be(hash));
        let heaviest = candidates.max_by(|(a_hash, a), (b_hash, b)| {
            let by_weight = a.weight.cmp(&b.weight);
            by_weight.then_with(|| b_hash.cmp(a_hash))
        });
        let best = heaviest.map_or(durable, |(_, node)| node.executed.head());
        if best == self.best {
            return None;
        }
        let (old, new) = (self.path(&self.best.hash), self.path(&best.hash));
        let shared = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        let heads = |path: &[BlockHash]| -> Vec<Head> {
            let from_shared = path.get(shared..).unwrap_or_default();
            let nodes = from_shared.iter().filter_map(|hash| self.nodes.get(hash));
            nodes.map(|node| node.executed.head()).collect()
        };
        let common = shared.checked_sub(1).and_then(|last| new.get(last));
        let common = common.and_then(|hash| self.nodes.get(hash));
        let mut undone = heads(&old);
        undone.reverse();
        let reorg = Reorg {
            common: common.map_or(durable, |node| node.executed.head()),
            undone,
            applied: heads(&new),
        };
        self.best = best;
        Some(reorg)
    }
}

/// What is said of a block that the engine refuses.
fn refused(claimed: ClaimedBlock, error: EngineError) -> ForkError {
    match error {
        EngineError::System(error) => error.into(),
        EngineError::Block(error) => Box::new(BlockRejected::new(Some(claimed), error)).into(),
    }
}

/// A bounded set of hashes.
#[derive(Debug, Default)]
struct Remembered {
    hashes: HashSet<BlockHash>,
    order: VecDeque<BlockHash>,
}

impl Remembered {
    fn has(&self, hash: &BlockHash) -> bool {
        self.hashes.contains(hash)
    }

    fn add(&mut self, hash: BlockHash) {
        if !self.hashes.insert(hash) {
            return;
        }
        self.order.push_back(hash);
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.hashes.remove(&oldest);
        }
    }
}
