//! How the GPU is used, where it is used.

use std::{path::PathBuf, time::Duration};

/// How long a job may take until its caller gives it up, where nothing else is said.
pub const JOB_TIMEOUT: Duration = Duration::from_secs(10);
/// How long finding the device, compiling its kernels and testing them may take, where nothing else is said.
pub const START_TIMEOUT: Duration = Duration::from_secs(120);

/// In which words the GPU computes with the curve's field. Both give the same verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum GpuRadix {
    /// Words of 32 bits: every device.
    U32,
    /// Words of 64 bits: devices that have them in shaders, where it is several times faster.
    U64,
}

impl GpuRadix {
    /// All of them, the slowest first.
    pub const ALL: [Self; 2] = [Self::U32, Self::U64];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::U32 => "u32",
            Self::U64 => "u64",
        }
    }
}

/// Settings of the GPU. None of them changes a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuOptions {
    /// Whether an adapter that is software counts as a GPU. With [`Backend::Gpu`](crate::Backend::Gpu) it always does.
    pub allow_software: bool,
    /// Only an adapter whose name contains this text is used.
    pub adapter: Option<String>,
    /// The words to compute with; the fastest that the device offers if nothing is said.
    pub radix: Option<GpuRadix>,
    /// Whether every signature that the GPU accepts is confirmed on the CPU, so that no fault of it can accept one.
    pub verify_accepts_on_cpu: bool,
    /// How many thousandths of every batch the GPU gets, at most 1,000; as calibrated if nothing is said.
    pub share_permille: Option<u16>,
    /// How long a job may take until its caller gives it up and computes it on the CPU.
    pub job_timeout: Duration,
    /// How long finding the device, compiling its kernels and testing them may take until it is given up.
    pub start_timeout: Duration,
    /// Most bytes of a buffer, if less than the device allows.
    pub max_buffer_bytes: Option<u64>,
    /// A file that keeps compiled kernels between processes, where the driver offers that.
    pub pipeline_cache: Option<PathBuf>,
}

impl Default for GpuOptions {
    fn default() -> Self {
        Self {
            allow_software: false,
            adapter: None,
            radix: None,
            verify_accepts_on_cpu: false,
            share_permille: None,
            job_timeout: JOB_TIMEOUT,
            start_timeout: START_TIMEOUT,
            max_buffer_bytes: None,
            pipeline_cache: None,
        }
    }
}

/// How the GPU does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GpuState {
    /// There is none, or none that may be used.
    Absent,
    /// It is found, its kernels are compiled, and it is tested. Batches run on the CPU meanwhile.
    Starting,
    /// It takes batches.
    Ready,
    /// It failed and is opened again. Batches run on the CPU meanwhile.
    Recovering,
    /// It was not ready in time.
    Late,
    /// It could not be opened, or failed too often.
    Failed,
    /// It gave a wrong answer, in its self-test or later, and is not used in this process any more.
    Quarantined,
}

impl GpuState {
    /// In a word, for reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Recovering => "recovering",
            Self::Late => "late",
            Self::Failed => "failed",
            Self::Quarantined => "quarantined",
        }
    }

    /// What that means, for reports: the rest of a sentence about it.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Absent => "there is none, or none that may be used",
            Self::Starting => "it is found, compiled for and tested",
            Self::Ready => "it takes batches",
            Self::Recovering => "it failed and is opened again",
            Self::Late => "it was not ready in time",
            Self::Failed => "it could not be opened, or failed too often",
            Self::Quarantined => {
                "it gave a wrong answer, in its self-test or later, and is not used in this process any more"
            }
        }
    }
}

/// What is known of the GPU that a dispatcher has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GpuReport {
    /// How it does.
    pub state: GpuState,
    /// The name of the adapter, once it was opened.
    pub adapter: Option<String>,
    /// Who computes there, once it was opened: `gpu-u64`, say.
    pub backend: Option<&'static str>,
    /// How long each kernel took to compile.
    pub compiled: Vec<(&'static str, Duration)>,
    /// How fast it is beside the CPU, while it takes batches.
    pub calibration: Vec<Calibration>,
}

impl GpuReport {
    /// That there is none.
    pub(crate) const ABSENT: Self = Self {
        state: GpuState::Absent,
        adapter: None,
        backend: None,
        compiled: Vec::new(),
        calibration: Vec::new(),
    };
}

/// How fast the GPU and the CPU are at one kind of work, as last seen. Its units are signatures, messages of 64 bytes,
/// blocks of 64 bytes of other messages, and messages of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Calibration {
    /// What is computed.
    pub kernel: &'static str,
    /// What the GPU takes for any batch, in microseconds.
    pub gpu_latency_us: u64,
    /// Units per second, beyond that.
    pub gpu_per_second: u64,
    /// Units per second of all the dispatcher's threads together.
    pub cpu_per_second: u64,
    /// The smallest batch of which the GPU gets a share, in units; none if it never does.
    pub crossover: Option<u64>,
}
