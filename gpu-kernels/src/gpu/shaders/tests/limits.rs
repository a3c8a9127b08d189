//! What holds of every kernel, for all inputs.

use crate::gpu::shaders::emit::bounds::prove;
use crate::gpu::shaders::{KernelKind, Radix, kernel};

#[test]
fn no_word_overflows_in_any_kernel() {
    for radix in Radix::ALL {
        for kind in KernelKind::ALL {
            let (program, kernel) = kind.define(radix);
            prove(&program, &kernel);
        }
    }
}

#[test]
fn no_kernel_asks_for_more_than_every_device_has() {
    for radix in Radix::ALL {
        for kind in KernelKind::ALL {
            let source = kernel(kind, radix);
            assert!(source.buffers.len() <= 4, "{kind:?}");
            assert!(source.workgroup_size <= 256, "{kind:?}");
            assert_eq!(source.name, kind.name());
            assert_eq!(source.wgsl.contains("u64"), source.needs_int64, "{kind:?}");
            for word in ["f32", "atomic", "subgroup", "enable "] {
                assert!(!source.wgsl.contains(word), "{kind:?} uses {word}");
            }
        }
    }
}
