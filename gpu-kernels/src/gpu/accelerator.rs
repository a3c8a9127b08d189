//! What stands between the thread of the device and the device: so that a test can put another one in its place.
//!
//! Invariant: a fault is an error here and never an answer.

use core::fmt;
use std::time::Duration;

use super::work::{Answer, Kind, PerKind, Work};

/// How much a device takes in one job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capacity {
    /// Most items.
    pub(crate) items: usize,
    /// Most blocks of 64 bytes that all messages of a job fill, padded.
    pub(crate) blocks: usize,
}

/// What a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Its name, for people.
    pub(crate) adapter: String,
    /// What tells it from other devices of this machine: what is quarantined by it.
    pub(crate) identity: String,
    /// Who computes, for reports: `gpu-u64`, say.
    pub(crate) name: &'static str,
    pub(crate) capacity: PerKind<Capacity>,
    /// How long each kernel took to compile.
    pub(crate) compiled: Vec<(&'static str, Duration)>,
}

impl Facts {
    pub(crate) const fn capacity(&self, kind: Kind) -> Capacity {
        *self.capacity.of(kind)
    }
}

/// A device, on the thread that owns it.
pub(crate) trait Accelerator: fmt::Debug {
    fn facts(&self) -> &Facts;

    /// Begins a job that fits the device's capacity. Jobs end in the order in which they began, and at most
    /// [`SLOTS`](super::worker::SLOTS) are begun and not ended.
    fn begin(&mut self, work: &Work) -> Result<(), Fault>;

    /// The answer to the oldest job, or none if it takes longer than `limit`. With a fault that spares the device that job
    /// has ended, too; after any other one all have.
    fn finish(&mut self, limit: Duration) -> Result<Option<Answer>, Fault>;

    /// It passed its tests, and what it is asked from now on are jobs.
    fn in_service(&mut self) {}
}

/// Finds a device and makes it ready, again after each loss.
pub(crate) trait Opener: Send {
    /// Opens the device. It gives up between two kernels once `is_late`.
    fn open(&mut self, is_late: &dyn Fn() -> bool) -> Result<Box<dyn Accelerator>, OpenError>;
}

/// Why there is no device.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// There is none to be used on this machine.
    #[error("{0}")]
    Absent(String),
    /// There is one, and it or its driver refused.
    #[error("{0}")]
    Refused(String),
    /// Its kernels were not compiled in time.
    #[error("its kernels were not compiled in time")]
    Late,
}

/// Why a job has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The device has no room for it. Smaller jobs may go on.
    #[error("the device is out of memory")]
    OutOfMemory,
    /// The device is gone.
    #[error("the device was lost: {0}")]
    Lost(String),
    /// The driver or the layer above it refused what it was told.
    #[error("the device refused a job: {0}")]
    Refused(String),
    /// No answer came in time.
    #[error("the device did not answer in time")]
    Timeout,
    /// The answer has another form than what was asked for.
    #[error("the device gave an answer of another form")]
    Malformed,
    /// Nobody takes jobs now, or all slots are taken.
    #[error("the device takes no job now")]
    Busy,
}

impl Fault {
    /// Whether the device goes on after it.
    pub(crate) const fn spares_device(&self) -> bool {
        matches!(self, Self::OutOfMemory | Self::Busy)
    }
}
