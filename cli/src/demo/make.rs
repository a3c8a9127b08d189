//! Makes the blocks of the demo and writes them to files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use ordlane::{
    Backend, BlockContext, Engine, Executed,
    primitives::{BlockHash, TimestampMs, TxBytes, codec},
};
use ordlane_testkit::workload::{GeneratedBlock, Generator};

use super::fork::ForkFiles;
use crate::report;

/// How many generated blocks a fork takes.
pub(crate) const FORK_BLOCKS: u64 = 2;
/// What the name of a block's file ends in.
const BLOCK: &str = "block";
/// The same of one that is not to become durable.
const SIDE_BLOCK: &str = "side-block";

/// Signs transactions and builds blocks of them over a chain in memory.
#[derive(Debug)]
pub(crate) struct Maker {
    generator: Generator,
    engine: Engine,
    folder: PathBuf,
}

impl Maker {
    /// One that writes to `blocks/` in `data`.
    pub(crate) fn new(generator: Generator, data: &Path, threads: usize) -> anyhow::Result<Self> {
        let folder = data.join("blocks");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let engine = Engine::builder()
            .genesis(generator.genesis().clone())
            .threads(threads)
            .backend(Backend::Cpu)
            .build()?;
        Ok(Self {
            generator,
            engine,
            folder,
        })
    }

    /// The files of the next blocks.
    pub(crate) fn blocks(&mut self, count: u64, quiet: bool) -> anyhow::Result<Vec<PathBuf>> {
        let bar = report::progress(count, "signing and building", quiet);
        let mut files = Vec::new();
        for _ in 0..count {
            let generated = self.generated()?;
            let parent = self.engine.durable_head().hash;
            let executed =
                self.build(&parent, generated.timestamp_ms, &generated, &generated.txs)?;
            files.push(self.write(&executed, BLOCK)?);
            self.engine.commit(executed)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(files)
    }

    /// The files of a fork above the last block: half a block on one side, two blocks on the other.
    pub(crate) fn fork(&mut self) -> anyhow::Result<ForkFiles> {
        let (below, above) = (self.generated()?, self.generated()?);
        let parent = self.engine.durable_head().hash;
        let half = below.txs.get(..below.txs.len() / 2).unwrap_or_default();
        let earlier = TimestampMs(below.timestamp_ms.0.saturating_sub(1));
        let short = self.build(&parent, earlier, &below, half)?;
        let lower = self.build(&parent, below.timestamp_ms, &below, &below.txs)?;
        let upper = self.build(&lower.hash(), above.timestamp_ms, &above, &above.txs)?;
        Ok(ForkFiles {
            short: self.write(&short, SIDE_BLOCK)?,
            long: [self.write(&lower, BLOCK)?, self.write(&upper, BLOCK)?],
        })
    }

    fn generated(&mut self) -> anyhow::Result<GeneratedBlock> {
        let generated = self.generator.next();
        generated.context("internal error: the workload ended")
    }

    /// A block of all of `txs`, which are from `generated`.
    fn build(
        &self,
        parent: &BlockHash,
        timestamp_ms: TimestampMs,
        generated: &GeneratedBlock,
        txs: &[TxBytes],
    ) -> anyhow::Result<Executed> {
        let context = BlockContext::new(timestamp_ms, generated.proposer);
        let built = self.engine.build_block(parent, &context, txs)?;
        if let Some(left_out) = built.left_out.first() {
            bail!(
                "internal error: transaction {} of block {} was left out: {}",
                left_out.position,
                generated.number,
                left_out.reason
            );
        }
        Ok(built.executed)
    }

    fn write(&self, executed: &Executed, kind: &str) -> anyhow::Result<PathBuf> {
        let name = format!("{:08}.{kind}", executed.header().number.0);
        let path = self.folder.join(name);
        fs::write(&path, codec::encode(executed.block()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}
