//! A chunk's pages by their ids.
//!
//! The pages of the three upper cuts below the root are found by their place in a list, which a walk through the chunk
//! keeps in the processor's cache; those further down by a hash of the id.

use std::collections::HashMap;

use foldhash::quality::RandomState;

use super::{page::PageId, pages::Entry};

/// How many pages of a chunk have an upper cut at depths 6, 12 and 16.
const UPPER: usize = 1 + (1 << 6) + (1 << 10);

#[derive(Default)]
pub(super) struct PageMap {
    /// Empty until it is needed.
    upper: Vec<Option<Entry>>,
    lower: HashMap<PageId, Entry, RandomState>,
}

impl PageMap {
    pub(super) fn get(&self, id: PageId) -> Option<&Entry> {
        match place_of(id) {
            Some(place) => self.upper.get(place)?.as_ref(),
            None => self.lower.get(&id),
        }
    }

    pub(super) fn get_mut(&mut self, id: PageId) -> Option<&mut Entry> {
        match place_of(id) {
            Some(place) => self.upper.get_mut(place)?.as_mut(),
            None => self.lower.get_mut(&id),
        }
    }

    pub(super) fn insert(&mut self, id: PageId, entry: Entry) {
        let Some(place) = place_of(id) else {
            self.lower.insert(id, entry);
            return;
        };
        if self.upper.len() <= place {
            let length = if place == 0 { 1 } else { UPPER };
            self.upper.resize_with(length, || None);
        }
        if let Some(slot) = self.upper.get_mut(place) {
            *slot = Some(entry);
        }
    }

    pub(super) fn remove(&mut self, id: PageId) {
        match place_of(id) {
            Some(place) => {
                if let Some(slot) = self.upper.get_mut(place) {
                    *slot = None;
                }
            }
            None => {
                self.lower.remove(&id);
            }
        }
    }
}

/// Where a page stands in the list of upper ones. The page at the root is the only one of its shard.
fn place_of(id: PageId) -> Option<usize> {
    let bits = usize::from(id.first_bits() & 0x3ff);
    match id.depth() {
        0 | 6 => Some(0),
        12 => Some((bits >> 4).saturating_add(1)),
        16 => Some(bits.saturating_add(1 + (1 << 6))),
        _ => None,
    }
}
