//! The CPU tiers.

#[cfg(target_arch = "x86_64")]
pub(crate) mod ifma;
#[cfg(target_arch = "x86_64")]
mod padding;
pub(crate) mod portable;
#[cfg(target_arch = "x86_64")]
pub(crate) mod sha256;
#[cfg(target_arch = "x86_64")]
pub(crate) mod vector;
