//! The model: what the workers share, and the steps of a worker.

use stateright::{Model, Property};

pub(crate) const TXS: usize = 3;
const WORKERS: usize = 2;
const KEYS: usize = 2;

/// What a transaction does: reads one key, writes a function of what it read under another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    pub(crate) reads: usize,
    pub(crate) writes: usize,
    /// It writes the other key when it has read an odd value.
    pub(crate) wanders: bool,
}

impl Program {
    fn write(self, tx: usize, read: u8) -> (usize, u8) {
        let astray = self.wanders && !read.is_multiple_of(2);
        let key = if astray { 1 - self.writes } else { self.writes };
        (key, read * 2 + u8::try_from(tx).unwrap() + 1)
    }
}

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The committer takes what lies there.
    SkipValidation,
    /// A run is validated when it ends, and not again at the frontier.
    EarlyCommit,
    /// A transaction that is run again leaves its old writes readable.
    SkipEstimate,
    /// A committer that gives the lock back looks at the frontier neither then nor before it sleeps. (Either look is enough
    /// for every run to end.)
    ForgetFrontier,
    /// A worker that found nothing sleeps without looking again.
    SleepAtOnce,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Ready,
    Executing,
    Executed,
    Blocked,
    Committed,
}

/// Which run wrote a value; `None` is the base.
type Origin = Option<(usize, u8)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Entry {
    Value { incarnation: u8, value: u8 },
    Estimate,
}

/// What a run has read, and what it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Record {
    origin: Origin,
    read: u8,
    write: (usize, u8),
    /// Only with [`Fault::EarlyCommit`]: it was valid when it ended.
    early: bool,
}

/// Where a worker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    /// Looks whether the frontier waits.
    Top,
    TryLock,
    /// Has the lock; looks at the frontier and claims its transaction.
    Settle,
    Validate {
        tx: usize,
    },
    /// Lets others run ahead, then runs in place; `old` is the key of a visible write that does not count.
    InPlace {
        tx: usize,
        old: Option<usize>,
    },
    ReadInPlace {
        tx: usize,
        old: Option<usize>,
    },
    WriteInPlace {
        tx: usize,
        old: Option<usize>,
        record: Record,
    },
    Deliver {
        tx: usize,
        record: Record,
    },
    /// Gives the slot on and takes the waiters, then raises the frontier, then wakes them.
    HandOver {
        tx: usize,
    },
    Advance {
        tx: usize,
        waiters: [bool; TXS],
    },
    Wake {
        waiters: [bool; TXS],
    },
    RingForMore,
    StopCommitting,
    Unlock,
    /// Looks for a transaction to run ahead.
    Next,
    Claim {
        tx: usize,
    },
    Read {
        tx: usize,
    },
    Publish {
        tx: usize,
        record: Record,
    },
    Leave {
        tx: usize,
        record: Record,
    },
    WaitFor {
        tx: usize,
        writer: usize,
    },
    CountAsleep,
    LookAgain,
    Asleep,
    RingForNext,
    Done,
}

/// All that there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    phase: [Phase; TXS],
    incarnation: [u8; TXS],
    memory: [[Option<Entry>; TXS]; KEYS],
    records: [Option<Record>; TXS],
    waiters: [[bool; TXS]; TXS],
    requeued: [bool; TXS],
    frontier: usize,
    cursor: usize,
    locked: bool,
    committing: bool,
    over: bool,
    unrung: [bool; WORKERS],
    rung: [bool; WORKERS],
    workers: [At; WORKERS],
    committed: Vec<(usize, u8)>,
    /// Someone read a write of a run that had failed its validation.
    read_a_failed_write: bool,
    /// The key under which a failed write is visible or estimated, while its transaction is run again.
    failed: Option<(usize, usize)>,
}

/// The protocol over one block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Protocol {
    pub(crate) programs: [Program; TXS],
    pub(crate) fault: Option<Fault>,
}

/// The action of a worker: its next step.
type Step = usize;

impl Protocol {
    pub(crate) const SEQUENTIAL: &'static str = "what is committed is sequential";
    pub(crate) const ESTIMATED: &'static str = "no write of a failed run is read";
    pub(crate) const ENDS: &'static str = "every run ends with the whole block";

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// What transactions one after another write.
    fn sequential(&self) -> Vec<(usize, u8)> {
        let mut state = [0; KEYS];
        let in_order = self.programs.iter().enumerate().map(|(tx, program)| {
            let (key, value) = program.write(tx, state[program.reads]);
            state[key] = value;
            (key, value)
        });
        in_order.collect()
    }

    /// What `tx` finds: a value, or the lower transaction that is about to write it.
    fn read(&self, state: &mut State, tx: usize) -> Result<Record, usize> {
        let program = self.programs[tx];
        let below = (0..tx)
            .rev()
            .find_map(|writer| state.memory[program.reads][writer].map(|entry| (writer, entry)));
        let (origin, read) = match below {
            Some((writer, Entry::Estimate)) => return Err(writer),
            Some((writer, Entry::Value { incarnation, value })) => {
                state.read_a_failed_write |= state.failed == Some((writer, program.reads));
                (Some((writer, incarnation)), value)
            }
            None => (None, 0),
        };
        Ok(Record {
            origin,
            read,
            write: program.write(tx, read),
            early: false,
        })
    }

    /// By version, then by value.
    fn holds(&self, state: &State, tx: usize, record: &Record) -> bool {
        match self.read(&mut state.clone(), tx) {
            Ok(now) => now.origin == record.origin || now.read == record.read,
            Err(_) => false,
        }
    }

    fn settle(&self, state: &mut State) -> At {
        let tx = state.frontier;
        if state.over || state.phase[tx] == Phase::Executing {
            return At::StopCommitting;
        }
        let seen = state.phase[tx];
        state.phase[tx] = Phase::Executing;
        if seen == Phase::Executed {
            At::Validate { tx }
        } else {
            At::InPlace { tx, old: None }
        }
    }

    fn validate(&self, state: &mut State, tx: usize) -> At {
        let Some(record) = state.records[tx].take() else {
            return At::InPlace { tx, old: None };
        };
        if self.has(Fault::SkipValidation) || record.early || self.holds(state, tx, &record) {
            return At::Deliver { tx, record };
        }
        state.incarnation[tx] += 1;
        let key = record.write.0;
        if !self.has(Fault::SkipEstimate) {
            state.memory[key][tx] = Some(Entry::Estimate);
        }
        state.failed = Some((tx, key));
        At::InPlace { tx, old: Some(key) }
    }

    fn write(state: &mut State, tx: usize, (key, value): (usize, u8)) {
        let incarnation = state.incarnation[tx];
        state.memory[key][tx] = Some(Entry::Value { incarnation, value });
    }

    /// The next step of a worker that commits.
    fn commit_step(&self, state: &mut State, at: At, worker: usize) -> At {
        match at {
            At::TryLock if state.locked => At::Next,
            At::TryLock => {
                state.locked = true;
                state.committing = true;
                At::Settle
            }
            At::Settle => self.settle(state),
            At::Validate { tx } => self.validate(state, tx),
            At::InPlace { tx, old } => {
                state.ring(worker, state.is_open());
                At::ReadInPlace { tx, old }
            }
            At::ReadInPlace { tx, old } => match self.read(state, tx) {
                Ok(record) => At::WriteInPlace { tx, old, record },
                Err(_) => unreachable!("final state is final"),
            },
            At::WriteInPlace { tx, old, record } => {
                if let Some(key) = old.filter(|key| *key != record.write.0) {
                    state.memory[key][tx] = None;
                }
                Self::write(state, tx, record.write);
                state.failed = None;
                At::Deliver { tx, record }
            }
            At::StopCommitting => {
                state.committing = false;
                At::Unlock
            }
            At::Unlock => {
                state.locked = false;
                if self.has(Fault::ForgetFrontier) {
                    At::Next
                } else {
                    At::Top
                }
            }
            other => self.deliver_step(state, other, worker),
        }
    }

    /// The next step of a committer that delivers.
    fn deliver_step(&self, state: &mut State, at: At, worker: usize) -> At {
        match at {
            At::Deliver { tx, record } => {
                state.committed.push(record.write);
                At::HandOver { tx }
            }
            At::HandOver { tx } => {
                state.phase[tx] = Phase::Committed;
                let waiters = std::mem::take(&mut state.waiters[tx]);
                At::Advance { tx, waiters }
            }
            At::Advance { tx, waiters } => {
                state.frontier = tx + 1;
                state.over = state.frontier == TXS;
                if state.over {
                    for worker in 0..WORKERS {
                        state.rung[worker] |= std::mem::take(&mut state.unrung[worker]);
                    }
                }
                At::Wake { waiters }
            }
            At::Wake { waiters } => {
                for (tx, waits) in waiters.into_iter().enumerate() {
                    if waits && state.phase[tx] == Phase::Blocked {
                        state.phase[tx] = Phase::Ready;
                        state.requeued[tx] = true;
                    }
                }
                At::RingForMore
            }
            At::RingForMore => {
                state.ring(worker, state.is_open() || state.requeued.contains(&true));
                At::Settle
            }
            other => self.ahead_step(state, other, worker),
        }
    }

    /// The next step of a worker that runs ahead or rests.
    fn ahead_step(&self, state: &mut State, at: At, worker: usize) -> At {
        match at {
            At::Next => match state.take() {
                Some(tx) => At::Claim { tx },
                None => At::CountAsleep,
            },
            At::Claim { tx } if state.phase[tx] == Phase::Ready => {
                state.phase[tx] = Phase::Executing;
                At::Read { tx }
            }
            At::Claim { .. } => At::Next,
            At::Read { tx } => match self.read(state, tx) {
                Ok(record) => At::Publish { tx, record },
                Err(writer) => At::WaitFor { tx, writer },
            },
            At::Publish { tx, mut record } => {
                Self::write(state, tx, record.write);
                record.early = self.has(Fault::EarlyCommit) && self.holds(state, tx, &record);
                At::Leave { tx, record }
            }
            At::Leave { tx, record } => {
                state.records[tx] = Some(record);
                state.phase[tx] = Phase::Executed;
                At::Top
            }
            At::WaitFor { tx, writer } => {
                state.incarnation[tx] += 1;
                if state.phase[writer] == Phase::Executing {
                    state.waiters[writer][tx] = true;
                    state.phase[tx] = Phase::Blocked;
                } else {
                    state.phase[tx] = Phase::Ready;
                    state.requeued[tx] = true;
                }
                At::Top
            }
            At::CountAsleep => {
                state.unrung[worker] = true;
                if self.has(Fault::SleepAtOnce) {
                    At::Asleep
                } else {
                    At::LookAgain
                }
            }
            At::LookAgain if state.has_work(!self.has(Fault::ForgetFrontier)) => {
                state.unrung[worker] = false;
                state.rung[worker] = false;
                At::RingForNext
            }
            At::LookAgain => At::Asleep,
            At::Asleep => {
                state.rung[worker] = false;
                At::RingForNext
            }
            At::RingForNext => {
                state.ring(worker, state.is_open() || state.requeued.contains(&true));
                At::Top
            }
            At::Top if state.over => At::Done,
            At::Top if state.frontier_waits() => At::TryLock,
            _ => At::Next,
        }
    }
}

impl State {
    fn frontier_waits(&self) -> bool {
        self.frontier < TXS && self.phase[self.frontier] != Phase::Executing
    }

    fn is_open(&self) -> bool {
        self.cursor.max(self.frontier + 1) < TXS
    }

    fn has_work(&self, with_frontier: bool) -> bool {
        self.over
            || with_frontier && !self.committing && self.frontier_waits()
            || self.is_open()
            || self.requeued.contains(&true)
    }

    /// The lowest requeued transaction, else the next one behind the cursor.
    fn take(&mut self) -> Option<usize> {
        if let Some(tx) = self.requeued.iter().position(|requeued| *requeued) {
            self.requeued[tx] = false;
            return Some(tx);
        }
        self.cursor = self.cursor.max(self.frontier + 1);
        (self.cursor < TXS).then(|| {
            self.cursor += 1;
            self.cursor - 1
        })
    }

    /// Wakes one sleeper if there is work.
    fn ring(&mut self, ringer: usize, work: bool) {
        let sleeper = (0..WORKERS).find(|worker| *worker != ringer && self.unrung[*worker]);
        if let Some(sleeper) = sleeper.filter(|_| work) {
            self.unrung[sleeper] = false;
            self.rung[sleeper] = true;
        }
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            phase: [Phase::Ready; TXS],
            incarnation: [0; TXS],
            memory: [[None; TXS]; KEYS],
            records: [None; TXS],
            waiters: [[false; TXS]; TXS],
            requeued: [false; TXS],
            frontier: 0,
            cursor: 0,
            locked: false,
            committing: false,
            over: false,
            unrung: [false; WORKERS],
            rung: [false; WORKERS],
            workers: [At::Top; WORKERS],
            committed: Vec::new(),
            read_a_failed_write: false,
            failed: None,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        steps.extend((0..WORKERS).filter(|worker| match state.workers[*worker] {
            At::Done => false,
            At::Asleep => state.rung[*worker],
            _ => true,
        }));
    }

    fn next_state(&self, last: &State, worker: Step) -> Option<State> {
        let mut state = last.clone();
        let at = state.workers[worker];
        state.workers[worker] = self.commit_step(&mut state, at, worker);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(Self::SEQUENTIAL, |protocol: &Self, state: &State| {
                protocol.sequential().starts_with(&state.committed)
            }),
            Property::always(Self::ESTIMATED, |_, state: &State| {
                !state.read_a_failed_write
            }),
            Property::eventually(Self::ENDS, |_, state: &State| {
                state.committed.len() == TXS && state.workers == [At::Done; WORKERS]
            }),
        ]
    }
}
