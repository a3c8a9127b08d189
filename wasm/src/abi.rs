//! The functions that a contract imports from module `ordlane`, by name and signature.
//!
//! Pointers and lengths are i32 and point into the contract's exported memory. Addresses, hashes, topics, keys and salts
//! are 32 bytes, signatures 64; amounts are u128, 16 bytes, little-endian. What reads something copies as much as fits
//! into the room it is given and returns the whole length, or -1 where there is nothing.

/// The module from which contracts import.
pub const MODULE: &str = "ordlane";
/// The export by which a module says that it was made for this interface.
pub const MARKER: &str = "ordlane_abi_1";
/// The exported memory.
pub const MEMORY: &str = "memory";
/// The exported function that runs when the contract is deployed.
pub const INIT: &str = "init";
/// The exported function that runs when the contract is called.
pub const CALL: &str = "call";

/// The types of numbers that cross the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A pointer, a length, a small number.
    I32,
    /// A number.
    I64,
}

/// One function of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostFunction {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub params: &'static [Type],
    /// What it returns, if anything.
    pub result: Option<Type>,
}

macro_rules! functions {
    ($($(#[doc = $text:literal])* $name:ident($($param:ident: $type:ident),*) $(-> $result:ident)?;)*) => {
        /// The interface. A function's position is its number.
        pub const FUNCTIONS: &[HostFunction] = &[$(HostFunction {
            name: stringify!($name),
            params: &[$(Type::$type),*],
            result: functions!(@result $($result)?),
        },)*];
    };
    (@result) => { None };
    (@result $type:ident) => { Some(Type::$type) };
}

functions! {
    // The contract's own storage.
    storage_get(key: I32, key_len: I32, out: I32, cap: I32) -> I32;
    storage_set(key: I32, key_len: I32, value: I32, value_len: I32);
    storage_del(key: I32, key_len: I32);
    // What it was given, and what it gives. `ret` and `revert` end the call.
    input_len() -> I32;
    input_copy(out: I32, cap: I32) -> I32;
    ret(data: I32, len: I32);
    revert(data: I32, len: I32);
    // What the last call that it made gave back, whether it failed or not.
    returndata_len() -> I32;
    returndata_copy(out: I32, cap: I32) -> I32;
    // Who, what and when.
    caller(out: I32);
    self_address(out: I32);
    origin(out: I32);
    value(out: I32);
    balance(address: I32, out: I32);
    block_height() -> I64;
    block_time() -> I64;
    chain_id() -> I64;
    gas_left() -> I64;
    // Cryptography.
    sha256(data: I32, len: I32, out: I32);
    ed25519_verify(key: I32, message: I32, message_len: I32, signature: I32) -> I32;
    // Effects. Those that return an i32 return 0 or the stable code of an error.
    emit(topics: I32, topic_count: I32, data: I32, data_len: I32);
    transfer(to: I32, amount: I32) -> I32;
    call(to: I32, value: I32, input: I32, input_len: I32, gas: I64, flags: I32) -> I32;
    query(to: I32, input: I32, input_len: I32, gas: I64) -> I32;
    deploy(code: I32, code_len: I32, init: I32, init_len: I32, salt: I32, gas: I64, out: I32) -> I32;
    set_code(code: I32, code_len: I32) -> I32;
    // Text for whoever debugs the contract. It is part of no result.
    debug(data: I32, len: I32);
}

/// The function with a name.
#[must_use]
pub fn function(name: &str) -> Option<&'static HostFunction> {
    FUNCTIONS.iter().find(|function| function.name == name)
}
