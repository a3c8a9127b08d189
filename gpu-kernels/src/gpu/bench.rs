//! A device without a dispatcher, for measurements of nothing else.

use std::time::Duration;

use ordlane_primitives::batch::SignatureCheck;

use super::{
    accelerator::{Accelerator as _, Fault, OpenError},
    device::{WgpuDevice, WgpuOpener},
    device_test,
    equation::equations,
    work::{Kind, Work},
    worker::SLOTS,
};
use crate::{GpuOptions, clock, tier::Verifier};

/// How often kernels run where the time on the device is measured.
const RUNS: u32 = 8;

/// A device that is measured.
#[derive(Debug)]
pub struct Bench {
    device: WgpuDevice,
    limit: Duration,
    opened: Duration,
    tested: Duration,
}

/// Why a device cannot be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// There is none, or it refused.
    #[error("{0}")]
    Open(String),
    /// It failed.
    #[error("{0}")]
    Failed(String),
    /// It gave a wrong answer in its self-test.
    #[error("the GPU failed its self-test")]
    Faulty,
}

impl From<OpenError> for BenchError {
    fn from(error: OpenError) -> Self {
        Self::Open(error.to_string())
    }
}

impl From<Fault> for BenchError {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.to_string())
    }
}

/// How long a batch took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BenchTimes {
    /// Carried to the device, computed and carried back, several jobs in flight.
    pub with_transfer: Duration,
    /// Computed, with everything on the device.
    pub on_device: Duration,
}

impl Bench {
    /// Opens a device of its own, and tests it.
    ///
    /// # Errors
    /// [`BenchError`] when there is none, or it does not work.
    pub fn open(options: &GpuOptions) -> Result<Self, BenchError> {
        let opener = WgpuOpener::new(options.clone());
        let (device, opened) = clock::timed(|| opener.open_device(&|| false));
        let mut device = device?;
        let limit = options.start_timeout;
        let (passes, tested) = clock::timed(|| device_test::passes(&mut device, limit));
        if !passes? {
            return Err(BenchError::Faulty);
        }
        device.in_service();
        Ok(Self {
            device,
            limit,
            opened,
            tested,
        })
    }

    /// The name of the adapter, and who computes there.
    #[must_use]
    pub fn name(&self) -> (&str, &'static str) {
        let facts = self.device.facts();
        (&facts.adapter, facts.name)
    }

    /// How long it took to open the device with all kernels compiled, and to test it, where drivers may compile again.
    #[must_use]
    pub const fn start_times(&self) -> (Duration, Duration) {
        (self.opened, self.tested)
    }

    /// How long each kernel took to compile.
    #[must_use]
    pub fn compiled(&self) -> &[(&'static str, Duration)] {
        &self.device.facts().compiled
    }

    /// Verifies signatures. Their challenges are computed before.
    ///
    /// # Errors
    /// [`BenchError::Failed`].
    pub fn verify(&mut self, checks: &[SignatureCheck<'_>]) -> Result<BenchTimes, BenchError> {
        self.measure(Kind::Signatures, checks, |part| {
            Work::Signatures(equations(&Verifier::Portable, part))
        })
    }

    /// Hashes 64-byte messages.
    ///
    /// # Errors
    /// [`BenchError::Failed`].
    pub fn hash_pairs(&mut self, pairs: &[[u8; 64]]) -> Result<BenchTimes, BenchError> {
        self.measure(Kind::Pairs, pairs, |part| Work::Pairs(part.to_vec()))
    }

    fn measure<T>(
        &mut self,
        kind: Kind,
        items: &[T],
        work: impl Fn(&[T]) -> Work,
    ) -> Result<BenchTimes, BenchError> {
        let most = self.device.facts().capacity(kind).items.max(1);
        let jobs: Vec<Work> = items.chunks(most).map(work).collect();
        let mut times = BenchTimes::default();
        for job in &jobs {
            let runs = self.device.time_on_device(job, RUNS, self.limit)?;
            let one = runs.checked_div(RUNS).unwrap_or_default();
            times.on_device = times.on_device.saturating_add(one);
        }
        // The first time buffers are made.
        self.all(&jobs)?;
        let (outcome, time) = clock::timed(|| self.all(&jobs));
        outcome?;
        times.with_transfer = time;
        Ok(times)
    }

    fn all(&mut self, jobs: &[Work]) -> Result<(), Fault> {
        let (mut begun, mut done) = (0_usize, 0_usize);
        while done < jobs.len() {
            if let Some(job) = jobs
                .get(begun)
                .filter(|_| begun.saturating_sub(done) < SLOTS)
            {
                self.device.begin(job)?;
                begun = begun.saturating_add(1);
                continue;
            }
            self.device.finish(self.limit)?.ok_or(Fault::Timeout)?;
            done = done.saturating_add(1);
        }
        Ok(())
    }
}
