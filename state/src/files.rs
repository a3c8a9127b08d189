//! Files that appear whole or not at all.

use std::{fs::File, io, path::Path};

/// Makes durable which files a folder has.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows opens no folders as files, and needs no such call.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
