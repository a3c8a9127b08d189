//! What is paid for before it is done, and what contracts in Rust cannot get around.

use std::sync::Arc;

use ordlane_primitives::{Address, Amount, ErrorCode, limits::MAX_RETURN_DATA_BYTES};
use ordlane_testkit::guests;
use ordlane_wasm::{
    Action, Call, Contract, Contracts, DEFAULT_CACHE_BYTES, Entry, Fault, Interpreter,
    TransactError,
    limits::{MAX_HELD_CONTRACTS, MAX_REVERT_BYTES, MAX_WRITTEN_BYTES},
};

use crate::support::{DATA, GAS, Probe, World, code, contracts};

const CALLER: Address = Address::from_bytes([0xca; 32]);
const NATIVE: Address = Address::from_bytes([0xaa; 32]);

/// Calls the addresses in its input, each with so much gas, and does not mind how that ends.
fn caller() -> Vec<u8> {
    let text = r#"(module
        (import "ordlane" "call" (func $call (param i32 i32 i32 i32 i64 i32) (result i32)))
        (import "ordlane" "input_copy" (func $input (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "init")) (func (export "ordlane_abi_1"))
        (func (export "call") (local $end i32) (local $at i32)
            (local.set $end (call $input (i32.const 64) (i32.const 60000)))
            (local.set $end (i32.add (local.get $end) (i32.const 64)))
            (local.set $at (i32.const 64))
            (loop $next
                (drop (call $call (local.get $at) (i32.const 0) (i32.const 0) (i32.const 0)
                    (i64.load offset=32 (local.get $at)) (i32.const 0)))
                (local.set $at (i32.add (local.get $at) (i32.const 40)))
                (br_if $next (i32.lt_u (local.get $at) (local.get $end))))))"#;
    wat::parse_str(text).unwrap()
}

/// A contract of so many bytes that returns at once.
fn idle(bytes: usize) -> Vec<u8> {
    let text = format!(
        "(module (memory (export \"memory\") 1) (func (export \"init\")) (func (export \"call\"))
         (func (export \"ordlane_abi_1\")) (func {}))",
        "nop ".repeat(bytes)
    );
    wat::parse_str(text).unwrap()
}

fn calls(to: impl IntoIterator<Item = (Address, u64)>) -> Vec<u8> {
    let entries = to.into_iter();
    let entries = entries.map(|(to, gas)| [&to.as_bytes()[..], &gas.to_le_bytes()].concat());
    entries.collect::<Vec<_>>().concat()
}

fn gas_of(world: &mut World, input: &[u8]) -> u64 {
    let done = world.call_with(CALLER, input, GAS);
    assert!(done.outcome.is_ok());
    done.gas_used.0
}

fn numbered(number: usize) -> Address {
    Address::from_bytes([u8::try_from(number).unwrap() + 1; 32])
}

#[test]
fn nothing_is_made_ready_that_is_not_paid_for() {
    let mut world = World::new();
    let (large, to) = (idle(50_000), numbered(0));
    world.host.place(CALLER, &caller());
    world.host.place(to, &large);
    let nothing = gas_of(&mut world, &calls([(CALLER, 0)]));
    let made = world.contracts.cache_stats().made;
    let unpaid = gas_of(&mut world, &calls([(to, 0)]));
    assert_eq!(world.contracts.cache_stats().made, made);
    assert_eq!(unpaid, nothing);
    // All that it is given, and not enough.
    let price = 2 * large.len() as u64;
    gas_of(&mut world, &calls([(to, price - 1)]));
    assert_eq!(world.contracts.cache_stats().made, made);
    // A call that failed before pays for none that comes after it.
    let once = gas_of(&mut world, &calls([(CALLER, 0), (to, u64::MAX)]));
    let after = gas_of(&mut world, &calls([(to, 0), (to, u64::MAX)]));
    assert_eq!(after, once);
    let twice = gas_of(&mut world, &calls([(to, u64::MAX), (to, u64::MAX)]));
    assert!(after > price && twice < 2 * price);
    assert_eq!(world.contracts.cache_stats().made, made + 1);
}

#[test]
fn a_contract_that_is_called_after_many_others_pays_for_its_code_again() {
    for cached in [DEFAULT_CACHE_BYTES, 1] {
        let mut world = World::new();
        world.contracts = Contracts::new(Arc::new(Interpreter), cached);
        world.host.place(CALLER, &caller());
        let bytes = 20_000;
        // The caller is one, too, but is called only once.
        let most = MAX_HELD_CONTRACTS;
        for number in 0..=most {
            world.host.place(numbered(number), &idle(bytes + number));
        }
        let all = |count: usize| (0..count).map(|number| (numbered(number), u64::MAX));
        let second_round = |world: &mut World, count| {
            let first = gas_of(world, &calls(all(count)));
            gas_of(world, &calls(all(count).chain(all(count)))) - first
        };
        let price = 2 * bytes as u64;
        assert!(second_round(&mut world, most) < most as u64 * price / 2);
        assert!(second_round(&mut world, most + 1) > most as u64 * price);
    }
}

#[test]
fn a_value_is_read_whole_and_code_is_hashed_for_gas() {
    let mut world = World::new();
    let mut cost = |probe: Probe| {
        let done = world.call_with(crate::support::PROBE, &probe.data(&[7; 2_048]).0, GAS);
        assert!(done.outcome.is_ok());
        done.gas_used.0
    };
    cost(Probe::new(1).i32(DATA).i32(1).i32(DATA).i32(1_024));
    let get = |key: u32, cap: u32| Probe::new(0).i32(DATA).i32(key).i32(0xf008).i32(cap);
    assert_eq!(cost(get(1, 0)), cost(get(1, 1_024)));
    assert_eq!(cost(get(1, 0)) - cost(get(2, 0)), 32);
    let deploy = |length: u32| {
        let probe = Probe::new(24).i32(DATA).i32(length).i32(DATA).i32(0);
        probe.i32(DATA).i64(0).i32(0xf008)
    };
    assert_eq!(cost(deploy(1_024)) - cost(deploy(0)), 32 * 30 + 32);
}

#[test]
fn what_a_transaction_writes_is_limited() {
    let text = r#"(module
        (import "ordlane" "storage_set" (func $set (param i32 i32 i32 i32)))
        (import "ordlane" "input_copy" (func $input (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "init")) (func (export "ordlane_abi_1"))
        (func (export "call") (local $left i32)
            (drop (call $input (i32.const 0) (i32.const 4)))
            (local.set $left (i32.load (i32.const 0)))
            (loop $next
                (i32.store (i32.const 4) (local.get $left))
                (call $set (i32.const 0) (i32.const 2) (i32.const 4) (i32.const 16384))
                (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                (br_if $next (local.get $left)))))"#;
    let mut world = World::new();
    world.host.place(CALLER, &wat::parse_str(text).unwrap());
    let times = |world: &mut World, times: usize| {
        let times = u32::try_from(times).unwrap();
        world
            .call_with(CALLER, &times.to_le_bytes(), 1 << 40)
            .outcome
    };
    // The first has no value before it, all others do.
    let most = 1 + (MAX_WRITTEN_BYTES - 16_386) / (2 * 16_384 + 2);
    assert!(times(&mut world, most).is_ok());
    // Now that one has, too.
    let outcome = times(&mut world, most + 1);
    assert_eq!(code(&outcome), Some(ErrorCode::ContractLimit));
}

/// Does what its input says.
#[derive(Debug)]
struct Rude;

impl Contract for Rude {
    fn run(&self, _: Entry, call: &mut Call<'_>) -> Result<Vec<u8>, Fault> {
        match call.input() {
            b"long" => Ok(vec![0; MAX_RETURN_DATA_BYTES + 1]),
            b"reason" => Err(Fault::Revert(vec![0; MAX_REVERT_BYTES + 1])),
            _ => {
                // A fault of the machine that it passes over.
                let _ = call.call(&CALLER, Amount::ZERO, &[], u64::MAX, 0);
                Ok(Vec::new())
            }
        }
    }
}

/// Fails as the machine does.
#[derive(Debug)]
struct Broken;

impl Contract for Broken {
    fn run(&self, _: Entry, _: &mut Call<'_>) -> Result<Vec<u8>, Fault> {
        Err(Fault::System("no memory".to_owned()))
    }
}

#[test]
fn contracts_in_rust_have_the_same_limits_and_hide_no_failure() {
    let mut world = World::new();
    world.contracts = contracts()
        .with_native(NATIVE, Arc::new(Rude))
        .with_native(CALLER, Arc::new(Broken));
    let outcome = world.call(NATIVE, b"long");
    assert_eq!(code(&outcome), Some(ErrorCode::ContractLimit));
    let reverted = world.call(NATIVE, b"reason").unwrap_err();
    assert_eq!(reverted.payload().len(), MAX_REVERT_BYTES);
    let action = Action::Call {
        contract: NATIVE,
        input: b"",
        value: Amount::ZERO,
    };
    let hidden = world.host.transact(&world.contracts, action, GAS);
    assert!(
        matches!(hidden, Err(TransactError::System(_))),
        "{hidden:?}"
    );
    assert!(world.contracts.has_native(&NATIVE));
    assert!(!world.contracts.has_native(&numbered(1)));
    let schedule = &ordlane_primitives::GAS_SCHEDULE_V1;
    assert_eq!(world.contracts.check(guests::TOKEN, schedule), Ok(()));
    assert!(world.contracts.check(b"junk", schedule).is_err());
}
