//! Pages of a range, put together from what the base holds and what the block has touched; the same for both modes.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::types::Entries;
use crate::vm::Stop;

/// The most entries that one [`View::scan`](crate::View::scan) gives.
pub const SCAN_LIMIT: usize = 4_096;

/// The base is asked for at least so many entries at once, since some of them may have been deleted.
const LEAST_CHUNK: usize = 16;

/// What a page is made from.
pub(crate) trait Ranged<K, V> {
    /// The first entries of the base between two bounds, which are not empty; fewer than `limit` only if there are no more.
    fn chunk(
        &mut self,
        from: Bound<&K>,
        to: Bound<&K>,
        limit: usize,
    ) -> Result<Entries<K, V>, Stop>;

    /// Every other key between the bounds that may be present, in any order.
    fn touched(&mut self, from: Bound<&K>, to: Bound<&K>) -> Vec<K>;

    /// What the run sees under a key of which the base says `base`.
    fn value(&mut self, key: &K, base: Option<V>) -> Result<Option<V>, Stop>;
}

/// A page, and the end of the range that it covers.
pub(crate) struct Page<K, V> {
    pub(crate) entries: Entries<K, V>,
    #[cfg_attr(
        not(feature = "rayon"),
        expect(dead_code, reason = "without speculation nothing is validated")
    )]
    pub(crate) end: Bound<K>,
}

/// The first present entries between two bounds, at most `limit` of them.
pub(crate) fn page<K: Clone + Ord, V>(
    view: &mut impl Ranged<K, V>,
    from: Bound<&K>,
    to: Bound<&K>,
    limit: usize,
) -> Result<Page<K, V>, Stop> {
    let mut entries = Vec::new();
    let mut start = from.cloned();
    let most = limit.max(LEAST_CHUNK);
    while !is_empty(start.as_ref(), to) {
        let chunk = view.chunk(start.as_ref(), to, most)?;
        let end = match chunk.last() {
            Some((key, _)) if chunk.len() >= most => Bound::Included(key.clone()),
            _ => to.cloned(),
        };
        let mut candidates: BTreeMap<K, Option<V>> = BTreeMap::new();
        for key in view.touched(start.as_ref(), end.as_ref()) {
            candidates.insert(key, None);
        }
        for (key, value) in chunk {
            candidates.insert(key, Some(value));
        }
        for (key, base) in candidates {
            if let Some(value) = view.value(&key, base)? {
                entries.push((key.clone(), value));
            }
            if entries.len() >= limit {
                let end = Bound::Included(key);
                return Ok(Page { entries, end });
            }
        }
        start = match end {
            // The chunk was full: there may be more behind its last key.
            Bound::Included(last) if to != Bound::Included(&last) => Bound::Excluded(last),
            _ => break,
        };
    }
    let end = to.cloned();
    Ok(Page { entries, end })
}

/// Whether no key can lie between the bounds. A range of ordered maps must not be asked for then.
pub(crate) fn is_empty<K: Ord>(from: Bound<&K>, to: Bound<&K>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(to) | Bound::Excluded(to),
        ) => from >= to,
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound::{Excluded, Included, Unbounded};

    use super::is_empty;

    #[test]
    fn ranges_that_hold_nothing_are_known() {
        assert!(!is_empty(Included(&1), Included(&1)));
        assert!(is_empty(Included(&1), Excluded(&1)));
        assert!(is_empty(Excluded(&1), Included(&1)));
        assert!(is_empty(Excluded(&1), Excluded(&1)));
        assert!(is_empty(Included(&2), Included(&1)));
        assert!(!is_empty(Unbounded, Excluded(&0)));
        assert!(!is_empty(Excluded(&9), Unbounded));
    }
}
