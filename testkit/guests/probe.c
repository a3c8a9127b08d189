// Calls any function of the host with any arguments, hostile ones too, and does what a contract should not do.
// The table of methods stands in README.md.
#include "guest.h"

// Where tests find things. Static data and the stack end below the first; RESULT is one value, and OUT follows it.
#define DATA ((u8 *)0x4000)
#define RESULT ((u8 *)0xf000)
#define OUT ((u8 *)0xf008)

static const u32 DATA_CAP = 0xf000 - 0x4000;
static const u32 SHOWN = 64;

// The arguments of the host's functions in the order of ordlane.h: i for i32, l for i64.
static const char ARGUMENTS[27][8] = {
    "iiii", "iiii", "ii",                      // storage_get, storage_set, storage_del
    "", "ii", "ii", "ii", "", "ii",            // input_len, input_copy, ret, revert, returndata_len, returndata_copy
    "i", "i", "i", "i", "ii",                  // caller, self_address, origin, value, balance
    "", "", "", "",                            // block_height, block_time, chain_id, gas_left
    "iii", "iiii",                             // sha256, ed25519_verify
    "iiii",                                    // emit
    "ii", "iiiili", "iiil", "iiiiili", "ii", "ii", // transfer, call, query, deploy, set_code, debug
};

// Places the input so that what comes behind the arguments starts at DATA.
static const u8 *place_input(u32 arguments_len) {
    u8 *start = DATA - arguments_len - 1;
    if ((u32)ordlane_input_copy(start, 1 + arguments_len + DATA_CAP) > 1 + arguments_len + DATA_CAP)
        REVERT("input too long");
    return start + 1;
}

static u32 u32_at(const u8 *at) {
    u32 value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}

static i64 i64_at(const u8 *at) {
    i64 value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}

static void call_host(u8 which) {
    u32 len = 0;
    for (const char *kind = ARGUMENTS[which]; *kind; kind++) len += *kind == 'l' ? 8 : 4;
    const u8 *at = place_input(len);
    i64 wide = 0; // no function has more than one argument of 64 bits
    u32 a[6] = {0}, count = 0;
    for (const char *kind = ARGUMENTS[which]; *kind; kind++) {
        if (*kind == 'l') {
            wide = i64_at(at);
            at += 8;
        } else {
            a[count++] = u32_at(at);
            at += 4;
        }
    }
    void *p[6];
    for (u32 i = 0; i < 6; i++) p[i] = (void *)a[i];

    i64 result = 0;
    switch (which) {
    case 0: result = ordlane_storage_get(p[0], a[1], p[2], a[3]); break;
    case 1: ordlane_storage_set(p[0], a[1], p[2], a[3]); break;
    case 2: ordlane_storage_del(p[0], a[1]); break;
    case 3: result = ordlane_input_len(); break;
    case 4: result = ordlane_input_copy(p[0], a[1]); break;
    case 5: ordlane_ret(p[0], a[1]);
    case 6: ordlane_revert(p[0], a[1]);
    case 7: result = ordlane_returndata_len(); break;
    case 8: result = ordlane_returndata_copy(p[0], a[1]); break;
    case 9: ordlane_caller(p[0]); break;
    case 10: ordlane_self_address(p[0]); break;
    case 11: ordlane_origin(p[0]); break;
    case 12: ordlane_value(p[0]); break;
    case 13: ordlane_balance(p[0], p[1]); break;
    case 14: result = ordlane_block_height(); break;
    case 15: result = ordlane_block_time(); break;
    case 16: result = ordlane_chain_id(); break;
    case 17: result = ordlane_gas_left(); break;
    case 18: ordlane_sha256(p[0], a[1], p[2]); break;
    case 19: result = ordlane_ed25519_verify(p[0], p[1], a[2], p[3]); break;
    case 20: ordlane_emit(p[0], a[1], p[2], a[3]); break;
    case 21: result = ordlane_transfer(p[0], p[1]); break;
    case 22: result = ordlane_call(p[0], p[1], p[2], a[3], wide, a[4]); break;
    case 23: result = ordlane_query(p[0], p[1], a[2], wide); break;
    case 24: result = ordlane_deploy(p[0], a[1], p[2], a[3], p[4], wide, p[5]); break;
    case 25: result = ordlane_set_code(p[0], a[1]); break;
    case 26: ordlane_debug(p[0], a[1]); break;
    }
    *(i64 *)RESULT = result;
    ordlane_ret(RESULT, sizeof result + SHOWN);
}

static _Noreturn void ret_u32(u32 value) { ordlane_ret(&value, sizeof value); }

// The barrier keeps the compiler from making a loop of it. Nothing is on the stack in memory, so only the host's limit
// counts.
static __attribute__((noinline)) u32 recurse(u32 levels) {
    if (levels == 0) return 0;
    u32 below = recurse(levels - 1);
    __asm__ volatile("" : "+r"(below));
    return below + 1;
}

static void call_itself(u8 method) {
    address self, nothing = {{0}};
    u32 depth = 0;
    ordlane_self_address(&self);
    if (ordlane_call(&self, &nothing, &method, 1, ALL_GAS, 1) != 0) ret_u32(0);
    ordlane_returndata_copy(&depth, sizeof depth);
    ret_u32(depth + 1);
}

static void emit_many(u32 n) {
    u32 topic[8] = {0};
    for (u32 i = 0; i < n; i++) {
        topic[0] = i;
        ordlane_emit(topic, 1, &i, sizeof i);
    }
}

static void write_many(u32 n, u32 value_len) {
    for (u32 i = 0; i < n; i++) {
        for (u32 k = 0; k < value_len; k++) OUT[k] = (u8)i;
        ordlane_storage_set(&i, sizeof i, OUT, value_len);
    }
}

static void read_many(u32 n) {
    u32 found = 0;
    for (u32 i = 0; i < n; i++) found += ordlane_storage_get(&i, sizeof i, OUT, 255) >= 0;
    ret_u32(found);
}

static void hash_many(u32 n, u32 len) {
    for (u32 i = 0; i < n; i++) ordlane_sha256(DATA, len, OUT);
    ordlane_ret(OUT, 32);
}

static void misbehave(u8 method) {
    const u8 *at = place_input(8);
    u32 n = u32_at(at);
    switch (method) {
    case 200:
        for (;;) __asm__ volatile("");
    case 201: ret_u32(recurse(n));
    case 202: ret_u32(__builtin_wasm_memory_grow(0, n));
    case 203: call_itself(method);
    case 204: __builtin_trap();
    case 205: emit_many(n); break;
    case 206: write_many(n, at[4]); break;
    case 207: read_many(n);
    case 208: hash_many(n, u32_at(at + 4));
    default: REVERT("unknown method");
    }
}

void call(void) {
    u8 method = 0;
    ordlane_input_copy(&method, 1);
    if (method < sizeof ARGUMENTS / sizeof *ARGUMENTS)
        call_host(method);
    else
        misbehave(method);
}

// What a contract tries while it is being deployed.
void init(void) {
    if (ordlane_input_len() > 0) call();
}
