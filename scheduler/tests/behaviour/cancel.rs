//! A run that is ended from outside: what is below stays delivered, and nothing hangs.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use ordlane_scheduler::{Cancel, Flow, NoDelta, Options, RunError, Stop, TxIndex, View, Vm};

use super::support::{Watchdog, every_way};

/// What a transaction does.
#[derive(Clone, Copy, Debug)]
enum Job {
    Count,
    /// Never ends, on no state, but asks whether it should.
    Loop,
    /// Never ends and reads.
    Read,
    /// Says that all is well although it was asked to leave.
    Deny,
    /// Throws the switch.
    Throw,
}

struct Jobs(Cancel);

impl Vm for Jobs {
    type Key = u8;
    type Value = u32;
    type Delta = NoDelta;
    type Tx = Job;
    type Output = u32;
    type Worker = ();

    fn worker(&self) {}

    fn execute<V>(&self, (): &mut (), _: TxIndex, job: &Job, view: &mut V) -> Result<u32, Stop>
    where
        V: View<Key = u8, Value = u32>,
    {
        let count = view.read(&0)?.unwrap_or(0);
        match job {
            Job::Count => {}
            Job::Loop | Job::Deny => {
                while !view.should_stop() {
                    thread::yield_now();
                }
                if matches!(job, Job::Loop) {
                    return Err(Stop::requested());
                }
            }
            Job::Read => loop {
                view.read(&0)?;
            },
            Job::Throw => self.0.cancel(),
        }
        view.write(0, count + 1);
        Ok(count)
    }
}

fn delivered(
    executor: &ordlane_scheduler::Executor,
    block: &[Job],
    cancel: &Cancel,
) -> (Vec<u32>, Result<usize, RunError<std::convert::Infallible>>) {
    let mut outputs = Vec::new();
    let mut sink = |_: TxIndex, output: u32, _: &[(u8, Option<u32>)]| {
        outputs.push(output);
        Flow::Continue
    };
    let said = executor.run_with(
        &Jobs(cancel.clone()),
        &BTreeMap::new(),
        block,
        &mut sink,
        Options::default().cancel(cancel),
    );
    (outputs, said.map(|summary| summary.committed))
}

#[test]
fn a_run_without_end_on_final_state_ends_when_it_is_cancelled() {
    let _watchdog = Watchdog::new("a_run_without_end_on_final_state_ends_when_it_is_cancelled");
    for (way, executor) in every_way() {
        for endless in [Job::Loop, Job::Read, Job::Deny] {
            for at in [0, 1, 30] {
                let mut block = vec![Job::Count; 60];
                block[at] = endless;
                let cancel = Cancel::new();
                let (outputs, said) = thread::scope(|scope| {
                    scope.spawn(|| {
                        thread::sleep(Duration::from_millis(3));
                        cancel.cancel();
                    });
                    delivered(&executor, &block, &cancel)
                });
                match said {
                    Err(RunError::Cancelled { index }) => {
                        assert_eq!(index.as_usize(), outputs.len(), "{way}");
                        assert!(outputs.len() <= at, "{endless:?}, {way}");
                    }
                    other => panic!("{endless:?}, {way}: {other:?}"),
                }
                assert!(
                    outputs
                        .iter()
                        .copied()
                        .eq(0..u32::try_from(outputs.len()).unwrap())
                );
            }
        }
    }
}

#[test]
fn a_switch_thrown_before_the_run_lets_nothing_through() {
    let _watchdog = Watchdog::new("a_switch_thrown_before_the_run_lets_nothing_through");
    let cancel = Cancel::new();
    cancel.cancel();
    for (way, executor) in every_way() {
        let (outputs, said) = delivered(&executor, &[Job::Count; 40], &cancel);
        assert!(
            matches!(said, Err(RunError::Cancelled { index }) if index.get() == 0),
            "{way}"
        );
        assert!(outputs.is_empty(), "{way}");
        // An empty block is done before anyone looks.
        assert!(
            matches!(delivered(&executor, &[], &cancel).1, Ok(0)),
            "{way}"
        );
    }
}

#[test]
fn a_switch_thrown_in_mid_block_leaves_a_prefix() {
    let _watchdog = Watchdog::new("a_switch_thrown_in_mid_block_leaves_a_prefix");
    for (way, executor) in every_way() {
        for _ in 0..20 {
            let mut block = vec![Job::Count; 200];
            block[100] = Job::Throw;
            let (outputs, said) = delivered(&executor, &block, &Cancel::new());
            match said {
                Err(RunError::Cancelled { index }) => {
                    assert_eq!(index.as_usize(), outputs.len(), "{way}");
                }
                other => panic!("{way}: {other:?}"),
            }
            assert!(
                outputs
                    .iter()
                    .copied()
                    .eq(0..u32::try_from(outputs.len()).unwrap())
            );
        }
    }
}
