//! Hints may save work and never change a result.

use ordlane_scheduler::{Bounded, Stop, TxIndex, View, Vm};

use super::programs::{Contention, Interpreter, Op, Trace, base, oracle, random_block};
use super::support::{Random, Watchdog, every_way, run};

/// The interpreter with hints by a function of the index.
pub(crate) struct Hinted<F>(pub(crate) F);

impl<F: Fn(u32, &mut Vec<u16>) + Sync> Vm for Hinted<F> {
    type Key = u16;
    type Value = u64;
    type Delta = Bounded<u64>;
    type Tx = Vec<Op>;
    type Output = Trace;
    type Worker = ();

    fn worker(&self) {}

    fn hints(&self, index: TxIndex, _: &Vec<Op>, keys: &mut Vec<u16>) {
        (self.0)(index.get(), keys);
    }

    fn execute<V>(
        &self,
        worker: &mut (),
        index: TxIndex,
        tx: &Vec<Op>,
        view: &mut V,
    ) -> Result<Trace, Stop>
    where
        V: View<Key = u16, Value = u64, Delta = Bounded<u64>>,
    {
        Interpreter::<u16>::new().execute(worker, index, tx, view)
    }
}

#[test]
fn wrong_hints_change_nothing() {
    let _watchdog = Watchdog::new("wrong_hints_change_nothing");
    let random = |index: u32, keys: &mut Vec<u16>| {
        let mut random = Random::new(u64::from(index) + 77);
        for _ in 0..random.below(4) {
            keys.push(u16::try_from(random.below(9)).unwrap());
        }
    };
    let all_the_same = |_: u32, keys: &mut Vec<u16>| keys.extend([1, 1, 2]);
    let every_third = |index: u32, keys: &mut Vec<u16>| {
        if index.is_multiple_of(3) {
            keys.push(60_000);
        }
    };
    for contention in [Contention::None, Contention::Skewed, Contention::Total] {
        let block = random_block(11, 600, contention);
        let base = base::<u16>(64);
        let expected = oracle(&base, &block);
        for (way, executor) in every_way() {
            for _ in 0..3 {
                let same = [
                    run(&executor, &Hinted(random), &base, &block).0 == expected,
                    run(&executor, &Hinted(all_the_same), &base, &block).0 == expected,
                    run(&executor, &Hinted(every_third), &base, &block).0 == expected,
                ];
                assert_eq!(same, [true; 3], "{contention:?}, {way}");
            }
        }
    }
}

#[test]
fn chains_that_are_foretold_do_not_conflict() {
    let _watchdog = Watchdog::new("chains_that_are_foretold_do_not_conflict");
    // Five senders, whose transactions follow each other.
    let sender = |index: u32| u16::try_from(index % 5).unwrap();
    let block: Vec<Vec<Op>> = (0..600)
        .map(|index| {
            vec![
                Op::Read(sender(index)),
                Op::Spin(1_000),
                Op::Write(sender(index)),
            ]
        })
        .collect();
    let base = base::<u16>(8);
    let expected = oracle(&base, &block);
    for (way, executor) in every_way() {
        let hinted = Hinted(|index: u32, keys: &mut Vec<u16>| keys.push(sender(index)));
        let (entries, said) = run(&executor, &hinted, &base, &block);
        let summary = said.unwrap();
        assert_eq!((summary.conflicts, summary.executions), (0, 600), "{way}");
        assert!(entries == expected, "{way}");
    }
}
