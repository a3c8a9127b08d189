//! The self-test of a device: what every tier is asked, and a plan.
//!
//! Invariant: a device takes no job before it passed this, the first time and after every opening.

use std::{cell::RefCell, time::Duration};

use ordlane_primitives::{
    Hash,
    batch::{BatchHasher as _, Sequential, SignatureCheck},
    levels::{LevelPlan, NodeKind, PlanError, Side},
};

use super::{
    accelerator::{Accelerator, Fault},
    equation,
    work::{Answer, Kind, Texts, Work},
    worker::ask,
};
use crate::{known_answers, tier::Verifier};

/// Whether the device gives every known answer right. A device that gives none has a fault.
pub(crate) fn passes(device: &mut dyn Accelerator, limit: Duration) -> Result<bool, Fault> {
    let asker = Asker {
        device: RefCell::new(device),
        limit,
        fault: RefCell::new(None),
    };
    // A small device may take no signature at all.
    let takes = |kind| asker.device.borrow().facts().capacity(kind).items > 0;
    let (takes_signatures, takes_hashes) = (
        takes(Kind::Signatures),
        takes(Kind::Pairs) && takes(Kind::Messages),
    );
    let passes = (!takes_signatures || known_answers::verifies(|checks| asker.verdicts(checks)))
        && (!takes_hashes
            || known_answers::hashes(
                |pairs| asker.in_parts(Kind::Pairs, pairs, |part| Work::Pairs(part.to_vec())),
                |messages| {
                    asker.in_parts(Kind::Messages, messages, |part| {
                        Work::Messages(Texts::of(part))
                    })
                },
            ))
        && asker.plan_is_right();
    match asker.fault.into_inner() {
        Some(fault) => Err(fault),
        None => Ok(passes),
    }
}

/// Asks the device, and remembers its first fault.
struct Asker<'a> {
    device: RefCell<&'a mut dyn Accelerator>,
    limit: Duration,
    fault: RefCell<Option<Fault>>,
}

impl Asker<'_> {
    fn ask(&self, work: &Work) -> Option<Answer> {
        if self.fault.borrow().is_some() {
            return None;
        }
        match ask(&mut **self.device.borrow_mut(), work, self.limit) {
            Ok(answer) => Some(answer),
            Err(fault) => {
                *self.fault.borrow_mut() = Some(fault);
                None
            }
        }
    }

    fn most(&self, kind: Kind) -> usize {
        self.device.borrow().facts().capacity(kind).items.max(1)
    }

    fn verdicts(&self, checks: &[SignatureCheck<'_>]) -> Vec<bool> {
        let mut verdicts = Vec::with_capacity(checks.len());
        for part in checks.chunks(self.most(Kind::Signatures)) {
            let work = Work::Signatures(equation::equations(&Verifier::Portable, part));
            match self.ask(&work) {
                Some(Answer::Verdicts(holds)) => {
                    verdicts.extend(equation::verdicts(part, holds).unwrap_or_default());
                }
                _ => return Vec::new(),
            }
        }
        verdicts
    }

    fn in_parts<T>(&self, kind: Kind, items: &[T], work: impl Fn(&[T]) -> Work) -> Vec<Hash> {
        let mut digests = Vec::with_capacity(items.len());
        for part in items.chunks(self.most(kind)) {
            match self.ask(&work(part)) {
                Some(Answer::Digests(found)) => digests.extend(found),
                _ => return Vec::new(),
            }
        }
        digests
    }

    fn plan_is_right(&self) -> bool {
        let Ok(mut plan) = plan() else {
            return false;
        };
        if self.most(Kind::Levels) < plan.len() {
            return true;
        }
        let answer = self.ask(&Work::Levels(plan.clone()));
        Sequential.hash_levels(&mut plan);
        matches!(answer, Some(Answer::Digests(digests)) if digests == plan.digests())
    }
}

/// Three parts, of leaves in pairs below inner nodes and one leaf that sits higher, below a top of two levels.
pub(crate) fn plan() -> Result<LevelPlan, PlanError> {
    let mut plan = LevelPlan::default();
    let mut tops = Vec::new();
    for part in 0..3_u8 {
        let mut below = Vec::new();
        for leaf in 0..6_u8 {
            let byte = part.wrapping_mul(16).wrapping_add(leaf);
            below.push(plan.push([byte; 64], NodeKind::Leaf)?);
        }
        let lone = below.pop();
        plan.end_level();
        while below.len() > 1 {
            let mut above = Vec::new();
            for pair in below.chunks(2) {
                let parent = plan.push([0x5a; 64], NodeKind::Internal)?;
                for (child, side) in pair.iter().zip([Side::Left, Side::Right]) {
                    plan.link(*child, parent, side)?;
                }
                above.push(parent);
            }
            plan.end_level();
            below = above;
        }
        let top = plan.push([0; 64], NodeKind::Internal)?;
        let children = below.into_iter().chain(lone);
        for (child, side) in children.zip([Side::Right, Side::Left]) {
            plan.link(child, top, side)?;
        }
        plan.end_part()?;
        tops.push(top);
    }
    let lower = plan.push([0xa5; 64], NodeKind::Internal)?;
    plan.end_level();
    let root = plan.push([0; 64], NodeKind::Internal)?;
    let places = [
        (lower, Side::Left),
        (lower, Side::Right),
        (root, Side::Left),
    ];
    for (top, (parent, side)) in tops.into_iter().zip(places) {
        plan.link(top, parent, side)?;
    }
    plan.link(lower, root, Side::Right)?;
    Ok(plan)
}
