//! Several executed blocks on one parent, as a BFT engine needs them: nothing is durable until one is committed.

use ordlane::{
    BlockContext, BlockError, Engine, EngineError,
    primitives::{Amount, ChainId, ChainParams, Genesis, GenesisAccount, SigningKey, TimestampMs},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = SigningKey::from_seed([1; 32]);
    let account = GenesisAccount {
        address: key.address(),
        balance: Amount(1),
    };
    let genesis = Genesis::new(
        ChainParams::development(ChainId(1)),
        TimestampMs(0),
        vec![account],
    )?;
    let engine = Engine::builder().genesis(genesis).build()?;
    let parent = engine.durable_head().hash;

    let at = |time| BlockContext::new(TimestampMs(time), key.address());
    let left = engine.execute(&parent, &at(10), &[])?;
    let right = engine.execute(&parent, &at(20), &[])?;
    let on_left = engine.execute(&left.hash(), &at(30), &[])?;
    println!(
        "executed head {}, durable head {}",
        engine.executed_head().height,
        engine.durable_head().height
    );

    engine.commit(left)?;
    engine.commit(on_left)?;
    println!(
        "executed head {}, durable head {}",
        engine.executed_head().height,
        engine.durable_head().height
    );

    match engine.commit(right) {
        Err(EngineError::Block(error @ BlockError::NotOnTip { .. })) => {
            println!("the other block: {error}")
        }
        other => {
            return Err(format!("a sibling of a durable block was treated as {other:?}").into());
        }
    }
    Ok(())
}
