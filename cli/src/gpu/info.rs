//! `ordlane gpu info`: the adapters, and what the one that is used can do.

use ordlane::{
    Backend, GpuOptions,
    gpu_kernels::{
        Calibration, Dispatcher, DispatcherConfig, GpuReport, GpuState, START_TIMEOUT,
        gpu::{AdapterReport, adapters},
    },
};
use serde::Serialize;

use super::{InfoArgs, threads_or_all};
use crate::report::{self, ms};

#[derive(Debug, Serialize)]
struct InfoJson {
    adapters: Vec<AdapterJson>,
    /// The name of the adapter that is used with `--backend gpu`.
    adapter: Option<String>,
    backend: Option<&'static str>,
    /// `ready` if it passed its self-test.
    state: &'static str,
    /// Why it is not used, if it is not.
    reason: Option<String>,
    /// Whether `--backend auto` uses it, where that is faster.
    used_by_auto: bool,
    threads: usize,
    cpu_signatures: &'static str,
    cpu_hashes: &'static str,
    compile_ms: Vec<KernelJson>,
    calibration: Vec<CalibrationJson>,
}

#[derive(Debug, Serialize)]
struct AdapterJson {
    name: String,
    api: String,
    driver: String,
    kind: &'static str,
    software: bool,
    int64: bool,
    pipeline_cache: bool,
    max_buffer_bytes: u64,
    max_binding_bytes: u64,
    max_workgroups: u32,
    max_workgroup_threads: u32,
}

/// How long a kernel took to compile.
#[derive(Debug, Serialize)]
pub(super) struct KernelJson {
    kernel: &'static str,
    ms: f64,
}

/// How fast the GPU and the CPU are, and from which batch on the GPU gets a share.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct CalibrationJson {
    kernel: &'static str,
    gpu_latency_us: u64,
    gpu_per_second: u64,
    cpu_per_second: u64,
    crossover: Option<u64>,
}

impl From<AdapterReport> for AdapterJson {
    fn from(adapter: AdapterReport) -> Self {
        Self {
            name: adapter.name,
            api: adapter.api,
            driver: adapter.driver,
            kind: adapter.kind,
            software: adapter.is_software,
            int64: adapter.has_int64,
            pipeline_cache: adapter.has_pipeline_cache,
            max_buffer_bytes: adapter.max_buffer_bytes,
            max_binding_bytes: adapter.max_binding_bytes,
            max_workgroups: adapter.max_workgroups,
            max_workgroup_threads: adapter.max_workgroup_threads,
        }
    }
}

impl From<Calibration> for CalibrationJson {
    fn from(of: Calibration) -> Self {
        Self {
            kernel: of.kernel,
            gpu_latency_us: of.gpu_latency_us,
            gpu_per_second: of.gpu_per_second,
            cpu_per_second: of.cpu_per_second,
            crossover: of.crossover,
        }
    }
}

pub(super) fn kernels(report: &GpuReport) -> Vec<KernelJson> {
    let of = |&(kernel, time): &(&'static str, _)| KernelJson {
        kernel,
        ms: ms(time),
    };
    report.compiled.iter().map(of).collect()
}

pub(crate) fn run(args: &InfoArgs) -> anyhow::Result<()> {
    let threads = threads_or_all(args.threads);
    let adapters: Vec<AdapterJson> = adapters().into_iter().map(AdapterJson::from).collect();
    let dispatcher = Dispatcher::new(DispatcherConfig {
        backend: Backend::Gpu,
        threads,
        gpu: GpuOptions {
            adapter: args.adapter.clone(),
            ..GpuOptions::default()
        },
        ..DispatcherConfig::default()
    })?;
    let state = dispatcher.wait_for_gpu(START_TIMEOUT);
    let report = dispatcher.gpu();
    let is_software = |name: &String| {
        let of = |adapter: &&AdapterJson| adapter.name == *name;
        adapters
            .iter()
            .find(of)
            .is_none_or(|adapter| adapter.software)
    };
    let used_by_auto = state == GpuState::Ready && !report.adapter.as_ref().is_none_or(is_software);
    let info = InfoJson {
        backend: report.backend,
        state: state.name(),
        reason: reason(state, adapters.is_empty()),
        used_by_auto,
        threads,
        cpu_signatures: dispatcher.signature_tier().name(),
        cpu_hashes: dispatcher.hash_tier().name(),
        compile_ms: kernels(&report),
        calibration: report.calibration.into_iter().map(Into::into).collect(),
        adapter: report.adapter,
        adapters,
    };
    if args.json {
        return report::print_json(&info);
    }
    print(&info)
}

/// Why the GPU is not used, if it is not. What else is known of it stands in the log.
fn reason(state: GpuState, has_no_adapter: bool) -> Option<String> {
    match state {
        GpuState::Ready => None,
        GpuState::Absent if has_no_adapter => {
            Some("this machine has no driver or no adapter".to_owned())
        }
        GpuState::Absent => Some("no adapter is one that may be used".to_owned()),
        state => Some(format!("it is {}: {}", state.name(), state.meaning())),
    }
}

fn print(info: &InfoJson) -> anyhow::Result<()> {
    let reason = info.reason.as_deref();
    let Some(adapter) = &info.adapter else {
        report::print(&format!(
            "no GPU is used: {}; all batches run on the CPU",
            reason.unwrap_or_default()
        ))?;
        print_adapters(info)?;
        return print_tiers(info);
    };
    print_adapters(info)?;
    report::print("")?;
    report::print_fields(&[
        ("used", adapter.clone()),
        ("as", info.backend.unwrap_or_default().to_owned()),
        (
            "self-test",
            reason.map_or_else(
                || "passed".to_owned(),
                |reason| format!("not passed: {reason}"),
            ),
        ),
        (
            "by default",
            match info.used_by_auto {
                true => "yes, with the CPU, where that is faster",
                false => "no; with --backend gpu alone",
            }
            .to_owned(),
        ),
    ])?;
    print_tiers(info)?;
    if info.calibration.is_empty() {
        return Ok(());
    }
    report::print("")?;
    print_calibration(&info.calibration, info.threads)?;
    report::print("")?;
    let row = |kernel: &KernelJson| [kernel.kernel.to_owned(), format!("{:.1}", kernel.ms)];
    report::print_numbers(
        ["kernel", "compiled in ms"],
        info.compile_ms.iter().map(row).collect(),
    )
}

fn print_tiers(info: &InfoJson) -> anyhow::Result<()> {
    report::print_fields(&[
        ("CPU verifies as", info.cpu_signatures.to_owned()),
        ("CPU hashes as", info.cpu_hashes.to_owned()),
    ])
}

fn print_adapters(info: &InfoJson) -> anyhow::Result<()> {
    if info.adapters.is_empty() {
        return Ok(());
    }
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let row = |adapter: &AdapterJson| {
        [
            adapter.name.clone(),
            adapter.kind.to_owned(),
            adapter.api.clone(),
            adapter.driver.clone(),
            yes(adapter.int64),
            yes(adapter.pipeline_cache),
            (adapter.max_binding_bytes >> 20).to_string(),
        ]
    };
    let head = [
        "adapter",
        "kind",
        "api",
        "driver",
        "64 bits",
        "keeps kernels",
        "buffer MiB",
    ];
    report::print_numbers(head, info.adapters.iter().map(row).collect())
}

/// The table of both sides' speed.
pub(super) fn print_calibration(
    calibration: &[CalibrationJson],
    threads: usize,
) -> anyhow::Result<()> {
    let row = |of: &CalibrationJson| {
        [
            of.kernel.to_owned(),
            of.gpu_latency_us.to_string(),
            of.gpu_per_second.to_string(),
            of.cpu_per_second.to_string(),
            of.crossover
                .map_or_else(|| "never".to_owned(), |crossover| crossover.to_string()),
        ]
    };
    let cpu = format!("CPU/s, {threads} threads");
    let head = ["calibration", "GPU latency us", "GPU/s", &cpu, "crossover"];
    report::print_numbers(head, calibration.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_that_is_not_used_has_a_reason_in_every_state() {
        assert_eq!(reason(GpuState::Ready, false), None);
        let of = |state, has_no_adapter| reason(state, has_no_adapter).unwrap_or_default();
        assert!(of(GpuState::Absent, true).contains("no driver"));
        assert!(of(GpuState::Absent, false).contains("may be used"));
        assert!(of(GpuState::Failed, false).contains("failed: it could not be opened"));
        assert!(of(GpuState::Late, false).contains("late: it was not ready in time"));
        assert!(of(GpuState::Quarantined, false).contains("quarantined: it gave a wrong answer"));
    }
}
