//! How evenly gas is priced: nanoseconds per gas of very different work.

use std::time::Instant;

use ordlane_primitives::{Address, Amount, SigningKey};
use ordlane_wasm::{
    Contracts, Interpreter,
    abi::{FUNCTIONS, Type},
};

use crate::support::{DATA, GAS, OUT, PROBE, Probe, World};

const RUNS: usize = 40;
const HERE: Address = Address::from_bytes([0xab; 32]);

/// A contract that does something `times` over.
fn looping(times: u32, locals: &str, body: &str, more: &str) -> Vec<u8> {
    wat::parse_str(format!(
        "(module (type $t (func)) (table 1 funcref) (memory (export \"memory\") 1)
         (func $f (local {locals})) (elem (i32.const 0) $f) {more}
         (func (export \"init\")) (func (export \"ordlane_abi_1\"))
         (func (export \"call\") (local $n i32) (local $x i64) (local $y i32)
            (local.set $n (i32.const {times}))
            (loop $again {body}
              (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"
    ))
    .unwrap()
}

/// The median and the 99th of a hundred, in nanoseconds per gas.
fn measured(world: &mut World, contract: Address, input: &[u8], runs: usize) -> [f64; 2] {
    let mut figures = Vec::new();
    for _ in 0..runs {
        let begun = Instant::now();
        let done = world.call_with(contract, input, GAS);
        let ns = begun.elapsed().as_nanos() as f64;
        figures.push(ns / done.gas_used.0 as f64);
    }
    figures.sort_by(f64::total_cmp);
    [figures[runs / 2], figures[runs * 99 / 100]]
}

/// Where the loops have things: keys and hashes, an address to call, a signature over 32 bytes with its key, code.
const CALLEE: Address = Address::from_bytes([0xad; 32]);
const ADDRESS_AT: usize = 0x100;
const KEY_AT: usize = 0x200;
const MESSAGE_AT: usize = 0x300;
const SIGNATURE_AT: usize = 0x400;
const CODE_AT: usize = 0x1000;

/// Each function of the interface many times in one call.
fn functions_in_loops() -> Vec<(String, [f64; 2])> {
    let idle = wat::parse_str(
        "(module (memory (export \"memory\") 1) (func (export \"init\")) (func (export \"call\"))
         (func (export \"ordlane_abi_1\")))",
    )
    .unwrap();
    let length = idle.len();
    let numbered = "(i32.store (i32.const 0) (local.get $n))";
    let loops = [
        ("storage_get, one key", 1_000, "(drop (call $storage_get (i32.const 0) (i32.const 32) (i32.const 0x800) (i32.const 64)))".to_owned()),
        ("storage_get, new keys", 1_000, format!("{numbered} (drop (call $storage_get (i32.const 0) (i32.const 32) (i32.const 0x800) (i32.const 64)))")),
        ("storage_set, one key", 1_000, format!("{numbered} (call $storage_set (i32.const 32) (i32.const 32) (i32.const 0) (i32.const 32))")),
        ("storage_set and del", 500, "(call $storage_set (i32.const 32) (i32.const 32) (i32.const 0) (i32.const 32)) (call $storage_del (i32.const 32) (i32.const 32))".to_owned()),
        ("input_copy", 1_000, "(drop (call $input_copy (i32.const 0) (i32.const 32)))".to_owned()),
        ("caller", 1_000, "(call $caller (i32.const 0))".to_owned()),
        ("block_height", 1_000, "(drop (call $block_height))".to_owned()),
        ("gas_left", 1_000, "(drop (call $gas_left))".to_owned()),
        ("balance", 1_000, format!("(call $balance (i32.const {ADDRESS_AT}) (i32.const 0x800))")),
        ("sha256 of 32 B", 1_000, "(call $sha256 (i32.const 0) (i32.const 32) (i32.const 0x800))".to_owned()),
        ("signatures that verify", 100, format!("(drop (call $ed25519_verify (i32.const {KEY_AT}) (i32.const {MESSAGE_AT}) (i32.const 32) (i32.const {SIGNATURE_AT})))")),
        ("emit, 4 topics", 500, "(call $emit (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 32))".to_owned()),
        ("transfer", 500, format!("(drop (call $transfer (i32.const {ADDRESS_AT}) (i32.const 0x900)))")),
        ("call", 200, format!("(drop (call $call (i32.const {ADDRESS_AT}) (i32.const 0x980) (i32.const 0) (i32.const 32) (i64.const -1) (i32.const 0)))")),
        ("query", 200, format!("(drop (call $query (i32.const {ADDRESS_AT}) (i32.const 0) (i32.const 32) (i64.const -1)))")),
        ("deploy", 100, format!("{numbered} (drop (call $deploy (i32.const {CODE_AT}) (i32.const {length}) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const -1) (i32.const 0x800)))")),
        ("deploy without gas", 500, format!("{numbered} (drop (call $deploy (i32.const {CODE_AT}) (i32.const 32768) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0x800)))")),
        ("set_code", 200, format!("(drop (call $set_code (i32.const {CODE_AT}) (i32.const {length})))")),
        ("debug", 1_000, "(call $debug (i32.const 0) (i32.const 32))".to_owned()),
    ];
    let key = SigningKey::from_seed([5; 32]);
    let message = [9; 32];
    let mut figures = Vec::new();
    for (name, times, body) in loops {
        let module = function_loop(
            times,
            &body,
            [
                (ADDRESS_AT, CALLEE.as_bytes()),
                (KEY_AT, &key.public_key()),
                (MESSAGE_AT, &message),
                (SIGNATURE_AT, &key.sign(&message)),
                (0x900, &[1]),
                (CODE_AT, &idle),
            ],
        );
        let mut world = World::new();
        world.host.place(HERE, &module);
        world.host.place(CALLEE, &idle);
        world.host.state.accounts.entry(HERE).or_default().balance = Amount(1 << 40);
        let done = world.call_with(HERE, &[0; 32], GAS);
        assert!(done.outcome.is_ok(), "{name}: {:?}", done.outcome);
        // Each run begins from the same world: what was deployed is in use.
        let before = world.host.state.clone();
        let mut all: Vec<f64> = (0..RUNS)
            .map(|_| {
                world.host.state = before.clone();
                let slots = world.host.state.accounts.len();
                if name == "deploy" {
                    world
                        .host
                        .state
                        .accounts
                        .retain(|address, _| *address == HERE);
                    assert!(slots > times as usize);
                }
                measured(&mut world, HERE, &[0; 32], 1)[0]
            })
            .collect();
        all.sort_by(f64::total_cmp);
        figures.push((name.to_owned(), [all[RUNS / 2], all[RUNS - 1]]));
    }
    figures
}

/// A contract that uses functions of the interface `times` over, with bytes in its memory.
fn function_loop<const N: usize>(times: u32, body: &str, data: [(usize, &[u8]); N]) -> Vec<u8> {
    let imports: String = FUNCTIONS
        .iter()
        .filter(|function| {
            body.contains(&format!("${} ", function.name))
                || body.contains(&format!("${})", function.name))
        })
        .map(|function| {
            let name = function.name;
            let word = |kind: &Type| if *kind == Type::I32 { "i32 " } else { "i64 " };
            let params: String = function.params.iter().map(word).collect();
            let result = function
                .result
                .map_or(String::new(), |kind| format!("(result {})", word(&kind)));
            format!("(import \"ordlane\" \"{name}\" (func ${name} (param {params}) {result}))")
        })
        .collect();
    let data: String = data
        .iter()
        .map(|(at, bytes)| {
            let bytes: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
            format!("(data (i32.const {at}) \"{bytes}\")")
        })
        .collect();
    let text = format!(
        "(module {imports} (memory (export \"memory\") 1) {data}
         (func (export \"init\")) (func (export \"ordlane_abi_1\"))
         (func (export \"call\") (local $n i32)
            (local.set $n (i32.const {times}))
            (loop $again {body}
              (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"
    );
    wat::parse_str(text).unwrap()
}

#[test]
#[ignore = "a measurement, in release mode and on a quiet machine"]
fn nanoseconds_per_gas_of_all_classes() {
    let add = "(local.set $x (i64.add (i64.mul (local.get $x) (i64.const 31)) (i64.const 7)))";
    let classes = [
        ("i64 arithmetic", "", add.repeat(8)),
        ("i32 arithmetic", "", "(local.set $y (i32.xor (i32.add (local.get $y) (local.get $n)) (i32.shl (local.get $y) (i32.const 3))))".repeat(8)),
        ("division", "", "(local.set $x (i64.div_u (local.get $x) (i64.const 3)))".repeat(8)),
        ("loads", "", "(local.set $x (i64.load (i32.const 8)))".repeat(8)),
        ("stores", "", "(i64.store (i32.const 8) (local.get $x))".repeat(8)),
        ("branches", "", "(block (br_if 0 (i32.eqz (local.get $y))) (local.set $y (i32.const 0)))".repeat(8)),
        ("br_table", "", "(block (block (block (br_table 0 1 2 (i32.and (local.get $n) (i32.const 3))))))".repeat(8)),
        ("calls", "", "(call $f)".repeat(8)),
        ("calls, 100 locals", "i64 ", "(call $f)".repeat(8)),
        ("call_indirect", "", "(call_indirect (type $t) (i32.const 0))".repeat(8)),
        ("memory.copy 4 KiB", "", "(memory.copy (i32.const 8192) (i32.const 0) (i32.const 4096))".to_owned()),
        ("memory.fill 4 KiB", "", "(memory.fill (i32.const 8192) (i32.const 0) (i32.const 4096))".to_owned()),
        ("memory.fill 16 B", "", "(memory.fill (i32.const 8192) (i32.const 0) (i32.const 16))".repeat(8)),
        ("globals", "", "(global.set 0 (i64.add (global.get 0) (i64.const 1)))".repeat(8)),
    ];
    let mut figures = Vec::new();
    for (name, local, body) in classes {
        let code = looping(
            20_000,
            &local.repeat(100),
            &body,
            "(global (mut i64) (i64.const 0))",
        );
        let mut world = World::new();
        world.host.place(HERE, &code);
        figures.push((name.to_owned(), measured(&mut world, HERE, b"", RUNS)));
    }
    let mut world = World::new();
    let functions = [
        "storage_get",
        "storage_set",
        "storage_del",
        "input_len",
        "input_copy",
    ];
    for (number, name) in (0_u8..).zip(functions) {
        let probe = Probe::new(number).i32(DATA).i32(32).i32(OUT).i32(32);
        figures.push((
            name.to_owned(),
            measured(&mut world, PROBE, &probe.data(&[7; 64]).0, RUNS),
        ));
    }
    let many = [
        ("events", Probe::new(205).i32(1_000).i32(0)),
        ("cold writes", Probe::new(206).i32(1_000).i32(32)),
        ("reads", Probe::new(207).i32(1_000).i32(0)),
        ("sha256 of 64 B", Probe::new(208).i32(1_000).i32(64)),
        ("sha256 of 4 KiB", Probe::new(208).i32(100).i32(4_096)),
        (
            "signature",
            Probe::new(19)
                .i32(DATA)
                .i32(DATA)
                .i32(32)
                .i32(DATA + 32)
                .data(&[9; 128]),
        ),
        ("16 calls deep", Probe::new(203).i64(0)),
        ("growth by 60 pages", Probe::new(202).i32(60).i32(0)),
        ("recursion, 200 deep", Probe::new(201).i32(200).i32(0)),
        ("unreachable", Probe::new(204).i64(0)),
    ];
    for (name, probe) in many {
        figures.push((name.to_owned(), measured(&mut world, PROBE, &probe.0, RUNS)));
    }
    figures.extend(functions_in_loops());
    // Many small calls of a module that is all instance: functions, table, segments, exports, and no memory.
    let functions: String = (0..1_900).map(|_| "(func)").collect();
    let segments = "(data (i32.const 0) \"\")".repeat(250);
    let exports: String = (0..60)
        .map(|n| format!("(export \"e{n}\" (func 0))"))
        .collect();
    let wide = format!(
        "(module {functions} {exports} (table 1024 funcref) (memory (export \"memory\") 1)
         {segments} (func (export \"init\")) (func (export \"ordlane_abi_1\"))
         (func (export \"call\")))"
    );
    world.host.place(HERE, &wat::parse_str(wide).unwrap());
    let spin = r#"(module
        (import "ordlane" "input_copy" (func $in (param i32 i32) (result i32)))
        (import "ordlane" "call" (func $call (param i32 i32 i32 i32 i64 i32) (result i32)))
        (memory (export "memory") 1) (func (export "init")) (func (export "ordlane_abi_1"))
        (func (export "call") (local $n i32)
            (drop (call $in (i32.const 0) (i32.const 32)))
            (local.set $n (i32.const 200))
            (loop $again
                (drop (call $call (i32.const 0) (i32.const 64) (i32.const 0) (i32.const 0)
                    (i64.const -1) (i32.const 0)))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#;
    let spinner = Address::from_bytes([0xac; 32]);
    world.host.place(spinner, &wat::parse_str(spin).unwrap());
    for (name, target) in [
        ("calls of a wide module", HERE),
        ("calls of a token", crate::support::TOKEN),
    ] {
        let figure = measured(&mut world, spinner, target.as_bytes(), RUNS);
        figures.push((name.to_owned(), figure));
    }
    let mut cold = World {
        contracts: Contracts::new(std::sync::Arc::new(Interpreter), 1),
        ..World::new()
    };
    let big = looping(1, "", &add.repeat(4_000), "");
    cold.host.place(HERE, &big);
    for (name, contract) in [("evicted probe", PROBE), ("evicted 50 KB", HERE)] {
        let mut all = Vec::new();
        for _ in 0..RUNS {
            cold.call_with(crate::support::TOKEN, b"", GAS);
            all.push(measured(&mut cold, contract, &[3], 1)[0]);
        }
        all.sort_by(f64::total_cmp);
        figures.push((name.to_owned(), [all[RUNS / 2], all[RUNS - 1]]));
    }
    let mut medians: Vec<f64> = figures.iter().map(|(_, [median, _])| *median).collect();
    medians.sort_by(f64::total_cmp);
    let middle = medians[medians.len() / 2];
    println!(
        "{:22} {:>10} {:>10} {:>8}",
        "class", "ns/gas", "p99", "of all"
    );
    for (name, [median, p99]) in &figures {
        println!("{name:22} {median:10.2} {p99:10.2} {:8.2}", median / middle);
    }
    println!("max / median {:.2}", medians[medians.len() - 1] / middle);
}
