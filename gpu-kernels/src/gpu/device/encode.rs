//! Work as a device takes it: what goes into which buffer, which kernels run over them, and what is read back.

use std::borrow::Cow;

use ordlane_primitives::{
    Hash,
    batch::SignatureCheck,
    levels::{LevelPlan, NodeKind, Side},
};

use super::{pipelines::Pipelines, slot::Slot};
use crate::gpu::{
    accelerator::OpenError,
    list,
    shaders::{
        KernelKind, Radix, base,
        kernels::finish::{ACCEPTED, REFUSED},
        layout::{
            ChunksUniform, CountUniform, LevelUniform, SCALAR_BYTES, SignatureSizes,
            SignatureUniform,
        },
        pack::{
            messages::PackedMessages,
            signatures::{PackedCheck, PackedChecks},
        },
    },
    work::{Answer, Equation, Texts, Work},
};

/// The double-scalar multiplication is cut into so many dispatches, so that none of them is long enough for a watchdog.
const STRAUS_STEPS: u32 = 4;
/// Bytes of a word.
const WORD: u64 = 4;
/// Bytes of a digest, and of a message of two.
const DIGEST: u64 = 32;
const PAIR: u64 = 64;

/// A job for the device.
#[derive(Debug)]
pub(super) struct Encoded<'w> {
    /// What the host writes, by buffer.
    inputs: Vec<(&'static str, Cow<'w, [u8]>)>,
    /// How large the other buffers are at least.
    sizes: Vec<(&'static str, u64)>,
    steps: Vec<Step>,
    /// The buffer that results lie in.
    output: &'static str,
    pub(super) reading: Reading,
}

/// One kernel.
#[derive(Debug)]
struct Step {
    kernel: KernelKind,
    uniform: [u32; 4],
    /// How many items, or workgroups.
    items: u32,
}

/// How results are read.
#[derive(Debug)]
pub(super) enum Reading {
    /// A word per signature.
    Verdicts(usize),
    /// A digest per message.
    Digests(usize),
    /// Halves of messages, by number, of so many messages.
    Halves(Vec<u32>, usize),
    /// Behind so many digests that were given, so many.
    Above(usize, usize),
}

impl Reading {
    pub(super) fn bytes(&self) -> u64 {
        let (count, size) = match self {
            Self::Verdicts(count) => (*count, WORD),
            Self::Digests(count) => (*count, DIGEST),
            Self::Halves(_, messages) => (*messages, PAIR),
            Self::Above(given, above) => (given.saturating_add(*above), DIGEST),
        };
        wide(count).saturating_mul(size)
    }

    /// The answer in what was read.
    pub(super) fn answer(&self, bytes: &[u8]) -> Answer {
        let (digests, _) = bytes.as_chunks::<32>();
        match self {
            Self::Verdicts(_) => {
                let (words, _) = bytes.as_chunks::<4>();
                // A word that is none ends the answer, which is too short then, as every caller sees.
                let holds = words
                    .iter()
                    .map_while(|word| match u32::from_ne_bytes(*word) {
                        REFUSED => Some(false),
                        ACCEPTED => Some(true),
                        _ => None,
                    });
                Answer::Verdicts(holds.collect())
            }
            Self::Digests(_) => Answer::Digests(digests.iter().copied().map(Hash).collect()),
            Self::Above(given, _) => {
                Answer::Digests(digests.iter().skip(*given).copied().map(Hash).collect())
            }
            Self::Halves(halves, _) => Answer::Digests(
                halves
                    .iter()
                    .filter_map(|half| digests.get(usize::try_from(*half).ok()?))
                    .copied()
                    .map(Hash)
                    .collect(),
            ),
        }
    }
}

impl<'w> Encoded<'w> {
    pub(super) fn of(work: &'w Work, radix: Radix) -> Self {
        match work {
            Work::Signatures(equations) => Self::signatures(equations, radix),
            Work::Pairs(pairs) => Self::pairs(pairs),
            Work::Messages(texts) => Self::messages(texts),
            Work::Levels(plan) => Self::levels(plan),
            Work::List(leaves) => Self::list(leaves),
        }
    }

    fn signatures(equations: &[Equation], radix: Radix) -> Self {
        let checks: Vec<SignatureCheck<'_>> = equations
            .iter()
            .map(|equation| SignatureCheck {
                key: &equation.key,
                message: &[],
                signature: &equation.signature,
            })
            .collect();
        let packed = PackedChecks::pack_with(&checks, |checks| {
            checks
                .iter()
                .zip(equations)
                .map(|(check, equation)| PackedCheck::with_challenge(check, &equation.challenge))
                .collect()
        });
        let (count, stride) = (packed.count, packed.stride);
        let sizes = SignatureSizes::of(radix, stride);
        let uniform = |count, first_byte, end_byte| SignatureUniform {
            count,
            stride,
            first_byte,
            end_byte,
        };
        let step = |kernel, uniform: SignatureUniform| Step {
            kernel,
            items: uniform.count,
            uniform: bytemuck::cast(uniform),
        };
        let encodings = stride.saturating_mul(2);
        let mut steps = vec![
            step(KernelKind::Ed25519Decompress, uniform(encodings, 0, 0)),
            step(KernelKind::Ed25519Table, uniform(count, 0, 0)),
        ];
        let bytes_per_step = SCALAR_BYTES / STRAUS_STEPS;
        for number in 0..STRAUS_STEPS {
            let first = bytes_per_step.saturating_mul(number);
            let end = first.saturating_add(bytes_per_step);
            steps.push(step(KernelKind::Ed25519Straus, uniform(count, first, end)));
        }
        steps.push(step(KernelKind::Ed25519Finish, uniform(count, 0, 0)));
        let bytes = |words: u64| words.saturating_mul(WORD);
        Self {
            inputs: vec![
                ("encodings", packed.encodings.as_flattened().to_vec().into()),
                (
                    "scalars",
                    bytemuck::cast_slice(packed.scalars.as_flattened())
                        .to_vec()
                        .into(),
                ),
            ],
            sizes: vec![
                ("points", bytes(sizes.points)),
                ("table", bytes(sizes.table)),
                ("sums", bytes(sizes.sums)),
                ("verdicts", bytes(sizes.verdicts)),
            ],
            steps,
            output: "verdicts",
            reading: Reading::Verdicts(equations.len()),
        }
    }

    fn pairs(pairs: &'w [[u8; 64]]) -> Self {
        Self {
            inputs: vec![("pairs", pairs.as_flattened().into())],
            sizes: vec![("digests", wide(pairs.len()).saturating_mul(DIGEST))],
            steps: vec![counted(KernelKind::Sha256Parent, small(pairs.len()))],
            output: "digests",
            reading: Reading::Digests(pairs.len()),
        }
    }

    fn messages(texts: &Texts) -> Self {
        let messages: Vec<&[u8]> = texts.iter().collect();
        let packed = PackedMessages::pack(&messages, usize::MAX);
        // Those that do not fit have no digest, which is seen where the answer is looked at.
        let count = packed.starts.len().saturating_sub(1);
        Self {
            inputs: vec![
                ("blocks", packed.blocks.as_flattened().to_vec().into()),
                (
                    "starts",
                    bytemuck::cast_slice(&packed.starts).to_vec().into(),
                ),
            ],
            sizes: vec![("digests", wide(count).saturating_mul(DIGEST))],
            steps: vec![counted(KernelKind::Sha256Leaf, packed.count)],
            output: "digests",
            reading: Reading::Digests(count),
        }
    }

    /// One dispatch for the parts, a workgroup each, and one for the top.
    fn levels(plan: &'w LevelPlan) -> Self {
        let parts = plan.parts();
        let (links, halves) = links(plan);
        // Behind the messages lie digests that go nowhere.
        let last = halves.iter().copied().max().unwrap_or(0);
        let messages = plan
            .len()
            .max(usize::try_from(last / 2).map_or(0, |half| half.saturating_add(1)));
        let below = small(parts.len().saturating_sub(1));
        let step = |first_chunk, count| Step {
            kernel: KernelKind::Sha256Chunks,
            uniform: bytemuck::cast(ChunksUniform {
                count,
                first_chunk,
                unused: [0; 2],
            }),
            items: count,
        };
        let has_top = parts.last().is_some_and(|top| !top.is_empty());
        let mut steps = Vec::new();
        steps.extend((below > 0).then(|| step(0, below)));
        steps.extend(has_top.then(|| step(below, 1)));
        let words = |words: &[u32]| Cow::from(bytemuck::cast_slice(words).to_vec());
        Self {
            inputs: vec![
                ("messages", plan.messages().as_flattened().into()),
                ("links", words(&links)),
                ("plan", words(&plan_words(&parts))),
            ],
            sizes: vec![("messages", wide(messages).saturating_mul(PAIR))],
            steps,
            output: "messages",
            reading: Reading::Halves(halves, messages),
        }
    }

    /// A dispatch for each level.
    fn list(leaves: &[Hash]) -> Self {
        let steps = list::levels(leaves.len()).into_iter().map(|level| Step {
            kernel: KernelKind::Sha256Level,
            uniform: bytemuck::cast(LevelUniform {
                count: small(level.parents),
                children: small(level.children),
                source: small(level.source),
                target: small(level.target),
            }),
            items: small(level.parents),
        });
        let above = list::above(leaves.len());
        let nodes = leaves.len().saturating_add(above);
        let bytes: Vec<u8> = leaves.iter().flat_map(|leaf| leaf.0).collect();
        Self {
            inputs: vec![("nodes", bytes.into())],
            sizes: vec![("nodes", wide(nodes).saturating_mul(DIGEST))],
            steps: steps.collect(),
            output: "nodes",
            reading: Reading::Above(leaves.len(), above),
        }
    }

    /// Writes the inputs and puts everything that follows into the encoder.
    pub(super) fn record(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        pipelines: &Pipelines,
        base: &wgpu::Buffer,
        slot: &mut Slot,
        encoder: &mut wgpu::CommandEncoder,
    ) {
        self.write_inputs(device, queue, slot);
        let bytes = self.reading.bytes();
        // What an earlier job has left there must not be taken for an answer to this one.
        let written = self.inputs.iter().find(|(name, _)| *name == self.output);
        let written = written.map_or(0, |(_, bytes)| wide(bytes.len()));
        if let Some(output) = slot.get(self.output).filter(|_| written < bytes) {
            encoder.clear_buffer(output, written, bytes.checked_sub(written));
        }
        self.record_steps(device, pipelines, base, slot, encoder);
        let read = slot.reader(device, bytes);
        if let Some(output) = slot.get(self.output) {
            encoder.copy_buffer_to_buffer(output, 0, &read, 0, bytes);
        }
    }

    pub(super) fn write_inputs(&self, device: &wgpu::Device, queue: &wgpu::Queue, slot: &mut Slot) {
        for (name, bytes) in &self.sizes {
            slot.storage(device, name, *bytes);
        }
        for (name, bytes) in &self.inputs {
            let buffer = slot.storage(device, name, wide(bytes.len()));
            queue.write_buffer(&buffer, 0, bytes);
        }
        let uniforms: Vec<[u32; 4]> = self.steps.iter().map(|step| step.uniform).collect();
        slot.write_uniforms(device, queue, &uniforms);
    }

    pub(super) fn record_steps(
        &self,
        device: &wgpu::Device,
        pipelines: &Pipelines,
        base: &wgpu::Buffer,
        slot: &Slot,
        encoder: &mut wgpu::CommandEncoder,
    ) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for (number, step) in self.steps.iter().enumerate() {
            let Some(pipeline) = pipelines.get(step.kernel) else {
                continue;
            };
            let entry = |binding, resource| wgpu::BindGroupEntry { binding, resource };
            let mut entries = Vec::new();
            entries.extend(slot.uniform(number).map(|uniform| entry(0, uniform)));
            for binding in &pipeline.source.buffers {
                let buffer = match binding.name {
                    "base" => Some(base),
                    name => slot.get(name),
                };
                entries.extend(
                    buffer.map(|buffer| entry(binding.binding, buffer.as_entire_binding())),
                );
            }
            // One that is missing makes the group an error, which is reported as any other.
            let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(pipeline.source.name),
                layout: &pipeline.layout,
                entries: &entries,
            });
            pass.set_pipeline(&pipeline.pipeline);
            pass.set_bind_group(0, &group, &[]);
            let groups = step
                .items
                .div_ceil(pipeline.source.items_per_workgroup.max(1));
            let (x, y) = grid(groups);
            pass.dispatch_workgroups(x, y, 1);
        }
    }
}

/// Where the digest of each message goes, as the kernel reads it: twice the number of a half, and one more for leaves; and
/// the numbers of the halves.
fn links(plan: &LevelPlan) -> (Vec<u32>, Vec<u32>) {
    let mut nowhere = small(plan.len()).saturating_mul(2);
    plan.links()
        .iter()
        .map(|link| {
            let half = match link.target() {
                Some((slot, side)) => small(slot)
                    .saturating_mul(2)
                    .saturating_add(u32::from(side == Side::Right)),
                None => {
                    let half = nowhere;
                    nowhere = nowhere.saturating_add(1);
                    half
                }
            };
            let is_leaf = u32::from(link.kind() == NodeKind::Leaf);
            (half.saturating_mul(2) | is_leaf, half)
        })
        .unzip()
}

/// Where each part's levels begin among the words that follow, and where the last one's end; then where each level's
/// messages begin, and where the last one's end.
fn plan_words(parts: &[Vec<core::ops::Range<usize>>]) -> Vec<u32> {
    let mut level = small(parts.len()).saturating_add(1);
    let mut words = vec![level];
    for part in parts {
        level = level.saturating_add(small(part.len()));
        words.push(level);
    }
    let levels = || parts.iter().flatten();
    words.extend(levels().map(|level| small(level.start)));
    words.extend(levels().next_back().map(|level| small(level.end)));
    words
}

/// So many workgroups, and perhaps a few more, in two dimensions of at most 65,535.
fn grid(groups: u32) -> (u32, u32) {
    const MOST: u32 = 65_535;
    let rows = groups.div_ceil(MOST).max(1);
    (groups.div_ceil(rows), rows)
}

const fn counted(kernel: KernelKind, items: u32) -> Step {
    let uniform = CountUniform::new(items);
    let [a, b, c] = uniform.unused;
    Step {
        kernel,
        uniform: [uniform.count, a, b, c],
        items,
    }
}

/// A number of items, which the capacity keeps below 2^32.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The multiples of the base point, on the device.
pub(super) fn base_table(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    radix: Radix,
) -> Result<wgpu::Buffer, OpenError> {
    let words = base::table(radix).map_err(|fault| OpenError::Refused(format!("{fault:?}")))?;
    let bytes: &[u8] = bytemuck::cast_slice(&words);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("base"),
        size: wide(bytes.len()),
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    queue.write_buffer(&buffer, 0, bytes);
    Ok(buffer)
}
