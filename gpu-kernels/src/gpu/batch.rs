//! Batches that the GPU and the CPU can share by index.

use core::ops::Range;

use ordlane_primitives::{Hash, batch::SignatureCheck};

use super::{
    accelerator::Capacity,
    calibrate::blocks,
    equation::{self, equations},
    work::{Answer, Kind, Texts, Work},
};
use crate::{
    Lanes,
    tier::{Hasher, Verifier},
};

/// Equations per task: some tens of microseconds of challenges.
const EQUATIONS_PER_TASK: usize = 128;
/// So many signatures are worth waiting for the lanes.
const FEWEST_FOR_LANES: usize = 1_024;

/// A batch of independent items.
pub(crate) trait Batch: Sync {
    /// What is known of an item afterwards.
    type Result: Copy + PartialEq + Send;
    const KIND: Kind;

    fn len(&self) -> usize;

    /// How much work these are, in the units of a cost.
    fn units(&self, range: Range<usize>) -> u64;

    /// How many items, from `range.start` on and no more than `range` has, the device takes in one job.
    fn fitting(&self, range: Range<usize>, capacity: Capacity) -> usize;

    /// The results of a range, by the CPU.
    fn on_cpu(&self, range: Range<usize>) -> Vec<Self::Result>;

    /// The results of some items, by the CPU: by the calling thread if they are few, since the lanes may have other work.
    fn some_on_cpu(&self, indices: &[usize]) -> Vec<Self::Result>;

    /// What the device is told of a range. Made on the calling thread if the lanes have other work.
    fn work(&self, range: Range<usize>, lanes_are_busy: bool) -> Work;

    /// The results of a range, of what the device says of it; nothing unless that is one for each.
    fn results(&self, range: Range<usize>, answer: Answer) -> Option<Vec<Self::Result>>;

    /// Whether the result of an item is what the device says of it; else a look at it tells nothing of the device.
    fn is_for_device(&self, _index: usize) -> bool {
        true
    }

    /// Whether this result of a device is always confirmed.
    fn is_confirmed(&self, result: Self::Result) -> bool;
}

/// Signatures to check.
pub(crate) struct Signatures<'a> {
    pub(crate) checks: &'a [SignatureCheck<'a>],
    pub(crate) lanes: &'a Lanes,
    pub(crate) verifier: &'a Verifier,
    pub(crate) confirms_accepts: bool,
}

/// 64-byte messages to hash.
pub(crate) struct Pairs<'a> {
    pub(crate) pairs: &'a [[u8; 64]],
    pub(crate) lanes: &'a Lanes,
    pub(crate) hasher: Hasher,
}

/// Messages of any length to hash.
pub(crate) struct Messages<'a> {
    pub(crate) messages: &'a [&'a [u8]],
    pub(crate) lanes: &'a Lanes,
    pub(crate) hasher: Hasher,
}

impl Batch for Signatures<'_> {
    type Result = bool;
    const KIND: Kind = Kind::Signatures;

    fn len(&self) -> usize {
        self.checks.len()
    }

    fn units(&self, range: Range<usize>) -> u64 {
        count(&range)
    }

    fn fitting(&self, range: Range<usize>, capacity: Capacity) -> usize {
        range.len().min(capacity.items)
    }

    fn on_cpu(&self, range: Range<usize>) -> Vec<bool> {
        self.verifier.verify(self.lanes, part(self.checks, range))
    }

    fn some_on_cpu(&self, indices: &[usize]) -> Vec<bool> {
        let checks = chosen(self.checks, indices);
        if checks.len() < FEWEST_FOR_LANES {
            self.verifier.verify_here(&checks)
        } else {
            self.verifier.verify(self.lanes, &checks)
        }
    }

    fn work(&self, range: Range<usize>, lanes_are_busy: bool) -> Work {
        let checks = part(self.checks, range);
        let here = |checks: &[SignatureCheck<'_>]| equations(self.verifier, checks);
        Work::Signatures(if lanes_are_busy {
            here(checks)
        } else {
            self.lanes.map_chunks(checks, EQUATIONS_PER_TASK, here)
        })
    }

    fn results(&self, range: Range<usize>, answer: Answer) -> Option<Vec<bool>> {
        match answer {
            Answer::Verdicts(holds) => equation::verdicts(part(self.checks, range), holds),
            Answer::Digests(_) => None,
        }
    }

    fn is_for_device(&self, index: usize) -> bool {
        self.checks.get(index).is_some_and(equation::is_asked)
    }

    /// A refusal makes a block invalid, and honest blocks have none: so it is the CPU's word.
    fn is_confirmed(&self, accepted: bool) -> bool {
        !accepted || self.confirms_accepts
    }
}

impl Batch for Pairs<'_> {
    type Result = Hash;
    const KIND: Kind = Kind::Pairs;

    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn units(&self, range: Range<usize>) -> u64 {
        count(&range)
    }

    fn fitting(&self, range: Range<usize>, capacity: Capacity) -> usize {
        range.len().min(capacity.items)
    }

    fn on_cpu(&self, range: Range<usize>) -> Vec<Hash> {
        self.hasher.hash_pairs(self.lanes, part(self.pairs, range))
    }

    fn some_on_cpu(&self, indices: &[usize]) -> Vec<Hash> {
        self.hasher.hash_pairs_here(&chosen(self.pairs, indices))
    }

    fn work(&self, range: Range<usize>, _: bool) -> Work {
        Work::Pairs(part(self.pairs, range).to_vec())
    }

    fn results(&self, range: Range<usize>, answer: Answer) -> Option<Vec<Hash>> {
        digests(&range, answer)
    }

    fn is_confirmed(&self, _: Hash) -> bool {
        false
    }
}

impl Batch for Messages<'_> {
    type Result = Hash;
    const KIND: Kind = Kind::Messages;

    fn len(&self) -> usize {
        self.messages.len()
    }

    fn units(&self, range: Range<usize>) -> u64 {
        part(self.messages, range)
            .iter()
            .map(|message| blocks(message.len()))
            .fold(0, u64::saturating_add)
    }

    fn fitting(&self, range: Range<usize>, capacity: Capacity) -> usize {
        let mut left = u64::try_from(capacity.blocks).unwrap_or(u64::MAX);
        part(self.messages, range)
            .iter()
            .take(capacity.items)
            .take_while(|message| match left.checked_sub(blocks(message.len())) {
                Some(rest) => {
                    left = rest;
                    true
                }
                None => false,
            })
            .count()
    }

    fn on_cpu(&self, range: Range<usize>) -> Vec<Hash> {
        self.hasher
            .hash_messages(self.lanes, part(self.messages, range))
    }

    fn some_on_cpu(&self, indices: &[usize]) -> Vec<Hash> {
        self.hasher
            .hash_messages_here(&chosen(self.messages, indices))
    }

    fn work(&self, range: Range<usize>, _: bool) -> Work {
        Work::Messages(Texts::of(part(self.messages, range)))
    }

    fn results(&self, range: Range<usize>, answer: Answer) -> Option<Vec<Hash>> {
        digests(&range, answer)
    }

    fn is_confirmed(&self, _: Hash) -> bool {
        false
    }
}

fn part<T>(items: &[T], range: Range<usize>) -> &[T] {
    items.get(range).unwrap_or_default()
}

/// Some of the items, in the order of the indices.
fn chosen<T: Copy>(items: &[T], indices: &[usize]) -> Vec<T> {
    indices
        .iter()
        .filter_map(|index| items.get(*index).copied())
        .collect()
}

fn digests(range: &Range<usize>, answer: Answer) -> Option<Vec<Hash>> {
    match answer {
        Answer::Digests(digests) if digests.len() == range.len() => Some(digests),
        Answer::Digests(_) | Answer::Verdicts(_) => None,
    }
}

fn count(range: &Range<usize>) -> u64 {
    u64::try_from(range.len()).unwrap_or(u64::MAX)
}
