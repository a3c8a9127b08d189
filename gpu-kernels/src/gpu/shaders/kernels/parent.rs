//! Digests of messages of 64 bytes.

use super::{load_quads, quads, read, store_quads, write};
use crate::gpu::shaders::emit::{BufferId, Kernel, Program};
use crate::gpu::shaders::sha256::Sha256;

const PAIRS: BufferId = BufferId::new(0);
const DIGESTS: BufferId = BufferId::new(1);

/// Message i gives digest i.
pub(crate) fn define(program: &mut Program) -> Kernel {
    let sha256 = Sha256::define(program);
    program.kernel_per_item(
        "sha256_parent",
        ["count", "unused_1", "unused_2", "unused_3"],
        vec![quads(read("pairs")), quads(write("digests"))],
        |code, item| {
            let message = load_quads(code, PAIRS, code.shift_left(item, 2));
            let digest = sha256.digest(code, sha256.pair(code, message));
            store_quads(code, DIGESTS, code.shift_left(item, 1), &digest);
        },
    )
}
