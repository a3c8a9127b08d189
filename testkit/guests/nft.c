// Tokens that are one of a kind. Minting in order makes everybody write one counter; minting by id touches no common
// slot.
#include "guest.h"

static const u8 COUNTER[1] = "n";

static struct PACKED {
    u8 tag;
    u64 id;
} owner_key = {.tag = 'o'};

static struct {
    u8 name[32];
    address from, to;
} topics;

static address owner;

static int is_taken(u64 id) {
    owner_key.id = id;
    return ordlane_storage_get(&owner_key, sizeof owner_key, &owner, sizeof owner) >= 0;
}

// The slot is the one that `is_taken` looked at last. A mint comes from the address of zeros.
static void give(void) {
    ordlane_storage_set(&owner_key, sizeof owner_key, &topics.to, WORD);
    copy(topics.name, TOPIC_TRANSFER, WORD);
    ordlane_emit(&topics, 3, &owner_key.id, sizeof owner_key.id);
}

static _Noreturn void mint_next(void) {
    u64 id = 0;
    ordlane_storage_get(COUNTER, sizeof COUNTER, &id, sizeof id);
    // Somebody may have chosen this id.
    while (is_taken(id)) id++;
    give();
    u64 next = id + 1;
    ordlane_storage_set(COUNTER, sizeof COUNTER, &next, sizeof next);
    ordlane_ret(&id, sizeof id);
}

static void mint_id(u64 id) {
    if (is_taken(id)) REVERT("taken");
    give();
}

static void transfer(u64 id) {
    ordlane_caller(&topics.from);
    if (!is_taken(id) || !same(&owner, &topics.from)) REVERT("not the owner");
    give();
}

void init(void) {}

void call(void) {
    static union {
        u8 method;
        struct PACKED {
            u8 method;
            address to;
        } next;
        struct PACKED {
            u8 method;
            u64 id;
            address to;
        } chosen;
    } input;
    ordlane_input_copy(&input, sizeof input.chosen);
    topics.to = input.method == 0 ? input.next.to : input.chosen.to;
    switch (input.method) {
    case 0:
        mint_next();
    case 1:
        mint_id(input.chosen.id);
        break;
    case 2:
        transfer(input.chosen.id);
        break;
    default:
        REVERT("unknown method");
    }
}
