//! The kernels on a device, if there is one: a software adapter will do.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Mutex, OnceLock};
use std::task::{Context, Poll, Waker};

use crate::gpu::shaders::{KernelKind, KernelSource, Radix, kernel};

/// Whether the text's own checks of indices and loops are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Checks {
    On,
    Off,
}

/// A kernel that is ready to run.
#[derive(Debug)]
struct Ready {
    source: KernelSource,
    layout: wgpu::BindGroupLayout,
    pipeline: wgpu::ComputePipeline,
}

/// The device of this process, with kernels that have been compiled.
#[derive(Debug)]
pub(super) struct Device {
    device: wgpu::Device,
    queue: wgpu::Queue,
    ready: Mutex<BTreeMap<(KernelKind, Radix, Checks), &'static Ready>>,
}

/// Waits for a future that is ready whenever it is asked, as those of wgpu are outside of browsers.
fn now<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}

impl Device {
    /// The device, or none, which is then said.
    pub(super) fn get() -> Option<&'static Self> {
        static DEVICE: OnceLock<Option<Device>> = OnceLock::new();
        let device = DEVICE.get_or_init(Self::open).as_ref();
        if device.is_none() {
            println!("skipped: no adapter");
        }
        device
    }

    fn open() -> Option<Self> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let options = wgpu::RequestAdapterOptions::default();
        let adapter = now(instance.request_adapter(&options)).ok()?;
        println!("on {}", adapter.get_info().name);
        let (device, queue) = now(adapter.request_device(&wgpu::DeviceDescriptor {
            required_features: adapter.features() & wgpu::Features::SHADER_INT64,
            required_limits: adapter.limits(),
            ..wgpu::DeviceDescriptor::default()
        }))
        .unwrap();
        Some(Self {
            device,
            queue,
            ready: Mutex::default(),
        })
    }

    /// Whether the radix can be used; if not, that is said.
    pub(super) fn has(&self, radix: Radix) -> bool {
        let has = !radix.needs_int64()
            || self
                .device
                .features()
                .contains(wgpu::Features::SHADER_INT64);
        if !has {
            println!("skipped: the adapter has no integers of 64 bits");
        }
        has
    }

    /// A buffer with this content.
    pub(super) fn buffer(&self, words: &[u32]) -> wgpu::Buffer {
        let size = 4 * words.len().max(4) as u64;
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size,
            usage: wgpu::BufferUsages::STORAGE
                | wgpu::BufferUsages::COPY_DST
                | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        self.queue
            .write_buffer(&buffer, 0, bytemuck::cast_slice(words));
        buffer
    }

    /// What a buffer holds.
    pub(super) fn read(&self, buffer: &wgpu::Buffer) -> Vec<u32> {
        let copy = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: buffer.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &copy, 0, buffer.size());
        self.queue.submit([encoder.finish()]);
        copy.map_async(wgpu::MapMode::Read, .., |mapped| mapped.unwrap());
        self.wait();
        let mapped = copy.get_mapped_range(..).unwrap();
        bytemuck::pod_collect_to_vec(&mapped[..])
    }

    /// Waits for everything that was submitted.
    pub(super) fn wait(&self) {
        self.device
            .poll(wgpu::PollType::wait_indefinitely())
            .unwrap();
    }

    /// Runs kernels one after another, in one submission.
    pub(super) fn run(&self, steps: &[Step<'_>]) {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        for step in steps {
            let ready = self.ready(step);
            let groups = self.bind(ready, step);
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&ready.pipeline);
            pass.set_bind_group(0, &groups, &[]);
            let [count, ..] = step.uniform;
            let workgroups = count.div_ceil(ready.source.items_per_workgroup);
            let wide = workgroups.clamp(1, 1 << 12);
            pass.dispatch_workgroups(wide, workgroups.div_ceil(wide), 1);
        }
        self.queue.submit([encoder.finish()]);
        self.wait();
    }

    fn bind(&self, ready: &Ready, step: &Step<'_>) -> wgpu::BindGroup {
        let uniform = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 16,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let words = bytemuck::bytes_of(&step.uniform);
        self.queue.write_buffer(&uniform, 0, words);
        let mut entries = vec![wgpu::BindGroupEntry {
            binding: 0,
            resource: uniform.as_entire_binding(),
        }];
        for binding in &ready.source.buffers {
            entries.push(wgpu::BindGroupEntry {
                binding: binding.binding,
                resource: step.buffers[binding.name].as_entire_binding(),
            });
        }
        self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &ready.layout,
            entries: &entries,
        })
    }

    fn ready(&self, step: &Step<'_>) -> &'static Ready {
        let key = (step.kind, step.radix, step.checks);
        let mut ready = self.ready.lock().unwrap();
        ready
            .entry(key)
            .or_insert_with(|| Box::leak(Box::new(self.compile(step))))
    }

    fn compile(&self, step: &Step<'_>) -> Ready {
        let source = kernel(step.kind, step.radix);
        let description = wgpu::ShaderModuleDescriptor {
            label: Some(source.name),
            source: wgpu::ShaderSource::Wgsl(source.wgsl.as_str().into()),
        };
        let module = match step.checks {
            Checks::On => self.device.create_shader_module(description),
            Checks::Off => trusted(&self.device, description),
        };
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty,
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform)];
        entries.extend(source.buffers.iter().map(|binding| {
            let read_only = binding.is_read_only;
            entry(
                binding.binding,
                wgpu::BufferBindingType::Storage { read_only },
            )
        }));
        let layout = self
            .device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: None,
                entries: &entries,
            });
        let pipeline_layout = self
            .device
            .create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            });
        let pipeline = self
            .device
            .create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(source.name),
                layout: Some(&pipeline_layout),
                module: &module,
                entry_point: Some(source.entry_point),
                compilation_options: wgpu::PipelineCompilationOptions {
                    zero_initialize_workgroup_memory: false,
                    ..wgpu::PipelineCompilationOptions::default()
                },
                cache: None,
            });
        Ready {
            source,
            layout,
            pipeline,
        }
    }
}

/// One kernel with what it runs on.
#[derive(Debug)]
pub(super) struct Step<'a> {
    pub(super) kind: KernelKind,
    pub(super) radix: Radix,
    pub(super) checks: Checks,
    pub(super) uniform: [u32; 4],
    /// By their names in the layout.
    pub(super) buffers: &'a BTreeMap<&'static str, wgpu::Buffer>,
}

#[expect(
    unsafe_code,
    reason = "texts with checks run some hundred times slower"
)]
fn trusted(
    device: &wgpu::Device,
    description: wgpu::ShaderModuleDescriptor<'_>,
) -> wgpu::ShaderModule {
    // SAFETY: the kernels' loops end, and they stay within buffers of the sizes that the layout describes, which the tests
    // of the same code on the machine check.
    unsafe {
        device.create_shader_module_trusted(description, wgpu::ShaderRuntimeChecks::unchecked())
    }
}
