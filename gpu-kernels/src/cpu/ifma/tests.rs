use ordlane_primitives::{
    SigningKey,
    batch::{BatchVerifier as _, Sequential, SignatureCheck},
};

use super::verify;
use crate::cpu::vector::Ifma;

#[test]
fn quick() {
    let Some(ifma) = Ifma::detect() else { return };
    let keys: Vec<SigningKey> = (0..70_u8)
        .map(|seed| SigningKey::from_seed([seed; 32]))
        .collect();
    let publics: Vec<[u8; 32]> = keys.iter().map(SigningKey::public_key).collect();
    let texts: Vec<Vec<u8>> = (0..70).map(|n| vec![n as u8; n * 7]).collect();
    let mut signatures: Vec<[u8; 64]> = keys
        .iter()
        .zip(&texts)
        .map(|(key, text)| key.sign(text))
        .collect();
    signatures
        .iter_mut()
        .step_by(3)
        .for_each(|signature| signature[5] ^= 1);
    let checks: Vec<SignatureCheck<'_>> = publics
        .iter()
        .zip(&signatures)
        .zip(&texts)
        .map(|((key, signature), text)| SignatureCheck {
            key,
            message: text,
            signature,
        })
        .collect();
    assert_eq!(verify(ifma, &checks), Sequential.verify_batch(&checks));
    let many: Vec<_> = checks
        .iter()
        .copied()
        .filter(|c| Sequential.verify_batch(&[*c])[0])
        .cycle()
        .take(1024)
        .collect();
    verify(ifma, &many);
    let t = std::time::Instant::now();
    for _ in 0..10 {
        std::hint::black_box(verify(ifma, &many));
    }
    println!("{:.2} us", t.elapsed().as_secs_f64() * 1e6 / 10240.0);
    let t = std::time::Instant::now();
    std::hint::black_box(Sequential.verify_batch(&many));
    println!(
        "portable {:.2} us",
        t.elapsed().as_secs_f64() * 1e6 / 1024.0
    );
}
