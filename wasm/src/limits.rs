//! tmp
pub const MAX_PAGES: u32 = 64;
pub const PAGE_BYTES: usize = 65536;
