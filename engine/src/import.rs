//! Importing a block that somebody else made: it is executed again, and every root is compared.

use std::{fmt::Display, time::Duration};

use ordlane_primitives::{BLOCK_VERSION, Block, BlockHash, BlockHeader, codec};

use crate::{
    BlockContext, BlockError, Engine, EngineError, Executed, TimeBound, admit::Rules, meters, seal,
    slot, stages::Stopwatch,
};

mod many;

pub use many::{ImportError, ImportedBlock};

impl Engine {
    /// Executes a block, given as its canonical bytes, and compares its header with the result. Nothing becomes durable.
    ///
    /// The proposer's authorisation is checked where the block carries one; whether it must, and whether it is this
    /// proposer's turn, the [`ProposerSchedule`](crate::ProposerSchedule) says. How far a timestamp lies ahead of a clock is
    /// not looked at: see [`Engine::import_block_within`].
    ///
    /// The body is compared with its root before anything runs, so a block hash is only ever found invalid together
    /// with the body that it commits to.
    ///
    /// # Errors
    /// [`BlockError`] when the bytes are not a block, the parent is unknown or stale, any header field differs from what
    /// execution gives, or a transaction cannot be in a block; [`SystemError`](crate::SystemError) when the store fails.
    #[tracing::instrument(skip_all, fields(bytes = bytes.len()))]
    pub fn import_block(&self, bytes: &[u8]) -> Result<Executed, EngineError> {
        self.decode_and_import(bytes, None)
    }

    /// As [`Engine::import_block`], for a block that is not dated too far ahead.
    ///
    /// # Errors
    /// Those of [`Engine::import_block`], and [`BlockError::TimestampTooFar`], after which the block may be given again
    /// later.
    #[tracing::instrument(skip_all, fields(bytes = bytes.len()))]
    pub fn import_block_within(
        &self,
        bytes: &[u8],
        bound: &TimeBound,
    ) -> Result<Executed, EngineError> {
        self.decode_and_import(bytes, Some(bound))
    }

    fn decode_and_import(
        &self,
        bytes: &[u8],
        bound: Option<&TimeBound>,
    ) -> Result<Executed, EngineError> {
        let mut watch = Stopwatch::start();
        let imported = decode(bytes).map_err(EngineError::from);
        meters::counted(imported.and_then(|block| self.import(block, watch.lap(), bound)))
    }

    /// Imports a block whose authorisation, if it has one, is right.
    pub(crate) fn import(
        &self,
        block: Block,
        decode: Duration,
        bound: Option<&TimeBound>,
    ) -> Result<Executed, EngineError> {
        let lanes = self.dispatcher.lanes();
        lanes.detached(|| self.import_here(block, decode, bound))
    }

    fn import_here(
        &self,
        block: Block,
        decode: Duration,
        bound: Option<&TimeBound>,
    ) -> Result<Executed, EngineError> {
        let mut watch = Stopwatch::start();
        let given = &block.header;
        slot::check_authorised(&*self.proposers, &block)?;
        bound.map_or(Ok(()), |bound| bound.check(given.timestamp_ms))?;
        let parent = self.parent(&given.parent_hash)?;
        let context = context_of(given);
        let rules = self.rules(&parent, &context)?;
        check_before(given, &parent.head.hash, &rules)?;
        watch.lap();
        let transactions_root = seal::transactions_root(&block.transactions, &self.dispatcher);
        expect_field(
            "transactions_root",
            &transactions_root,
            &given.transactions_root,
        )?;
        let hash = watch.lap();

        let mut executed = self.execute_on(
            &parent,
            &rules,
            &context,
            &block.transactions,
            Some(transactions_root),
        )?;
        check_after(given, executed.header())?;
        executed.block.proposer_auth = block.proposer_auth;
        executed.stages.decode = executed.stages.decode.saturating_add(decode);
        executed.stages.hash = executed.stages.hash.saturating_add(hash);
        Ok(executed)
    }
}

/// A block of its canonical bytes, with the proposer's authorisation checked where there is one.
pub(crate) fn decode(bytes: &[u8]) -> Result<Block, BlockError> {
    let block: Block = codec::decode(bytes).map_err(BlockError::Decode)?;
    block
        .check_proposer()
        .map_err(|code| BlockError::ProposerAuth { code })?;
    Ok(block)
}

fn context_of(given: &BlockHeader) -> BlockContext {
    BlockContext {
        timestamp_ms: given.timestamp_ms,
        proposer: given.proposer,
        extra: given.extra.clone(),
    }
}

/// The fields that are known before anything runs.
pub(crate) fn check_before(
    given: &BlockHeader,
    parent: &BlockHash,
    rules: &Rules,
) -> Result<(), BlockError> {
    expect_field("version", &BLOCK_VERSION, &given.version)?;
    expect_field("chain_id", &rules.params.chain_id, &given.chain_id)?;
    expect_field("parent_hash", parent, &given.parent_hash)?;
    expect_field("number", &rules.height, &given.number)?;
    expect_field("gas_limit", &rules.params.block_gas_limit, &given.gas_limit)?;
    expect_field("total_pouw_score", &0, &given.total_pouw_score)?;
    expect_field("provider_count", &0, &given.provider_count)
}

/// The fields that only execution gives; and, since they are all there is, the whole header.
pub(crate) fn check_after(given: &BlockHeader, computed: &BlockHeader) -> Result<(), BlockError> {
    expect_field("gas_used", &computed.gas_used, &given.gas_used)?;
    expect_field(
        "receipts_root",
        &computed.receipts_root,
        &given.receipts_root,
    )?;
    expect_field("events_root", &computed.events_root, &given.events_root)?;
    expect_field(
        "compute_receipts_root",
        &computed.compute_receipts_root,
        &given.compute_receipts_root,
    )?;
    expect_field("state_root", &computed.state_root, &given.state_root)?;
    expect_field("hash", &computed.hash(), &given.hash())
}

pub(crate) fn expect_field<T: PartialEq + Display>(
    field: &'static str,
    expected: &T,
    got: &T,
) -> Result<(), BlockError> {
    if expected == got {
        return Ok(());
    }
    Err(BlockError::Header {
        field,
        expected: expected.to_string(),
        got: got.to_string(),
    })
}
