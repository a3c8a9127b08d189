//! The folders in which stores are measured.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{Advice, fadvise};

use crate::measure::settle;

/// The folder in which stores are made: beside what is built, which is on a disk, unless another one is named.
pub(crate) fn data(named: Option<&Path>) -> io::Result<PathBuf> {
    let folder = named.map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/compare-state"),
        Path::to_owned,
    );
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// What the files below a folder take of the disk, what is allocated but not used included.
pub(crate) fn disk_bytes(folder: &Path) -> io::Result<u64> {
    Ok(usage(folder)?.bytes)
}

/// What files take of the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// All of them, what is allocated but not used included.
    pub(crate) bytes: u64,
    /// fjall's journals among them.
    pub(crate) journals: u64,
    pub(crate) journal_bytes: u64,
}

/// What the files below a folder take. A store may remove some of them meanwhile.
pub(crate) fn usage(folder: &Path) -> io::Result<Usage> {
    const BLOCK_BYTES: u64 = 512;
    let mut usage = Usage::default();
    each_file(folder, &mut |path| {
        let bytes = match fs::metadata(path) {
            Ok(about) => about.blocks() * BLOCK_BYTES,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        usage.bytes += bytes;
        if path.extension().is_some_and(|extension| extension == "jnl") {
            usage.journals += 1;
            usage.journal_bytes += bytes;
        }
        Ok(())
    })?;
    Ok(usage)
}

/// Copies a folder with all that is below it.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    each_file(from, &mut |path| {
        let below = path.strip_prefix(from).map_err(io::Error::other)?;
        let target = to.join(below);
        target.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::copy(path, target).map(drop)
    })
}

/// Waits until the files below a folder stay as they are, or so long that waiting is no use.
pub(crate) fn wait_until_still(folder: &Path) -> io::Result<()> {
    const STEP: Duration = Duration::from_millis(500);
    const STEPS: u32 = 100;
    let mut before = usage(folder)?;
    for _ in 0..STEPS {
        thread::sleep(STEP);
        settle();
        let now = usage(folder)?;
        if now == before {
            break;
        }
        before = now;
    }
    Ok(())
}

/// Writes the files below a folder to the disk, and takes them out of memory, where the system lets itself be advised.
pub(crate) fn forget(folder: &Path) -> io::Result<()> {
    each_file(folder, &mut |path| {
        let file = File::open(path)?;
        file.sync_all()?;
        Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
    })
}

fn each_file(folder: &Path, visit: &mut dyn FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            each_file(&path, visit)?;
        } else {
            visit(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Usage, copy, forget, usage};

    #[test]
    fn a_copy_takes_what_the_folder_takes_and_journals_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("deep/er")).unwrap();
        assert_eq!(usage(&from).unwrap(), Usage::default());
        for (name, size) in [("a", 9_000), ("deep/7.jnl", 5_000), ("deep/er/b", 20_000)] {
            fs::write(from.join(name), vec![7; size]).unwrap();
        }
        copy(&from, &to).unwrap();
        forget(&to).unwrap();
        for folder in [&from, &to] {
            forget(folder).unwrap();
            let found = usage(folder).unwrap();
            assert_eq!(found.journals, 1);
            assert!(found.journal_bytes >= 5_000 && found.bytes >= 29_000 + found.journal_bytes);
        }
        assert_eq!(fs::read(to.join("deep/er/b")).unwrap(), vec![7; 20_000]);
    }
}
