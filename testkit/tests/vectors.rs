//! The public vectors against the code that must satisfy them.

use ordlane_primitives::{
    SigningKey,
    batch::{BatchHasher as _, BatchVerifier as _, Sequential, SignatureCheck},
    hash::sha256,
    signature,
};
use ordlane_testkit::vectors;
use sha2::{Digest as _, Sha512};

fn zebra(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    ed25519_zebra::VerificationKey::try_from(*key).is_ok_and(|key| {
        key.verify(&ed25519_zebra::Signature::from(*signature), message)
            .is_ok()
    })
}

fn sequential(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    Sequential.verify_batch(&[SignatureCheck {
        key,
        message,
        signature,
    }]) == [true]
}

#[test]
fn every_wycheproof_verdict_is_that_of_zip_215() {
    let cases = vectors::wycheproof();
    assert_eq!(cases.len(), 151);
    let (mut accepted, mut of_other_length) = (0, 0);
    for case in &cases {
        let expected = case.expect.zip215_zebra;
        accepted += usize::from(expected);
        let key: [u8; 32] = case.public_key[..].try_into().unwrap();
        let Ok(signature) = <[u8; 64]>::try_from(&case.signature[..]) else {
            assert!(!expected, "case {}", case.id);
            of_other_length += 1;
            continue;
        };
        assert_eq!(
            signature::verify(&key, &case.message, &signature),
            expected,
            "case {}",
            case.id
        );
        assert_eq!(
            sequential(&key, &case.message, &signature),
            expected,
            "case {}",
            case.id
        );
        assert_eq!(
            zebra(&key, &case.message, &signature),
            expected,
            "case {}",
            case.id
        );
    }
    assert_eq!(accepted, 89);
    assert!(of_other_length > 0);
}

#[test]
fn all_1024_signatures_are_made_and_accepted() {
    let cases = vectors::sign_cases();
    assert_eq!(cases.len(), 1_024);
    for (length, case) in cases.iter().enumerate() {
        assert_eq!(case.message.len(), length);
        let key = SigningKey::from_seed(case.seed);
        assert_eq!(key.public_key(), case.public_key);
        assert_eq!(key.sign(&case.message), case.signature, "{length}");
        assert!(
            signature::verify(&case.public_key, &case.message, &case.signature),
            "{length}"
        );
        assert!(
            zebra(&case.public_key, &case.message, &case.signature),
            "{length}"
        );
        assert!(!signature::is_weak_key(&case.public_key));
    }
    let checks: Vec<SignatureCheck<'_>> = cases
        .iter()
        .map(|case| SignatureCheck {
            key: &case.public_key,
            message: &case.message,
            signature: &case.signature,
        })
        .collect();
    assert!(
        Sequential
            .verify_batch(&checks)
            .iter()
            .all(|accepted| *accepted)
    );
}

#[test]
fn sha256_gives_nists_digests_of_short_messages() {
    let cases = vectors::sha256_short();
    assert_eq!(cases.len(), 65);
    let messages: Vec<&[u8]> = cases
        .iter()
        .map(|case| &case.message[..case.len_bits / 8])
        .collect();
    for (case, batched) in cases.iter().zip(Sequential.hash_messages(&messages)) {
        assert_eq!(
            sha256(&case.message[..case.len_bits / 8]).as_bytes()[..],
            case.digest
        );
        assert_eq!(batched.as_bytes()[..], case.digest);
    }
}

#[test]
fn sha256_gives_nists_monte_carlo_checkpoints() {
    let monte = vectors::sha256_monte();
    assert_eq!(monte.checkpoints.len(), 100);
    let mut seed = monte.seed;
    for checkpoint in &monte.checkpoints {
        let mut last = [seed.clone(), seed.clone(), seed];
        for _ in 0..1_000 {
            let digest = sha256(&last.concat());
            last.rotate_left(1);
            last[2] = digest.as_bytes().to_vec();
        }
        seed = last[2].clone();
        assert_eq!(hex::encode(&seed), *checkpoint);
    }
}

#[test]
fn sha512_gives_nists_digests_of_short_messages() {
    let cases = vectors::sha512_short();
    assert_eq!(cases.len(), 129);
    for case in &cases {
        assert_eq!(
            Sha512::digest(&case.message[..case.len_bits / 8])[..],
            case.digest
        );
    }
}
