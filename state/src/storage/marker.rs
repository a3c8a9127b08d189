//! Whose folder it is.
//!
//! Invariant: a folder is written to only when it is absent, empty, or carries our marker with a format that we know.
//! The marker is the first file in a folder, and appears whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

pub(super) use crate::files::sync_folder;
use crate::{FORMAT_VERSION, StateError, store::check_format};

/// The marker's file name.
const MARKER: &str = "ORDLANE";
/// What the marker's first line says.
const TITLE: &str = "ordlane state";
/// The largest marker that is read, in bytes.
const MAX_MARKER_BYTES: u64 = 256;

/// The format that the marker of a folder names. A folder without a marker is not ours.
pub(super) fn format_of(folder: &Path) -> Result<u32, StateError> {
    match fs::metadata(folder.join(MARKER)) {
        Ok(metadata) => read(folder, metadata.len()),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Err(foreign(folder)),
            _ => Err(StateError::io("read the store's marker", error)),
        },
    }
}

/// Marks a folder with this release's format.
pub(super) fn write(folder: &Path) -> Result<(), StateError> {
    let marker = format!("{TITLE}\nformat {FORMAT_VERSION}\n");
    write_whole(folder, MARKER, marker.as_bytes())
        .map_err(|error| StateError::io("write the store's marker", error))
}

/// Makes sure that the folder is ours, creating and marking it when it is absent or empty.
pub(super) fn claim(folder: &Path) -> Result<(), StateError> {
    match fs::metadata(folder.join(MARKER)) {
        Ok(metadata) => check_format(read(folder, metadata.len())?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(folder),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(foreign(folder)),
        Err(error) => Err(StateError::io("read the store's marker", error)),
    }
}

/// Writes a whole file durably: it appears under its name with all of its bytes, or not at all.
pub(super) fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let partial = folder.join(partial_name(name));
    let mut file = File::create(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, folder.join(name))?;
    sync_folder(folder)
}

fn partial_name(name: &str) -> String {
    format!("{name}.new")
}

fn read(folder: &Path, size_bytes: u64) -> Result<u32, StateError> {
    if size_bytes > MAX_MARKER_BYTES {
        return Err(foreign(folder));
    }
    let bytes = fs::read(folder.join(MARKER))
        .map_err(|error| StateError::io("read the store's marker", error))?;
    str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.strip_prefix(TITLE)?.strip_prefix("\nformat "))
        .and_then(|rest| rest.strip_suffix('\n')?.parse().ok())
        .ok_or_else(|| foreign(folder))
}

fn create(folder: &Path) -> Result<(), StateError> {
    let failed = |error| StateError::io("create the store's folder", error);
    create_folder(folder).map_err(failed)?;
    for entry in fs::read_dir(folder).map_err(failed)? {
        // A crash while the marker was written leaves its first part, and nothing else.
        if entry.map_err(failed)?.file_name() != *partial_name(MARKER) {
            return Err(foreign(folder));
        }
    }
    write(folder)
}

/// Creates a folder and those above it durably: a chain must not vanish with the folder that it lies in.
fn create_folder(folder: &Path) -> io::Result<()> {
    let mut changed = Vec::new();
    for ancestor in folder.ancestors() {
        if ancestor.as_os_str().is_empty() || fs::exists(ancestor)? {
            break;
        }
        changed.extend(ancestor.parent());
    }
    fs::create_dir_all(folder)?;
    for parent in changed {
        if parent.as_os_str().is_empty() {
            sync_folder(Path::new("."))?;
        } else {
            sync_folder(parent)?;
        }
    }
    Ok(())
}

fn foreign(folder: &Path) -> StateError {
    StateError::ForeignFolder {
        path: folder.to_path_buf(),
    }
}
