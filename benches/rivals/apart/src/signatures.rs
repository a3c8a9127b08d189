//! A batch of signatures as bytes, some of them corrupted.

use ed25519_dalek::{Signer, SigningKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::random::Xorshift;

/// A batch in words; the same words make the same bytes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct SignatureShape {
    /// How many signatures.
    pub batch: usize,
    /// How long every message is.
    pub message_bytes: usize,
    /// The share of signatures of which one bit is flipped. If it is not zero, at least one is.
    pub invalid: f64,
    /// The exponent of the Zipf law by which signatures fall to as many senders; without it each has a sender of its own.
    pub zipf: Option<f64>,
}

/// A batch.
#[derive(Clone, Debug)]
pub struct Batch {
    items: Vec<Item>,
    senders: usize,
}

#[derive(Clone, Debug)]
struct Item {
    key: [u8; 32],
    message: Vec<u8>,
    signature: [u8; 64],
    is_corrupted: bool,
}

/// One signature of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// The public key.
    pub key: &'a [u8; 32],
    /// What was signed.
    pub message: &'a [u8],
    /// `R ‖ S`.
    pub signature: &'a [u8; 64],
}

impl Batch {
    /// Makes the batch.
    #[must_use]
    pub fn new(shape: SignatureShape) -> Self {
        let mut senders = senders(shape);
        let items = senders.iter().enumerate().map(|(index, sender)| {
            let key = signing_key(*sender);
            let mut message = vec![0; shape.message_bytes];
            Xorshift::new(1 + index as u64).fill(&mut message);
            Item {
                key: key.verifying_key().to_bytes(),
                signature: key.sign(&message).to_bytes(),
                message,
                is_corrupted: false,
            }
        });
        let mut items: Vec<Item> = items.collect();
        corrupt(&mut items, shape.invalid);
        senders.sort_unstable();
        senders.dedup();
        Self {
            items,
            senders: senders.len(),
        }
    }

    /// How many keys sign.
    #[must_use]
    pub const fn senders(&self) -> usize {
        self.senders
    }

    /// The signatures, in order.
    #[must_use]
    pub fn checks(&self) -> Vec<Check<'_>> {
        let checks = self.items.iter().map(|item| Check {
            key: &item.key,
            message: &item.message,
            signature: &item.signature,
        });
        checks.collect()
    }

    /// What every rule says of the signatures: the corrupted ones are wrong, and nothing else is.
    #[must_use]
    pub fn expected(&self) -> Vec<bool> {
        self.items.iter().map(|item| !item.is_corrupted).collect()
    }

    /// A hash of all bytes.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for item in &self.items {
            hasher.update(item.key);
            hasher.update(item.signature);
            hasher.update(&item.message);
        }
        hasher.finalize().into()
    }
}

fn signing_key(sender: usize) -> SigningKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&(sender as u64).to_le_bytes());
    SigningKey::from_bytes(&seed)
}

/// Who signs what.
fn senders(shape: SignatureShape) -> Vec<usize> {
    let Some(exponent) = shape.zipf else {
        return (0..shape.batch).collect();
    };
    let ends = zipf_ends(shape.batch, exponent);
    let whole = ends.last().copied().unwrap_or_default();
    let mut random = Xorshift::new(0);
    let drawn = (0..shape.batch).map(|_| {
        let at = random.unit() * whole;
        ends.partition_point(|end| *end <= at).min(shape.batch - 1)
    });
    drawn.collect()
}

/// Where the shares of the senders end: that of the k-th is `k` to the power of `-exponent`.
#[expect(clippy::cast_precision_loss, reason = "a count of senders")]
fn zipf_ends(senders: usize, exponent: f64) -> Vec<f64> {
    let ends = (1..=senders).scan(0.0, |end, rank| {
        *end += (rank as f64).powf(-exponent);
        Some(*end)
    });
    ends.collect()
}

/// Flips one bit in R, in S, or in the message, by turns, of so many signatures in random places. S stays canonical,
/// since an S that is not is thrown out before any work is done.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count"
)]
fn corrupt(items: &mut [Item], share: f64) {
    let mut count = (items.len() as f64 * share.clamp(0.0, 1.0)).round() as usize;
    if share > 0.0 {
        count = count.max(1);
    }
    let mut random = Xorshift::new(u64::MAX);
    let mut places: Vec<usize> = (0..items.len()).collect();
    for turn in 0..count.min(items.len()) {
        // The first places of a shuffle.
        let other = turn + random.below(places.len() - turn);
        places.swap(turn, other);
        let item = &mut items[places[turn]];
        match turn % 3 {
            0 => flip(&mut item.signature[32..], random.below(248)),
            1 if !item.message.is_empty() => {
                let bits = 8 * item.message.len();
                flip(&mut item.message, random.below(bits));
            }
            _ => flip(&mut item.signature[..32], random.below(256)),
        }
        item.is_corrupted = true;
    }
}

fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

#[cfg(test)]
mod tests {
    use super::{Batch, SignatureShape};

    const SHAPE: SignatureShape = SignatureShape {
        batch: 60,
        message_bytes: 32,
        invalid: 0.0,
        zipf: None,
    };

    fn wrong(invalid: f64) -> usize {
        let batch = Batch::new(SignatureShape { invalid, ..SHAPE });
        batch.expected().iter().filter(|valid| !**valid).count()
    }

    #[test]
    fn the_asked_share_is_corrupted_and_at_least_one_if_any() {
        assert_eq!(wrong(0.0), 0);
        assert_eq!(wrong(0.001), 1);
        assert_eq!(wrong(0.5), 30);
        assert_eq!(wrong(1.0), 60);
    }

    #[test]
    fn senders_are_distinct_unless_a_zipf_law_says_otherwise() {
        let senders = |zipf| Batch::new(SignatureShape { zipf, ..SHAPE }).senders();
        assert_eq!(senders(None), 60);
        // All senders are equally likely, or the first has nearly everything.
        assert!((20..60).contains(&senders(Some(0.0))));
        assert!((1..4).contains(&senders(Some(8.0))));
    }

    #[test]
    fn the_same_words_make_the_same_bytes_and_others_do_not() {
        let fingerprint = |shape| Batch::new(shape).fingerprint();
        assert_eq!(fingerprint(SHAPE), fingerprint(SHAPE));
        let others = [
            SignatureShape { batch: 61, ..SHAPE },
            SignatureShape {
                message_bytes: 31,
                ..SHAPE
            },
            SignatureShape {
                invalid: 0.01,
                ..SHAPE
            },
            SignatureShape {
                zipf: Some(1.0),
                ..SHAPE
            },
        ];
        for other in others {
            assert_ne!(fingerprint(other), fingerprint(SHAPE));
        }
    }

    #[test]
    fn an_empty_batch_is_made_too() {
        let shape = SignatureShape {
            batch: 0,
            zipf: Some(1.0),
            invalid: 0.5,
            ..SHAPE
        };
        assert!(Batch::new(shape).checks().is_empty());
    }
}
