//! Where the records of fjall's journals lie, so that damage can be done to each of them.

/// One batch: where it begins, and where the next one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The bytes of what stands before a batch's first entry: a tag, the number of entries, the sequence number.
pub(crate) const HEAD_BYTES: usize = 1 + 4 + 8;

/// All whole batches of a journal.
pub(crate) fn batches(journal: &[u8]) -> Vec<Batch> {
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(end) = end_of(journal, start) {
        found.push(Batch { start, end });
        start = end;
    }
    found
}

fn end_of(journal: &[u8], start: usize) -> Option<usize> {
    const START: u8 = 1;
    const ENTRY: u8 = 2;
    const END: u8 = 3;
    let number = |at: usize, bytes: usize| -> Option<usize> {
        let little_endian = journal.get(at..at + bytes)?.iter().rev();
        Some(little_endian.fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    if journal.get(start) != Some(&START) {
        return None;
    }
    let mut at = start + HEAD_BYTES;
    while journal.get(at) == Some(&ENTRY) {
        // Tag, kind and compression, a byte each, and the key space's 8.
        let sizes = at + 3 + 8;
        let (key_bytes, value_bytes) = (number(sizes, 2)?, number(sizes + 2 + 4, 4)?);
        at = sizes + 2 + 4 + 4 + key_bytes + value_bytes;
    }
    // Tag, checksum, and four bytes that never differ.
    let end = at + 1 + 8 + 4;
    (journal.get(at) == Some(&END) && end <= journal.len()).then_some(end)
}
