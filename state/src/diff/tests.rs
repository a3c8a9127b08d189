use proptest::{collection, prelude::*};

use super::*;

type State = BTreeMap<RawKey, Vec<u8>>;

fn key(byte: u8) -> RawKey {
    RawKey::from_bytes(vec![byte])
}

fn change(byte: u8, old: Option<u8>, new: Option<u8>) -> Change {
    let value = |byte: Option<u8>| byte.map(|byte| vec![byte]);
    Change {
        key: key(byte),
        old: value(old),
        new: value(new),
    }
}

/// Few keys and values, so that they meet.
fn states() -> impl Strategy<Value = State> {
    let value = collection::vec(0..2_u8, 0..2);
    collection::btree_map((0..8_u8).prop_map(key), value, 0..8)
}

fn between(before: &State, after: &State) -> StateDiff {
    let keys = before.keys().chain(after.keys()).cloned();
    let changes = keys.map(|key| Change {
        old: before.get(&key).cloned(),
        new: after.get(&key).cloned(),
        key,
    });
    StateDiff::of(changes.collect())
}

proptest! {
    #[test]
    fn applying_and_then_reversing_changes_nothing(before in states(), after in states()) {
        let diff = between(&before, &after);
        let mut state = before.clone();
        diff.apply(&mut state).unwrap();
        prop_assert_eq!(&state, &after);
        diff.reverse().apply(&mut state).unwrap();
        prop_assert_eq!(&state, &before);
        prop_assert_eq!(diff.reverse(), between(&after, &before));
        prop_assert_eq!(&diff.reverse().reverse(), &diff);
        prop_assert!(diff.then(&diff.reverse()).unwrap().is_empty());
    }

    #[test]
    fn one_diff_after_another_is_the_diff_of_both(states in collection::vec(states(), 4)) {
        let [a, b, c, d] = &states[..] else { unreachable!() };
        let (ab, bc, cd) = (between(a, b), between(b, c), between(c, d));
        let whole = ab.then(&bc).unwrap().then(&cd).unwrap();
        prop_assert_eq!(&whole, &ab.then(&bc.then(&cd).unwrap()).unwrap());
        prop_assert_eq!(&whole, &between(a, d));
        let all = [&ab, &bc, &cd].map(|diff| diff.changes().to_vec()).concat();
        prop_assert_eq!(&StateDiff::of(all), &whole);
        prop_assert!(whole.changes().is_sorted_by(|x, y| x.key < y.key));
        prop_assert!(whole.changes().iter().all(|change| change.old != change.new));
    }

    #[test]
    fn a_diff_fits_a_state_with_its_old_values_and_no_other(before in states(), after in states(), other in states()) {
        let diff = between(&before, &after);
        let fits = diff.changes().iter().all(|change| other.get(&change.key) == change.old.as_ref());
        let mut state = other.clone();
        let outcome = diff.apply(&mut state);
        prop_assert_eq!(outcome.is_ok(), fits);
        if !fits {
            prop_assert_eq!(state, other);
        }
    }
}

#[test]
fn changes_in_any_order_become_one_per_key_and_those_that_change_nothing_go() {
    let diff = StateDiff::of(vec![
        change(3, Some(1), Some(1)),
        change(2, None, Some(5)),
        change(1, Some(1), None),
        change(2, Some(5), Some(6)),
        change(4, None, Some(1)),
        change(4, Some(1), None),
    ]);
    let expected = [change(1, Some(1), None), change(2, None, Some(6))];
    assert_eq!(diff.changes(), expected);
    assert!(StateDiff::of(Vec::new()).is_empty());
}

#[test]
fn a_diff_that_does_not_follow_is_refused_by_key() {
    let first = StateDiff::of(vec![change(1, None, Some(1)), change(2, None, Some(2))]);
    let next = StateDiff::of(vec![change(1, Some(1), None), change(2, Some(3), None)]);
    assert_eq!(first.then(&next), Err(DiffError::OtherDiff { key: key(2) }));
    let mut state = State::from([(key(1), vec![1])]);
    let refused = next.apply(&mut state);
    assert_eq!(refused, Err(DiffError::OtherState { key: key(2) }));
    assert_eq!(state, State::from([(key(1), vec![1])]));
    // An empty value is present.
    let empties = Change {
        key: key(7),
        old: None,
        new: Some(Vec::new()),
    };
    let empties = StateDiff::of(vec![empties]);
    empties.apply(&mut state).unwrap();
    assert_eq!(state.get(&key(7)), Some(&Vec::new()));
}
