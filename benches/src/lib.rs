//! Criterion benches of ordlane
