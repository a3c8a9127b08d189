//! What the kernels give on a device, if there is one.

use std::collections::BTreeMap;

use ordlane_primitives::batch::{BatchVerifier as _, Sequential, SignatureCheck};
use ordlane_primitives::{Hash, hash::sha256};
use ordlane_testkit::signatures::SignatureCase;

use super::device::{Checks, Device, Step};
use super::{hashes, signatures, tree, words};
use crate::gpu::shaders::pack::messages::{PackedMessages, digests};
use crate::gpu::shaders::pack::signatures::PackedChecks;
use crate::gpu::shaders::{KernelKind, Radix};

/// Runs a kernel for hashes, which has no radix.
fn hash(
    device: &Device,
    kind: KernelKind,
    checks: Checks,
    uniforms: &[[u32; 4]],
    buffers: &[(&'static str, Vec<u32>)],
) -> Vec<u32> {
    let made: BTreeMap<_, _> = buffers
        .iter()
        .map(|(name, words)| (*name, device.buffer(words)))
        .collect();
    let step = |uniform: &[u32; 4]| Step {
        kind,
        radix: Radix::U32,
        checks,
        uniform: *uniform,
        buffers: &made,
    };
    let steps: Vec<Step<'_>> = uniforms.iter().map(step).collect();
    device.run(&steps);
    let (result, words) = buffers.last().unwrap();
    let mut read = device.read(&made[result]);
    read.truncate(words.len());
    read
}

fn parents_agree(device: &Device, checks: Checks, count: usize) {
    let pairs = hashes::pairs(count);
    let uniform = [count.try_into().unwrap(), 0, 0, 0];
    let buffers = [("pairs", words(&pairs)), ("digests", vec![0; 8 * count])];
    let read = hash(
        device,
        KernelKind::Sha256Parent,
        checks,
        &[uniform],
        &buffers,
    );
    let expected: Vec<Hash> = pairs.iter().map(|pair| sha256(pair)).collect();
    assert!(digests(&read) == expected, "{checks:?}, {count}");
}

#[test]
fn parents_are_those_of_the_definition() {
    let Some(device) = Device::get() else { return };
    for count in [1, 63, 64, 65, 4095, 4096, 4097, 65_536] {
        parents_agree(device, Checks::Off, count);
    }
    parents_agree(device, Checks::On, 1000);
}

#[test]
fn digests_of_messages_are_those_of_the_definition() {
    let Some(device) = Device::get() else { return };
    let mut messages = hashes::messages();
    messages.push(hashes::bytes(70_000, 1));
    let slices: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let packed = PackedMessages::pack(&slices, usize::MAX);
    let buffers = [
        ("blocks", words(&packed.blocks)),
        ("starts", packed.starts),
        ("digests", vec![0; 8 * messages.len()]),
    ];
    let expected: Vec<Hash> = messages.iter().map(|message| sha256(message)).collect();
    for checks in [Checks::Off, Checks::On] {
        let uniform = [packed.count, 0, 0, 0];
        let read = hash(device, KernelKind::Sha256Leaf, checks, &[uniform], &buffers);
        assert!(digests(&read) == expected, "{checks:?}");
    }
}

#[test]
fn a_list_is_hashed_to_its_root_in_one_submission() {
    let Some(device) = Device::get() else { return };
    for checks in [Checks::Off, Checks::On] {
        for children in [1, 2, 3, 64, 65, 1000, 5001] {
            let leaves: Vec<[u8; 32]> = (0..children)
                .map(|at| hashes::bytes(32, at).try_into().unwrap())
                .collect();
            let (uniforms, count) = hashes::levels(children.try_into().unwrap());
            let mut nodes = words(&leaves);
            nodes.resize(8 * count as usize, 0);
            let buffers = [("nodes", nodes)];
            let read = hash(device, KernelKind::Sha256Level, checks, &uniforms, &buffers);
            let root = hashes::root_of(leaves.into_iter().map(Hash).collect());
            assert_eq!(digests(&read).last(), Some(&root), "{checks:?}, {children}");
        }
    }
}

#[test]
fn a_tree_is_hashed_to_its_root_by_workgroups() {
    let Some(device) = Device::get() else { return };
    for checks in [Checks::Off, Checks::On] {
        for leaves in [1, 4, 256, 1024] {
            let tree = tree::tree(leaves);
            let [messages, links, plan] = tree::tree_buffers(&tree).try_into().unwrap();
            let buffers = [("links", links), ("plan", plan), ("messages", messages)];
            let read = hash(
                device,
                KernelKind::Sha256Chunks,
                checks,
                &tree.uniforms,
                &buffers,
            );
            assert_eq!(tree::root_in(&read), tree.root, "{checks:?}, {leaves}");
        }
    }
}

/// The device agrees with the definition; how many hold.
fn all_agree(device: &Device, radix: Radix, checks: Checks, cases: &[SignatureCase]) -> usize {
    let asked: Vec<SignatureCheck<'_>> = cases.iter().map(SignatureCase::check).collect();
    let expected = Sequential.verify_batch(&asked);
    let packed = PackedChecks::pack(&asked);
    let buffers: BTreeMap<_, _> = signatures::buffers(radix, &packed)
        .iter()
        .map(|(name, words)| (*name, device.buffer(words)))
        .collect();
    let steps = signatures::steps(&packed).map(|(kind, uniform)| Step {
        kind,
        radix,
        checks,
        uniform,
        buffers: &buffers,
    });
    device.run(&steps);
    let verdicts = packed.verdicts(&device.read(&buffers["verdicts"]));
    assert_eq!(verdicts.len(), cases.len());
    for ((verdict, expected), case) in verdicts.iter().zip(&expected).zip(cases) {
        assert_eq!(verdict, expected, "{radix:?}, {checks:?}: {case:?}");
    }
    expected.into_iter().filter(|holds| *holds).count()
}

#[test]
fn verdicts_are_those_of_the_definition_in_words_of_64_bits() {
    let Some(device) = Device::get().filter(|device| device.has(Radix::U64)) else {
        return;
    };
    let agree = |cases: &[SignatureCase]| all_agree(device, Radix::U64, Checks::Off, cases);
    assert_eq!(agree(&signatures::small_order_cases()), 196);
    assert_eq!(agree(&signatures::mixed_order_cases()), 64);
    for count in [1, 63, 64, 65, 4097] {
        assert_eq!(agree(&signatures::flipped_cases(count)), count.div_ceil(2));
    }
}

#[test]
fn verdicts_are_those_of_the_definition_in_words_of_32_bits() {
    let Some(device) = Device::get() else { return };
    let agree = |cases: &[SignatureCase]| all_agree(device, Radix::U32, Checks::Off, cases);
    assert_eq!(agree(&signatures::small_order_cases()), 196);
    assert_eq!(agree(&signatures::mixed_order_cases()), 64);
    assert_eq!(agree(&signatures::flipped_cases(2000)), 1000);
}

#[test]
fn verdicts_are_the_same_where_the_device_checks_indices_and_loops() {
    let Some(device) = Device::get().filter(|device| device.has(Radix::U64)) else {
        return;
    };
    let agree = |cases: &[SignatureCase]| all_agree(device, Radix::U64, Checks::On, cases);
    assert_eq!(agree(&signatures::mixed_order_cases()), 64);
}

#[test]
#[ignore = "minutes: a hundred thousand signatures"]
fn many_verdicts_are_those_of_the_definition() {
    let Some(device) = Device::get() else { return };
    for (radix, count) in [(Radix::U64, 100_000), (Radix::U32, 10_000)] {
        if device.has(radix) {
            let cases = signatures::flipped_cases(count);
            let holding = all_agree(device, radix, Checks::Off, &cases);
            assert_eq!(holding, count / 2, "{radix:?}");
        }
    }
}

#[test]
#[ignore = "a million parents, for a release build"]
fn many_parents_are_those_of_the_definition() {
    let Some(device) = Device::get() else { return };
    parents_agree(device, Checks::Off, 1_000_000);
}
