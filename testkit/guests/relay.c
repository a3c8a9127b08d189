// Passes a call along a chain of contracts, each of them usually another relay; the last one counts its callers.
#include "guest.h"

static u8 input[24 * 1024];
static u8 output[16 * 1024];

static void count_caller(void) {
    address caller;
    u64 count = 0;
    ordlane_caller(&caller);
    ordlane_storage_get(&caller, WORD, &count, sizeof count);
    count++;
    ordlane_storage_set(&caller, WORD, &count, sizeof count);
    ordlane_ret(&count, sizeof count);
}

void init(void) {}

void call(void) {
    u32 len = ordlane_input_copy(input, sizeof input);
    if (len > sizeof input) REVERT("input too long");
    u32 hops = input[0];
    if (hops == 0) count_caller();
    u32 payload = 1 + hops * WORD;
    if (len < payload) REVERT("input too short");

    // The rest of the input moves on with one hop less: its count stands in the last byte of this hop's address.
    address hop, nothing = {{0}};
    copy(&hop, input + 1, WORD);
    input[WORD] = hops - 1;
    i32 code = ordlane_call(&hop, &nothing, input + WORD, len - WORD, ALL_GAS, 0);

    u32 returned = ordlane_returndata_copy(output, sizeof output);
    if (returned > sizeof output) returned = sizeof output;
    if (code == 0) ordlane_ret(output, returned);
    if (len > payload && input[payload] == 'r') ordlane_revert(output, returned);
    ordlane_ret(&code, sizeof code);
}
