use super::*;
use crate::{IndexedSignature, MultiPolicy, PolicySignatures, SigningKey};

fn block() -> Block {
    let header = BlockHeader {
        version: BLOCK_VERSION,
        chain_id: ChainId(1),
        parent_hash: Hash([1; 32]),
        number: BlockHeight(2),
        timestamp_ms: TimestampMs(3),
        proposer: Address::from_bytes([4; 32]),
        state_root: Hash([5; 32]),
        transactions_root: Hash([6; 32]),
        receipts_root: Hash([7; 32]),
        events_root: Hash([8; 32]),
        compute_receipts_root: Hash([9; 32]),
        gas_limit: Gas(10),
        gas_used: Gas(11),
        total_pouw_score: 12,
        provider_count: 13,
        extra: Extra::new(vec![14; 3]).unwrap(),
    };
    Block {
        proposer_auth: Some(SigningKey::from_seed([15; 32]).sign_header(&header)),
        header,
        transactions: vec![vec![16; 64], vec![17; 100]],
    }
}

#[test]
fn a_block_round_trips() {
    let block = block();
    let bytes = codec::encode(&block);
    assert_eq!(codec::decode::<Block>(&bytes).unwrap(), block);
    let header = codec::encode(&block.header);
    assert_eq!(codec::decode::<BlockHeader>(&header).unwrap(), block.header);
}

#[test]
fn every_truncation_and_any_trailing_byte_is_refused() {
    let mut bytes = codec::encode(&block());
    for end in 0..bytes.len() {
        assert!(codec::decode::<Block>(&bytes[..end]).is_err(), "{end}");
    }
    bytes.push(0);
    let error = codec::decode::<Block>(&bytes).unwrap_err();
    assert_eq!(error.cause, DecodeCause::TrailingBytes { count: 1 });
    assert_eq!(error.offset, bytes.len() - 1);
}

#[test]
fn a_claimed_count_above_the_limit_is_refused_before_anything_is_read() {
    let mut block = block();
    block.transactions.clear();
    let mut bytes = codec::encode(&block);
    let count_at = bytes.len() - 8;
    bytes[count_at..count_at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = codec::decode::<Block>(&bytes).unwrap_err();
    let length = u32::MAX as usize;
    let limit = MAX_BLOCK_TXS;
    assert_eq!(
        error.cause,
        DecodeCause::LengthAboveLimit {
            field: "transactions",
            length,
            limit
        }
    );
}

#[test]
fn a_transaction_of_impossible_size_is_refused() {
    for size in [0, MIN_TX_BYTES - 1, MAX_TX_BYTES + 1] {
        let mut block = block();
        block.transactions = vec![vec![0; size]];
        assert!(
            codec::decode::<Block>(&codec::encode(&block)).is_err(),
            "{size}"
        );
    }
}

#[test]
fn the_hash_covers_the_header_and_not_the_proposers_signature() {
    let plain = block();
    let mut signed = plain.clone();
    signed.proposer_auth = None;
    assert_eq!(plain.hash(), signed.hash());
    signed.header.gas_used = Gas(0);
    assert_ne!(plain.hash(), signed.hash());
}

#[test]
fn an_unknown_version_is_named() {
    let mut bytes = codec::encode(&block());
    bytes[0] = 9;
    let error = codec::decode::<Block>(&bytes).unwrap_err();
    assert_eq!(
        error.cause,
        DecodeCause::UnsupportedVersion {
            field: "block",
            value: 9
        }
    );
    assert_eq!(error.what, "block");
}

#[test]
fn a_proposers_authorisation_is_its_own_and_verifies() {
    let key = SigningKey::from_seed([15; 32]);
    let mut block = block();
    block.proposer_auth = None;
    assert_eq!(block.check_proposer(), Ok(()));
    block.proposer_auth = Some(key.sign_header(&block.header));
    assert_eq!(block.check_proposer(), Err(ErrorCode::SignerMismatch));
    block.header.proposer = key.address();
    assert_eq!(
        block.check_proposer(),
        Err(ErrorCode::InvalidSignature),
        "of another hash"
    );
    block.proposer_auth = Some(key.sign_header(&block.header));
    assert_eq!(block.check_proposer(), Ok(()));
    let weak = Auth::Ed25519 {
        key: [0; 32],
        signature: [0; 64],
    };
    block.header.proposer = weak.address();
    block.proposer_auth = Some(weak);
    assert_eq!(block.check_proposer(), Err(ErrorCode::WeakPublicKey));
}

#[test]
fn an_authorisation_put_together_by_hand_needs_all_its_signatures() {
    let keys: Vec<SigningKey> = (1..=3)
        .map(|seed| SigningKey::from_seed([seed; 32]))
        .collect();
    let policy = MultiPolicy::new(2, keys.iter().map(SigningKey::public_key).collect()).unwrap();
    let mut block = block();
    block.header.proposer = Address::of_policy(&policy);
    let hash = block.hash();
    let signed = |index: u8| {
        let key = keys
            .iter()
            .find(|key| key.public_key() == policy.keys()[usize::from(index)]);
        IndexedSignature {
            index,
            signature: key.unwrap().sign(hash.as_bytes()),
        }
    };
    let mut check = |signatures: Vec<IndexedSignature>| {
        let signatures = PolicySignatures::new(signatures).unwrap();
        block.proposer_auth = Some(Auth::Multi {
            policy: policy.clone(),
            signatures,
        });
        block.check_proposer()
    };
    assert_eq!(check(vec![signed(0), signed(2)]), Ok(()));
    let outside = IndexedSignature {
        index: 9,
        ..signed(0)
    };
    for short in [
        vec![],
        vec![signed(1)],
        vec![signed(1), signed(1)],
        vec![signed(1), outside],
    ] {
        assert_eq!(check(short), Err(ErrorCode::InvalidSignature));
    }
}
