//! The sets of the CPU's tiers on the GPU of this machine, in both radices. A software adapter will do; without any, that
//! is said.
//!
//! Everything goes to the device: had the CPU given one answer, be it because the device failed, the test would fail.

use std::{
    env,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ordlane_gpu_kernels::{
    Backend, Dispatcher, DispatcherConfig, GpuOptions, GpuRadix, GpuState, gpu::adapters,
};

use super::{hashes, programs, sets};

/// Long enough for a compiler of software devices that starts from nothing.
const LONG: Duration = Duration::from_secs(1_800);

/// One at a time: a software device takes all cores.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A dispatcher that gives everything to the GPU; none if there is no adapter for it, which is then said.
fn ready(radix: GpuRadix) -> Option<Dispatcher> {
    let adapters = adapters();
    if adapters.is_empty() {
        let required = env::var("ORDLANE_REQUIRE_ADAPTER").is_ok_and(|value| value == "1");
        assert!(!required, "no adapter");
        println!("skipped: no adapter");
        return None;
    }
    if radix == GpuRadix::U64 && !adapters.iter().any(|adapter| adapter.has_int64) {
        println!("skipped: no adapter has integers of 64 bits");
        return None;
    }
    let dispatcher = Dispatcher::new(DispatcherConfig {
        backend: Backend::Gpu,
        threads: 2,
        gpu: GpuOptions {
            allow_software: true,
            radix: Some(radix),
            start_timeout: LONG,
            job_timeout: LONG,
            ..GpuOptions::default()
        },
        ..DispatcherConfig::default()
    })
    .unwrap();
    assert_eq!(dispatcher.wait_for_gpu(LONG), GpuState::Ready);
    println!("on {:?}", dispatcher.gpu().adapter);
    Some(dispatcher)
}

/// Runs the sets on the GPU, which does all of them.
fn on_gpu(radix: GpuRadix, sets: impl FnOnce(&[Dispatcher])) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(dispatcher) = ready(radix) else {
        return;
    };
    let who = [dispatcher];
    sets(&who);
    let [dispatcher] = who;
    let usage = dispatcher.usage();
    assert_eq!(dispatcher.wait_for_gpu(LONG), GpuState::Ready);
    assert_eq!(
        (usage.cpu_signatures, usage.cpu_hashes),
        (0, 0),
        "{usage:?}"
    );
    println!("{}: {usage:?}", radix.name());
}

/// The sets in which it does not matter where a signature lies in a batch.
fn of_single_signatures(who: &[Dispatcher]) {
    sets::published_vectors(who);
    sets::small_order(who);
    sets::mixed_order(who);
    sets::s_plus_order(who);
    sets::flipped_bits(who);
    sets::message_lengths(who);
    sets::arbitrary_bytes(who);
}

#[test]
fn signatures_of_every_set_in_words_of_64_bits() {
    on_gpu(GpuRadix::U64, |who| {
        of_single_signatures(who);
        sets::arrangements(who, 256);
    });
}

#[test]
fn batches_from_bytes_in_words_of_64_bits() {
    on_gpu(GpuRadix::U64, |who| {
        programs::corpus(who);
        let holding = programs::random(1_000, 1, who);
        assert!((200..600).contains(&holding), "{holding}");
    });
}

#[test]
fn hashes_of_every_set() {
    on_gpu(GpuRadix::U64, |who| {
        hashes::published_vectors_on(who, 1);
        hashes::lengths_on(who);
        hashes::pairs_on(who);
    });
}

/// All but those that are about where a signature lies in a batch, which no word size changes.
#[test]
fn signatures_of_the_sets_of_points_in_words_of_32_bits() {
    on_gpu(GpuRadix::U32, |who| {
        of_single_signatures(who);
        programs::corpus(who);
    });
}
