//! The word of a lock: the real one, with its release by a plain store, in full.

use std::sync::Arc;

use loom::thread;

use super::exhausted::exhaust;
use crate::parallel::lock::Lock;
use crate::sync::{AtomicU32, Ordering, fence};

/// loom panics at an access to the value that is not ordered after all earlier ones.
#[test]
fn one_thread_at_a_time_is_inside_and_sees_what_was_done_there() {
    exhaust(None, || {
        let lock = Arc::new(Lock::new((0_u32, 0_u32)));
        let other = {
            let lock = Arc::clone(&lock);
            thread::spawn(move || add(&mut lock.lock(), 1))
        };
        if let Some(mut pair) = lock.try_lock() {
            add(&mut pair, 10);
        }
        add(&mut lock.lock(), 1);
        other.join().unwrap();
        let pair = lock.lock();
        assert_eq!(pair.0 % 10, 2);
        assert_eq!(pair.0, pair.1);
    });
}

fn add(pair: &mut (u32, u32), by: u32) {
    assert_eq!(pair.0, pair.1);
    pair.0 += by;
    pair.1 += by;
}

/// As the committers do it: look, fence, try, unlock, fence, look again.
#[test]
fn whose_try_fails_is_seen_by_the_one_who_has_it() {
    exhaust(None, || {
        let shared = Arc::new((Lock::new(0), [AtomicU32::new(0), AtomicU32::new(0)]));
        let work = |shared: &(Lock<u32>, [AtomicU32; 2]), own: usize| {
            let (lock, made) = shared;
            made[own].store(1, Ordering::SeqCst);
            while made.iter().any(|made| made.load(Ordering::SeqCst) == 1) {
                fence(Ordering::SeqCst);
                let Some(mut done) = lock.try_lock() else {
                    break;
                };
                for made in made {
                    let taken = made.compare_exchange(1, 0, Ordering::SeqCst, Ordering::SeqCst);
                    *done += u32::from(taken.is_ok());
                }
                drop(done);
                fence(Ordering::SeqCst);
            }
        };
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || work(&shared, 1))
        };
        work(&shared, 0);
        other.join().unwrap();
        assert_eq!(*shared.0.lock(), 2, "something was left to nobody");
    });
}
