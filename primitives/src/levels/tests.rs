use super::*;
use crate::{
    batch::Sequential,
    hash::sha256,
    tree::{as_internal, as_leaf},
};

fn pair(left: Hash, right: Hash) -> [u8; 64] {
    let mut message = [0; 64];
    put(&mut message, Side::Left, &left);
    put(&mut message, Side::Right, &right);
    message
}

/// Two parts of three leaves each, an inner node over two of them, one over that and the third, and a top over both.
fn plan() -> (LevelPlan, Vec<Slot>) {
    let mut plan = LevelPlan::default();
    let mut ends = Vec::new();
    for part in 0..2_u8 {
        let leaves: Vec<Slot> = (0..3)
            .map(|leaf| plan.push([part * 3 + leaf; 64], NodeKind::Leaf).unwrap())
            .collect();
        plan.end_level();
        // What is there does not count.
        let lower = plan.push([0xee; 64], NodeKind::Internal).unwrap();
        plan.end_level();
        let upper = plan.push([0xdd; 64], NodeKind::Internal).unwrap();
        plan.link(leaves[0], lower, Side::Left).unwrap();
        plan.link(leaves[1], lower, Side::Right).unwrap();
        plan.link(lower, upper, Side::Right).unwrap();
        plan.link(leaves[2], upper, Side::Left).unwrap();
        plan.end_part().unwrap();
        ends.push(upper);
    }
    let root = plan.push([0; 64], NodeKind::Internal).unwrap();
    plan.link(ends[0], root, Side::Left).unwrap();
    plan.link(ends[1], root, Side::Right).unwrap();
    ends.push(root);
    (plan, ends)
}

#[test]
fn digests_go_where_the_links_say() {
    let (mut plan, ends) = plan();
    assert_eq!(plan.len(), 11);
    assert!(plan.digests().is_empty());
    Sequential.hash_levels(&mut plan);
    let leaf = |byte: u8| as_leaf(sha256(&[byte; 64]));
    let node = |left, right| as_internal(sha256(&pair(left, right)));
    let part = |first: u8| node(leaf(first + 2), node(leaf(first), leaf(first + 1)));
    assert_eq!(plan.digest(ends[0]), Some(part(0)));
    assert_eq!(plan.digest(ends[1]), Some(part(3)));
    assert_eq!(plan.digest(ends[2]), Some(node(part(0), part(3))));
    assert_eq!(plan.digests().len(), plan.len());
}

#[test]
fn filled_messages_have_the_digests_that_were_given() {
    let (mut plan, _) = plan();
    Sequential.hash_levels(&mut plan);
    let slots: Vec<usize> = [10, 3, 0, 3, 4].to_vec();
    let messages = plan.filled(&slots, plan.digests());
    for (slot, message) in slots.iter().zip(&messages) {
        let digest = plan.links()[*slot].mark(sha256(message));
        assert_eq!(digest, plan.digests()[*slot]);
    }
}

#[test]
fn levels_and_parts_are_ranges_of_slots() {
    let (plan, _) = plan();
    assert_eq!(
        plan.parts(),
        [
            vec![0..3, 3..4, 4..5],
            vec![5..8, 8..9, 9..10],
            std::iter::once(10..11).collect()
        ]
    );
    assert_eq!(LevelPlan::default().parts(), [Vec::<Range<usize>>::new()]);
    let mut empty = LevelPlan::default();
    empty.end_level();
    empty.end_part().unwrap();
    assert!(empty.is_empty());
    Sequential.hash_levels(&mut empty);
    assert!(empty.digests().is_empty());
}

#[test]
fn a_link_is_refused_where_the_order_would_matter() {
    let (mut plan, ends) = plan();
    let order = |from: Slot, to: Slot| PlanError::Order {
        from: from.0,
        to: to.0,
    };
    // Into its own level, into an earlier one, into the other part, into itself, into nothing.
    for (from, to) in [(0, 1), (3, 0), (0, 8), (0, 0), (0, 99), (10, 10), (10, 4)] {
        let (from, to) = (Slot(from), Slot(to));
        let refused = plan.link(from, to, Side::Left);
        assert_eq!(refused, Err(order(from, to)), "{from:?} to {to:?}");
    }
    // Into a place that is taken, and a digest that is placed.
    let late = plan.push([9; 64], NodeKind::Internal).unwrap();
    assert_eq!(
        plan.link(late, ends[2], Side::Left),
        Err(order(late, ends[2]))
    );
    plan.end_level();
    let last = plan.push([9; 64], NodeKind::Internal).unwrap();
    plan.link(late, last, Side::Left).unwrap();
    for (from, side) in [(ends[2], Side::Left), (ends[0], Side::Right)] {
        let taken = PlanError::Taken {
            from: from.0,
            to: last.0,
        };
        assert_eq!(plan.link(from, last, side), Err(taken));
    }
    // No part follows what takes from parts.
    assert_eq!(plan.end_part(), Err(PlanError::Top));
}

#[test]
fn a_link_says_the_kind_the_target_and_the_side() {
    let (plan, _) = plan();
    let said = |slot: usize| (plan.links()[slot].kind(), plan.links()[slot].target());
    assert_eq!(said(0), (NodeKind::Leaf, Some((3, Side::Left))));
    assert_eq!(said(1), (NodeKind::Leaf, Some((3, Side::Right))));
    assert_eq!(said(3), (NodeKind::Internal, Some((4, Side::Right))));
    assert_eq!(said(9), (NodeKind::Internal, Some((10, Side::Right))));
    assert_eq!(said(10), (NodeKind::Internal, None));
}
