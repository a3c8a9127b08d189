//! `ordlane gpu bench`: signatures and parents per second, by the size of the batch, in both radices.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use ordlane::{
    Backend, GpuOptions,
    gpu_kernels::{
        Dispatcher, DispatcherConfig, GpuRadix, GpuState, Usage,
        gpu::{AdapterReport, Bench, BenchTimes, adapters},
    },
    primitives::{
        SigningKey,
        batch::{BatchHasher as _, BatchVerifier as _, SignatureCheck},
    },
};
use serde::Serialize;

use super::{
    BenchArgs,
    info::{CalibrationJson, KernelJson, kernels, print_calibration},
    threads_or_all,
};
use crate::report::{self, ms};

/// The largest batch of a device, and of one that is software.
const TO: u32 = 20;
const TO_OF_SOFTWARE: u32 = 12;
/// So many different signatures fill a batch.
const SIGNERS: usize = 4_096;
/// How long a start may take where compilers are slow.
const START_TIMEOUT: Duration = Duration::from_secs(1_800);

/// The result. The keys are stable.
#[derive(Debug, Serialize)]
struct BenchJson {
    adapter: String,
    software: bool,
    driver: String,
    threads: usize,
    cpu_signatures: &'static str,
    cpu_hashes: &'static str,
    radices: Vec<RadixJson>,
}

#[derive(Debug, Serialize)]
struct RadixJson {
    radix: &'static str,
    backend: &'static str,
    compile_ms: Vec<KernelJson>,
    open_ms: f64,
    self_test_ms: f64,
    calibration: Vec<CalibrationJson>,
    batches: Vec<BatchJson>,
}

#[derive(Debug, Serialize)]
struct BatchJson {
    size: usize,
    verifications_per_second: RatesJson,
    parents_per_second: RatesJson,
}

/// What each does of a batch in a second.
#[derive(Clone, Copy, Debug, Serialize)]
struct RatesJson {
    /// With everything on the device, and nothing carried.
    on_device: u64,
    /// Carried there and back. For signatures, after their challenges.
    with_transfer: u64,
    /// As a caller sees it who wants the GPU alone, with all that belongs to it.
    gpu: u64,
    /// The GPU and the CPU at once, as measured.
    hybrid: u64,
    cpu: u64,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
enum MeasureError {
    /// It was not there to begin with, or was gone in the end.
    #[error("the GPU is {}: {}", .0.name(), .0.meaning())]
    NotReady(GpuState),
    /// It failed on the way.
    #[error(
        "the GPU left {on_cpu} of {items} {what} of a measurement to the CPU, and is {} now; the figures would be the CPU's \
         (hint: `--log info` tells why)", .state.name()
    )]
    OnCpu {
        what: &'static str,
        items: u64,
        on_cpu: u64,
        state: GpuState,
    },
}

/// Whether what a dispatcher did meanwhile was measured as what it is called. One that gives all to the GPU leaves nothing
/// to the CPU, and one that shares has a GPU to share with.
fn is_of_gpu(
    before: Usage,
    after: Usage,
    gives_all: bool,
    state: GpuState,
) -> Result<(), MeasureError> {
    let since = |now: u64, then: u64| now.saturating_sub(then);
    let signatures = (
        "signatures",
        since(after.gpu_signatures, before.gpu_signatures),
        since(after.cpu_signatures, before.cpu_signatures),
    );
    let hashes = (
        "parents",
        since(after.gpu_hashes, before.gpu_hashes),
        since(after.cpu_hashes, before.cpu_hashes),
    );
    for (what, on_gpu, on_cpu) in [signatures, hashes] {
        if gives_all && on_cpu > 0 {
            return Err(MeasureError::OnCpu {
                what,
                items: on_gpu.saturating_add(on_cpu),
                on_cpu,
                state,
            });
        }
    }
    match state {
        GpuState::Ready => Ok(()),
        state => Err(MeasureError::NotReady(state)),
    }
}

pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let name = args.adapter.as_deref().unwrap_or_default();
    let Some(adapter) = adapters()
        .into_iter()
        .find(|adapter| adapter.name.contains(name))
    else {
        bail!("there is no adapter to measure: no GPU, no driver, or none of that name");
    };
    let to = args.to.unwrap_or(match adapter.is_software {
        true => TO_OF_SOFTWARE,
        false => TO,
    });
    if to < args.from {
        bail!("batches from 2^{} to 2^{to} are none", args.from);
    }
    let sizes: Vec<usize> = (args.from..=to).map(|log| 1 << log).collect();
    let threads = threads_or_all(args.threads);
    let cpu = dispatcher(Backend::Cpu, threads, GpuOptions::default())?;
    let radices = GpuRadix::ALL
        .into_iter()
        .filter(|radix| args.radix.is_none_or(|asked| *radix == asked.into()))
        .filter(|radix| *radix == GpuRadix::U32 || adapter.has_int64);
    let mut measured = Vec::new();
    for radix in radices {
        let options = options(&adapter, radix);
        let done = measure(&options, radix, threads, &cpu, &sizes, args.json)
            .with_context(|| format!("cannot measure {} with {}", adapter.name, radix.name()))?;
        measured.push(done);
    }
    if measured.is_empty() {
        bail!("{} has no integers of 64 bits in shaders", adapter.name);
    }
    let result = BenchJson {
        adapter: adapter.name,
        software: adapter.is_software,
        driver: adapter.driver,
        threads,
        cpu_signatures: cpu.signature_tier().name(),
        cpu_hashes: cpu.hash_tier().name(),
        radices: measured,
    };
    if args.json {
        return report::print_json(&result);
    }
    print(&result)
}

fn options(adapter: &AdapterReport, radix: GpuRadix) -> GpuOptions {
    GpuOptions {
        allow_software: true,
        adapter: Some(adapter.name.clone()),
        radix: Some(radix),
        start_timeout: START_TIMEOUT,
        job_timeout: START_TIMEOUT,
        ..GpuOptions::default()
    }
}

fn dispatcher(backend: Backend, threads: usize, gpu: GpuOptions) -> anyhow::Result<Dispatcher> {
    let config = DispatcherConfig {
        backend,
        threads,
        gpu,
        ..DispatcherConfig::default()
    };
    Ok(Dispatcher::new(config)?)
}

fn measure(
    options: &GpuOptions,
    radix: GpuRadix,
    threads: usize,
    cpu: &Dispatcher,
    sizes: &[usize],
    quiet: bool,
) -> anyhow::Result<RadixJson> {
    let mut bench = Bench::open(options)?;
    let gpu = dispatcher(Backend::Gpu, threads, options.clone())?;
    let hybrid = dispatcher(Backend::Auto, threads, options.clone())?;
    let state = gpu.wait_for_gpu(START_TIMEOUT);
    is_of_gpu(gpu.usage(), gpu.usage(), true, state)?;
    let largest = sizes.iter().copied().max().unwrap_or(0);
    let signed = signed(largest.min(SIGNERS));
    let checks: Vec<SignatureCheck<'_>> = signed
        .iter()
        .cycle()
        .take(largest)
        .map(|(key, message, signature)| SignatureCheck {
            key,
            message,
            signature,
        })
        .collect();
    let pairs = different_pairs(largest);
    let bar = report::progress(sizes.len() as u64, "measuring", quiet);
    let mut batches = Vec::new();
    for &size in sizes {
        let (checks, pairs) = (&checks[..size], &pairs[..size]);
        let verify = |by: &Dispatcher| best_of(size, || by.verify_batch(checks).len());
        let hash = |by: &Dispatcher| best_of(size, || by.hash_pairs(pairs).len());
        let of_gpu = |by: &Dispatcher, measure: &dyn Fn(&Dispatcher) -> u64, gives_all: bool| {
            let before = by.usage();
            let rate = measure(by);
            let state = by.wait_for_gpu(Duration::ZERO);
            is_of_gpu(before, by.usage(), gives_all, state).map(|()| rate)
        };
        batches.push(BatchJson {
            size,
            verifications_per_second: rates(
                size,
                bench.verify(checks)?,
                [
                    of_gpu(&gpu, &verify, true)?,
                    of_gpu(&hybrid, &verify, false)?,
                    verify(cpu),
                ],
            ),
            parents_per_second: rates(
                size,
                bench.hash_pairs(pairs)?,
                [
                    of_gpu(&gpu, &hash, true)?,
                    of_gpu(&hybrid, &hash, false)?,
                    hash(cpu),
                ],
            ),
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    let (open, test) = bench.start_times();
    let report = hybrid.gpu();
    Ok(RadixJson {
        radix: radix.name(),
        backend: bench.name().1,
        compile_ms: kernels(&report),
        open_ms: ms(open),
        self_test_ms: ms(test),
        calibration: report.calibration.into_iter().map(Into::into).collect(),
        batches,
    })
}

/// Signatures over 32 bytes, each by another key.
fn signed(count: usize) -> Vec<([u8; 32], [u8; 32], [u8; 64])> {
    (0..count as u64)
        .map(|signer| {
            let mut seed = [0x42; 32];
            seed[..8].copy_from_slice(&signer.to_le_bytes());
            let key = SigningKey::from_seed(seed);
            (key.public_key(), seed, key.sign(&seed))
        })
        .collect()
}

/// Pairs of hashes that differ.
fn different_pairs(count: usize) -> Vec<[u8; 64]> {
    (0..count as u64)
        .map(|index| {
            let mut pair = [0x5a; 64];
            pair[..8].copy_from_slice(&index.to_le_bytes());
            pair
        })
        .collect()
}

fn rates(size: usize, bench: BenchTimes, [gpu, hybrid, cpu]: [u64; 3]) -> RatesJson {
    RatesJson {
        on_device: per_second(size, bench.on_device),
        with_transfer: per_second(size, bench.with_transfer),
        gpu,
        hybrid,
        cpu,
    }
}

/// How many items of a batch are done per second, at best of three times after one that counts for nothing.
fn best_of(size: usize, run: impl Fn() -> usize) -> u64 {
    let mut best = Duration::MAX;
    for number in 0..4 {
        let start = now();
        let done = run();
        let time = now().saturating_duration_since(start);
        debug_assert_eq!(done, size);
        if number > 0 {
            best = best.min(time);
        }
    }
    per_second(size, best)
}

fn per_second(size: usize, time: Duration) -> u64 {
    let nanos = time.as_nanos().max(1);
    let rate = (size as u128).saturating_mul(1_000_000_000) / nanos;
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a figure for people, never part of a result"
)]
fn now() -> Instant {
    Instant::now()
}

fn print(result: &BenchJson) -> anyhow::Result<()> {
    let kind = if result.software { "software" } else { "GPU" };
    report::print(&format!(
        "{} ({kind}, {}); the CPU with {} threads verifies as {} and hashes as {}",
        result.adapter, result.driver, result.threads, result.cpu_signatures, result.cpu_hashes
    ))?;
    for radix in &result.radices {
        report::print(&format!(
            "\nradix {}: opened in {:.0} ms, tested in {:.0} ms",
            radix.radix, radix.open_ms, radix.self_test_ms
        ))?;
        print_calibration(&radix.calibration, result.threads)?;
        for (what, of) in [("verifications/s", true), ("parents/s", false)] {
            let row = |batch: &BatchJson| {
                let rates = match of {
                    true => batch.verifications_per_second,
                    false => batch.parents_per_second,
                };
                [
                    batch.size.to_string(),
                    rates.on_device.to_string(),
                    rates.with_transfer.to_string(),
                    rates.gpu.to_string(),
                    rates.hybrid.to_string(),
                    rates.cpu.to_string(),
                ]
            };
            report::print("")?;
            let head = [what, "on the device", "with transfer", "GPU", "both", "CPU"];
            report::print_numbers(head, radix.batches.iter().map(row).collect())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(gpu: u64, cpu: u64) -> Usage {
        let mut usage = Usage::default();
        (usage.gpu_signatures, usage.gpu_hashes) = (gpu, gpu);
        usage.cpu_hashes = cpu;
        usage
    }

    #[test]
    fn a_measurement_of_a_gpu_that_failed_meanwhile_is_refused_and_says_so() {
        let said = |before, after, gives_all, state| {
            is_of_gpu(before, after, gives_all, state).map_err(|error| error.to_string())
        };
        let (before, all, some) = (usage(10, 5), usage(90, 5), usage(60, 35));
        assert_eq!(said(before, all, true, GpuState::Ready), Ok(()));
        assert_eq!(said(before, some, false, GpuState::Ready), Ok(()));
        // Also where it is there again.
        for state in [GpuState::Ready, GpuState::Recovering, GpuState::Quarantined] {
            let error = said(before, some, true, state);
            assert!(
                error.is_err_and(|text| text.contains("left 30 of 80 parents")
                    && text.contains(state.name())
                    && text.contains("would be the CPU's"))
            );
        }
        for gives_all in [true, false] {
            let error = said(before, all, gives_all, GpuState::Quarantined);
            assert!(error.is_err_and(|text| text.contains("quarantined: it gave a wrong answer")));
        }
    }
}
