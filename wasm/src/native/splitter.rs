//! Parts what it is sent among many.

use ordlane_primitives::{Address, Amount};

use crate::{Call, Contract, Entry, Fault};

/// Most receivers of one call.
const MAX_RECEIVERS: usize = 256;

/// Sends the tokens that come with a call to the receivers that its input lists, addresses of 32 bytes, in equal parts; what
/// is left over goes to the first. It keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Splitter;

impl Contract for Splitter {
    fn run(&self, entry: Entry, call: &mut Call<'_>) -> Result<Vec<u8>, Fault> {
        if entry == Entry::Init {
            return Err(Fault::InvalidArgument("it is there from the beginning"));
        }
        let (receivers, rest) = call.input().as_chunks::<32>();
        let count = receivers.len();
        if count == 0 || count > MAX_RECEIVERS || !rest.is_empty() {
            return Err(call.revert(b"1 to 256 addresses of 32 bytes"));
        }
        let value = call.value()?.0;
        let count = count as u128;
        let part = value.checked_div(count).unwrap_or(0);
        let mut more = value.checked_rem(count).unwrap_or(0);
        for receiver in receivers {
            let amount = Amount(part.saturating_add(more));
            more = 0;
            // What came with the call is there.
            call.transfer(&Address::from_bytes(*receiver), amount)??;
        }
        Ok(Vec::new())
    }
}
