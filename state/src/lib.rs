//! Durable, authenticated key-value state with Merkle proofs
