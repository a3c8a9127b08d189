//! `--backend`: where signatures are verified and hashes computed, and who it was in the end.

use std::sync::Arc;

use ordlane::{
    Backend, batch_hasher,
    gpu_kernels::{Dispatcher, START_TIMEOUT},
};

/// Where signatures are verified and hashes computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BackendArg {
    /// The fastest that there is: a GPU and the CPU together, or the CPU
    #[default]
    Auto,
    /// The CPU alone
    Cpu,
    /// The GPU, even one that is software; the CPU where there is none
    Gpu,
}

impl From<BackendArg> for Backend {
    fn from(argument: BackendArg) -> Self {
        match argument {
            BackendArg::Auto => Self::Auto,
            BackendArg::Cpu => Self::Cpu,
            BackendArg::Gpu => Self::Gpu,
        }
    }
}

impl BackendArg {
    /// The hasher of a command that works on a store without an engine.
    pub(crate) fn hasher(self) -> anyhow::Result<Arc<Dispatcher>> {
        let hasher = batch_hasher(None, self.into())?;
        self.await_gpu(&hasher);
        Ok(hasher)
    }

    /// A GPU that was asked for does the work from the beginning. Any other joins when it is ready.
    pub(crate) fn await_gpu(self, dispatcher: &Dispatcher) {
        if self == Self::Gpu {
            // Whoever does the work in the end is reported.
            let _ = dispatcher.wait_for_gpu(START_TIMEOUT);
        }
    }
}

/// Who did the work.
#[derive(Debug)]
pub(crate) struct Backends {
    pub(crate) verify: String,
    pub(crate) hash: String,
    /// The adapter of the GPU, if it did any.
    pub(crate) adapter: Option<String>,
}

impl Backends {
    pub(crate) fn of(dispatcher: &Dispatcher) -> Self {
        let (usage, gpu) = (dispatcher.usage(), dispatcher.gpu());
        let name = |on_gpu: u64, on_cpu: u64, cpu: &str| match gpu.backend.filter(|_| on_gpu > 0) {
            Some(gpu) if on_cpu > 0 => format!("{gpu}+{cpu}"),
            Some(gpu) => gpu.to_owned(),
            None => cpu.to_owned(),
        };
        let signature_tier = dispatcher.signature_tier().name();
        Self {
            verify: name(usage.gpu_signatures, usage.cpu_signatures, signature_tier),
            hash: name(
                usage.gpu_hashes,
                usage.cpu_hashes,
                dispatcher.hash_tier().name(),
            ),
            adapter: gpu
                .adapter
                .filter(|_| usage.gpu_signatures > 0 || usage.gpu_hashes > 0),
        }
    }
}
