//! The process in which rivals run that need a build of their own.
//!
//! It is built from the same sources at its first use, and told by a pipe what to run, so that its runs take turns with
//! ours. While it runs we wait, and it takes its own time.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use ordlane_rivals_apart::{Answer, Order, Outcome, Ready, Rival, Taken, Work, WorkShape};
use serde_json::Value;

/// A build of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// dalek, and zebra above it, with the AVX-512 backend.
    Avx512,
    /// With hashtree.
    Hashtree,
}

/// Why a process apart is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApartError {
    /// It could not be built.
    #[error("it does not build here")]
    Build,
    /// It was built and lacks what it was built for.
    #[error("this machine's CPU does not have what it needs")]
    Lacking,
    /// It cannot be reached.
    #[error("{0}")]
    Pipe(#[from] io::Error),
    /// It does not answer as it should.
    #[error("an answer that cannot be read: {0}")]
    Answer(#[from] serde_json::Error),
    /// It answers another question, or its work is not ours.
    #[error("an answer to something else")]
    Wrong,
}

/// A process that runs rivals.
#[derive(Debug)]
pub(crate) struct Apart {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Apart {
    /// The process, or a word on standard error that its rivals have no figures.
    pub(crate) fn start_or_say(build: Build) -> Option<Self> {
        let started = Self::start(build);
        if let Err(error) = &started {
            eprintln!("{}: {error}; no figures", build.name());
        }
        started.ok()
    }

    fn start(build: Build) -> Result<Self, ApartError> {
        let mut child = Command::new(build.executable()?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let answers = child.stdout.take().ok_or(ApartError::Wrong)?;
        let mut apart = Self {
            child,
            answers: BufReader::new(answers),
        };
        let ready: Ready = serde_json::from_str(&apart.line()?)?;
        let is_of_use = match build {
            Build::Avx512 => ready.has_avx512,
            Build::Hashtree => ready.has_hashtree,
        };
        is_of_use.then_some(apart).ok_or(ApartError::Lacking)
    }

    /// Lets it make the work that `ours` is.
    pub(crate) fn load(
        &mut self,
        work: WorkShape,
        ours: &Work,
        threads: usize,
    ) -> Result<(), ApartError> {
        match self.obey(Order::Load { work, threads })? {
            Answer::Loaded(fingerprint) if fingerprint == ours.fingerprint() => Ok(()),
            _ => Err(ApartError::Wrong),
        }
    }

    /// Lets a rival do the work that was loaded last.
    pub(crate) fn run(&mut self, rival: Rival) -> Result<(Outcome, Taken), ApartError> {
        match self.obey(Order::Run(rival))? {
            Answer::Ran { outcome, taken } => Ok((outcome, taken)),
            Answer::Loaded(_) => Err(ApartError::Wrong),
        }
    }

    fn obey(&mut self, order: Order) -> Result<Answer, ApartError> {
        let orders = self.child.stdin.as_mut().ok_or(ApartError::Wrong)?;
        writeln!(orders, "{}", serde_json::to_string(&order)?)?;
        orders.flush()?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    fn line(&mut self) -> Result<String, ApartError> {
        let mut line = String::new();
        match self.answers.read_line(&mut line)? {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            _ => Ok(line),
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // Waiting closes its standard input first, and without orders it ends.
        let _ = self.child.wait();
    }
}

impl Build {
    const fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "dalek and zebra with AVX-512",
            Self::Hashtree => "hashtree",
        }
    }

    /// The program; it is built if it is not there.
    fn executable(self) -> Result<PathBuf, ApartError> {
        let built = self.command().stderr(Stdio::inherit()).output()?;
        if !built.status.success() {
            return Err(ApartError::Build);
        }
        let messages = String::from_utf8_lossy(&built.stdout);
        executable(&messages).ok_or(ApartError::Build)
    }

    fn command(self) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        let home = env!("CARGO_MANIFEST_DIR");
        let (folder, features) = match self {
            Self::Avx512 => ("apart-avx512", ""),
            Self::Hashtree => ("apart-hashtree", "hashtree"),
        };
        command
            .args(["build", "--locked", "--profile", profile()])
            .args(["--message-format", "json-render-diagnostics"])
            .args(["--manifest-path", &format!("{home}/Cargo.toml")])
            .args(["--package", "ordlane-rivals-apart"])
            .args(["--features", features])
            .args(["--target-dir", &format!("{home}/target/{folder}")]);
        if self == Self::Avx512 {
            let backend = r#"--cfg=curve25519_dalek_backend="avx512""#;
            command.env("CARGO_ENCODED_RUSTFLAGS", backend);
        }
        command
    }
}

/// The profile that this program was built with, which cargo names its folder after.
fn profile() -> &'static str {
    let program = env::current_exe().unwrap_or_default();
    let folder = program.parent().and_then(Path::file_name);
    match folder.and_then(OsStr::to_str) {
        Some("smoke") => "smoke",
        _ => "release",
    }
}

/// The program that cargo says it has built.
fn executable(messages: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    })
}

#[cfg(test)]
mod tests {
    use super::{Path, executable};

    #[test]
    fn the_program_is_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","executable":null}
{"reason":"build-script-executed"}
{"reason":"compiler-artifact","executable":"/a/b"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages).as_deref(), Some(Path::new("/a/b")));
        assert_eq!(executable("nothing"), None);
    }
}
