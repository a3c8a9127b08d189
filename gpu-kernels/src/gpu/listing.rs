//! The text of kernels, for people.

use super::shaders::{KernelKind, Radix, kernel};
use crate::GpuRadix;

/// The names of all kernels.
pub const KERNEL_NAMES: [&str; KernelKind::ALL.len()] = {
    let mut names = [""; KernelKind::ALL.len()];
    let mut kinds: &[KernelKind] = &KernelKind::ALL;
    let mut rest: &mut [&str] = &mut names;
    while let ([kind, more @ ..], [name, others @ ..]) = (kinds, rest) {
        *name = kind.name();
        (kinds, rest) = (more, others);
    }
    names
};

/// The WGSL of the kernel with this name, if there is one. That of hashes is the same for every radix.
#[must_use]
pub fn shader(name: &str, radix: GpuRadix) -> Option<String> {
    let radix = match radix {
        GpuRadix::U32 => Radix::U32,
        GpuRadix::U64 => Radix::U64,
    };
    let kind = KernelKind::ALL
        .into_iter()
        .find(|kind| kind.name() == name)?;
    Some(kernel(kind, radix).wgsl)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_has_a_text_in_every_radix() {
        for name in KERNEL_NAMES {
            for radix in GpuRadix::ALL {
                let text = shader(name, radix).unwrap();
                assert!(text.contains("@compute"), "{name}");
                let has_int64 = text.contains("u64");
                let is_of_curve = name.starts_with("ed25519");
                assert_eq!(has_int64, is_of_curve && radix == GpuRadix::U64, "{name}");
            }
        }
        assert_eq!(shader("no kernel", GpuRadix::U32), None);
    }
}
