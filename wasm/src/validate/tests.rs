use ordlane_testkit::guests;

use super::*;
use crate::{ContractEngine as _, interpreter::Interpreter, limits};
use ordlane_primitives::GAS_SCHEDULE_V1;

/// A module with what every contract exports, and something more.
fn with(more: &str) -> Vec<u8> {
    module("(memory (export \"memory\") 1)", more)
}

fn module(memory: &str, more: &str) -> Vec<u8> {
    wat::parse_str(format!(
        "(module {more} {memory} (func (export \"init\")) (func (export \"call\"))
         (func (export \"ordlane_abi_1\")))"
    ))
    .unwrap()
}

fn refused(code: &[u8]) -> InvalidCode {
    let error = validate(code).unwrap_err();
    assert!(error.offset <= code.len(), "{error}");
    if let Some(limit) = error.limit {
        assert!(error.to_string().contains(&limit.to_string()), "{error}");
    }
    error
}

fn rule(code: &[u8]) -> Rule {
    refused(code).rule
}

#[test]
fn what_compilers_make_by_default_passes_and_is_prepared() {
    for (name, code) in guests::ALL {
        validate(code).unwrap_or_else(|error| panic!("{name}: {error}"));
        Interpreter.prepare(code, &GAS_SCHEDULE_V1).unwrap();
    }
    assert_eq!(validate(guests::TOKEN_RUST).unwrap().initial_pages, 17);
}

#[test]
fn every_limit_is_kept_to_the_last_unit() {
    let repeat = |text: &str, count: u32| text.repeat(count as usize);
    let locals = |count| with(&format!("(func (local {}))", repeat("i32 ", count)));
    let params = |count| with(&format!("(func (param {}))", repeat("i64 ", count)));
    let globals = |count| with(&repeat("(global i32 (i32.const 0))", count));
    let functions = |count| with(&repeat("(func)", count - 3));
    let types = |count| {
        // Each with another number of parameters and results, and more than once.
        let mut text = String::new();
        for _ in 0..count - 1 {
            text.push_str("(type (func (param i32)))");
        }
        with(&text)
    };
    let table = |count| with(&format!("(table {count} funcref)"));
    let segments = |count| {
        let segment = "(elem (i32.const 0) func)";
        with(&format!("(table 1 funcref) {}", repeat(segment, count)))
    };
    let data = |count| with(&repeat("(data (i32.const 0) \"\")", count));
    let exports = |count: u32| {
        let export = |n: u32| format!("(export \"e{n}\" (memory 0))");
        with(&(0..count - 4).map(export).collect::<String>())
    };
    let nested = |count| {
        let text = format!(
            "(func {} {})",
            repeat("block ", count),
            repeat("end ", count)
        );
        with(&text)
    };
    let initial = |count| module(&format!("(memory (export \"memory\") {count})"), "");
    let maximum = |count| module(&format!("(memory (export \"memory\") 1 {count})"), "");
    type Made<'a> = &'a dyn Fn(u32) -> Vec<u8>;
    let cases: [(Rule, u32, Made<'_>); 13] = [
        (Rule::Locals, limits::MAX_LOCALS, &locals),
        (Rule::Params, limits::MAX_PARAMS, &params),
        (Rule::Globals, limits::MAX_GLOBALS, &globals),
        (Rule::Functions, limits::MAX_FUNCTIONS, &functions),
        (Rule::Types, limits::MAX_TYPES, &types),
        (Rule::TableElements, limits::MAX_TABLE_ELEMENTS, &table),
        (
            Rule::ElementSegments,
            limits::MAX_ELEMENT_SEGMENTS,
            &segments,
        ),
        (Rule::DataSegments, limits::MAX_DATA_SEGMENTS, &data),
        (Rule::Exports, limits::MAX_EXPORTS, &exports),
        (Rule::Nesting, limits::MAX_NESTING, &nested),
        (Rule::InitialPages, limits::MAX_INITIAL_PAGES, &initial),
        (Rule::MaxPages, limits::MAX_PAGES, &maximum),
        (Rule::Results, limits::MAX_RESULTS, &|count| {
            let values = repeat("(i32.const 0)", count);
            with(&format!(
                "(func (result {}) {values})",
                repeat("i32 ", count)
            ))
        }),
    ];
    for (rule, limit, made) in cases {
        let code = made(limit);
        validate(&code).unwrap_or_else(|error| panic!("{rule:?}: {error}"));
        Interpreter.prepare(&code, &GAS_SCHEDULE_V1).unwrap();
        let error = refused(&made(limit + 1));
        assert_eq!(error.rule, rule, "{error}");
        assert_eq!(
            (error.limit, error.found),
            (Some(limit.into()), Some(u64::from(limit) + 1))
        );
    }
}

#[test]
fn the_targets_of_all_branch_tables_are_counted_together() {
    let table = |count: u32| {
        let targets = "0 ".repeat(count as usize);
        format!("(func (br_table {targets}(i32.const 0)))")
    };
    let half = limits::MAX_BRANCH_TARGETS / 2;
    let halves = |more| with(&format!("{}{}", table(half), table(half + more)));
    validate(&halves(0)).unwrap();
    Interpreter.prepare(&halves(0), &GAS_SCHEDULE_V1).unwrap();
    let error = refused(&halves(1));
    assert_eq!(error.rule, Rule::BranchTargets);
    assert_eq!(error.limit, Some(limits::MAX_BRANCH_TARGETS.into()));
    assert_eq!(error.found, Some(u64::from(limits::MAX_BRANCH_TARGETS) + 1));
}

#[test]
fn a_module_has_a_limited_number_of_places_where_its_memory_grows() {
    let growing = |count: u32| {
        let grows = "(drop (memory.grow (i32.const 0)))".repeat(count as usize / 2);
        let rest = "(memory.grow (i32.const 1)) drop".repeat((count - count / 2) as usize);
        with(&format!("(func {grows}) (func {rest})"))
    };
    validate(&growing(limits::MAX_GROWTH_SITES)).unwrap();
    let error = refused(&growing(limits::MAX_GROWTH_SITES + 1));
    assert_eq!(error.rule, Rule::GrowthSites);
    assert_eq!(error.limit, Some(limits::MAX_GROWTH_SITES.into()));
}

#[test]
fn the_size_of_code_is_looked_at_before_anything_else() {
    let error = refused(&vec![0; MAX_CODE_BYTES + 1]);
    assert_eq!(error.rule, Rule::CodeBytes);
    // Three million bytes of blocks.
    assert_eq!(rule(&[2, 0x40].repeat(1_500_000)), Rule::CodeBytes);
}

#[test]
fn a_function_takes_and_gives_whole_numbers_only() {
    for text in [
        "(func (param f32))",
        "(func (result f64) (f64.const 0))",
        "(func (local f32))",
        "(func (drop (f64.const 0)))",
        "(func (drop (i32.trunc_f32_s (f32.const 0))))",
        "(global f32 (f32.const 0))",
        "(type (func (param f64)))",
    ] {
        let found = rule(&with(text));
        assert!(
            matches!(found, Rule::Valid | Rule::ValueTypes),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn proposals_that_are_off_are_refused() {
    for text in [
        "(func (param v128))",
        "(func (drop (v128.const i32x4 0 0 0 0)))",
        "(func (return_call 0))",
        "(func (drop (i32.trunc_sat_f32_s (f32.const 0))))",
        "(func (drop (i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0))))",
        "(global i32 (i32.add (i32.const 1) (i32.const 1)))",
        "(tag)",
        "(func (drop (i32.atomic.load (i32.const 0))))",
    ] {
        let Ok(code) = wat::parse_str(format!(
            "(module {text} (memory (export \"memory\") 1) (func (export \"init\"))
             (func (export \"call\")) (func (export \"ordlane_abi_1\")))"
        )) else {
            // The text does not know it in this form; what matters is that nothing passes.
            continue;
        };
        let found = rule(&code);
        assert!(
            matches!(found, Rule::Valid | Rule::ValueTypes),
            "{text}: {found:?}"
        );
    }
    let memory64 = module("(memory (export \"memory\") i64 1)", "");
    assert_eq!(rule(&memory64), Rule::Valid);
    let shared = module("(memory (export \"memory\") 1 2 shared)", "");
    assert_eq!(rule(&shared), Rule::Valid);
}

#[test]
fn references_stay_in_the_table() {
    for text in [
        "(table 1 externref)",
        "(func (param funcref))",
        "(func (local externref))",
        "(global funcref (ref.null func))",
        "(table 1 funcref) (func (drop (table.get 0 (i32.const 0))))",
        "(table 1 funcref) (func (drop (table.grow 0 (ref.null func) (i32.const 1))))",
        "(table 1 funcref) (func (drop (table.size 0)))",
        "(func $f) (elem declare func $f) (func (drop (ref.func $f)))",
    ] {
        assert_eq!(rule(&with(text)), Rule::References, "{text}");
    }
    // What never runs has none either.
    for text in [
        "(func unreachable (block (result funcref) unreachable) drop)",
        "(func unreachable (loop (result externref) unreachable) drop)",
        "(func unreachable (if (result funcref) (then unreachable) (else unreachable)) drop)",
        "(func unreachable (select (result funcref)) drop)",
        "(elem externref (ref.null extern))",
    ] {
        assert_eq!(rule(&with(text)), Rule::References, "{text}");
    }
    validate(&with(
        "(table 2 funcref) (type $t (func)) (elem (i32.const 0) 0 0)
         (func (call_indirect (type $t) (i32.const 1)))
         (func (table.copy (i32.const 0) (i32.const 1) (i32.const 1)))",
    ))
    .unwrap();
}

#[test]
fn imports_are_those_of_the_interface() {
    let import = |text: &str| rule(&with(text));
    let cases = [
        ("(import \"env\" \"abort\" (func))", Rule::ImportModule),
        ("(import \"ordlane\" \"clock\" (func))", Rule::ImportName),
        (
            "(import \"ordlane\" \"caller\" (func))",
            Rule::ImportSignature,
        ),
        (
            "(import \"ordlane\" \"gas_left\" (func (result i32)))",
            Rule::ImportSignature,
        ),
        (
            "(import \"ordlane\" \"memory\" (memory 1))",
            Rule::ImportModule,
        ),
        (
            "(import \"ordlane\" \"g\" (global i32))",
            Rule::ImportModule,
        ),
        (
            "(import \"ordlane\" \"t\" (table 1 funcref))",
            Rule::ImportModule,
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(import(text), expected, "{text}");
    }
    validate(&with(
        "(import \"ordlane\" \"gas_left\" (func (result i64)))",
    ))
    .unwrap();
}

#[test]
fn a_module_imports_no_more_than_there_are_functions() {
    let imports = |count| with(&IMPORT.repeat(count));
    let most = crate::abi::FUNCTIONS.len();
    validate(&imports(most)).unwrap();
    let error = refused(&imports(most + 1));
    assert_eq!(error.limit, Some(most as u64));
    assert_eq!(error.found, Some(most as u64 + 1));
    let text = format!("{} imports, the limit is {most} (at byte", most + 1);
    assert!(error.to_string().starts_with(&text), "{error}");
}

const IMPORT: &str = "(import \"ordlane\" \"gas_left\" (func (result i64)))";

#[test]
fn types_that_are_no_functions_are_refused_before_they_are_read() {
    // A group that claims a million types, for which its reader would make room.
    let group = [0x4e, 0xc0, 0x84, 0x3d];
    let (subtype, array, structure) = ([0x50, 0, 0x60], [0x5e, 0x7f, 0], [0x5f, 0xff, 0x7f]);
    let shared = [0x65, 0x60, 0, 0];
    for ty in [&group[..], &subtype, &array, &structure, &shared] {
        let mut code = b"\0asm\x01\0\0\0\x01".to_vec();
        code.push(u8::try_from(ty.len()).unwrap() + 1);
        code.push(1);
        code.extend(ty);
        let error = refused(&code);
        assert_eq!((error.rule, error.offset), (Rule::Types, 11), "{error}");
    }
}

#[test]
fn every_export_is_needed_and_has_its_type() {
    let all = [
        ("memory", "(memory (export \"memory\") 1)"),
        ("init", "(func (export \"init\"))"),
        ("call", "(func (export \"call\"))"),
        ("ordlane_abi_1", "(func (export \"ordlane_abi_1\"))"),
    ];
    for (missing, _) in all {
        let rest = all.iter().filter(|(name, _)| *name != missing);
        let mut text: String = rest.map(|(_, text)| *text).collect();
        if missing == "memory" {
            text.push_str("(memory 1)");
        }
        let code = wat::parse_str(format!("(module {text})")).unwrap();
        assert_eq!(rule(&code), Rule::MissingExport(missing));
        let wrong = match missing {
            "memory" => "(global (export \"memory\") i32 (i32.const 0))".to_owned(),
            "ordlane_abi_1" => "(table (export \"ordlane_abi_1\") 1 funcref)".to_owned(),
            name => format!("(func (export \"{name}\") (param i32))"),
        };
        let code = wat::parse_str(format!("(module {text} {wrong})")).unwrap();
        assert_eq!(rule(&code), Rule::ExportType(missing));
    }
}

#[test]
fn hostile_modules_are_refused_and_small_ones_quickly() {
    // Thirty-eight bytes for four gigabytes.
    let pages = module("(memory (export \"memory\") 65536)", "");
    assert_eq!(rule(&pages), Rule::InitialPages);
    assert_eq!(rule(&with("(memory 1)")), Rule::Memories);
    assert_eq!(
        rule(&with("(table 1 funcref) (table 1 funcref)")),
        Rule::Tables
    );
    assert_eq!(rule(&with("(func $s) (start $s)")), Rule::NoStart);
    let many_locals = with(&format!("(func (local {}))", "i64 ".repeat(8_000)));
    assert_eq!(rule(&many_locals), Rule::Locals);
    let many_params = with(&format!("(type (func (param {})))", "i32 ".repeat(1_001)));
    assert!(matches!(rule(&many_params), Rule::Params | Rule::Valid));
    let deep = with(&format!(
        "(func {} {})",
        "block ".repeat(30_000),
        "end ".repeat(30_000)
    ));
    assert_eq!(rule(&deep), Rule::Nesting);
    assert_eq!(rule(b"\0asm\x0d\0\x01\0"), Rule::CoreModule);
    // Claims of four billion functions, types, locals, segments.
    for section in [1, 2, 3, 4, 5, 6, 7, 9, 10, 11] {
        let mut code = b"\0asm\x01\0\0\0".to_vec();
        code.extend([section, 5, 0xff, 0xff, 0xff, 0xff, 0x0f]);
        refused(&code);
    }
}

#[test]
fn no_truncation_of_a_module_passes_and_no_damage_panics() {
    let code = guests::TOKEN;
    let passes = (0..code.len()).filter(|end| validate(&code[..*end]).is_ok());
    // Only the section of data can go: what is left is a whole module.
    assert!(passes.count() <= 1);
    let mut damaged = code.to_vec();
    for at in 0..code.len() {
        for change in [0x01, 0x80, 0xff] {
            damaged[at] ^= change;
            if validate(&damaged).is_ok() {
                // Whatever passes can be made ready, or is refused for what it is.
                let prepared = Interpreter.prepare(&damaged, &GAS_SCHEDULE_V1);
                assert!(
                    !matches!(prepared, Err(crate::PrepareError::System(_))),
                    "byte {at}"
                );
            }
            damaged[at] = code[at];
        }
    }
}
