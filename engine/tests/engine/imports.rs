//! Importing: what is not exactly right is refused, says why, and changes nothing.

use ordlane::{
    BlockContext, BlockError, Engine, EngineError, Executed,
    primitives::{
        Address, Auth, Block, BlockHeight, ChainId, ErrorCode, Extra, Gas, Hash, SigningKey,
        TimestampMs, Transaction, codec,
    },
};
use ordlane_testkit::workload::{Distribution, Workload};

use crate::support::{context, engine, generator, workload};

struct Setup {
    maker: Engine,
    importer: Engine,
    block: Block,
    next: Vec<Vec<u8>>,
}

fn setup() -> Setup {
    let generator = generator(&workload(Distribution::Uniform, 20));
    let genesis = generator.genesis().clone();
    let generated: Vec<_> = generator.collect();
    let (maker, importer) = (engine(&genesis, 2), engine(&genesis, 2));
    let built = maker
        .build_block(
            &maker.durable_head().hash,
            &context(&generated[0]),
            &generated[0].txs,
        )
        .unwrap();
    let block = built.executed.block().clone();
    Setup {
        maker,
        importer,
        block,
        next: generated[1].txs.clone(),
    }
}

impl Setup {
    fn import(&self, block: &Block) -> Result<Executed, BlockError> {
        let before = self.importer.durable_head();
        let result = self.importer.import_block(&codec::encode(block));
        assert_eq!(self.importer.durable_head(), before);
        result.map_err(|error| match error {
            EngineError::Block(error) => error,
            other => panic!("not about the block: {other:?}"),
        })
    }
}

#[test]
fn an_honest_block_is_imported_with_its_signature() {
    let setup = setup();
    let mut block = setup.block.clone();
    let proposer = SigningKey::from_seed([7; 32]);
    block.proposer_auth = Some(proposer.sign_header(&block.header));
    let error = setup.import(&block).unwrap_err();
    assert_eq!(error.code(), ErrorCode::SignerMismatch, "somebody else's");

    let context = BlockContext::new(TimestampMs(1_800_000_000_000), proposer.address());
    let parent = setup.maker.durable_head().hash;
    let mut executed = setup
        .maker
        .execute(&parent, &context, &block.transactions)
        .unwrap();
    executed.sign(&proposer);
    block = executed.block().clone();
    let mut forged = block.clone();
    if let Some(Auth::Ed25519 { signature, .. }) = &mut forged.proposer_auth {
        signature[3] ^= 1;
    }
    assert_eq!(forged.hash(), block.hash());
    let error = setup.import(&forged).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidSignature, "forged");
    let executed = setup.import(&block).unwrap();
    assert_eq!(*executed.block(), block);
    setup.importer.commit(executed).unwrap();
    assert_eq!(setup.importer.block(BlockHeight(1)).unwrap(), Some(block));
    assert_eq!(setup.maker.durable_head().height.0, 0);
}

#[test]
fn every_field_of_the_header_is_compared() {
    type Change = fn(&mut Block);
    let changes: [(&str, Change); 16] = [
        ("chain_id", |block| block.header.chain_id = ChainId(2)),
        ("parent", |block| block.header.parent_hash = Hash([1; 32])),
        ("number", |block| block.header.number = BlockHeight(2)),
        ("number", |block| block.header.number = BlockHeight(0)),
        ("timestamp", |block| {
            block.header.timestamp_ms = TimestampMs(0)
        }),
        ("gas_limit", |block| block.header.gas_limit.0 += 1),
        ("gas_used", |block| block.header.gas_used.0 += 1),
        ("state_root", |block| block.header.state_root.0[31] ^= 1),
        ("transactions_root", |block| {
            block.header.transactions_root.0[0] ^= 1
        }),
        ("receipts_root", |block| {
            block.header.receipts_root.0[0] ^= 1
        }),
        ("events_root", |block| block.header.events_root.0[0] ^= 1),
        ("compute_receipts_root", |block| {
            block.header.compute_receipts_root.0[0] ^= 1
        }),
        ("total_pouw_score", |block| {
            block.header.total_pouw_score = 1
        }),
        ("provider_count", |block| block.header.provider_count = 1),
        ("state_root", |block| {
            block.header.proposer = Address::from_bytes([9; 32])
        }),
        ("transactions_root", |block| drop(block.transactions.pop())),
    ];
    let setup = setup();
    for (field, change) in changes {
        let mut changed = setup.block.clone();
        change(&mut changed);
        let error = setup.import(&changed).unwrap_err();
        assert!(error.to_string().contains(field), "{field}: {error}");
    }
    // Timestamp and extra are the maker's to choose; they make another block, and a valid one.
    let mut other = setup.block.clone();
    other.header.timestamp_ms.0 += 1;
    other.header.extra = Extra::new(vec![1]).unwrap();
    assert_ne!(other.hash(), setup.block.hash());
    setup.import(&other).unwrap();
    setup.import(&setup.block).unwrap();
}

/// Puts other transactions into a block and corrects what follows from their bytes alone.
fn with_transactions(setup: &Setup, transactions: Vec<Vec<u8>>) -> Block {
    let mut block = setup.block.clone();
    let items = transactions.iter().map(Vec::as_slice);
    block.header.transactions_root = ordlane::primitives::list::root(
        ordlane::primitives::list::ListKind::Transactions,
        items,
        &ordlane::primitives::batch::Sequential,
    );
    block.transactions = transactions;
    block
}

#[test]
fn a_swapped_signature_is_refused_and_the_honest_block_still_accepted() {
    let setup = setup();
    let mut tx: Transaction = codec::decode(&setup.block.transactions[0]).unwrap();
    let id = tx.id();
    let Auth::Ed25519 { signature, .. } = &mut tx.auth else {
        panic!("a single signature comes first")
    };
    signature[40] ^= 1;
    assert_eq!(tx.id(), id);
    let mut transactions = setup.block.transactions.clone();
    transactions[0] = codec::encode(&tx);

    let unchanged_hash = Block {
        transactions: transactions.clone(),
        ..setup.block.clone()
    };
    assert_eq!(unchanged_hash.hash(), setup.block.hash());
    let error = setup.import(&unchanged_hash).unwrap_err();
    assert!(matches!(
        error,
        BlockError::Header {
            field: "transactions_root",
            ..
        }
    ));

    let error = setup
        .import(&with_transactions(&setup, transactions))
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidSignature);
    setup.import(&setup.block).unwrap();
}

#[test]
fn a_block_with_an_invalid_transaction_is_refused_and_names_it() {
    let setup = setup();
    // A transaction of the next block has a nonce that comes too early.
    let mut transactions = setup.block.transactions.clone();
    let at = transactions.len();
    transactions.extend(setup.next.iter().rev().cloned());
    let error = setup
        .import(&with_transactions(&setup, transactions))
        .unwrap_err();
    assert!(
        matches!(error, BlockError::InvalidTransaction { index, .. } if index >= at),
        "{error}"
    );
    assert_eq!(error.code(), ErrorCode::InvalidNonce);

    // A transaction twice: the second has an old nonce.
    let mut transactions = setup.block.transactions.clone();
    transactions.push(transactions[0].clone());
    let error = setup
        .import(&with_transactions(&setup, transactions))
        .unwrap_err();
    assert!(
        matches!(error, BlockError::InvalidTransaction { index, .. } if index == at),
        "{error}"
    );
}

#[test]
fn a_block_above_its_gas_or_count_is_refused() {
    let mut small = workload(Distribution::Uniform, 21);
    small.params.block_gas_limit = Gas(23_100 * 10);
    let large = Workload {
        failing: "0".parse().unwrap(),
        memo_bytes: 0,
        multi_sig: "0".parse().unwrap(),
        ..small
    };
    let generator = generator(&large);
    let genesis = generator.genesis().clone();
    let generated = generator.take(1).next().unwrap();
    let engine = engine(&genesis, 2);
    let parent = engine.durable_head().hash;
    let error = engine
        .execute(&parent, &context(&generated), &generated.txs)
        .unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::Block(BlockError::GasLimit { index: 10, .. })
        ),
        "{error:?}"
    );
    engine
        .execute(&parent, &context(&generated), &generated.txs[..10])
        .unwrap();

    let mut few = large;
    few.params.max_block_txs = 5;
    few.params.block_gas_limit = Gas(10_000_000);
    let generator = few.generator().unwrap();
    let engine = crate::support::engine(generator.genesis(), 2);
    let generated = generator.take(1).next().unwrap();
    let parent = engine.durable_head().hash;
    let error = engine
        .execute(&parent, &context(&generated), &generated.txs[..6])
        .unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::Block(BlockError::TooManyTransactions { count: 6, limit: 5 })
        ),
        "{error:?}"
    );
}

#[test]
fn bytes_that_are_no_block_are_a_typed_error() {
    let setup = setup();
    let bytes = codec::encode(&setup.block);
    for end in (0..bytes.len()).step_by(97) {
        let error = setup.importer.import_block(&bytes[..end]).unwrap_err();
        assert!(
            matches!(error, EngineError::Block(BlockError::Decode(_))),
            "{end}: {error:?}"
        );
    }
}
