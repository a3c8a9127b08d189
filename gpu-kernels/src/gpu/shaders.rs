//! The GPU's kernels: generated WGSL, what their buffers hold, and how the host fills them.
//!
//! [`kernel`] gives the text of a kernel and its interface. The code is written once, in the language of [`emit`], for both
//! radices: [`field`], [`point`] and [`sha256`] hold functions, [`kernels`] what is run per item. [`layout`] says what lies
//! in the buffers, and [`pack`] fills them.
//!
//! Every kernel has one group of bindings: a uniform of four words at 0, and at most four storage buffers after it. The
//! first word of the uniform is the number of items, or of workgroups; threads beyond it do nothing, so a dispatch may be
//! larger, and may be spread over two dimensions.
//!
//! Invariant: nothing here talks to a device, so that everything here is tested without one.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "what is generated depends on nothing but the kernel and the radix, and the tests generate all of it"
)]

pub(crate) mod base;
pub(crate) mod emit;
pub(crate) mod field;
pub(crate) mod kernels;
pub(crate) mod layout;
pub(crate) mod pack;
pub(crate) mod point;
pub(crate) mod power;
pub(crate) mod radix;
pub(crate) mod sha256;

pub(crate) use radix::Radix;

use emit::{Access, Kernel, Program, wgsl};

/// Threads of a workgroup, in kernels whose threads do not wait for each other.
pub(crate) const WORKGROUP_SIZE: u32 = 64;
/// Threads of a workgroup that works through the levels of a tree together.
pub(crate) const CHUNK_WORKGROUP_SIZE: u32 = 256;
/// How many items one dispatch may have, and how many messages or nodes a buffer. So no index overflows.
pub(crate) const MAX_ITEMS: u32 = 1 << 26;
/// How many signatures one batch may have.
pub(crate) const MAX_SIGNATURES: u32 = 1 << 22;

/// A kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum KernelKind {
    /// Digests of messages of 64 bytes.
    Sha256Parent,
    /// One level of a list's tree from the level below it, in one buffer.
    Sha256Level,
    /// All levels of parts of the state tree, each part by one workgroup.
    Sha256Chunks,
    /// Digests of messages of any length.
    Sha256Leaf,
    /// Points from their encodings.
    Ed25519Decompress,
    /// Multiples of the keys, and sums to begin with.
    Ed25519Table,
    /// Adds `s B - k A` to the sums, by some of the scalars' bytes.
    Ed25519Straus,
    /// Verdicts from the sums.
    Ed25519Finish,
}

impl KernelKind {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Sha256Parent,
        Self::Sha256Level,
        Self::Sha256Chunks,
        Self::Sha256Leaf,
        Self::Ed25519Decompress,
        Self::Ed25519Table,
        Self::Ed25519Straus,
        Self::Ed25519Finish,
    ];

    /// Its name in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sha256Parent => "sha256_parent",
            Self::Sha256Level => "sha256_level",
            Self::Sha256Chunks => "sha256_chunks",
            Self::Sha256Leaf => "sha256_leaf",
            Self::Ed25519Decompress => "ed25519_decompress",
            Self::Ed25519Table => "ed25519_table",
            Self::Ed25519Straus => "ed25519_straus",
            Self::Ed25519Finish => "ed25519_finish",
        }
    }

    /// Whether its text depends on the radix.
    pub(crate) const fn has_radix(self) -> bool {
        matches!(
            self,
            Self::Ed25519Decompress
                | Self::Ed25519Table
                | Self::Ed25519Straus
                | Self::Ed25519Finish
        )
    }

    /// The same kernel in the language of [`emit`], and what it calls.
    pub(crate) fn define(self, radix: Radix) -> (Program, Kernel) {
        let mut program = Program::new();
        let kernel = match self {
            Self::Sha256Parent => kernels::parent::define(&mut program),
            Self::Sha256Level => kernels::level::define(&mut program),
            Self::Sha256Chunks => kernels::chunks::define(&mut program, CHUNK_WORKGROUP_SIZE),
            Self::Sha256Leaf => kernels::leaf::define(&mut program),
            Self::Ed25519Decompress => kernels::decompress::define(&mut program, radix),
            Self::Ed25519Table => kernels::table::define(&mut program, radix),
            Self::Ed25519Straus => kernels::straus::define(&mut program, radix),
            Self::Ed25519Finish => kernels::finish::define(&mut program, radix),
        };
        (program, kernel)
    }
}

/// The text of a kernel and its interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KernelSource {
    /// Its name in reports and as a label.
    pub(crate) name: &'static str,
    /// Its text. Every index is within the buffers that [`layout`] describes, and every loop ends.
    pub(crate) wgsl: String,
    /// The function to run.
    pub(crate) entry_point: &'static str,
    /// Threads of a workgroup.
    pub(crate) workgroup_size: u32,
    /// Whether each item has a thread, or a workgroup.
    pub(crate) items_per_workgroup: u32,
    /// The storage buffers, at bindings 1, 2 and so on.
    pub(crate) buffers: Vec<Binding>,
    /// Whether the device must offer integers of 64 bits.
    pub(crate) needs_int64: bool,
}

/// A storage buffer of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    /// Its number in group 0.
    pub(crate) binding: u32,
    /// Its name in the text and in [`layout`].
    pub(crate) name: &'static str,
    /// Whether the kernel only reads it.
    pub(crate) is_read_only: bool,
}

/// The text of a kernel and its interface.
pub(crate) fn kernel(kind: KernelKind, radix: Radix) -> KernelSource {
    let (program, kernel) = kind.define(radix);
    KernelSource {
        name: kernel.name,
        wgsl: wgsl::print(&program, &kernel),
        entry_point: wgsl::ENTRY_POINT,
        workgroup_size: kernel.workgroup_size,
        items_per_workgroup: kernel.items_per_workgroup(),
        buffers: kernel
            .buffers
            .iter()
            .zip(1..)
            .map(|(buffer, binding)| Binding {
                binding,
                name: buffer.name,
                is_read_only: buffer.access == Access::Read,
            })
            .collect(),
        needs_int64: kind.has_radix() && radix.needs_int64(),
    }
}

#[cfg(test)]
mod tests;
