//! Sizes that are large, or only said to be.

use ordlane_primitives::limits::MAX_CODE_BYTES;
use ordlane_testkit::guests;
use ordlane_wasm::{
    Rule,
    limits::{MAX_INITIAL_PAGES, MAX_LOCALS, MAX_NESTING, MAX_PARAMS},
    validate,
};

use crate::{
    random::agrees,
    sections::{
        CODE, DATA, DATA_COUNT, ELEMENTS, EXPORTS, FUNCTIONS, GLOBALS, IMPORTS, MEMORIES, Sections,
        TABLES, TYPES, leb, refused,
    },
};

/// The largest number of 32 bits.
const MOST: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x0f];
/// A million and its like: below what the reader of WebAssembly itself allows.
const MILLION: [u8; 3] = [0xc0, 0x84, 0x3d];

#[test]
fn code_may_have_its_limit_and_not_a_byte_more() {
    let padded = |bytes: usize| {
        let empty = Sections::doing(&[]).with(0, &leb(0)).code().len();
        // The length of the custom section takes three bytes in place of one.
        let padding = bytes - empty - 2;
        Sections::doing(&[]).with(0, &vec![0; padding + 1]).code()
    };
    let whole = padded(MAX_CODE_BYTES);
    assert_eq!(whole.len(), MAX_CODE_BYTES);
    validate(&whole).unwrap();
    let error = refused(&padded(MAX_CODE_BYTES + 1));
    assert_eq!((error.rule, error.offset), (Rule::CodeBytes, 0));
    assert_eq!(error.found, Some(MAX_CODE_BYTES as u64 + 1));
}

#[test]
fn what_is_too_large_is_refused_for_its_rule() {
    let nested = |count: usize| {
        let (begins, ends) = ([2, 0x40].repeat(count), vec![0x0b; count]);
        Sections::doing(&[begins, ends].concat()).code()
    };
    validate(&nested(MAX_NESTING as usize)).unwrap();
    let error = refused(&nested(32_000));
    assert_eq!(
        (error.rule, error.limit),
        (Rule::Nesting, Some(MAX_NESTING.into()))
    );
    assert_eq!(refused(&nested(1_000_000)).rule, Rule::CodeBytes);

    let locals = Sections::contract(&[&[1][..], &leb(8_000), &[0x7e, 0x0b]].concat());
    let error = refused(&locals.code());
    assert_eq!(
        (error.rule, error.limit),
        (Rule::Locals, Some(MAX_LOCALS.into()))
    );

    let params = [&[1, 0x60][..], &leb(1_001), &[0x7f; 1_001], &[0]].concat();
    // More than the reader itself allows; 17 are more than we do.
    assert_eq!(
        refused(&Sections::doing(&[]).with(TYPES, &params).code()).rule,
        Rule::Valid
    );
    let params = [&[1, 0x60, 17][..], &[0x7f; 17], &[0]].concat();
    let error = refused(&Sections::doing(&[]).with(TYPES, &params).code());
    assert_eq!(
        (error.rule, error.limit),
        (Rule::Params, Some(MAX_PARAMS.into()))
    );
}

#[test]
fn four_gigabytes_for_thirty_eight_bytes_are_refused() {
    let code = Sections::doing(&[]).with(MEMORIES, &[&[1, 0][..], &leb(65_536)].concat());
    let error = refused(&code.code());
    assert_eq!(
        (error.rule, error.limit),
        (Rule::InitialPages, Some(MAX_INITIAL_PAGES.into()))
    );
    assert_eq!(error.found, Some(65_536));
    // Nothing else stands in it.
    let bare = b"\0asm\x01\0\0\0\x05\x05\x01\x00\x80\x80\x04";
    assert_eq!(refused(bare).rule, Rule::InitialPages);
}

#[test]
fn claims_of_sections_are_not_believed() {
    for claim in [&MOST[..], &MILLION] {
        for (id, rule) in [
            (TYPES, Rule::Types),
            (IMPORTS, Rule::Imports),
            (FUNCTIONS, Rule::Functions),
            (GLOBALS, Rule::Globals),
            (EXPORTS, Rule::Exports),
            (ELEMENTS, Rule::ElementSegments),
            (DATA_COUNT, Rule::DataSegments),
            (DATA, Rule::DataSegments),
            (MEMORIES, Rule::Memories),
        ] {
            let error = refused(&Sections::doing(&[]).with(id, claim).code());
            assert_eq!(error.rule, rule, "section {id}: {error}");
        }
        for id in [TABLES, CODE] {
            refused(&Sections::doing(&[]).with(id, claim).code());
        }
        // A section that is longer than the module.
        for id in 0..=13 {
            let mut code = Sections::doing(&[]).code();
            code.push(id);
            code.extend(claim);
            assert_eq!(refused(&code).rule, Rule::Valid);
        }
    }
}

#[test]
fn claims_within_sections_are_not_believed() {
    for claim in [&MOST[..], &MILLION] {
        let make = |before: &[u8], after: &[u8]| [before, claim, after].concat();
        let locals = Sections::contract(&make(&[1], &[0x7f, 0x0b]));
        let groups = Sections::contract(&make(&[], &[0x0b]));
        let targets = Sections::doing(&make(&[0x41, 0, 0x0e], &[0]));
        let select = Sections::doing(&make(&[0x00, 0x1c], &[0x7f]));
        let of = |id, bytes: &[u8]| Sections::doing(&[]).with(id, bytes);
        for (name, sections) in [
            ("locals", locals),
            ("groups of locals", groups),
            ("targets", targets),
            ("types of a select", select),
            ("parameters", of(TYPES, &make(&[1, 0x60], &[]))),
            ("results", of(TYPES, &make(&[1, 0x60, 0], &[]))),
            ("types of a group", of(TYPES, &make(&[1, 0x4e], &[]))),
            ("fields", of(TYPES, &make(&[1, 0x5f], &[]))),
            ("a module's name", of(IMPORTS, &make(&[1], &[]))),
            ("an import's name", of(IMPORTS, &make(&[1, 0], &[]))),
            ("an export's name", of(EXPORTS, &make(&[1], &[]))),
            ("a body", of(CODE, &make(&[2], &[]))),
            (
                "functions of a segment",
                of(ELEMENTS, &make(&[1, 0, 0x41, 0, 0x0b], &[])),
            ),
            (
                "expressions of a segment",
                of(ELEMENTS, &make(&[1, 5, 0x70], &[])),
            ),
            (
                "bytes of a segment",
                of(DATA, &make(&[1, 0, 0x41, 0, 0x0b], &[])),
            ),
            ("elements", of(TABLES, &make(&[1, 0x70, 0], &[]))),
            ("pages", of(MEMORIES, &make(&[1, 0], &[]))),
            ("a custom section's name", of(0, claim)),
        ] {
            if name != "a custom section's name" {
                refused(&sections.code());
            }
            // Whatever it is, it neither panics nor is taken by us alone.
            let _ = agrees(&sections.code());
        }
    }
}

#[test]
fn no_beginning_of_a_module_passes_that_is_none_itself() {
    for (name, code) in guests::ALL {
        for end in 0..code.len() {
            if agrees(&code[..end]) {
                // What is left out is data alone, and sections for tools.
                let rest = [DATA, 0];
                assert!(rest.contains(&code[end]), "{name}, {end} bytes");
            }
        }
    }
}
