//! Our engine, over a store on disk.

use std::path::Path;
use std::sync::Arc;

use ordlane::{Backend, Engine, Mode, Stages, batch_hasher};
use ordlane_primitives::Genesis;
use ordlane_state::FjallStorage;

use super::input::Made;
use super::row::Tiers;
use crate::cli;
use crate::error::CompareError;
use crate::measure::{Taken, taken};

/// How blocks are imported.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// All of a round at once, on so many threads.
    Overlapping { threads: usize, mode: cli::Mode },
    /// One after another, on one thread.
    OneByOne,
}

/// A node of ours.
pub(super) struct Ours {
    engine: Engine,
    tiers: Tiers,
    way: Way,
}

/// What the blocks of a round took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Imported {
    /// Whether the chain ends in the round's last block.
    pub(super) roots_equal: bool,
    pub(super) taken: Taken,
    /// Of all blocks together.
    pub(super) stages: Stages,
}

impl Ours {
    /// A chain that begins in a folder.
    pub(super) fn begin(genesis: &Genesis, folder: &Path, way: Way) -> Result<Self, CompareError> {
        let (threads, mode) = match way {
            Way::Overlapping { threads, mode } => (threads, mode.into()),
            Way::OneByOne => (1, Mode::Sequential),
        };
        let dispatcher = batch_hasher(Some(threads), Backend::Cpu)?;
        let tiers = Tiers {
            signatures: dispatcher.tier(),
            hashes: dispatcher.hash_tier().name(),
        };
        let engine = Engine::builder()
            .store(Arc::new(FjallStorage::open(folder)?))
            .genesis(genesis.clone())
            .threads(threads)
            .dispatcher(dispatcher)
            .mode(mode)
            .build()?;
        Ok(Self { engine, tiers, way })
    }

    /// What verifies and hashes.
    pub(super) const fn tiers(&self) -> Tiers {
        self.tiers
    }

    /// Takes the blocks of a round from their bytes to the disk.
    pub(super) fn import(&self, blocks: &[Made]) -> Result<Imported, CompareError> {
        let (stages, taken) = match self.way {
            Way::Overlapping { .. } => taken(|| self.import_overlapping(blocks)),
            Way::OneByOne => taken(|| self.import_one_by_one(blocks)),
        };
        let last = blocks.last().map(|block| block.hash);
        Ok(Imported {
            roots_equal: last == Some(self.engine.durable_head().hash),
            taken,
            stages: stages?,
        })
    }

    fn import_overlapping(&self, blocks: &[Made]) -> Result<Stages, CompareError> {
        let mut stages = Stages::default();
        let bytes = blocks.iter().map(|block| &block.bytes);
        self.engine.import_blocks(bytes, |imported| {
            stages = stages.plus(&imported.committed.stages);
        })?;
        Ok(stages)
    }

    fn import_one_by_one(&self, blocks: &[Made]) -> Result<Stages, CompareError> {
        let mut stages = Stages::default();
        for block in blocks {
            let executed = self.engine.import_block(&block.bytes)?;
            stages = stages.plus(&self.engine.commit(executed)?.stages);
        }
        Ok(stages)
    }
}
