// The functions of the host that the token needs.

// @ts-ignore: decorator
@external("ordlane", "storage_get")
export declare function storage_get(key: usize, key_len: i32, out: usize, cap: i32): i32;
// @ts-ignore: decorator
@external("ordlane", "storage_set")
export declare function storage_set(key: usize, key_len: i32, value: usize, value_len: i32): void;
// @ts-ignore: decorator
@external("ordlane", "input_copy")
export declare function input_copy(out: usize, cap: i32): i32;
// @ts-ignore: decorator
@external("ordlane", "ret")
export declare function ret(ptr: usize, len: i32): void;
// @ts-ignore: decorator
@external("ordlane", "revert")
export declare function revert(ptr: usize, len: i32): void;
// @ts-ignore: decorator
@external("ordlane", "caller")
export declare function caller(out: usize): void;
// @ts-ignore: decorator
@external("ordlane", "emit")
export declare function emit(topics: usize, topic_count: i32, data: usize, data_len: i32): void;
