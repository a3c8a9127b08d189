//! What WebAssembly has and contracts have not. Each module is valid where every proposal is on, so that nothing but the
//! proposal can be why it is refused.

use ordlane_wasm::{Rule, validate};
use wasmparser::{Validator, WasmFeatures};

use crate::sections::{
    DATA_COUNT, ELEMENTS, GLOBALS, IMPORTS, MEMORIES, START, Sections, TABLES, TAGS, TYPES, named,
    refused,
};

fn refused_for(rule: Rule, name: &str, sections: &Sections) {
    let code = sections.code();
    let mut everything = Validator::new_with_features(WasmFeatures::all());
    let valid = everything.validate_all(&code).map(drop);
    assert!(valid.is_ok(), "{name} is not valid: {valid:?}");
    let error = refused(&code);
    assert_eq!(error.rule, rule, "{name}: {error}");
}

#[test]
fn the_module_that_the_cases_are_made_of_passes() {
    validate(&Sections::doing(&[]).code()).unwrap();
    validate(&Sections::doing(&[]).with(DATA_COUNT, &[0]).code()).unwrap();
    validate(&Sections::doing(&[]).with(0, b"\x04name").code()).unwrap();
}

#[test]
fn floats_have_no_place() {
    const F32: u8 = 0x7d;
    const F64: u8 = 0x7c;
    for ty in [F32, F64] {
        let (param, result) = (
            [2, 0x60, 0, 0, 0x60, 1, ty, 0],
            [2, 0x60, 0, 0, 0x60, 0, 1, ty],
        );
        let constant = if ty == F32 {
            vec![0x43, 0, 0, 0, 0]
        } else {
            [&[0x44][..], &[0; 8]].concat()
        };
        let global = [&[1, ty, 0][..], &constant, &[0x0b]].concat();
        for (name, sections) in [
            ("a parameter", Sections::doing(&[]).with(TYPES, &param)),
            ("a result", Sections::doing(&[]).with(TYPES, &result)),
            ("a local", Sections::contract(&[1, 1, ty, 0x0b])),
            ("a global", Sections::doing(&[]).with(GLOBALS, &global)),
            (
                "a block",
                Sections::doing(&[0x00, 0x02, ty, 0x00, 0x0b, 0x1a]),
            ),
            ("a select", Sections::doing(&[0x00, 0x1c, 1, ty, 0x1a])),
        ] {
            refused_for(Rule::ValueTypes, name, &sections);
        }
    }
    let cases: [(&str, &[u8]); 7] = [
        ("f32.const", &[0x43, 0, 0, 0, 0, 0x1a]),
        ("f64.const", &[0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x1a]),
        ("f32.load", &[0x41, 0, 0x2a, 2, 0, 0x1a]),
        ("f64.store in dead code", &[0x00, 0x39, 3, 0]),
        ("f64.add in dead code", &[0x00, 0xa0, 0x1a]),
        ("f32.convert_i32_s", &[0x41, 0, 0xb2, 0x1a]),
        ("f64.reinterpret_i64", &[0x42, 0, 0xbf, 0x1a]),
    ];
    for (name, operators) in cases {
        refused_for(Rule::Valid, name, &Sections::doing(operators));
    }
}

#[test]
fn instructions_of_proposals_that_are_off_are_refused() {
    let cases: [(&str, &[u8]); 15] = [
        ("i32.atomic.load", &[0x41, 0, 0xfe, 0x10, 2, 0, 0x1a]),
        ("atomic.fence", &[0xfe, 0x03, 0]),
        ("return_call", &[0x12, 0]),
        ("return_call_indirect", &[0x41, 0, 0x13, 0, 0]),
        ("return_call_ref in dead code", &[0x00, 0x15, 0]),
        ("call_ref in dead code", &[0x00, 0x14, 0]),
        (
            "i32.trunc_sat_f32_s in dead code",
            &[0x00, 0xfc, 0x00, 0x1a],
        ),
        (
            "i64.mul_wide_s",
            &[0x42, 0, 0x42, 0, 0xfc, 0x15, 0x1a, 0x1a],
        ),
        (
            "i64.add128",
            &[0x42, 0, 0x42, 0, 0x42, 0, 0x42, 0, 0xfc, 0x13, 0x1a, 0x1a],
        ),
        ("try_table", &[0x1f, 0x40, 0, 0x0b]),
        ("try", &[0x06, 0x40, 0x0b]),
        ("throw_ref in dead code", &[0x00, 0x0a]),
        ("ref.i31", &[0x41, 0, 0xfb, 0x1c, 0x1a]),
        ("ref.as_non_null in dead code", &[0x00, 0xd4, 0x1a]),
        ("memory.discard", &[0x41, 0, 0x41, 0, 0xfc, 0x12, 0]),
    ];
    for (name, operators) in cases {
        refused_for(Rule::Valid, name, &Sections::doing(operators));
    }
}

#[test]
fn instructions_of_vectors_are_refused() {
    // The reader is built without them, so no validator here knows them as valid.
    let constant = [&[0xfd, 0x0c][..], &[0; 16], &[0x1a]].concat();
    let relaxed = [0x00, 0xfd, 0x80, 0x02, 0x1a];
    for operators in [&constant[..], &relaxed] {
        let error = refused(&Sections::doing(operators).code());
        assert_eq!(error.rule, Rule::Valid, "{error}");
        assert!(error.to_string().contains("SIMD"), "{error}");
    }
}

#[test]
fn sections_of_proposals_that_are_off_are_refused() {
    let none = || Sections::doing(&[]);
    let extended = [1, 0x7f, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b];
    for (rule, name, sections) in [
        (
            Rule::ValueTypes,
            "a vector",
            Sections::contract(&[1, 1, 0x7b, 0x0b]),
        ),
        (
            Rule::Valid,
            "a constant sum",
            none().with(GLOBALS, &extended),
        ),
        (
            Rule::Valid,
            "a memory of 64 bits",
            none().with(MEMORIES, &[1, 4, 1]),
        ),
        (
            Rule::Valid,
            "a shared memory",
            none().with(MEMORIES, &[1, 3, 1, 2]),
        ),
        (
            Rule::Valid,
            "pages of one byte",
            none().with(MEMORIES, &[1, 8, 1, 0]),
        ),
        (
            Rule::Memories,
            "two memories",
            none().with(MEMORIES, &[2, 0, 1, 0, 1]),
        ),
        (
            Rule::Valid,
            "a table of 64 bits",
            none().with(TABLES, &[1, 0x70, 4, 1]),
        ),
        (
            Rule::Tables,
            "two tables",
            none().with(TABLES, &[2, 0x70, 0, 1, 0x70, 0, 1]),
        ),
        (Rule::Valid, "an exception", none().with(TAGS, &[1, 0, 0])),
        (Rule::NoStart, "a start function", none().with(START, &[0])),
        (
            Rule::Types,
            "a group of types",
            none().with(TYPES, &[1, 0x4e, 1, 0x60, 0, 0]),
        ),
        (
            Rule::Types,
            "an array",
            none().with(TYPES, &[2, 0x60, 0, 0, 0x5e, 0x7f, 0]),
        ),
    ] {
        refused_for(rule, name, &sections);
    }
    assert_eq!(refused(b"\0asm\x0d\0\x01\0").rule, Rule::CoreModule);
}

#[test]
fn references_have_no_place_but_the_table() {
    let cases: [(&str, &[u8]); 11] = [
        ("ref.null", &[0xd0, 0x70, 0x1a]),
        ("ref.is_null in dead code", &[0x00, 0xd1, 0x1a]),
        ("ref.func", &[0xd2, 0, 0x1a]),
        ("table.get", &[0x41, 0, 0x25, 0, 0x1a]),
        ("table.set in dead code", &[0x00, 0x26, 0]),
        ("table.grow in dead code", &[0x00, 0xfc, 0x0f, 0, 0x1a]),
        ("table.size", &[0xfc, 0x10, 0, 0x1a]),
        ("table.fill in dead code", &[0x00, 0xfc, 0x11, 0]),
        ("a select in dead code", &[0x00, 0x1c, 1, 0x70, 0x1a]),
        (
            "a block in dead code",
            &[0x00, 0x02, 0x6f, 0x00, 0x0b, 0x1a],
        ),
        (
            "a typed block in dead code",
            &[0x00, 0x03, 0x64, 0x70, 0x00, 0x0b, 0x1a],
        ),
    ];
    for (name, operators) in cases {
        refused_for(Rule::References, name, &Sections::doing(operators));
    }
    let param = [2, 0x60, 0, 0, 0x60, 1, 0x6f, 0];
    let null = [1, 0x70, 0, 0xd0, 0x70, 0x0b];
    for (name, sections) in [
        ("a parameter", Sections::doing(&[]).with(TYPES, &param)),
        ("a local", Sections::contract(&[1, 1, 0x70, 0x0b])),
        ("a global", Sections::doing(&[]).with(GLOBALS, &null)),
        (
            "a table of others",
            Sections::doing(&[]).with(TABLES, &[1, 0x6f, 0, 1]),
        ),
        (
            "a segment of others",
            Sections::doing(&[]).with(ELEMENTS, &[1, 5, 0x6f, 1, 0xd0, 0x6f, 0x0b]),
        ),
    ] {
        refused_for(Rule::References, name, &sections);
    }
}

#[test]
fn what_a_table_is_filled_with_by_instructions_passes() {
    let segment = [1, 1, 0, 1, 0];
    let zeros = [0x41, 0, 0x41, 0, 0x41, 0];
    for operators in [[0xfc, 0x0e, 0, 0].as_slice(), &[0xfc, 0x0c, 0, 0]] {
        let all = [&zeros, operators, &[0xfc, 0x0d, 0]].concat();
        validate(&Sections::doing(&all).with(ELEMENTS, &segment).code()).unwrap();
    }
    // A call through the table, with its index in five bytes.
    let call = [
        0x41, 0, 0x11, 0x80, 0x80, 0x80, 0x80, 0, 0x80, 0x80, 0x80, 0x80, 0,
    ];
    validate(&Sections::doing(&call).code()).unwrap();
}

#[test]
fn only_functions_of_the_interface_are_imported() {
    let import = |module: &str, name: &str, kind: &[u8]| {
        let bytes = [&[1][..], &named(module), &named(name), kind].concat();
        Sections::doing(&[]).with(IMPORTS, &bytes)
    };
    for (rule, module, name, kind) in [
        (Rule::ImportModule, "env", "caller", &[0, 0][..]),
        (Rule::ImportModule, "", "", &[0, 0]),
        (Rule::ImportName, "ordlane", "clock", &[0, 0]),
        (Rule::ImportName, "ordlane", "", &[0, 0]),
        (Rule::ImportName, "ordlane", "caller\0", &[0, 0]),
        (Rule::ImportSignature, "ordlane", "caller", &[0, 0]),
        (Rule::ImportModule, "ordlane", "caller", &[3, 0x7f, 0]),
        (Rule::ImportModule, "ordlane", "memory", &[2, 0, 1]),
        (Rule::ImportModule, "ordlane", "table", &[1, 0x70, 0, 1]),
        (Rule::ImportModule, "ordlane", "tag", &[4, 0, 0]),
    ] {
        refused_for(
            rule,
            &format!("{module}.{name}"),
            &import(module, name, kind),
        );
    }
}
