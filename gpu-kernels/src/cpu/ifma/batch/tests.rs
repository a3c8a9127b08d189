use ordlane_primitives::SigningKey;

use super::*;

/// A key, a message and a signature.
struct Case {
    key: [u8; 32],
    message: Vec<u8>,
    signature: [u8; 64],
}

impl Case {
    fn check(&self) -> SignatureCheck<'_> {
        SignatureCheck {
            key: &self.key,
            message: &self.message,
            signature: &self.signature,
        }
    }
}

fn honest(count: usize) -> Vec<Case> {
    let cases = (0..count).map(|number| {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        let key = SigningKey::from_seed(seed);
        let message = seed[..number % 32].to_vec();
        Case {
            key: key.public_key(),
            signature: key.sign(&message),
            message,
        }
    });
    cases.collect()
}

fn together(cases: &[Case]) -> Option<Option<Vec<bool>>> {
    let Some(ifma) = Ifma::detect() else {
        println!("skipped: this CPU has no AVX-512 IFMA");
        return None;
    };
    let checks: Vec<SignatureCheck<'_>> = cases.iter().map(Case::check).collect();
    Some(verify_together(ifma, BaseTable::get(ifma), &checks))
}

#[test]
fn honest_groups_of_every_kind_of_size_hold_together() {
    for count in [1, 7, 8, 9, 31, 32, 33, 100, 160, 161, 255, 256] {
        if let Some(verdicts) = together(&honest(count)) {
            assert_eq!(verdicts, Some(vec![true; count]), "{count}");
        }
    }
}
