//! One level of the tree over a list, from the level below it.
//!
//! Parent i is the digest of the children 2 i and 2 i + 1; a child without another one rises unchanged. All levels lie in
//! one buffer, so that one submission computes them one after another.

use super::{load_quads, quads, store_quads, write};
use crate::gpu::shaders::MAX_ITEMS;
use crate::gpu::shaders::emit::{BufferId, Kernel, Program};
use crate::gpu::shaders::sha256::Sha256;

const NODES: BufferId = BufferId::new(0);

/// The words of the uniform.
const CHILDREN: usize = 1;
const SOURCE: usize = 2;
const TARGET: usize = 3;

/// The node `target + i` becomes the parent i of the `children` that begin at the node `source`.
pub(crate) fn define(program: &mut Program) -> Kernel {
    let sha256 = Sha256::define(program);
    program.kernel_per_item(
        "sha256_level",
        ["count", "children", "source", "target_node"],
        vec![quads(write("nodes"))],
        |code, item| {
            let [children, source, target] =
                [CHILDREN, SOURCE, TARGET].map(|word| code.uniform(word, MAX_ITEMS));
            let first = code.shift_left(item, 1);
            let second = code.add_constant(first, 1);
            let has_second = code.less(second, children);
            // One that is alone is hashed with itself, and the digest left out.
            let second = code.select(has_second, second, first);
            let [left, right] = [first, second].map(|child| {
                let quad = code.shift_left(code.add(source, child), 1);
                load_quads::<2>(code, NODES, quad)
            });
            let message = [left[0], left[1], right[0], right[1]];
            let digest = sha256.digest(code, sha256.pair(code, message));
            let parent: [_; 2] =
                std::array::from_fn(|at| code.select(has_second, digest[at], left[at]));
            let quad = code.shift_left(code.add(target, item), 1);
            store_quads(code, NODES, quad, &parent);
        },
    )
}
