//! A table that only grows and never moves an entry, so that readers need no lock to find one.

use std::array;

use crate::sync::{EXPLORED, OnceLock};

/// The first chunk holds so many entries; each further chunk doubles the table.
const FIRST_CHUNK: usize = if EXPLORED { 2 } else { 64 };
const CHUNKS: usize = (usize::BITS - FIRST_CHUNK.trailing_zeros()) as usize;

/// Entries by number; each is made with its default when its chunk is first asked for.
#[derive(Debug)]
pub(crate) struct Table<T> {
    chunks: [OnceLock<Box<[T]>>; CHUNKS],
}

impl<T: Default> Table<T> {
    pub(crate) fn new() -> Self {
        Self {
            chunks: array::from_fn(|_| OnceLock::new()),
        }
    }

    /// The entry with this number; numbers are below half of what a `usize` holds.
    #[inline]
    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "a place is at least the length of the first chunk, and lies in the chunk of its own highest bit"
    )]
    pub(crate) fn at(&self, number: usize) -> &T {
        let place = number + FIRST_CHUNK;
        let chunk = place.ilog2() - FIRST_CHUNK.ilog2();
        let start = FIRST_CHUNK << chunk;
        let entries =
            self.chunks[chunk as usize].get_or_init(|| (0..start).map(|_| T::default()).collect());
        &entries[place - start]
    }

    /// Calls `clear` for the entries with the first `count` numbers, as far as they were made.
    #[cfg(feature = "rayon")]
    pub(crate) fn clear(&mut self, count: usize, clear: impl FnMut(&mut T)) {
        let made = self.chunks.iter_mut().filter_map(OnceLock::get_mut);
        made.flatten().take(count).for_each(clear);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Table;

    #[test]
    fn every_number_has_its_own_entry() {
        let table = Table::<AtomicUsize>::new();
        for number in 0..5_000 {
            assert_eq!(table.at(number).swap(number + 1, Ordering::Relaxed), 0);
        }
        for number in (0..5_000).rev() {
            assert_eq!(table.at(number).load(Ordering::Relaxed), number + 1);
        }
    }
}
