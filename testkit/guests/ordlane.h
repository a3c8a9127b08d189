// What a contract may import from the host. Every pointer is an offset into the exported memory; addresses have 32
// bytes, amounts 16. Reads copy at most `cap` bytes and return the full length, or -1 where there is nothing.
#pragma once

#define ORDLANE(name) __attribute__((import_module("ordlane"), import_name(#name)))

typedef unsigned char u8;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;
typedef unsigned __int128 u128;

ORDLANE(storage_get) i32 ordlane_storage_get(const void *key, u32 key_len, void *out, u32 cap);
ORDLANE(storage_set) void ordlane_storage_set(const void *key, u32 key_len, const void *value, u32 value_len);
ORDLANE(storage_del) void ordlane_storage_del(const void *key, u32 key_len);

ORDLANE(input_len) i32 ordlane_input_len(void);
ORDLANE(input_copy) i32 ordlane_input_copy(void *out, u32 cap);
ORDLANE(ret) _Noreturn void ordlane_ret(const void *ptr, u32 len);
ORDLANE(revert) _Noreturn void ordlane_revert(const void *ptr, u32 len);
ORDLANE(returndata_len) i32 ordlane_returndata_len(void);
ORDLANE(returndata_copy) i32 ordlane_returndata_copy(void *out, u32 cap);

ORDLANE(caller) void ordlane_caller(void *out);
ORDLANE(self_address) void ordlane_self_address(void *out);
ORDLANE(origin) void ordlane_origin(void *out);
ORDLANE(value) void ordlane_value(void *out);
ORDLANE(balance) void ordlane_balance(const void *address, void *out);
ORDLANE(block_height) i64 ordlane_block_height(void);
ORDLANE(block_time) i64 ordlane_block_time(void);
ORDLANE(chain_id) i64 ordlane_chain_id(void);
ORDLANE(gas_left) i64 ordlane_gas_left(void);

ORDLANE(sha256) void ordlane_sha256(const void *ptr, u32 len, void *out);
ORDLANE(ed25519_verify) i32 ordlane_ed25519_verify(const void *key, const void *message, u32 message_len,
                                                   const void *signature);

// At most four topics of 32 bytes, one after the other.
ORDLANE(emit) void ordlane_emit(const void *topics, u32 topic_count, const void *data, u32 data_len);

// 0, or an error code. Gas -1 is all that may be passed on; bit 0 of the flags lets others call back into the caller
// meanwhile.
ORDLANE(transfer) i32 ordlane_transfer(const void *to, const void *amount);
ORDLANE(call) i32 ordlane_call(const void *to, const void *value, const void *input, u32 input_len, i64 gas, u32 flags);
ORDLANE(query) i32 ordlane_query(const void *to, const void *input, u32 input_len, i64 gas);
ORDLANE(deploy) i32 ordlane_deploy(const void *code, u32 code_len, const void *init, u32 init_len, const void *salt,
                                   i64 gas, void *out);
ORDLANE(set_code) i32 ordlane_set_code(const void *code, u32 code_len);
ORDLANE(debug) void ordlane_debug(const void *ptr, u32 len);
