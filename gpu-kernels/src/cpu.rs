//! The CPU tiers.

#[cfg(target_arch = "x86_64")]
pub(crate) mod ifma;
#[cfg(any(target_arch = "x86_64", feature = "gpu"))]
pub(crate) mod padding;
pub(crate) mod portable;
#[cfg(any(target_arch = "x86_64", feature = "gpu"))]
pub(crate) mod sha256;
#[cfg(target_arch = "x86_64")]
pub(crate) mod vector;
