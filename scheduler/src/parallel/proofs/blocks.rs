//! Small blocks that meet in every way, and how they are run and judged.
//!
//! A value knows which run of which transaction wrote it, and two values are equal whoever wrote them. So beside the
//! result, which must be that of the sequential mode, the Vm sees whether it was given what an abandoned run had written.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "these are tests, of small numbers"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};

use crate::sync::yield_now;
use crate::{
    Base, Config, Delta, Executor, Flow, Mode, Options, OutOfBounds, ScanResult, Stop, TxIndex,
    View, Vm,
};

/// A value, and the run that wrote it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    number: u64,
    /// The transaction and which of its runs; none for what the base or several transactions gave.
    by: Option<(u32, u32)>,
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Value {}

/// Adds within a bound; subtracts if `down`.
#[derive(Clone, Copy, Debug)]
pub(super) struct By {
    pub(super) by: u64,
    pub(super) down: bool,
    pub(super) most: u64,
}

impl Delta<Value> for By {
    fn apply(&self, value: Option<&Value>) -> Result<Option<Value>, OutOfBounds> {
        let number = value.map_or(0, |value| value.number);
        let next = if self.down {
            number.checked_sub(self.by)
        } else {
            number.checked_add(self.by)
        };
        match next {
            Some(number) if number <= self.most => Ok(Some(Value { number, by: None })),
            _ => Err(OutOfBounds),
        }
    }
}

/// One step of a transaction. The accumulator starts as the transaction's index.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// Reads a key into the accumulator.
    Read(u16),
    /// Reads the key, of so many, that the accumulator names.
    ReadSomewhere(u16),
    /// Writes the accumulator.
    Write(u16),
    /// Writes under the key, of so many, that the accumulator names: another incarnation writes elsewhere.
    WriteSomewhere(u16),
    /// Deletes a key.
    Delete(u16),
    /// Adds to a key and takes the outcome into the accumulator.
    Add(u16, By),
    /// Reads a page of so many entries into the accumulator.
    Scan { from: u16, to: u16, limit: usize },
    /// Panics if the accumulator is odd.
    PanicIfOdd,
    /// Reports a failure of the system if the accumulator is odd.
    FatalIfOdd,
    /// Reads two keys and never ends by itself unless they are equal.
    LoopUnlessEqual(u16, u16),
    /// Ends the transaction unless the accumulator is a multiple.
    UnlessMultiple(u64),
}

/// The steps of a transaction.
pub(super) type Program = Vec<Op>;

/// The Vm, with what it must never see.
#[derive(Debug)]
pub(super) struct Machine {
    hints: bool,
    /// How many runs of each transaction have begun.
    begun: Mutex<Vec<u32>>,
    /// What no run may see, if one did.
    seen: Mutex<Option<String>>,
}

impl Machine {
    fn new(txs: usize, hints: bool) -> Self {
        Self {
            hints,
            begun: Mutex::new(vec![0; txs]),
            seen: Mutex::new(None),
        }
    }

    fn begin(&self, index: TxIndex) -> u32 {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun[index.as_usize()] += 1;
        begun[index.as_usize()]
    }

    fn begun(&self) -> Vec<u32> {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.clone()
    }

    /// What an earlier run wrote is hidden before the next run of its transaction begins.
    fn check(&self, reader: TxIndex, begun_before: &[u32], value: Option<Value>) {
        if let Some((writer, run)) = value.and_then(|value| value.by)
            && (begun_before[writer as usize] > run || writer >= reader.get())
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.get_or_insert_with(|| format!("{reader:?} saw run {run} of {writer}"));
        }
    }
}

impl Vm for Machine {
    type Key = u16;
    type Value = Value;
    type Delta = By;
    type Tx = Program;
    type Output = Vec<u64>;
    type Worker = ();

    fn worker(&self) {}

    fn hints(&self, _: TxIndex, tx: &Program, keys: &mut Vec<u16>) {
        if self.hints {
            keys.extend(tx.iter().filter_map(|op| match op {
                Op::Read(key) => Some(*key),
                _ => None,
            }));
        }
    }

    fn execute<V>(
        &self,
        (): &mut (),
        index: TxIndex,
        tx: &Program,
        view: &mut V,
    ) -> Result<Vec<u64>, Stop>
    where
        V: View<Key = u16, Value = Value, Delta = By>,
    {
        let by = Some((index.get(), self.begin(index)));
        let mut touched = BTreeSet::new();
        let mut output = Vec::new();
        let mut accumulator = u64::from(index.get());
        let see = |accumulator: u64, number: u64| (accumulator * 31 + number) % 1_000;
        for op in tx {
            match *op {
                Op::Read(_) | Op::ReadSomewhere(_) => {
                    let key = match *op {
                        Op::ReadSomewhere(keys) => (accumulator % u64::from(keys)) as u16,
                        Op::Read(key) => key,
                        _ => 0,
                    };
                    let begun = self.begun();
                    let value = view.read(&key)?;
                    if touched.insert(key) {
                        self.check(index, &begun, value);
                    }
                    accumulator = see(accumulator, value.map_or(3, |value| value.number));
                    output.push(accumulator);
                }
                Op::Write(key) => {
                    touched.insert(key);
                    let number = accumulator;
                    view.write(key, Value { number, by });
                }
                Op::WriteSomewhere(keys) => {
                    let key = (accumulator % u64::from(keys)) as u16;
                    touched.insert(key);
                    let number = accumulator;
                    view.write(key, Value { number, by });
                }
                Op::Delete(key) => {
                    touched.insert(key);
                    view.delete(key);
                }
                Op::Add(key, delta) => {
                    touched.insert(key);
                    let fits = view.add(key, delta)?.is_ok();
                    accumulator = see(accumulator, u64::from(fits));
                    output.push(accumulator);
                }
                Op::Scan { from, to, limit } => {
                    let (from, to) = (Bound::Included(&from), Bound::Excluded(&to));
                    for (key, value) in view.scan(from, to, limit)? {
                        touched.insert(key);
                        accumulator = see(accumulator, u64::from(key) + value.number);
                    }
                    output.push(accumulator);
                }
                // Without the hook that would print every one of them.
                Op::PanicIfOdd if accumulator % 2 == 1 => resume_unwind(Box::new("odd")),
                Op::FatalIfOdd if accumulator % 2 == 1 => return Err(Stop::fatal("odd")),
                Op::PanicIfOdd | Op::FatalIfOdd => {}
                Op::LoopUnlessEqual(one, other) => {
                    let equal = view.read(&one)? == view.read(&other)?;
                    touched.extend([one, other]);
                    if !equal {
                        while !view.should_stop() {
                            yield_now();
                        }
                        return Err(Stop::requested());
                    }
                }
                Op::UnlessMultiple(of) if accumulator.is_multiple_of(of) => {}
                Op::UnlessMultiple(_) => break,
            }
        }
        Ok(output)
    }
}

/// The state below the block, which cannot give one of its keys.
struct Ground(BTreeMap<u16, Value>);

/// The key that the base cannot give.
const LOST: u16 = 8;

#[derive(Debug, thiserror::Error)]
#[error("it is lost")]
struct Lost;

impl Base for Ground {
    type Key = u16;
    type Value = Value;
    type Error = Lost;

    fn read(&self, key: &u16) -> Result<Option<Value>, Lost> {
        if *key == LOST {
            return Err(Lost);
        }
        Ok(self.0.get(key).copied())
    }

    fn scan(
        &self,
        from: Bound<&u16>,
        to: Bound<&u16>,
        limit: usize,
    ) -> ScanResult<u16, Value, Lost> {
        let entries = self.0.range((from, to)).take(limit);
        Ok(entries.map(|(key, value)| (*key, *value)).collect())
    }
}

/// What the sink was given about one transaction.
pub(super) type Entry = (Vec<u64>, Vec<(u16, Option<Value>)>);

/// All that a run gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) entries: Vec<Entry>,
    /// How many stand and were skipped, and whether the block was cut; or the error.
    pub(super) said: Result<(usize, usize, bool), String>,
}

/// How a block is run.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    pub(super) programs: Vec<Program>,
    pub(super) hints: bool,
    /// What the sink answers, where it is not to go on.
    pub(super) flows: BTreeMap<u32, Flow>,
    /// Where the sink panics.
    pub(super) breaks_at: Option<u32>,
    /// A thread puts the transactions in one after another.
    pub(super) fed: bool,
}

impl Block {
    pub(super) fn of(programs: impl Into<Vec<Program>>) -> Self {
        Self {
            programs: programs.into(),
            ..Self::default()
        }
    }

    /// Runs it one after another.
    pub(super) fn in_order(&self) -> Given {
        let config = Config {
            threads: 1,
            mode: Mode::Sequential,
            window: 1,
        };
        let whole = Self {
            fed: false,
            ..self.clone()
        };
        whole.run(config, Options::default())
    }

    /// Runs it on so many workers.
    pub(super) fn in_parallel(
        &self,
        threads: usize,
        window: usize,
        options: Options<'_, Machine>,
    ) -> Given {
        let config = Config {
            threads,
            mode: Mode::Parallel,
            window,
        };
        self.run(config, options)
    }

    fn run(&self, config: Config, options: Options<'_, Machine>) -> Given {
        let executor = Executor::new(config).unwrap();
        let machine = Machine::new(self.programs.len(), self.hints);
        let seven = Value {
            number: 7,
            by: None,
        };
        let base = Ground([0, 2, 4].map(|key| (key, seven)).into());
        let mut entries = Vec::new();
        let mut sink = |index: TxIndex, output: Vec<u64>, writes: &[(u16, Option<Value>)]| {
            assert_eq!(index.as_usize(), entries.len(), "in order, each once");
            assert!(writes.is_sorted_by(|left, right| left.0 < right.0));
            entries.push((output, writes.to_vec()));
            if self.breaks_at == Some(index.get()) {
                resume_unwind(Box::new("the sink broke"));
            }
            let flow = self.flows.get(&index.get()).copied();
            flow.unwrap_or(Flow::Continue)
        };
        let run = || {
            if !self.fed {
                return executor.run_with(&machine, &base, &self.programs, &mut sink, options);
            }
            let (mut feeder, feed) = crate::feed(self.programs.len());
            let programs = self.programs.clone();
            let feeding = shuttle::thread::spawn(move || {
                // Those that come after the end of the run are not taken.
                programs
                    .into_iter()
                    .all(|program| feeder.push(program).is_ok())
            });
            let said = executor.run_feed(&machine, &base, feed, &mut sink, options);
            feeding.join().unwrap();
            said
        };
        let said = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(summary)) => Ok((summary.committed, summary.skipped, summary.cut)),
            Ok(Err(error)) => Err(format!("{error:?}")),
            Err(payload) if payload.is::<&'static str>() => Err("a panic of the sink".to_owned()),
            Err(payload) => resume_unwind(payload),
        };
        let seen = machine.seen.into_inner();
        assert_eq!(seen.unwrap_or_else(PoisonError::into_inner), None);
        Given { entries, said }
    }
}

/// A block of so many transactions over a few keys; the same for the same seed.
pub(super) fn any_block(seed: u64, txs: usize) -> Block {
    const KEYS: u16 = 4;
    let mut random = Random::new(seed);
    let mut key = move || random.below(u64::from(KEYS)) as u16;
    let mut random = Random::new(seed ^ 0x5555);
    let mut programs = Vec::new();
    for _ in 0..txs {
        let mut program = Vec::new();
        for _ in 0..=random.below(3) {
            let first = key();
            match random.below(12) {
                0..=3 => program.extend([Op::Read(first), Op::Write(first)]),
                4 if random.below(2) == 0 => {
                    program.extend([Op::Read(first), Op::ReadSomewhere(LOST + 1)]);
                }
                4 => program.extend([Op::Read(first), Op::WriteSomewhere(KEYS)]),
                5 => program.extend([Op::Read(first), Op::Write(key())]),
                6 => program.push(Op::Delete(first)),
                7 | 8 => program.push(Op::Add(
                    first,
                    By {
                        by: 5,
                        down: random.below(3) == 0,
                        most: 20,
                    },
                )),
                9 => program.push(Op::Scan {
                    from: first,
                    to: KEYS + 1,
                    limit: 1 + random.below(3) as usize,
                }),
                10 => program.extend([Op::Read(first), Op::UnlessMultiple(2)]),
                _ => program.extend([
                    Op::Read(first),
                    Op::UnlessMultiple(3),
                    if random.below(2) == 0 {
                        Op::PanicIfOdd
                    } else {
                        Op::FatalIfOdd
                    },
                ]),
            }
        }
        programs.push(program);
    }
    let mut block = Block::of(programs);
    block.hints = random.below(4) == 0;
    block.fed = random.below(4) == 0;
    if random.below(16) == 0 {
        block.breaks_at = Some(random.below(txs as u64) as u32);
    }
    if random.below(4) == 0 {
        let flow = match random.below(3) {
            0 => Flow::CutAfter,
            1 => Flow::CutBefore,
            _ => Flow::Skip,
        };
        block.flows.insert(random.below(txs as u64) as u32, flow);
    }
    block
}

/// xorshift64: the same numbers for the same seed.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) % bound
    }
}
