//! The adapters of this machine, and which of them is used.

use super::wait_for;
use crate::{GpuOptions, gpu::accelerator::OpenError};

/// An adapter of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdapterReport {
    /// Its name.
    pub name: String,
    /// The interface it is reached by: `vulkan`, `metal` or `dx12`.
    pub api: String,
    /// The driver and its version.
    pub driver: String,
    /// What it is, in a word.
    pub kind: &'static str,
    /// Whether it is software, so that it counts as none unless it is allowed.
    pub is_software: bool,
    /// Whether shaders have integers of 64 bits.
    pub has_int64: bool,
    /// Whether the driver offers to keep compiled kernels.
    pub has_pipeline_cache: bool,
    /// Most bytes of a buffer.
    pub max_buffer_bytes: u64,
    /// Most bytes that a kernel sees of a buffer.
    pub max_binding_bytes: u64,
    /// Most workgroups in one dimension of a dispatch.
    pub max_workgroups: u32,
    /// Most threads of a workgroup.
    pub max_workgroup_threads: u32,
}

/// All adapters of this machine, those that are preferred first. Without a loader or a driver there is none.
#[must_use]
pub fn adapters() -> Vec<AdapterReport> {
    found().iter().map(report).collect()
}

fn report(adapter: &wgpu::Adapter) -> AdapterReport {
    let (info, features, limits) = (adapter.get_info(), adapter.features(), adapter.limits());
    AdapterReport {
        api: info.backend.to_string(),
        driver: format!("{} {}", info.driver, info.driver_info)
            .trim()
            .to_owned(),
        kind: match info.device_type {
            wgpu::DeviceType::DiscreteGpu => "discrete",
            wgpu::DeviceType::IntegratedGpu => "integrated",
            wgpu::DeviceType::VirtualGpu => "virtual",
            wgpu::DeviceType::Cpu => "software",
            wgpu::DeviceType::Other => "other",
        },
        is_software: info.device_type == wgpu::DeviceType::Cpu,
        name: info.name,
        has_int64: features.contains(wgpu::Features::SHADER_INT64),
        has_pipeline_cache: features.contains(wgpu::Features::PIPELINE_CACHE),
        max_buffer_bytes: limits.max_buffer_size,
        max_binding_bytes: limits.max_storage_buffer_binding_size,
        max_workgroups: limits.max_compute_workgroups_per_dimension,
        max_workgroup_threads: limits.max_compute_invocations_per_workgroup,
    }
}

/// What tells an adapter from others of this machine.
pub(super) fn identity(info: &wgpu::AdapterInfo) -> String {
    format!("{} {} {}", info.backend, info.name, info.device_pci_bus_id)
}

/// The adapter to use. `request_adapter` would give a software one without saying so.
pub(super) fn choose(options: &GpuOptions) -> Result<wgpu::Adapter, OpenError> {
    let absent = |why: &str| Err(OpenError::Absent(why.to_owned()));
    if !options.allow_software && !may_have_hardware() {
        return absent("this machine has no device of a GPU");
    }
    let mut found = found();
    if found.is_empty() {
        return absent("this machine has no driver or no adapter for a GPU");
    }
    if let Some(name) = &options.adapter {
        found.retain(|adapter| adapter.get_info().name.contains(name));
        if found.is_empty() {
            return Err(OpenError::Absent(format!("no adapter is called {name}")));
        }
    }
    found.retain(|adapter| {
        options.allow_software || adapter.get_info().device_type != wgpu::DeviceType::Cpu
    });
    match found.into_iter().next() {
        Some(adapter) => Ok(adapter),
        None => absent("the only adapter is software"),
    }
}

/// Whether there may be a GPU. Where there is none, no driver is loaded to learn it: that of a software adapter comes with
/// a compiler.
#[cfg(target_os = "linux")]
fn may_have_hardware() -> bool {
    let has = |folder: &str, prefix: &str| {
        std::fs::read_dir(folder).is_ok_and(|mut entries| {
            entries.any(|entry| {
                entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
            })
        })
    };
    // Of the kernel's own drivers, of NVIDIA's, of Windows' for Linux guests, and of those of telephones' chips.
    has("/dev/dri", "renderD")
        || ["nvidia", "dxg", "kgsl", "mali"]
            .into_iter()
            .any(|prefix| has("/dev", prefix))
}

#[cfg(not(target_os = "linux"))]
const fn may_have_hardware() -> bool {
    true
}

fn found() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::PRIMARY,
        // No validation layers: they would only be found where a developer installed them.
        flags: wgpu::InstanceFlags::empty(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut found = wait_for(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    found.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    found
}
