//! Digests.

use ordlane_primitives::{Hash, hash::sha256};

use super::tree::{root_in, tree, tree_buffers};
use super::{run, words};
use crate::gpu::shaders::emit::Program;
use crate::gpu::shaders::emit::machine::{Fault, Machine};
use crate::gpu::shaders::pack::messages::{PackedMessages, digests};
use crate::gpu::shaders::{KernelKind, Radix, kernels};

/// Bytes that are all different for some time.
pub(super) fn bytes(len: usize, seed: usize) -> Vec<u8> {
    let byte = |at: usize| (at * 131 + seed * 37 + at / 256).to_le_bytes()[0];
    (0..len).map(byte).collect()
}

pub(super) fn pairs(count: usize) -> Vec<[u8; 64]> {
    let pair = |seed| bytes(64, seed).try_into().unwrap();
    (0..count).map(pair).collect()
}

/// Messages of all lengths about the ends of blocks.
pub(super) fn messages() -> Vec<Vec<u8>> {
    (0..200).map(|len| bytes(len, len)).collect()
}

/// The levels of a tree over nodes, and how many nodes there are in all.
pub(super) fn levels(children: u32) -> (Vec<[u32; 4]>, u32) {
    let mut uniforms = Vec::new();
    let (mut source, mut width) = (0, children);
    while width > 1 {
        let parents = width.div_ceil(2);
        uniforms.push([parents, width, source, source + width]);
        source += width;
        width = parents;
    }
    (uniforms, source + width)
}

/// The root of nodes, by the definition.
pub(super) fn root_of(mut nodes: Vec<Hash>) -> Hash {
    while nodes.len() > 1 {
        nodes = nodes
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => sha256(&[left.0, right.0].concat()),
                [alone] => *alone,
                _ => unreachable!("chunks of two"),
            })
            .collect();
    }
    nodes[0]
}

#[test]
fn parents_are_those_of_the_definition() {
    let pairs = pairs(9);
    let uniform = [9, 0, 0, 0];
    let buffers = run(
        KernelKind::Sha256Parent,
        Radix::U64,
        uniform,
        vec![words(&pairs), vec![0; 72]],
    );
    let expected: Vec<Hash> = pairs.iter().map(|pair| sha256(pair)).collect();
    assert_eq!(digests(&buffers[1]), expected);
}

#[test]
fn digests_of_messages_are_those_of_the_definition() {
    let messages = messages();
    let slices: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let packed = PackedMessages::pack(&slices, usize::MAX);
    let buffers = run(
        KernelKind::Sha256Leaf,
        Radix::U64,
        [packed.count, 0, 0, 0],
        vec![
            words(&packed.blocks),
            packed.starts,
            vec![0; 8 * messages.len()],
        ],
    );
    let expected: Vec<Hash> = messages.iter().map(|message| sha256(message)).collect();
    assert_eq!(digests(&buffers[2]), expected);
}

#[test]
fn levels_lift_the_node_that_is_alone() {
    for children in 1..=13 {
        let leaves: Vec<[u8; 32]> = (0..children)
            .map(|at| bytes(32, at).try_into().unwrap())
            .collect();
        let (uniforms, count) = levels(children.try_into().unwrap());
        let mut nodes = words(&leaves);
        nodes.resize(8 * count as usize, 0);
        let mut buffers = vec![nodes];
        for uniform in uniforms {
            buffers = run(KernelKind::Sha256Level, Radix::U64, uniform, buffers);
        }
        let root = digests(&buffers[0]).last().copied();
        assert_eq!(root, Some(root_of(leaves.into_iter().map(Hash).collect())));
    }
}

#[test]
fn a_tree_is_hashed_from_its_leaves_to_its_root() {
    let tree = tree(4);
    let mut program = Program::new();
    let kernel = kernels::chunks::define(&mut program, 1);
    let machine = Machine::new(&program, &kernel);
    let mut buffers = tree_buffers(&tree);
    for uniform in tree.uniforms {
        machine.run(uniform, &mut buffers).unwrap();
    }
    assert_eq!(root_in(&buffers[0]), tree.root);
}

#[test]
fn threads_that_wait_for_each_other_are_not_run_one_after_another() {
    let tree = tree(1);
    let mut program = Program::new();
    let kernel = kernels::chunks::define(&mut program, 2);
    let mut buffers = tree_buffers(&tree);
    let ran = Machine::new(&program, &kernel).run(tree.uniforms[0], &mut buffers);
    assert_eq!(ran, Err(Fault::Barrier));
}
