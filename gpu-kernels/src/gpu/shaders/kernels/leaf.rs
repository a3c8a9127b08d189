//! Digests of messages of any length.

use super::{load_quads, quads, read, store_quads, write};
use crate::gpu::shaders::MAX_ITEMS;
use crate::gpu::shaders::emit::{BufferId, Kernel, Program};
use crate::gpu::shaders::sha256::Sha256;

const BLOCKS: BufferId = BufferId::new(0);
const STARTS: BufferId = BufferId::new(1);
const DIGESTS: BufferId = BufferId::new(2);

/// Message i has the blocks from `starts[i]` to `starts[i + 1]`, and gives digest i.
pub(crate) fn define(program: &mut Program) -> Kernel {
    let sha256 = Sha256::define(program);
    program.kernel_per_item(
        "sha256_leaf",
        ["count", "unused_1", "unused_2", "unused_3"],
        vec![
            quads(read("blocks")),
            read("starts"),
            quads(write("digests")),
        ],
        |code, item| {
            let first = code.load(STARTS, item, MAX_ITEMS);
            let end = code.load(STARTS, code.add_constant(item, 1), MAX_ITEMS);
            let state = code.variable(sha256.initial(code), Sha256::limits());
            code.count(first, end, code.u32(1), |block| {
                let quads = load_quads(code, BLOCKS, code.shift_left(block, 2));
                code.set(state, sha256.compress(code, code.get(state), quads));
            });
            let digest = sha256.digest(code, code.get(state));
            store_quads(code, DIGESTS, code.shift_left(item, 1), &digest);
        },
    )
}
