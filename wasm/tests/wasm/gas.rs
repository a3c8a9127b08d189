//! Gas is what the table says, and the same everywhere.

use std::thread;

use ordlane_primitives::{Address, hash::sha256};
use ordlane_testkit::{guests, workload::token_transfer};
use ordlane_wasm::Fault;

use crate::support::{DATA, GAS, LOOPBACK, PROBE, Probe, RELAY, TOKEN, World};

const PAGE_GAS: u64 = 6_144;

fn gas(world: &mut World, contract: Address, input: &[u8]) -> u64 {
    world.call_with(contract, input, GAS).gas_used.0
}

#[test]
fn the_first_call_pays_for_code_and_every_call_for_memory() {
    let mut world = World::new();
    // A wrong method of the token: little else happens.
    let one = gas(&mut world, LOOPBACK, b"too short");
    let code_gas = 2 * guests::LOOPBACK.len() as u64;
    let rest = one - 700 - code_gas - PAGE_GAS;
    assert!(rest < 400, "{rest}");
    assert_eq!(gas(&mut world, LOOPBACK, b"too short"), one);
}

#[test]
fn growing_a_memory_costs_three_gas_a_word_and_ends_at_its_limit() {
    let mut world = World::new();
    let grow = |pages: u32| Probe::new(202).i32(pages).i32(0).0;
    let base = gas(&mut world, PROBE, &grow(0));
    for pages in [1_u32, 2, 63] {
        let grown = world.call_with(PROBE, &grow(pages), GAS);
        assert_eq!(grown.outcome.unwrap()[..4], 1_u32.to_le_bytes());
        let more = grown.gas_used.0 - base;
        assert_eq!(more, u64::from(pages) * PAGE_GAS);
    }
    let beyond = world.call_with(PROBE, &grow(64), GAS);
    assert_eq!(beyond.outcome.unwrap()[..4], u32::MAX.to_le_bytes());
    // Not enough gas for the pages: all of it is used.
    let poor = world.call_with(PROBE, &grow(63), base + 62 * PAGE_GAS);
    assert_eq!(poor.outcome, Err(Fault::OutOfGas));
}

#[test]
fn functions_of_the_interface_cost_what_they_say() {
    let mut world = World::new();
    let cost = |world: &mut World, probe: Probe| gas(world, PROBE, &probe.data(&[7; 512]).0);
    // The same arguments, and one word more: everything else is equal.
    let hash = |words: u32| Probe::new(18).i32(DATA).i32(words * 32).i32(0xf008);
    let (one, five) = (cost(&mut world, hash(1)), cost(&mut world, hash(5)));
    assert_eq!(five - one, 4 * 30);
    let emit = |topics: u32, bytes: u32| Probe::new(20).i32(DATA).i32(topics).i32(DATA).i32(bytes);
    let none = cost(&mut world, emit(0, 0));
    assert_eq!(cost(&mut world, emit(3, 0)) - none, 3 * 375);
    assert_eq!(cost(&mut world, emit(0, 10)) - none, 80);
    let debug = |bytes: u32| Probe::new(26).i32(DATA).i32(bytes);
    let zero = cost(&mut world, debug(0));
    assert_eq!(cost(&mut world, debug(33)) - zero, 2);
    let set = |key: u32| Probe::new(1).i32(DATA).i32(key).i32(DATA).i32(8);
    let created = cost(&mut world, set(4));
    let rewritten = cost(&mut world, set(4));
    // What stood there is read whole.
    assert_eq!(created + 1 - rewritten, 20_000 - 200);
}

#[test]
fn gas_is_the_same_cold_and_warm_and_on_every_thread() {
    let token = token_transfer(&Address::from_bytes([9; 32]), 0);
    let inputs = [
        (TOKEN, token),
        (PROBE, Probe::new(203).i64(0).0),
        (PROBE, Probe::new(204).i64(0).0),
        (PROBE, Probe::new(201).i32(1_000_000).i32(0).0),
        (PROBE, Probe::new(201).i32(100).i32(0).0),
        (RELAY, b"\0x".to_vec()),
    ];
    for (contract, input) in inputs {
        let expected = World::new().call_with(contract, &input, GAS);
        let mut world = World::new();
        for _ in 0..3 {
            let done = world.call_with(contract, &input, GAS);
            assert_eq!(done.outcome.is_ok(), expected.outcome.is_ok());
            if contract != TOKEN && contract != RELAY {
                assert_eq!(done, expected);
            }
        }
        let shared = crate::support::contracts();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut host = World::new().host;
                    let action = ordlane_wasm::Action::Call {
                        contract,
                        input: &input,
                        value: ordlane_primitives::Amount(0),
                    };
                    let done = host.transact(&shared, action, GAS).unwrap();
                    assert_eq!(done, expected);
                });
            }
        });
    }
}

/// Gas, and what came of it, of calls that are pinned: another figure is another protocol version.
#[test]
fn the_gas_of_guests_is_that_of_the_committed_vectors() {
    let mut lines = String::new();
    for (name, code) in guests::ALL {
        for input in inputs(name) {
            let mut world = World::new();
            let address = Address::from_bytes([0xaa; 32]);
            world.host.place(address, code);
            let done = world.call_with(address, &input, GAS);
            let outcome = match &done.outcome {
                Ok(returned) => format!("ok {}", sha256(returned)),
                Err(fault) => format!("error {}", fault.code().map_or(0, |code| code.code())),
            };
            let gas = done.gas_used.0;
            let input = sha256(&input);
            lines.push_str(&format!("{name} {input} {gas} {outcome}\n"));
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/gas.txt");
    if std::env::var_os("ORDLANE_WRITE_DOCS").is_some() {
        std::fs::write(path, &lines).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), lines);
}

/// Several calls of each guest.
fn inputs(name: &str) -> Vec<Vec<u8>> {
    let someone = Address::from_bytes([9; 32]);
    match name {
        "probe" => (0..27)
            .map(|method| {
                let probe = Probe::new(method).i32(DATA).i32(32).i32(DATA).i32(32);
                probe.i64(1_000).i32(0).data(&[7; 300]).0
            })
            .chain([
                Probe::new(201).i32(50).i32(0).0,
                Probe::new(202).i32(3).i32(0).0,
                Probe::new(203).i64(0).0,
                Probe::new(204).i64(0).0,
                Probe::new(205).i32(20).i32(0).0,
                Probe::new(206).i32(5).i32(40).0,
                Probe::new(207).i32(5).i32(0).0,
                Probe::new(208).i32(10).i32(100).0,
            ])
            .collect(),
        "compute" => [0_u32, 1, 100].map(|n| n.to_le_bytes().to_vec()).to_vec(),
        "relay" => vec![b"\0x".to_vec(), [&[1][..], &[3; 32], b"r"].concat()],
        "loopback" => vec![b"short".to_vec(), [&[3; 32][..], &[1, 17]].concat()],
        "amm" => vec![
            [&[0][..], &[0; 4], &[1], &[9; 8], &[0; 8]].concat(),
            vec![1; 5],
        ],
        "nft" => vec![
            [&[0][..], &[7; 32]].concat(),
            [&[1][..], &[5; 8], &[7; 32]].concat(),
        ],
        _ => vec![
            token_transfer(&someone, 0),
            token_transfer(&someone, 1),
            [&[1][..], someone.as_bytes()].concat(),
            [&[2][..], someone.as_bytes(), &5_u128.to_le_bytes()].concat(),
            vec![9],
        ],
    }
}
