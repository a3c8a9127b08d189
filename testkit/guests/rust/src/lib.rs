//! The token of `token.c` in Rust.

#![no_std]

mod host;

use host::Address;

const TRANSFER: [u8; 32] = *b"Transfer\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

fn balance_of(holder: &Address) -> u128 {
    u128::from_le_bytes(host::storage_get(holder))
}

fn set_balance(holder: &Address, balance: u128) {
    host::storage_set(holder, &balance.to_le_bytes());
}

fn credit(holder: &Address, amount: u128) {
    let Some(balance) = balance_of(holder).checked_add(amount) else {
        host::revert("overflow")
    };
    set_balance(holder, balance);
}

fn transfer(to: &Address, amount: u128) {
    let from = host::caller();
    let Some(rest) = balance_of(&from).checked_sub(amount) else {
        host::revert("insufficient balance")
    };
    if from != *to {
        set_balance(&from, rest);
        credit(to, amount);
    }
    host::emit(&[TRANSFER, from, *to], &amount.to_le_bytes());
}

#[unsafe(no_mangle)]
extern "C" fn init() {
    let (supply, length) = host::input::<16>();
    if length >= supply.len() {
        credit(&host::caller(), u128::from_le_bytes(supply));
    }
}

#[unsafe(no_mangle)]
extern "C" fn call() {
    let (input, _) = host::input::<49>();
    let mut account = [0; 32];
    account.copy_from_slice(&input[1..33]);
    let mut amount = [0; 16];
    amount.copy_from_slice(&input[33..]);
    let amount = u128::from_le_bytes(amount);
    match input[0] {
        0 => transfer(&account, amount),
        1 => host::ret(&balance_of(&account).to_le_bytes()),
        2 => credit(&account, amount),
        _ => host::revert("unknown method"),
    }
}

#[unsafe(no_mangle)]
extern "C" fn ordlane_abi_1() {}
