//! The fork of the demo: a chain of one block and one of two above the last durable block. The short one is the best until
//! the long one is there; then the long one becomes durable.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use ordlane::{Engine, ForkTree, Head, Inserted, TotalWeight};
use serde::Serialize;

use crate::data_dir;

/// The files of the blocks that compete.
#[derive(Debug)]
pub(crate) struct ForkFiles {
    pub(crate) short: PathBuf,
    /// The lower one first.
    pub(crate) long: [PathBuf; 2],
}

/// How the best chain changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forked {
    undone: Vec<Head>,
    applied: Vec<Head>,
}

/// What is printed of it. The keys are stable.
#[derive(Debug, Serialize)]
pub(crate) struct ForkJson {
    undone: usize,
    applied: usize,
    reorgs_equal: bool,
}

impl ForkJson {
    pub(crate) fn new(parallel: &Forked, sequential: &Forked) -> Self {
        Self {
            undone: parallel.undone.len(),
            applied: parallel.applied.len(),
            reorgs_equal: parallel == sequential,
        }
    }

    /// Whether both chains changed, and in the same way.
    pub(crate) const fn is_right(&self) -> bool {
        self.reorgs_equal && self.undone == 1 && self.applied == 2
    }

    pub(crate) fn text(&self) -> String {
        format!(
            "{} block undone for {}: {}",
            self.undone,
            self.applied,
            if self.reorgs_equal {
                "equal"
            } else {
                "DIFFERENT"
            }
        )
    }
}

/// Takes the blocks of both chains into a tree, and makes the heavier chain durable.
pub(crate) fn run(engine: &Arc<Engine>, files: &ForkFiles) -> anyhow::Result<Forked> {
    let mut tree = ForkTree::new(Arc::clone(engine), Box::new(TotalWeight::default()));
    insert(&mut tree, &files.short)?;
    let mut forked = Forked {
        undone: Vec::new(),
        applied: Vec::new(),
    };
    for file in &files.long {
        // Of two blocks that weigh the same, the hash decides, so this happens with the first one or with the second.
        if let Some(reorg) = insert(&mut tree, file)?.reorg {
            forked.undone.extend(reorg.undone);
            forked.applied.extend(reorg.applied);
        }
    }
    let best = tree.best();
    tree.finalize(&best.hash)?;
    Ok(forked)
}

fn insert(tree: &mut ForkTree, file: &Path) -> anyhow::Result<Inserted> {
    let bytes = data_dir::read_block(file)?;
    tree.insert(&bytes, None)
        .with_context(|| format!("cannot take in {}", file.display()))
}
