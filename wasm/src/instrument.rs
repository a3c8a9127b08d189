//! What is put into a module before it is translated.
//!
//! Each function pays for its parameters and locals. wasmi meters instructions and has no price for locals, which it sets to
//! zero at every call. A `nop` costs nothing when it runs, since it becomes nothing, and its fuel is part of what its block
//! costs: so as many of them as the locals are worth are put at the beginning of each function.
//!
//! An instance grows its memory a limited number of times. wasmi's handler of `memory.grow` ends in a call of the next one
//! that compilers do not make a jump of, so each takes a piece of the native stack until the contract ends. A global of its
//! own counts down before each one, and none runs when it is zero.

use core::ops::Range;

use wasmparser::{
    BinaryReaderError, CompositeInnerType, FunctionBody, Operator, Parser, Payload, TypeRef,
};

use crate::limits::MAX_GROWTHS;

/// How many parameters and locals one `nop` pays for.
const LOCALS_PER_NOP: usize = 4;
/// The numbers of sections, in the order in which they stand.
const GLOBAL_SECTION: u8 = 6;
const CODE_SECTION: u8 = 10;
/// Instructions and types.
const UNREACHABLE: u8 = 0x00;
const NOP: u8 = 0x01;
const IF: u8 = 0x04;
const END: u8 = 0x0b;
const GLOBAL_GET: u8 = 0x23;
const GLOBAL_SET: u8 = 0x24;
const I32_CONST: u8 = 0x41;
const I32_EQZ: u8 = 0x45;
const I32_SUB: u8 = 0x6b;
const EMPTY_TYPE: u8 = 0x40;
const I32_TYPE: u8 = 0x7f;
const MUTABLE: u8 = 0x01;

/// A valid module that does the same, and whose functions pay for their locals and count how often they grow the memory.
pub(crate) fn instrument(code: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut contents = Contents::default();
    for payload in Parser::new(0).parse_all(code) {
        contents.add(&payload?)?;
    }
    let mut module = code.get(..8).unwrap_or_default().to_vec();
    let mut counter = (contents.grows).then(|| counter(code, &contents));
    for (id, range) in &contents.sections {
        if *id >= GLOBAL_SECTION
            && let Some(counter) = counter.take()
        {
            put_section(&mut module, GLOBAL_SECTION, &counter);
            if *id == GLOBAL_SECTION {
                continue;
            }
        }
        if *id == CODE_SECTION {
            put_section(
                &mut module,
                CODE_SECTION,
                &section_of(&contents.bodies(code)),
            );
        } else {
            put_section(&mut module, *id, slice(code, range));
        }
    }
    Ok(module)
}

/// What is in a module.
#[derive(Debug, Default)]
struct Contents {
    /// The parameters of each type.
    params: Vec<usize>,
    /// The type of each function that has a body.
    functions: Vec<u32>,
    globals: u32,
    /// Where the globals are, without their number.
    global_entries: Range<usize>,
    bodies: Vec<Body>,
    /// Whether any of them grows the memory.
    grows: bool,
    /// Where the sections are, but for custom ones.
    sections: Vec<(u8, Range<usize>)>,
}

/// Where a function's code is.
#[derive(Debug)]
struct Body {
    range: Range<usize>,
    /// Where the locals end.
    begin: usize,
    nops: usize,
    /// Where memories are grown.
    growths: Vec<usize>,
}

impl Contents {
    fn add(&mut self, payload: &Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    let count = |inner: &CompositeInnerType| match inner {
                        CompositeInnerType::Func(function) => function.params().len(),
                        _ => 0,
                    };
                    let types = group?.into_types();
                    let counts = types.map(|ty| count(&ty.composite_type.inner));
                    self.params.extend(counts);
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section.clone() {
                    self.functions.push(ty?);
                }
            }
            Payload::ImportSection(section) => {
                debug_assert!(
                    section
                        .clone()
                        .into_iter()
                        .flatten()
                        .all(|import| matches!(import.ty, TypeRef::Func(_))),
                    "it is valid for a contract"
                );
            }
            Payload::GlobalSection(section) => {
                self.globals = section.count();
                self.global_entries = section.original_position()..section.range().end;
            }
            Payload::CodeSectionEntry(body) => self.add_body(body)?,
            _ => {}
        }
        if let Some((id, range)) = payload.as_section()
            && id != 0
            && !matches!(payload, Payload::CodeSectionEntry(_))
        {
            self.sections.push((id, range));
        }
        Ok(())
    }

    fn add_body(&mut self, body: &FunctionBody<'_>) -> Result<(), BinaryReaderError> {
        let ty = self.functions.get(self.bodies.len()).copied();
        let params = self.params.get(ty.unwrap_or_default() as usize);
        let mut locals = params.copied().unwrap_or_default();
        for group in body.get_locals_reader()? {
            locals = locals.saturating_add(group?.0 as usize);
        }
        let mut operators = body.get_operators_reader()?;
        let begin = operators.original_position();
        let mut growths = Vec::new();
        while !operators.eof() {
            if let (Operator::MemoryGrow { .. }, at) = operators.read_with_offset()? {
                growths.push(at);
            }
        }
        self.grows |= !growths.is_empty();
        self.bodies.push(Body {
            range: body.range(),
            begin,
            nops: locals.div_ceil(LOCALS_PER_NOP),
            growths,
        });
        Ok(())
    }

    /// The bodies with what is put into them.
    fn bodies(&self, code: &[u8]) -> Vec<Vec<u8>> {
        let mut counts_down = vec![GLOBAL_GET];
        put_number(&mut counts_down, self.globals as usize);
        counts_down.extend([I32_EQZ, IF, EMPTY_TYPE, UNREACHABLE, END, GLOBAL_GET]);
        put_number(&mut counts_down, self.globals as usize);
        counts_down.extend([I32_CONST, 1, I32_SUB, GLOBAL_SET]);
        put_number(&mut counts_down, self.globals as usize);
        let bodies = self.bodies.iter().map(|body| {
            let mut written = slice(code, &(body.range.start..body.begin)).to_vec();
            written.resize(written.len().saturating_add(body.nops), NOP);
            let mut from = body.begin;
            for at in &body.growths {
                written.extend_from_slice(slice(code, &(from..*at)));
                written.extend_from_slice(&counts_down);
                from = *at;
            }
            written.extend_from_slice(slice(code, &(from..body.range.end)));
            written
        });
        bodies.collect()
    }
}

/// The section of globals with one more, which begins with the number of growths that an instance has.
fn counter(code: &[u8], contents: &Contents) -> Vec<u8> {
    let mut section = Vec::new();
    put_number(&mut section, (contents.globals as usize).saturating_add(1));
    section.extend_from_slice(slice(code, &contents.global_entries));
    section.extend([I32_TYPE, MUTABLE, I32_CONST]);
    section.extend(signed(MAX_GROWTHS));
    section.push(END);
    section
}

/// Signed LEB128 of a number below 2^13.
const fn signed(number: u16) -> [u8; 2] {
    let [low, ..] = (number & 0x7f).to_le_bytes();
    let [high, ..] = (number >> 7).to_le_bytes();
    [low | 0x80, high]
}

fn slice<'c>(code: &'c [u8], range: &Range<usize>) -> &'c [u8] {
    code.get(range.clone()).unwrap_or_default()
}

/// A section of code.
fn section_of(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut section = Vec::new();
    put_number(&mut section, bodies.len());
    for body in bodies {
        put_number(&mut section, body.len());
        section.extend_from_slice(body);
    }
    section
}

fn put_section(module: &mut Vec<u8>, id: u8, bytes: &[u8]) {
    module.push(id);
    put_number(module, bytes.len());
    module.extend_from_slice(bytes);
}

/// LEB128, as WebAssembly has it.
fn put_number(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let [low, ..] = number.to_le_bytes();
        let low = low & 0x7f;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests;
