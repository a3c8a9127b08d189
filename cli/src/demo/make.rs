//! Makes the blocks of the demo and writes them to files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use ordlane::{Backend, BlockContext, Engine, primitives::codec};
use ordlane_testkit::workload::Generator;

use crate::report;

/// Signs the transactions of each block, builds it over a chain in memory, and writes it to `blocks/` in `data`.
pub(crate) fn block_files(
    generator: Generator,
    data: &Path,
    threads: usize,
    blocks: u64,
    quiet: bool,
) -> anyhow::Result<Vec<PathBuf>> {
    let folder = data.join("blocks");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let engine = Engine::builder()
        .genesis(generator.genesis().clone())
        .threads(threads)
        .backend(Backend::Cpu)
        .build()?;
    let bar = report::progress(blocks, "signing and building", quiet);
    let mut files = Vec::new();
    for generated in generator {
        let context = BlockContext::new(generated.timestamp_ms, generated.proposer);
        let built = engine.build_block(&engine.durable_head().hash, &context, &generated.txs)?;
        if let Some(left_out) = built.left_out.first() {
            bail!(
                "internal error: transaction {} of block {} was left out: {}",
                left_out.position,
                generated.number,
                left_out.reason
            );
        }
        let path = folder.join(format!("{:08}.block", generated.number.0));
        fs::write(&path, codec::encode(built.executed.block()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        engine.commit(built.executed)?;
        files.push(path);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(files)
}
