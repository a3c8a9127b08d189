//! The blocks that everybody gets.

use ordlane::{Backend, BlockContext, Engine};
use ordlane_primitives::{BlockHash, Genesis, codec};
use ordlane_testkit::workload::{
    ContractLoad, Distribution, Exponent, GeneratedBlock, Holders, Share, Workload,
};

use crate::cli::block::{BlockOptions, Load};
use crate::error::CompareError;

/// The share of plain transfers that fail.
const FAILING: Share = Share::per_million(50_000);
/// How much more often the first accounts are chosen than the others.
const ZIPF: Exponent = Exponent::thousandths(1_000);
/// With so many transactions it takes its time to sign them.
const WORTH_A_WORD_TXS: u64 = 200_000;

/// A block.
pub(super) struct Made {
    /// Its canonical bytes.
    pub(super) bytes: Vec<u8>,
    pub(super) hash: BlockHash,
}

/// A genesis, and the blocks above it.
pub(super) struct Input {
    pub(super) genesis: Genesis,
    /// Those of each round, the first of which warms up.
    pub(super) rounds: Vec<Vec<Made>>,
}

impl Input {
    /// Signs transactions and builds blocks of them over a chain in memory.
    pub(super) fn make(load: Load, options: &BlockOptions) -> Result<Self, CompareError> {
        let rounds = u64::from(options.rounds) + 1;
        let mut workload = workload(load, options);
        workload.blocks = rounds * u64::from(options.blocks);
        let txs = workload.blocks * u64::from(options.txs);
        if txs >= WORTH_A_WORD_TXS {
            eprintln!("{}: signing {txs} transactions", load.name());
        }
        let mut generator = workload.generator()?;
        let genesis = generator.genesis().clone();
        let engine = Engine::builder()
            .genesis(genesis.clone())
            .backend(Backend::Cpu)
            .build()?;
        let mut made = Vec::new();
        for _ in 0..rounds {
            let generated = generator.by_ref().take(options.blocks as usize);
            let round = generated.map(|generated| build(&engine, &generated));
            made.push(round.collect::<Result<Vec<Made>, _>>()?);
        }
        Ok(Self {
            genesis,
            rounds: made,
        })
    }
}

fn workload(load: Load, options: &BlockOptions) -> Workload {
    let plain = |distribution| Workload {
        distribution,
        failing: FAILING,
        ..Workload::default()
    };
    let contracts = |load| Workload {
        failing: Share::NONE,
        ..plain(Distribution::Contracts(load))
    };
    let senders = options.senders;
    let workload = match load {
        Load::Transfers => plain(Distribution::Uniform),
        Load::Full => Workload::full(),
        Load::Chains => plain(Distribution::Chains { senders }),
        Load::Token => contracts(ContractLoad::Token(Holders::Disjoint)),
        Load::TokenHot => contracts(ContractLoad::Token(Holders::Hot)),
        Load::TokenZipf => contracts(ContractLoad::Token(Holders::Zipf(ZIPF))),
        Load::Amm => contracts(ContractLoad::Amm {
            pools: options.pools,
        }),
        Load::Nft => contracts(ContractLoad::Nft { chosen: false }),
    };
    Workload {
        accounts: options.accounts,
        txs_per_block: options.txs,
        ..workload
    }
}

/// The next block, with all transactions that were generated for it.
fn build(engine: &Engine, generated: &GeneratedBlock) -> Result<Made, CompareError> {
    let parent = engine.durable_head().hash;
    let context = BlockContext::new(generated.timestamp_ms, generated.proposer);
    let built = engine.build_block(&parent, &context, &generated.txs)?;
    if let Some(left_out) = built.left_out.into_iter().next() {
        return Err(CompareError::LeftOut(left_out.reason.to_string()));
    }
    let made = Made {
        bytes: codec::encode(built.executed.block()),
        hash: built.executed.hash(),
    };
    engine.commit(built.executed)?;
    Ok(made)
}
