//! Contracts that want to do harm end with a fault and the right gas.

use std::sync::Arc;

use ordlane_primitives::{Address, ErrorCode};
use ordlane_testkit::memory_host::SENDER;
use ordlane_wasm::{Action, Fault, limits::MAX_TRANSACTION_PAGES};

use crate::support::{GAS, PROBE, Probe, World, code};

#[test]
fn deep_recursion_traps() {
    let mut world = World::new();
    assert!(
        world
            .call(PROBE, &Probe::new(201).i32(100).i32(0).0)
            .is_ok()
    );
    let outcome = world.call(PROBE, &Probe::new(201).i32(100_000).i32(0).0);
    assert!(matches!(outcome, Err(Fault::Trap(_))), "{outcome:?}");
}

#[test]
fn a_flood_of_events_ends_at_its_limit_and_leaves_none() {
    let mut world = World::new();
    let flood = |count: u32| Probe::new(205).i32(count).i32(0).0;
    assert!(world.call(PROBE, &flood(1_024)).is_ok());
    assert_eq!(world.host.state.events.len(), 1_024);
    let outcome = world.call(PROBE, &flood(1_025));
    assert_eq!(code(&outcome), Some(ErrorCode::ContractLimit));
    assert!(world.host.state.events.is_empty());
}

#[test]
fn the_memories_of_a_transaction_are_limited_together() {
    // Grows to its limit, and calls itself while there is gas.
    let text = r#"(module
        (import "ordlane" "call" (func $call (param i32 i32 i32 i32 i64 i32) (result i32)))
        (import "ordlane" "self_address" (func $self (param i32)))
        (import "ordlane" "ret" (func $ret (param i32 i32)))
        (import "ordlane" "returndata_copy" (func $copy (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "init")) (func (export "ordlane_abi_1"))
        (func (export "call")
            (local $grown i32)
            (local.set $grown (memory.grow (i32.const 63)))
            (call $self (i32.const 0))
            (drop (call $call (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)
                (i64.const -1) (i32.const 1)))
            (i32.store (i32.const 64) (i32.const 0))
            (drop (call $copy (i32.const 64) (i32.const 4)))
            (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64))
                (i32.add (memory.size) (i32.const 0))))
            (call $ret (i32.const 64) (i32.const 4))))"#;
    let mut world = World::new();
    let address = Address::from_bytes([0xbb; 32]);
    world.host.place(address, &wat::parse_str(text).unwrap());
    let returned = world.call(address, b"").unwrap();
    let pages = u32::from_le_bytes(*returned.first_chunk().unwrap());
    assert_eq!(pages, MAX_TRANSACTION_PAGES);
    // They are given back: the next transaction has as many.
    assert_eq!(world.call(address, b"").unwrap(), returned);
}

#[test]
fn code_that_cannot_be_translated_is_refused_and_never_stops_a_block() {
    // More values on the stack than a function has slots.
    let deep = format!(
        "(func (drop {} (i32.const 0) {}))",
        "(i32.add (i32.const 1)".repeat(20_000),
        ")".repeat(20_000)
    );
    let wide = format!(
        "(func {} {})",
        "(i32.load (i32.const 0))".repeat(14_000),
        "drop ".repeat(14_000)
    );
    for body in [deep, wide] {
        let text = format!(
            "(module (memory (export \"memory\") 1) (func (export \"init\"))
             (func (export \"call\")) (func (export \"ordlane_abi_1\")) {body})"
        );
        let Ok(code) = wat::parse_str(text) else {
            continue;
        };
        let mut world = World::new();
        let deploy = Action::Deploy {
            address: Address::from_bytes([0xcc; 32]),
            code: &code,
            init: b"",
        };
        // A result, whichever it is.
        let done = world.run(deploy, 100_000_000);
        assert!(done.gas_used.0 >= 200 * code.len() as u64);
    }
}

#[test]
fn segments_that_do_not_fit_are_found_when_the_code_is_deployed() {
    for more in [
        "(data (i32.const 65536) \"x\")",
        "(table 1 funcref) (elem (i32.const 1) 0)",
    ] {
        let text = format!(
            "(module (memory (export \"memory\") 1) (func (export \"init\"))
             (func (export \"call\")) (func (export \"ordlane_abi_1\")) {more})"
        );
        let code = wat::parse_str(text).unwrap();
        let mut world = World::new();
        let deploy = Action::Deploy {
            address: Address::from_bytes([0xcc; 32]),
            code: &code,
            init: b"",
        };
        let done = world.run(deploy, GAS);
        let Err(Fault::InvalidCode(error)) = done.outcome else {
            panic!("{more}: {:?}", done.outcome)
        };
        assert_eq!(error.rule, ordlane_wasm::Rule::Instantiation);
    }
}

#[test]
fn every_instruction_that_traps_is_a_fault_of_the_contract() {
    for body in [
        "unreachable",
        "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
        "(drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))",
        "(drop (i32.load (i32.const -1)))",
        "(i64.store (i32.const 65535) (i64.const 1))",
        "(memory.fill (i32.const 0) (i32.const 0) (i32.const 65537))",
        "(memory.copy (i32.const 1) (i32.const 0) (i32.const 65536))",
        "(call_indirect (type $t) (i32.const 9))",
        "(call_indirect (type $t) (i32.const 1))",
    ] {
        let text = format!(
            "(module (type $t (func)) (table 2 funcref) (memory (export \"memory\") 1)
             (func (export \"init\")) (func (export \"ordlane_abi_1\"))
             (func (export \"call\") {body}))"
        );
        let mut world = World::new();
        let address = Address::from_bytes([0xdd; 32]);
        world.host.place(address, &wat::parse_str(text).unwrap());
        let done = world.call_with(address, b"", GAS);
        assert!(matches!(done.outcome, Err(Fault::Trap(_))), "{body}");
        assert!(done.gas_used.0 < 10_000, "{body}");
    }
}

#[test]
fn what_is_called_without_code_or_with_too_little_is_a_fault() {
    let mut world = World::new();
    let nobody = Address::from_bytes([0xee; 32]);
    assert_eq!(world.call(nobody, b""), Err(Fault::NoContract(nobody)));
    let action = Action::Call {
        contract: PROBE,
        input: b"",
        value: ordlane_primitives::Amount(1_000_001),
    };
    let done = world.run(action, GAS);
    assert_eq!(code(&done.outcome), Some(ErrorCode::AmountAboveBalance));
    assert_eq!(world.host.state.accounts[&SENDER].balance.0, 1_000_000);
    drop(Arc::new(()));
}

#[test]
fn growing_a_memory_again_and_again_takes_no_more_than_a_small_stack() {
    let text = r#"(module
        (import "ordlane" "call" (func $call (param i32 i32 i32 i32 i64 i32) (result i32)))
        (import "ordlane" "self_address" (func $self (param i32)))
        (memory (export "memory") 1)
        (func (export "init")) (func (export "ordlane_abi_1"))
        (func (export "call") (local $left i32)
            ;; As often as it may, and then at the next depth.
            (local.set $left (i32.const 127))
            (loop $again
                (drop (memory.grow (i32.const 70000)))
                (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
            (call $self (i32.const 0))
            (drop (call $call (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)
                (i64.const -1) (i32.const 1)))
            (loop $again (drop (memory.grow (i32.const 70000))) (br $again))))"#;
    let module = wat::parse_str(text).unwrap();
    let outcome = std::thread::Builder::new()
        .stack_size(1024 * 1024)
        .spawn(move || {
            let mut world = World::new();
            let address = Address::from_bytes([0xbb; 32]);
            world.host.place(address, &module);
            world.call(address, b"")
        })
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(code(&outcome), Some(ErrorCode::Trap));
}
