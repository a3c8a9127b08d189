//! The kernels, compiled.

use std::{collections::BTreeMap, time::Duration};

use super::{cache::PipelineCache, trusted};
use crate::{
    clock,
    gpu::{
        accelerator::OpenError,
        shaders::{KernelKind, KernelSource, Radix, kernel},
    },
};

/// A kernel that can be run.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) source: KernelSource,
    pub(super) layout: wgpu::BindGroupLayout,
    pub(super) pipeline: wgpu::ComputePipeline,
}

/// All kernels that jobs run.
#[derive(Debug)]
pub(super) struct Pipelines {
    all: BTreeMap<KernelKind, Pipeline>,
    compiled: Vec<(&'static str, Duration)>,
}

impl Pipelines {
    /// Compiles one after another; `go_on` is asked after each.
    pub(super) fn compile(
        device: &wgpu::Device,
        radix: Radix,
        cache: &PipelineCache,
        is_checked: bool,
        go_on: &dyn Fn() -> Result<(), OpenError>,
    ) -> Result<Self, OpenError> {
        let (mut all, mut compiled) = (BTreeMap::new(), Vec::new());
        for kind in KernelKind::ALL {
            let (pipeline, time) =
                clock::timed(|| Pipeline::compile(device, kernel(kind, radix), cache, is_checked));
            compiled.push((kind.name(), time));
            all.insert(kind, pipeline);
            go_on()?;
        }
        Ok(Self { all, compiled })
    }

    pub(super) fn get(&self, kind: KernelKind) -> Option<&Pipeline> {
        self.all.get(&kind)
    }

    pub(super) fn compiled(&self) -> &[(&'static str, Duration)] {
        &self.compiled
    }
}

impl Pipeline {
    fn compile(
        device: &wgpu::Device,
        source: KernelSource,
        cache: &PipelineCache,
        is_checked: bool,
    ) -> Self {
        let module = if is_checked {
            device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(source.name),
                source: wgpu::ShaderSource::Wgsl(source.wgsl.as_str().into()),
            })
        } else {
            trusted::unchecked_module(device, &source)
        };
        let layout = bind_group_layout(device, &source);
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(source.name),
            bind_group_layouts: &[Some(&layout)],
            ..wgpu::PipelineLayoutDescriptor::default()
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(source.name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some(source.entry_point),
            compilation_options: wgpu::PipelineCompilationOptions {
                // Kernels have no variables of their workgroup, and nothing is paid for clearing them.
                zero_initialize_workgroup_memory: false,
                ..wgpu::PipelineCompilationOptions::default()
            },
            cache: cache.get(),
        });
        Self {
            source,
            layout,
            pipeline,
        }
    }
}

/// A uniform at 0, and the storage buffers after it.
fn bind_group_layout(device: &wgpu::Device, source: &KernelSource) -> wgpu::BindGroupLayout {
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
    entries.extend(source.buffers.iter().map(|buffer| {
        let read_only = buffer.is_read_only;
        entry(
            buffer.binding,
            wgpu::BufferBindingType::Storage { read_only },
        )
    }));
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(source.name),
        entries: &entries,
    })
}
