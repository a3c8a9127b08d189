// The token of `token.c` in AssemblyScript. Its places in memory are fixed while it is compiled, so that nothing has to
// run at the start.
import * as host from "./host";

// Method 1, account 32, amount 16.
const INPUT = memory.data(49);
const ACCOUNT: usize = INPUT + 1;
const AMOUNT: usize = INPUT + 33;
// Three topics; the first is "Transfer" and zeros.
const TOPICS = memory.data<u8>([
  0x54, 0x72, 0x61, 0x6e, 0x73, 0x66, 0x65, 0x72, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);
const FROM: usize = TOPICS + 32;
const TO: usize = TOPICS + 64;
// A u128: its low half, then its high half.
const BALANCE = memory.data(16, 8);

function low(amount: usize): u64 {
  return load<u64>(amount);
}

function high(amount: usize): u64 {
  return load<u64>(amount, 8);
}

function fail(reason: string): void {
  // Reasons are ASCII, of which UTF-16 takes every other byte.
  const length = reason.length;
  for (let i = 0; i < length; i++) store<u8>(INPUT + i, <u8>reason.charCodeAt(i));
  host.revert(INPUT, length);
  unreachable();
}

function read_balance(holder: usize): void {
  store<u64>(BALANCE, 0);
  store<u64>(BALANCE, 0, 8);
  host.storage_get(holder, 32, BALANCE, 16);
}

function write_balance(holder: usize, low: u64, high: u64): void {
  store<u64>(BALANCE, low);
  store<u64>(BALANCE, high, 8);
  host.storage_set(holder, 32, BALANCE, 16);
}

function credit(holder: usize, amount: usize): void {
  read_balance(holder);
  const low_sum = low(BALANCE) + low(amount);
  const carry: u64 = low_sum < low(amount) ? 1 : 0;
  const with_carry = high(BALANCE) + carry;
  const high_sum = with_carry + high(amount);
  if (with_carry < carry || high_sum < with_carry) fail("overflow");
  write_balance(holder, low_sum, high_sum);
}

function is_same(a: usize, b: usize): bool {
  return memory.compare(a, b, 32) == 0;
}

function transfer(): void {
  host.caller(FROM);
  memory.copy(TO, ACCOUNT, 32);
  read_balance(FROM);
  const borrow: u64 = low(BALANCE) < low(AMOUNT) ? 1 : 0;
  if (high(BALANCE) < high(AMOUNT) || (high(BALANCE) == high(AMOUNT) && borrow)) fail("insufficient balance");
  if (!is_same(FROM, TO)) {
    write_balance(FROM, low(BALANCE) - low(AMOUNT), high(BALANCE) - high(AMOUNT) - borrow);
    credit(TO, AMOUNT);
  }
  host.emit(TOPICS, 3, AMOUNT, 16);
}

export function init(): void {
  if (host.input_copy(AMOUNT, 16) < 16) return;
  host.caller(TO);
  credit(TO, AMOUNT);
}

export function call(): void {
  host.input_copy(INPUT, 49);
  switch (load<u8>(INPUT)) {
    case 0:
      transfer();
      break;
    case 1:
      read_balance(ACCOUNT);
      host.ret(BALANCE, 16);
      break;
    case 2:
      credit(ACCOUNT, AMOUNT);
      break;
    default:
      fail("unknown method");
  }
}

export function ordlane_abi_1(): void {}
