//! The buffers of one job, kept for the next one.

use std::collections::BTreeMap;

/// Bytes between two uniforms: what every device allows.
const UNIFORM_STRIDE: u64 = 256;
/// Most kernels of a job.
const MOST_STEPS: u64 = 16;
/// Bytes of a uniform.
const UNIFORM_BYTES: u64 = 16;
/// The smallest buffer.
const FEWEST_BYTES: u64 = 1 << 12;

/// Buffers by the names that kernels give them. They grow, and never shrink.
#[derive(Debug, Default)]
pub(super) struct Slot {
    storage: BTreeMap<&'static str, wgpu::Buffer>,
    uniforms: Option<wgpu::Buffer>,
    read: Option<wgpu::Buffer>,
    most_bytes: u64,
}

impl Slot {
    pub(super) fn new(most_bytes: u64) -> Self {
        Self {
            most_bytes,
            ..Self::default()
        }
    }

    /// The same without buffers.
    pub(super) fn emptied(self) -> Self {
        Self::new(self.most_bytes)
    }

    /// A storage buffer of at least so many bytes.
    pub(super) fn storage(
        &mut self,
        device: &wgpu::Device,
        name: &'static str,
        bytes: u64,
    ) -> wgpu::Buffer {
        if let Some(buffer) = self
            .storage
            .get(name)
            .filter(|buffer| buffer.size() >= bytes)
        {
            return buffer.clone();
        }
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_DST
            | wgpu::BufferUsages::COPY_SRC;
        let buffer = self.create(device, name, bytes, usage);
        self.storage.insert(name, buffer.clone());
        buffer
    }

    /// A storage buffer that there is.
    pub(super) fn get(&self, name: &str) -> Option<&wgpu::Buffer> {
        self.storage.get(name)
    }

    /// Writes the uniforms of a job.
    pub(super) fn write_uniforms(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        uniforms: &[[u32; 4]],
    ) {
        let buffer = self.uniforms.get_or_insert_with(|| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("uniforms"),
                size: UNIFORM_STRIDE.saturating_mul(MOST_STEPS),
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
        for (uniform, step) in uniforms.iter().zip(0..MOST_STEPS) {
            let offset = UNIFORM_STRIDE.saturating_mul(step);
            queue.write_buffer(buffer, offset, bytemuck::bytes_of(uniform));
        }
    }

    /// The uniform of a step.
    pub(super) fn uniform(&self, step: usize) -> Option<wgpu::BindingResource<'_>> {
        let step = u64::try_from(step).ok().filter(|step| *step < MOST_STEPS)?;
        Some(wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: self.uniforms.as_ref()?,
            offset: UNIFORM_STRIDE.saturating_mul(step),
            size: UNIFORM_BYTES.try_into().ok(),
        }))
    }

    /// The buffer that results are read from, of at least so many bytes.
    pub(super) fn reader(&mut self, device: &wgpu::Device, bytes: u64) -> wgpu::Buffer {
        if let Some(buffer) = self.read.as_ref().filter(|buffer| buffer.size() >= bytes) {
            return buffer.clone();
        }
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let buffer = self.create(device, "results", bytes, usage);
        self.read.insert(buffer).clone()
    }

    /// What results are read from.
    pub(super) fn read_back(&self, bytes: u64) -> Option<wgpu::BufferSlice<'_>> {
        let read = self.read.as_ref().filter(|read| read.size() >= bytes)?;
        Some(read.slice(..bytes))
    }

    pub(super) fn unmap(&mut self) {
        if let Some(read) = &self.read {
            read.unmap();
        }
    }

    fn create(
        &self,
        device: &wgpu::Device,
        name: &'static str,
        bytes: u64,
        usage: wgpu::BufferUsages,
    ) -> wgpu::Buffer {
        // With room to grow, but not beyond what the device allows.
        let size = bytes
            .max(FEWEST_BYTES)
            .checked_next_power_of_two()
            .unwrap_or(bytes)
            .min(self.most_bytes.max(bytes));
        device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(name),
            size,
            usage,
            mapped_at_creation: false,
        })
    }
}
