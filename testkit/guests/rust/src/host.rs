//! The functions of the host that the token needs, with safe faces.

mod import {
    #[link(wasm_import_module = "ordlane")]
    unsafe extern "C" {
        pub fn storage_get(key: *const u8, key_len: u32, out: *mut u8, cap: u32) -> i32;
        pub fn storage_set(key: *const u8, key_len: u32, value: *const u8, value_len: u32);
        pub fn input_copy(out: *mut u8, cap: u32) -> i32;
        pub fn ret(ptr: *const u8, len: u32) -> !;
        pub fn revert(ptr: *const u8, len: u32) -> !;
        pub fn caller(out: *mut u8);
        pub fn emit(topics: *const u8, topic_count: u32, data: *const u8, data_len: u32);
    }
}

pub type Address = [u8; 32];

// Contracts have 32-bit memories.
fn len(bytes: &[u8]) -> u32 {
    bytes.len() as u32
}

/// What is stored under the key, zeros where there is nothing.
pub fn storage_get<const N: usize>(key: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    // SAFETY: both ranges are slices of ours, and the host writes at most `N` bytes.
    unsafe { import::storage_get(key.as_ptr(), len(key), out.as_mut_ptr(), N as u32) };
    out
}

pub fn storage_set(key: &[u8], value: &[u8]) {
    // SAFETY: the host reads two slices.
    unsafe { import::storage_set(key.as_ptr(), len(key), value.as_ptr(), len(value)) }
}

/// The start of the input, and the length of the whole.
pub fn input<const N: usize>() -> ([u8; N], usize) {
    let mut out = [0; N];
    // SAFETY: the host writes at most `N` bytes.
    let length = unsafe { import::input_copy(out.as_mut_ptr(), N as u32) };
    (out, length as usize)
}

pub fn ret(bytes: &[u8]) -> ! {
    // SAFETY: the host reads a slice, and does not come back.
    unsafe { import::ret(bytes.as_ptr(), len(bytes)) }
}

pub fn revert(reason: &str) -> ! {
    // SAFETY: the host reads a slice, and does not come back.
    unsafe { import::revert(reason.as_ptr(), len(reason.as_bytes())) }
}

pub fn caller() -> Address {
    let mut out = [0; 32];
    // SAFETY: the host writes 32 bytes.
    unsafe { import::caller(out.as_mut_ptr()) };
    out
}

pub fn emit(topics: &[[u8; 32]], data: &[u8]) {
    // SAFETY: the host reads two slices; topics lie one after the other.
    unsafe {
        import::emit(
            topics.as_ptr().cast(),
            topics.len() as u32,
            data.as_ptr(),
            len(data),
        )
    }
}
