//! The protocol of the parallel mode as a model that is explored in full: three transactions, two workers, two keys.
//!
//! The model has one step for every access of the protocol to what the workers share, in the order in which the modules
//! under `parallel` make them. Every property is also shown to notice: faults are planted, and each is caught.

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use stateright::{Checker, Model};

    use super::model::{Fault, Program, Protocol, TXS};

    /// Blocks that differ in who meets whom. The last ones write elsewhere when they have read something else.
    fn blocks() -> Vec<[Program; TXS]> {
        let to = |reads, writes| Program {
            reads,
            writes,
            wanders: false,
        };
        let wandering = |reads, writes| Program {
            reads,
            writes,
            wanders: true,
        };
        vec![
            [to(0, 0), to(0, 0), to(0, 0)],
            [to(0, 1), to(1, 0), to(0, 1)],
            [to(0, 0), to(1, 1), to(0, 1)],
            [to(0, 0), wandering(0, 1), to(1, 1)],
            [wandering(0, 0), wandering(0, 0), wandering(1, 1)],
        ]
    }

    /// Which properties fail under a fault, over all blocks.
    fn caught(fault: Option<Fault>) -> Vec<&'static str> {
        let mut caught = Vec::new();
        for programs in blocks() {
            let checker = Protocol { programs, fault }.checker().spawn_bfs().join();
            assert!(
                checker.is_done() || !checker.discoveries().is_empty(),
                "{programs:?}"
            );
            caught.extend(checker.discoveries().into_keys());
        }
        caught.sort_unstable();
        caught.dedup();
        caught
    }

    #[test]
    fn the_committed_block_is_the_sequential_one_and_every_run_ends() {
        assert_eq!(caught(None), Vec::<&str>::new());
    }

    #[test]
    fn skipping_validation_is_caught() {
        assert!(caught(Some(Fault::SkipValidation)).contains(&Protocol::SEQUENTIAL));
    }

    #[test]
    fn committing_on_an_early_validation_is_caught() {
        assert!(caught(Some(Fault::EarlyCommit)).contains(&Protocol::SEQUENTIAL));
    }

    #[test]
    fn skipping_estimates_is_caught() {
        assert!(caught(Some(Fault::SkipEstimate)).contains(&Protocol::ESTIMATED));
    }

    #[test]
    fn a_committer_that_forgets_the_frontier_is_caught() {
        assert!(caught(Some(Fault::ForgetFrontier)).contains(&Protocol::ENDS));
    }

    #[test]
    fn a_sleeper_that_does_not_look_again_is_caught() {
        assert!(caught(Some(Fault::SleepAtOnce)).contains(&Protocol::ENDS));
    }
}
