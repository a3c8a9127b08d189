//! Rivals of our signatures and hashes.
//!
//! Purpose: the same code runs them inside `compare`, built as users get them, and in a process apart, where a rival
//! needs a build of its own: dalek's AVX-512 backend, which is chosen by a compiler flag for the whole build, and
//! hashtree, which needs tools that not every machine has. That process reads a line of JSON from its standard input and
//! answers with one, so that `compare` can run it in turn with everything else.
//!
//! Invariant: work is made from its description alone, and both sides compare its fingerprint, so all do the same work;
//! every side takes its own time, so the pipe costs nobody anything.

mod clock;
mod ed25519;
mod lanes;
mod pairs;
mod random;
mod serve;
mod signatures;
mod work;

pub use clock::{Taken, now, taken};
pub use lanes::{Lanes, LanesError};
pub use pairs::{PairsShape, digest_of};
pub use serve::{Answer, Order, Ready, ServeError, serve};
pub use signatures::{Batch, Check, SignatureShape};
pub use work::{Outcome, Rival, Unsuited, Work, WorkShape};
