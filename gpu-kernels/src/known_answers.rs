//! What every tier is asked before it is used.
//!
//! The verdicts and signatures were made by an implementation of RFC 8032 and ZIP-215 in integers, which shares nothing
//! with this crate; the digests are those of FIPS 180-4. A tier that gives another answer is not used in this process.

use ordlane_primitives::{Hash, batch::SignatureCheck};

/// A signature with its verdict.
pub(crate) struct SignatureCase {
    key: [u8; 32],
    message: &'static [u8],
    signature: [u8; 64],
    holds: bool,
}

/// The bytes 0 to 199.
const ASCENDING: [u8; 200] = ascending();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "evaluated at compile time"
)]
const fn ascending<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let mut at = 0;
    while at < N {
        bytes[at] = at as u8;
        at += 1;
    }
    bytes
}

/// Bytes from hexadecimal digits.
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated at compile time"
)]
const fn hex<const N: usize>(text: &str) -> [u8; N] {
    let digits = text.as_bytes();
    let mut bytes = [0; N];
    let mut at = 0;
    while at < 2 * N {
        let digit = match digits[at] {
            digit @ b'0'..=b'9' => digit - b'0',
            digit => digit - b'a' + 10,
        };
        bytes[at / 2] = bytes[at / 2] * 16 + digit;
        at += 1;
    }
    bytes
}

/// Signatures with their verdicts.
pub(crate) const SIGNATURES: [SignatureCase; 14] = [
    // RFC 8032, test 3
    SignatureCase {
        key: hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"),
        message: &[0xaf, 0x82],
        signature: hex(
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
        holds: true,
    },
    // the same with one bit of the message changed
    SignatureCase {
        key: hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"),
        message: &[0xaf, 0x83],
        signature: hex(
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
        holds: false,
    },
    // with one bit of S changed
    SignatureCase {
        key: hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"),
        message: &[0xaf, 0x82],
        signature: hex(
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18fb9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
        holds: false,
    },
    // S + l
    SignatureCase {
        key: hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"),
        message: &[0xaf, 0x82],
        signature: hex(
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac05d391b0a77904e98404ef037747a56e4a7c15e9716ed28dc027beceea1ec41a",
        ),
        holds: false,
    },
    // a message of two blocks
    SignatureCase {
        key: hex("ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c"),
        message: &ASCENDING,
        signature: hex(
            "bb156e6062dbf24e0999c2038e17f55ea3d3881057e4fced2fa9d3a8a145438400d9102492d0f54313b6fa14ea6e987076a88fb33387483adf9b3a88ecc6f101",
        ),
        holds: true,
    },
    // A and R of mixed order
    SignatureCase {
        key: hex("eddaea01824414ce327012b67e6989220df438121eea5466f35a4bf1c30fce8f"),
        message: b"mixed",
        signature: hex(
            "b7bc26c6f3018bee7a40c422941fcc00b0dd6a8856d8f2fb28107a6cf41f1e02c5876aad63febf3844f1258a1eb65ee583d7fa309c15ce79d2b26c3db19e6401",
        ),
        holds: true,
    },
    // R of mixed order
    SignatureCase {
        key: hex("fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f618"),
        message: b"mixed",
        signature: hex(
            "c68fc6ed223f268ef1098f13a1da9e29c81faa5e88ef5605f41e3d12c2756ff79ee346af15c5060e3524afccf0b5f896b81de3cdf85018ab115ffa2765260205",
        ),
        holds: true,
    },
    // A of order 8, R neutral, S = 0
    SignatureCase {
        key: hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        message: b"small",
        signature: hex(
            "01000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
        ),
        holds: true,
    },
    // R not canonical: y = p + 1
    SignatureCase {
        key: hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        message: b"small",
        signature: hex(
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f0000000000000000000000000000000000000000000000000000000000000000",
        ),
        holds: true,
    },
    // A neutral with the sign of x set, R of order 8
    SignatureCase {
        key: hex("0100000000000000000000000000000000000000000000000000000000000080"),
        message: b"",
        signature: hex(
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a0000000000000000000000000000000000000000000000000000000000000000",
        ),
        holds: true,
    },
    // A of order 8, S = 1
    SignatureCase {
        key: hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        message: b"small",
        signature: hex(
            "01000000000000000000000000000000000000000000000000000000000000000100000000000000000000000000000000000000000000000000000000000000",
        ),
        holds: false,
    },
    // A no point
    SignatureCase {
        key: hex("0200000000000000000000000000000000000000000000000000000000000000"),
        message: b"x",
        signature: hex(
            "877cadd3a5eab7b6311a3c4e00cd88f121a153b43c0bdf36f428b98c17eb427a5b5cafdcb078346edace4158705241da220d3e93434af51f2ccc3429eb28430c",
        ),
        holds: false,
    },
    // R no point
    SignatureCase {
        key: hex("43a72e714401762df66b68c26dfbdf2682aaec9f2474eca4613e424a0fbafd3c"),
        message: b"x",
        signature: hex(
            "02000000000000000000000000000000000000000000000000000000000000005b5cafdcb078346edace4158705241da220d3e93434af51f2ccc3429eb28430c",
        ),
        holds: false,
    },
    // S = l
    SignatureCase {
        key: hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        message: b"small",
        signature: hex(
            "0100000000000000000000000000000000000000000000000000000000000000edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010",
        ),
        holds: false,
    },
];

/// Batches that are large enough to be verified together: the smallest and the largest group of the AVX-512 tier, and one
/// between, so that its sums have digits of four, six and five bits.
pub(crate) const GROUPS: [usize; 3] = [48, 256, 64];

/// Whether a tier gives every verdict right: all in one batch, in whatever lane they come to lie, each alone, and in
/// groups.
pub(crate) fn verifies(verify: impl Fn(&[SignatureCheck<'_>]) -> Vec<bool>) -> bool {
    let mut cases: Vec<(SignatureCheck<'_>, bool)> = SIGNATURES
        .iter()
        .map(|case| {
            let check = SignatureCheck {
                key: &case.key,
                message: case.message,
                signature: &case.signature,
            };
            (check, case.holds)
        })
        .collect();
    let are_right = |cases: &[(SignatureCheck<'_>, bool)]| {
        let (checks, expected): (Vec<_>, Vec<_>) = cases.iter().copied().unzip();
        verify(&checks) == expected
    };
    let alone = cases.chunks(1).all(are_right);
    // Those that hold, and one of the others among them: each in the smallest groups, the first in all.
    let (holding, others): (Vec<_>, Vec<_>) = cases.iter().partition(|(_, holds)| *holds);
    let [smallest, larger @ ..] = GROUPS;
    let together = is_right_together(&holding, &others, smallest, are_right)
        && larger.into_iter().all(|size| {
            let first = others.get(..1).unwrap_or_default();
            is_right_together(&holding, first, size, are_right)
        });
    alone
        && together
        && (0..8).all(|_| {
            cases.rotate_left(1);
            are_right(&cases)
        })
}

/// Whether the verdicts on `size` of those that hold are right, and with each of the others in the place of one.
fn is_right_together<T: Copy>(
    holding: &[T],
    others: &[T],
    size: usize,
    are_right: impl Fn(&[T]) -> bool,
) -> bool {
    let group: Vec<T> = holding.iter().copied().cycle().take(size).collect();
    let spoilt = |(other, at): (&T, usize)| {
        let mut group = group.clone();
        group
            .get_mut(at)
            .map(|place| *place = *other)
            .is_some_and(|()| are_right(&group))
    };
    are_right(&group) && others.iter().zip((0..size).step_by(3)).all(spoilt)
}

/// Lengths of messages that ascend from 0, with their digests: from nothing to four blocks, with every kind of ending.
const DIGESTS: [(usize, [u8; 32]); 7] = [
    (
        0,
        hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ),
    (
        55,
        hex("463eb28e72f82e0a96c0a4cc53690c571281131f672aa229e0d45ae59b598b59"),
    ),
    (
        56,
        hex("da2ae4d6b36748f2a318f23e7ab1dfdf45acdc9d049bd80e59de82a60895f562"),
    ),
    (
        64,
        hex("fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108"),
    ),
    (
        119,
        hex("da18797ed7c3a777f0847f429724a2d8cd5138e6ed2895c3fa1a6d39d18f7ec6"),
    ),
    (
        120,
        hex("f52b23db1fbb6ded89ef42a23ce0c8922c45f25c50b568a93bf1c075420bbb7c"),
    ),
    (
        200,
        hex("1901da1c9f699b48f6b2636e65cbf73abf99d0441ef67f5c540a42f7051dec6f"),
    ),
];

/// Whether a tier gives every digest right: for batches that fill its lanes and such that do not.
pub(crate) fn hashes(
    hash_pairs: impl Fn(&[[u8; 64]]) -> Vec<Hash>,
    hash_messages: impl Fn(&[&[u8]]) -> Vec<Hash>,
) -> bool {
    let pair: [u8; 64] = ascending();
    let of_pair = DIGESTS.iter().find(|(length, _)| *length == pair.len());
    let pairs_are_right = [1, 2, 3, 15, 16, 17, 32, 51].into_iter().all(|count| {
        let digests = hash_pairs(&vec![pair; count]);
        digests.len() == count
            && digests
                .iter()
                .all(|digest| Some(&digest.0) == of_pair.map(|(_, digest)| digest))
    });
    let messages_are_right = [1, 2, 5, 16, 40].into_iter().all(|count| {
        let cases = DIGESTS.iter().cycle().take(count);
        let messages: Vec<&[u8]> = cases
            .clone()
            .map(|(length, _)| ASCENDING.get(..*length).unwrap_or_default())
            .collect();
        let expected = cases.map(|(_, digest)| Hash(*digest));
        hash_messages(&messages).into_iter().eq(expected)
    });
    pairs_are_right && messages_are_right
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::batch::{BatchHasher as _, BatchVerifier as _, Sequential};

    use super::*;

    #[test]
    fn the_definition_passes_and_whoever_errs_does_not() {
        let verify = |checks: &[SignatureCheck<'_>]| Sequential.verify_batch(checks);
        assert!(verifies(verify));
        let pairs = |pairs: &[[u8; 64]]| Sequential.hash_pairs(pairs);
        let messages = |messages: &[&[u8]]| Sequential.hash_messages(messages);
        assert!(hashes(pairs, messages));

        // One wrong verdict, whichever it is, is enough.
        for wrong in SIGNATURES.iter() {
            assert!(!verifies(|checks| {
                let mut verdicts = Sequential.verify_batch(checks);
                for (verdict, check) in verdicts.iter_mut().zip(checks) {
                    *verdict ^= check.signature == &wrong.signature && check.key == &wrong.key;
                }
                verdicts
            }));
        }
        assert!(!verifies(|_| Vec::new()));
        let spoil = |mut digests: Vec<Hash>| {
            if let Some(last) = digests.last_mut() {
                last.0[31] ^= 1;
            }
            digests
        };
        assert!(!hashes(|some| spoil(pairs(some)), messages));
        assert!(!hashes(pairs, |some| spoil(messages(some))));
        assert!(!hashes(|_| Vec::new(), messages));
    }
}
