//! The ordlane command line.
fn main() {}
