//! What the figures were measured on.

use std::fs;
use std::num::NonZeroUsize;
use std::thread;

/// The machine, as far as it says.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
}

impl Machine {
    /// This one.
    pub(crate) fn this() -> Self {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            cpu: model(&cpus).unwrap_or("an unnamed CPU").to_owned(),
            cores: thread::available_parallelism().map_or(1, NonZeroUsize::get),
        }
    }
}

/// The memory that this process has, in bytes, where the system says so.
pub(crate) fn resident_bytes() -> Option<u64> {
    resident(&fs::read_to_string("/proc/self/status").ok()?)
}

/// The resident memory in Linux's words about a process.
fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

/// The first model name of Linux's list of CPUs.
fn model(cpus: &str) -> Option<&str> {
    let line = cpus.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim())
}

#[cfg(test)]
mod tests {
    use super::{model, resident};

    #[test]
    fn resident_memory_is_found() {
        let status = "VmHWM:\t    9 kB\nVmRSS:\t     120 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(resident(status), Some(120 * 1024));
        assert_eq!(resident("Name:\tx\n"), None);
    }

    #[test]
    fn the_first_model_name_is_found() {
        let cpus = "processor\t: 0\nmodel name\t: A B 9\nflags\t: x\nmodel name\t: C\n";
        assert_eq!(model(cpus), Some("A B 9"));
        assert_eq!(model("processor: 0"), None);
    }
}
