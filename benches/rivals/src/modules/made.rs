//! Modules by chance, made to tell what they have done.

use arbitrary::Unstructured;
use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    MemArg, MemArgTarget, Module as Encoded, SectionId, TypeSection, ValType,
};
use wasm_smith::{Config, Module};
use wasmparser::{Parser, Payload};

use crate::error::CompareError;

/// How often a module may loop or call before it fails.
const STEPS: u32 = 1_000;
/// The first page.
const PAGE_BYTES: i32 = 65_536;
/// The functions of the interface that a module is given, which come before its own.
const RET: u32 = 0;
const SHA256: u32 = 1;
const IMPORTED: u32 = 2;

/// A contract whose `call` does something by chance and then gives back what it has left; nothing where the bytes make none.
pub(super) fn module(chance: &[u8]) -> Result<Option<Vec<u8>>, CompareError> {
    let Ok(mut module) = Module::new(config()?, &mut Unstructured::new(chance)) else {
        return Ok(None);
    };
    if module.ensure_termination(STEPS).is_err() {
        return Ok(None);
    }
    telling(&module.to_bytes()).map(Some)
}

fn failed(error: impl std::fmt::Display) -> CompareError {
    CompareError::Wasm(error.to_string())
}

/// Close to what contracts may be, with their exports.
fn config() -> Result<Config, CompareError> {
    let exports = wat::parse_str(
        "(module (memory (export \"memory\") 1) (func (export \"init\"))
         (func (export \"call\")) (func (export \"ordlane_abi_1\")))",
    );
    Ok(Config {
        exports: Some(exports.map_err(failed)?),
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
    })
}

/// What is in a module.
#[derive(Clone, Debug, Default)]
struct Contents {
    types: u32,
    functions: u32,
    globals: Vec<ValType>,
}

/// The module with a `call` that calls its own and then returns what its memory and its globals are.
fn telling(code: &[u8]) -> Result<Vec<u8>, CompareError> {
    let mut contents = Contents::default();
    for payload in Parser::new(0).parse_all(code) {
        match payload.map_err(failed)? {
            Payload::TypeSection(types) => contents.types = types.count(),
            Payload::FunctionSection(functions) => contents.functions = functions.count(),
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let kind = match global.map_err(failed)?.ty.content_type {
                        wasmparser::ValType::I32 => ValType::I32,
                        wasmparser::ValType::I64 => ValType::I64,
                        other => return Err(failed(format!("a global of type {other}"))),
                    };
                    contents.globals.push(kind);
                }
            }
            _ => {}
        }
    }
    let mut module = Encoded::new();
    let mut teller = Teller {
        contents,
        imported: false,
        called: None,
    };
    teller
        .parse_core_module(&mut module, Parser::new(0), code)
        .map_err(failed)?;
    Ok(module.finish())
}

/// Writes a module anew.
struct Teller {
    contents: Contents,
    imported: bool,
    /// What `call` was.
    called: Option<u32>,
}

type Done = Result<(), reencode::Error>;

impl Reencode for Teller {
    type Error = core::convert::Infallible;

    /// All come after the imported one.
    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        Ok(function + IMPORTED)
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Done {
        utils::parse_type_section(self, types, section)?;
        types.ty().function([], []);
        types.ty().function([ValType::I32; 2], []);
        types.ty().function([ValType::I32; 3], []);
        Ok(())
    }

    /// The import comes first of all that follows the types.
    fn intersperse_section_hook(
        &mut self,
        module: &mut Encoded,
        after: Option<SectionId>,
        _before: Option<SectionId>,
    ) -> Done {
        if after == Some(SectionId::Type) && !self.imported {
            self.imported = true;
            let mut imports = ImportSection::new();
            for (name, ty) in [("ret", 1), ("sha256", 2)] {
                let ty = EntityType::Function(self.contents.types + ty);
                imports.import("ordlane", name, ty);
            }
            module.section(&imports);
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Done {
        utils::parse_function_section(self, functions, section)?;
        functions.function(self.contents.types);
        Ok(())
    }

    fn parse_export(
        &mut self,
        exports: &mut ExportSection,
        export: wasmparser::Export<'_>,
    ) -> Done {
        if export.name == "call" {
            let teller = self.contents.functions + IMPORTED;
            exports.export("call", ExportKind::Func, teller);
            self.called = Some(export.index + IMPORTED);
            return Ok(());
        }
        utils::parse_export(self, exports, export)
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Done {
        utils::parse_code_section(self, code, section)?;
        code.function(&self.teller());
        Ok(())
    }
}

impl Teller {
    /// Calls what `call` was, writes the globals and the number of pages to the end of the first page, and returns the hash of
    /// the memory.
    fn teller(&self) -> Function {
        let mut function = Function::new([]);
        let mut sink = function.instructions();
        if let Some(called) = self.called {
            sink.call(called);
        }
        let word = MemArg {
            offset: 0,
            align: 0,
            target: MemArgTarget::Memory(0),
            ordering: None,
        };
        let mut at = PAGE_BYTES;
        let (mut next, globals) = (0, &self.contents.globals);
        for kind in globals {
            at -= 8;
            sink.i32_const(at).global_get(next);
            if *kind == ValType::I32 {
                sink.i64_extend_i32_u();
            }
            sink.i64_store(word);
            next += 1;
        }
        sink.i32_const(at - 8).memory_size(0).i32_store(word);
        let all = sink.i32_const(0).memory_size(0).i32_const(16).i32_shl();
        all.i32_const(0).call(SHA256);
        sink.i32_const(0).i32_const(32).call(RET).end();
        function
    }
}
