//! Token transfers through our whole engine, on one thread.

use ordlane::{Backend, BlockContext, Engine, Mode};
use ordlane_testkit::workload::{ContractLoad, Distribution, Holders, Share, Workload};

use crate::error::CompareError;

/// Transfers of a block, and accounts, of which each sends or receives once.
const TRANSFERS: u32 = 5_000;
const ACCOUNTS: u32 = 10_000;

/// CPU time of one transfer in the stages execute and hash, in seconds. There is one thread, so that is their wall time.
pub(super) fn engine_call(seed: u64) -> Result<f64, CompareError> {
    let workload = Workload {
        accounts: ACCOUNTS,
        txs_per_block: TRANSFERS,
        blocks: 2,
        distribution: Distribution::Contracts(ContractLoad::Token(Holders::Disjoint)),
        failing: Share::NONE,
        seed,
        ..Workload::default()
    };
    let mut generator = workload.generator()?;
    let engine = Engine::builder()
        .genesis(generator.genesis().clone())
        .backend(Backend::Cpu)
        .threads(1)
        .mode(Mode::Sequential)
        .build()?;
    let mut seconds = 0.0;
    for generated in generator.by_ref() {
        let parent = engine.durable_head().hash;
        let context = BlockContext::new(generated.timestamp_ms, generated.proposer);
        let executed = engine.execute(&parent, &context, &generated.txs)?;
        let stages = executed.stages();
        // The first block warms up.
        seconds = (stages.execute + stages.hash).as_secs_f64();
        engine.commit(executed)?;
    }
    Ok(seconds / f64::from(TRANSFERS))
}
