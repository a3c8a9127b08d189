//! Makes a call pay for the parameters and locals of its function.
//!
//! wasmi meters instructions and has no price for locals, which it sets to zero at every call. A `nop` costs nothing when it
//! runs, since it becomes nothing, and its fuel is part of what its block costs: so as many of them as the locals are worth
//! are put at the beginning of each function.

use wasmparser::{BinaryReaderError, CompositeInnerType, Parser, Payload, TypeRef};

/// How many parameters and locals one `nop` pays for.
const LOCALS_PER_NOP: usize = 4;
/// The instruction that does nothing.
const NOP: u8 = 0x01;
/// The number of the section of code.
const CODE_SECTION: u8 = 10;

/// A valid module that does the same, and whose functions pay for their locals.
pub(crate) fn charge_locals(code: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut module = code.get(..8).unwrap_or_default().to_vec();
    // The parameters of each type, and the type of each function that has a body.
    let (mut params, mut functions) = (Vec::new(), Vec::new());
    let mut bodies: Vec<Vec<u8>> = Vec::new();
    let mut expected = 0;
    for payload in Parser::new(0).parse_all(code) {
        let payload = payload?;
        match &payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    let count = |inner: &CompositeInnerType| match inner {
                        CompositeInnerType::Func(function) => function.params().len(),
                        _ => 0,
                    };
                    let types = group?.into_types();
                    params.extend(types.map(|ty| count(&ty.composite_type.inner)));
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section.clone() {
                    functions.push(ty?);
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
            Payload::CodeSectionStart { count, .. } => expected = *count as usize,
            Payload::CodeSectionEntry(body) => {
                let ty = functions.get(bodies.len()).copied().unwrap_or_default();
                let params = params.get(ty as usize).copied().unwrap_or_default();
                let mut locals = params;
                for group in body.get_locals_reader()? {
                    locals = locals.saturating_add(group?.0 as usize);
                }
                let whole = body.as_bytes();
                let begin = body.get_operators_reader()?.original_position();
                let declared = begin.saturating_sub(body.range().start);
                let (head, rest) = whole.split_at_checked(declared).unwrap_or((whole, &[]));
                let nops = vec![NOP; locals.div_ceil(LOCALS_PER_NOP)];
                bodies.push([head, &nops, rest].concat());
            }
            _ => {}
        }
        if matches!(payload, Payload::CodeSectionEntry(_)) {
            if bodies.len() == expected {
                put_section(&mut module, CODE_SECTION, &section_of(&bodies));
            }
        } else if let Some((id, range)) = payload.as_section()
            && (id != CODE_SECTION || expected == 0)
            && id != 0
        {
            put_section(&mut module, id, code.get(range).unwrap_or_default());
        }
    }
    Ok(module)
}

/// A section of code.
fn section_of(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut section = Vec::new();
    put_length(&mut section, bodies.len());
    for body in bodies {
        put_length(&mut section, body.len());
        section.extend_from_slice(body);
    }
    section
}

fn put_section(module: &mut Vec<u8>, id: u8, bytes: &[u8]) {
    module.push(id);
    put_length(module, bytes.len());
    module.extend_from_slice(bytes);
}

/// LEB128, as WebAssembly has it.
fn put_length(bytes: &mut Vec<u8>, mut length: usize) {
    loop {
        let [low, ..] = length.to_le_bytes();
        let low = low & 0x7f;
        length >>= 7;
        if length == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests;
