//! Compiled kernels that are kept in a file between processes, where the driver offers that.
//!
//! The file has the digest of what follows, the name of adapter and driver with a line end, and the driver's data. One that
//! does not fit, or cannot be read or written, is as if there were none: it saves time and nothing else depends on it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ordlane_primitives::hash::sha256;

use super::trusted;

/// No larger file is read.
const MOST_BYTES: u64 = 1 << 28;

/// The driver's cache, and where it is kept.
#[derive(Debug)]
pub(super) struct PipelineCache {
    cache: Option<wgpu::PipelineCache>,
    path: Option<PathBuf>,
    key: Vec<u8>,
}

impl PipelineCache {
    /// None without a path, or where the driver offers none.
    pub(super) fn open(
        device: &wgpu::Device,
        info: &wgpu::AdapterInfo,
        path: Option<&Path>,
    ) -> Self {
        let name = wgpu::util::pipeline_cache_key(info).unwrap_or_default();
        let key = format!("{name} {} {}\n", info.driver, info.driver_info).into_bytes();
        let is_offered = device.features().contains(wgpu::Features::PIPELINE_CACHE);
        let Some(path) = path.filter(|_| is_offered) else {
            return Self {
                cache: None,
                path: None,
                key,
            };
        };
        let kept = read(path, &key);
        Self {
            cache: Some(trusted::pipeline_cache(device, kept.as_deref())),
            path: Some(path.to_path_buf()),
            key,
        }
    }

    pub(super) const fn get(&self) -> Option<&wgpu::PipelineCache> {
        self.cache.as_ref()
    }

    /// Writes down what was compiled, if that is anything new.
    pub(super) fn keep(&self) {
        let (Some(cache), Some(path)) = (&self.cache, &self.path) else {
            return;
        };
        let Some(data) = cache.get_data() else {
            return;
        };
        let written = write(path, &self.key, &data);
        if let Err(error) = written {
            tracing::info!(%error, path = %path.display(), "compiled kernels were not kept");
        }
    }
}

fn read(path: &Path, key: &[u8]) -> Option<Vec<u8>> {
    let length = fs::metadata(path).ok()?.len();
    if length > MOST_BYTES {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    let (digest, rest) = bytes.split_first_chunk::<32>()?;
    let data = rest.strip_prefix(key)?;
    (sha256(rest).0 == *digest).then(|| data.to_vec())
}

/// Into the place of what is there, whole or not at all.
fn write(path: &Path, key: &[u8], data: &[u8]) -> io::Result<()> {
    let rest = [key, data].concat();
    let bytes = [sha256(&rest).0.as_slice(), &rest].concat();
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&beside, bytes)?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written_for_the_same_driver() {
        let folder = std::env::temp_dir().join(format!("ordlane-cache-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("kernels");
        assert_eq!(read(&path, b"driver 1\n"), None);
        write(&path, b"driver 1\n", b"compiled").unwrap();
        assert_eq!(read(&path, b"driver 1\n"), Some(b"compiled".to_vec()));
        assert_eq!(read(&path, b"driver 2\n"), None);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(read(&path, b"driver 1\n"), None);
        fs::remove_dir_all(&folder).unwrap();
    }
}
