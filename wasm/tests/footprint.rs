//! What hostile contracts take of memory: no more than their memories may have together and 64 MiB beside it.
//!
//! Measured by an allocator that counts the bytes of all threads. `--nocapture` prints the figures.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use ordlane_primitives::{Address, Amount, GAS_SCHEDULE_V1, limits::MAX_CODE_BYTES};
use ordlane_testkit::memory_host::MemoryHost;
use ordlane_wasm::{
    Action, ContractEngine as _, Contracts, Interpreter,
    limits::{MAX_BRANCH_TARGETS, MAX_TRANSACTION_PAGES, PAGE_BYTES},
};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[expect(
    unsafe_code,
    reason = "an allocator cannot be written without; it only counts and passes on"
)]
// SAFETY: every call goes to the system's allocator with the caller's own arguments, so its contract is the caller's.
// A reallocation is the default one: allocate, copy, free, so that both buffers count while both live.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller upholds the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer came from `System.alloc` with this layout, by the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One measurement at a time: the counters are the process's.
static ALONE: Mutex<()> = Mutex::new(());

const MOST: usize = MAX_TRANSACTION_PAGES as usize * PAGE_BYTES + 64 * 1024 * 1024;
const GAS: u64 = 2_000_000_000;
const CONTRACT: Address = Address::from_bytes([0xcc; 32]);

/// The bytes live at the peak of some work beyond those before it.
fn peak_of(name: &str, work: impl FnOnce()) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    let peak = PEAK.load(Ordering::Relaxed) - before;
    println!("{name:32} {:8} KiB", peak / 1024);
    assert!(peak <= MOST, "{name} takes {peak} bytes");
}

fn module(imports: &str, body: &str) -> Vec<u8> {
    wat::parse_str(format!(
        "(module {imports} (memory (export \"memory\") 1)
         (func (export \"init\")) (func (export \"ordlane_abi_1\"))
         (func (export \"call\") (local $n i32) {body}))"
    ))
    .unwrap()
}

const CALL: &str = r#"
    (import "ordlane" "call" (func $call (param i32 i32 i32 i32 i64 i32) (result i32)))
    (import "ordlane" "self_address" (func $self (param i32)))
    (import "ordlane" "ret" (func $ret (param i32 i32)))
    (import "ordlane" "input_copy" (func $input (param i32 i32) (result i32)))
    (import "ordlane" "emit" (func $emit (param i32 i32 i32 i32)))
    (import "ordlane" "storage_set" (func $set (param i32 i32 i32 i32)))"#;

fn run(code: &[u8], input: &[u8]) {
    let mut host = MemoryHost::new(0);
    host.place(CONTRACT, code);
    run_in(&mut host, input);
}

fn run_in(host: &mut MemoryHost, input: &[u8]) {
    let contracts = Contracts::new(Arc::new(Interpreter), 1);
    let action = Action::Call {
        contract: CONTRACT,
        input,
        value: Amount(0),
    };
    let done = host.transact(&contracts, action, GAS).unwrap();
    assert!(done.gas_used.0 <= GAS);
}

#[test]
fn hostile_contracts_take_no_more_than_they_may() {
    // The self-test, and what stays for the whole process.
    run(&module(CALL, ""), b"");
    let grows = module(
        CALL,
        "(drop (memory.grow (i32.const 63))) (call $self (i32.const 0))
         (drop (call $call (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)
            (i64.const -1) (i32.const 1)))",
    );
    peak_of("memories at every depth", || run(&grows, b""));
    // The outer call calls itself with an input, and such a call returns as much as it may.
    let returns = module(
        CALL,
        "(if (call $input (i32.const 0) (i32.const 1)) (then (call $ret (i32.const 0) (i32.const 16384))))
         (call $self (i32.const 0)) (local.set $n (i32.const 5000))
         (loop $again
            (drop (call $call (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 1)
                (i64.const -1) (i32.const 1)))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))",
    );
    peak_of("a flood of returns", || run(&returns, b""));
    let emits = module(
        CALL,
        "(loop $again (call $emit (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 16384)) (br $again))",
    );
    peak_of("a flood of events", || run(&emits, b""));
    let writes = module(
        CALL,
        "(loop $again
            (i32.store (i32.const 100) (local.tee $n (i32.add (local.get $n) (i32.const 1))))
            (call $set (i32.const 0) (i32.const 1) (i32.const 100) (i32.const 16384)) (br $again))",
    );
    peak_of("one value again and again", || run(&writes, b""));
    let recurses = "(module (memory (export \"memory\") 1) (func (export \"init\")) (func (export \"ordlane_abi_1\"))
        (func $f (export \"call\") (local i64 i64 i64 i64 i64 i64 i64 i64) (call $f)))";
    peak_of("recursion", || run(&wat::parse_str(recurses).unwrap(), b""));
}

#[test]
fn code_of_the_largest_size_takes_no_more_than_it_may() {
    let _ = Interpreter.prepare(&module(CALL, ""), &GAS_SCHEDULE_V1);
    let body = |text: &str, times: usize| module("", &text.repeat(times));
    let depth = 1_000;
    let nested = format!("{}{}", "(block ".repeat(depth), ")".repeat(depth));
    let targets = "0 ".repeat(MAX_BRANCH_TARGETS as usize - 1);
    let wide = |count: usize| {
        let functions = "(func (param i64) (local i64 i64 i64))".repeat(count);
        module(&format!("{functions} (table 1024 funcref)"), "")
    };
    let codes = [
        ("small instructions", body("nop ", 95_000)),
        (
            "arithmetic",
            body(
                "(local.set $n (i32.mul (local.get $n) (i32.const 7)))",
                11_000,
            ),
        ),
        ("blocks", body("(block (br 0))", 15_000)),
        ("nested blocks", body(&nested, 20)),
        (
            "a branch table",
            body(&format!("(br_table {targets} 0 (i32.const 0))"), 1),
        ),
        ("functions", wide(1_990)),
    ];
    for (name, code) in codes {
        assert!(code.len() <= MAX_CODE_BYTES, "{name}: {}", code.len());
        peak_of(name, || {
            let _ = Interpreter.prepare(&code, &GAS_SCHEDULE_V1);
        });
    }
    // As many as one transaction keeps ready, all as large as they can be.
    let mut host = MemoryHost::new(0);
    let mut input = Vec::new();
    for number in 1..=40_u8 {
        let address = Address::from_bytes([number; 32]);
        let text = format!("(local.set $n (i32.mul (local.get $n) (i32.const {number})))");
        host.place(address, &body(&text, 11_000));
        input.extend(address.as_bytes());
    }
    let caller = module(
        CALL,
        "(drop (call $input (i32.const 0) (i32.const 60000)))
         (loop $again
            (drop (call $call (local.get $n) (i32.const 60000) (i32.const 0) (i32.const 0)
                (i64.const -1) (i32.const 0)))
            (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 32))) (i32.const 1280))))",
    );
    host.place(CONTRACT, &caller);
    peak_of("contracts of one transaction", || run_in(&mut host, &input));
}
