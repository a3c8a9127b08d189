// What every contract here shares: the exports, and a few lines in place of a C library.
#pragma once

#include "ordlane.h"

#define PACKED __attribute__((packed))

typedef struct {
    u64 words[4];
} address;

// The three functions that the host looks for; the linker exports them by name.
void init(void);
void call(void);
void ordlane_abi_1(void);

// The marker of the interface's version: it is there, it does nothing.
void ordlane_abi_1(void) {}

#define REVERT(text) ordlane_revert(text, sizeof(text) - 1)

static const i64 ALL_GAS = -1;
static const u32 WORD = 32; // an address, a topic

// A topic: the text, then zeros.
static const u8 TOPIC_TRANSFER[32] = "Transfer";

static inline int same(const address *a, const address *b) {
    u64 difference = 0;
    for (int i = 0; i < 4; i++) difference |= a->words[i] ^ b->words[i];
    return difference == 0;
}

static inline void copy(void *to, const void *from, u32 len) {
    for (u32 i = 0; i < len; i++) ((u8 *)to)[i] = ((const u8 *)from)[i];
}
