//! Damage of every kind in every space: it is found as what it is, and what can be made again is, byte for byte.

use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc};

use ordlane_primitives::{BlockHeight, Hash, RawKey, batch::Sequential, hash::sha256, tree};
use ordlane_state::{
    BlockMark, Change, CheckReport, CheckStage, Fault, Finding, MAX_LISTED_FINDINGS, Repair,
    Severity, Space, StateError, StateStore, Storage, StoreOptions, Witness, WriteBatch,
};

use crate::{
    chain::{Chain, Committed, assert_equal, dump, open},
    faulty::{self, Faulty},
};

type Dump = BTreeMap<Space, BTreeMap<Vec<u8>, Vec<u8>>>;

/// How many blocks the stores of these tests have.
const BLOCKS: u64 = 24;
/// A block in the middle that changes and emits something.
const MIDDLE: u64 = 11;

/// A sound store, closed: its storage, its chain, and what it holds.
struct Original {
    storage: Arc<Faulty>,
    chain: Chain,
    dump: Dump,
    pages: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Original {
    fn new(options: StoreOptions) -> Self {
        let storage = Arc::new(Faulty::default());
        let mut chain = Chain::sealed(70);
        {
            let store = open_with(&storage, options);
            // A tree of more than one page.
            let many = (0..200_u32).map(|key| change(&key.to_be_bytes())).collect();
            store.commit(chain.block_of(many)).unwrap();
            for _ in 1..BLOCKS {
                store.commit(chain.next_block()).unwrap();
            }
            store.write_pages().unwrap();
            // A commit prunes only what the pages that are written allow, and those are written in the background.
            while !store.prune_step(1_000).unwrap().done {}
        }
        assert!(fsck(&storage).is_sound(), "{:?}", fsck(&storage).findings());
        Self {
            dump: dump(storage.as_ref()),
            pages: entries(storage.as_ref(), Space::Page),
            storage,
            chain,
        }
    }

    fn keeping_all() -> Self {
        Self::new(StoreOptions::default())
    }

    fn get(&self, space: Space, key: &[u8]) -> Vec<u8> {
        self.storage.get(space, key).unwrap().unwrap()
    }

    fn put(&self, space: Space, key: &[u8], value: Option<Vec<u8>>) {
        let mut batch = WriteBatch::new();
        batch.extend([(space, key.to_vec(), value)]);
        self.storage.write(batch).unwrap();
    }

    /// Flips a bit of the last byte of a value.
    fn flip(&self, space: Space, key: &[u8]) {
        let mut value = self.get(space, key);
        *value.last_mut().unwrap() ^= 1;
        self.put(space, key, Some(value));
    }

    /// The same with a block for each of these changes, whose pages are not written.
    fn grown(mut self, changes: impl IntoIterator<Item = Change>) -> Self {
        {
            let store = open(self.storage.clone()).unwrap();
            for change in changes {
                store.commit(self.chain.block_of(vec![change])).unwrap();
            }
        }
        self.looked_at()
    }

    /// The same with all pages written.
    fn paged(self) -> Self {
        open(self.storage.clone()).unwrap().write_pages().unwrap();
        self.looked_at()
    }

    fn looked_at(mut self) -> Self {
        self.dump = dump(self.storage.as_ref());
        self.pages = entries(self.storage.as_ref(), Space::Page);
        self
    }

    /// Takes back everything that was done to the storage.
    fn restore(&self) {
        let mut batch = WriteBatch::new();
        let found = dump(self.storage.as_ref());
        for (space, expected) in &self.dump {
            for key in found[space]
                .keys()
                .filter(|key| !expected.contains_key(*key))
            {
                batch.remove(*space, key.as_slice());
            }
            for (key, value) in expected {
                batch.put(*space, key.as_slice(), value.as_slice());
            }
        }
        self.storage.write(batch).unwrap();
        let tip = self.chain.tip().unwrap();
        self.storage.attest(&tip.mark()).unwrap();
    }

    /// The first entry in a space that is of the block in the middle.
    fn entry_of_middle(&self, space: Space) -> Vec<u8> {
        let height = MIDDLE.to_be_bytes();
        let of_middle = |key: &&Vec<u8>| match space {
            Space::TxIndex => key[32..40] == (!MIDDLE).to_be_bytes(),
            Space::EventIndex => key[33..41] == height,
            _ => key.ends_with(&height),
        };
        let found = self.dump[&space].keys().find(of_middle);
        found.unwrap().clone()
    }

    /// Expects exactly one finding; returns it.
    fn only(&self) -> Finding {
        let report = fsck(&self.storage);
        let findings = report.findings();
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings[0].clone()
    }

    /// Expects that damage is found as this, that a repair makes the store what it was, and that it goes on.
    fn expect_repaired(&self, severity: Severity, fault: &Fault, space: Space, key: &[u8]) {
        let finding = self.only();
        let found = (finding.severity, &finding.fault, finding.space);
        assert_eq!(found, (severity, fault, space), "{finding}");
        assert_eq!(finding.key, key, "{finding}");
        let before = dump(self.storage.as_ref());
        assert_eq!(self.only(), finding, "looking changes nothing");
        assert_eq!(dump(self.storage.as_ref()), before);
        let Repair {
            found,
            left,
            entries,
        } = repair(&self.storage);
        assert_eq!(found.findings(), [finding]);
        assert!(left.is_sound(), "{:?}", left.findings());
        assert!(entries > 0);
        assert_eq!(dump(self.storage.as_ref()), self.dump);
    }

    /// Expects that damage is found as a loss, and that a repair changes nothing.
    fn expect_lost(&self, space: Space, key: &[u8]) -> Fault {
        let finding = self.only();
        assert_eq!(finding.severity, Severity::Lost, "{finding}");
        assert_eq!((finding.space, &finding.key[..]), (space, key), "{finding}");
        let before = dump(self.storage.as_ref());
        let repair = repair(&self.storage);
        assert_eq!(repair.entries, 0);
        assert_eq!(repair.left, repair.found);
        assert!(repair.left.has_lost());
        assert_eq!(dump(self.storage.as_ref()), before);
        finding.fault
    }

    /// The store opens and goes on beside one that was never damaged.
    fn goes_on(&self) {
        let mut chain = self.chain.clone();
        let twin = Arc::new(Faulty::default());
        let mut batch = WriteBatch::new();
        for (space, entries) in &self.dump {
            for (key, value) in entries {
                batch.put(*space, key.as_slice(), value.as_slice());
            }
        }
        twin.write(batch).unwrap();
        twin.set_witness(self.storage.witness().unwrap());
        {
            let (store, other) = (
                open(self.storage.clone()).unwrap(),
                open(twin.clone()).unwrap(),
            );
            assert_equal(&store, &chain);
            for _ in 0..20 {
                let block = chain.next_block();
                store.commit(block.clone()).unwrap();
                other.commit(block).unwrap();
            }
            assert_equal(&store, &chain);
            store.write_pages().unwrap();
        }
        assert_eq!(dump(self.storage.as_ref()), dump(twin.as_ref()));
        assert!(fsck(&self.storage).is_sound());
    }
}

fn change(key: &[u8]) -> Change {
    Change {
        key: RawKey::from_bytes(key.to_vec()),
        old: None,
        new: Some(sha256(key).0.to_vec()),
    }
}

fn open_with(storage: &Arc<Faulty>, options: StoreOptions) -> StateStore {
    StateStore::open_with(storage.clone(), Arc::new(Sequential), options).unwrap()
}

fn fsck(storage: &Arc<Faulty>) -> CheckReport {
    StateStore::fsck(storage.as_ref(), &Sequential, &mut |_| {}).unwrap()
}

fn try_repair(storage: &Arc<Faulty>) -> Result<Repair, StateError> {
    StateStore::repair(storage.as_ref(), &Sequential, &mut |_| {})
}

fn repair(storage: &Arc<Faulty>) -> Repair {
    try_repair(storage).unwrap()
}

fn entries(storage: &dyn Storage, space: Space) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut entries = BTreeMap::new();
    storage
        .scan(space, &[], &mut |key, value| {
            entries.insert(key.to_vec(), value.to_vec());
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    entries
}

fn height_key(height: u64) -> [u8; 8] {
    height.to_be_bytes()
}

#[test]
fn a_sound_store_has_no_findings_and_all_of_it_is_counted() {
    let original = Original::keeping_all();
    let report = fsck(&original.storage);
    assert_eq!(report.tip, original.chain.tip());
    assert_eq!(report.first, BlockHeight(0));
    assert_eq!(report.blocks, BLOCKS);
    assert_eq!(report.values, original.chain.values.len() as u64);
    assert_eq!(report.pages, original.pages.len() as u64);
    assert!(report.pages > 10);
    assert_eq!(repair(&original.storage).entries, 0);
    let mut stages = Vec::new();
    StateStore::fsck(original.storage.as_ref(), &Sequential, &mut |progress| {
        if stages.last() != Some(&progress.stage) {
            stages.push(progress.stage);
        }
    })
    .unwrap();
    let expected = [
        CheckStage::Values,
        CheckStage::Blocks,
        CheckStage::Codes,
        CheckStage::Strays,
        CheckStage::Pages,
    ];
    assert_eq!(stages, expected);
}

#[test]
fn an_empty_storage_and_one_that_was_only_opened_are_sound() {
    let storage = Arc::new(Faulty::default());
    assert!(fsck(&storage).is_sound());
    drop(open(storage.clone()).unwrap());
    let report = fsck(&storage);
    assert!(report.is_sound(), "{:?}", report.findings());
    assert_eq!(report.tip, None);
}

#[test]
fn indexes_and_earlier_values_are_made_again() {
    let original = Original::keeping_all();
    for space in [
        Space::BlockHash,
        Space::TxIndex,
        Space::EventIndex,
        Space::Hist,
    ] {
        let key = match space {
            Space::BlockHash => {
                let middle = |block: &&Committed| block.tip.height.0 == MIDDLE;
                let block = original.chain.blocks.iter().find(middle).unwrap();
                block.tip.block_hash.0.to_vec()
            }
            space => original.entry_of_middle(space),
        };
        original.put(space, &key, None);
        original.expect_repaired(Severity::Rebuildable, &Fault::Missing, space, &key);
        let mut value = original.get(space, &key);
        value.push(9);
        original.put(space, &key, Some(value));
        original.expect_repaired(Severity::Rebuildable, &Fault::Different, space, &key);
        let mut stray = key.clone();
        stray[0] ^= 0x80;
        let value = original.get(space, &key);
        original.put(space, &stray, Some(value));
        original.expect_repaired(Severity::Stray, &Fault::Stray, space, &stray);
        for stray in [&b"x"[..], &[7; 50], &[0; 200]] {
            original.put(space, stray, Some(b"y".to_vec()));
            original.expect_repaired(Severity::Stray, &Fault::Stray, space, stray);
        }
    }
    original.goes_on();
}

#[test]
fn a_whole_index_is_made_again_and_only_some_of_what_it_lacks_is_listed() {
    let original = Original::keeping_all();
    for space in [
        Space::BlockHash,
        Space::TxIndex,
        Space::EventIndex,
        Space::Hist,
    ] {
        let lost = original.dump[&space].len();
        for key in original.dump[&space].keys() {
            original.put(space, key, None);
        }
        let report = fsck(&original.storage);
        assert_eq!(report.count(Severity::Rebuildable), lost as u64);
        assert_eq!(report.findings().len(), lost.min(MAX_LISTED_FINDINGS));
        assert!(repair(&original.storage).left.is_sound());
        assert_eq!(dump(original.storage.as_ref()), original.dump);
    }
    assert!(original.dump[&Space::Hist].len() > MAX_LISTED_FINDINGS);
    original.goes_on();
}

#[test]
fn a_reverse_diff_is_made_again_from_earlier_values_and_proven() {
    let original = Original::keeping_all();
    for height in [0, MIDDLE, BLOCKS - 1] {
        let key = height_key(height);
        original.put(Space::Rev, &key, None);
        original.expect_repaired(Severity::Rebuildable, &Fault::Missing, Space::Rev, &key);
        original.put(Space::Rev, &key, Some(b"no diff".to_vec()));
        let undecodable = Fault::Undecodable;
        original.expect_repaired(Severity::Rebuildable, &undecodable, Space::Rev, &key);
    }
    // Another diff, which can be read: it leads to another root.
    let other = original.get(Space::Rev, &height_key(MIDDLE + 1));
    original.put(Space::Rev, &height_key(MIDDLE), Some(other));
    let finding = original.only();
    assert!(
        matches!(finding.fault, Fault::WrongHash { .. }),
        "{finding}"
    );
    let key = height_key(MIDDLE);
    original.expect_repaired(Severity::Rebuildable, &finding.fault, Space::Rev, &key);
    // Without the earlier values nothing proves it.
    original.put(Space::Rev, &key, None);
    let hist = original.entry_of_middle(Space::Hist);
    original.put(Space::Hist, &hist, None);
    assert_eq!(original.expect_lost(Space::Rev, &key), Fault::Missing);
    original.restore();
    original.goes_on();
}

#[test]
fn all_reverse_diffs_are_made_again() {
    let original = Original::keeping_all();
    for key in original.dump[&Space::Rev].keys() {
        original.put(Space::Rev, key, None);
    }
    assert_eq!(fsck(&original.storage).count(Severity::Rebuildable), BLOCKS);
    assert!(repair(&original.storage).left.is_sound());
    assert_eq!(dump(original.storage.as_ref()), original.dump);
}

#[test]
fn entries_above_the_tip_and_with_other_keys_are_removed() {
    let original = Original::keeping_all();
    for space in [Space::Block, Space::Rev, Space::Receipts, Space::Meta] {
        for key in [&height_key(BLOCKS)[..], b"x", &[0; 9]] {
            original.put(space, key, Some(b"stray".to_vec()));
            original.expect_repaired(Severity::Stray, &Fault::Stray, space, key);
        }
    }
    original.goes_on();
}

#[test]
fn a_value_that_is_not_the_tips_is_named_and_where_it_is_lost_nothing_is_guessed() {
    let original = Original::keeping_all();
    let key = original.dump[&Space::Flat].keys().nth(7).unwrap().clone();
    original.put(Space::Flat, &key, None);
    assert_eq!(
        original.expect_lost(Space::Flat, &key),
        Fault::Missing,
        "its key is in the history"
    );
    assert!(open_without_pages(&original).is_err());
    original.put(Space::Flat, &key, Some(b"other".to_vec()));
    let fault = Fault::WrongHash {
        of: "value hash",
        expected: tree::value_hash(&original.dump[&Space::Flat][&key]),
        found: tree::value_hash(b"other"),
    };
    assert_eq!(original.expect_lost(Space::Flat, &key), fault);
    assert!(open_without_pages(&original).is_err());

    // Beside what is lost, what is not is left as it is, too.
    original.put(Space::Flat, b"stray", Some(vec![]));
    let report = fsck(&original.storage);
    assert_eq!(report.count(Severity::Lost), 1);
    assert_eq!(report.count(Severity::Rebuildable), 1);
    assert_eq!(repair(&original.storage).entries, 0);
    original.restore();
    original.put(Space::Flat, &[7; 300], Some(vec![]));
    let fault = original.expect_lost(Space::Flat, &[]);
    assert!(matches!(fault, Fault::Refused { .. }), "{fault}");
}

#[test]
fn a_value_that_the_tip_has_not_is_removed() {
    let original = Original::keeping_all();
    for stray in [&b"stray"[..], &[0], &[0xff; 40]] {
        original.put(Space::Flat, stray, Some(b"value".to_vec()));
        original.expect_repaired(Severity::Rebuildable, &Fault::Stray, Space::Flat, stray);
    }
    original.goes_on();
}

#[test]
fn a_value_that_was_there_before_is_found_again_by_its_hash() {
    let (key, value) = (b"again", b"this".to_vec());
    let mut old = None;
    let changes = [&value[..], b"that", b"those", &value[..], b"", &value[..]].map(|new| Change {
        key: RawKey::from_bytes(key.to_vec()),
        old: old.replace(new.to_vec()),
        new: Some(new.to_vec()),
    });
    let original = Original::keeping_all().grown(changes).paged();
    for (wrong, fault) in [
        (None, Fault::Missing),
        (
            Some(b"those".to_vec()),
            Fault::WrongHash {
                of: "value hash",
                expected: tree::value_hash(&value),
                found: tree::value_hash(b"those"),
            },
        ),
    ] {
        original.put(Space::Flat, key, wrong);
        original.expect_repaired(Severity::Rebuildable, &fault, Space::Flat, key);
    }
    original.goes_on();
}

#[test]
fn pages_of_an_earlier_block_name_the_values_that_no_later_one_changed() {
    let recent = |number: u32| Change {
        key: RawKey::from_bytes(vec![b'r', number.to_be_bytes()[3]]),
        old: None,
        new: Some(number.to_be_bytes().to_vec()),
    };
    let original = Original::keeping_all().grown((0..5).map(recent));
    let key = original.dump[&Space::Flat].keys().nth(7).unwrap().clone();
    original.put(Space::Flat, &key, None);
    assert_eq!(original.expect_lost(Space::Flat, &key), Fault::Missing);
    original.restore();
    original.put(Space::Flat, b"stray", Some(vec![]));
    original.expect_repaired(Severity::Rebuildable, &Fault::Stray, Space::Flat, b"stray");
    // Of what was changed since, nothing but the value itself says what it must be; and where the pages are damaged, or
    // are those of no block, they say nothing of any.
    let nameless = |original: &Original| {
        let fault = original.expect_lost(Space::Flat, &[]);
        let of_root = matches!(
            fault,
            Fault::WrongHash {
                of: "state root",
                ..
            }
        );
        assert!(of_root, "{fault}");
    };
    original.put(Space::Flat, b"r\x03", None);
    nameless(&original);
    original.restore();
    original.put(Space::Flat, &key, None);
    let mark = original.get(Space::Meta, b"pages");
    original.put(Space::Meta, b"pages", None);
    nameless(&original);
    original.put(Space::Meta, b"pages", Some(mark));
    assert_eq!(original.expect_lost(Space::Flat, &key), Fault::Missing);
    original.flip(Space::Page, original.pages.keys().nth(3).unwrap());
    let report = fsck(&original.storage);
    assert_eq!(report.count(Severity::Lost), 1);
    assert_eq!(report.findings()[0].key, []);
}

#[test]
fn a_missing_value_whose_key_is_nowhere_is_named_by_its_path() {
    let keep = NonZeroU64::new(2).unwrap();
    let original = Original::new(StoreOptions::keeping(keep));
    let kept = |key: &&Vec<u8>| {
        let of_key = |(hist, _): (&Vec<u8>, &Vec<u8>)| hist.starts_with(&escaped(key));
        !original.dump[&Space::Hist].iter().any(of_key)
    };
    let key = original.dump[&Space::Flat].keys().find(kept).unwrap();
    original.put(Space::Flat, key, None);
    let fault = Fault::MissingLeaf {
        path: tree::path_of(key),
        value_hash: tree::value_hash(&original.dump[&Space::Flat][key]),
    };
    assert_eq!(original.expect_lost(Space::Flat, &[]), fault);
}

/// What the keys in `hist` of a raw key begin with.
fn escaped(raw_key: &[u8]) -> Vec<u8> {
    let escape = |byte: &u8| {
        if *byte == 0 {
            vec![0, 0xff]
        } else {
            vec![*byte]
        }
    };
    let mut prefix: Vec<u8> = raw_key.iter().flat_map(escape).collect();
    prefix.extend([0, 1]);
    prefix
}

fn open_without_pages(original: &Original) -> Result<StateStore, StateError> {
    let mark = original.get(Space::Meta, b"pages");
    original.put(Space::Meta, b"pages", None);
    let opened = open(original.storage.clone());
    original.put(Space::Meta, b"pages", Some(mark));
    opened
}

#[test]
fn a_lost_block_or_its_receipts_are_said_and_nothing_is_changed() {
    let original = Original::keeping_all();
    for height in [0, MIDDLE, BLOCKS - 1] {
        let key = height_key(height);
        for space in [Space::Block, Space::Receipts] {
            original.put(space, &key, None);
            assert_eq!(original.expect_lost(space, &key), Fault::Missing);
            original.put(space, &key, Some(vec![3; 5]));
            assert_eq!(original.expect_lost(space, &key), Fault::Undecodable);
            original.restore();
        }
    }
    let key = height_key(MIDDLE);
    let mut block = original.get(Space::Block, &key);
    block[50] ^= 1;
    original.put(Space::Block, &key, Some(block.clone()));
    let fault = original.expect_lost(Space::Block, &key);
    assert!(
        fault.to_string().starts_with("the block hash is"),
        "{fault}"
    );
    block[50] ^= 1;
    let end = block.len() - 10;
    block[end] ^= 1;
    original.put(Space::Block, &key, Some(block));
    let fault = original.expect_lost(Space::Block, &key);
    assert!(
        fault.to_string().starts_with("the transactions root is"),
        "{fault}"
    );
    original.restore();
    let other = original.get(Space::Receipts, &height_key(MIDDLE + 1));
    original.put(Space::Receipts, &key, Some(other));
    let fault = original.expect_lost(Space::Receipts, &key);
    assert!(
        fault.to_string().starts_with("the receipts root is"),
        "{fault}"
    );
}

#[test]
fn bad_pages_and_bad_marks_are_dropped_and_the_store_opens_again() {
    let original = Original::keeping_all();
    let mark = original.get(Space::Meta, b"pages");
    let root = original.pages.keys().next().unwrap().clone();
    let last = original.pages.keys().last().unwrap().clone();
    let restore = || {
        original.put(Space::Meta, b"pages", Some(mark.clone()));
        for (key, page) in &original.pages {
            original.put(Space::Page, key, Some(page.clone()));
        }
    };
    for key in [&root, &last] {
        original.put(Space::Page, key, None);
        let (rebuildable, space) = (Severity::Rebuildable, Space::Page);
        original.expect_repaired(rebuildable, &Fault::Missing, space, key);
        restore();
        original.flip(Space::Page, key);
        original.expect_repaired(rebuildable, &Fault::Different, space, key);
        assert!(entries(original.storage.as_ref(), Space::Page).is_empty());
        restore();
    }
    for stray in [&[0, 40, 1, 2, 3, 4, 5][..], b"x"] {
        original.put(Space::Page, stray, Some(vec![1; 80]));
        original.expect_repaired(Severity::Stray, &Fault::Stray, Space::Page, stray);
        assert_eq!(
            entries(original.storage.as_ref(), Space::Page),
            original.pages
        );
        assert_eq!(original.get(Space::Meta, b"pages"), mark);
    }
    let mut above = mark.clone();
    above[..8].copy_from_slice(&BLOCKS.to_le_bytes());
    let mut other_root = mark.clone();
    other_root[20] ^= 1;
    let mut below = mark.clone();
    below[..8].copy_from_slice(&MIDDLE.to_le_bytes());
    let mut lone = mark.clone();
    lone.truncate(40);
    lone.extend([1; 65]);
    let no_mark = b"no mark".to_vec();
    for bad in [no_mark, above, other_root, below.clone(), lone] {
        let opens = bad == below;
        original.put(Space::Meta, b"pages", Some(bad));
        let finding = original.only();
        assert_eq!(finding.severity, Severity::Rebuildable, "{finding}");
        assert_eq!(finding.space, Space::Meta);
        // Pages of a later block than the mark says serve as well, by chance.
        let opened = open(original.storage.clone());
        assert_eq!(opened.is_ok(), opens, "{finding}");
        drop(opened);
        assert!(repair(&original.storage).left.is_sound());
        drop(open(original.storage.clone()).unwrap());
        restore();
    }
    original.put(Space::Page, &root, None);
    assert!(repair(&original.storage).left.is_sound());
    original.goes_on();
}

#[test]
fn pages_of_an_earlier_block_are_compared_with_its_root() {
    let original = Original::keeping_all();
    let mut chain = original.chain.clone();
    {
        let store = open(original.storage.clone()).unwrap();
        for _ in 0..5 {
            store.commit(chain.next_block()).unwrap();
        }
    }
    let report = fsck(&original.storage);
    assert!(report.is_sound(), "{:?}", report.findings());
    assert_eq!(report.pages, original.pages.len() as u64);
    let last = original.pages.keys().last().unwrap();
    original.flip(Space::Page, last);
    assert_eq!(original.only().height, Some(BlockHeight(BLOCKS - 1)));
    assert!(repair(&original.storage).left.is_sound());
    assert_equal(&open(original.storage.clone()).unwrap(), &chain);
}

#[test]
fn the_tip_and_the_format_are_found_again_by_hashes() {
    let original = Original::keeping_all();
    let meta = Space::Meta;
    let tip = original.get(meta, b"tip");
    let rebuildable = Severity::Rebuildable;
    original.put(meta, b"tip", None);
    original.expect_repaired(rebuildable, &Fault::Missing, meta, b"tip");
    original.put(meta, b"tip", Some(vec![1; 71]));
    original.expect_repaired(rebuildable, &Fault::Undecodable, meta, b"tip");
    for byte in [0, 10, 50] {
        let mut other = tip.clone();
        other[byte] ^= 1;
        original.put(meta, b"tip", Some(other));
        original.expect_repaired(rebuildable, &Fault::Different, meta, b"tip");
    }
    original.put(meta, b"format", None);
    original.expect_repaired(rebuildable, &Fault::Missing, meta, b"format");
    original.put(meta, b"format", Some(vec![2]));
    original.expect_repaired(rebuildable, &Fault::Undecodable, meta, b"format");
    original.put(meta, b"pruned", Some(vec![2]));
    original.expect_repaired(rebuildable, &Fault::Undecodable, meta, b"pruned");
    original.put(meta, b"horizon", Some(height_key(BLOCKS).to_vec()));
    original.expect_repaired(rebuildable, &Fault::Different, meta, b"horizon");
    // Where no witness and no hash leads to a block, nothing does.
    original.storage.set_witness(Witness::Untracked);
    original.put(meta, b"tip", None);
    assert_eq!(original.expect_lost(meta, b"tip"), Fault::Missing);
    original.restore();
    original.goes_on();
}

#[test]
fn a_store_that_lost_acknowledged_blocks_is_not_made_to_look_whole() {
    let original = Original::keeping_all();
    let above = BlockMark {
        height: BlockHeight(BLOCKS + 3),
        block_hash: Hash([7; 32]),
    };
    for witness in [
        Witness::Certain(Some(above)),
        Witness::Doubtful(Some(above)),
    ] {
        original.storage.set_witness(witness);
        let fault = original.expect_lost(Space::Meta, b"tip");
        assert!(fault.to_string().contains("lost blocks"), "{fault}");
    }
}

#[test]
fn a_store_of_another_format_is_left_to_the_upgrade() {
    let original = Original::keeping_all();
    original.put(Space::Meta, b"format", Some(1_u32.to_le_bytes().to_vec()));
    let error = try_repair(&original.storage).unwrap_err();
    assert!(matches!(error, StateError::NeedsUpgrade { .. }), "{error}");
    original.put(Space::Meta, b"format", Some(9_u32.to_le_bytes().to_vec()));
    let error = try_repair(&original.storage).unwrap_err();
    assert!(matches!(error, StateError::UnknownFormat { .. }), "{error}");
}

#[test]
fn stats_are_told_of_a_store_that_does_not_open() {
    let original = Original::keeping_all();
    let stats = || StateStore::stats(original.storage.as_ref()).unwrap();
    assert_eq!(stats().pages, Some(BlockHeight(BLOCKS - 1)));
    assert_eq!(stats().unreadable, [""; 0]);
    let sound = stats();
    for record in ["tip", "horizon", "pages"] {
        original.put(Space::Meta, record.as_bytes(), Some(vec![1]));
        assert!(open(original.storage.clone()).is_err());
    }
    let damaged = stats();
    assert_eq!(damaged.unreadable, ["tip", "horizon", "pages"]);
    assert_eq!((damaged.tip, damaged.pages), (None, None));
    assert_eq!(damaged.spaces[..9], sound.spaces[..9]);
}

#[test]
fn a_rollback_that_was_interrupted_is_sound_and_its_tip_is_found_again() {
    for after in 1..6 {
        let original = Original::keeping_all();
        let store = open(original.storage.clone()).unwrap();
        original.storage.set(faulty::Fault {
            after,
            happens: true,
        });
        store.rollback_to(BlockHeight(BLOCKS - 5)).unwrap_err();
        assert!(original.storage.repair());
        drop(store);
        let report = fsck(&original.storage);
        assert!(report.is_sound(), "{:?}", report.findings());
        let before = dump(original.storage.as_ref());
        original.put(Space::Meta, b"tip", None);
        assert!(repair(&original.storage).left.is_sound());
        assert_eq!(dump(original.storage.as_ref()), before);
    }
}

fn pruned() -> Original {
    let keep = NonZeroU64::new(8).unwrap();
    let mut options = StoreOptions::keeping(keep);
    options.page_write_blocks = 1;
    Original::new(options)
}

#[test]
fn what_pruning_left_is_sound_and_its_records_are_found_again() {
    let original = pruned();
    let first = BLOCKS - 8;
    let report = fsck(&original.storage);
    assert_eq!(report.first, BlockHeight(first));
    assert_eq!(report.blocks, BLOCKS);
    let meta = Space::Meta;
    for key in [&b"horizon"[..], b"pruned"] {
        original.put(meta, key, None);
        original.expect_repaired(Severity::Rebuildable, &Fault::Different, meta, key);
        original.put(meta, key, Some(vec![]));
        original.expect_repaired(Severity::Rebuildable, &Fault::Undecodable, meta, key);
    }
    for space in [Space::Rev, Space::Receipts] {
        let key = height_key(3);
        original.put(space, &key, Some(vec![1]));
        original.expect_repaired(Severity::Stray, &Fault::Stray, space, &key);
    }
    let key = height_key(3);
    let mut block = original.get(Space::Block, &key);
    block.push(0);
    original.put(Space::Block, &key, Some(block));
    original.expect_repaired(Severity::Stray, &Fault::Different, Space::Block, &key);
    original.put(Space::Block, &key, None);
    assert_eq!(original.expect_lost(Space::Block, &key), Fault::Missing);
}

#[test]
fn a_pruning_in_the_middle_is_sound_and_what_it_can_no_longer_read_is_pruned() {
    let storage = Arc::new(Faulty::default());
    let mut chain = Chain::sealed(71);
    {
        let store = open_with(&storage, StoreOptions::default());
        for _ in 0..BLOCKS {
            store.commit(chain.next_block()).unwrap();
        }
    }
    let keep = NonZeroU64::new(8).unwrap();
    {
        let store = open_with(&storage, StoreOptions::keeping(keep));
        for _ in 0..40 {
            assert!(!store.prune_step(3).unwrap().done);
            let report = fsck(&storage);
            assert!(report.is_sound(), "{:?}", report.findings());
        }
    }
    let first = fsck(&storage).first;
    assert!(first.0 > 0 && first.0 + 8 < BLOCKS, "{first}");
    let mut batch = WriteBatch::new();
    batch.remove(Space::Receipts, height_key(first.0 + 1));
    storage.write(batch).unwrap();
    let report = fsck(&storage);
    assert!(!report.has_lost(), "{:?}", report.findings());
    let repair = repair(&storage);
    assert!(repair.left.is_sound(), "{:?}", repair.left.findings());
    assert_eq!(repair.left.first.0, first.0 + 2);
    let store = open_with(&storage, StoreOptions::keeping(keep));
    store.commit(chain.next_block()).unwrap();
    while !store.prune_step(1_000).unwrap().done {}
    drop(store);
    let report = fsck(&storage);
    assert!(report.is_sound(), "{:?}", report.findings());
    assert_eq!(report.first.0, BLOCKS + 1 - 8);
}

/// Damage of many kinds at once, all of which can be made again.
fn damage(original: &Original) {
    let meta = Space::Meta;
    original.put(meta, b"tip", None);
    original.put(meta, b"stray", Some(vec![1]));
    for space in [Space::TxIndex, Space::EventIndex, Space::Hist] {
        for key in original.dump[&space].keys().step_by(5) {
            original.put(space, key, None);
        }
        original.put(space, b"stray", Some(vec![1]));
    }
    original.put(Space::Rev, &height_key(BLOCKS - 1), None);
    let hist = &original.dump[&Space::Hist];
    for (key, value) in hist
        .iter()
        .filter(|(key, _)| key.ends_with(&height_key(BLOCKS - 1)))
    {
        original.put(Space::Hist, key, Some(value.clone()));
    }
    original.put(Space::Block, &height_key(BLOCKS + 5), Some(vec![1]));
    for key in original.pages.keys().step_by(3) {
        original.put(Space::Page, key, None);
    }
}

#[test]
fn a_repair_that_is_killed_at_any_write_is_repeated_and_ends_the_same() {
    let original = Original::keeping_all();
    let mut interrupted = 0;
    for fault in faulty::Fault::each(40) {
        damage(&original);
        original.storage.set(fault);
        let outcome = try_repair(&original.storage);
        if !original.storage.repair() {
            assert!(outcome.unwrap().left.is_sound());
        } else {
            assert!(outcome.is_err());
            interrupted += 1;
            // What it left is no worse than what it found.
            assert!(!fsck(&original.storage).has_lost());
            let repair = repair(&original.storage);
            assert!(repair.left.is_sound(), "{:?}", repair.left.findings());
        }
        assert_eq!(dump(original.storage.as_ref()), original.dump);
    }
    assert!(interrupted > 4, "{interrupted}");
    original.goes_on();
}

#[test]
fn no_damage_whatever_makes_it_panic_or_change_what_is_right() {
    use rand::{Rng, SeedableRng, seq::IndexedRandom};

    let original = Original::keeping_all();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(72);
    let mut counts = BTreeMap::new();
    for case in 0..150 {
        let space = Space::ALL[case % Space::ALL.len()];
        let keys: Vec<Vec<u8>> = entries(original.storage.as_ref(), space)
            .into_keys()
            .collect();
        let Some(key) = keys.choose(&mut rng) else {
            continue;
        };
        let mut value = original.get(space, key);
        match rng.random_range(0..4) {
            0 => value.truncate(rng.random_range(0..=value.len())),
            1 => value.extend([0; 3]),
            2 if !value.is_empty() => {
                let at = rng.random_range(0..value.len());
                value[at] ^= 1 << rng.random_range(0..8);
            }
            _ => {
                value = (0..rng.random_range(0..100))
                    .map(|_| rng.random())
                    .collect()
            }
        }
        original.put(space, key, Some(value));
        let before = dump(original.storage.as_ref());
        let outcome = match try_repair(&original.storage) {
            Err(_) => "refused",
            Ok(repair) if repair.left.has_lost() => "lost",
            Ok(repair) => {
                assert!(repair.left.is_sound(), "{:?}", repair.left.findings());
                assert_eq!(
                    dump(original.storage.as_ref()),
                    original.dump,
                    "{space} {key:?}"
                );
                "repaired"
            }
        };
        if outcome != "repaired" {
            assert_eq!(dump(original.storage.as_ref()), before);
        }
        *counts.entry((space, outcome)).or_insert(0) += 1;
        original.restore();
        let mut batch = WriteBatch::new();
        for key in entries(original.storage.as_ref(), Space::Page).keys() {
            batch.remove(Space::Page, key.as_slice());
        }
        for (key, page) in &original.pages {
            batch.put(Space::Page, key.as_slice(), page.as_slice());
        }
        original.storage.write(batch).unwrap();
    }
    println!("{counts:?}");
}
