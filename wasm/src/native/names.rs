//! A registry of names.

use ordlane_primitives::{Hash, hash::sha256};

use crate::{Call, Contract, Entry, Fault};

/// The longest name in bytes.
const MAX_NAME_BYTES: usize = 32;

/// Names that belong to whoever was first to take them.
///
/// Input: a method, one byte, then a name of 1 to 32 bytes. Method 0 takes the name for the caller and emits an event with the
/// topics `sha256("Taken")` and the caller, and the name as its data; it reverts with `taken` where somebody has it. Method
/// 1 returns the owner's address, 32 bytes, or nothing. Method 2 gives the name back; it reverts with `not the owner` for
/// anybody else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names;

impl Contract for Names {
    fn run(&self, entry: Entry, call: &mut Call<'_>) -> Result<Vec<u8>, Fault> {
        if entry == Entry::Init {
            return Err(Fault::InvalidArgument("it is there from the beginning"));
        }
        let input = call.input();
        let Some((method, name)) = input.split_first() else {
            return Err(call.revert(b"no method"));
        };
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(call.revert(b"a name has 1 to 32 bytes"));
        }
        let owner = call.storage_get(name)?;
        let caller = call.caller()?;
        match (method, owner) {
            (0, Some(_)) => Err(call.revert(b"taken")),
            (0, None) => {
                call.storage_set(name, caller.as_bytes())?;
                let topic = sha256(b"Taken");
                call.emit(&[topic, Hash::from(caller)], name)?;
                Ok(Vec::new())
            }
            (1, owner) => Ok(owner.map(|owner| owner.to_vec()).unwrap_or_default()),
            (2, Some(owner)) if *owner == caller.as_bytes()[..] => {
                call.storage_del(name)?;
                Ok(Vec::new())
            }
            (2, _) => Err(call.revert(b"not the owner")),
            _ => Err(call.revert(b"unknown method")),
        }
    }
}
