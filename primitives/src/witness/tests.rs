use super::*;
use crate::{
    Address, BLOCK_VERSION, BlockHeight, ChainId, Extra, Gas, TimestampMs,
    limits::MAX_CODE_BYTES,
    proof::{EndNode, PathEnd},
};

fn header(number: u64) -> BlockHeader {
    BlockHeader {
        version: BLOCK_VERSION,
        chain_id: ChainId(7),
        parent_hash: Hash([1; 32]),
        number: BlockHeight(number),
        timestamp_ms: TimestampMs(3),
        proposer: Address::ZERO,
        state_root: Hash([5; 32]),
        transactions_root: Hash([6; 32]),
        receipts_root: Hash([7; 32]),
        events_root: Hash([8; 32]),
        compute_receipts_root: Hash([9; 32]),
        gas_limit: Gas(10),
        gas_used: Gas(11),
        total_pouw_score: 0,
        provider_count: 0,
        extra: Extra::default(),
    }
}

fn witness() -> BlockWitness {
    let entry = |key: &[u8], value: Option<&[u8]>| WitnessEntry {
        key: RawKey::from_bytes(key.to_vec()),
        value: value.map(<[u8]>::to_vec),
    };
    let node = EndNode::Empty;
    BlockWitness {
        parent: header(4),
        block: Block {
            header: header(5),
            proposer_auth: None,
            transactions: vec![vec![3; 70], vec![4; 64]],
        },
        entries: vec![
            entry(b"a", Some(b"1")),
            entry(b"b", None),
            entry(b"c", Some(b"")),
        ],
        proof: MultiProof::new(
            vec![PathEnd { depth: 1, node }],
            vec![],
            vec![Hash([2; 32])],
        )
        .unwrap(),
        codes: codes([b"\0asm", b"another"]),
    }
}

/// Codes in their order.
fn codes<const N: usize>(codes: [&[u8]; N]) -> Bounded<Code, MAX_WITNESS_CODES> {
    let mut codes = codes.map(|code| Code::new(code.to_vec()).unwrap());
    codes.sort_by_key(|code| code_hash(code));
    Bounded::new(codes.to_vec()).unwrap()
}

#[test]
fn a_witness_round_trips_through_its_bytes() {
    let bytes = witness().to_bytes();
    assert_eq!(BlockWitness::from_bytes(&bytes).unwrap(), witness());
    assert_eq!(witness().encoded_bytes(), bytes.len() - CHECKSUM_BYTES);
}

#[test]
fn a_file_with_any_bit_flipped_or_any_byte_missing_is_refused() {
    let bytes = witness().to_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(BlockWitness::from_bytes(&flipped).is_err(), "bit {bit}");
    }
    for end in 0..bytes.len() {
        assert!(BlockWitness::from_bytes(&bytes[..end]).is_err(), "{end}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(BlockWitness::from_bytes(&longer).is_err());
}

#[test]
fn entries_that_do_not_ascend_are_refused() {
    let mut unordered = witness();
    unordered.entries.swap(0, 1);
    let refused = codec::decode::<BlockWitness>(&codec::encode(&unordered)).unwrap_err();
    assert!(matches!(
        refused.cause,
        DecodeCause::NotCanonical {
            field: "entries",
            ..
        }
    ));
}

#[test]
fn a_witness_without_codes_ends_with_their_count() {
    let with = codec::encode(&witness());
    let mut without = witness();
    without.codes = Bounded::default();
    let without = codec::encode(&without);
    let (before, count) = without.split_last_chunk::<4>().unwrap();
    assert_eq!(count, &[0; 4]);
    assert!(with.starts_with(before));
    assert_eq!(with.len(), without.len() + 4 + 4 + 4 + 7);
}

#[test]
fn codes_that_do_not_ascend_by_their_hash_are_refused() {
    let right = witness().codes;
    for wrong in [[1, 0], [0, 0]] {
        let mut changed = witness();
        changed.codes = Bounded::new(wrong.map(|at: usize| right[at].clone()).to_vec()).unwrap();
        let refused = codec::decode::<BlockWitness>(&codec::encode(&changed)).unwrap_err();
        assert!(matches!(
            refused.cause,
            DecodeCause::NotCanonical {
                field: "contract codes",
                ..
            }
        ));
    }
}

#[test]
fn counts_and_a_code_above_their_limits_are_refused() {
    let mut large = witness();
    large.codes = codes([&[7; MAX_CODE_BYTES]]);
    let bytes = codec::encode(&large);
    assert_eq!(codec::decode::<BlockWitness>(&bytes).unwrap(), large);
    let mut larger = bytes.clone();
    let length_at = bytes.len() - MAX_CODE_BYTES - 4;
    let length = u32::try_from(MAX_CODE_BYTES).unwrap() + 1;
    larger[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    let refused = codec::decode::<BlockWitness>(&[&larger[..], &[7]].concat()).unwrap_err();
    assert!(matches!(
        refused.cause,
        DecodeCause::LengthAboveLimit {
            limit: MAX_CODE_BYTES,
            ..
        }
    ));

    let mut empty = witness();
    empty.entries.clear();
    empty.codes = Bounded::default();
    let bytes = codec::encode(&empty);
    let proof_bytes = codec::encode(&empty.proof).len();
    let count_at = bytes.len() - 4 - proof_bytes - 4;
    for (at, expected) in [(count_at, "entries"), (bytes.len() - 4, "contract codes")] {
        let mut lying = bytes.clone();
        lying[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        let refused = codec::decode::<BlockWitness>(&lying).unwrap_err();
        assert!(matches!(
            refused.cause,
            DecodeCause::LengthAboveLimit { field, .. } if field == expected
        ));
    }
}
