//! A snapshot under a name.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
};

use ordlane_primitives::batch::BatchHasher;

use super::{Manifest, Observer, Snapshot, SnapshotError};
use crate::files::sync_folder;

/// What the name of a file that is not whole yet ends with.
pub const PARTIAL_SUFFIX: &str = ".partial";

impl Snapshot {
    /// Writes the snapshot to a file, which appears under its name when all of it is durable. Until then it has
    /// [`PARTIAL_SUFFIX`] behind its name; after an error it is removed. A file that is there is replaced.
    ///
    /// # Errors
    /// Those of [`Snapshot::write_to`].
    pub fn write_file(
        &self,
        path: &Path,
        hasher: &dyn BatchHasher,
        chunk_bytes: u32,
        observer: &mut Observer<'_>,
    ) -> Result<Manifest, SnapshotError> {
        let partial = partial_path(path);
        let written = self
            .write_partial(&partial, hasher, chunk_bytes, observer)
            .and_then(|manifest| {
                publish(&partial, path).map_err(SnapshotError::Write)?;
                Ok(manifest)
            });
        if written.is_err() {
            // What is wrong is said already; a file that is left is overwritten by the next one.
            let _ = fs::remove_file(&partial);
        }
        written
    }

    fn write_partial(
        &self,
        partial: &Path,
        hasher: &dyn BatchHasher,
        chunk_bytes: u32,
        observer: &mut Observer<'_>,
    ) -> Result<Manifest, SnapshotError> {
        let file = File::create(partial).map_err(SnapshotError::Write)?;
        let mut out = BufWriter::new(&file);
        let manifest = self.write_to(&mut out, hasher, chunk_bytes, observer)?;
        drop(out);
        file.sync_all().map_err(SnapshotError::Write)?;
        Ok(manifest)
    }
}

fn partial_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(PARTIAL_SUFFIX);
    name.into()
}

fn publish(partial: &Path, path: &Path) -> std::io::Result<()> {
    fs::rename(partial, path)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => sync_folder(folder),
        _ => sync_folder(Path::new(".")),
    }
}
