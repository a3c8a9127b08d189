//! The sections of a module, one after another.

use wasmparser::{
    BinaryReader, CompositeInnerType, ElementItems, ElementSectionReader, Encoding, Export,
    ExportSectionReader, ExternalKind, FromReader, FuncType, FuncValidatorAllocations,
    FunctionSectionReader, GlobalSectionReader, Import, ImportSectionReader, MemorySectionReader,
    MemoryType, Parser, Payload, RecGroup, RefType, SectionLimited, TableSectionReader, TableType,
    TypeRef, TypeSectionReader, ValType, ValidPayload, Validator,
};

use super::{
    FEATURES, Shape,
    error::{InvalidCode, Rule, within},
    operators::{Counts, check_body, check_value},
};
use crate::{abi, limits};

/// What has been seen so far.
pub(super) struct Pass {
    validator: Validator,
    allocations: FuncValidatorAllocations,
    /// The types of functions; the validator has looked at them before.
    types: Vec<FuncType>,
    /// The types of all functions, imported ones first, as far as they are known.
    functions: Vec<u32>,
    memory: Option<Shape>,
    parts: u32,
    data_bytes: usize,
    /// How many targets the branch tables have.
    counts: Counts,
    /// The required exports that were found.
    found: [bool; REQUIRED.len()],
}

/// How many parts a segment counts for.
const SEGMENT_PARTS: u32 = 8;

/// How the type of a function begins. Groups of types and those that garbage is collected of begin otherwise.
const FUNCTION_TYPE: u8 = 0x60;

/// What must be exported.
const REQUIRED: [&str; 4] = [abi::MEMORY, abi::INIT, abi::CALL, abi::MARKER];

impl Pass {
    pub(super) fn new() -> Self {
        Self {
            validator: Validator::new_with_features(FEATURES),
            allocations: FuncValidatorAllocations::default(),
            types: Vec::new(),
            functions: Vec::new(),
            memory: None,
            parts: 0,
            data_bytes: 0,
            counts: Counts::default(),
            found: [false; REQUIRED.len()],
        }
    }

    pub(super) fn run(mut self, code: &[u8]) -> Result<Shape, InvalidCode> {
        let mut parser = Parser::new(0);
        parser.set_features(FEATURES);
        for payload in parser.parse_all(code) {
            let payload = payload?;
            // Our limits first: they bound what the validator does.
            self.before(&payload, code)?;
            if let ValidPayload::Func(function, body) = self.validator.payload(&payload)? {
                let allocations = core::mem::take(&mut self.allocations);
                self.allocations = check_body(function, &body, allocations, &mut self.counts)?;
            }
        }
        let end = code.len();
        for (name, found) in REQUIRED.into_iter().zip(self.found) {
            if !found {
                return Err(InvalidCode::new(Rule::MissingExport(name), end));
            }
        }
        let shape = self.memory.ok_or_else(|| one_memory(0, end))?;
        Ok(Shape {
            parts: self.parts,
            data_bytes: u32::try_from(self.data_bytes).unwrap_or(u32::MAX),
            ..shape
        })
    }

    fn before(&mut self, payload: &Payload<'_>, code: &[u8]) -> Result<(), InvalidCode> {
        self.count(payload)?;
        match payload {
            Payload::Version {
                encoding, range, ..
            } if *encoding != Encoding::Module => {
                Err(InvalidCode::new(Rule::CoreModule, range.start))
            }
            Payload::StartSection { range, .. } => {
                Err(InvalidCode::new(Rule::NoStart, range.start))
            }
            Payload::TypeSection(section) => self.add_types(section, code),
            Payload::ImportSection(section) => self.check_imports(section),
            Payload::FunctionSection(section) => self.add_functions(section),
            Payload::TableSection(section) => check_tables(section),
            Payload::MemorySection(section) => self.add_memory(section),
            Payload::GlobalSection(section) => check_globals(section),
            Payload::ExportSection(section) => self.check_exports(section),
            Payload::ElementSection(section) => check_elements(section),
            Payload::DataSection(section) => {
                counted(Rule::DataSegments, section, limits::MAX_DATA_SEGMENTS)
            }
            Payload::DataCountSection { count, range } => within(
                Rule::DataSegments,
                *count,
                limits::MAX_DATA_SEGMENTS,
                range.start,
            ),
            _ => Ok(()),
        }
    }

    /// Counts what every instance is made of.
    fn count(&mut self, payload: &Payload<'_>) -> Result<(), InvalidCode> {
        let parts = match payload {
            Payload::ImportSection(section) => section.count(),
            Payload::FunctionSection(section) => section.count(),
            Payload::GlobalSection(section) => section.count(),
            Payload::ExportSection(section) => section.count(),
            // An element takes a byte at least.
            Payload::ElementSection(section) => {
                let bytes = u32::try_from(section.range().len()).unwrap_or(u32::MAX);
                section
                    .count()
                    .saturating_mul(SEGMENT_PARTS)
                    .saturating_add(bytes)
            }
            Payload::DataSection(section) => {
                let bytes = section.range().len();
                self.data_bytes = self.data_bytes.saturating_add(bytes);
                section.count().saturating_mul(SEGMENT_PARTS)
            }
            Payload::TableSection(section) => {
                let mut elements = 0_u32;
                for table in section.clone() {
                    let initial = u32::try_from(table?.ty.initial).unwrap_or(u32::MAX);
                    elements = elements.saturating_add(initial);
                }
                elements
            }
            _ => 0,
        };
        self.parts = self.parts.saturating_add(parts);
        Ok(())
    }

    fn add_types(
        &mut self,
        section: &TypeSectionReader<'_>,
        code: &[u8],
    ) -> Result<(), InvalidCode> {
        counted(Rule::Types, section, limits::MAX_TYPES)?;
        let (begin, end) = (section.original_position(), section.range().end);
        let bytes = code.get(begin..end).unwrap_or_default();
        let mut reader = BinaryReader::new_features(bytes, begin, FEATURES);
        for _ in 0..section.count() {
            let offset = reader.original_position();
            // The reader of a group makes room for as many types as it claims, so none is given to it.
            if reader.clone().read_u8()? != FUNCTION_TYPE {
                return Err(InvalidCode::new(Rule::Types, offset));
            }
            for ty in reader.read::<RecGroup>()?.types() {
                self.add_type(&ty.composite_type.inner, offset)?;
            }
        }
        Ok(())
    }

    fn check_imports(&mut self, section: &ImportSectionReader<'_>) -> Result<(), InvalidCode> {
        // Nobody needs a function twice.
        counted(Rule::Imports, section, abi::FUNCTIONS.len())?;
        for import in section.clone().into_iter_with_offsets() {
            let (offset, import) = import?;
            self.check_import(&import, offset)?;
        }
        Ok(())
    }

    fn add_functions(&mut self, section: &FunctionSectionReader<'_>) -> Result<(), InvalidCode> {
        counted(Rule::Functions, section, limits::MAX_FUNCTIONS)?;
        for ty in section.clone() {
            self.functions.push(ty?);
        }
        Ok(())
    }

    fn add_memory(&mut self, section: &MemorySectionReader<'_>) -> Result<(), InvalidCode> {
        let offset = section.range().start;
        if section.count() != 1 {
            return Err(one_memory(section.count(), offset));
        }
        for memory in section.clone() {
            self.memory = Some(shape(&memory?, offset)?);
        }
        Ok(())
    }

    fn check_exports(&mut self, section: &ExportSectionReader<'_>) -> Result<(), InvalidCode> {
        counted(Rule::Exports, section, limits::MAX_EXPORTS)?;
        for export in section.clone().into_iter_with_offsets() {
            let (offset, export) = export?;
            self.check_export(&export, offset)?;
        }
        Ok(())
    }

    fn add_type(&mut self, ty: &CompositeInnerType, offset: usize) -> Result<(), InvalidCode> {
        let CompositeInnerType::Func(function) = ty else {
            return Err(InvalidCode::new(Rule::Types, offset));
        };
        let (params, results) = (function.params(), function.results());
        within(Rule::Params, params.len(), limits::MAX_PARAMS, offset)?;
        within(Rule::Results, results.len(), limits::MAX_RESULTS, offset)?;
        let mut values = params.iter().chain(results);
        values.try_for_each(|value| check_value(*value, offset))?;
        self.types.push(function.clone());
        Ok(())
    }

    fn check_import(&mut self, import: &Import<'_>, offset: usize) -> Result<(), InvalidCode> {
        let refused = |rule| Err(InvalidCode::new(rule, offset));
        let TypeRef::Func(ty) = import.ty else {
            return refused(Rule::ImportModule);
        };
        if import.module != abi::MODULE {
            return refused(Rule::ImportModule);
        }
        let Some(expected) = abi::function(import.name) else {
            return refused(Rule::ImportName);
        };
        let is_of = |value: &ValType, ty: &abi::Type| match ty {
            abi::Type::I32 => *value == ValType::I32,
            abi::Type::I64 => *value == ValType::I64,
        };
        let fits = self.types.get(ty as usize).is_some_and(|ty| {
            let (params, results) = (ty.params(), ty.results());
            let expected_results = expected.result.as_slice();
            params.len() == expected.params.len()
                && results.len() == expected_results.len()
                && params
                    .iter()
                    .zip(expected.params)
                    .all(|(v, ty)| is_of(v, ty))
                && results
                    .iter()
                    .zip(expected_results)
                    .all(|(v, ty)| is_of(v, ty))
        });
        self.functions.push(ty);
        if fits {
            Ok(())
        } else {
            refused(Rule::ImportSignature)
        }
    }

    fn check_export(&mut self, export: &Export<'_>, offset: usize) -> Result<(), InvalidCode> {
        let required = REQUIRED.into_iter().zip(&mut self.found);
        let Some((name, found)) = required.into_iter().find(|(name, _)| *name == export.name)
        else {
            return Ok(());
        };
        let is_entry = || {
            let ty = self.functions.get(export.index as usize);
            let ty = ty.and_then(|ty| self.types.get(*ty as usize));
            ty.is_some_and(|ty| ty.params().is_empty() && ty.results().is_empty())
        };
        let fits = match (name, export.kind) {
            (abi::MEMORY, ExternalKind::Memory) => true,
            (abi::MARKER, ExternalKind::Func | ExternalKind::Global) => true,
            (abi::INIT | abi::CALL, ExternalKind::Func) => is_entry(),
            _ => false,
        };
        *found = fits;
        if fits {
            Ok(())
        } else {
            Err(InvalidCode::new(Rule::ExportType(name), offset))
        }
    }
}

/// Refuses a section with more items than are allowed.
fn counted<'a, T: FromReader<'a>>(
    rule: Rule,
    section: &SectionLimited<'a, T>,
    limit: impl TryInto<u64>,
) -> Result<(), InvalidCode> {
    within(rule, section.count(), limit, section.range().start)
}

fn check_tables(section: &TableSectionReader<'_>) -> Result<(), InvalidCode> {
    counted(Rule::Tables, section, 1_u32)?;
    for table in section.clone() {
        check_table(&table?.ty, section.range().start)?;
    }
    Ok(())
}

/// The table holds references to functions, so no segment needs others.
fn check_elements(section: &ElementSectionReader<'_>) -> Result<(), InvalidCode> {
    counted(Rule::ElementSegments, section, limits::MAX_ELEMENT_SEGMENTS)?;
    for element in section.clone().into_iter_with_offsets() {
        let (offset, element) = element?;
        if let ElementItems::Expressions(ty, _) = element.items
            && ty != RefType::FUNCREF
        {
            return Err(InvalidCode::new(Rule::References, offset));
        }
    }
    Ok(())
}

fn check_globals(section: &GlobalSectionReader<'_>) -> Result<(), InvalidCode> {
    counted(Rule::Globals, section, limits::MAX_GLOBALS)?;
    for global in section.clone() {
        check_value(global?.ty.content_type, section.range().start)?;
    }
    Ok(())
}

fn check_table(table: &TableType, offset: usize) -> Result<(), InvalidCode> {
    if table.element_type != RefType::FUNCREF {
        return Err(InvalidCode::new(Rule::References, offset));
    }
    let limit = limits::MAX_TABLE_ELEMENTS;
    within(Rule::TableElements, table.initial, limit, offset)?;
    // No instruction that passes makes it grow, so what it says of its maximum means nothing.
    Ok(())
}

fn shape(memory: &MemoryType, offset: usize) -> Result<Shape, InvalidCode> {
    let initial = memory.initial;
    within(
        Rule::InitialPages,
        initial,
        limits::MAX_INITIAL_PAGES,
        offset,
    )?;
    if let Some(maximum) = memory.maximum {
        within(Rule::MaxPages, maximum, limits::MAX_PAGES, offset)?;
    }
    let pages = |pages: u64| u32::try_from(pages).unwrap_or(u32::MAX);
    Ok(Shape {
        initial_pages: pages(initial),
        max_pages: memory.maximum.map(pages),
        parts: 0,
        data_bytes: 0,
    })
}

fn one_memory(found: u32, offset: usize) -> InvalidCode {
    InvalidCode {
        limit: Some(1),
        found: Some(u64::from(found)),
        ..InvalidCode::new(Rule::Memories, offset)
    }
}
