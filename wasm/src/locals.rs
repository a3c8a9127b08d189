//! tmp
pub(crate) fn charge_locals(code: &[u8]) -> Result<Vec<u8>, std::convert::Infallible> {
    Ok(code.to_vec())
}
