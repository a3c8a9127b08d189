//! A small language of straight-line code over words, in which every kernel is written once.
//!
//! A [`Program`] is a list of functions, each defined by calls of [`Code`]; [`Kernel`] is one that reads and writes
//! buffers. What is defined is then printed as WGSL ([`wgsl`]), run on numbers ([`machine`]), or run on ranges of numbers
//! ([`bounds`], in the tests), which proves for all inputs that nothing overflows.
//!
//! Rules of the language, all for the sake of the compilers below: a value never changes; indices into structures are
//! constant, and only buffers are indexed by values; loops have a body of such code, and what lives from turn to turn is
//! a [`Variable`]. Sums, differences and products of the plain kind do not wrap: that is a claim, which the ranges prove
//! and the machine checks.

#[cfg(test)]
pub(crate) mod bounds;
mod code;
pub(crate) mod machine;
mod program;
pub(crate) mod wgsl;

pub(crate) use code::Code;
pub(crate) use program::{
    Access, Buffer, BufferId, FunctionId, Kernel, Limits, Parameter, Program, StructId, Type, Value,
};
