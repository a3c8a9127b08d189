// Arithmetic and memory only: what the interpreter costs when the host has nothing to do.
#include "guest.h"

static u64 buffer[128];

void init(void) {}

void call(void) {
    u32 rounds = 0;
    ordlane_input_copy(&rounds, sizeof rounds);
    u64 state = 0x9e3779b97f4a7c15;
    for (u32 round = 0; round < rounds; round++) {
        for (u32 i = 0; i < 128; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            buffer[i] = (buffer[i] ^ state) * 0xd1342543de82ef95;
            state += buffer[i];
        }
    }
    ordlane_ret(&state, sizeof state);
}
