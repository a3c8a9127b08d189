// Calls what it is told to, and tells how it went: two of them call each other back.
#include "guest.h"

static struct PACKED {
    address target;
    u8 flags;
    u8 payload[24 * 1024];
} input;

static struct PACKED {
    i32 code;
    u8 returned[16 * 1024];
} output;

static const u32 HEAD = 33;

void init(void) {}

void call(void) {
    u32 len = ordlane_input_copy(&input, sizeof input);
    if (len > sizeof input) REVERT("input too long");
    // The end of a chain of calls: nothing more to call.
    if (len < HEAD) ordlane_ret(&input, len);
    address nothing = {{0}};
    output.code = ordlane_call(&input.target, &nothing, input.payload, len - HEAD, ALL_GAS, input.flags);
    u32 returned = ordlane_returndata_copy(output.returned, sizeof output.returned);
    if (returned > sizeof output.returned) returned = sizeof output.returned;
    ordlane_ret(&output, sizeof output.code + returned);
}
