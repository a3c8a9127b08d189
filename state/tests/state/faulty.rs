//! A storage in memory with a witness, whose writes fail when they are told to, before or after they have happened.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use ordlane_state::{
    BlockMark, MemoryStorage, Space, StateError, Storage, StorageView, Visit, Witness, WriteBatch,
};

/// When a storage fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// How many writes go well before.
    pub(crate) after: i64,
    /// Whether the one that fails has happened nevertheless.
    pub(crate) happens: bool,
}

impl Fault {
    /// Each of the first writes, in both ways.
    pub(crate) fn each(writes: i64) -> impl Iterator<Item = Self> {
        (0..writes).flat_map(|after| [false, true].map(move |happens| Self { after, happens }))
    }
}

/// Fails once, and from then on until it is repaired, as a process that was killed does.
#[derive(Debug)]
pub(crate) struct Faulty {
    below: MemoryStorage,
    witness: Mutex<Witness>,
    left: AtomicI64,
    happens: AtomicBool,
}

impl Default for Faulty {
    fn default() -> Self {
        Self {
            below: MemoryStorage::new(),
            witness: Mutex::new(Witness::Certain(None)),
            left: AtomicI64::new(i64::MAX),
            happens: AtomicBool::new(false),
        }
    }
}

impl Faulty {
    pub(crate) fn set(&self, fault: Fault) {
        self.left.store(fault.after, Ordering::SeqCst);
        self.happens.store(fault.happens, Ordering::SeqCst);
    }

    /// Whether it has failed; from here on it does not.
    pub(crate) fn repair(&self) -> bool {
        self.left.swap(i64::MAX, Ordering::SeqCst) < 0
    }

    pub(crate) fn set_witness(&self, witness: Witness) {
        *self.witness.lock().unwrap() = witness;
    }

    fn act(&self, act: impl FnOnce() -> Result<(), StateError>) -> Result<(), StateError> {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        if left > 0 {
            return act();
        }
        if left == 0 && self.happens.load(Ordering::SeqCst) {
            act()?;
        }
        Err(StateError::Io {
            action: "write",
            source: std::io::Error::other("pulled the plug").into(),
        })
    }
}

impl Storage for Faulty {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.below.get(space, key)
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        self.below.scan(space, from, visit)
    }

    fn view(&self) -> Result<Box<dyn StorageView>, StateError> {
        self.below.view()
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StateError> {
        self.act(|| self.below.write(batch))
    }

    fn witness(&self) -> Result<Witness, StateError> {
        Ok(*self.witness.lock().unwrap())
    }

    fn begin_rollback(&self, from: &BlockMark, to: &BlockMark) -> Result<(), StateError> {
        let (from, to) = (*from, *to);
        self.act(|| {
            self.set_witness(Witness::RollingBack { from, to });
            Ok(())
        })
    }

    fn attest(&self, tip: &BlockMark) -> Result<(), StateError> {
        self.act(|| {
            self.set_witness(Witness::Certain(Some(*tip)));
            Ok(())
        })
    }
}
