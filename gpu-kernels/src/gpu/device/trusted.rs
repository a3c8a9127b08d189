//! The two calls of wgpu that trust their caller.

#![expect(
    unsafe_code,
    reason = "kernels without checks of what is proven, and compiled kernels of an earlier process"
)]

use crate::gpu::shaders::KernelSource;

/// A kernel without checks of indices and without bounds of loops, which can make it a hundred times slower.
pub(super) fn unchecked_module(device: &wgpu::Device, source: &KernelSource) -> wgpu::ShaderModule {
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(source.name),
        source: wgpu::ShaderSource::Wgsl(source.wgsl.as_str().into()),
    };
    // SAFETY: the text comes from the generator of this crate alone. Its indices lie within the buffers that `encode` binds,
    // whose sizes are those of `shaders::layout`, and its loops end after counts that are bounded there. The same texts run
    // with all checks in this crate's tests, and give the same answers.
    unsafe {
        device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
    }
}

/// A cache of compiled kernels, with what an earlier process kept. What the driver cannot use it leaves.
pub(super) fn pipeline_cache(device: &wgpu::Device, kept: Option<&[u8]>) -> wgpu::PipelineCache {
    let descriptor = wgpu::PipelineCacheDescriptor {
        label: Some("ordlane"),
        data: kept,
        fallback: true,
    };
    // SAFETY: `kept` was checked by `cache` against the digest with which `get_data` of a cache for the same adapter and
    // driver was written down.
    unsafe { device.create_pipeline_cache(&descriptor) }
}
