//! Who waits for a transaction, and who sleeps: nobody is forgotten.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::panic::catch_unwind;
use std::sync::Arc;

use loom::thread;

use super::exhausted::{Shared, exhaust, shared, version};
use crate::faults::{Fault, plant};
use crate::idle::Idle;
use crate::parallel::status::Phase;
use crate::sync::{AtomicU32, Ordering};
use crate::types::TxIndex;

/// Whether it waits now.
fn park(shared: &Shared, before: u32, tx: u32) -> bool {
    let is_running = |phase| phase == Phase::Executing;
    shared.park(TxIndex::new(before), version(tx, 0), None, is_running)
}

/// Whoever waits is woken by the commit; whoever comes too late does not wait.
fn is_not_forgotten(shared: &Shared, tx: u32, parked: bool) {
    let seen = shared.ring.of(TxIndex::new(tx)).status.load();
    assert_eq!(seen.version, version(tx, 0));
    let phase = if parked {
        Phase::Ready
    } else {
        Phase::Executing
    };
    assert_eq!(seen.phase, phase);
}

#[test]
fn none_of_two_who_wait_for_a_transaction_is_forgotten() {
    exhaust(None, || {
        let shared = shared(&[0; 3], &[], 2, 3);
        let waiting = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || [1, 2].map(|tx| park(&shared, 0, tx)))
        };
        shared.advance(TxIndex::new(0), 3);
        let mut woken = Vec::new();
        for (tx, parked) in (1..).zip(waiting.join().unwrap()) {
            is_not_forgotten(&shared, tx, parked);
            woken.extend(parked.then_some(tx));
        }
        let queued: Vec<u32> = std::iter::from_fn(|| shared.requeue.pop())
            .map(TxIndex::get)
            .collect();
        assert_eq!(queued, woken, "the lowest first, each once");
        assert!(!shared.requeue.has_blocked());
    });
}

#[test]
fn nobody_sleeps_past_work() {
    exhaust(None, two_sleep_and_one_makes_work);
}

#[test]
fn a_sleeper_that_does_not_look_again_is_found() {
    plant(Some(Fault::SleepAtOnce));
    let found = catch_unwind(|| exhaust(None, one_sleeps_and_one_makes_work));
    plant(None);
    let said = found.unwrap_err();
    let said = said.downcast_ref::<String>();
    assert!(
        said.is_some_and(|said| said.contains("deadlock")),
        "{said:?}"
    );
    exhaust(None, one_sleeps_and_one_makes_work);
}

fn one_sleeps_and_one_makes_work() {
    let shared = Arc::new((Idle::default(), AtomicU32::new(0)));
    let sleeper = {
        let shared = Arc::clone(&shared);
        thread::spawn(move || {
            let (idle, work) = &*shared;
            let has_work = || work.load(Ordering::SeqCst) > 0;
            while !has_work() {
                idle.wait(true, has_work);
            }
        })
    };
    let (idle, work) = &*shared;
    work.store(1, Ordering::SeqCst);
    idle.ring(|| true);
    sleeper.join().unwrap();
}

fn two_sleep_and_one_makes_work() {
    let shared = Arc::new((Idle::default(), AtomicU32::new(0)));
    let sleepers = [(), ()].map(|()| {
        let shared = Arc::clone(&shared);
        thread::spawn(move || {
            let (idle, work) = &*shared;
            let has_work = || work.load(Ordering::SeqCst) > 0;
            while !has_work() {
                idle.wait(true, has_work);
            }
            // As workers do: whoever rang did so for one.
            idle.ring(has_work);
        })
    });
    let (idle, work) = &*shared;
    work.store(1, Ordering::SeqCst);
    idle.ring(|| true);
    for sleeper in sleepers {
        sleeper.join().unwrap();
    }
    assert!(!idle.has_sleepers());
}

#[test]
fn the_end_wakes_all() {
    exhaust(None, || {
        let shared = Arc::new((Idle::default(), AtomicU32::new(0)));
        let sleepers = [(), ()].map(|()| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (idle, over) = &*shared;
                let is_over = || over.load(Ordering::SeqCst) > 0;
                while !is_over() {
                    idle.wait(true, is_over);
                }
            })
        });
        let (idle, over) = &*shared;
        over.store(1, Ordering::SeqCst);
        idle.ring_all();
        for sleeper in sleepers {
            sleeper.join().unwrap();
        }
    });
}
