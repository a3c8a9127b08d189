//! Signatures with something about them.

pub(crate) use ordlane_testkit::signatures::{SignatureCase as Case, small_order_encodings};

/// An honest signature.
pub(crate) fn honest(seed: u64, message: &[u8]) -> Case {
    Case::honest(seed, message)
}

/// Every pair of encodings of small order as A and R, with S = 0.
pub(crate) fn small_order_cases() -> Vec<Case> {
    let count = small_order_encodings().len();
    (0..count * count)
        .map(|at| Case::of_small_order(at / count, at % count, &[0; 32], b"Zcash"))
        .collect()
}

/// Signatures under keys and with R that have each of the eight parts of small order; of two that differ in S the second
/// is wrong.
pub(crate) fn mixed_order_cases() -> Vec<Case> {
    (0..128)
        .map(|at| Case::of_mixed_order(at / 16, at / 2 % 8, b"mixed order", u8::from(at % 2 == 1)))
        .collect()
}

/// The same signature with S larger by l, which names the same scalar.
pub(crate) fn with_s_plus_order(case: &Case) -> Case {
    case.clone().with_s_plus_order()
}
