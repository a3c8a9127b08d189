//! Whole runs of the smallest blocks, worker loops and all. In full they would take days; so a thread is preempted at most
//! so often, where it does not wait by itself.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;

use loom::thread;

use super::exhausted::{exhaust, shared, summary};

fn run(preemptions: usize, txs: &'static [u8], outputs: &'static [u8]) {
    exhaust(Some(preemptions), move || {
        let shared = shared(txs, outputs, 2, 2);
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.work(1))
        };
        shared.work(0);
        other.join().unwrap();
        assert!(shared.panic.lock().unwrap().is_none());
        assert_eq!(summary(&shared).committed, txs.len());
    });
}

#[test]
fn two_workers_commit_two_transactions_that_meet() {
    run(3, &[0, 0], &[0, 1]);
}

#[test]
fn two_workers_commit_three_transactions_that_meet() {
    run(2, &[0, 0, 0], &[0, 1, 2]);
}

#[test]
fn two_workers_commit_three_transactions_of_which_two_meet() {
    run(2, &[0, 1, 0], &[0, 0, 1]);
}
