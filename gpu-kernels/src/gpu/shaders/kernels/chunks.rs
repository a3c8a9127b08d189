//! All levels of parts of the state tree: one workgroup works through the levels of its part, its chunk. One dispatch for
//! all chunks is followed by one for what is above them, which is a chunk of its own.
//!
//! Messages are numbered so that those of one level of one chunk follow each other. A message's link says where its digest
//! goes: twice the half of a message that becomes it, plus one if the message is a leaf's. The half h belongs to the
//! message h / 2. So a parent's message is complete when the levels below it are done, and after the last level the
//! messages hold every node but the highest, whose link may name a message that is never hashed.
//!
//! The plan begins with a word per chunk and one more: chunk c has the levels from `plan[c]` to `plan[c + 1]`, where level l
//! has the messages from `plan[l]` to `plan[l + 1]`. So the word at which a chunk's levels end is the end of its last one.

use super::{load_quads, quads, read, store_quads, write};
use crate::gpu::shaders::MAX_ITEMS;
use crate::gpu::shaders::emit::{BufferId, Kernel, Program};
use crate::gpu::shaders::sha256::Sha256;

const MESSAGES: BufferId = BufferId::new(0);
const LINKS: BufferId = BufferId::new(1);
const PLAN: BufferId = BufferId::new(2);

/// The word of the uniform.
const FIRST_CHUNK: usize = 1;

/// Hashes the messages of `count` chunks from `first_chunk` on, level after level.
pub(crate) fn define(program: &mut Program, workgroup_size: u32) -> Kernel {
    let sha256 = Sha256::define(program);
    program.kernel_per_workgroup(
        "sha256_chunks",
        ["count", "first_chunk", "unused_2", "unused_3"],
        vec![quads(write("messages")), read("links"), read("plan")],
        workgroup_size,
        |code, workgroup, thread| {
            let chunk = code.add(code.uniform(FIRST_CHUNK, MAX_ITEMS), workgroup);
            let load_plan = |index| code.load(PLAN, index, MAX_ITEMS);
            let first_level = load_plan(chunk);
            let end_level = load_plan(code.add_constant(chunk, 1));
            let step = code.u32(workgroup_size);
            code.count(first_level, end_level, code.u32(1), |level| {
                let first = code.add(load_plan(level), thread);
                let end = load_plan(code.add_constant(level, 1));
                code.count(first, end, step, |message| {
                    let words = load_quads(code, MESSAGES, code.shift_left(message, 2));
                    let link = code.load(LINKS, message, u32::MAX);
                    let is_leaf = code.equal_constant(code.mask(link, 1), 1);
                    let state = sha256.marked(code, sha256.pair(code, words), is_leaf);
                    let half = code.mask(link, u64::from(u32::MAX) - 1);
                    store_quads(code, MESSAGES, half, &sha256.digest(code, state));
                });
                code.barrier();
            });
        },
    )
}
