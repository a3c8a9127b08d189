//! Incidents of engines that keep balances lazily, on additions.

use std::collections::BTreeMap;

use ordlane_scheduler::{Bounded, Change};

use super::super::calls::{Call, Seen, burn};
use super::super::support::{Watchdog, every_way, run};

/// Where all fees go.
const FEES: u64 = 1_000;
const SENDERS: u32 = 8;
const LENGTH: usize = 400;

fn plus(by: u64) -> Bounded<u64> {
    Bounded {
        change: Change::Plus(by),
        min: 0,
        max: u64::MAX,
    }
}

fn minus(by: u64) -> Bounded<u64> {
    Bounded {
        change: Change::Minus(by),
        min: 0,
        max: u64::MAX,
    }
}

/// Pays 3 from the sender if it can, of which 1 is a fee; every seventh call gives a sender 5 more instead. 1 if it paid.
fn pay(index: u32, view: &mut dyn Seen) -> Result<u64, ordlane_scheduler::Stop> {
    let sender = u64::from(index % SENDERS);
    burn(300);
    if index.is_multiple_of(7) {
        let _ = view.add(sender, plus(5))?;
        return Ok(9);
    }
    if view.add(sender, minus(3))?.is_err() {
        return Ok(0);
    }
    let _ = view.add((sender + 1) % u64::from(SENDERS), plus(2))?;
    let _ = view.add(FEES, plus(1))?;
    Ok(1)
}

/// The same over an array: what each call gives, and what stands under `FEES` after it.
fn paid_by_hand() -> Vec<(u64, u64)> {
    let mut balances = [4_u64; 8];
    let mut fees = 0;
    (0..LENGTH)
        .map(|index| {
            let sender = index % balances.len();
            if index % 7 == 0 {
                balances[sender] += 5;
                return (9, fees);
            }
            let Some(rest) = balances[sender].checked_sub(3) else {
                return (0, fees);
            };
            balances[sender] = rest;
            let receiver = (sender + 1) % balances.len();
            balances[receiver] += 2;
            fees += 1;
            (1, fees)
        })
        .collect()
}

fn base() -> BTreeMap<u64, u64> {
    (0..SENDERS).map(|sender| (u64::from(sender), 4)).collect()
}

/// An insufficient lazy sender failed the whole block.
#[test]
fn a_sender_who_cannot_pay_fails_its_own_transaction_and_no_other() {
    let _watchdog = Watchdog::new("a_sender_who_cannot_pay_fails_its_own_transaction");
    let expected: Vec<u64> = paid_by_hand()
        .into_iter()
        .map(|(output, _)| output)
        .collect();
    let failed = expected.iter().filter(|output| **output == 0).count();
    assert!((20..LENGTH - 20).contains(&failed), "{failed}");
    for (way, executor) in every_way() {
        let (entries, said) = run(&executor, &Call(pay), &base(), &[(); LENGTH]);
        assert_eq!(said.unwrap().committed, LENGTH, "{way}");
        let outputs: Vec<u64> = entries.iter().map(|entry| entry.output).collect();
        assert_eq!(outputs, expected, "{way}");
        let empty = entries.iter().filter(|entry| entry.writes.is_empty());
        assert_eq!(empty.count(), failed, "{way}: who fails writes nothing");
    }
}

/// The coinbase was read in mid-block.
#[test]
fn the_fee_key_read_in_mid_block_holds_all_fees_below_and_none_above() {
    let _watchdog = Watchdog::new("the_fee_key_read_in_mid_block_holds_all_fees_below");
    let by_hand = paid_by_hand();
    let call = |index: u32, view: &mut dyn Seen| {
        let paid = pay(index, view)?;
        if index % 10 == 3 {
            return Ok(100 + view.read(FEES)?.unwrap_or(0));
        }
        Ok(paid)
    };
    let expected: Vec<u64> = (0..)
        .zip(&by_hand)
        .map(|(index, (paid, fees))| if index % 10 == 3 { 100 + fees } else { *paid })
        .collect();
    for (way, executor) in every_way() {
        let (entries, said) = run(&executor, &Call(call), &base(), &[(); LENGTH]);
        assert_eq!(said.unwrap().committed, LENGTH, "{way}");
        let outputs: Vec<u64> = entries.iter().map(|entry| entry.output).collect();
        assert_eq!(outputs, expected, "{way}");
    }
}

/// The coinbase was written in mid-block, by a transaction that pays it out.
#[test]
fn fees_that_are_paid_out_in_mid_block_are_paid_once() {
    let _watchdog = Watchdog::new("fees_that_are_paid_out_in_mid_block_are_paid_once");
    let call = |index: u32, view: &mut dyn Seen| {
        if index % 50 == 49 {
            let fees = view.read(FEES)?.unwrap_or(0);
            view.delete(FEES);
            return Ok(fees);
        }
        burn(300);
        let _ = view.add(FEES, plus(u64::from(index)))?;
        Ok(0)
    };
    let expected = (0..LENGTH as u64).map(|index| match index % 50 {
        49 => (index - 49..index).sum(),
        _ => 0,
    });
    for (way, executor) in every_way() {
        let (entries, said) = run(&executor, &Call(call), &BTreeMap::new(), &[(); LENGTH]);
        assert_eq!(said.unwrap().committed, LENGTH, "{way}");
        let outputs = entries.into_iter().map(|entry| entry.output);
        assert!(outputs.eq(expected.clone()), "{way}");
    }
}
