//! Modules by chance, and guests with damage: nothing panics, and what our rules let pass can be made ready.

use arbitrary::Unstructured;
use ordlane_primitives::{Address, GAS_SCHEDULE_V1};
use ordlane_testkit::guests;
use ordlane_wasm::{Action, ContractEngine as _, Interpreter, PrepareError, validate};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};
use wasm_smith::{Config, Module};

use crate::support::World;

/// Close to what contracts may be, with their exports.
fn config() -> Config {
    let exports = wat::parse_str(
        "(module (memory (export \"memory\") 1) (func (export \"init\"))
         (func (export \"call\")) (func (export \"ordlane_abi_1\")))",
    );
    Config {
        exports: Some(exports.unwrap()),
        allow_floats: false,
        allow_start_export: false,
        bulk_memory_enabled: true,
        exceptions_enabled: false,
        extended_const_enabled: false,
        gc_enabled: false,
        max_imports: 0,
        max_memories: 1,
        memory64_enabled: false,
        multi_value_enabled: false,
        reference_types_enabled: false,
        relaxed_simd_enabled: false,
        saturating_float_to_int_enabled: false,
        simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

/// Deploys and calls whatever it is; whether it passed.
fn survives(code: &[u8]) -> bool {
    let passes = validate(code).is_ok();
    let prepared = Interpreter.prepare(code, &GAS_SCHEDULE_V1);
    assert!(
        !matches!(prepared, Err(PrepareError::System(_))),
        "{prepared:?}"
    );
    assert!(passes || prepared.is_err());
    if prepared.is_err() {
        return false;
    }
    let mut world = World::new();
    let address = Address::from_bytes([0xcc; 32]);
    let deploy = Action::Deploy {
        address,
        code,
        init: b"",
    };
    let gas = 30_000_000;
    let done = world.run(deploy, gas);
    assert!(done.gas_used.0 <= gas);
    world.host.place(address, code);
    let once = world.call_with(address, &[7; 50], 1_000_000);
    let mut again = World::new();
    again.host.place(address, code);
    let twice = again.call_with(address, &[7; 50], 1_000_000);
    assert_eq!(once.gas_used, twice.gas_used);
    true
}

fn random_modules(count: u32, seed: u64) -> u32 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut passed = 0;
    for _ in 0..count {
        let mut bytes = vec![0; 4_096];
        rng.fill_bytes(&mut bytes);
        let module = Module::new(config(), &mut Unstructured::new(&bytes));
        let Ok(mut module) = module else { continue };
        // So that what they loop is short.
        let _ = module.ensure_termination(1_000);
        passed += u32::from(survives(&module.to_bytes()));
    }
    passed
}

fn damaged_guests(count: u32, seed: u64) -> u32 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut passed = 0;
    for _ in 0..count {
        let (_, code) = guests::ALL[rng.next_u32() as usize % guests::ALL.len()];
        let mut code = code.to_vec();
        for _ in 0..=rng.next_u32() % 4 {
            let at = rng.next_u32() as usize % code.len();
            code[at] = rng.next_u32().to_le_bytes()[0];
        }
        passed += u32::from(survives(&code));
    }
    passed
}

#[test]
fn modules_by_chance_do_no_harm() {
    assert!(random_modules(400, 1) > 20);
    assert!(damaged_guests(400, 2) > 20);
}

#[test]
#[ignore = "a hundred thousand of each"]
fn a_hundred_thousand_modules_by_chance_do_no_harm() {
    println!("{} of 100,000 modules passed", random_modules(100_000, 3));
    println!(
        "{} of 100,000 damaged guests passed",
        damaged_guests(100_000, 4)
    );
}
