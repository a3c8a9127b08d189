//! How far the work on a snapshot is.

use std::ops::ControlFlow;

use super::SnapshotError;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// All entries are read, to know how many there are and what their chunks hash to.
    Counting,
    /// Chunks are written.
    Writing,
    /// Chunks are read and compared; a restore writes them, too.
    Reading,
}

/// How far a stage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which stage.
    pub stage: Stage,
    /// How many chunks are done.
    pub done: u64,
    /// How many there are, where that is known.
    pub total: Option<u64>,
}

/// Is told after every chunk, and says whether to go on. A break ends the work with [`SnapshotError::Cancelled`].
pub type Observer<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

pub(super) fn tell(
    observer: &mut Observer<'_>,
    stage: Stage,
    done: usize,
    total: Option<usize>,
) -> Result<(), SnapshotError> {
    let progress = Progress {
        stage,
        done: done as u64,
        total: total.map(|total| total as u64),
    };
    match observer(progress) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(SnapshotError::Cancelled),
    }
}
