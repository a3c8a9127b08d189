//! The state transition of one transaction, as the specification gives it.
//!
//! The same code runs speculatively and on final state; it sees accounts through the scheduler's view and nothing else.

use ordlane_primitives::{
    Account, Address, Amount, ErrorCode, Event, Gas, GasSchedule, Receipt, ReceiptStatus,
    ReturnData, TxKind, codec::Bounded,
};
use ordlane_scheduler::{NoDelta, Stop, TxIndex, View, Vm};

use crate::{ValidationError, verify::Verified};

/// The scheduler's key: an account. (Parameters are read once per block and do not change within one.)
pub(crate) type Key = Address;
/// The scheduler's value: an account that is present.
pub(crate) type Value = Account;

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

impl Vm for Transition {
    type Key = Key;
    type Value = Value;
    type Delta = NoDelta;
    type Tx = Verified;
    type Output = Outcome;
    type Worker = ();

    fn worker(&self) {}

    fn execute<V>(
        &self,
        (): &mut (),
        _: TxIndex,
        tx: &Verified,
        view: &mut V,
    ) -> Result<Outcome, Stop>
    where
        V: View<Key = Key, Value = Value>,
    {
        let payload = &tx.tx.payload;
        let mut sender = view.read(&payload.sender)?.unwrap_or_default();
        let max_fee = payload.max_fee();
        let next_nonce = match check_against_account(&sender, tx) {
            Ok(next_nonce) => next_nonce,
            Err(error) => return Ok(Outcome::Invalid(error)),
        };

        sender.nonce = next_nonce;
        let left_to_spend = Amount(sender.spendable().0.saturating_sub(max_fee.0));
        let body = match payload.kind {
            TxKind::Transfer { to, amount } => {
                self.transfer(&mut sender, tx, to, amount, left_to_spend, view)?
            }
            // Kinds that this release does not execute are refused where they are decoded.
            _ => {
                return Err(Stop::fatal(
                    "a transaction kind was decoded that cannot be executed",
                ));
            }
        };

        let fee = body.gas_used.cost(payload.gas_price);
        sender.balance = debit(sender.balance, fee)?;
        put(view, payload.sender, sender);
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
    /// Moves `amount` if the gas and `left_to_spend` allow it. Changes `sender` in place and writes the receiver.
    fn transfer<V>(
        &self,
        sender: &mut Account,
        tx: &Verified,
        to: Address,
        amount: Amount,
        left_to_spend: Amount,
        view: &mut V,
    ) -> Result<Body, Stop>
    where
        V: View<Key = Key, Value = Value>,
    {
        let payload = &tx.tx.payload;
        let failed = |code, gas_used| {
            Ok(Body {
                status: ReceiptStatus::Failed(code),
                gas_used,
                events: Vec::new(),
            })
        };
        let gas_used = match tx.intrinsic.checked_add(Gas(self.schedule.transfer)) {
            Some(gas_used) if gas_used <= payload.gas_limit => gas_used,
            _ => return failed(ErrorCode::OutOfGas, payload.gas_limit),
        };
        if amount > left_to_spend {
            return failed(ErrorCode::AmountAboveBalance, gas_used);
        }
        if to != payload.sender {
            sender.balance = debit(sender.balance, amount)?;
            let mut receiver = view.read(&to)?.unwrap_or_default();
            // A total supply below 2^127 keeps this sum in range.
            receiver.balance = receiver
                .balance
                .checked_add(amount)
                .ok_or_else(|| Stop::fatal("a balance exceeds the total supply"))?;
            put(view, to, receiver);
        }
        let events = vec![Event::transfer(payload.sender, to, amount)];
        Ok(Body {
            status: ReceiptStatus::Success,
            gas_used,
            events,
        })
    }
}

/// The checks that need the sender's account; gives the nonce after this transaction.
fn check_against_account(
    sender: &Account,
    tx: &Verified,
) -> Result<ordlane_primitives::Nonce, ValidationError> {
    let payload = &tx.tx.payload;
    let wrong_nonce = ValidationError::InvalidNonce {
        expected: sender.nonce,
        got: payload.nonce,
    };
    if payload.nonce != sender.nonce {
        return Err(wrong_nonce);
    }
    let next = payload.nonce.next().ok_or(wrong_nonce)?;
    let (required, available) = (payload.max_fee(), sender.spendable());
    if required > available {
        return Err(ValidationError::InsufficientBalance {
            required,
            available,
        });
    }
    Ok(next)
}

/// An account that became all default is absent, and only then.
fn put<V>(view: &mut V, address: Address, account: Account)
where
    V: View<Key = Key, Value = Value>,
{
    if account.is_absent() {
        view.delete(address);
    } else {
        view.write(address, account);
    }
}

/// The reservation made sure that this cannot fail; if it does, the block stops.
fn debit(balance: Amount, amount: Amount) -> Result<Amount, Stop> {
    balance
        .checked_sub(amount)
        .ok_or_else(|| Stop::fatal("a reserved amount is above the balance"))
}
