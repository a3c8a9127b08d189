//! Dispatchers whose device is a real one, or software that takes its place. Without an adapter they say so.

use std::{sync::Mutex, time::Duration};

use ordlane_primitives::{
    Hash, SigningKey,
    batch::{BatchHasher as _, BatchVerifier as _, Sequential, SignatureCheck},
    levels::LevelPlan,
    list,
};
use tracing::Level;

use super::*;
use crate::{
    Backend, Dispatcher, DispatcherConfig, GpuState,
    gpu::{
        calibrate, device_test,
        equation::equations,
        list as gpu_list,
        work::{Answer, Kind},
    },
    test_log::Log,
    tier::Verifier,
};

/// Long enough for a compiler of software devices that starts from nothing.
const LONG: Duration = Duration::from_secs(900);

fn options() -> GpuOptions {
    GpuOptions {
        allow_software: true,
        start_timeout: LONG,
        job_timeout: LONG,
        ..GpuOptions::default()
    }
}

/// Whether there is an adapter; if not, that is said.
fn has_adapter() -> bool {
    let has = !adapters().is_empty();
    if !has {
        println!("skipped: no adapter");
    }
    has
}

/// One at a time: a software device takes all cores.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn ready(options: GpuOptions) -> Option<Dispatcher> {
    if !has_adapter() {
        return None;
    }
    let config = DispatcherConfig {
        backend: Backend::Gpu,
        threads: 2,
        gpu: options,
        ..DispatcherConfig::default()
    };
    let log = Log::listening(|| ());
    let made = || Dispatcher::new(config).unwrap();
    let dispatcher = tracing::subscriber::with_default(log.clone(), made);
    let state = dispatcher.wait_for_gpu(LONG);
    let said = [Level::WARN, Level::ERROR].map(|level| log.lines(level));
    assert_eq!(state, GpuState::Ready, "{said:?}");
    Some(dispatcher)
}

/// Signatures of which some are broken in each of their parts.
fn signed(count: usize) -> Vec<([u8; 32], [u8; 64])> {
    (0..count)
        .map(|index| {
            let key = SigningKey::from_seed([u8::try_from(index % 251).unwrap(); 32]);
            let (mut public, mut signature) = (key.public_key(), key.sign(b"message"));
            match index % 7 {
                2 => signature[index % 32] ^= 1,
                3 => signature[32 + index % 31] ^= 2,
                4 => signature[63] |= 0x40,
                5 => public[index % 32] ^= 4,
                _ => {}
            }
            (public, signature)
        })
        .collect()
}

fn checks(signed: &[([u8; 32], [u8; 64])]) -> Vec<SignatureCheck<'_>> {
    signed
        .iter()
        .map(|(key, signature)| SignatureCheck {
            key,
            message: b"message",
            signature,
        })
        .collect()
}

#[test]
fn whole_batches_on_the_device_give_what_the_definition_gives() {
    let _alone = ONE_AT_A_TIME.lock();
    let Some(dispatcher) = ready(options()) else {
        return;
    };
    let signed = signed(4_097);
    let checks = checks(&signed);
    let verdicts = Sequential.verify_batch(&checks);
    let pairs: Vec<[u8; 64]> = (0..65_537_u32)
        .map(|index| {
            let mut pair = [0x33; 64];
            pair[..4].copy_from_slice(&index.to_le_bytes());
            pair
        })
        .collect();
    let digests = Sequential.hash_pairs(&pairs);
    let bytes: Vec<u8> = pairs.concat();
    let mut done = (0, 0);
    for size in [0, 1, 63, 64, 65, 4_095, 4_096, 4_097] {
        assert!(
            dispatcher.verify_batch(&checks[..size]) == verdicts[..size],
            "{size}"
        );
        done.0 += size as u64;
    }
    for size in [0, 1, 63, 64, 65, 4_095, 4_096, 4_097, 65_536, 65_537] {
        assert!(
            dispatcher.hash_pairs(&pairs[..size]) == digests[..size],
            "{size}"
        );
        done.1 += size as u64;
    }
    for size in [0, 1, 65, 1_000] {
        // Of every length around the ends of blocks, and two of many blocks.
        let mut messages: Vec<&[u8]> = (0..size)
            .map(|index| &bytes[index..index + index % 300])
            .collect();
        messages.extend([&bytes[..100_000], &bytes[..4_096]].iter().take(size));
        assert!(
            dispatcher.hash_messages(&messages) == Sequential.hash_messages(&messages),
            "{size}"
        );
        done.1 += messages.len() as u64;
    }
    for mut plan in [1, 2, 3, 255, 256, 257, 40_000]
        .map(|size| calibrate::plan(size).unwrap())
        .into_iter()
        .chain([device_test::plan().unwrap(), LevelPlan::default()])
    {
        let mut expected = plan.clone();
        Sequential.hash_levels(&mut expected);
        dispatcher.hash_levels(&mut plan);
        assert!(plan == expected, "a plan of {}", plan.len());
        done.1 += plan.len() as u64;
    }
    done.1 += lists_are_lifted_to_the_level_of_the_definition(&dispatcher);
    // All of it was the device's.
    let usage = dispatcher.usage();
    assert_eq!((usage.gpu_signatures, usage.gpu_hashes), done);
    assert_eq!((usage.cpu_signatures, usage.cpu_hashes), (0, 0));
    let report = dispatcher.gpu();
    assert!(report.adapter.is_some() && report.calibration.len() == 4);
}

/// How many nodes the device computed.
fn lists_are_lifted_to_the_level_of_the_definition(dispatcher: &Dispatcher) -> u64 {
    let mut done = 0;
    for count in [4_097, 12_345] {
        let leaves = digests_of(count);
        let lifted = dispatcher.lift(leaves.clone());
        assert!(lifted.len() <= list::TOP_NODES);
        done += gpu_list::above(count) as u64;
        let mut level = leaves;
        while level.len() > lifted.len() {
            let (pairs, odd) = level.as_chunks::<2>();
            let messages: Vec<[u8; 64]> = pairs.iter().map(|[a, b]| list::join(a, b)).collect();
            level = [Sequential.hash_pairs(&messages), odd.to_vec()].concat();
        }
        assert!(lifted == level, "a list of {count}");
    }
    done
}

fn digests_of(count: usize) -> Vec<Hash> {
    (0..count)
        .map(|leaf| ordlane_primitives::hash::sha256(&leaf.to_le_bytes()))
        .collect()
}

/// A word that no kernel writes as a verdict ends the answer, which has too few then.
#[test]
fn what_is_no_verdict_is_not_read_as_one() {
    let read = |words: [u32; 3]| Reading::Verdicts(3).answer(bytemuck::cast_slice(&words));
    assert_eq!(read([2, 1, 2]), Answer::Verdicts(vec![true, false, true]));
    for fault in [0, 3, 7, u32::MAX] {
        assert_eq!(read([2, fault, 1]), Answer::Verdicts(vec![true]));
    }
}

#[test]
fn limits_smaller_than_asked_for_split_a_batch() {
    let _alone = ONE_AT_A_TIME.lock();
    // Room for 256 messages, and a tenth of that in signatures.
    let small = GpuOptions {
        max_buffer_bytes: Some(1 << 18),
        ..options()
    };
    let Some(dispatcher) = ready(small) else {
        return;
    };
    let signed = signed(700);
    let checks = checks(&signed);
    assert!(dispatcher.verify_batch(&checks) == Sequential.verify_batch(&checks));
    let pairs = vec![[7; 64]; 20_000];
    assert!(dispatcher.hash_pairs(&pairs) == Sequential.hash_pairs(&pairs));
    let usage = dispatcher.usage();
    assert_eq!((usage.gpu_signatures, usage.gpu_hashes), (700, 20_000));
}

#[test]
fn a_device_that_is_destroyed_gives_faults_and_no_answers() {
    let _alone = ONE_AT_A_TIME.lock();
    if !has_adapter() {
        return;
    }
    let opener = WgpuOpener::new(options());
    let mut device = opener.open_device(&|| false).unwrap();
    let work = calibrate::work(Kind::Pairs, 100);
    device.begin(&work).unwrap();
    device.device.destroy();
    let mut outcomes = vec![device.begin(&work).map(|()| None)];
    for _ in 0..50 {
        outcomes.push(device.finish(Duration::from_millis(2)));
    }
    // The first job may have been done before; nothing else is.
    let answers = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Ok(Some(_))));
    assert!(answers.count() <= 1, "{outcomes:?}");
    assert!(outcomes.iter().any(Result::is_err), "{outcomes:?}");
}

#[test]
fn kernels_with_all_checks_pass_the_self_test() {
    let _alone = ONE_AT_A_TIME.lock();
    if !has_adapter() {
        return;
    }
    let mut opener = WgpuOpener::new(options());
    opener.is_checked = true;
    let mut device = opener.open_device(&|| false).unwrap();
    // Hashes alone: the curve's kernels take long with checks, and their generator's tests have them.
    let work = Work::Levels(device_test::plan().unwrap());
    let answer = crate::gpu::worker::ask(&mut device, &work, LONG).unwrap();
    let mut plan = device_test::plan().unwrap();
    Sequential.hash_levels(&mut plan);
    assert_eq!(answer, Answer::Digests(plan.digests().to_vec()));
}

#[test]
fn one_that_is_late_is_not_opened() {
    if !has_adapter() {
        return;
    }
    let opener = WgpuOpener::new(options());
    assert!(matches!(opener.open_device(&|| true), Err(OpenError::Late)));
}

#[test]
fn software_counts_as_none_unless_it_is_allowed() {
    let only_software = adapters().iter().all(|adapter| adapter.is_software);
    let forbidden = GpuOptions {
        allow_software: false,
        ..options()
    };
    let chosen = adapters::choose(&forbidden);
    assert_eq!(matches!(chosen, Err(OpenError::Absent(_))), only_software);
    let nobody = GpuOptions {
        adapter: Some("no adapter has this name".into()),
        ..options()
    };
    assert!(matches!(
        adapters::choose(&nobody),
        Err(OpenError::Absent(_))
    ));
}

#[test]
fn compiled_kernels_are_kept_where_the_driver_offers_it() {
    let _alone = ONE_AT_A_TIME.lock();
    if !adapters().iter().any(|adapter| adapter.has_pipeline_cache) {
        println!("skipped: no adapter that keeps compiled kernels");
        return;
    }
    let folder = std::env::temp_dir().join(format!("ordlane-kernels-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let cached = GpuOptions {
        pipeline_cache: Some(folder.join("kernels")),
        ..options()
    };
    let Some(dispatcher) = ready(cached.clone()) else {
        return;
    };
    drop(dispatcher);
    assert!(folder.join("kernels").exists());
    let again = ready(cached).unwrap();
    let pairs = vec![[7; 64]; 100];
    assert!(again.hash_pairs(&pairs) == Sequential.hash_pairs(&pairs));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_capacity_is_what_fits_into_the_buffers() {
    let limits = wgpu::Limits {
        max_buffer_size: 1 << 20,
        max_storage_buffer_binding_size: 1 << 20,
        ..wgpu::Limits::default()
    };
    for radix in Radix::ALL {
        let capacity = capacity(radix, &limits);
        let most = capacity.signatures.items;
        let rows = u32::try_from(most).unwrap();
        assert!(most > 0 && most.is_multiple_of(64));
        assert!(SignatureSizes::of(radix, rows).table * 4 <= 1 << 20);
        assert!(SignatureSizes::of(radix, rows + 64).table * 4 > 1 << 20);
        assert_eq!(capacity.pairs.items, 1 << 14);
        assert_eq!(capacity.levels.items, 1 << 13);
    }
}

/// What the worker's copy of an equation must hold is in `encode`; a refused S must not reach the kernels as it is.
#[test]
fn a_scalar_that_is_not_canonical_is_not_told_to_the_device() {
    let signed = signed(5);
    let check = checks(&signed)[4];
    let equations = equations(&Verifier::Portable, &[check]);
    assert_eq!(equations[0].signature[32..], [0; 32]);
    assert_eq!(equations[0].signature[..32], check.signature[..32]);
}
