//! Contracts whose input says what they do: calls inside calls that write, move, deploy and fail by chance, on every number of
//! threads beside the oracle.

use std::sync::Arc;

use ordlane::{
    Engine,
    contracts::{
        ALLOW_REENTRY, Call, Contract, Contracts, DEFAULT_CACHE_BYTES, Entry, Fault, Interpreter,
    },
    primitives::{
        Address, Amount, BlockHeight, ChainId, ChainParams, Code, ContractInput, Gas, GasPrice,
        Genesis, GenesisAccount, GenesisContract, Memo, Nonce, ReceiptStatus, SigningKey,
        TX_VERSION, TimestampMs, TransactionPayload, TxBytes, TxKind, codec,
    },
};
use ordlane_testkit::{guests, oracle::Oracle, workload::GeneratedBlock};
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::support::build_and_compare;

const SENDERS: u8 = 6;
const SCRIPTED: u32 = 4;
const TXS: usize = 60;
const BLOCKS: u64 = 4;
/// How deep scripts are nested when they are made.
const DEPTH: u32 = 4;

/// Does what its input says, and tells of everything that it learns by events.
#[derive(Debug)]
struct Scripted;

/// Reads a script.
struct Script<'s>(&'s [u8]);

impl<'s> Script<'s> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self) -> Option<&'s [u8]> {
        let length = usize::from(self.byte()?) * 256 + usize::from(self.byte()?);
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

impl Contract for Scripted {
    fn run(&self, _: Entry, call: &mut Call<'_>) -> Result<Vec<u8>, Fault> {
        let mut script = Script(call.input());
        while let Some(step) = step(&mut script, call)? {
            if !step.is_empty() {
                call.emit(&[], &step)?;
            }
        }
        Ok(call.gas_left()?.to_le_bytes().to_vec())
    }
}

/// Does one thing; what it learned, or nothing at the end of the script.
fn step(script: &mut Script<'_>, call: &mut Call<'_>) -> Result<Option<Vec<u8>>, Fault> {
    let (Some(what), Some(with)) = (script.byte(), script.byte()) else {
        return Ok(None);
    };
    let code = |outcome: Result<(), Fault>| {
        let code = outcome.err().and_then(|fault| fault.code());
        code.map_or(0, |code| code.code()).to_le_bytes().to_vec()
    };
    Ok(Some(match what {
        0 => {
            call.storage_set(&[with % 4], &vec![with; usize::from(with)])?;
            Vec::new()
        }
        1 => {
            call.storage_del(&[with % 4])?;
            Vec::new()
        }
        2 => {
            let value = call.storage_get(&[with % 4])?;
            value.map_or(vec![0xff], |value| value.to_vec())
        }
        3 => code(call.transfer(&somebody(with), Amount(u128::from(with)))?),
        4 => call.balance(&somebody(with))?.0.to_le_bytes().to_vec(),
        5 | 6 => {
            let (value, flags) = (script.byte().unwrap_or(0), script.byte().unwrap_or(0));
            let input = script.bytes().unwrap_or(&[]);
            let gas = if flags & 2 == 0 { u64::MAX } else { 20_000 };
            let outcome = if what == 5 {
                let value = Amount(u128::from(value % 3));
                let flags = u32::from(flags) & ALLOW_REENTRY;
                call.call(&somebody(with), value, input, gas, flags)?
            } else {
                call.query(&somebody(with), input, gas)?
            };
            [code(outcome), call.returned().to_vec()].concat()
        }
        7 => {
            let input = script.bytes().unwrap_or(&[]);
            let module = [guests::PROBE, guests::COMPUTE, guests::LOOPBACK, b"junk"];
            let module = module[usize::from(with % 4)];
            let deployed = call.deploy(module, input, &[with; 32], u64::MAX)?;
            code(deployed.map(drop))
        }
        8 => return Err(call.revert(&[with])),
        9 => return Err(Fault::Trap("as the script says")),
        _ => {
            call.charge(u64::from(with) * 10)?;
            Vec::new()
        }
    }))
}

/// Contracts of scripts, guests, senders, and nobody.
fn somebody(number: u8) -> Address {
    match number % 12 {
        0..4 => Address::native(1_024 + u32::from(number % 4)),
        4 => LOOPBACK,
        5 => PROBE,
        6..9 => sender(number % SENDERS).address(),
        _ => Address::from_bytes([number; 32]),
    }
}

const LOOPBACK: Address = Address::from_bytes([0xa1; 32]);
const PROBE: Address = Address::from_bytes([0xa2; 32]);

fn sender(number: u8) -> SigningKey {
    SigningKey::from_seed([number + 1; 32])
}

/// A script by chance.
fn script(rng: &mut ChaCha8Rng, depth: u32) -> Vec<u8> {
    let mut script = Vec::new();
    for _ in 0..rng.random_range(1..8) {
        let what = match rng.random_range(0..40) {
            number @ 0..10 => number % 5,
            10..24 if depth > 0 => 5,
            24..26 if depth > 0 => 6,
            26..28 => 7,
            28 => 8,
            29 => 9,
            30..36 => 0,
            _ => 10,
        };
        script.extend([what, rng.random()]);
        if what == 5 || what == 6 {
            script.extend(rng.random::<[u8; 2]>());
        }
        if (5..8).contains(&what) {
            let input = inner(rng, depth.saturating_sub(1));
            script.extend((input.len() as u16).to_be_bytes());
            script.extend(input);
        }
    }
    script
}

/// A script, or the input of a guest: a call back through it, or any function of the interface with arguments by chance.
fn inner(rng: &mut ChaCha8Rng, depth: u32) -> Vec<u8> {
    match rng.random_range(0..4) {
        0 => {
            let to = somebody(rng.random());
            [
                &to.as_bytes()[..],
                &[rng.random::<u8>() & 1],
                &script(rng, depth)[..],
            ]
            .concat()
        }
        1 => {
            let mut input = vec![0; rng.random_range(1..60)];
            rng.fill_bytes(&mut input);
            input
        }
        _ => script(rng, depth),
    }
}

fn genesis() -> Genesis {
    let mut accounts: Vec<GenesisAccount> = (0..SENDERS)
        .map(|number| GenesisAccount {
            address: sender(number).address(),
            balance: Amount(1 << 60),
        })
        .collect();
    let scripted = (0..SCRIPTED).map(|number| GenesisAccount {
        address: Address::native(1_024 + number),
        balance: Amount(300),
    });
    accounts.extend(scripted);
    accounts.sort_by_key(|account| account.address);
    let contract = |address, code: &[u8]| GenesisContract {
        address,
        balance: Amount(300),
        code: Code::new(code.to_vec()).unwrap(),
        storage: codec::Bounded::default(),
    };
    let contracts = vec![
        contract(LOOPBACK, guests::LOOPBACK),
        contract(PROBE, guests::PROBE),
    ];
    let params = ChainParams::development(ChainId(1));
    let genesis = Genesis::new(params, TimestampMs(0), accounts).unwrap();
    genesis.with_contracts(contracts).unwrap()
}

fn contracts() -> Arc<Contracts> {
    let contracts = Contracts::new(Arc::new(Interpreter), DEFAULT_CACHE_BYTES);
    let natives = (0..SCRIPTED).map(|number| Address::native(1_024 + number));
    Arc::new(natives.fold(contracts, |contracts, address| {
        contracts.with_native(address, Arc::new(Scripted))
    }))
}

fn txs(rng: &mut ChaCha8Rng, nonces: &mut [u64]) -> Vec<TxBytes> {
    let mut txs = Vec::new();
    for _ in 0..TXS {
        let number = rng.random_range(0..SENDERS);
        let nonce = &mut nonces[usize::from(number)];
        let to = rng.random_range(0..5);
        let input = match to {
            4 => [
                &somebody(rng.random()).as_bytes()[..],
                &[1],
                &script(rng, DEPTH)[..],
            ]
            .concat(),
            _ => script(rng, DEPTH),
        };
        let payload = TransactionPayload {
            version: TX_VERSION,
            chain_id: ChainId(1),
            sender: sender(number).address(),
            nonce: Nonce(*nonce),
            gas_limit: Gas(rng.random_range(200_000..9_000_000)),
            gas_price: GasPrice(1),
            valid_until: None,
            kind: TxKind::Call {
                contract: somebody(to),
                input: ContractInput::new(input).unwrap(),
                value: Amount(rng.random_range(0..3)),
            },
            memo: Memo::default(),
        };
        *nonce += 1;
        txs.push(codec::encode(&sender(number).sign_transaction(payload)));
    }
    txs
}

#[test]
fn scripts_do_in_parallel_what_they_do_in_the_oracle() {
    let genesis = genesis();
    let contracts = contracts();
    let mut all = Vec::new();
    for (seed, threads) in [(1, 1), (2, 2), (3, 3), (4, 8)] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut nonces = [0; SENDERS as usize];
        let engine = Engine::builder()
            .genesis(genesis.clone())
            .threads(threads)
            .contracts(Arc::clone(&contracts))
            .build()
            .unwrap();
        let mut oracle = Oracle::new(&genesis).with_contracts(Arc::clone(&contracts));
        for number in 1..=BLOCKS {
            let block = GeneratedBlock {
                number: BlockHeight(number),
                timestamp_ms: TimestampMs(number * 1_000),
                proposer: sender(0).address(),
                txs: txs(&mut rng, &mut nonces),
                expected: Vec::new(),
            };
            let (built, expected) = build_and_compare(&engine, &oracle, &block);
            assert!(built.left_out.is_empty(), "{:?}", built.left_out);
            all.extend(built.executed.receipts().to_vec());
            engine.commit(built.executed).unwrap();
            oracle.commit(&expected);
        }
    }
    let failed = all
        .iter()
        .filter(|receipt| receipt.status != ReceiptStatus::Success);
    let (failed, events) = (
        failed.count(),
        all.iter().map(|receipt| receipt.events.len()),
    );
    let events: usize = events.sum();
    assert!(
        failed > all.len() / 20 && failed < all.len() * 3 / 4,
        "{failed} failed"
    );
    assert!(events > 2 * all.len(), "{events} events");
}
