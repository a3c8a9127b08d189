// Pools of two assets each, traded along a constant product; and the traders' balances in them.
#include "guest.h"

static const u64 FIRST_RESERVE = 1000000000000;
static const u64 FIRST_BALANCE = 1000000000;

static struct PACKED {
    u8 method;
    u32 pool;
    u8 direction; // 0 sells a for b, all else sells b for a
    u64 amount_in;
    u64 min_out;
} input;

static struct PACKED {
    u8 tag;
    u32 pool;
    address trader;
} pool_key = {.tag = 'P'}, balance_key = {.tag = 'B'};

static const u32 POOL_KEY_LEN = 5, BALANCE_KEY_LEN = 37;

static struct {
    u8 name[32];
    address trader;
} topics = {.name = "Swap"};

typedef struct {
    u64 of[2];
} pair;

static pair read(const void *key, u32 key_len, u64 absent) {
    pair found = {{absent, absent}};
    ordlane_storage_get(key, key_len, &found, sizeof found);
    return found;
}

// Multiplying and dividing 128 bits takes a library that is not linked, so both are done by hand.
static u128 product(u64 a, u64 b) {
    u64 a0 = (u32)a, a1 = a >> 32, b0 = (u32)b, b1 = b >> 32;
    u64 low = a0 * b0, middle = a1 * b0 + (low >> 32), other = a0 * b1 + (u32)middle;
    u64 high = a1 * b1 + (middle >> 32) + (other >> 32);
    return (u128)high << 64 | (other << 32 | (u32)low);
}

// A quotient that fits in 64 bits: the numerator's high half is then below the divisor, and is the first remainder.
static u64 quotient(u128 numerator, u128 divisor) {
    u128 remainder = numerator >> 64;
    u64 low = (u64)numerator, found = 0;
    for (int bit = 63; bit >= 0; bit--) {
        remainder = remainder << 1 | (low >> bit & 1);
        found <<= 1;
        if (remainder >= divisor) {
            remainder -= divisor;
            found |= 1;
        }
    }
    return found;
}

static void swap(void) {
    int in = input.direction != 0, out = !in;
    u64 amount = input.amount_in;
    ordlane_caller(&topics.trader);
    balance_key.pool = input.pool;
    balance_key.trader = topics.trader;
    pair balances = read(&balance_key, BALANCE_KEY_LEN, FIRST_BALANCE);
    if (balances.of[in] < amount) REVERT("insufficient balance");
    pair reserves = read(&pool_key, POOL_KEY_LEN, FIRST_RESERVE);
    if (amount > ~0ull / 997 || reserves.of[in] + amount < amount) REVERT("amount too large");

    // 0.3 % of what comes in stays outside of the product. What goes out is less than the reserve.
    u64 counted = amount * 997;
    u64 paid = quotient(product(reserves.of[out], counted), product(reserves.of[in], 1000) + counted);
    if (paid < input.min_out) REVERT("slippage");
    if (balances.of[out] + paid < paid) REVERT("amount too large");

    balances.of[in] -= amount;
    balances.of[out] += paid;
    reserves.of[in] += amount;
    reserves.of[out] -= paid;
    ordlane_storage_set(&balance_key, BALANCE_KEY_LEN, &balances, sizeof balances);
    ordlane_storage_set(&pool_key, POOL_KEY_LEN, &reserves, sizeof reserves);
    pair amounts = {{amount, paid}};
    ordlane_emit(&topics, 2, &amounts, sizeof amounts);
}

void init(void) {}

void call(void) {
    ordlane_input_copy(&input, sizeof input);
    pool_key.pool = input.pool;
    switch (input.method) {
    case 0:
        swap();
        break;
    case 1: {
        pair reserves = read(&pool_key, POOL_KEY_LEN, FIRST_RESERVE);
        ordlane_ret(&reserves, sizeof reserves);
    }
    default:
        REVERT("unknown method");
    }
}
