//! Types, canonical encoding, hashing, the signature rule and proof verification of ordlane
