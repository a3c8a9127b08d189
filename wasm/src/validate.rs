//! tmp
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule:?}")]
pub struct InvalidCode {
    pub rule: Rule,
    pub limit: Option<u64>,
    pub found: Option<u64>,
    pub offset: usize,
}
impl InvalidCode {
    pub(crate) fn new(rule: Rule, limit: Option<u64>, found: Option<u64>, offset: usize) -> Self {
        Self {
            rule,
            limit,
            found,
            offset,
        }
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Instantiation,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub initial_pages: u32,
    pub max_pages: Option<u32>,
}
pub fn validate(_c: &[u8]) -> Result<Shape, InvalidCode> {
    Ok(Shape {
        initial_pages: 1,
        max_pages: None,
    })
}
