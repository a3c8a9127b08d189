use ordlane_primitives::{
    Amount, ChainId, ChainParams, Gas, GasPrice, Genesis, GenesisAccount, Nonce, SigningKey,
    TX_VERSION, TimestampMs, TransactionPayload, TxKind, codec,
};
use ordlane_scheduler::{Stop, TxIndex, View, Vm};

use super::*;
use crate::{
    execute::{Field, FieldValue, Outcome},
    verify::Verified,
};

/// Runs transactions as they should, but panics at those that carry a memo.
struct PanicsAtMemo<'a>(Transition<'a>);

impl<'a> Vm for PanicsAtMemo<'a> {
    type Key = Field;
    type Value = FieldValue;
    type Delta = <Transition<'a> as Vm>::Delta;
    type Tx = Verified;
    type Output = Outcome;
    type Worker = ();

    fn worker(&self) {}

    fn execute<V>(
        &self,
        worker: &mut (),
        at: TxIndex,
        tx: &Verified,
        view: &mut V,
    ) -> Result<Outcome, Stop>
    where
        V: View<Key = Field, Value = FieldValue, Delta = Self::Delta>,
    {
        assert!(tx.tx.payload.memo.is_empty(), "a memo");
        self.0.execute(worker, at, tx, view)
    }
}

fn setup() -> (Engine, SigningKey) {
    let key = SigningKey::from_seed([1; 32]);
    let account = GenesisAccount {
        address: key.address(),
        balance: Amount(10_000_000),
    };
    let params = ChainParams::development(ChainId(1));
    let genesis = Genesis::new(params, TimestampMs(0), vec![account]).unwrap();
    (
        Engine::builder()
            .genesis(genesis)
            .threads(2)
            .build()
            .unwrap(),
        key,
    )
}

fn transfer(key: &SigningKey, nonce: u64, memo: &[u8]) -> TxBytes {
    codec::encode(&key.sign_transaction(TransactionPayload {
        version: TX_VERSION,
        chain_id: ChainId(1),
        sender: key.address(),
        nonce: Nonce(nonce),
        gas_limit: Gas(30_000),
        gas_price: GasPrice(1),
        valid_until: None,
        kind: TxKind::Transfer {
            to: key.address(),
            amount: Amount(1),
        },
        memo: codec::BoundedBytes::new(memo.to_vec()).unwrap(),
    }))
}

fn build(engine: &Engine, candidates: &[TxBytes]) -> Result<Built, EngineError> {
    let parent = engine.parent(&engine.durable_head().hash).unwrap();
    let context = BlockContext::new(TimestampMs(1), ordlane_primitives::Address::ZERO);
    let rules = engine.rules(&parent, &context).unwrap();
    let vm = PanicsAtMemo(Transition {
        rules: &rules,
        timestamp_ms: context.timestamp_ms,
        contracts: &engine.contracts,
        codes: &|_| Ok(None),
    });
    engine.build_with(&vm, &parent, &rules, &context, candidates)
}

#[test]
fn a_candidate_that_panics_is_left_out_and_the_others_are_not() {
    let (engine, key) = setup();
    let candidates = [
        transfer(&key, 0, &[]),
        transfer(&key, 1, &[1]),
        transfer(&key, 1, &[]),
        transfer(&key, 2, &[2]),
    ];
    let built = build(&engine, &candidates).unwrap();
    assert_eq!(
        built.executed.block().transactions,
        [candidates[0].clone(), candidates[2].clone()]
    );
    let left_out: Vec<_> = built
        .left_out
        .iter()
        .map(|left_out| (left_out.position, left_out.reason.clone()))
        .collect();
    let quarantined = Refusal::Panicked;
    assert_eq!(left_out, [(1, quarantined.clone()), (3, quarantined)]);
    engine.commit(built.executed).unwrap();
}

#[test]
fn a_builder_gives_up_after_too_many_panics() {
    let (engine, key) = setup();
    let candidates: Vec<TxBytes> = (0..=u8::try_from(MAX_QUARANTINED).unwrap())
        .map(|i| transfer(&key, 0, &[i + 1]))
        .collect();
    let error = build(&engine, &candidates).unwrap_err();
    assert!(
        matches!(error, EngineError::Block(BlockError::Panicked { .. })),
        "{error:?}"
    );
    let error = build(&engine, &candidates[1..]).unwrap();
    assert!(error.executed.block().transactions.is_empty());
}
