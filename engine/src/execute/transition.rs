//! The state transition of one transaction, as the specification gives it.
//!
//! The same code runs speculatively and on final state; it sees fields of accounts through the scheduler's view and
//! nothing else. The sender's fields are read and written, the receiver's balance is added to without being read, so that
//! a receiver makes no two transactions wait for each other.

use ordlane_primitives::{
    Account, Address, Amount, ErrorCode, Event, Gas, GasSchedule, Nonce, Receipt, ReceiptStatus,
    ReturnData, TxKind, codec::Bounded,
};
use ordlane_scheduler::{OutOfBounds, Stop, TxIndex, View, Vm};

use super::field::{Credit, Field, FieldValue};
use crate::{ValidationError, verify::Verified};

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the block, with this receipt.
    Included(Receipt),
    /// It cannot be in the block; it wrote nothing.
    Invalid(ValidationError),
}

/// Runs transactions under one gas schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transition {
    pub(crate) schedule: &'static GasSchedule,
}

/// How the body of a transaction ended: its status, the gas it used, its events.
struct Body {
    status: ReceiptStatus,
    gas_used: Gas,
    events: Vec<Event>,
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
            return Ok(Outcome::Invalid(ValidationError::InsufficientBalance {
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
        Ok(Outcome::Included(Receipt {
            tx_id: tx.id,
            status: body.status,
            gas_used: body.gas_used,
            fee,
            events: Bounded::new(body.events).map_err(|error| Stop::fatal(error.to_string()))?,
            return_data: ReturnData::default(),
        }))
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
        let failed = |code, gas_used| {
            Ok(Body {
                status: ReceiptStatus::Failed(code),
                gas_used,
                events: Vec::new(),
            })
        };
        let gas_used = match self.schedule.transfer_total(tx.intrinsic) {
            Some(gas_used) if gas_used <= payload.gas_limit => gas_used,
            _ => return failed(ErrorCode::OutOfGas, payload.gas_limit),
        };
        if amount > purse.left_to_spend {
            return failed(ErrorCode::AmountAboveBalance, gas_used);
        }
        if to != payload.sender {
            purse.balance = debit(purse.balance, amount)?;
            // All balances together stay below the bound, so on final state no sum reaches it.
            view.add(Field::Balance(to), Credit(amount))?
                .map_err(|OutOfBounds| Stop::fatal("a balance exceeds the total supply"))?;
        }
        let events = vec![Event::transfer(payload.sender, to, amount)];
        Ok(Body {
            status: ReceiptStatus::Success,
            gas_used,
            events,
        })
    }
}

/// The nonce after a transaction with the nonce `got` of an account with the nonce `expected`.
fn next_nonce(expected: Nonce, got: Nonce) -> Result<Nonce, ValidationError> {
    let wrong_nonce = ValidationError::InvalidNonce { expected, got };
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
