//! Prints the golden vectors, for `testkit/golden/`: `json` the text, `blocks` the chain.
//!
//! Whoever writes these files anew changes the protocol.

use std::io::{self, Write as _};

use ordlane_testkit::golden;

fn main() -> io::Result<()> {
    let output = match std::env::args().nth(1).as_deref() {
        Some("json") => golden::text().into_bytes(),
        Some("blocks") => golden::chain_bytes(&golden::chain()),
        _ => return Err(io::Error::other("say `json` or `blocks`")),
    };
    io::stdout().write_all(&output)
}
