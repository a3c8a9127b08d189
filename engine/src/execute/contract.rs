//! The body of a transaction that calls or deploys a contract.
//!
//! The contract runs over a journal, and what that holds goes into the view when the contract has succeeded. Its sender has
//! paid the highest fee meanwhile, and gets back what of it is not used.

use ordlane_primitives::{Address, Gas, Nonce, TxKind};
use ordlane_scheduler::{Stop, View};
use ordlane_wasm::{Action, Environment, Fault, TransactError, Transacted, transact};

use super::{
    RuntimeError, Transition,
    field::{Credit, Field, FieldValue},
    journal::Journal,
    transition::{Body, Purse, debit},
};
use crate::verify::Verified;

impl Transition<'_> {
    /// Calls or deploys, as the transaction says.
    pub(super) fn contract<V>(
        &self,
        purse: Purse,
        tx: &Verified,
        view: &mut V,
    ) -> Result<Body, Stop>
    where
        V: View<Key = Field, Value = FieldValue, Delta = Credit>,
    {
        let payload = &tx.tx.payload;
        let Some((contract, action)) = action(&payload.kind, &payload.sender, payload.nonce) else {
            return Err(Stop::fatal("a transaction that is none of a contract"));
        };
        let environment = Environment {
            schedule: self.schedule(),
            chain_id: self.rules.params.chain_id,
            height: self.rules.height,
            timestamp_ms: self.timestamp_ms,
            origin: payload.sender,
        };
        let of_sender = Field::Balance(payload.sender);
        let mut journal = Journal::new(view, self.codes);
        let left = debit(purse.balance, purse.reserved)?;
        journal.put(of_sender.clone(), FieldValue::Amount(left));
        // Its next transaction finds it raised, and so does a contract that is deployed where the sender is.
        let raised = payload.nonce.next().unwrap_or(payload.nonce);
        journal.put(Field::Nonce(payload.sender), FieldValue::Nonce(raised));
        // Admission has compared the limit with the intrinsic gas.
        let gas = Gas(payload.gas_limit.0.saturating_sub(tx.intrinsic.0));
        let ran = transact(&mut journal, self.contracts, &environment, action, gas);
        // Whatever a contract in Rust has made of it.
        if let Some(stop) = journal.take_stop() {
            return Err(stop);
        }
        let Transacted {
            gas_used,
            refund,
            outcome,
        } = match ran {
            Ok(transacted) => transacted,
            Err(TransactError::Interrupted(_)) => return Err(Stop::requested()),
            Err(error) => return Err(Stop::fatal(error)),
        };
        let gas = Gas(tx.intrinsic.0.saturating_add(gas_used.0));
        let body = |balance, ended, return_data| Body {
            gas,
            refund,
            balance,
            ended,
            return_data,
        };
        match outcome {
            Ok(returned) => {
                let left = journal
                    .amount(&of_sender)
                    .map_err(|_| journal.take_stop().unwrap_or_else(Stop::requested))?;
                let balance = left
                    .checked_add(purse.reserved)
                    .ok_or_else(|| Stop::fatal("a balance exceeds the total supply"))?;
                Ok(body(balance, Ok(journal.finish()?), returned))
            }
            Err(fault) => {
                let payload = fault.payload().to_vec();
                let failure = failure(tx, contract, fault)?;
                Ok(body(purse.balance, Err(failure), payload))
            }
        }
    }
}

/// What a transaction does with which contract.
fn action<'a>(kind: &'a TxKind, sender: &Address, nonce: Nonce) -> Option<(Address, Action<'a>)> {
    match kind {
        TxKind::Call {
            contract,
            input,
            value,
        } => {
            let action = Action::Call {
                contract: *contract,
                input,
                value: *value,
            };
            Some((*contract, action))
        }
        TxKind::Deploy { code, init, salt } => {
            let hash = ordlane_primitives::hash::code_hash(code);
            let address = match salt {
                Some(salt) => Address::of_salted_contract(sender, salt, &hash),
                None => Address::of_contract(sender, nonce),
            };
            let action = Action::Deploy {
                address,
                code,
                init,
            };
            Some((address, action))
        }
        _ => None,
    }
}

fn failure(tx: &Verified, contract: Address, fault: Fault) -> Result<RuntimeError, Stop> {
    let (tx_id, gas_limit) = (tx.id, tx.tx.payload.gas_limit);
    match fault.code() {
        Some(code) => Ok(RuntimeError::Contract {
            tx_id,
            contract,
            code,
            fault,
        }),
        None => Err(Stop::fatal(format!(
            "a contract ended without a result within {gas_limit}: {fault}"
        ))),
    }
}
