//! Calls in calls: depth, permission, gas that goes on, and what is taken back.

use std::{sync::Arc, thread};

use ordlane_primitives::{Address, Amount, ErrorCode, hash::code_hash};
use ordlane_testkit::{guests, memory_host::SENDER, workload::token_transfer};
use ordlane_wasm::{
    Action, Call, Contract, Contracts, DEFAULT_CACHE_BYTES, Entry, Fault, Interpreter,
    TransactError,
};

use crate::support::{
    DATA, GAS, LOOPBACK, OUT, PROBE, Probe, RELAY, TOKEN, World, code, contracts,
};

fn relay(hops: &[Address], payload: &[u8]) -> Vec<u8> {
    let hops_bytes = hops.iter().flat_map(|hop| *hop.as_bytes());
    let mut input = vec![u8::try_from(hops.len()).unwrap()];
    input.extend(hops_bytes);
    input.extend(payload);
    input
}

fn through(target: &Address, flags: u8, payload: &[u8]) -> Vec<u8> {
    [target.as_bytes(), &[flags][..], payload].concat()
}

#[test]
fn calls_nest_sixteen_deep_on_a_small_stack() {
    let deepest = thread::Builder::new()
        .stack_size(1024 * 1024)
        .spawn(|| {
            let mut world = World::new();
            world.call(PROBE, &Probe::new(203).i64(0).0).unwrap()
        })
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(deepest[..4], 15_u32.to_le_bytes());
}

#[test]
fn who_is_being_called_is_not_called_unless_it_allowed_that() {
    let mut world = World::new();
    let mut with_flags = |flags| {
        let returned = world.call(LOOPBACK, &through(&LOOPBACK, flags, b"there"));
        u32::from_le_bytes(*returned.unwrap().first_chunk().unwrap())
    };
    assert_eq!(
        with_flags(0),
        u32::from(ErrorCode::ReentrancyRefused.code())
    );
    assert_eq!(with_flags(1), 0);
    // Through another one: the relay allows nothing.
    let back = through(&RELAY, 1, &relay(&[LOOPBACK], b"x"));
    assert!(world.call(LOOPBACK, &back).is_ok());
}

#[test]
fn a_call_that_fails_takes_back_everything_but_its_gas() {
    let mut world = World::new();
    // Takes tokens, then calls a token with too large an amount.
    let payload = token_transfer(&SENDER, 5);
    let before = world.host.state.clone();
    let done = world.call_with(LOOPBACK, &through(&TOKEN, 0, &payload), GAS);
    let returned = done.outcome.unwrap();
    assert_eq!(
        returned[..4],
        u32::from(ErrorCode::Revert.code()).to_le_bytes()
    );
    assert_eq!(&returned[4..], b"insufficient balance");
    assert_eq!(world.host.state, before);
    assert_eq!(done.refund.0, 0);
    assert!(done.gas_used.0 > 2_000);
}

#[test]
fn a_call_gets_all_but_a_64th_and_one_out_of_gas_leaves_the_rest() {
    let mut world = World::new();
    let endless = through(&PROBE, 0, &Probe::new(200).i64(0).0);
    let done = world.call_with(LOOPBACK, &endless, 6_400_000);
    let returned = done.outcome.unwrap();
    assert_eq!(
        returned[..4],
        u32::from(ErrorCode::OutOfGas.code()).to_le_bytes()
    );
    let left = 6_400_000 - done.gas_used.0;
    assert!((90_000..100_000).contains(&left), "{left} are left");
}

#[test]
fn the_outermost_call_uses_all_gas_when_it_runs_out_of_it() {
    let mut world = World::new();
    for gas in [0, 699, 700, 5_000, 20_000, 1_000_000] {
        let done = world.call_with(PROBE, &Probe::new(200).i64(0).0, gas);
        assert_eq!(done.outcome, Err(Fault::OutOfGas));
        assert_eq!(done.gas_used.0, gas);
    }
}

#[test]
fn contracts_deploy_contracts_once_for_a_salt() {
    let mut world = World::new();
    let module = guests::COMPUTE;
    let length = u32::try_from(module.len()).unwrap();
    let deploy = Probe::new(24).i32(DATA).i32(length).i32(DATA).i32(0);
    let deploy = deploy.i32(DATA + length).i64(u64::MAX).i32(OUT);
    let deploy = deploy.data(module).data(&[8; 32]);
    let address = Address::of_salted_contract(&PROBE, &[8; 32], &code_hash(module));
    // Tokens that were sent there before are no obstacle.
    world
        .host
        .state
        .accounts
        .entry(address)
        .or_default()
        .balance = Amount(3);
    let (result, out) = world.probe(&deploy).unwrap();
    assert_eq!((result, &out[..32]), (0, &address.as_bytes()[..]));
    assert_eq!(world.call(address, &5_u32.to_le_bytes()).unwrap().len(), 8);
    let (result, _) = world.probe(&deploy).unwrap();
    assert_eq!(result, i64::from(ErrorCode::AddressInUse.code()));
    let junk = Probe::new(24)
        .i32(DATA)
        .i32(9)
        .i32(DATA)
        .i32(0)
        .i32(DATA)
        .i64(u64::MAX)
        .i32(OUT);
    let (result, _) = world.probe(&junk.data(&[8; 40])).unwrap();
    assert_eq!(result, i64::from(ErrorCode::InvalidCode.code()));
}

#[test]
fn new_code_is_a_contracts_own_from_the_next_transaction_on() {
    let mut world = World::new();
    let module = guests::TOKEN;
    let length = u32::try_from(module.len()).unwrap();
    let upgrade = Probe::new(25).i32(DATA).i32(length).data(module);
    assert_eq!(world.probe(&upgrade).unwrap().0, 0);
    let hash = world.host.state.accounts[&PROBE].code_hash;
    assert_eq!(hash, code_hash(module));
    let balance = world.call(PROBE, &[&[1][..], SENDER.as_bytes()].concat());
    assert_eq!(balance.unwrap(), [0; 16]);
}

/// Writes below two keys and reverts where it is asked to.
#[derive(Debug)]
struct Native;

impl Contract for Native {
    fn run(&self, _: Entry, call: &mut Call<'_>) -> Result<Vec<u8>, Fault> {
        call.storage_set(b"a", b"1")?;
        match call.input() {
            b"revert" => Err(call.revert(b"asked to")),
            _ => Ok(call.caller()?.as_bytes().to_vec()),
        }
    }
}

#[test]
fn a_contract_in_rust_is_metered_and_taken_back_like_another() {
    let address = Address::native(2_000);
    let contracts = contracts().with_native(address, Arc::new(Native));
    let mut world = World {
        contracts,
        ..World::new()
    };
    let done = world.call_with(address, b"", GAS);
    assert_eq!(done.outcome.unwrap(), SENDER.as_bytes());
    assert_eq!(done.gas_used.0, 700 + 11 + 20_000 + 11);
    let before = world.host.state.clone();
    assert_eq!(
        code(&world.call(address, b"revert")),
        Some(ErrorCode::Revert)
    );
    assert_eq!(world.host.state, before);
    // A contract of WebAssembly calls it.
    let returned = world.call(LOOPBACK, &through(&address, 0, b"")).unwrap();
    assert_eq!(returned[4..], *LOOPBACK.as_bytes());
}

#[test]
fn who_is_interrupted_leaves_nothing_and_gives_the_same_afterwards() {
    let mut world = World::new();
    let input = relay(&[RELAY], b"r");
    let hops = through(&RELAY, 0, &relay(&[], b"x"));
    let expected = world.clone_run(&hops);
    for patience in 0.. {
        let mut world = World::new();
        world.host.patience = Some(patience);
        let action = Action::Call {
            contract: LOOPBACK,
            input: &hops,
            value: Amount(0),
        };
        let before = world.host.state.clone();
        match world.host.transact(&world.contracts, action, GAS) {
            Err(TransactError::Interrupted(_)) => assert_eq!(world.host.state, before),
            Ok(done) => {
                assert_eq!((done, world.host.state.clone()), expected);
                assert!(patience > 3);
                break;
            }
            other => panic!("{other:?}"),
        }
        world.host.patience = None;
        assert_eq!(world.clone_run(&hops), expected);
    }
    drop(input);
}

impl World {
    fn clone_run(
        &mut self,
        input: &[u8],
    ) -> (
        ordlane_wasm::Transacted,
        ordlane_testkit::memory_host::MemoryState,
    ) {
        let done = self.call_with(LOOPBACK, input, GAS);
        (done, self.host.state.clone())
    }
}

#[test]
fn a_cache_of_one_byte_gives_the_same_as_one_that_holds_everything() {
    let mut world = World::new();
    let mut cramped = World {
        contracts: Contracts::new(Arc::new(Interpreter), 1),
        ..World::new()
    };
    for round in 0..20 {
        for contract in [PROBE, TOKEN, RELAY, LOOPBACK] {
            let input = [1; 40];
            let expected = world.call_with(contract, &input, GAS);
            assert_eq!(
                cramped.call_with(contract, &input, GAS),
                expected,
                "round {round}"
            );
        }
    }
    let stats = cramped.contracts.cache_stats();
    assert!(stats.entries <= 1 && stats.evictions >= 79, "{stats:?}");
    assert_eq!(world.contracts.cache_stats().made, 4);
    assert!(DEFAULT_CACHE_BYTES > world.contracts.cache_stats().bytes);
}

/// Gives itself other code, as its input says.
#[derive(Debug)]
struct Upgrading;

const UPGRADING: [Address; 2] = [
    Address::from_bytes([0xb1; 32]),
    Address::from_bytes([0xb2; 32]),
];

impl Contract for Upgrading {
    fn run(&self, _: Entry, call: &mut Call<'_>) -> Result<Vec<u8>, Fault> {
        match call.input() {
            b"twice" => {
                call.set_code(guests::TOKEN)??;
                call.set_code(guests::COMPUTE)??;
                Ok(Vec::new())
            }
            b"junk" => {
                assert!(call.set_code(b"junk")?.is_err());
                Ok(Vec::new())
            }
            b"in vain" => {
                call.set_code(guests::TOKEN)??;
                Err(call.revert(b"no"))
            }
            _ => {
                let other = UPGRADING[1];
                let inner = call.call(&other, Amount::ZERO, b"in vain", u64::MAX, 0)?;
                assert!(inner.is_err());
                call.set_code(guests::RELAY)??;
                Ok(Vec::new())
            }
        }
    }
}

#[test]
fn the_last_new_code_counts_and_none_of_a_call_that_failed() {
    let mut world = World::new();
    world.contracts = UPGRADING
        .into_iter()
        .fold(contracts(), |contracts, address| {
            contracts.with_native(address, Arc::new(Upgrading))
        });
    let code_of = |world: &World, contract: usize| {
        let account = world.host.state.accounts.get(&UPGRADING[contract]);
        account.map(|account| account.code_hash)
    };
    world.call(UPGRADING[0], b"junk").unwrap();
    assert_eq!(code_of(&world, 0), None);
    world.call(UPGRADING[0], b"twice").unwrap();
    assert_eq!(code_of(&world, 0), Some(code_hash(guests::COMPUTE)));
    assert!(world.call(UPGRADING[1], b"in vain").is_err());
    world.call(UPGRADING[0], b"outer").unwrap();
    assert_eq!(code_of(&world, 0), Some(code_hash(guests::RELAY)));
    assert_eq!(code_of(&world, 1), None);
}
