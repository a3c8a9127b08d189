//! What dispatchers give while their device fails in every way.

use std::{
    collections::BTreeMap,
    ops::Deref,
    sync::{Arc, LazyLock},
    time::Duration,
};

use ordlane_primitives::{
    Hash, SigningKey,
    batch::{BatchHasher as _, BatchVerifier as _, Sequential, SignatureCheck},
    list,
};
use tracing::{Level, subscriber::DefaultGuard};

use super::{
    calibrate, device_test,
    faults::{Failure, Faults, dispatcher, dispatcher_quarantined_by},
    health::Quarantine,
};
use crate::{Backend, Dispatcher, DispatcherConfig, GpuOptions, GpuState, Usage, test_log::Log};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);
/// Around everything that is counted in 64, 4,096 or 65,536.
const SIZES: [usize; 9] = [0, 1, 63, 64, 65, 4095, 4096, 4097, 65_536];
const FAILURES: [Failure; 10] = [
    Failure::Wrong,
    Failure::Short,
    Failure::Hang,
    Failure::Stuck(Duration::from_millis(1_500)),
    Failure::LostAtBegin,
    Failure::LostAtEnd,
    Failure::Refused,
    Failure::OutOfMemory,
    Failure::OutOfMemoryAtEnd,
    Failure::Panics,
];

fn config(options: GpuOptions) -> DispatcherConfig {
    DispatcherConfig {
        backend: Backend::Gpu,
        threads: 2,
        gpu: options,
        ..DispatcherConfig::default()
    }
}

/// A dispatcher, and what is logged by it.
struct Watched {
    dispatcher: Dispatcher,
    log: Log,
    _guard: DefaultGuard,
}

impl Deref for Watched {
    type Target = Dispatcher;

    fn deref(&self) -> &Dispatcher {
        &self.dispatcher
    }
}

impl Watched {
    fn new(make: impl FnOnce() -> Dispatcher) -> Self {
        let log = Log::listening(|| ());
        // As long as the guard lives, this thread and those that it starts log there.
        let guard = tracing::subscriber::set_default(log.clone());
        Self {
            dispatcher: make(),
            log,
            _guard: guard,
        }
    }

    fn warnings(&self) -> Vec<String> {
        self.log.lines(Level::WARN)
    }

    fn errors(&self) -> Vec<String> {
        self.log.lines(Level::ERROR)
    }
}

/// With a device that is ready.
fn started(options: GpuOptions, faults: Faults) -> Watched {
    let watched = Watched::new(|| dispatcher(config(options), faults).unwrap());
    assert_eq!(watched.wait_for_gpu(LONG), GpuState::Ready);
    watched
}

fn failing(jobs: impl IntoIterator<Item = (u64, Failure)>) -> Faults {
    Faults {
        jobs: jobs.into_iter().collect(),
        ..Faults::default()
    }
}

/// Short enough for a test that waits for it, where something does not come; else no load makes a difference.
fn patient_but_for(failure: Failure) -> GpuOptions {
    let job_timeout = match failure {
        Failure::Hang | Failure::Stuck(_) => Duration::from_secs(1),
        _ => LONG,
    };
    GpuOptions {
        job_timeout,
        ..GpuOptions::default()
    }
}

struct Signed {
    key: [u8; 32],
    signature: [u8; 64],
    holds: bool,
}

/// Signatures of which every third is broken, one in S beyond the group order.
static SIGNED: LazyLock<Vec<Signed>> = LazyLock::new(|| {
    (0..60_u8)
        .map(|seed| {
            let key = SigningKey::from_seed([seed; 32]);
            let mut signature = key.sign(b"message");
            let holds = seed % 3 != 0;
            match (holds, seed % 2) {
                (true, _) => {}
                (false, 0) => signature[40] ^= 1,
                (false, _) => signature[63] |= 0x40,
            }
            Signed {
                key: key.public_key(),
                signature,
                holds,
            }
        })
        .collect()
});

fn checks(size: usize) -> (Vec<SignatureCheck<'static>>, Vec<bool>) {
    SIGNED
        .iter()
        .cycle()
        .take(size)
        .map(|signed| {
            let check = SignatureCheck {
                key: &signed.key,
                message: b"message",
                signature: &signed.signature,
            };
            (check, signed.holds)
        })
        .unzip()
}

fn pairs(size: usize) -> (Vec<[u8; 64]>, Vec<Hash>) {
    let pairs: Vec<[u8; 64]> = (0..size)
        .map(|index| {
            let mut pair = [0x11; 64];
            pair[..8].copy_from_slice(&index.to_le_bytes());
            pair
        })
        .collect();
    let digests = Sequential.hash_pairs(&pairs);
    (pairs, digests)
}

fn all_right(dispatcher: &Dispatcher, size: usize) {
    let (checks, verdicts) = checks(size.min(5_000));
    assert!(
        dispatcher.verify_batch(&checks) == verdicts,
        "{size} signatures"
    );
    let (pairs, digests) = pairs(size);
    assert!(dispatcher.hash_pairs(&pairs) == digests, "{size} pairs");
    let messages: Vec<&[u8]> = pairs
        .iter()
        .enumerate()
        .map(|(index, pair)| &pair[..index % 65])
        .collect();
    let digests = Sequential.hash_messages(&messages);
    assert!(
        dispatcher.hash_messages(&messages) == digests,
        "{size} messages"
    );
}

#[test]
fn batches_of_every_size_and_split_give_what_the_definition_gives() {
    for (share, job_items) in [
        (1_000, 1 << 16),
        (1_000, 1_000),
        (500, 1_000),
        (1, 64),
        (0, 64),
    ] {
        let options = GpuOptions {
            share_permille: Some(share),
            ..GpuOptions::default()
        };
        let faults = Faults {
            job_items,
            ..Faults::default()
        };
        let dispatcher = started(options, faults);
        for size in SIZES {
            all_right(&dispatcher, size);
        }
        let Usage {
            gpu_signatures,
            gpu_hashes,
            ..
        } = dispatcher.usage();
        assert_eq!(gpu_signatures > 0, share > 0, "{share}");
        assert_eq!(gpu_hashes > 0, share > 0, "{share}");
        assert!(dispatcher.warnings().is_empty());
    }
}

#[test]
fn a_whole_batch_beyond_one_job_is_done_by_the_device_in_several() {
    let faults = Faults {
        job_items: 1_000,
        ..Faults::default()
    };
    let dispatcher = started(GpuOptions::default(), faults);
    let (checks, verdicts) = checks(65_536);
    assert!(dispatcher.verify_batch(&checks) == verdicts);
    let usage = dispatcher.usage();
    assert_eq!((usage.gpu_signatures, usage.cpu_signatures), (65_536, 0));
}

#[test]
fn messages_that_fit_into_no_job_are_hashed_by_the_cpu() {
    let faults = Faults {
        job_blocks: 8,
        ..Faults::default()
    };
    let dispatcher = started(GpuOptions::default(), faults);
    let texts: Vec<Vec<u8>> = (0..900).map(|length| vec![7; length]).collect();
    let messages: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
    assert_eq!(
        dispatcher.hash_messages(&messages),
        Sequential.hash_messages(&messages)
    );
    // Eight blocks have room for 503 bytes and their padding.
    let usage = dispatcher.usage();
    assert_eq!((usage.gpu_hashes, usage.cpu_hashes), (504, 396));
    assert!(dispatcher.warnings().is_empty());
}

#[test]
fn whatever_fails_the_results_are_right() {
    for failure in FAILURES {
        for number in [0, 1, 3] {
            let faults = Faults {
                job_items: 150,
                ..failing([(number, failure)])
            };
            let dispatcher = started(patient_but_for(failure), faults);
            for _ in 0..2 {
                all_right(&dispatcher, 600);
            }
            let (warnings, errors) = (dispatcher.warnings(), dispatcher.errors());
            let is_wrong = matches!(failure, Failure::Wrong | Failure::Short);
            assert_eq!(
                errors.len(),
                usize::from(is_wrong),
                "{failure:?}: {errors:?}"
            );
            assert_eq!(
                warnings.len(),
                usize::from(!is_wrong),
                "{failure:?}: {warnings:?}"
            );
            let state = dispatcher.wait_for_gpu(LONG);
            let expected = match is_wrong {
                true => GpuState::Quarantined,
                false => GpuState::Ready,
            };
            assert_eq!(state, expected, "{failure:?}");
        }
    }
}

#[test]
fn lists_have_the_root_of_the_definition_whatever_fails() {
    let leaves = |count: usize| -> Vec<Hash> { pairs(count).1 };
    for failure in FAILURES.into_iter().map(Some).chain([None]) {
        let faults = failing(failure.map(|failure| (0, failure)));
        let dispatcher = started(
            failure.map_or_else(GpuOptions::default, patient_but_for),
            faults,
        );
        for count in [4_096, 4_097, 8_195, 20_001] {
            let expected = list::root_of_leaves(leaves(count), &Sequential);
            let found = list::root_of_leaves(leaves(count), &dispatcher.dispatcher);
            assert_eq!(found, expected, "{failure:?}: {count}");
        }
        if failure.is_none() {
            let usage = dispatcher.usage();
            assert!(usage.gpu_hashes > 30_000, "{usage:?}");
            assert!(dispatcher.warnings().is_empty());
        }
    }
}

#[test]
fn a_wrong_answer_recomputes_the_whole_batch_and_ends_the_device_for_the_process() {
    let quarantine: Arc<Quarantine> = Arc::default();
    let faults = Faults {
        job_items: 700,
        ..failing([(2, Failure::Wrong)])
    };
    let made = |faults| {
        let config = config(GpuOptions::default());
        Watched::new(|| dispatcher_quarantined_by(config, faults, Arc::clone(&quarantine)).unwrap())
    };
    let dispatcher = made(faults);
    assert_eq!(dispatcher.wait_for_gpu(LONG), GpuState::Ready);
    let (checks, verdicts) = checks(3_000);
    assert!(dispatcher.verify_batch(&checks) == verdicts);
    // Nothing of that batch is the device's, nor of any later one.
    all_right(&dispatcher, 3_000);
    assert_eq!(dispatcher.usage().gpu_signatures, 0);
    assert_eq!(dispatcher.usage().gpu_hashes, 0);
    let errors = dispatcher.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("signatures is wrong"), "{errors:?}");
    drop(dispatcher);

    // Another handle on the same device is told.
    let other = made(Faults::default());
    assert_eq!(other.wait_for_gpu(LONG), GpuState::Quarantined);
    all_right(&other, 100);
    assert_eq!(other.usage().gpu_signatures, 0);
    assert_eq!(other.errors().len(), 1);
}

#[test]
fn signatures_of_which_the_device_is_not_asked_hide_no_wrong_answer() {
    let (checks, _) = checks(60);
    let is_canonical = |check: &&SignatureCheck<'_>| check.signature[63] & 0x40 == 0;
    let asked = *checks.iter().find(is_canonical).unwrap();
    let refused = *checks.iter().find(|check| !is_canonical(check)).unwrap();
    // A look at any of the others would find them refused, as they are.
    let mut checks = vec![refused; 200];
    checks[70] = asked;
    let dispatcher = started(GpuOptions::default(), failing([(0, Failure::Wrong)]));
    assert!(dispatcher.verify_batch(&checks) == Sequential.verify_batch(&checks));
    assert_eq!(dispatcher.wait_for_gpu(LONG), GpuState::Quarantined);
}

#[test]
fn one_signature_that_a_device_refuses_is_not_refused() {
    // A sample would hardly ever meet it.
    let (checks, verdicts) = checks(3);
    let held = checks.iter().zip(verdicts).find(|(_, holds)| *holds);
    let checks = vec![*held.unwrap().0; 255];
    let dispatcher = started(GpuOptions::default(), failing([(0, Failure::RefusesOne)]));
    assert!(dispatcher.verify_batch(&checks).iter().all(|holds| *holds));
    assert_eq!(dispatcher.wait_for_gpu(LONG), GpuState::Quarantined);
}

#[test]
fn false_accepts_pass_no_device_whose_accepts_are_confirmed() {
    // One signature of 255 does not hold: a sample would mostly miss it.
    let (mut checks, mut verdicts) = checks(3);
    checks.retain({
        let mut kept = verdicts.clone().into_iter();
        move |_| kept.next().unwrap()
    });
    verdicts.retain(|holds| *holds);
    let (good, bad) = (
        checks[0],
        SIGNED.iter().find(|signed| !signed.holds).unwrap(),
    );
    let mut checks = vec![good; 255];
    checks[100] = SignatureCheck {
        key: &bad.key,
        message: b"message",
        signature: &bad.signature,
    };
    let options = GpuOptions {
        verify_accepts_on_cpu: true,
        ..GpuOptions::default()
    };
    let dispatcher = started(options, failing([(0, Failure::AcceptsAll)]));
    let verdicts = dispatcher.verify_batch(&checks);
    assert!(
        verdicts
            .iter()
            .enumerate()
            .all(|(index, holds)| *holds == (index != 100))
    );
    assert_eq!(dispatcher.wait_for_gpu(LONG), GpuState::Quarantined);
    assert_eq!(dispatcher.errors().len(), 1);
}

#[test]
fn a_lost_device_is_opened_again_and_tested_again() {
    let dispatcher = started(GpuOptions::default(), failing([(0, Failure::LostAtEnd)]));
    all_right(&dispatcher, 2_000);
    assert_eq!(dispatcher.wait_for_gpu(LONG), GpuState::Ready);
    let before = dispatcher.usage();
    all_right(&dispatcher, 2_000);
    let after = dispatcher.usage();
    assert_eq!(after.gpu_signatures - before.gpu_signatures, 2_000);
    assert_eq!(dispatcher.warnings().len(), 1);

    // One that comes back and errs is not used.
    let faults = Faults {
        faulty_openings: vec![1],
        ..failing([(0, Failure::LostAtBegin)])
    };
    let dispatcher = started(GpuOptions::default(), faults);
    all_right(&dispatcher, 2_000);
    assert_eq!(dispatcher.wait_for_gpu(LONG), GpuState::Quarantined);
    all_right(&dispatcher, 2_000);
    assert_eq!(dispatcher.warnings().len(), 1);
    assert_eq!(dispatcher.errors().len(), 1);
}

#[test]
fn a_device_that_keeps_failing_is_given_up() {
    let jobs: BTreeMap<u64, Failure> = (0..100).map(|job| (job, Failure::LostAtBegin)).collect();
    let faults = Faults {
        tries: 2,
        ..failing(jobs)
    };
    let dispatcher = started(GpuOptions::default(), faults);
    for _ in 0..6 {
        all_right(&dispatcher, 100);
        let _ = dispatcher.wait_for_gpu(LONG);
    }
    assert_eq!(dispatcher.wait_for_gpu(LONG), GpuState::Failed);
    assert_eq!(dispatcher.usage().gpu_signatures, 0);
    // Three losses, and that it is given up.
    assert_eq!(
        dispatcher.warnings().len(),
        4,
        "{:?}",
        dispatcher.warnings()
    );
}

#[test]
fn openings_that_fail_after_a_loss_count_too() {
    let faults = Faults {
        tries: 3,
        failed_openings: vec![1, 2],
        ..failing([(0, Failure::LostAtEnd)])
    };
    let dispatcher = started(GpuOptions::default(), faults);
    all_right(&dispatcher, 100);
    assert_eq!(dispatcher.wait_for_gpu(LONG), GpuState::Ready);
    let faults = Faults {
        tries: 3,
        failed_openings: vec![1, 2, 3],
        ..failing([(0, Failure::LostAtEnd)])
    };
    let dispatcher = started(GpuOptions::default(), faults);
    all_right(&dispatcher, 100);
    assert_eq!(dispatcher.wait_for_gpu(LONG), GpuState::Failed);
    all_right(&dispatcher, 100);
}

#[test]
fn a_device_without_memory_gets_smaller_jobs() {
    let faults = Faults {
        memory_items: 600,
        ..Faults::default()
    };
    let dispatcher = started(GpuOptions::default(), faults);
    for _ in 0..8 {
        all_right(&dispatcher, 4_097);
    }
    let before = dispatcher.usage();
    let (checks, verdicts) = checks(4_097);
    assert!(dispatcher.verify_batch(&checks) == verdicts);
    let after = dispatcher.usage();
    assert_eq!(after.gpu_signatures - before.gpu_signatures, 4_097);
    assert_eq!(dispatcher.warnings().len(), 1);
    assert_eq!(dispatcher.wait_for_gpu(LONG), GpuState::Ready);

    // One that has none at all is left alone.
    let faults = Faults {
        memory_items: 300,
        ..failing((0..1_000).map(|job| (job, Failure::OutOfMemory)))
    };
    let dispatcher = started(GpuOptions::default(), faults);
    for _ in 0..12 {
        all_right(&dispatcher, 300);
    }
    assert_eq!(dispatcher.usage().gpu_signatures, 0);
    assert_eq!(dispatcher.warnings().len(), 1);
}

#[test]
fn a_device_that_does_not_start_is_left_alone_and_that_is_said_once() {
    let cases = [
        (
            Faults {
                failed_openings: vec![0],
                ..Faults::default()
            },
            GpuState::Failed,
        ),
        (
            Faults {
                opening: Duration::from_millis(400),
                ..Faults::default()
            },
            GpuState::Late,
        ),
        (
            Faults {
                faulty_openings: vec![0],
                ..Faults::default()
            },
            GpuState::Quarantined,
        ),
    ];
    for (faults, expected) in cases {
        let options = GpuOptions {
            start_timeout: match expected {
                GpuState::Late => Duration::from_millis(50),
                _ => LONG,
            },
            ..GpuOptions::default()
        };
        let dispatcher = Watched::new(|| dispatcher(config(options), faults).unwrap());
        // Until it is ready, and when it never is, the CPU does everything.
        all_right(&dispatcher, 500);
        assert_eq!(dispatcher.wait_for_gpu(LONG), expected);
        all_right(&dispatcher, 500);
        assert_eq!(dispatcher.usage().gpu_signatures, 0);
        let said = dispatcher.warnings().len() + dispatcher.errors().len();
        assert_eq!(said, 1, "{expected:?}");
    }
}

#[test]
fn threads_of_a_pool_never_wait_for_the_device() {
    let dispatcher = started(GpuOptions::default(), Faults::default());
    let (pairs, digests) = pairs(500);
    dispatcher.scatter(8, &|_| assert!(dispatcher.hash_pairs(&pairs) == digests));
    assert_eq!(dispatcher.usage().gpu_hashes, 0);
    assert!(dispatcher.hash_pairs(&pairs) == digests);
    assert_eq!(dispatcher.usage().gpu_hashes, 500);
}

#[test]
fn many_callers_at_once_get_their_own_results_while_devices_come_and_go() {
    let faults = Faults {
        job_items: 500,
        tries: 100,
        ..failing([
            (3, Failure::LostAtEnd),
            (9, Failure::OutOfMemory),
            (17, Failure::Hang),
            (30, Failure::LostAtBegin),
            (55, Failure::Refused),
        ])
    };
    for share_permille in [None, Some(500)] {
        let options = GpuOptions {
            share_permille,
            ..patient_but_for(Failure::Hang)
        };
        let dispatcher = started(options, faults.clone());
        std::thread::scope(|scope| {
            for caller in 1..=6 {
                let (dispatcher, log) = (&dispatcher.dispatcher, dispatcher.log.clone());
                scope.spawn(move || {
                    let _guard = tracing::subscriber::set_default(log);
                    for round in 0..6 {
                        all_right(dispatcher, caller * 311 + round);
                    }
                });
            }
        });
        assert_eq!(dispatcher.wait_for_gpu(LONG), GpuState::Ready);
    }
}

#[test]
fn plans_are_hashed_by_the_device_and_whatever_fails_are_right() {
    let plans = || {
        let sizes = [1, 2, 3, 255, 256, 257, 5_000];
        let made = sizes.into_iter().map(|size| calibrate::plan(size).unwrap());
        made.chain([device_test::plan().unwrap(), Default::default()])
    };
    let dispatcher = started(GpuOptions::default(), Faults::default());
    let mut hashed = 0;
    for mut plan in plans() {
        let mut expected = plan.clone();
        Sequential.hash_levels(&mut expected);
        dispatcher.hash_levels(&mut plan);
        assert!(plan == expected);
        hashed += plan.len() as u64;
    }
    assert_eq!(dispatcher.usage().gpu_hashes, hashed);
    for failure in FAILURES {
        let dispatcher = started(patient_but_for(failure), failing([(1, failure)]));
        for mut plan in plans() {
            let mut expected = plan.clone();
            Sequential.hash_levels(&mut expected);
            dispatcher.hash_levels(&mut plan);
            assert!(plan == expected, "{failure:?}");
        }
        let said = dispatcher.warnings().len() + dispatcher.errors().len();
        assert_eq!(said, 1, "{failure:?}");
    }
}

#[test]
fn what_is_known_of_the_device_is_told() {
    let dispatcher = started(GpuOptions::default(), Faults::default());
    let report = dispatcher.gpu();
    assert_eq!(report.adapter.as_deref(), Some("a device of tests"));
    assert_eq!(report.backend, Some("gpu-test"));
    let kernels: Vec<&str> = report.calibration.iter().map(|kind| kind.kernel).collect();
    assert_eq!(kernels, ["signatures", "pairs", "messages", "levels"]);
    assert!(
        report
            .calibration
            .iter()
            .all(|kind| kind.cpu_per_second > 0)
    );

    let cpu = DispatcherConfig {
        backend: Backend::Cpu,
        ..DispatcherConfig::default()
    };
    let dispatcher = Dispatcher::new(cpu).unwrap();
    assert_eq!(dispatcher.wait_for_gpu(LONG), GpuState::Absent);
    assert_eq!(dispatcher.gpu().adapter, None);
}

#[test]
fn a_measured_split_is_right_whatever_was_measured() {
    let faults = Faults {
        job_items: 300,
        ..Faults::default()
    };
    let config = DispatcherConfig {
        backend: Backend::Auto,
        threads: 2,
        ..DispatcherConfig::default()
    };
    let dispatcher = Watched::new(|| dispatcher(config, faults).unwrap());
    assert_eq!(dispatcher.wait_for_gpu(LONG), GpuState::Ready);
    for size in SIZES {
        all_right(&dispatcher, size);
        all_right(&dispatcher, size);
    }
}
