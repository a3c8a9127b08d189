//! The CPU tiers.

pub(crate) mod portable;
