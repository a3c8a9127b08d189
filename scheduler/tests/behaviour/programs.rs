//! A tiny language of reads, writes and branches, its Vm, and an oracle that shares nothing with the crate.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use ordlane_scheduler::{Bounded, Change, OutOfBounds, Stop, TxIndex, View, Vm};

use super::support::{Committed, Random};

/// One step. The accumulator starts as the transaction's index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Reads a key into the accumulator; nothing there counts as 3.
    Read(u16),
    /// Reads the key that the accumulator names.
    ReadAtAccumulator { keys: u16 },
    /// Writes the accumulator.
    Write(u16),
    /// Writes under the key that the accumulator names, so that another incarnation writes elsewhere.
    WriteAtAccumulator { keys: u16 },
    /// Deletes a key.
    Delete(u16),
    /// Adds to a key, or subtracts from it, within bounds, and takes note whether that was possible.
    Add { key: u16, delta: Bounded<u64> },
    /// Reads a page of a range into the accumulator.
    Scan { from: u16, to: u16, limit: usize },
    /// Skips the next steps unless the accumulator is a multiple.
    UnlessMultiple { of: u64, skip: usize },
    /// Ends the program as failed if the accumulator is a multiple.
    FailIfMultiple { of: u64 },
    /// Goes back to the first step, so often.
    Repeat { times: u8 },
    /// Burns time.
    Spin(u32),
}

/// What a program leaves: every value it read, the accumulator at its end, and whether it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) read: Vec<Option<u64>>,
    pub(crate) accumulator: u64,
    pub(crate) failed: bool,
}

impl Trace {
    fn see(&mut self, value: Option<u64>) {
        self.read.push(value);
        self.accumulator = self
            .accumulator
            .wrapping_mul(31)
            .wrapping_add(value.unwrap_or(3))
            .rotate_left(7);
    }
}

/// A key of the language.
pub(crate) trait Name: Clone + Eq + Hash + Ord + Debug + Send + Sync {
    fn of(number: u16) -> Self;
    fn number(&self) -> u16;
}

impl Name for u16 {
    fn of(number: u16) -> Self {
        number
    }

    fn number(&self) -> u16 {
        *self
    }
}

/// A key whose hash says nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Colliding(pub(crate) u16);

impl Hash for Colliding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(1);
    }
}

impl Name for Colliding {
    fn of(number: u16) -> Self {
        Self(number)
    }

    fn number(&self) -> u16 {
        self.0
    }
}

/// The Vm of the language.
#[derive(Debug)]
pub(crate) struct Interpreter<K>(PhantomData<K>);

impl<K> Interpreter<K> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<K: Name> Vm for Interpreter<K> {
    type Key = K;
    type Value = u64;
    type Delta = Bounded<u64>;
    type Tx = Vec<Op>;
    type Output = Trace;
    type Worker = ();

    fn worker(&self) {}

    fn execute<V>(
        &self,
        (): &mut (),
        index: TxIndex,
        tx: &Vec<Op>,
        view: &mut V,
    ) -> Result<Trace, Stop>
    where
        V: View<Key = K, Value = u64, Delta = Bounded<u64>>,
    {
        interpret(index, tx, view)
    }
}

fn interpret<V>(index: TxIndex, program: &[Op], view: &mut V) -> Result<Trace, Stop>
where
    V: View<Value = u64, Delta = Bounded<u64>, Key: Name>,
{
    let mut trace = Trace {
        read: Vec::new(),
        accumulator: u64::from(index.get()),
        failed: false,
    };
    let mut repeated = 0;
    let mut at = 0;
    while let Some(op) = program.get(at) {
        at += 1;
        let accumulator = trace.accumulator;
        match op {
            Op::Read(key) => read(*key, &mut trace, view)?,
            Op::ReadAtAccumulator { keys } => read(number(accumulator, *keys), &mut trace, view)?,
            Op::Write(key) => view.write(V::Key::of(*key), accumulator),
            Op::WriteAtAccumulator { keys } => {
                view.write(V::Key::of(number(accumulator, *keys)), accumulator)
            }
            Op::Add { key, delta } => {
                let added = view.add(V::Key::of(*key), *delta)?;
                trace.accumulator = trace.accumulator.wrapping_mul(3) + u64::from(added.is_ok());
                trace.read.push(added.ok().map(|()| 1));
            }
            Op::Scan { from, to, limit } => {
                let (from, to) = (V::Key::of(*from), V::Key::of(*to));
                let page = view.scan(Bound::Included(&from), Bound::Excluded(&to), *limit)?;
                for (key, value) in page {
                    trace.see(Some(u64::from(key.number())));
                    trace.see(Some(value));
                }
            }
            Op::Delete(key) => view.delete(V::Key::of(*key)),
            Op::UnlessMultiple { of, skip } => {
                at += if accumulator.is_multiple_of(*of) {
                    0
                } else {
                    *skip
                }
            }
            Op::FailIfMultiple { of } if accumulator.is_multiple_of(*of) => {
                trace.failed = true;
                break;
            }
            Op::FailIfMultiple { .. } => {}
            Op::Repeat { times } if repeated < *times => {
                repeated += 1;
                at = 0;
            }
            Op::Repeat { .. } => {}
            Op::Spin(rounds) => {
                for round in 0..*rounds {
                    std::hint::black_box(round);
                }
            }
        }
    }
    Ok(trace)
}

fn number(accumulator: u64, keys: u16) -> u16 {
    u16::try_from(accumulator % u64::from(keys.max(1))).unwrap()
}

fn read<V>(key: u16, trace: &mut Trace, view: &mut V) -> Result<(), Stop>
where
    V: View<Value = u64, Key: Name>,
{
    trace.see(view.read(&V::Key::of(key))?);
    Ok(())
}

/// A view of one map.
struct Plain<'a, K> {
    state: &'a BTreeMap<K, u64>,
    writes: BTreeMap<K, Option<u64>>,
}

impl<K: Name> View for Plain<'_, K> {
    type Key = K;
    type Value = u64;
    type Delta = Bounded<u64>;

    fn read(&mut self, key: &K) -> Result<Option<u64>, Stop> {
        Ok(self
            .writes
            .get(key)
            .copied()
            .unwrap_or_else(|| self.state.get(key).copied()))
    }

    fn scan(
        &mut self,
        from: Bound<&K>,
        to: Bound<&K>,
        limit: usize,
    ) -> Result<Vec<(K, u64)>, Stop> {
        let mut all: BTreeMap<K, Option<u64>> = self
            .state
            .iter()
            .map(|(key, value)| (key.clone(), Some(*value)))
            .collect();
        all.extend(self.writes.clone());
        let page = all
            .into_iter()
            .filter(|(key, _)| (from, to).contains(key))
            .filter_map(|(key, value)| Some((key, value?)))
            .take(limit);
        Ok(page.collect())
    }

    fn write(&mut self, key: K, value: u64) {
        self.writes.insert(key, Some(value));
    }

    fn delete(&mut self, key: K) {
        self.writes.insert(key, None);
    }

    fn add(&mut self, key: K, delta: Bounded<u64>) -> Result<Result<(), OutOfBounds>, Stop> {
        let before = self.read(&key)?.unwrap_or(0);
        let after = match delta.change {
            Change::Plus(by) => i128::from(before) + i128::from(by),
            Change::Minus(by) => i128::from(before) - i128::from(by),
        };
        if after < i128::from(delta.min) || after > i128::from(delta.max) {
            return Ok(Err(OutOfBounds));
        }
        self.write(key, u64::try_from(after).unwrap());
        Ok(Ok(()))
    }

    fn should_stop(&self) -> bool {
        false
    }
}

/// Runs the programs one after another over one map.
pub(crate) fn oracle<K: Name>(
    base: &BTreeMap<K, u64>,
    block: &[Vec<Op>],
) -> Vec<Committed<K, u64, Trace>> {
    let mut state = base.clone();
    let mut entries = Vec::new();
    for (index, program) in (0..).map(TxIndex::new).zip(block) {
        let mut view = Plain {
            state: &state,
            writes: BTreeMap::new(),
        };
        let output = interpret(index, program, &mut view).unwrap();
        let writes: Vec<_> = view.writes.into_iter().collect();
        for (key, value) in &writes {
            match value {
                Some(value) => state.insert(key.clone(), *value),
                None => state.remove(key),
            };
        }
        entries.push(Committed { output, writes });
    }
    entries
}

/// Every second key of the first `keys`.
pub(crate) fn base<K: Name>(keys: u16) -> BTreeMap<K, u64> {
    (0..keys)
        .step_by(2)
        .map(|key| (K::of(key), u64::from(key) * 1000))
        .collect()
}

/// How the transactions of a random block meet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Contention {
    /// Every transaction has keys of its own.
    None,
    /// Low keys are met far more often than high ones.
    Skewed,
    /// All meet on two keys.
    Total,
}

/// A random block of `length` programs.
pub(crate) fn random_block(seed: u64, length: usize, contention: Contention) -> Vec<Vec<Op>> {
    let mut random = Random::new(seed);
    (0..length)
        .map(|index| random_program(&mut random, index, contention))
        .collect()
}

fn random_program(random: &mut Random, index: usize, contention: Contention) -> Vec<Op> {
    let key = |random: &mut Random| match contention {
        Contention::None => {
            u16::try_from(index * 4 % 60_000).unwrap() + u16::try_from(random.below(4)).unwrap()
        }
        Contention::Skewed => {
            let bound = 1 + random.below(64);
            u16::try_from(random.below(bound)).unwrap()
        }
        Contention::Total => u16::try_from(random.below(2)).unwrap(),
    };
    let wide = !matches!(contention, Contention::None);
    let mut program = Vec::new();
    for _ in 0..1 + random.below(3) {
        program.push(Op::Read(key(random)));
    }
    if random.below(10) < 3 {
        program.push(Op::FailIfMultiple {
            of: 1 + random.below(2),
        });
    }
    for _ in 0..1 + random.below(5) {
        program.push(match random.below(13) {
            0 | 1 => Op::Read(key(random)),
            2 | 3 => Op::Write(key(random)),
            4 if wide => Op::WriteAtAccumulator { keys: 64 },
            5 if wide => Op::ReadAtAccumulator { keys: 64 },
            6 => Op::Delete(key(random)),
            7 => Op::UnlessMultiple { of: 2, skip: 1 },
            8 => Op::Spin(u32::try_from(random.below(2_000)).unwrap()),
            11 if random.below(2) == 0 => {
                let from = key(random);
                Op::Scan {
                    from,
                    to: from + u16::try_from(random.below(20)).unwrap(),
                    limit: usize::try_from(random.below(24)).unwrap(),
                }
            }
            9 | 10 => Op::Add {
                key: key(random),
                delta: random_delta(random),
            },
            _ => Op::Write(key(random)),
        });
    }
    if random.below(20) == 0 {
        program.push(Op::Repeat { times: 20 });
    }
    program
}

/// Small steps between bounds that are often met.
fn random_delta(random: &mut Random) -> Bounded<u64> {
    let by = random.below(6);
    Bounded {
        change: if random.below(2) == 0 {
            Change::Plus(by)
        } else {
            Change::Minus(by)
        },
        min: random.below(2) * 3,
        max: [5, 12, 100_000, u64::MAX][usize::try_from(random.below(4)).unwrap()],
    }
}
