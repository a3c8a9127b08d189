//! Guest contracts, compiled: `testkit/guests` has their sources and says what they do.

/// A token: balances by holder.
pub const TOKEN: &[u8] = include_bytes!("../guests/wasm/token.wasm");
/// Pools that exchange two tokens.
pub const AMM: &[u8] = include_bytes!("../guests/wasm/amm.wasm");
/// Things with one owner each.
pub const NFT: &[u8] = include_bytes!("../guests/wasm/nft.wasm");
/// Passes calls on.
pub const RELAY: &[u8] = include_bytes!("../guests/wasm/relay.wasm");
/// Computes and stores nothing.
pub const COMPUTE: &[u8] = include_bytes!("../guests/wasm/compute.wasm");
/// Calls a contract with flags of the caller's choice.
pub const LOOPBACK: &[u8] = include_bytes!("../guests/wasm/loopback.wasm");
/// Calls every function of the interface with any arguments.
pub const PROBE: &[u8] = include_bytes!("../guests/wasm/probe.wasm");
/// The token as clang's linker makes it by default.
pub const TOKEN_CLANG: &[u8] = include_bytes!("../guests/wasm/token_clang_default.wasm");
/// The token in Rust, as its compiler makes it by default.
pub const TOKEN_RUST: &[u8] = include_bytes!("../guests/wasm/token_rust.wasm");
/// The token in AssemblyScript.
pub const TOKEN_ASSEMBLYSCRIPT: &[u8] = include_bytes!("../guests/wasm/token_assemblyscript.wasm");

/// All of them, by name.
pub const ALL: [(&str, &[u8]); 10] = [
    ("token", TOKEN),
    ("amm", AMM),
    ("nft", NFT),
    ("relay", RELAY),
    ("compute", COMPUTE),
    ("loopback", LOOPBACK),
    ("probe", PROBE),
    ("token_clang_default", TOKEN_CLANG),
    ("token_rust", TOKEN_RUST),
    ("token_assemblyscript", TOKEN_ASSEMBLYSCRIPT),
];
