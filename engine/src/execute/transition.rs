//! The state transition of one transaction, as the specification gives it.
//!
//! The same code runs speculatively and on final state; it sees fields of accounts through the scheduler's view and
//! nothing else. The sender's fields are read and written, the receiver's balance is added to without being read, so that
//! a receiver makes no two transactions wait for each other.

use ordlane_primitives::{
    Account, Address, Amount, ErrorCode, Event, Gas, GasSchedule, Nonce, Receipt, ReceiptStatus,
    ReturnData, TimestampMs, TransactionPayload, TxKind, codec::Bounded,
};
use ordlane_scheduler::{OutOfBounds, Stop, TxIndex, View, Vm};
use ordlane_wasm::Contracts;

use super::{
    RuntimeError,
    field::{Credit, Field, FieldValue},
    journal::CodeSource,
};
use crate::{admit::Rules, verify::Verified};

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the block.
    Included(Box<Included>),
    /// It cannot be in the block; it wrote nothing.
    Invalid(TransitionError),
}

/// What became of a transaction that is in the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Included {
    pub(crate) receipt: Receipt,
    /// What it used before refunds, which is what counts for the block.
    pub(crate) gas: Gas,
    /// Why it failed, if it did.
    pub(crate) failure: Option<RuntimeError>,
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

/// Runs the transactions of one block.
pub(crate) struct Transition<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) timestamp_ms: TimestampMs,
    pub(crate) contracts: &'a Contracts,
    pub(crate) codes: &'a CodeSource<'a>,
}

/// How the body of a transaction ended. What it changed is in the view, but for the sender's balance.
pub(super) struct Body {
    /// What it used, refunds not subtracted.
    pub(super) gas: Gas,
    /// What of it is not charged.
    pub(super) refund: Gas,
    /// The sender's balance, from which the fee is to be taken.
    pub(super) balance: Amount,
    pub(super) ended: Result<Success, RuntimeError>,
    /// What it gave back.
    pub(super) return_data: Vec<u8>,
}

/// What a transaction that succeeded made known.
pub(super) type Success = Vec<Event>;

/// What a sender has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purse {
    pub(super) balance: Amount,
    /// The highest fee, which is set aside.
    pub(super) reserved: Amount,
    /// What is left to spend.
    pub(super) left_to_spend: Amount,
}

impl Vm for Transition<'_> {
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
        let purse = match purse(view, payload)? {
            Ok(purse) => purse,
            Err(error) => return Ok(Outcome::Invalid(error)),
        };
        let body = match &payload.kind {
            TxKind::Transfer { to, amount } => self.transfer(purse, tx, *to, *amount, view)?,
            TxKind::Deploy { .. } | TxKind::Call { .. } => self.contract(purse, tx, view)?,
            // Kinds that this release does not execute are refused where they are decoded.
            _ => {
                return Err(Stop::fatal(
                    "a transaction kind was decoded that cannot be executed",
                ));
            }
        };

        let refund = self.rules.schedule.refund(body.gas, body.refund);
        let gas_used = Gas(body.gas.0.saturating_sub(refund.0));
        let fee = gas_used.cost(payload.gas_price);
        let balance = debit(body.balance, fee)?;
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
        let too_much = |error: ordlane_primitives::codec::DecodeCause| Stop::fatal(error);
        let receipt = Receipt {
            tx_id: tx.id,
            status,
            gas_used,
            fee,
            events: Bounded::new(events).map_err(too_much)?,
            return_data: ReturnData::new(body.return_data).map_err(too_much)?,
        };
        Ok(Outcome::Included(Box::new(Included {
            receipt,
            gas: body.gas,
            failure,
        })))
    }
}

impl Transition<'_> {
    pub(super) const fn schedule(&self) -> &'static GasSchedule {
        self.rules.schedule
    }

    /// Moves `amount` if the gas and the purse allow it. Takes it from the purse and adds it to the receiver's balance.
    fn transfer<V>(
        &self,
        mut purse: Purse,
        tx: &Verified,
        to: Address,
        amount: Amount,
        view: &mut V,
    ) -> Result<Body, Stop>
    where
        V: View<Key = Field, Value = FieldValue, Delta = Credit>,
    {
        let payload = &tx.tx.payload;
        let (tx_id, gas_limit) = (tx.id, payload.gas_limit);
        let needed = self.schedule().transfer_total(tx.intrinsic);
        let body = |gas, balance, ended| Body {
            gas,
            refund: Gas::ZERO,
            balance,
            ended,
            return_data: Vec::new(),
        };
        let gas = match needed {
            Some(needed) if needed <= gas_limit => needed,
            _ => {
                let out_of_gas = RuntimeError::OutOfGas {
                    tx_id,
                    gas_limit,
                    needed: needed.unwrap_or(Gas(u64::MAX)),
                    operation: "transfer",
                };
                return Ok(body(gas_limit, purse.balance, Err(out_of_gas)));
            }
        };
        if amount > purse.left_to_spend {
            let above = RuntimeError::AmountAboveBalance {
                tx_id,
                amount,
                available: purse.left_to_spend,
            };
            return Ok(body(gas, purse.balance, Err(above)));
        }
        if to != payload.sender {
            purse.balance = debit(purse.balance, amount)?;
            // All balances together stay below the bound, so on final state no sum reaches it.
            view.add(Field::Balance(to), Credit(amount))?
                .map_err(|OutOfBounds| Stop::fatal("a balance exceeds the total supply"))?;
        }
        let events = vec![Event::transfer(payload.sender, to, amount)];
        Ok(body(gas, purse.balance, Ok(events)))
    }
}

/// What the sender has beside the highest fee, or that it does not have that.
fn purse<V>(
    view: &mut V,
    payload: &TransactionPayload,
) -> Result<Result<Purse, TransitionError>, Stop>
where
    V: View<Key = Field, Value = FieldValue>,
{
    let sender = Account {
        balance: read_amount(view, &Field::Balance(payload.sender))?,
        locked: read_amount(view, &Field::Locked(payload.sender))?,
        ..Account::default()
    };
    let (required, available) = (payload.max_fee(), sender.spendable());
    let insufficient = TransitionError::InsufficientBalance {
        required,
        available,
    };
    let left_to_spend = available.checked_sub(required).ok_or(insufficient);
    Ok(left_to_spend.map(|left_to_spend| Purse {
        balance: sender.balance,
        reserved: required,
        left_to_spend,
    }))
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

fn read_amount<V>(view: &mut V, field: &Field) -> Result<Amount, Stop>
where
    V: View<Key = Field, Value = FieldValue>,
{
    field.amount(view.read(field)?).map_err(Stop::fatal)
}

/// The reservation made sure that this cannot fail; if it does, the block stops.
pub(super) fn debit(balance: Amount, amount: Amount) -> Result<Amount, Stop> {
    balance
        .checked_sub(amount)
        .ok_or_else(|| Stop::fatal("a reserved amount is above the balance"))
}

#[cfg(test)]
mod tests;
