//! Every limit of contracts, by name. Those of the wire formats, the size of code among them, are in
//! [`ordlane_primitives::limits`].

/// The size of a page of memory in bytes.
pub const PAGE_BYTES: usize = 64 * 1024;
/// Most pages that a contract's memory begins with.
pub const MAX_INITIAL_PAGES: u32 = 32;
/// Most pages that a contract's memory may have.
pub const MAX_PAGES: u32 = 64;
/// Most places in the code of a module where its memory grows. Each is counted by code that is put before it.
pub const MAX_GROWTH_SITES: u32 = 128;
/// How often the memory of one instance may be grown, or tried to be: after that, `memory.grow` fails the call.
pub const MAX_GROWTHS: u16 = 128;
/// How many pages the memories of one transaction may have at the same time.
pub const MAX_TRANSACTION_PAGES: u32 = 256;
/// How deep calls may be nested, that of the transaction included.
pub const MAX_CALL_DEPTH: usize = 16;
/// How many bytes of keys and values one transaction may write to storage: every write has its key, what it puts there and
/// what stood there (64 MiB). What it leaves behind fits into a block.
pub const MAX_WRITTEN_BYTES: usize = 64 * 1024 * 1024;
/// How many contracts one transaction keeps ready. One that it calls again after as many others pays for its code again, as
/// at its first call.
pub const MAX_HELD_CONTRACTS: usize = 32;
/// How many bytes of the reason for a revert are kept.
pub const MAX_REVERT_BYTES: usize = 1024;
/// The longest text for whoever debugs a contract, in bytes.
pub const MAX_DEBUG_BYTES: usize = 1024;

/// Most functions of a module, imports apart.
pub const MAX_FUNCTIONS: u32 = 2_000;
/// Most types of a module. A function has one, and so may a block.
pub const MAX_TYPES: u32 = 2_000;
/// Most locals of a function, its parameters apart.
pub const MAX_LOCALS: u32 = 100;
/// Most parameters of a function or a block.
pub const MAX_PARAMS: u32 = 16;
/// Most results of a function or a block.
pub const MAX_RESULTS: u32 = 1;
/// Most globals of a module.
pub const MAX_GLOBALS: u32 = 64;
/// Most elements of the table.
pub const MAX_TABLE_ELEMENTS: u32 = 1_024;
/// Most segments of elements.
pub const MAX_ELEMENT_SEGMENTS: u32 = 64;
/// Most segments of data.
pub const MAX_DATA_SEGMENTS: u32 = 256;
/// Most exports.
pub const MAX_EXPORTS: u32 = 64;
/// Most targets of the branch tables of all functions together. A target is a byte, and is compared with as many values as
/// its label has, so without a limit they take ten times as long as other code.
pub const MAX_BRANCH_TARGETS: u32 = 16_384;
/// How deep blocks of a function may be nested.
pub const MAX_NESTING: u32 = 1_024;
