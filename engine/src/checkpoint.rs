//! Checkpoints: a snapshot of every so many blocks, made in the background.
//!
//! A checkpoint is a snapshot, so whatever restores one restores the other. It has the header of its block and of the
//! genesis block, the whole state, the block with its receipts, and the chain's parameters with the proof that they are in
//! the state; scores and providers stand in the header. Before one is written, its values are compared with the state
//! root. Checkpoints are files beside the store and not entries in it: they are to be there when it is not, and to be
//! copied elsewhere.
//!
//! Invariants: a commit takes hold of the state and waits for nothing more; a file has its name only when it is whole and
//! durable; a failure is logged and never stops the chain. Source: seed 001, 9.3 and 9.4.

use std::{
    collections::BTreeMap,
    fs, io,
    num::{NonZeroU64, NonZeroUsize},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
};

use ordlane_primitives::{BlockHeight, batch::Sequential};
use ordlane_state::{
    StateStore,
    snapshot::{DEFAULT_CHUNK_BYTES, Manifest, PARTIAL_SUFFIX, Snapshot, SnapshotError},
};

use crate::{Engine, SystemError, meters};

/// What the name of a checkpoint ends with; its height stands before that.
const SUFFIX: &str = ".snapshot";
/// How many checkpoints may wait or be written at once; when there are more, one is left out.
const MAX_PENDING: usize = 2;

/// Which checkpoints are made, and where.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) folder: PathBuf,
    pub(crate) interval: NonZeroU64,
    pub(crate) keep: NonZeroUsize,
}

/// The checkpoints of one engine, and the thread that writes them.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    settings: Settings,
    shared: Arc<Shared>,
    thread: Option<(Sender<Job>, JoinHandle<()>)>,
}

#[derive(Debug, Default)]
struct Shared {
    pending: AtomicUsize,
    stopped: AtomicBool,
}

#[derive(Debug)]
enum Job {
    Write(Box<Snapshot>),
    /// Remove those above a height, whose blocks were undone.
    Forget(BlockHeight),
}

impl Engine {
    /// The checkpoints that are there, each block's height with its file, ascending; none where none are made.
    ///
    /// # Errors
    /// When their folder cannot be read.
    pub fn checkpoints(&self) -> io::Result<Vec<(BlockHeight, PathBuf)>> {
        let Some(checkpoints) = &self.chain.checkpoints else {
            return Ok(Vec::new());
        };
        let found = files_in(&checkpoints.settings.folder)?;
        Ok(found.into_iter().collect())
    }

    /// The durable state, to be written as a snapshot while the chain goes on.
    ///
    /// # Errors
    /// [`SnapshotError::Store`] when the store cannot be read, or its storage cannot hold a state.
    pub fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        self.store.snapshot()
    }
}

impl Checkpoints {
    pub(crate) fn start(settings: Settings) -> Result<Self, SystemError> {
        let shared = Arc::new(Shared::default());
        let (sender, receiver) = channel();
        let folder = settings.folder.clone();
        let writer = Writer {
            folder,
            keep: settings.keep,
            shared: Arc::clone(&shared),
        };
        let thread = thread::Builder::new()
            .name("ordlane-checkpoints".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(|error| SystemError::Threads(error.into()))?;
        Ok(Self {
            settings,
            shared,
            thread: Some((sender, thread)),
        })
    }

    /// A block is durable: its state is taken hold of, if there is to be a checkpoint of it.
    pub(crate) fn committed(&self, store: &StateStore, height: BlockHeight) {
        let is_due = height.0.is_multiple_of(self.settings.interval.get());
        if !is_due || height == BlockHeight::GENESIS {
            return;
        }
        // Only this counts up, and one commit runs at a time; the counter guards no other memory.
        if self.shared.pending.load(Ordering::Relaxed) >= MAX_PENDING {
            meters::checkpoint_skipped();
            tracing::warn!(%height, "no checkpoint is made: earlier ones are still being written");
            return;
        }
        match store.snapshot() {
            Ok(snapshot) => {
                self.shared.pending.fetch_add(1, Ordering::Relaxed);
                self.send(Job::Write(Box::new(snapshot)));
            }
            Err(error) => failed(height, &error),
        }
    }

    /// All blocks above a height were undone.
    pub(crate) fn undone(&self, height: BlockHeight) {
        self.send(Job::Forget(height));
    }

    fn send(&self, job: Job) {
        if let Some((sender, _)) = &self.thread
            && sender.send(job).is_err()
        {
            tracing::error!("the thread that writes checkpoints has ended");
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        // The thread looks at this between two chunks; no other memory hangs on it.
        self.shared.stopped.store(true, Ordering::Relaxed);
        if let Some((sender, thread)) = self.thread.take() {
            drop(sender);
            // A panic of the thread was told by its own message.
            let _ = thread.join();
        }
    }
}

/// What the thread has.
struct Writer {
    folder: PathBuf,
    keep: NonZeroUsize,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(&self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            match job {
                Job::Write(snapshot) => {
                    if !self.is_stopped() {
                        self.write(&snapshot);
                    }
                    drop(snapshot);
                    self.shared.pending.fetch_sub(1, Ordering::Relaxed);
                }
                Job::Forget(height) => self.tidy(Some(height)),
            }
        }
    }

    fn write(&self, snapshot: &Snapshot) {
        let height = snapshot.mark().height;
        match self.try_write(snapshot, height) {
            Ok(manifest) => {
                meters::checkpoint_written();
                tracing::info!(%height, id = %manifest.id(), "a checkpoint was written");
                self.tidy(None);
            }
            Err(SnapshotError::Cancelled) => {
                tracing::info!(%height, "a checkpoint was given up, since the engine ends");
            }
            Err(error) => failed(height, &error),
        }
    }

    fn try_write(
        &self,
        snapshot: &Snapshot,
        height: BlockHeight,
    ) -> Result<Manifest, SnapshotError> {
        fs::create_dir_all(&self.folder).map_err(SnapshotError::Write)?;
        let path = self.folder.join(format!("{height}{SUFFIX}"));
        // One thread hashes: those of the engine have blocks to execute.
        snapshot.write_file(&path, &Sequential, DEFAULT_CHUNK_BYTES, &mut |_| {
            if self.is_stopped() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
    }

    fn is_stopped(&self) -> bool {
        self.shared.stopped.load(Ordering::Relaxed)
    }

    /// Removes what is not to be kept: checkpoints above a height or too many of them, and files that were left unfinished.
    fn tidy(&self, highest: Option<BlockHeight>) {
        if let Err(error) = self.try_tidy(highest) {
            tracing::error!(folder = %self.folder.display(), %error, "old checkpoints stay");
        }
    }

    fn try_tidy(&self, highest: Option<BlockHeight>) -> io::Result<()> {
        let mut files = files_in(&self.folder)?;
        if let Some(highest) = highest {
            let above = files.split_off(&BlockHeight(highest.0.saturating_add(1)));
            above.values().try_for_each(fs::remove_file)?;
        }
        let too_many = files.len().saturating_sub(self.keep.get());
        let old = files.values().take(too_many);
        old.chain(&unfinished_in(&self.folder)?)
            .try_for_each(fs::remove_file)
    }
}

fn failed(height: BlockHeight, error: &SnapshotError) {
    meters::checkpoint_failed();
    let error: &dyn std::error::Error = error;
    tracing::error!(%height, error, "a checkpoint could not be made; the chain goes on");
}

/// The checkpoints in a folder, which need not be there, by height.
fn files_in(folder: &Path) -> io::Result<BTreeMap<BlockHeight, PathBuf>> {
    let entries = names_in(folder)?.into_iter().filter_map(|name| {
        let number = name.strip_suffix(SUFFIX)?;
        let height = number.parse().ok().map(BlockHeight)?;
        // Only the names that are given here: none with a sign or a zero before it.
        (height.to_string() == number).then(|| (height, folder.join(&name)))
    });
    Ok(entries.collect())
}

fn unfinished_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = names_in(folder)?;
    names.retain(|name| {
        name.strip_suffix(PARTIAL_SUFFIX)
            .is_some_and(|name| name.ends_with(SUFFIX))
    });
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    entries
        .filter_map(|entry| match entry {
            Ok(entry) => entry.file_name().into_string().ok().map(Ok),
            Err(error) => Some(Err(error)),
        })
        .collect()
}
