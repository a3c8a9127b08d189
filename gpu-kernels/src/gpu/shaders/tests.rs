//! The kernels' code, without a device: its limits for all inputs, and its results for many.

mod claims;
mod device;
mod encodings;
mod hashes;
mod limits;
mod on_device;
mod signatures;
mod tree;

use super::emit::machine::Machine;
use super::{KernelKind, Radix};

/// Runs a kernel on buffers and gives them back.
fn run(
    kind: KernelKind,
    radix: Radix,
    uniform: [u32; 4],
    mut buffers: Vec<Vec<u32>>,
) -> Vec<Vec<u32>> {
    let (program, kernel) = kind.define(radix);
    Machine::new(&program, &kernel)
        .run(uniform, &mut buffers)
        .unwrap();
    buffers
}

/// Bytes as words, as they lie in memory.
fn words<T: bytemuck::NoUninit>(items: &[T]) -> Vec<u32> {
    bytemuck::pod_collect_to_vec(items)
}
