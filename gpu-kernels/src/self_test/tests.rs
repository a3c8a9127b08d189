use ordlane_primitives::{
    SigningKey,
    batch::{BatchHasher as _, BatchVerifier as _, Sequential},
};
use tracing::Level;

use super::*;
use crate::{DispatchError, Dispatcher, DispatcherConfig, test_log::Log};

/// A kernel for signatures that says yes to all, and kernels for hashes that spoil one bit of the last digest.
const FAULTY: Kernels = Kernels {
    verify: |_, checks| vec![true; checks.len()],
    hash_pairs: |hasher, pairs| spoiled(hasher.hash_pairs_here(pairs)),
    hash_messages: |hasher, messages| spoiled(hasher.hash_messages_here(messages)),
};

fn spoiled(mut digests: Vec<Hash>) -> Vec<Hash> {
    if let Some(last) = digests.last_mut() {
        last.0[31] ^= 1;
    }
    digests
}

/// Keeps what is logged as errors. A reader of the log who asks for the tiers waits for nobody.
fn log() -> Log {
    Log::listening(|| {
        for tier in SignatureTier::ALL {
            let _ = crate::signature_tier_state(tier);
        }
    })
}

/// Whether the CPU has its instructions, whatever it answers.
fn verifier(tier: SignatureTier) -> Option<Verifier> {
    Verifier::of(&SelfTests::of(Kernels::OWN), tier).ok()
}

fn hasher(tier: HashTier) -> Option<Hasher> {
    Hasher::of(&SelfTests::of(Kernels::OWN), tier).ok()
}

#[test]
fn the_tiers_of_this_machine_are_right_and_nothing_is_reported() {
    let log = log();
    tracing::subscriber::with_default(log.clone(), || {
        let tests = SelfTests::of(Kernels::OWN);
        for tier in SignatureTier::ALL {
            assert_ne!(Verifier::of(&tests, tier).err(), Some(TierState::Faulty));
        }
        for tier in HashTier::ALL {
            assert_ne!(Hasher::of(&tests, tier).err(), Some(TierState::Faulty));
        }
    });
    assert!(log.lines(Level::ERROR).is_empty());
}

#[test]
fn a_tier_with_a_planted_fault_is_faulty_and_refused_when_it_is_asked_for() {
    let tests = SelfTests::of(FAULTY);
    for tier in SignatureTier::ALL.into_iter().skip(1) {
        if verifier(tier).is_none() {
            println!("skipped: this CPU has no {}", tier.name());
            continue;
        }
        assert_eq!(Verifier::of(&tests, tier).err(), Some(TierState::Faulty));
        let config = DispatcherConfig {
            signatures: Some(tier),
            ..DispatcherConfig::default()
        };
        assert!(matches!(
            Dispatcher::tested(&config, &tests),
            Err(DispatchError::Tier { tier: name, state: TierState::Faulty }) if name == tier.name()
        ));
    }
    for tier in HashTier::ALL.into_iter().skip(1) {
        if hasher(tier).is_none() {
            println!("skipped: this CPU has no {}", tier.name());
            continue;
        }
        assert_eq!(Hasher::of(&tests, tier).err(), Some(TierState::Faulty));
        let config = DispatcherConfig {
            hashes: Some(tier),
            ..DispatcherConfig::default()
        };
        assert!(matches!(
            Dispatcher::tested(&config, &tests),
            Err(DispatchError::Tier { tier: name, state: TierState::Faulty }) if name == tier.name()
        ));
    }
}

#[test]
fn a_tier_that_errs_only_where_signatures_are_verified_together_is_faulty() {
    /// Says yes to all in batches of these lengths, and errs nowhere else.
    fn lenient<const FROM: usize, const TO: usize>(
        verifier: &Verifier,
        checks: &[SignatureCheck<'_>],
    ) -> Vec<bool> {
        if (FROM..=TO).contains(&checks.len()) {
            return vec![true; checks.len()];
        }
        verifier.verify_here(checks)
    }
    let tier = SignatureTier::Avx512Ifma;
    if verifier(tier).is_none() {
        println!("skipped: this CPU has no {}", tier.name());
        return;
    }
    // The sizes at which the sums of groups have digits of four, five and six bits.
    for verify in [lenient::<48, 55>, lenient::<56, 119>, lenient::<120, 256>] {
        let tests = SelfTests::of(Kernels {
            verify,
            ..Kernels::OWN
        });
        assert_eq!(Verifier::of(&tests, tier).err(), Some(TierState::Faulty));
    }
}

#[test]
fn with_planted_faults_the_portable_tiers_are_chosen_and_all_results_are_right() {
    let tests = SelfTests::of(FAULTY);
    let dispatcher = Dispatcher::tested(&DispatcherConfig::default(), &tests).unwrap();
    assert_eq!(dispatcher.signature_tier(), SignatureTier::Portable);
    assert_eq!(dispatcher.hash_tier(), HashTier::Portable);

    let key = SigningKey::from_seed([9; 32]);
    let (public, good) = (key.public_key(), key.sign(b"message"));
    let mut bad = good;
    bad[40] ^= 1;
    let checks: Vec<SignatureCheck<'_>> = [&good, &bad, &bad, &good]
        .into_iter()
        .cycle()
        .take(20)
        .map(|signature| SignatureCheck {
            key: &public,
            message: b"message",
            signature,
        })
        .collect();
    let verdicts = dispatcher.verify_batch(&checks);
    assert_eq!(verdicts, Sequential.verify_batch(&checks));
    assert_eq!(verdicts[..4], [true, false, false, true]);
    // The planted kernel would have said otherwise.
    assert_ne!(verdicts, (FAULTY.verify)(&Verifier::Portable, &checks));
    let pairs = [[7; 64]; 40];
    assert_eq!(dispatcher.hash_pairs(&pairs), Sequential.hash_pairs(&pairs));
    let messages = [b"message".as_slice(); 40];
    assert_eq!(
        dispatcher.hash_messages(&messages),
        Sequential.hash_messages(&messages)
    );
}

#[test]
fn a_faulty_tier_within_another_one_is_left_out_of_it() {
    // Only the SHA extensions err; the wider tier does without them for what fills no vector.
    let tests = SelfTests::of(Kernels {
        hash_pairs: |hasher, pairs| match hasher.tier() {
            HashTier::ShaNi => spoiled(hasher.hash_pairs_here(pairs)),
            _ => hasher.hash_pairs_here(pairs),
        },
        ..Kernels::OWN
    });
    if let (Some(_), Some(wide)) = (hasher(HashTier::ShaNi), hasher(HashTier::Avx512)) {
        assert!(format!("{wide:?}").contains("Some(ShaNi"), "{wide:?}");
        let wide = Hasher::of(&tests, HashTier::Avx512).unwrap();
        assert!(!format!("{wide:?}").contains("ShaNi"), "{wide:?}");
        let pairs = [[7; 64]; 17];
        assert_eq!(wide.hash_pairs_here(&pairs), Sequential.hash_pairs(&pairs));
    } else {
        println!("skipped: this CPU has no two tiers of hashes");
    }
}

#[test]
fn a_faulty_tier_is_reported_once_however_often_it_is_asked_for() {
    let log = log();
    let tests = SelfTests::of(FAULTY);
    let mut expected = Vec::new();
    for tier in [SignatureTier::Avx512Ifma].into_iter().filter_map(verifier) {
        expected.push(("signatures", tier.tier().name()));
    }
    for tier in [HashTier::ShaNi, HashTier::Avx512]
        .into_iter()
        .filter_map(hasher)
    {
        expected.push(("hashes", tier.tier().name()));
    }
    tracing::subscriber::with_default(log.clone(), || {
        for _ in 0..3 {
            Dispatcher::tested(&DispatcherConfig::default(), &tests).unwrap();
        }
    });
    let expected: Vec<String> = expected
        .into_iter()
        .map(|(of, tier)| {
            format!(
                "message=a tier failed its self-test and is not used in this process \
                 of={of:?} tier={tier:?} "
            )
        })
        .collect();
    assert_eq!(log.lines(Level::ERROR), expected);
}
