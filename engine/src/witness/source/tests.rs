use ordlane_primitives::{
    Block, ChainId, ChainParams, Code, Genesis, TimestampMs, batch::Sequential, codec::Bounded,
    proof::MultiProof,
};
use ordlane_state::{MemoryStorage, Space, Storage as _, WriteBatch};

use super::*;

/// A witness of nothing but these codes.
fn witness<const N: usize>(codes: [&[u8]; N]) -> BlockWitness {
    let params = ChainParams::development(ChainId(1));
    let genesis = Genesis::new(params, TimestampMs(0), Vec::new()).unwrap();
    let header = genesis.header(Hash::ZERO, &Sequential);
    let mut codes = codes.map(|code| Code::new(code.to_vec()).unwrap()).to_vec();
    codes.sort_by_key(|code| code_hash(code));
    BlockWitness {
        parent: header.clone(),
        block: Block {
            header,
            proposer_auth: None,
            transactions: Vec::new(),
        },
        entries: Vec::new(),
        proof: MultiProof::default(),
        codes: Bounded::new(codes).unwrap(),
    }
}

#[test]
fn a_witness_gives_its_codes_by_their_hashes_and_says_which_one_is_missing() {
    let witness = witness([b"a", b"b", b"c"]);
    let state = WitnessState::new(&witness);
    for code in [&b"a"[..], b"b", b"c"] {
        let found = state.code(&code_hash(code)).unwrap();
        assert_eq!(found.as_deref(), Some(code));
    }
    assert!(state.missing().is_none());
    let absent = code_hash(b"absent");
    for hash in [absent, code_hash(b"another")] {
        assert!(state.code(&hash).is_err());
        let told = state.missing();
        assert!(
            matches!(told, Some(WitnessError::MissingCode { hash }) if hash == absent),
            "{told:?}"
        );
    }
}

#[test]
fn the_codes_that_are_asked_for_are_recorded_each_once() {
    let witness = witness([b"a", b"b", b"c"]);
    let state = WitnessState::new(&witness);
    let recording = Recording::new(&state);
    for code in [&b"c"[..], b"a", b"c"] {
        recording.code(&code_hash(code)).unwrap();
    }
    assert!(recording.code(&code_hash(b"absent")).is_err());
    let read = recording.into_read();
    let mut expected = [code_hash(b"a"), code_hash(b"c")];
    expected.sort();
    assert!(read.codes.keys().eq(&expected));
    assert!(
        read.codes
            .iter()
            .all(|(hash, code)| code_hash(code) == *hash)
    );
    assert!(read.values.is_empty());
}

#[test]
fn the_state_below_undone_blocks_has_the_codes_of_the_store() {
    let storage = Arc::new(MemoryStorage::new());
    let mut batch = WriteBatch::new();
    batch.put(Space::Code, code_hash(b"code").0, *b"code");
    storage.write(batch).unwrap();
    let store = StateStore::open(storage, Arc::new(Sequential)).unwrap();
    let state = RolledBack {
        store: &store,
        old: Values::new(),
    };
    let found = state.code(&code_hash(b"code")).unwrap();
    assert_eq!(found.as_deref(), Some(&b"code"[..]));
    assert_eq!(state.code(&code_hash(b"absent")).unwrap(), None);
}
