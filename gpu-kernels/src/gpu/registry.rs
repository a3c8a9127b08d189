//! The devices of this process: dispatchers with the same options share one, and the thread that owns it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::{device::WgpuOpener, handle::Gpu, health::Quarantine, worker::Patience};
use crate::GpuOptions;

static DEVICES: Mutex<Vec<(GpuOptions, Weak<Gpu>)>> = Mutex::new(Vec::new());

/// The device for these options. What they say of batches, and not of the device, makes no difference.
pub(crate) fn shared(mut options: GpuOptions) -> Arc<Gpu> {
    options.share_permille = None;
    options.verify_accepts_on_cpu = false;
    let mut devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
    devices.retain(|(_, gpu)| gpu.strong_count() > 0);
    let known = devices.iter().find(|(known, _)| *known == options);
    if let Some(gpu) = known.and_then(|(_, gpu)| gpu.upgrade()) {
        return gpu;
    }
    let opener = Box::new(WgpuOpener::new(options.clone()));
    let gpu = Arc::new(Gpu::start(
        opener,
        &options,
        Quarantine::of_process(),
        Patience::OWN,
    ));
    devices.push((options, Arc::downgrade(&gpu)));
    gpu
}
