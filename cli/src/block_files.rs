//! Block files into a chain.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ordlane::{Engine, ImportedBlock};

use crate::data_dir;

/// Takes block files into the chain, each while its neighbours are in other stages. `done` hears of those on disk.
pub(crate) fn import(
    engine: &Engine,
    files: &[PathBuf],
    done: impl FnMut(&ImportedBlock),
) -> anyhow::Result<()> {
    let context = |path: &Path| format!("cannot execute {}", path.display());
    let mut unreadable = Ok(());
    let blocks = files.iter().map_while(|path| {
        let read = data_dir::read_block(path).with_context(|| context(path));
        read.map_err(|error| unreadable = Err(error)).ok()
    });
    match engine.import_blocks(blocks, done) {
        Ok(_) => unreadable,
        // It stands before a file that could not be read.
        Err(error) => {
            let path = files.get(error.position).map_or(Path::new(""), |path| path);
            Err(anyhow::Error::from(*error.source).context(context(path)))
        }
    }
}
