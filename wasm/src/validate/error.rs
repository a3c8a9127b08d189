//! Why code is refused.

use core::fmt;

use wasmparser::BinaryReaderError;

use crate::abi;

/// A rule for the code of contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// The code has a limited size.
    CodeBytes,
    /// It is a valid module with the proposals that are on, and without floats.
    Valid,
    /// It is a module, and no component.
    CoreModule,
    /// Nothing runs when it is instantiated.
    NoStart,
    /// There is a limited number of imports: as many as the interface has functions.
    Imports,
    /// Everything that it imports is a function of the interface.
    ImportModule,
    /// An import is known by its name.
    ImportName,
    /// An import has the signature of its name.
    ImportSignature,
    /// Types are functions, and there is a limited number of them.
    Types,
    /// Functions take i32 and i64 and return at most one.
    ValueTypes,
    /// There is a limited number of parameters.
    Params,
    /// There is a limited number of results.
    Results,
    /// There is a limited number of functions.
    Functions,
    /// A function has a limited number of locals.
    Locals,
    /// There is a limited number of targets in the branch tables of all functions.
    BranchTargets,
    /// There is a limited number of places where the memory grows.
    GrowthSites,
    /// Blocks are nested to a limited depth.
    Nesting,
    /// There is a limited number of globals.
    Globals,
    /// There is at most one table.
    Tables,
    /// The table has a limited size.
    TableElements,
    /// There is a limited number of segments of elements.
    ElementSegments,
    /// There is one memory, the module's own.
    Memories,
    /// The memory begins with a limited number of pages.
    InitialPages,
    /// The memory has a limited number of pages.
    MaxPages,
    /// There is a limited number of segments of data.
    DataSegments,
    /// There is a limited number of exports.
    Exports,
    /// This is exported.
    MissingExport(&'static str),
    /// What is exported under this name is of another type.
    ExportType(&'static str),
    /// References stay in the table.
    References,
    /// The engine can translate it: a function has bounded slots, jumps and costs.
    Translation,
    /// Its segments fit into its memory and its table.
    Instantiation,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::CodeBytes => "bytes of code",
            Self::Valid => "it is no valid module with the proposals that are on",
            Self::CoreModule => "it is no core module",
            Self::NoStart => "it has a start function",
            Self::Imports => "imports",
            Self::ImportModule => "it imports what is no function of module `ordlane`",
            Self::ImportName => "it imports a function that is not in the interface",
            Self::ImportSignature => "it imports a function by another signature",
            Self::Types => "types",
            Self::ValueTypes => "a type is neither i32 nor i64",
            Self::Params => "parameters",
            Self::Results => "results",
            Self::Functions => "functions",
            Self::Locals => "locals of a function",
            Self::BranchTargets => "targets of branch tables",
            Self::GrowthSites => "places where the memory grows",
            Self::Nesting => "nested blocks",
            Self::Globals => "globals",
            Self::Tables => "tables",
            Self::TableElements => "elements of the table",
            Self::ElementSegments => "segments of elements",
            Self::Memories => "memories of its own",
            Self::InitialPages => "initial pages of memory",
            Self::MaxPages => "pages of memory",
            Self::DataSegments => "segments of data",
            Self::Exports => "exports",
            Self::MissingExport(name) => return write!(f, "it does not export `{name}`"),
            Self::ExportType(name) => {
                let expected = match *name {
                    abi::MEMORY => "the memory",
                    abi::MARKER => "a function or a global",
                    _ => "a function without parameters and results",
                };
                return write!(f, "its export `{name}` is not {expected}");
            }
            Self::References => "references outside of the table",
            Self::Translation => "the engine cannot translate it",
            Self::Instantiation => "a segment does not fit into its memory or table",
        };
        f.write_str(text)
    }
}

/// Code that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidCode {
    /// The rule.
    pub rule: Rule,
    /// The most, or for memories the exact number, that is allowed.
    pub limit: Option<u64>,
    /// How many there are.
    pub found: Option<u64>,
    /// Where, in bytes from the beginning of the code.
    pub offset: usize,
    /// What WebAssembly itself says against it.
    pub reason: Option<String>,
}

impl InvalidCode {
    /// A rule without a number.
    pub(crate) const fn new(rule: Rule, offset: usize) -> Self {
        Self {
            rule,
            limit: None,
            found: None,
            offset,
            reason: None,
        }
    }
}

impl fmt::Display for InvalidCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.found, self.limit) {
            (Some(found), Some(limit)) => write!(f, "{found} {}, the limit is {limit}", self.rule)?,
            _ => write!(f, "{}", self.rule)?,
        }
        if let Some(reason) = &self.reason {
            write!(f, ": {reason}")?;
        }
        write!(f, " (at byte {})", self.offset)
    }
}

impl std::error::Error for InvalidCode {}

impl From<BinaryReaderError> for InvalidCode {
    fn from(error: BinaryReaderError) -> Self {
        Self {
            reason: Some(error.message().to_owned()),
            ..Self::new(Rule::Valid, error.offset())
        }
    }
}

/// Refuses a number above its limit.
pub(super) fn within<N, L>(rule: Rule, found: N, limit: L, offset: usize) -> Result<(), InvalidCode>
where
    N: TryInto<u64>,
    L: TryInto<u64>,
{
    // What has no 64 bits is above every limit.
    let found = found.try_into().unwrap_or(u64::MAX);
    let limit = limit.try_into().unwrap_or(0);
    if found <= limit {
        return Ok(());
    }
    Err(InvalidCode {
        limit: Some(limit),
        found: Some(found),
        ..InvalidCode::new(rule, offset)
    })
}
