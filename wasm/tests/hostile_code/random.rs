//! Modules by chance and damaged ones: no panic, and wasmi takes what passes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arbitrary::Unstructured;
use ordlane_testkit::{guests, mutation::mutate};
use ordlane_wasm::{abi, validate};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};
use wasm_smith::{Config, Module};

/// How many of each kind every run looks at.
const COUNT: u64 = 2_000;
/// How many the long run looks at.
const LONG_COUNT: u64 = 100_000;

/// wasmi with the proposals of contracts, and with no limit of ours.
fn engine() -> wasmi::Engine {
    let mut config = wasmi::Config::default();
    config
        .compilation_mode(wasmi::CompilationMode::Eager)
        .allow_start_fn(false)
        .floats(false)
        .wasm_mutable_global(true)
        .wasm_sign_extension(true)
        .wasm_multi_value(true)
        .wasm_bulk_memory(true)
        .wasm_reference_types(true)
        .wasm_saturating_float_to_int(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_extended_const(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false);
    wasmi::Engine::new(&config)
}

/// Whether it passes; then wasmi takes it, too.
pub(crate) fn agrees(code: &[u8]) -> bool {
    match validate(code) {
        Ok(_) => {
            let engine = engine();
            wasmi::Module::validate(&engine, code).unwrap();
            wasmi::Module::new(&engine, code).unwrap();
            true
        }
        Err(error) => {
            assert!(error.offset <= code.len(), "{error}");
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

/// How many of a number of modules pass, each made from its own seed.
fn passed(seeds: u64, make: impl Fn(ChaCha8Rng) -> Option<Vec<u8>>) -> u64 {
    let mut passed = 0;
    for seed in 0..seeds {
        let Some(code) = make(ChaCha8Rng::seed_from_u64(seed)) else {
            continue;
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| agrees(&code)));
        assert!(outcome.is_ok(), "seed {seed}: {code:02x?}");
        passed += u64::from(outcome.is_ok_and(|passes| passes));
    }
    passed
}

/// Every function of the interface, as text of a module that imports it.
fn interface() -> Vec<u8> {
    let ty = |ty: &abi::Type| match ty {
        abi::Type::I32 => " i32",
        abi::Type::I64 => " i64",
    };
    let import = |function: &abi::HostFunction| {
        let params: String = function.params.iter().map(ty).collect();
        let result: String = function.result.iter().map(ty).collect();
        let (module, name) = (abi::MODULE, function.name);
        format!("(import \"{module}\" \"{name}\" (func (param{params}) (result{result})))")
    };
    let imports: String = abi::FUNCTIONS.iter().map(import).collect();
    wat::parse_str(format!("(module {imports})")).unwrap()
}

/// Near what contracts may be, and now and then a step beyond it.
fn config(rng: &mut ChaCha8Rng) -> Config {
    let exports = wat::parse_str(
        "(module (memory (export \"memory\") 1) (func (export \"init\"))
         (func (export \"call\")) (func (export \"ordlane_abi_1\")))",
    );
    let mut now_and_then = |one_in: u32| rng.next_u32().is_multiple_of(one_in);
    Config {
        exports: Some(exports.unwrap()),
        available_imports: Some(interface()),
        max_imports: if now_and_then(2) { 0 } else { 10 },
        allow_floats: now_and_then(16),
        allow_start_export: now_and_then(16),
        allow_invalid_funcs: now_and_then(4),
        reference_types_enabled: now_and_then(4),
        multi_value_enabled: now_and_then(4),
        bulk_memory_enabled: !now_and_then(8),
        sign_extension_ops_enabled: true,
        simd_enabled: now_and_then(16),
        relaxed_simd_enabled: false,
        tail_call_enabled: now_and_then(16),
        threads_enabled: now_and_then(16),
        extended_const_enabled: now_and_then(16),
        exceptions_enabled: now_and_then(16),
        gc_enabled: false,
        compact_imports_enabled: false,
        memory64_enabled: now_and_then(16),
        saturating_float_to_int_enabled: false,
        wide_arithmetic_enabled: now_and_then(16),
        generate_custom_sections: now_and_then(4),
        max_memories: 1,
        max_memory32_bytes: 64 * 65_536,
        max_tables: 1,
        max_table_elements: 1_024,
        max_globals: 60,
        max_exports: 60,
        max_element_segments: 30,
        max_nesting_depth: 40,
        max_instructions: 400,
        min_uleb_size: if now_and_then(4) { 5 } else { 1 },
        ..Config::default()
    }
}

fn by_chance(mut rng: ChaCha8Rng) -> Option<Vec<u8>> {
    let config = config(&mut rng);
    let mut bytes = vec![0; 4_096];
    rng.fill_bytes(&mut bytes);
    let module = Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    Some(module.to_bytes())
}

fn damaged(mut rng: ChaCha8Rng) -> Option<Vec<u8>> {
    let (_, code) = guests::ALL[rng.next_u32() as usize % guests::ALL.len()];
    Some(mutate(code, &mut rng))
}

#[test]
fn wasmi_takes_what_passes_of_modules_by_chance() {
    let passed = passed(COUNT, by_chance);
    assert!(passed > COUNT / 20, "{passed} passed");
}

#[test]
fn wasmi_takes_what_passes_of_damaged_guests() {
    let passed = passed(COUNT, damaged);
    assert!(passed > COUNT / 20, "{passed} passed");
}

#[test]
#[ignore = "a hundred thousand of each"]
fn wasmi_takes_what_passes_of_a_hundred_thousand_of_each() {
    println!(
        "{} of {LONG_COUNT} modules passed",
        passed(LONG_COUNT, by_chance)
    );
    println!(
        "{} of {LONG_COUNT} damaged guests passed",
        passed(LONG_COUNT, damaged)
    );
}
