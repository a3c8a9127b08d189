//! An embedder in one page: a chain in memory, one block of signed transfers, one proof.

use ordlane::{
    BlockContext, Engine,
    primitives::{
        Amount, ChainId, ChainParams, Gas, GasPrice, Genesis, GenesisAccount, Nonce, SigningKey,
        TX_VERSION, TimestampMs, TransactionPayload, TxKind, codec,
    },
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (alice, bob) = (
        SigningKey::from_seed([1; 32]),
        SigningKey::from_seed([2; 32]),
    );
    let chain_id = ChainId(1);
    let account = GenesisAccount {
        address: alice.address(),
        balance: Amount(1_000_000),
    };
    let genesis = Genesis::new(
        ChainParams::development(chain_id),
        TimestampMs(0),
        vec![account],
    )?;
    let engine = Engine::builder().genesis(genesis).build()?;

    let transfer = |nonce| {
        let payload = TransactionPayload {
            version: TX_VERSION,
            chain_id,
            sender: alice.address(),
            nonce: Nonce(nonce),
            gas_limit: Gas(23_100),
            gas_price: GasPrice(1),
            valid_until: None,
            kind: TxKind::Transfer {
                to: bob.address(),
                amount: Amount(100),
            },
            memo: Default::default(),
        };
        codec::encode(&alice.sign_transaction(payload))
    };
    // The third candidate repeats a nonce: the builder leaves it out and says why.
    let candidates = [transfer(0), transfer(1), transfer(1)];

    let context = BlockContext::new(TimestampMs(1_000), bob.address());
    let built = engine.build_block(&engine.durable_head().hash, &context, &candidates)?;
    for left_out in &built.left_out {
        println!(
            "candidate {} was left out: {}",
            left_out.position, left_out.reason
        );
    }
    for receipt in built.executed.receipts() {
        println!(
            "transaction {}: status {}, fee {}",
            receipt.tx_id,
            receipt.status.code(),
            receipt.fee
        );
    }
    let committed = engine.commit(built.executed)?;
    println!(
        "block {} is durable, state root {}",
        committed.head.height, committed.head.state_root
    );

    let proof = engine.prove(&bob.address())?;
    proof.verify(&committed.head.state_root)?;
    println!("bob has {}, proven", proof.account.balance);
    Ok(())
}
