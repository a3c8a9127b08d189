//! Batch Ed25519 verification and SHA-256 hashing behind one dispatcher
