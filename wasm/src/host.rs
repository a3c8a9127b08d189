//! What contracts need of whoever executes them: state to read and change, and a way back.

use std::sync::Arc;

use ordlane_primitives::{Address, Amount, Event, Hash};

/// Bytes that are shared instead of copied: values of storage, codes.
pub type Bytes = Arc<[u8]>;

/// The host ends the execution and knows why: state could not be read, or nobody wants the result any more.
///
/// It passes through every contract on the way out; no contract sees it, and no receipt tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host ended the execution")]
pub struct Interrupt;

/// A moment of an execution to which the state can be taken back. Only its host knows what the number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Checkpoint(pub usize);

/// A slot of a contract's storage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// What it held before the transaction.
    pub original: Option<Bytes>,
    /// What it holds.
    pub current: Option<Bytes>,
}

/// The state as one transaction sees it, with what it has changed so far.
///
/// Sizes of keys, values and events, gas, depth and permissions are no concern of a host: they were looked at before it is
/// asked. Every method may end the execution with [`Interrupt`]; a host that did so knows it, and takes no result from a
/// contract in Rust that passes over it.
///
/// Invariant: after [`Host::revert`] everything is as it was at the checkpoint, events included.
pub trait Host {
    /// What stands under a key of a contract's storage.
    ///
    /// # Errors
    /// [`Interrupt`], here and below.
    fn value(&mut self, contract: &Address, key: &[u8]) -> Result<Option<Bytes>, Interrupt>;

    /// The same with what stood there before the transaction.
    ///
    /// # Errors
    /// [`Interrupt`].
    fn slot(&mut self, contract: &Address, key: &[u8]) -> Result<Slot, Interrupt>;

    /// Puts a value under a key, or takes away what stands there.
    ///
    /// # Errors
    /// [`Interrupt`].
    fn set_value(
        &mut self,
        contract: &Address,
        key: &[u8],
        value: Option<Bytes>,
    ) -> Result<(), Interrupt>;

    /// All tokens of an account.
    ///
    /// # Errors
    /// [`Interrupt`].
    fn balance(&mut self, address: &Address) -> Result<Amount, Interrupt>;

    /// Moves tokens; false, and nothing is moved, if `from` cannot spend as much.
    ///
    /// # Errors
    /// [`Interrupt`].
    fn transfer(&mut self, from: &Address, to: &Address, amount: Amount)
    -> Result<bool, Interrupt>;

    /// The hash of the code at an address, zero where there is none.
    ///
    /// # Errors
    /// [`Interrupt`].
    fn code_hash(&mut self, address: &Address) -> Result<Hash, Interrupt>;

    /// The code at an address that has some. That it is not there is a failure of the system.
    ///
    /// # Errors
    /// [`Interrupt`].
    fn code(&mut self, address: &Address) -> Result<Bytes, Interrupt>;

    /// Whether an account has sent a transaction or has code, so that nothing can be deployed there.
    ///
    /// # Errors
    /// [`Interrupt`].
    fn is_in_use(&mut self, address: &Address) -> Result<bool, Interrupt>;

    /// Gives an account code, `hash` being [`code_hash`](ordlane_primitives::hash::code_hash) of it.
    ///
    /// # Errors
    /// [`Interrupt`].
    fn set_code(&mut self, address: &Address, hash: Hash, code: Bytes) -> Result<(), Interrupt>;

    /// Makes something known.
    fn emit(&mut self, event: Event);

    /// This moment.
    fn checkpoint(&mut self) -> Checkpoint;

    /// Takes everything back that has happened since.
    fn revert(&mut self, to: Checkpoint);

    /// What has happened since will not be taken back by itself any more, only with what was before.
    fn release(&mut self, checkpoint: Checkpoint);

    /// Whether the result can still count. Asked now and then; a long execution that cannot is ended.
    fn should_stop(&self) -> bool {
        false
    }

    /// A contract's words to whoever debugs it. They are part of no result.
    fn debug(&mut self, contract: &Address, text: &[u8]) {
        let _ = (contract, text);
    }
}
