//! What one transaction with contracts has changed so far, over the scheduler's view: the host of its contracts.
//!
//! Invariant: the view is only read until the transaction has succeeded, and the fields are then written once each. What
//! was only added to is only added to in the view, too, so a receiver of many transfers conflicts with none of them. Of a
//! field there are no more values than there are calls inside each other, however often it is written.

use std::{collections::BTreeMap, sync::Arc};

use ordlane_primitives::{Address, Amount, Event, Hash, Nonce};
use ordlane_scheduler::{OutOfBounds, Stop, View};
use ordlane_wasm::{Bytes, Checkpoint, Host, Interrupt, Slot};

use super::field::{Code, Credit, Field, FieldValue, SlotKey};
use crate::SystemError;

/// Where the codes of accounts of the parent's state are.
pub(crate) type CodeSource<'a> = dyn Fn(&Hash) -> Result<Option<Bytes>, SystemError> + Sync + 'a;

/// The journal of one transaction.
pub(super) struct Journal<'v, V> {
    view: &'v mut V,
    codes: &'v CodeSource<'v>,
    changed: BTreeMap<Field, Changed>,
    /// One for every checkpoint that is still of use, outermost first.
    steps: Vec<Step>,
    events: Vec<Event>,
    /// Why the view, or the state below it, ended the run.
    stop: Option<Stop>,
}

/// What has become of a field.
#[derive(Clone, Debug)]
enum Changed {
    /// It holds this, or nothing.
    To(Option<FieldValue>),
    /// So much was added to the amount that it holds, whatever that is.
    By(Amount),
}

/// What was at a checkpoint.
#[derive(Debug)]
struct Step {
    /// What had become of each field that has changed since.
    fields: BTreeMap<Field, Option<Changed>>,
    /// How many events there were.
    events: usize,
}

impl<'v, V> Journal<'v, V>
where
    V: View<Key = Field, Value = FieldValue, Delta = Credit>,
{
    pub(super) fn new(view: &'v mut V, codes: &'v CodeSource<'v>) -> Self {
        Self {
            view,
            codes,
            changed: BTreeMap::new(),
            steps: Vec::new(),
            events: Vec::new(),
            stop: None,
        }
    }

    /// Puts a value into a field, not to be taken back.
    pub(super) fn put(&mut self, field: Field, value: FieldValue) {
        self.changed.insert(field, Changed::To(Some(value)));
    }

    /// What ended the run, once.
    pub(super) fn take_stop(&mut self) -> Option<Stop> {
        self.stop.take()
    }

    /// The amount that a field holds.
    pub(super) fn amount(&mut self, field: &Field) -> Result<Amount, Interrupt> {
        let added = match self.changed.get(field) {
            Some(Changed::To(value)) => {
                let amount = field.amount(value.clone());
                return self.or_stop(amount.map_err(Stop::fatal));
            }
            Some(Changed::By(added)) => *added,
            None => Amount::ZERO,
        };
        let read = self.read_below(field)?;
        let sum = field.amount(read).map_err(Stop::fatal).and_then(|amount| {
            amount
                .checked_add(added)
                .ok_or_else(|| Stop::fatal("a balance exceeds the total supply"))
        });
        self.or_stop(sum)
    }

    /// Writes everything into the view, and gives the events.
    pub(super) fn finish(self) -> Result<Vec<Event>, Stop> {
        for (field, changed) in self.changed {
            match changed {
                Changed::To(Some(value)) => self.view.write(field, value),
                Changed::To(None) => self.view.delete(field),
                // All balances together stay below the bound, so on final state no sum reaches it.
                Changed::By(amount) => self
                    .view
                    .add(field, Credit(amount))?
                    .map_err(|OutOfBounds| Stop::fatal("a balance exceeds the total supply"))?,
            }
        }
        Ok(self.events)
    }

    /// What a field holds that is no amount.
    fn read(&mut self, field: &Field) -> Result<Option<FieldValue>, Interrupt> {
        match self.changed.get(field) {
            Some(Changed::To(value)) => Ok(value.clone()),
            _ => self.read_below(field),
        }
    }

    /// What a field held before the transaction.
    fn read_below(&mut self, field: &Field) -> Result<Option<FieldValue>, Interrupt> {
        let read = self.view.read(field);
        self.or_stop(read)
    }

    fn change(&mut self, field: Field, to: Changed) {
        let before = self.changed.insert(field.clone(), to);
        if let Some(step) = self.steps.last_mut() {
            step.fields.entry(field).or_insert(before);
        }
    }

    fn or_stop<T>(&mut self, outcome: Result<T, Stop>) -> Result<T, Interrupt> {
        outcome.map_err(|stop| {
            self.stop = Some(stop);
            Interrupt
        })
    }

    fn code_of(&mut self, address: &Address) -> Result<Option<Arc<Code>>, Interrupt> {
        let field = Field::Code(*address);
        let read = self.read(&field)?;
        self.or_stop(field.code(read).map_err(Stop::fatal))
    }
}

impl<V> Host for Journal<'_, V>
where
    V: View<Key = Field, Value = FieldValue, Delta = Credit>,
{
    fn value(&mut self, contract: &Address, key: &[u8]) -> Result<Option<Bytes>, Interrupt> {
        let field = slot(contract, key);
        let read = self.read(&field)?;
        self.or_stop(field.bytes(read).map_err(Stop::fatal))
    }

    fn slot(&mut self, contract: &Address, key: &[u8]) -> Result<Slot, Interrupt> {
        let field = slot(contract, key);
        let below = self.read_below(&field)?;
        let original = self.or_stop(field.bytes(below).map_err(Stop::fatal))?;
        let current = match self.changed.get(&field) {
            None => original.clone(),
            Some(_) => {
                let read = self.read(&field)?;
                self.or_stop(field.bytes(read).map_err(Stop::fatal))?
            }
        };
        Ok(Slot { original, current })
    }

    fn set_value(
        &mut self,
        contract: &Address,
        key: &[u8],
        value: Option<Bytes>,
    ) -> Result<(), Interrupt> {
        let value = value.map(FieldValue::Bytes);
        self.change(slot(contract, key), Changed::To(value));
        Ok(())
    }

    fn balance(&mut self, address: &Address) -> Result<Amount, Interrupt> {
        self.amount(&Field::Balance(*address))
    }

    fn transfer(
        &mut self,
        from: &Address,
        to: &Address,
        amount: Amount,
    ) -> Result<bool, Interrupt> {
        let balance = self.amount(&Field::Balance(*from))?;
        let locked = self.amount(&Field::Locked(*from))?;
        let Some(left) = balance.checked_sub(amount).filter(|left| *left >= locked) else {
            return Ok(false);
        };
        if from == to {
            return Ok(true);
        }
        let value = FieldValue::Amount(left);
        self.change(Field::Balance(*from), Changed::To(Some(value)));
        let to = Field::Balance(*to);
        let credited = match self.changed.get(&to) {
            None => Some(Changed::By(amount)),
            Some(Changed::By(before)) => before.checked_add(amount).map(Changed::By),
            Some(Changed::To(_)) => {
                let sum = self.amount(&to)?.checked_add(amount);
                sum.map(|sum| Changed::To(Some(FieldValue::Amount(sum))))
            }
        };
        let beyond = || Stop::fatal("a balance exceeds the total supply");
        let credited = self.or_stop(credited.ok_or_else(beyond))?;
        self.change(to, credited);
        Ok(true)
    }

    fn code_hash(&mut self, address: &Address) -> Result<Hash, Interrupt> {
        let code = self.code_of(address)?;
        Ok(code.map_or(Hash::ZERO, |code| code.hash))
    }

    fn code(&mut self, address: &Address) -> Result<Bytes, Interrupt> {
        let found = match self.code_of(address)? {
            None => Ok(None),
            Some(code) => match &code.bytes {
                Some(bytes) => return Ok(Arc::clone(bytes)),
                None => (self.codes)(&code.hash),
            },
        };
        let what = "code of a contract";
        let found =
            found.and_then(|found| found.ok_or(SystemError::Corrupt { what, source: None }));
        self.or_stop(found.map_err(Stop::fatal))
    }

    fn is_in_use(&mut self, address: &Address) -> Result<bool, Interrupt> {
        let field = Field::Nonce(*address);
        let read = self.read(&field)?;
        let nonce = self.or_stop(field.nonce(read).map_err(Stop::fatal))?;
        Ok(nonce != Nonce(0) || self.code_of(address)?.is_some())
    }

    fn set_code(&mut self, address: &Address, hash: Hash, code: Bytes) -> Result<(), Interrupt> {
        let bytes = Some(code);
        let code = FieldValue::Code(Arc::new(Code { hash, bytes }));
        self.change(Field::Code(*address), Changed::To(Some(code)));
        Ok(())
    }

    fn emit(&mut self, event: Event) {
        self.events.push(event);
    }

    fn checkpoint(&mut self) -> Checkpoint {
        self.steps.push(Step {
            fields: BTreeMap::new(),
            events: self.events.len(),
        });
        Checkpoint(self.steps.len().saturating_sub(1))
    }

    fn revert(&mut self, to: Checkpoint) {
        while self.steps.len() > to.0
            && let Some(step) = self.steps.pop()
        {
            self.events.truncate(step.events);
            for (field, before) in step.fields {
                match before {
                    Some(before) => self.changed.insert(field, before),
                    None => self.changed.remove(&field),
                };
            }
        }
    }

    fn release(&mut self, checkpoint: Checkpoint) {
        while self.steps.len() > checkpoint.0
            && let Some(step) = self.steps.pop()
        {
            let Some(outer) = self.steps.last_mut() else {
                continue;
            };
            for (field, before) in step.fields {
                outer.fields.entry(field).or_insert(before);
            }
        }
    }

    fn should_stop(&self) -> bool {
        self.view.should_stop()
    }

    fn debug(&mut self, contract: &Address, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        tracing::debug!(%contract, %text, "a contract says");
    }
}

fn slot(contract: &Address, key: &[u8]) -> Field {
    Field::Slot(Arc::new(SlotKey {
        contract: *contract,
        key: key.into(),
    }))
}
