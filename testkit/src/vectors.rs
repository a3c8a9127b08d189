//! Public test vectors, built in. Their origin and licence stand in `testkit/data/README.md`.

use serde::{Deserialize, Deserializer};

/// A signature of Project Wycheproof with its verdict under ZIP-215.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WycheproofCase {
    /// The number in the published file.
    pub id: u32,
    /// The public key, 32 bytes.
    #[serde(rename = "pk", deserialize_with = "unhex")]
    pub public_key: Vec<u8>,
    /// The message.
    #[serde(rename = "msg", deserialize_with = "unhex")]
    pub message: Vec<u8>,
    /// The signature, of any length.
    #[serde(rename = "sig", deserialize_with = "unhex")]
    pub signature: Vec<u8>,
    /// The verdicts of several rules.
    pub expect: WycheproofVerdicts,
}

/// The verdicts of a Wycheproof case that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct WycheproofVerdicts {
    /// The verdict under ZIP-215.
    pub zip215_zebra: bool,
}

/// A signature of Bernstein's `sign.input`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignCase {
    /// The secret seed.
    pub seed: [u8; 32],
    /// Its public key.
    pub public_key: [u8; 32],
    /// The message, 0 to 1023 bytes.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: [u8; 64],
}

/// A message and its digest, from NIST.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DigestCase {
    /// The message's length in bits, always whole bytes.
    pub len_bits: usize,
    /// The message.
    #[serde(rename = "msg", deserialize_with = "unhex")]
    pub message: Vec<u8>,
    /// Its digest.
    #[serde(rename = "md", deserialize_with = "unhex")]
    pub digest: Vec<u8>,
}

/// NIST's Monte Carlo test: from a seed, 1,000 hashes of the last three digests to each checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MonteCarlo {
    /// Where it starts.
    #[serde(deserialize_with = "unhex")]
    pub seed: Vec<u8>,
    /// One hundred digests in hex.
    pub checkpoints: Vec<String>,
}

/// The 151 cases of Wycheproof's Ed25519 test.
#[must_use]
pub fn wycheproof() -> Vec<WycheproofCase> {
    parse(include_str!("../data/ed25519_wycheproof.json"))
}

/// The 1,024 cases of Bernstein's Ed25519 test.
#[must_use]
pub fn sign_cases() -> Vec<SignCase> {
    let text = include_str!("../data/ed25519_djb_sign_1024.csv");
    text.lines().skip(1).map(sign_case).collect()
}

/// NIST's short messages for SHA-256.
#[must_use]
pub fn sha256_short() -> Vec<DigestCase> {
    parse(include_str!("../data/sha256_shortmsg.json"))
}

/// NIST's Monte Carlo test for SHA-256.
#[must_use]
pub fn sha256_monte() -> MonteCarlo {
    parse(include_str!("../data/sha256_monte.json"))
}

/// NIST's short messages for SHA-512.
#[must_use]
pub fn sha512_short() -> Vec<DigestCase> {
    parse(include_str!("../data/sha512_shortmsg.json"))
}

fn parse<T: for<'de> Deserialize<'de>>(text: &str) -> T {
    serde_json::from_str(text).expect("a file that was checked in")
}

/// Columns: secret seed, public key, message, signature.
fn sign_case(line: &str) -> SignCase {
    let columns: Vec<Vec<u8>> = line
        .split(',')
        .map(|column| hex::decode(column).expect("hex digits"))
        .collect();
    let [seed, public_key, message, signature] = columns.try_into().expect("four columns");
    SignCase {
        seed: seed.try_into().expect("32 bytes"),
        public_key: public_key.try_into().expect("32 bytes"),
        message,
        signature: signature.try_into().expect("64 bytes"),
    }
}

fn unhex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    hex::decode(text).map_err(serde::de::Error::custom)
}
