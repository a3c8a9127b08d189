//! What is asked of a device, and what it answers.
//!
//! Invariant: work is owned, so that a caller who gave up leaves nothing behind that a device could still read.

use ordlane_primitives::{Hash, levels::LevelPlan};

#[cfg(any(test, feature = "faults"))]
use super::list;

/// Which of its kernels a device is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Verdicts on equations.
    Signatures,
    /// Digests of 64-byte messages.
    Pairs,
    /// Digests of messages of any length.
    Messages,
    /// Digests of a plan, or of a list.
    Levels,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Signatures, Self::Pairs, Self::Messages, Self::Levels];

    /// Its name in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Signatures => "signatures",
            Self::Pairs => "pairs",
            Self::Messages => "messages",
            Self::Levels => "levels",
        }
    }
}

/// One of something for each kind of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PerKind<T> {
    pub(crate) signatures: T,
    pub(crate) pairs: T,
    pub(crate) messages: T,
    pub(crate) levels: T,
}

impl<T> PerKind<T> {
    pub(crate) const fn of(&self, kind: Kind) -> &T {
        match kind {
            Kind::Signatures => &self.signatures,
            Kind::Pairs => &self.pairs,
            Kind::Messages => &self.messages,
            Kind::Levels => &self.levels,
        }
    }

    pub(crate) const fn of_mut(&mut self, kind: Kind) -> &mut T {
        match kind {
            Kind::Signatures => &mut self.signatures,
            Kind::Pairs => &mut self.pairs,
            Kind::Messages => &mut self.messages,
            Kind::Levels => &mut self.levels,
        }
    }
}

/// The equation of a signature whose S is canonical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Equation {
    pub(crate) key: [u8; 32],
    /// `R ‖ S`.
    pub(crate) signature: [u8; 64],
    /// `k`, below the group order, little-endian.
    pub(crate) challenge: [u8; 32],
}

/// Messages of any length, one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    pub(crate) fn of(messages: &[&[u8]]) -> Self {
        let mut texts = Self::default();
        for message in messages {
            texts.bytes.extend_from_slice(message);
            texts.ends.push(texts.bytes.len());
        }
        texts
    }

    #[cfg(any(test, feature = "faults"))]
    pub(crate) const fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = core::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }
}

/// A piece of work for a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Signatures(Vec<Equation>),
    Pairs(Vec<[u8; 64]>),
    Messages(Texts),
    Levels(LevelPlan),
    /// The nodes above these leaves of a list, level after level.
    List(Vec<Hash>),
}

#[cfg(any(test, feature = "faults"))]
impl Work {
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Signatures(_) => Kind::Signatures,
            Self::Pairs(_) => Kind::Pairs,
            Self::Messages(_) => Kind::Messages,
            Self::Levels(_) | Self::List(_) => Kind::Levels,
        }
    }

    /// How many answers are asked for.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Signatures(equations) => equations.len(),
            Self::Pairs(pairs) => pairs.len(),
            Self::Messages(texts) => texts.len(),
            Self::Levels(plan) => plan.len(),
            Self::List(leaves) => list::above(leaves.len()),
        }
    }
}

/// What a device answers: one for each item, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Verdicts(Vec<bool>),
    Digests(Vec<Hash>),
}
