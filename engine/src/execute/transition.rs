//! The state transition of one transaction, as the specification gives it.
//!
//! The same code runs speculatively and on final state; it sees fields of accounts through the scheduler's view and
//! nothing else. The sender's fields are read and written, the receiver's balance is added to without being read, so that
//! a receiver makes no two transactions wait for each other.

use ordlane_primitives::{
    Account, Address, Amount, ErrorCode, Event, Gas, GasSchedule, Nonce, Receipt, ReceiptStatus,
    ReturnData, TxId, TxKind, codec::Bounded,
};
use ordlane_scheduler::{OutOfBounds, Stop, TxIndex, View, Vm};

use super::field::{Credit, Field, FieldValue};
use crate::verify::Verified;

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the block, with this receipt; if that says that it failed, with the reason.
    Included(Receipt, Option<Box<RuntimeError>>),
    /// It cannot be in the block; it wrote nothing.
    Invalid(TransitionError),
}

/// Why the state does not allow a transaction to be in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// The nonce is not the account's.
    #[error("nonce {got} is not the account's {expected}")]
    InvalidNonce {
        /// The account's nonce.
        expected: Nonce,
        /// The transaction's nonce.
        got: Nonce,
    },
    /// The spendable balance does not cover the highest fee.
    #[error("the highest fee {required} is above the spendable balance {available}")]
    InsufficientBalance {
        /// The highest fee.
        required: Amount,
        /// What can be spent.
        available: Amount,
    },
}

impl TransitionError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidNonce { .. } => ErrorCode::InvalidNonce,
            Self::InsufficientBalance { .. } => ErrorCode::InsufficientBalance,
        }
    }
}

/// Why a transaction is in a block and failed: what its receipt has no room for. Source: seed specification, section 8.2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// Its gas limit does not cover an operation. All of its gas is used.
    #[error(
        "out of gas: {operation} brings transaction {tx_id} to {needed}, its limit is {gas_limit}"
    )]
    OutOfGas {
        /// The transaction.
        tx_id: TxId,
        /// Its limit, which is the gas that it is charged.
        gas_limit: Gas,
        /// What it had used with the operation.
        needed: Gas,
        /// The operation.
        operation: &'static str,
    },
    /// The amount is above what its sender can spend beside the highest fee.
    #[error("transaction {tx_id} moves {amount}, and {available} can be spent")]
    AmountAboveBalance {
        /// The transaction.
        tx_id: TxId,
        /// What it moves.
        amount: Amount,
        /// What can be spent.
        available: Amount,
    },
}

impl RuntimeError {
    /// The stable code, which the receipt has.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::OutOfGas { .. } => ErrorCode::OutOfGas,
            Self::AmountAboveBalance { .. } => ErrorCode::AmountAboveBalance,
        }
    }
}

/// Runs transactions under one gas schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transition {
    pub(crate) schedule: &'static GasSchedule,
}

/// How the body of a transaction ended: the gas it used, and its events unless it failed.
struct Body {
    gas_used: Gas,
    ended: Result<Vec<Event>, Box<RuntimeError>>,
}

/// What a sender has.
struct Purse {
    balance: Amount,
    /// What is left to spend when the highest fee is set aside.
    left_to_spend: Amount,
}

impl Vm for Transition {
    type Key = Field;
    type Value = FieldValue;
    type Delta = Credit;
    type Tx = Verified;
    type Output = Outcome;
    type Worker = ();

    fn worker(&self) {}

    /// A sender's transactions follow each other by its nonce, so none of them is run before the one below it.
    fn hints(&self, _: TxIndex, tx: &Verified, keys: &mut Vec<Field>) {
        keys.push(Field::Nonce(tx.tx.payload.sender));
    }

    fn execute<V>(
        &self,
        (): &mut (),
        _: TxIndex,
        tx: &Verified,
        view: &mut V,
    ) -> Result<Outcome, Stop>
    where
        V: View<Key = Field, Value = FieldValue, Delta = Credit>,
    {
        let payload = &tx.tx.payload;
        let next_nonce = match next_nonce(read_nonce(view, payload.sender)?, payload.nonce) {
            Ok(next_nonce) => next_nonce,
            Err(error) => return Ok(Outcome::Invalid(error)),
        };
        let sender = Account {
            balance: read_amount(view, Field::Balance(payload.sender))?,
            locked: read_amount(view, Field::Locked(payload.sender))?,
            ..Account::default()
        };
        let (required, available) = (payload.max_fee(), sender.spendable());
        let Some(left_to_spend) = available.checked_sub(required) else {
            return Ok(Outcome::Invalid(TransitionError::InsufficientBalance {
                required,
                available,
            }));
        };
        let mut purse = Purse {
            balance: sender.balance,
            left_to_spend,
        };
        let body = match payload.kind {
            TxKind::Transfer { to, amount } => self.transfer(&mut purse, tx, to, amount, view)?,
            // Kinds that this release does not execute are refused where they are decoded.
            _ => {
                return Err(Stop::fatal(
                    "a transaction kind was decoded that cannot be executed",
                ));
            }
        };

        let fee = body.gas_used.cost(payload.gas_price);
        let balance = debit(purse.balance, fee)?;
        view.write(Field::Balance(payload.sender), FieldValue::Amount(balance));
        view.write(Field::Nonce(payload.sender), FieldValue::Nonce(next_nonce));
        let (status, events, failure) = match body.ended {
            Ok(events) => (ReceiptStatus::Success, events, None),
            Err(failure) => (
                ReceiptStatus::Failed(failure.code()),
                Vec::new(),
                Some(failure),
            ),
        };
        let receipt = Receipt {
            tx_id: tx.id,
            status,
            gas_used: body.gas_used,
            fee,
            events: Bounded::new(events).map_err(|error| Stop::fatal(error.to_string()))?,
            return_data: ReturnData::default(),
        };
        Ok(Outcome::Included(receipt, failure))
    }
}

impl Transition {
    /// Moves `amount` if the gas and the purse allow it. Takes it from the purse and adds it to the receiver's balance.
    fn transfer<V>(
        &self,
        purse: &mut Purse,
        tx: &Verified,
        to: Address,
        amount: Amount,
        view: &mut V,
    ) -> Result<Body, Stop>
    where
        V: View<Key = Field, Value = FieldValue, Delta = Credit>,
    {
        let payload = &tx.tx.payload;
        let failed = |gas_used, error| {
            let ended = Err(Box::new(error));
            Ok(Body { gas_used, ended })
        };
        let (tx_id, gas_limit) = (tx.id, payload.gas_limit);
        let needed = self.schedule.transfer_total(tx.intrinsic);
        let gas_used = match needed {
            Some(needed) if needed <= gas_limit => needed,
            _ => {
                let out_of_gas = RuntimeError::OutOfGas {
                    tx_id,
                    gas_limit,
                    needed: needed.unwrap_or(Gas(u64::MAX)),
                    operation: "transfer",
                };
                return failed(gas_limit, out_of_gas);
            }
        };
        if amount > purse.left_to_spend {
            let above = RuntimeError::AmountAboveBalance {
                tx_id,
                amount,
                available: purse.left_to_spend,
            };
            return failed(gas_used, above);
        }
        if to != payload.sender {
            purse.balance = debit(purse.balance, amount)?;
            // All balances together stay below the bound, so on final state no sum reaches it.
            view.add(Field::Balance(to), Credit(amount))?
                .map_err(|OutOfBounds| Stop::fatal("a balance exceeds the total supply"))?;
        }
        let events = vec![Event::transfer(payload.sender, to, amount)];
        let ended = Ok(events);
        Ok(Body { gas_used, ended })
    }
}

/// The nonce after a transaction with the nonce `got` of an account with the nonce `expected`.
fn next_nonce(expected: Nonce, got: Nonce) -> Result<Nonce, TransitionError> {
    let wrong_nonce = TransitionError::InvalidNonce { expected, got };
    if got != expected {
        return Err(wrong_nonce);
    }
    got.next().ok_or(wrong_nonce)
}

fn read_nonce<V>(view: &mut V, address: Address) -> Result<Nonce, Stop>
where
    V: View<Key = Field, Value = FieldValue>,
{
    let field = Field::Nonce(address);
    field.nonce(view.read(&field)?).map_err(Stop::fatal)
}

fn read_amount<V>(view: &mut V, field: Field) -> Result<Amount, Stop>
where
    V: View<Key = Field, Value = FieldValue>,
{
    field.amount(view.read(&field)?).map_err(Stop::fatal)
}

/// The reservation made sure that this cannot fail; if it does, the block stops.
fn debit(balance: Amount, amount: Amount) -> Result<Amount, Stop> {
    balance
        .checked_sub(amount)
        .ok_or_else(|| Stop::fatal("a reserved amount is above the balance"))
}

#[cfg(test)]
mod tests;
