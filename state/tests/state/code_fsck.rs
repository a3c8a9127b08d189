//! Codes that are missing or wrong: found, and never made up.

use std::sync::Arc;

use ordlane_primitives::{Address, BlockHeight, Hash, RawKey, batch::Sequential, hash::code_hash};
use ordlane_state::{
    CheckReport, Fault, MemoryStorage, Repair, Severity, Space, StateStore, Storage, WriteBatch,
};

use crate::chain::{Chain, account, codes, dump, open};

/// A store, closed, with an account that has a code, one that had another one before, and a code that none has.
struct Original {
    storage: Arc<MemoryStorage>,
}

const PRESENT: &[u8] = b"the code of an account";
const EARLIER: &[u8] = b"the code that an account had";
const NOBODYS: &[u8] = b"nobody's code";

fn address(number: u8) -> Address {
    Address::from_bytes([number; 32])
}

impl Original {
    fn new() -> Self {
        let storage = Arc::new(MemoryStorage::new());
        {
            let store = open(storage.clone()).unwrap();
            let mut chain = Chain::rooted(130, 200);
            for _ in 0..3 {
                store.commit(chain.next_block()).unwrap();
            }
            let had = account(2, Some(EARLIER));
            let mut block = chain.block_of(vec![account(1, Some(PRESENT)), had.clone()]);
            block.codes = codes([PRESENT, EARLIER, NOBODYS].map(<[u8]>::to_vec));
            store.commit(block).unwrap();
            let mut gone = had;
            gone.old = gone.new.take();
            store.commit(chain.block_of(vec![gone])).unwrap();
            store.write_pages().unwrap();
        }
        Self { storage }
    }

    fn fsck(&self) -> CheckReport {
        StateStore::fsck(self.storage.as_ref(), &Sequential, &mut |_| {}).unwrap()
    }

    fn repair(&self) -> Repair {
        StateStore::repair(self.storage.as_ref(), &Sequential, &mut |_| {}).unwrap()
    }

    fn put(&self, space: Space, key: &[u8], value: Option<&[u8]>) {
        let mut batch = WriteBatch::new();
        batch.extend([(space, key.to_vec(), value.map(<[u8]>::to_vec))]);
        self.storage.write(batch).unwrap();
    }

    /// Expects exactly one finding in the space of codes.
    fn only(&self, severity: Severity, key: &[u8]) -> Fault {
        let report = self.fsck();
        let findings = report.findings();
        assert_eq!(findings.len(), 1, "{findings:?}");
        let finding = &findings[0];
        assert_eq!((finding.severity, finding.space), (severity, Space::Code));
        assert_eq!(finding.key, key, "{finding}");
        finding.fault.clone()
    }

    /// Expects that nothing is changed.
    fn is_left(&self) {
        let before = dump(self.storage.as_ref());
        let repair = self.repair();
        assert_eq!(repair.entries, 0);
        assert!(repair.left.has_lost());
        assert_eq!(dump(self.storage.as_ref()), before);
    }
}

#[test]
fn a_sound_store_has_right_codes_whether_an_account_names_them_or_not() {
    let original = Original::new();
    let report = original.fsck();
    assert!(report.is_sound(), "{:?}", report.findings());
    assert_eq!(report.codes, 3);
}

#[test]
fn a_code_that_an_account_names_and_that_is_missing_is_lost() {
    for (code, whose) in [(PRESENT, 1), (EARLIER, 2)] {
        let original = Original::new();
        let hash = code_hash(code);
        original.put(Space::Code, &hash.0, None);
        let address = address(whose);
        let fault = original.only(Severity::Lost, &hash.0);
        assert_eq!(fault, Fault::MissingCode { address });
        assert!(fault.to_string().contains(&address.to_string()), "{fault}");
        original.is_left();
        original.put(Space::Code, &hash.0, Some(code));
        assert!(original.fsck().is_sound());
    }
}

#[test]
fn a_code_that_no_account_names_may_be_missing() {
    let original = Original::new();
    original.put(Space::Code, &code_hash(NOBODYS).0, None);
    assert!(original.fsck().is_sound());
}

#[test]
fn a_code_that_an_account_names_and_that_is_wrong_is_lost() {
    for code in [PRESENT, EARLIER] {
        let original = Original::new();
        let hash = code_hash(code);
        original.put(Space::Code, &hash.0, Some(NOBODYS));
        let fault = original.only(Severity::Lost, &hash.0);
        assert_eq!(fault, wrong(hash));
        original.is_left();
    }
}

/// The fault of a code that is nobody's under another hash.
fn wrong(expected: Hash) -> Fault {
    Fault::WrongHash {
        of: "code hash",
        expected,
        found: code_hash(NOBODYS),
    }
}

#[test]
fn a_wrong_code_that_no_account_names_is_told_and_removed() {
    let original = Original::new();
    let hash = code_hash(b"yet another");
    let before = dump(original.storage.as_ref());
    original.put(Space::Code, &hash.0, Some(NOBODYS));
    let fault = original.only(Severity::Stray, &hash.0);
    assert_eq!(fault, wrong(hash));
    let repair = original.repair();
    assert_eq!(repair.entries, 1);
    assert!(repair.left.is_sound());
    assert_eq!(dump(original.storage.as_ref()), before);
    original.put(Space::Code, b"no hash", Some(NOBODYS));
    let fault = original.only(Severity::Stray, b"no hash");
    assert_eq!(fault, Fault::Stray);
    assert!(original.repair().left.is_sound());
    assert_eq!(dump(original.storage.as_ref()), before);
}

#[test]
fn a_wrong_value_is_not_believed_about_its_code() {
    let original = Original::new();
    {
        // The first account loses its code and gets it back, so that an earlier state has the same value.
        let store = open(original.storage.clone()).unwrap();
        let mut chain = Chain::rooted(130, 200);
        for _ in 0..3 {
            chain.next_block();
        }
        let had = account(2, Some(EARLIER));
        chain.block_of(vec![account(1, Some(PRESENT)), had.clone()]);
        let mut gone = had;
        gone.old = gone.new.take();
        chain.block_of(vec![gone]);
        assert_eq!(store.tip(), chain.tip());
        let mut change = account(1, Some(PRESENT));
        for _ in 0..2 {
            core::mem::swap(&mut change.old, &mut change.new);
            store.commit(chain.block_of(vec![change.clone()])).unwrap();
        }
        store.write_pages().unwrap();
    }
    let before = dump(original.storage.as_ref());
    let key = RawKey::account(&address(1));
    let mut value = before[&Space::Flat][key.as_bytes()].clone();
    *value.last_mut().unwrap() ^= 1;
    original.put(Space::Flat, key.as_bytes(), Some(&value));
    let stray = code_hash(b"yet another");
    original.put(Space::Code, &stray.0, Some(NOBODYS));
    let report = original.fsck();
    let found: Vec<_> = report
        .findings()
        .iter()
        .map(|found| (found.space, found.severity))
        .collect();
    let expected = [
        (Space::Flat, Severity::Rebuildable),
        (Space::Code, Severity::Stray),
    ];
    assert_eq!(found, expected, "{:?}", report.findings());
    assert!(original.repair().left.is_sound());
    assert_eq!(dump(original.storage.as_ref()), before);
}

#[test]
fn codes_without_a_chain_are_no_store() {
    let storage = MemoryStorage::new();
    let mut batch = WriteBatch::new();
    batch.put(Space::Code, code_hash(NOBODYS).0, NOBODYS);
    storage.write(batch).unwrap();
    let report = StateStore::fsck(&storage, &Sequential, &mut |_| {}).unwrap();
    assert!(report.has_lost());
    assert_eq!(report.tip, None);
    assert_eq!(report.first, BlockHeight::GENESIS);
}
