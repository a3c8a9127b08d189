//! Who authorises a transaction. Room is left for further schemes: the tag is one byte.
//!
//! Every authorisation has one form only: the keys of a policy ascend, and exactly `threshold` signatures come in the
//! order of their keys, so nobody can add to or shuffle the signatures of others.

use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{
    Address,
    codec::{Bounded, DecodeCause},
    limits::MAX_POLICY_KEYS,
};

/// The public keys of a policy.
pub type PolicyKeys = Bounded<[u8; 32], MAX_POLICY_KEYS>;
/// The signatures under a policy.
pub type PolicySignatures = Bounded<IndexedSignature, MAX_POLICY_KEYS>;

/// A tagged authorisation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Auth {
    /// Tag 0: one Ed25519 key.
    Ed25519 {
        /// The public key, 32 bytes.
        key: [u8; 32],
        /// `R ‖ S`, 64 bytes, over the transaction's id.
        signature: [u8; 64],
    },
    /// Tag 1: `threshold` of the keys of a policy.
    Multi {
        /// Which keys, and how many of them.
        policy: MultiPolicy,
        /// Exactly `policy.threshold` signatures over the transaction's id, by ascending index.
        signatures: PolicySignatures,
    },
}

/// A rule "so many of these keys". Two policies with the same keys and threshold are the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize)]
pub struct MultiPolicy {
    /// How many signatures are needed: 1 to the number of keys.
    threshold: u8,
    /// The public keys, 1 to 16, strictly ascending.
    keys: PolicyKeys,
}

/// The signature of one key of a policy.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct IndexedSignature {
    /// The position of the key in the policy.
    pub index: u8,
    /// `R ‖ S`, 64 bytes.
    pub signature: [u8; 64],
}

impl MultiPolicy {
    /// A policy over distinct keys, in any order.
    ///
    /// # Errors
    /// [`DecodeCause`] when there are no keys, more than 16, or two alike, or the threshold is not 1 to their number.
    pub fn new(threshold: u8, mut keys: Vec<[u8; 32]>) -> Result<Self, DecodeCause> {
        keys.sort_unstable();
        Self {
            threshold,
            keys: PolicyKeys::new(keys)?,
        }
        .checked()
    }

    /// How many signatures are needed.
    #[must_use]
    pub const fn threshold(&self) -> u8 {
        self.threshold
    }

    /// The public keys, ascending.
    #[must_use]
    pub fn keys(&self) -> &[[u8; 32]] {
        &self.keys
    }

    fn checked(self) -> Result<Self, DecodeCause> {
        let rule = |rule| {
            Err(DecodeCause::NotCanonical {
                field: "policy",
                rule,
            })
        };
        if !self.keys.is_sorted_by(|a, b| a < b) {
            return rule("keys are distinct and ascending");
        }
        if self.threshold == 0 || usize::from(self.threshold) > self.keys.len() {
            return rule("the threshold is 1 to the number of keys");
        }
        Ok(self)
    }
}

impl BorshDeserialize for MultiPolicy {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let threshold = u8::deserialize_reader(reader)?;
        let keys = PolicyKeys::deserialize_reader(reader)?;
        Ok(Self { threshold, keys }.checked()?)
    }
}

impl Auth {
    /// The address that this authorisation speaks for.
    #[must_use]
    pub fn address(&self) -> Address {
        match self {
            Self::Ed25519 { key, .. } => Address::of_key(key),
            Self::Multi { policy, .. } => Address::of_policy(policy),
        }
    }

    /// All public keys in it: those that signed and those that only belong to the policy.
    #[must_use]
    pub fn keys(&self) -> &[[u8; 32]] {
        match self {
            Self::Ed25519 { key, .. } => core::slice::from_ref(key),
            Self::Multi { policy, .. } => policy.keys(),
        }
    }

    /// The pairs of key and signature to check, in order.
    pub fn signatures(&self) -> impl Iterator<Item = (&[u8; 32], &[u8; 64])> {
        let (single, multi) = match self {
            Self::Ed25519 { key, signature } => (Some((key, signature)), None),
            Self::Multi { policy, signatures } => (
                None,
                Some(signatures.iter().filter_map(|signed| {
                    policy
                        .keys()
                        .get(usize::from(signed.index))
                        .map(|key| (key, &signed.signature))
                })),
            ),
        };
        single.into_iter().chain(multi.into_iter().flatten())
    }

    /// How many signatures there are, at least 1.
    #[must_use]
    pub fn signature_count(&self) -> usize {
        match self {
            Self::Ed25519 { .. } => 1,
            Self::Multi { signatures, .. } => signatures.len(),
        }
    }

    /// The length of the encoding in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        const TAG: usize = 1;
        const LENGTH: usize = 4;
        match self {
            Self::Ed25519 { .. } => TAG + 32 + 64,
            Self::Multi { policy, signatures } => {
                let keys = policy.keys.len().saturating_mul(32);
                let signatures = signatures.len().saturating_mul(65);
                (TAG + 1 + LENGTH + LENGTH)
                    .saturating_add(keys)
                    .saturating_add(signatures)
            }
        }
    }

    /// Whether the signatures are exactly those that a policy asks for, each once. What was decoded or made by
    /// [`Auth::multi`] always is; a value put together by hand need not be.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        match self {
            Self::Ed25519 { .. } => true,
            Self::Multi { policy, signatures } => check_signatures(policy, signatures).is_ok(),
        }
    }

    fn multi_checked(
        policy: MultiPolicy,
        signatures: PolicySignatures,
    ) -> Result<Self, DecodeCause> {
        check_signatures(&policy, &signatures)?;
        Ok(Self::Multi { policy, signatures })
    }

    /// An authorisation by a policy.
    ///
    /// # Errors
    /// [`DecodeCause`] when the signatures are not exactly `threshold`, in the order of their keys.
    pub fn multi(
        policy: MultiPolicy,
        signatures: Vec<IndexedSignature>,
    ) -> Result<Self, DecodeCause> {
        Self::multi_checked(policy, PolicySignatures::new(signatures)?)
    }
}

fn check_signatures(
    policy: &MultiPolicy,
    signatures: &PolicySignatures,
) -> Result<(), DecodeCause> {
    let rule = |rule| {
        Err(DecodeCause::NotCanonical {
            field: "signatures",
            rule,
        })
    };
    if signatures.len() != usize::from(policy.threshold) {
        return rule("there are exactly as many as the threshold");
    }
    if !signatures.is_sorted_by(|a, b| a.index < b.index) {
        return rule("their indices ascend");
    }
    if signatures
        .iter()
        .any(|signed| usize::from(signed.index) >= policy.keys.len())
    {
        return rule("each index names a key of the policy");
    }
    Ok(())
}

impl BorshSerialize for Auth {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        match self {
            Self::Ed25519 { key, signature } => {
                writer.write_all(&[0])?;
                writer.write_all(key)?;
                writer.write_all(signature)
            }
            Self::Multi { policy, signatures } => {
                writer.write_all(&[1])?;
                policy.serialize(writer)?;
                signatures.serialize(writer)
            }
        }
    }
}

impl BorshDeserialize for Auth {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        match u8::deserialize_reader(reader)? {
            0 => Ok(Self::Ed25519 {
                key: <[u8; 32]>::deserialize_reader(reader)?,
                signature: <[u8; 64]>::deserialize_reader(reader)?,
            }),
            1 => {
                let policy = MultiPolicy::deserialize_reader(reader)?;
                let signatures = PolicySignatures::deserialize_reader(reader)?;
                Ok(Self::multi_checked(policy, signatures)?)
            }
            value => Err(DecodeCause::UnsupportedScheme { value }.into()),
        }
    }
}
