//! What the engine recommends to pay.

use ordlane::{
    BlockContext, Engine, FeeQuery, MAX_FEE_BLOCKS,
    primitives::{
        Address, Amount, ChainId, ChainParams, Gas, GasPrice, Genesis, GenesisAccount, Memo, Nonce,
        SigningKey, TX_VERSION, TimestampMs, TransactionPayload, TxBytes, TxKind, codec,
    },
};

/// What a plain transfer uses.
const TRANSFER: u64 = 23_100;

/// A chain whose blocks have room for four transfers.
fn chain(minimum: u64) -> Engine {
    let params = ChainParams {
        min_gas_price: GasPrice(minimum),
        block_gas_limit: Gas(4 * TRANSFER),
        ..ChainParams::development(ChainId(1))
    };
    let accounts = vec![GenesisAccount {
        address: sender().address(),
        balance: Amount(1 << 80),
    }];
    let genesis = Genesis::new(params, TimestampMs(0), accounts).unwrap();
    Engine::builder()
        .genesis(genesis)
        .threads(1)
        .build()
        .unwrap()
}

fn sender() -> SigningKey {
    SigningKey::from_seed([1; 32])
}

fn transfer(nonce: u64, price: u64) -> TxBytes {
    codec::encode(&sender().sign_transaction(TransactionPayload {
        version: TX_VERSION,
        chain_id: ChainId(1),
        sender: sender().address(),
        nonce: Nonce(nonce),
        gas_limit: Gas(TRANSFER),
        gas_price: GasPrice(price),
        valid_until: None,
        kind: TxKind::Transfer {
            to: Address::from_bytes([2; 32]),
            amount: Amount(1),
        },
        memo: Memo::default(),
    }))
}

/// Commits a block of transfers with these prices.
fn commit(engine: &Engine, nonce: &mut u64, prices: &[u64]) {
    let head = engine.durable_head();
    let time = TimestampMs((head.height.0 + 1) * 1_000);
    let context = BlockContext::new(time, Address::from_bytes([3; 32]));
    let txs: Vec<TxBytes> = prices
        .iter()
        .map(|price| {
            *nonce += 1;
            transfer(*nonce - 1, *price)
        })
        .collect();
    let executed = engine.execute(&head.hash, &context, &txs).unwrap();
    engine.commit(executed).unwrap();
}

fn price(engine: &Engine, blocks: u64, percentile: u8) -> u64 {
    let query = FeeQuery { blocks, percentile };
    engine.recommend_fee(&query).unwrap().gas_price.0
}

#[test]
fn a_chain_without_blocks_recommends_its_minimum() {
    let engine = chain(7);
    let found = engine.recommend_fee(&FeeQuery::default()).unwrap();
    assert_eq!((found.gas_price, found.minimum), (GasPrice(7), GasPrice(7)));
    assert_eq!((found.blocks, found.gas_used, found.gas_limit), (0, 0, 0));
}

#[test]
fn full_blocks_recommend_a_percentile_and_empty_ones_the_minimum() {
    let (engine, mut nonce) = (chain(2), 0);
    commit(&engine, &mut nonce, &[10, 40, 20, 30]);
    let prices = [0, 25, 26, 50, 75, 100, 255].map(|percent| price(&engine, 1, percent));
    assert_eq!(prices, [10, 10, 20, 20, 30, 40, 40]);
    commit(&engine, &mut nonce, &[]);
    assert_eq!(price(&engine, 1, 100), 2);
    assert_eq!(price(&engine, 0, 100), 2);
    // On average they are half full.
    assert_eq!(price(&engine, 2, 100), 40);
    commit(&engine, &mut nonce, &[90]);
    let query = FeeQuery {
        blocks: u64::MAX,
        percentile: 100,
    };
    let found = engine.recommend_fee(&query).unwrap();
    assert_eq!((found.gas_price, found.blocks), (GasPrice(2), 3));
    assert_eq!(found.gas_used, u128::from(5 * TRANSFER));
    assert_eq!(found.gas_limit, u128::from(12 * TRANSFER));
}

#[test]
fn no_more_blocks_are_looked_at_than_the_limit() {
    let (engine, mut nonce) = (chain(1), 0);
    commit(&engine, &mut nonce, &[500, 500, 500, 500]);
    for _ in 0..MAX_FEE_BLOCKS {
        commit(&engine, &mut nonce, &[]);
    }
    let query = FeeQuery {
        blocks: u64::MAX,
        percentile: 100,
    };
    let found = engine.recommend_fee(&query).unwrap();
    assert_eq!((found.blocks, found.gas_used), (MAX_FEE_BLOCKS, 0));
}
