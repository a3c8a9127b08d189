//! Modules made of raw sections, so that they may be as wrong as a test wants.

use ordlane_wasm::{InvalidCode, validate};

pub(crate) const TYPES: u8 = 1;
pub(crate) const IMPORTS: u8 = 2;
pub(crate) const FUNCTIONS: u8 = 3;
pub(crate) const TABLES: u8 = 4;
pub(crate) const MEMORIES: u8 = 5;
pub(crate) const GLOBALS: u8 = 6;
pub(crate) const EXPORTS: u8 = 7;
pub(crate) const START: u8 = 8;
pub(crate) const ELEMENTS: u8 = 9;
pub(crate) const CODE: u8 = 10;
pub(crate) const DATA: u8 = 11;
pub(crate) const DATA_COUNT: u8 = 12;
pub(crate) const TAGS: u8 = 13;

/// The order in which sections stand.
const ORDER: [u8; 14] = [
    TYPES, IMPORTS, FUNCTIONS, TABLES, MEMORIES, TAGS, GLOBALS, EXPORTS, START, ELEMENTS,
    DATA_COUNT, CODE, DATA, 0,
];

/// The sections of a module, each with its number.
#[derive(Clone, Debug)]
pub(crate) struct Sections(Vec<(u8, Vec<u8>)>);

impl Sections {
    /// A contract. Function 0 is all that is exported, function 1 has a body of the caller's; there are a table, a page of
    /// memory and a global, each an i32's worth.
    pub(crate) fn contract(body: &[u8]) -> Self {
        let mut exports = vec![4];
        for (name, kind) in [
            ("memory", 2),
            ("init", 0),
            ("call", 0),
            ("ordlane_abi_1", 0),
        ] {
            exports.extend(named(name));
            exports.extend([kind, 0]);
        }
        let mut code = vec![2, 2, 0, 0x0b];
        code.extend(leb(body.len()));
        code.extend(body);
        Self(vec![
            (TYPES, vec![1, 0x60, 0, 0]),
            (FUNCTIONS, vec![2, 0, 0]),
            (TABLES, vec![1, 0x70, 0, 1]),
            (MEMORIES, vec![1, 0, 1]),
            (GLOBALS, vec![1, 0x7f, 1, 0x41, 0, 0x0b]),
            (EXPORTS, exports),
            (CODE, code),
        ])
    }

    /// A contract whose second function has no locals and does this.
    pub(crate) fn doing(operators: &[u8]) -> Self {
        Self::contract(&[&[0], operators, &[0x0b]].concat())
    }

    /// With another section, or one more.
    pub(crate) fn with(mut self, id: u8, bytes: &[u8]) -> Self {
        self.0.retain(|(other, _)| *other != id);
        self.0.push((id, bytes.to_vec()));
        let place = |id: u8| ORDER.iter().position(|other| *other == id);
        self.0.sort_by_key(|(id, _)| place(*id));
        self
    }

    /// The module.
    pub(crate) fn code(&self) -> Vec<u8> {
        let mut code = b"\0asm\x01\0\0\0".to_vec();
        for (id, bytes) in &self.0 {
            code.push(*id);
            code.extend(leb(bytes.len()));
            code.extend(bytes);
        }
        code
    }
}

/// A number as WebAssembly writes lengths.
pub(crate) fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A name after its length.
pub(crate) fn named(name: &str) -> Vec<u8> {
    [leb(name.len()), name.as_bytes().to_vec()].concat()
}

/// Why code is refused. It says where, within the code, and names the limit if there is one.
pub(crate) fn refused(code: &[u8]) -> InvalidCode {
    let error = validate(code).unwrap_err();
    assert!(error.offset <= code.len(), "{error}");
    if let Some(limit) = error.limit {
        assert!(error.to_string().contains(&limit.to_string()), "{error}");
    }
    error
}
