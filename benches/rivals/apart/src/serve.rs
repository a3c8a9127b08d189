//! The process apart: a line with an order in, a line with an answer out.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use crate::Taken;
use crate::lanes::{Lanes, LanesError};
use crate::work::{Outcome, Rival, Unsuited, Work, WorkShape};

/// The first line that the process writes: what its build, on this machine, has.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// dalek, and zebra above it, run on AVX-512.
    pub has_avx512: bool,
    /// hashtree is there.
    pub has_hashtree: bool,
}

/// What the process is told.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub enum Order {
    /// Make work, for so many threads.
    Load {
        /// The work.
        work: WorkShape,
        /// Threads that will share it.
        threads: usize,
    },
    /// Let a rival do the work that was loaded last.
    Run(Rival),
}

/// What the process answers.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum Answer {
    /// The work is there; the hash of its bytes.
    Loaded([u8; 32]),
    /// The rival is done.
    Ran {
        /// What it found out.
        outcome: Outcome,
        /// What it took.
        taken: Taken,
    },
}

/// Why the process ends early.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A pipe is broken.
    #[error("the pipe: {0}")]
    Pipe(#[from] io::Error),
    /// A line is no order.
    #[error("the order: {0}")]
    Order(#[from] serde_json::Error),
    /// There are no threads.
    #[error(transparent)]
    Lanes(#[from] LanesError),
    /// The rival cannot do the work.
    #[error(transparent)]
    Unsuited(#[from] Unsuited),
    /// Nothing was loaded before the first run.
    #[error("there is no work yet")]
    NoWork,
}

/// Obeys until there are no more orders.
///
/// # Errors
/// [`ServeError`] when an order cannot be obeyed.
pub fn serve(orders: impl BufRead, mut answers: impl Write) -> Result<(), ServeError> {
    start_hashtree();
    write(&mut answers, &ready())?;
    let mut loaded: Option<(Work, Lanes)> = None;
    for line in orders.lines() {
        let answer = match serde_json::from_str(&line?)? {
            Order::Load { work, threads } => {
                let work = Work::new(work);
                let fingerprint = work.fingerprint();
                loaded = Some((work, Lanes::new(threads)?));
                Answer::Loaded(fingerprint)
            }
            Order::Run(rival) => {
                let (work, lanes) = loaded.as_ref().ok_or(ServeError::NoWork)?;
                let (outcome, taken) = work.run(rival, lanes)?;
                Answer::Ran { outcome, taken }
            }
        };
        write(&mut answers, &answer)?;
    }
    Ok(())
}

fn write(answers: &mut impl Write, answer: &impl Serialize) -> Result<(), ServeError> {
    let line = serde_json::to_string(answer)?;
    writeln!(answers, "{line}")?;
    Ok(answers.flush()?)
}

fn ready() -> Ready {
    Ready {
        has_avx512: cfg!(curve25519_dalek_backend = "avx512") && cpu_has_avx512(),
        has_hashtree: cfg!(feature = "hashtree"),
    }
}

/// What dalek's AVX-512 backend asks of the CPU.
#[cfg(target_arch = "x86_64")]
fn cpu_has_avx512() -> bool {
    std::arch::is_x86_feature_detected!("avx512ifma")
        && std::arch::is_x86_feature_detected!("avx512vl")
}

#[cfg(not(target_arch = "x86_64"))]
const fn cpu_has_avx512() -> bool {
    false
}

/// hashtree chooses its code for this CPU once, before its first call.
#[cfg(feature = "hashtree")]
pub(crate) fn start_hashtree() {
    hashtree_rs::init();
}

#[cfg(not(feature = "hashtree"))]
const fn start_hashtree() {}

#[cfg(test)]
mod tests {
    use super::{Answer, Order, Ready, ServeError, serve};
    use crate::{Outcome, PairsShape, Rival, Work, WorkShape};

    const PAIRS: WorkShape = WorkShape::Pairs(PairsShape { pairs: 5 });

    fn served(orders: &[Order]) -> Result<Vec<String>, ServeError> {
        let lines: Vec<String> = orders
            .iter()
            .map(|order| serde_json::to_string(order).unwrap() + "\n")
            .collect();
        let mut answers = Vec::new();
        serve(lines.concat().as_bytes(), &mut answers)?;
        let answers = String::from_utf8(answers).unwrap();
        Ok(answers.lines().map(str::to_owned).collect())
    }

    #[test]
    fn every_order_is_answered_by_a_line() {
        let load = Order::Load {
            work: PAIRS,
            threads: 2,
        };
        let lines = served(&[load, Order::Run(Rival::Sha2), Order::Run(Rival::Sha2)]).unwrap();
        assert_eq!(lines.len(), 4);
        serde_json::from_str::<Ready>(&lines[0]).unwrap();
        let Answer::Loaded(fingerprint) = serde_json::from_str(&lines[1]).unwrap() else {
            panic!("{}", lines[1]);
        };
        assert_eq!(fingerprint, Work::new(PAIRS).fingerprint());
        for line in &lines[2..] {
            let Answer::Ran { outcome, .. } = serde_json::from_str(line).unwrap() else {
                panic!("{line}");
            };
            assert!(matches!(outcome, Outcome::Digest(_)));
        }
    }

    #[test]
    fn an_order_that_cannot_be_obeyed_ends_the_process() {
        let early = served(&[Order::Run(Rival::Sha2)]);
        assert!(matches!(early, Err(ServeError::NoWork)));
        let load = Order::Load {
            work: PAIRS,
            threads: 1,
        };
        let unsuited = served(&[load, Order::Run(Rival::Zebra)]);
        assert!(matches!(unsuited, Err(ServeError::Unsuited(_))));
        let nonsense = serve("hello\n".as_bytes(), Vec::new());
        assert!(matches!(nonsense, Err(ServeError::Order(_))));
    }
}
