//! Runs a block in every way, and guards against hangs.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Bound;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use ordlane_scheduler::{
    Base, Config, Executor, Flow, Mode, RunError, ScanError, Sink, Summary, TxIndex, Vm,
};

#[cfg(feature = "rayon")]
/// The thread counts that every behaviour is shown at.
pub(crate) const THREADS: [usize; 4] = [1, 2, 3, 8];

/// What a sink was given about one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committed<K, V, O> {
    pub(crate) output: O,
    pub(crate) writes: Vec<(K, Option<V>)>,
}

/// Keeps everything, checks the order, and answers as it was told to.
#[derive(Debug)]
pub(crate) struct Ledger<K, V, O> {
    pub(crate) entries: Vec<Committed<K, V, O>>,
    pub(crate) flows: BTreeMap<u32, Flow>,
}

impl<K, V, O> Ledger<K, V, O> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            flows: BTreeMap::new(),
        }
    }
}

impl<K: Clone + Ord + Debug + Send, V: Clone + Send, O: Send> Sink<K, V, O> for Ledger<K, V, O> {
    fn commit(&mut self, index: TxIndex, output: O, writes: &[(K, Option<V>)]) -> Flow {
        assert_eq!(
            index.as_usize(),
            self.entries.len(),
            "outputs come in order, each once"
        );
        assert!(
            writes.is_sorted_by(|left, right| left.0 < right.0),
            "writes are sorted: no key twice"
        );
        self.entries.push(Committed {
            output,
            writes: writes.to_vec(),
        });
        self.flows
            .get(&index.get())
            .copied()
            .unwrap_or(Flow::Continue)
    }
}

#[cfg(feature = "rayon")]
pub(crate) fn parallel(threads: usize) -> Executor {
    Executor::new(Config {
        threads,
        mode: Mode::Parallel,
        ..Config::default()
    })
    .unwrap()
}

pub(crate) fn sequential() -> Executor {
    Executor::new(Config {
        threads: 1,
        mode: Mode::Sequential,
        ..Config::default()
    })
    .unwrap()
}

/// An executor for every way of running: sequential first, then parallel at every thread count and several windows.
pub(crate) fn every_way() -> Vec<(String, Executor)> {
    #[cfg_attr(
        not(feature = "rayon"),
        expect(unused_mut, reason = "there is no other way")
    )]
    let mut ways = vec![("sequential".to_owned(), sequential())];
    #[cfg(feature = "rayon")]
    for threads in THREADS {
        for window in [1, 16] {
            let config = Config {
                threads,
                mode: Mode::Parallel,
                window,
            };
            ways.push((
                format!("{threads} threads, window {window}"),
                Executor::new(config).unwrap(),
            ));
        }
    }
    ways
}

/// Sequential first, then parallel with 1, 2, 4 and 8 threads.
#[cfg(feature = "rayon")]
pub(crate) fn by_threads() -> Vec<(usize, Executor)> {
    let mut ways = vec![(0, sequential())];
    ways.extend([1, 2, 4, 8].map(|threads| (threads, parallel(threads))));
    ways
}

/// What a sink was given about a block.
pub(crate) type Entries<M> = Vec<Committed<<M as Vm>::Key, <M as Vm>::Value, <M as Vm>::Output>>;
/// What a run said.
pub(crate) type Said<B> = Result<Summary, RunError<<B as Base>::Error>>;

/// Runs a block with a ledger that keeps everything.
pub(crate) fn run<M, B>(
    executor: &Executor,
    vm: &M,
    base: &B,
    txs: &[M::Tx],
) -> (Entries<M>, Said<B>)
where
    M: Vm,
    B: Base<Key = M::Key, Value = M::Value>,
{
    let mut ledger = Ledger::new();
    let said = executor.run(vm, base, txs, &mut ledger);
    (ledger.entries, said)
}

/// Ends the test process with a message if the test does not end by itself.
#[derive(Debug)]
pub(crate) struct Watchdog {
    /// Dropped at the end of the test.
    _alive: Sender<()>,
}

impl Watchdog {
    pub(crate) fn new(test: &'static str) -> Self {
        let (alive, gone) = channel::<()>();
        thread::spawn(move || {
            if gone.recv_timeout(Duration::from_secs(240)) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{test} hangs");
                std::process::abort();
            }
        });
        Self { _alive: alive }
    }
}

/// xorshift64: the same numbers for the same seed.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) % bound.max(1)
    }
}

/// A base that can give nothing.
#[derive(Debug)]
pub(crate) struct Broken;

/// What [`Broken`] says.
#[derive(Debug, thiserror::Error)]
#[error("broken")]
pub(crate) struct BrokenError;

impl Base for Broken {
    type Key = u16;
    type Value = u64;
    type Error = BrokenError;

    fn read(&self, _: &u16) -> Result<Option<u64>, BrokenError> {
        Err(BrokenError)
    }

    fn scan(
        &self,
        _: Bound<&u16>,
        _: Bound<&u16>,
        _: usize,
    ) -> Result<Vec<(u16, u64)>, ScanError<BrokenError>> {
        Err(ScanError::Base(BrokenError))
    }
}
