//! The functions of the interface as wasmi calls them: pointers become bytes, and [`Call`] does the rest.

use ordlane_primitives::{Address, Amount, Hash};
use wasmi::{Caller, Error, Func, Store};

use super::frame::{Frame, end_call, in_call};
use crate::{Call, Fault, limits::MAX_PAGES, limits::PAGE_BYTES};

/// The function with a number in the interface.
///
/// One that there is not traps; imports are compared with the interface before.
pub(super) fn import(store: &mut Store<Frame<'_, '_>>, number: usize) -> Func {
    match number {
        0 => Func::wrap(store, storage_get),
        1 => Func::wrap(store, storage_set),
        2 => Func::wrap(store, storage_del),
        3 => Func::wrap(store, input_len),
        4 => Func::wrap(store, input_copy),
        5 => Func::wrap(store, ret),
        6 => Func::wrap(store, revert),
        7 => Func::wrap(store, returndata_len),
        8 => Func::wrap(store, returndata_copy),
        9 => Func::wrap(store, caller),
        10 => Func::wrap(store, self_address),
        11 => Func::wrap(store, origin),
        12 => Func::wrap(store, value),
        13 => Func::wrap(store, balance),
        14 => Func::wrap(store, block_height),
        15 => Func::wrap(store, block_time),
        16 => Func::wrap(store, chain_id),
        17 => Func::wrap(store, gas_left),
        18 => Func::wrap(store, sha256),
        19 => Func::wrap(store, ed25519_verify),
        20 => Func::wrap(store, emit),
        21 => Func::wrap(store, transfer),
        22 => Func::wrap(store, call),
        23 => Func::wrap(store, query),
        24 => Func::wrap(store, deploy),
        25 => Func::wrap(store, set_code),
        _ => Func::wrap(store, debug),
    }
}

type Wasm<'a, 'f, 'c> = Caller<'a, Frame<'f, 'c>>;

fn storage_get(
    wasm: Wasm<'_, '_, '_>,
    key: u32,
    key_len: u32,
    out: u32,
    cap: u32,
) -> Result<i32, Error> {
    in_call(wasm, |memory, call| {
        room(memory, call, out, cap)?;
        let key = bytes(memory, call, key, key_len)?;
        let value = call.storage_get(key)?;
        match value {
            None => Ok(-1),
            Some(value) => put_some(memory, call, out, cap, &value),
        }
    })
}

fn storage_set(
    wasm: Wasm<'_, '_, '_>,
    key: u32,
    key_len: u32,
    value: u32,
    value_len: u32,
) -> Result<(), Error> {
    in_call(wasm, |memory, call| {
        let key = bytes(memory, call, key, key_len)?;
        let value = bytes(memory, call, value, value_len)?;
        call.storage_set(key, value)
    })
}

fn storage_del(wasm: Wasm<'_, '_, '_>, key: u32, key_len: u32) -> Result<(), Error> {
    in_call(wasm, |memory, call| {
        let key = bytes(memory, call, key, key_len)?;
        call.storage_del(key)
    })
}

fn input_len(wasm: Wasm<'_, '_, '_>) -> Result<i32, Error> {
    in_call(wasm, |_, call| call.input_len().map(length))
}

fn input_copy(wasm: Wasm<'_, '_, '_>, out: u32, cap: u32) -> Result<i32, Error> {
    in_call(wasm, |memory, call| {
        room(memory, call, out, cap)?;
        let input = call.input_copy(cap as usize)?;
        put_some(memory, call, out, cap, input)
    })
}

fn ret(wasm: Wasm<'_, '_, '_>, data: u32, len: u32) -> Result<(), Error> {
    end_call(wasm, |memory, call| {
        let data = bytes(memory, call, data, len)?;
        call.ret(data)?;
        Ok(data.to_vec())
    })
}

fn revert(wasm: Wasm<'_, '_, '_>, data: u32, len: u32) -> Result<(), Error> {
    end_call(wasm, |memory, call| {
        let reason = bytes(memory, call, data, len)?;
        Err(call.revert(reason))
    })
}

fn returndata_len(wasm: Wasm<'_, '_, '_>) -> Result<i32, Error> {
    in_call(wasm, |_, call| call.returndata_len().map(length))
}

fn returndata_copy(wasm: Wasm<'_, '_, '_>, out: u32, cap: u32) -> Result<i32, Error> {
    in_call(wasm, |memory, call| {
        room(memory, call, out, cap)?;
        let returned = call.returndata_copy(cap as usize)?;
        copy_some(memory, out, cap, returned).ok_or(OUT_OF_BOUNDS)
    })
}

fn caller(wasm: Wasm<'_, '_, '_>, out: u32) -> Result<(), Error> {
    in_call(wasm, |memory, call| {
        let caller = call.caller()?;
        put(memory, out, caller.as_bytes())
    })
}

fn self_address(wasm: Wasm<'_, '_, '_>, out: u32) -> Result<(), Error> {
    in_call(wasm, |memory, call| {
        let address = call.self_address()?;
        put(memory, out, address.as_bytes())
    })
}

fn origin(wasm: Wasm<'_, '_, '_>, out: u32) -> Result<(), Error> {
    in_call(wasm, |memory, call| {
        let origin = call.origin()?;
        put(memory, out, origin.as_bytes())
    })
}

fn value(wasm: Wasm<'_, '_, '_>, out: u32) -> Result<(), Error> {
    in_call(wasm, |memory, call| {
        let value = call.value()?;
        put(memory, out, &value.0.to_le_bytes())
    })
}

fn balance(wasm: Wasm<'_, '_, '_>, address: u32, out: u32) -> Result<(), Error> {
    in_call(wasm, |memory, call| {
        let address = Address::from_bytes(*array(memory, call, address)?);
        let balance = call.balance(&address)?;
        put(memory, out, &balance.0.to_le_bytes())
    })
}

fn block_height(wasm: Wasm<'_, '_, '_>) -> Result<u64, Error> {
    in_call(wasm, |_, call| call.block_height())
}

fn block_time(wasm: Wasm<'_, '_, '_>) -> Result<u64, Error> {
    in_call(wasm, |_, call| call.block_time())
}

fn chain_id(wasm: Wasm<'_, '_, '_>) -> Result<u64, Error> {
    in_call(wasm, |_, call| call.chain_id())
}

fn gas_left(wasm: Wasm<'_, '_, '_>) -> Result<u64, Error> {
    in_call(wasm, |_, call| call.gas_left())
}

fn sha256(wasm: Wasm<'_, '_, '_>, data: u32, len: u32, out: u32) -> Result<(), Error> {
    in_call(wasm, |memory, call| {
        let data = bytes(memory, call, data, len)?;
        let hash = call.sha256(data)?;
        put(memory, out, hash.as_bytes())
    })
}

fn ed25519_verify(
    wasm: Wasm<'_, '_, '_>,
    key: u32,
    message: u32,
    message_len: u32,
    signature: u32,
) -> Result<i32, Error> {
    in_call(wasm, |memory, call| {
        let key = array(memory, call, key)?;
        let message = bytes(memory, call, message, message_len)?;
        let signature = array(memory, call, signature)?;
        call.ed25519_verify(key, message, signature).map(i32::from)
    })
}

fn emit(
    wasm: Wasm<'_, '_, '_>,
    topics: u32,
    topic_count: u32,
    data: u32,
    data_len: u32,
) -> Result<(), Error> {
    in_call(wasm, |memory, call| {
        let topics = bytes(memory, call, topics, topic_count.saturating_mul(32))?;
        let data = bytes(memory, call, data, data_len)?;
        let (topics, _) = topics.as_chunks::<32>();
        let topics: Vec<Hash> = topics.iter().copied().map(Hash).collect();
        call.emit(&topics, data)
    })
}

fn transfer(wasm: Wasm<'_, '_, '_>, to: u32, amount: u32) -> Result<i32, Error> {
    in_call(wasm, |memory, call| {
        let to = Address::from_bytes(*array(memory, call, to)?);
        let amount = amount_at(memory, call, amount)?;
        call.transfer(&to, amount).map(answer)
    })
}

fn call(
    wasm: Wasm<'_, '_, '_>,
    to: u32,
    value: u32,
    input: u32,
    input_len: u32,
    gas: u64,
    flags: u32,
) -> Result<i32, Error> {
    in_call(wasm, |memory, call| {
        let to = Address::from_bytes(*array(memory, call, to)?);
        let value = amount_at(memory, call, value)?;
        let input = bytes(memory, call, input, input_len)?;
        call.call(&to, value, input, gas, flags).map(answer)
    })
}

fn query(
    wasm: Wasm<'_, '_, '_>,
    to: u32,
    input: u32,
    input_len: u32,
    gas: u64,
) -> Result<i32, Error> {
    in_call(wasm, |memory, call| {
        let to = Address::from_bytes(*array(memory, call, to)?);
        let input = bytes(memory, call, input, input_len)?;
        call.query(&to, input, gas).map(answer)
    })
}

#[expect(
    clippy::too_many_arguments,
    reason = "the interface is flat: pointers and lengths"
)]
fn deploy(
    wasm: Wasm<'_, '_, '_>,
    code: u32,
    code_len: u32,
    init: u32,
    init_len: u32,
    salt: u32,
    gas: u64,
    out: u32,
) -> Result<i32, Error> {
    in_call(wasm, |memory, call| {
        room(memory, call, out, 32)?;
        let code = bytes(memory, call, code, code_len)?;
        let init = bytes(memory, call, init, init_len)?;
        let salt = array(memory, call, salt)?;
        match call.deploy(code, init, salt, gas)? {
            Ok(address) => put(memory, out, address.as_bytes()).map(|()| 0),
            Err(fault) => Ok(answer(Err(fault))),
        }
    })
}

fn set_code(wasm: Wasm<'_, '_, '_>, code: u32, code_len: u32) -> Result<i32, Error> {
    in_call(wasm, |memory, call| {
        let code = bytes(memory, call, code, code_len)?;
        call.set_code(code).map(answer)
    })
}

fn debug(wasm: Wasm<'_, '_, '_>, data: u32, len: u32) -> Result<(), Error> {
    in_call(wasm, |memory, call| {
        let text = bytes(memory, call, data, len)?;
        call.debug(text)
    })
}

/// What a contract is answered: 0, or the stable code of what went wrong.
fn answer(outcome: Result<(), Fault>) -> i32 {
    match outcome {
        Ok(()) => 0,
        // What has no code is no outcome and never comes here.
        Err(fault) => fault.code().map_or(-1, |code| i32::from(code.code())),
    }
}

/// Where a result is to be put that was room for before.
const OUT_OF_BOUNDS: Fault = Fault::Trap("a pointer out of bounds");

/// The bytes at a pointer.
fn bytes<'m>(memory: &'m [u8], call: &mut Call<'_>, at: u32, len: u32) -> Result<&'m [u8], Fault> {
    let found = memory
        .get(at as usize..)
        .and_then(|rest| rest.get(..len as usize));
    found.ok_or_else(|| call.out_of_bounds())
}

/// A fixed number of bytes at a pointer.
fn array<'m, const N: usize>(
    memory: &'m [u8],
    call: &mut Call<'_>,
    at: u32,
) -> Result<&'m [u8; N], Fault> {
    let found = memory.get(at as usize..).and_then(<[u8]>::first_chunk);
    found.ok_or_else(|| call.out_of_bounds())
}

fn amount_at(memory: &[u8], call: &mut Call<'_>, at: u32) -> Result<Amount, Fault> {
    array(memory, call, at).map(|bytes| Amount(u128::from_le_bytes(*bytes)))
}

/// Whether there is room where a result is to be put, which is asked before anything is done.
fn room(memory: &[u8], call: &mut Call<'_>, out: u32, cap: u32) -> Result<(), Fault> {
    bytes(memory, call, out, cap).map(|_| ())
}

fn put(memory: &mut [u8], out: u32, bytes: &[u8]) -> Result<(), Fault> {
    let room = memory
        .get_mut(out as usize..)
        .and_then(|rest| rest.get_mut(..bytes.len()));
    room.ok_or(OUT_OF_BOUNDS)?.copy_from_slice(bytes);
    Ok(())
}

/// Copies as much as fits, and tells the whole length.
fn copy_some(memory: &mut [u8], out: u32, cap: u32, value: &[u8]) -> Option<i32> {
    let copied = value.get(..cap as usize).unwrap_or(value);
    let room = memory.get_mut(out as usize..)?.get_mut(..copied.len())?;
    room.copy_from_slice(copied);
    Some(length(value.len()))
}

fn put_some(
    memory: &mut [u8],
    call: &mut Call<'_>,
    out: u32,
    cap: u32,
    value: &[u8],
) -> Result<i32, Fault> {
    copy_some(memory, out, cap, value).ok_or_else(|| call.out_of_bounds())
}

/// Every length is far below 2^31: a memory has at most 4 MiB.
fn length(bytes: usize) -> i32 {
    const { assert!(MAX_PAGES as usize * PAGE_BYTES < i32::MAX as usize) };
    i32::try_from(bytes).unwrap_or(i32::MAX)
}
