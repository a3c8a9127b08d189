use super::*;
use crate::{GAS_SCHEDULE_V1, SigningKey};

fn payload(sender: Address) -> TransactionPayload {
    TransactionPayload {
        version: TX_VERSION,
        chain_id: ChainId(1),
        sender,
        nonce: Nonce(2),
        gas_limit: Gas(30_000),
        gas_price: GasPrice(4),
        valid_until: Some(BlockHeight(5)),
        kind: TxKind::Transfer {
            to: Address::from_bytes([6; 32]),
            amount: Amount(7),
        },
        memo: Memo::new(vec![8, 0, 9]).unwrap(),
    }
}

fn single() -> Transaction {
    let key = SigningKey::from_seed([1; 32]);
    key.sign_transaction(payload(key.address()))
}

fn multi() -> Transaction {
    let mut signers: Vec<_> = (1..=3)
        .map(|seed| SigningKey::from_seed([seed; 32]))
        .collect();
    signers.sort_by_key(SigningKey::public_key);
    let policy = MultiPolicy::new(2, signers.iter().map(SigningKey::public_key).collect()).unwrap();
    let payload = payload(Address::of_policy(&policy));
    let signed = |index: u8| IndexedSignature {
        index,
        signature: signers[usize::from(index)].sign(payload.id().as_bytes()),
    };
    let auth = Auth::multi(policy, vec![signed(0), signed(2)]).unwrap();
    Transaction { payload, auth }
}

fn cause(bytes: &[u8]) -> DecodeCause {
    codec::decode::<Transaction>(bytes).unwrap_err().cause
}

#[test]
fn both_kinds_of_authorisation_round_trip_with_their_id() {
    for tx in [single(), multi()] {
        let bytes = codec::encode(&tx);
        let (back, id) = Transaction::decode_with_id(&bytes).unwrap();
        assert_eq!(back, tx);
        assert_eq!(id, tx.id());
        assert_eq!(tx.auth.address(), tx.payload.sender);
        let payload_len = codec::encode(&tx.payload).len();
        assert_eq!(bytes.len(), payload_len + tx.auth.encoded_len());
        for (key, signature) in tx.auth.signatures() {
            assert!(crate::signature::verify(key, id.as_bytes(), signature));
        }
        assert_eq!(tx.auth.signatures().count(), tx.auth.signature_count());
    }
}

#[test]
fn the_id_does_not_depend_on_the_signature() {
    let tx = single();
    let mut other = tx.clone();
    if let Auth::Ed25519 { signature, .. } = &mut other.auth {
        signature[0] ^= 1;
    }
    assert_eq!(tx.id(), other.id());
    assert_ne!(codec::encode(&tx), codec::encode(&other));
}

#[test]
fn sizes_out_of_bounds_are_named() {
    assert_eq!(
        cause(&[0; 63]),
        DecodeCause::Undersized {
            size: 63,
            limit: MIN_TX_BYTES
        }
    );
    let size = MAX_TX_BYTES + 1;
    assert_eq!(
        cause(&vec![0; size]),
        DecodeCause::Oversized {
            size,
            limit: MAX_TX_BYTES
        }
    );
}

#[test]
fn every_truncation_and_any_trailing_byte_is_refused() {
    for tx in [single(), multi()] {
        let mut bytes = codec::encode(&tx);
        for end in 0..bytes.len() {
            assert!(
                codec::decode::<Transaction>(&bytes[..end]).is_err(),
                "{end}"
            );
        }
        bytes.push(0);
        assert_eq!(cause(&bytes), DecodeCause::TrailingBytes { count: 1 });
    }
}

#[test]
fn reserved_kinds_are_named_and_others_are_unknown() {
    let bytes = codec::encode(&single());
    let kind_at = codec::encode(&single().payload).len() - (1 + 32 + 16 + 4 + 3);
    assert_eq!(bytes[kind_at], 0);
    for value in (1..=u8::MAX).filter(|value| ![4, 5].contains(value)) {
        let mut changed = bytes.clone();
        changed[kind_at] = value;
        match KIND_NAMES.get(usize::from(value)) {
            Some(name) => assert_eq!(
                cause(&changed),
                DecodeCause::UnsupportedKind { value, name }
            ),
            None => {
                let field = "transaction kind";
                assert_eq!(
                    cause(&changed),
                    DecodeCause::UnknownDiscriminant { field, value }
                );
            }
        }
    }
}

#[test]
fn an_unknown_version_or_scheme_is_named() {
    let mut bytes = codec::encode(&single());
    bytes[0] = 2;
    assert_eq!(
        cause(&bytes),
        DecodeCause::UnsupportedVersion {
            field: "transaction",
            value: 2
        }
    );
    let mut bytes = codec::encode(&single());
    let auth_at = bytes.len() - single().auth.encoded_len();
    bytes[auth_at] = 7;
    assert_eq!(cause(&bytes), DecodeCause::UnsupportedScheme { value: 7 });
}

#[test]
fn an_option_flag_other_than_0_and_1_is_not_canonical() {
    let mut bytes = codec::encode(&single());
    let flag_at = 2 + 8 + 32 + 8 + 8 + 8;
    assert_eq!(bytes[flag_at], 1);
    bytes[flag_at] = 2;
    assert!(matches!(
        cause(&bytes),
        DecodeCause::NotCanonical {
            field: "valid_until",
            ..
        }
    ));
}

#[test]
fn a_policy_has_one_form_only() {
    let Auth::Multi { policy, signatures } = multi().auth else {
        panic!("a multi-signature")
    };
    let with = |keys: Vec<[u8; 32]>, threshold: u8| {
        let mut bytes = vec![threshold];
        bytes.extend(codec::encode(&keys));
        MultiPolicy::deserialize(&mut &bytes[..]).is_err()
    };
    let keys = policy.keys().to_vec();
    assert!(!with(keys.clone(), 2));
    assert!(with(keys.iter().rev().copied().collect(), 2), "descending");
    assert!(with(vec![keys[0]; 2], 1), "alike");
    assert!(with(keys.clone(), 0), "threshold 0");
    assert!(with(keys.clone(), 4), "threshold above the keys");
    assert!(with(vec![], 0), "no keys");
    assert!(
        MultiPolicy::new(1, (0..17).map(|seed| [seed; 32]).collect()).is_err(),
        "17 keys"
    );

    let signed: Vec<IndexedSignature> = signatures.iter().cloned().collect();
    let refused = |signed: Vec<IndexedSignature>| Auth::multi(policy.clone(), signed).is_err();
    assert!(!refused(signed.clone()));
    assert!(refused(signed[..1].to_vec()), "too few");
    assert!(
        refused(signed.iter().rev().cloned().collect()),
        "descending"
    );
    assert!(refused(vec![signed[0].clone(); 2]), "twice the same");
    let outside = IndexedSignature {
        index: 3,
        ..signed[0].clone()
    };
    assert!(refused(vec![signed[0].clone(), outside]), "no such key");
}

#[test]
fn a_memo_above_its_limit_is_refused_when_it_claims_so() {
    let tx = single();
    let bytes = codec::encode(&tx);
    let length_at = bytes.len() - tx.auth.encoded_len() - 3 - 4;
    let mut changed = bytes.clone();
    changed[length_at..length_at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(
        cause(&changed),
        DecodeCause::LengthAboveLimit {
            limit: MAX_MEMO_BYTES,
            ..
        }
    ));
}

proptest::proptest! {
    #[test]
    fn what_decodes_encodes_to_the_same_bytes(flips in proptest::collection::vec((0_usize..400, 1_u8..), 0..6), multi_auth: bool) {
        let tx = if multi_auth { multi() } else { single() };
        let mut bytes = codec::encode(&tx);
        for (at, mask) in flips {
            let at = at % bytes.len();
            bytes[at] ^= mask;
        }
        if let Ok((tx, id)) = Transaction::decode_with_id(&bytes) {
            proptest::prop_assert_eq!(codec::encode(&tx), bytes);
            proptest::prop_assert_eq!(id, tx.id());
        }
    }
}

#[test]
fn contract_kinds_round_trip_and_their_bytes_are_charged() {
    let base = single();
    let plain = GAS_SCHEDULE_V1.intrinsic(&base.payload, &base.auth);
    let deploy = |salt| TxKind::Deploy {
        code: Code::new(vec![0, 7, 7]).unwrap(),
        init: ContractInput::new(vec![1]).unwrap(),
        salt,
    };
    let call = TxKind::Call {
        contract: Address::from_bytes([9; 32]),
        input: ContractInput::new(vec![1, 0, 2]).unwrap(),
        value: Amount(3),
    };
    for (kind, data) in [
        (deploy(None), 3 * 16 + 4),
        (deploy(Some([5; 32])), 3 * 16 + 4),
        (call, 2 * 16 + 4),
    ] {
        let mut tx = base.clone();
        tx.payload.kind = kind;
        let bytes = codec::encode(&tx);
        assert_eq!(codec::decode::<Transaction>(&bytes).unwrap(), tx);
        let gas = GAS_SCHEDULE_V1.intrinsic(&tx.payload, &tx.auth);
        assert_eq!(gas.0, plain.0 + data);
        assert_eq!(
            KIND_NAMES[usize::from(tx.payload.kind.discriminant())],
            tx.payload.kind.name()
        );
    }
}
