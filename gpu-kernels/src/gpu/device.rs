//! A device through wgpu: the only module that names it.
//!
//! A job is a few kernels one after another in one submission, in buffers that are kept from job to job; a slot has those of
//! one job, so that one is computed while another is carried to the device and back. What goes wrong anywhere is reported
//! to callbacks of the device and looked at after every step; no call here panics for it.
//!
//! Invariant: what is read back are the words that the kernels wrote. Nothing is taken for an answer after an error.

mod adapters;
mod cache;
mod encode;
mod pipelines;
mod slot;
mod trusted;

use core::{
    pin::pin,
    task::{Context, Poll, Waker},
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver},
    },
    thread,
    time::Duration,
};

use self::{
    cache::PipelineCache,
    encode::{Encoded, Reading},
    pipelines::Pipelines,
    slot::Slot,
};
use super::{
    accelerator::{Accelerator, Capacity, Facts, Fault, OpenError, Opener},
    shaders::{MAX_ITEMS, Radix, WORKGROUP_SIZE, layout::SignatureSizes},
    work::{Answer, PerKind, Work},
    worker::SLOTS,
};
use crate::{GpuOptions, GpuRadix};

pub use adapters::{AdapterReport, adapters};

/// Most items of a job, whatever the buffers would hold: about as many as fill a large device, and few enough that another
/// job is not kept waiting.
const MOST_SIGNATURES: usize = 1 << 17;
const MOST_HASHES: usize = 1 << 20;
/// The same of a plan, which cannot be split: room for what a step of a rebuild, or a group of a snapshot's leaves, takes.
const MOST_PLAN_BLOCKS: usize = 1 << 22;
/// No buffer is larger, so that a few slots of them fit into the memory of common devices.
const MOST_BUFFER_BYTES: u64 = 1 << 29;

/// Opens devices of this machine.
#[derive(Debug)]
pub(crate) struct WgpuOpener {
    options: GpuOptions,
    /// Whether kernels are compiled with checks of every index, and every loop is bounded. Slower by much; for tests.
    pub(crate) is_checked: bool,
}

impl WgpuOpener {
    pub(crate) const fn new(options: GpuOptions) -> Self {
        Self {
            options,
            is_checked: false,
        }
    }

    /// The same, as what it is.
    pub(crate) fn open_device(&self, is_late: &dyn Fn() -> bool) -> Result<WgpuDevice, OpenError> {
        let adapter = adapters::choose(&self.options)?;
        WgpuDevice::open(&adapter, &self.options, self.is_checked, is_late)
    }
}

impl Opener for WgpuOpener {
    fn open(&mut self, is_late: &dyn Fn() -> bool) -> Result<Box<dyn Accelerator>, OpenError> {
        Ok(Box::new(self.open_device(is_late)?))
    }
}

/// A device and its queue.
#[derive(Debug)]
pub(crate) struct WgpuDevice {
    facts: Facts,
    pub(crate) radix: Radix,
    device: wgpu::Device,
    queue: wgpu::Queue,
    pipelines: Pipelines,
    /// The multiples of the base point, which every job reads.
    base: wgpu::Buffer,
    free: Vec<Slot>,
    flight: VecDeque<Flight>,
    errors: Errors,
    cache: PipelineCache,
}

/// A job that was begun.
#[derive(Debug)]
struct Flight {
    slot: Slot,
    submission: wgpu::SubmissionIndex,
    mapped: Receiver<Result<(), wgpu::BufferAsyncError>>,
    reading: Reading,
}

/// The first error that the device reported since it was asked.
#[derive(Clone, Debug, Default)]
struct Errors(Arc<Mutex<Option<Fault>>>);

impl Errors {
    fn watch(&self, device: &wgpu::Device) {
        let errors = self.clone();
        device.on_uncaptured_error(Arc::new(move |error| {
            errors.put(match error {
                wgpu::Error::OutOfMemory { .. } => Fault::OutOfMemory,
                error => Fault::Refused(error.to_string()),
            });
        }));
        let errors = self.clone();
        device.set_device_lost_callback(move |reason, message| match reason {
            // By its own drop.
            wgpu::DeviceLostReason::Destroyed => {}
            wgpu::DeviceLostReason::Unknown => errors.put(Fault::Lost(message)),
        });
    }

    fn put(&self, fault: Fault) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A loss is worth more than what it led to or came from.
        if first.is_none() || matches!(fault, Fault::Lost(_)) {
            *first = Some(fault);
        }
    }

    fn check(&self) -> Result<(), Fault> {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        first.map_or(Ok(()), Err)
    }
}

impl WgpuDevice {
    fn open(
        adapter: &wgpu::Adapter,
        options: &GpuOptions,
        is_checked: bool,
        is_late: &dyn Fn() -> bool,
    ) -> Result<Self, OpenError> {
        let info = adapter.get_info();
        let offered = adapter.features();
        let radix = radix(options.radix, offered)?;
        let mut features = offered & wgpu::Features::PIPELINE_CACHE;
        if radix.needs_int64() {
            features |= wgpu::Features::SHADER_INT64;
        }
        let supported = adapter.limits();
        let most = options.max_buffer_bytes.unwrap_or(MOST_BUFFER_BYTES);
        let limits = wgpu::Limits {
            max_buffer_size: most,
            max_storage_buffer_binding_size: most,
            ..wgpu::Limits::default()
        }
        .or_worse_values_from(&supported);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("ordlane"),
            required_features: features,
            required_limits: limits.clone(),
            ..wgpu::DeviceDescriptor::default()
        };
        let (device, queue) = wait_for(adapter.request_device(&descriptor))
            .map_err(|error| OpenError::Refused(error.to_string()))?;
        let errors = Errors::default();
        errors.watch(&device);

        let cache = PipelineCache::open(&device, &info, options.pipeline_cache.as_deref());
        let pipelines = Pipelines::compile(&device, radix, &cache, is_checked, &|| {
            errors
                .check()
                .map_err(|fault| OpenError::Refused(fault.to_string()))?;
            if is_late() {
                return Err(OpenError::Late);
            }
            Ok(())
        })?;
        let base = encode::base_table(&device, &queue, radix)?;
        errors
            .check()
            .map_err(|fault| OpenError::Refused(fault.to_string()))?;
        let facts = Facts {
            adapter: info.name.clone(),
            identity: adapters::identity(&info),
            name: match radix {
                Radix::U32 => "gpu-u32",
                Radix::U64 => "gpu-u64",
            },
            capacity: capacity(radix, &limits),
            compiled: pipelines.compiled().to_vec(),
        };
        Ok(Self {
            facts,
            radix,
            device,
            queue,
            pipelines,
            base,
            free: (0..SLOTS)
                .map(|_| Slot::new(buffer_bytes(&limits)))
                .collect(),
            flight: VecDeque::new(),
            errors,
            cache,
        })
    }

    /// Submits a job whose buffers are those of `slot`, and asks for what it reads.
    fn submit(
        &self,
        slot: &mut Slot,
        encoded: &Encoded,
    ) -> Result<
        (
            wgpu::SubmissionIndex,
            Receiver<Result<(), wgpu::BufferAsyncError>>,
        ),
        Fault,
    > {
        let mut encoder = self
            .device
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoded.record(
            &self.device,
            &self.queue,
            &self.pipelines,
            &self.base,
            slot,
            &mut encoder,
        );
        // What follows would only repeat what went wrong here.
        self.errors.check()?;
        let submission = self.queue.submit([encoder.finish()]);
        let (done, mapped) = mpsc::sync_channel(1);
        let read = slot.read_back(encoded.reading.bytes());
        let Some(read) = read else {
            return Err(Fault::Malformed);
        };
        read.map_async(wgpu::MapMode::Read, move |outcome| {
            let _ = done.try_send(outcome);
        });
        self.errors.check()?;
        Ok((submission, mapped))
    }

    /// Waits for a submission; whether it is done.
    fn wait(&self, submission: &wgpu::SubmissionIndex, limit: Duration) -> Result<bool, Fault> {
        let polled = self.device.poll(wgpu::PollType::Wait {
            submission_index: Some(submission.clone()),
            timeout: Some(limit),
        });
        self.errors.check()?;
        match polled {
            Ok(_) => Ok(true),
            Err(wgpu::PollError::Timeout) => Ok(false),
            Err(error) => Err(Fault::Lost(error.to_string())),
        }
    }

    /// How long `times` runs of the kernels of a job take in one submission, after its input was carried there.
    pub(crate) fn time_on_device(
        &mut self,
        work: &Work,
        times: u32,
        limit: Duration,
    ) -> Result<Duration, Fault> {
        let mut slot = self.free.pop().ok_or(Fault::Busy)?;
        let encoded = Encoded::of(work, self.radix);
        let run = |device: &Self, slot: &mut Slot, times: u32| {
            let (outcome, time) = crate::clock::timed(|| {
                let mut encoder = device
                    .device
                    .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
                for _ in 0..times {
                    encoded.record_steps(
                        &device.device,
                        &device.pipelines,
                        &device.base,
                        slot,
                        &mut encoder,
                    );
                }
                let submission = device.queue.submit([encoder.finish()]);
                device.wait(&submission, limit)
            });
            match outcome {
                Ok(true) => Ok(time),
                Ok(false) => Err(Fault::Timeout),
                Err(fault) => Err(fault),
            }
        };
        encoded.write_inputs(&self.device, &self.queue, &mut slot);
        // The first one may wait for what is done once.
        let outcome = run(self, &mut slot, 1).and_then(|_| run(self, &mut slot, times));
        self.free.push(slot);
        outcome
    }
}

impl Accelerator for WgpuDevice {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn begin(&mut self, work: &Work) -> Result<(), Fault> {
        self.errors.check()?;
        let mut slot = self.free.pop().ok_or(Fault::Busy)?;
        let encoded = Encoded::of(work, self.radix);
        match self.submit(&mut slot, &encoded) {
            Ok((submission, mapped)) => {
                self.flight.push_back(Flight {
                    slot,
                    submission,
                    mapped,
                    reading: encoded.reading,
                });
                Ok(())
            }
            Err(fault) => {
                // Its buffers may be of no use.
                self.free.push(slot.emptied());
                Err(fault)
            }
        }
    }

    fn finish(&mut self, limit: Duration) -> Result<Option<Answer>, Fault> {
        let Some(oldest) = self.flight.front() else {
            thread::sleep(limit);
            return Ok(None);
        };
        let is_done = self.wait(&oldest.submission, limit);
        // The job is not over for this device, so what goes wrong here may not spare it.
        if !is_done.map_err(|fault| Fault::Lost(fault.to_string()))? {
            return Ok(None);
        }
        let mapped = match oldest.mapped.try_recv() {
            Ok(mapped) => mapped,
            Err(mpsc::TryRecvError::Empty) => return Ok(None),
            Err(mpsc::TryRecvError::Disconnected) => Err(wgpu::BufferAsyncError),
        };
        let Some(mut flight) = self.flight.pop_front() else {
            return Ok(None);
        };
        let outcome = match mapped {
            Ok(()) => flight.slot.read_back(flight.reading.bytes()).map_or(
                Err(Fault::Malformed),
                |read| {
                    let view = read
                        .get_mapped_range()
                        .map_err(|error| Fault::Lost(error.to_string()))?;
                    Ok(flight.reading.answer(&view))
                },
            ),
            Err(error) => Err(Fault::Lost(error.to_string())),
        };
        flight.slot.unmap();
        self.free.push(flight.slot);
        self.errors.check()?;
        outcome.map(Some)
    }

    fn in_service(&mut self) {
        // Drivers compile at the first use, so that the self-test belongs to what is worth keeping.
        self.cache.keep();
    }
}

impl Drop for WgpuDevice {
    fn drop(&mut self) {
        self.device.destroy();
    }
}

/// The words to compute with, if the device has them.
fn radix(asked: Option<GpuRadix>, offered: wgpu::Features) -> Result<Radix, OpenError> {
    let has_int64 = offered.contains(wgpu::Features::SHADER_INT64);
    match asked {
        Some(GpuRadix::U64) if !has_int64 => Err(OpenError::Absent(
            "the GPU has no integers of 64 bits, which were asked for".into(),
        )),
        Some(GpuRadix::U32) => Ok(Radix::U32),
        _ if has_int64 => Ok(Radix::U64),
        _ => Ok(Radix::U32),
    }
}

/// The most bytes of a buffer, all of which kernels see: whole words.
fn buffer_bytes(limits: &wgpu::Limits) -> u64 {
    let bytes = limits
        .max_buffer_size
        .min(limits.max_storage_buffer_binding_size);
    bytes & !3
}

/// How much fits into one job.
fn capacity(radix: Radix, limits: &wgpu::Limits) -> PerKind<Capacity> {
    let bytes = buffer_bytes(limits);
    let most = |items: u64, at_most: usize| {
        usize::try_from(items)
            .unwrap_or(usize::MAX)
            .min(at_most)
            .min(MAX_ITEMS as usize)
    };
    let rows = u64::from(SignatureSizes::longest_stride(radix, bytes / 4));
    // Rows are filled up to a workgroup, which is a power of two.
    let whole_rows = rows & !u64::from(WORKGROUP_SIZE.saturating_sub(1));
    let signatures = most(whole_rows, MOST_SIGNATURES);
    let blocks = most(bytes / 64, MOST_HASHES);
    let of = |items| Capacity { items, blocks };
    PerKind {
        signatures: of(signatures),
        pairs: of(blocks),
        // Their starts take four bytes each, and one more.
        messages: of(blocks.saturating_sub(1)),
        // Half of the buffer may be needed for digests that go nowhere.
        levels: of(most(bytes / 64, MOST_PLAN_BLOCKS) / 2),
    }
}

/// Waits for what wgpu gives as a future and has done when it returns, outside of browsers.
fn wait_for<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::yield_now(),
        }
    }
}

#[cfg(test)]
mod tests;
