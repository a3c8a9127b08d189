//! How long a device takes, measured before it takes jobs; and how long the CPU takes, measured the same way.

use std::time::Duration;

use ordlane_primitives::{
    SigningKey,
    batch::SignatureCheck,
    levels::{LevelPlan, NodeKind, PlanError, Side},
};

use super::{
    accelerator::{Accelerator, Fault},
    cost::{Cost, measure, nanos, per},
    equation::equations,
    work::{Kind, PerKind, Texts, Work},
    worker::ask,
};
use crate::{
    Lanes, clock,
    tier::{Hasher, Verifier},
};

/// The smallest batch that is measured.
const FIRST: u64 = 64;
/// No larger batch is measured on a device.
const MOST: u64 = 65_536;
/// A measurement of a device that took so long is the last of its kind.
const ENOUGH: Duration = Duration::from_millis(20);
/// How many signatures, and how many hashes, are measured on the CPU.
const CPU_SIGNATURES: usize = 256;
const CPU_HASHES: usize = 4_096;
/// What is signed: as much as the hash of a transaction.
const TRANSACTION: [u8; 32] = [0x5a; 32];
/// What is hashed where messages have any length.
const MESSAGE: [u8; 100] = [0x5a; 100];
/// Leaves of a part of a plan that is measured.
const LEAVES_PER_PART: u64 = 128;

/// How long the device takes for work of each kind: per signature, per message of 64 bytes, per block of 64 bytes of
/// other messages, and per message of a plan.
pub(crate) fn costs(device: &mut dyn Accelerator, limit: Duration) -> Result<PerKind<Cost>, Fault> {
    let mut costs = PerKind::default();
    for kind in Kind::ALL {
        let capacity = device.facts().capacity(kind);
        let blocks = match kind {
            Kind::Messages => blocks(MESSAGE.len()),
            _ => 1,
        };
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let most = wide(capacity.items).min(per(wide(capacity.blocks), blocks));
        if most == 0 {
            *costs.of_mut(kind) = Cost::UNUSABLE;
            continue;
        }
        let cost = measure(FIRST, most.min(MOST), ENOUGH, |size| {
            let work = work(kind, size);
            let (answer, time) = clock::timed(|| ask(device, &work, limit));
            match answer {
                Ok(_) => Ok(Some(time)),
                // It took no memory for it, and no time.
                Err(Fault::OutOfMemory) => Ok(None),
                Err(fault) => Err(fault),
            }
        })?;
        *costs.of_mut(kind) = cost.map_or(Cost::UNUSABLE, |cost| Cost {
            unit_ps: per(cost.unit_ps, blocks),
            ..cost
        });
    }
    Ok(costs)
}

/// The same for the CPU's tiers, on the calling thread, divided by the threads that will share a batch.
pub(crate) fn cpu_costs(lanes: &Lanes, verifier: &Verifier, hasher: Hasher) -> PerKind<Cost> {
    let signed = Signed::all();
    let checks = checks(&signed, CPU_SIGNATURES);
    let per_unit = |units: usize, time: Duration| {
        let at_once = units.saturating_mul(lanes.threads());
        let at_once = u64::try_from(at_once).unwrap_or(u64::MAX);
        Cost {
            latency_ns: 0,
            unit_ps: per(nanos(time).saturating_mul(1_000), at_once).max(1),
        }
    };
    let (_, signatures) = clock::timed(|| verifier.verify_here(&checks));
    let pairs = vec![[0x5a; 64]; CPU_HASHES];
    let (_, pairs) = clock::timed(|| hasher.hash_pairs_here(&pairs));
    let messages = vec![MESSAGE.as_slice(); CPU_HASHES];
    let (_, messages) = clock::timed(|| hasher.hash_messages_here(&messages));
    let message_blocks = usize::try_from(blocks(MESSAGE.len())).unwrap_or(1);
    PerKind {
        signatures: per_unit(CPU_SIGNATURES, signatures),
        pairs: per_unit(CPU_HASHES, pairs),
        messages: per_unit(CPU_HASHES.saturating_mul(message_blocks), messages),
        levels: per_unit(CPU_HASHES, pairs),
    }
}

/// A signature by a key of its own: equal ones would be faster than those of many signers.
struct Signed {
    key: [u8; 32],
    signature: [u8; 64],
}

impl Signed {
    fn all() -> Vec<Self> {
        (0..=u8::MAX)
            .map(|signer| {
                let key = SigningKey::from_seed([signer; 32]);
                Self {
                    key: key.public_key(),
                    signature: key.sign(&TRANSACTION),
                }
            })
            .collect()
    }

    fn check(&self) -> SignatureCheck<'_> {
        SignatureCheck {
            key: &self.key,
            message: &TRANSACTION,
            signature: &self.signature,
        }
    }
}

fn checks(signed: &[Signed], count: usize) -> Vec<SignatureCheck<'_>> {
    let all = signed.iter().cycle().take(count);
    all.map(Signed::check).collect()
}

/// The blocks of 64 bytes that a message of so many bytes fills, padded.
pub(crate) fn blocks(bytes: usize) -> u64 {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    bytes.saturating_add(9).div_ceil(64)
}

/// Work of a kind for measurements.
pub(crate) fn work(kind: Kind, size: u64) -> Work {
    let count = usize::try_from(size).unwrap_or(usize::MAX);
    match kind {
        Kind::Signatures => {
            let signed = Signed::all();
            let equations = equations(&Verifier::Portable, &checks(&signed, signed.len()));
            Work::Signatures(equations.into_iter().cycle().take(count).collect())
        }
        Kind::Pairs => Work::Pairs(vec![[0x5a; 64]; count]),
        Kind::Messages => Work::Messages(Texts::of(&vec![MESSAGE.as_slice(); count])),
        Kind::Levels => Work::Levels(plan(size).unwrap_or_default()),
    }
}

/// A plan of at most so many messages: parts of a binary tree each, and a top that takes from one of them.
pub(crate) fn plan(size: u64) -> Result<LevelPlan, PlanError> {
    let mut plan = LevelPlan::default();
    let per_part = LEAVES_PER_PART.saturating_mul(2);
    let leaves = match size {
        0..4 => 1,
        _ => 1 << (size.min(per_part) / 2).ilog2(),
    };
    let mut last = None;
    for _ in 0..per(size, per_part).max(1) {
        let mut below = Vec::new();
        for _ in 0..leaves {
            below.push(plan.push([0x5a; 64], NodeKind::Leaf)?);
        }
        while below.len() > 1 {
            plan.end_level();
            let mut above = Vec::new();
            for pair in below.chunks(2) {
                let parent = plan.push([0; 64], NodeKind::Internal)?;
                for (child, side) in pair.iter().zip([Side::Left, Side::Right]) {
                    plan.link(*child, parent, side)?;
                }
                above.push(parent);
            }
            below = above;
        }
        plan.end_part()?;
        last = below.pop();
    }
    if size > 1 {
        let root = plan.push([0; 64], NodeKind::Internal)?;
        if let Some(top) = last {
            plan.link(top, root, Side::Left)?;
        }
    }
    Ok(plan)
}
