//! Whether this build of wasmi runs on a stack of fixed size.
//!
//! In optimised builds the handlers of wasmi's instructions end by calling the next one, and rely on the compiler to make
//! jumps of these calls. Rust does not promise that, and with assertions in the handlers it does not happen: then every
//! instruction takes a piece of the stack, and a long contract ends the process. So a module is run once in a process, first
//! for a few rounds and then for many, and what it calls in every round looks where the stack is.

use std::sync::OnceLock;

use wasmi::{Caller, Config, Engine, Func, Instance, Module, Store};

/// Made of `dispatch.wat`.
const MODULE: &[u8] = include_bytes!("dispatch.wasm");
/// So few rounds take less than the smallest stack even where each instruction takes a piece of it.
const FEW_ROUNDS: u32 = 20;
/// So many show it where one instruction does.
const MANY_ROUNDS: u32 = 2_000;
/// How far apart the ends of the stack may lie.
const MAX_SPREAD_BYTES: usize = 4 * 1024;

/// Where the stack was.
#[derive(Debug)]
struct Marks {
    low: usize,
    high: usize,
}

/// Why contracts do not run in this build.
pub(super) fn check() -> Result<(), &'static str> {
    static CHECKED: OnceLock<Result<(), &'static str>> = OnceLock::new();
    *CHECKED.get_or_init(|| {
        for rounds in [FEW_ROUNDS, MANY_ROUNDS] {
            let spread = spread(rounds).map_err(|_| "the module of the self-test does not run")?;
            if spread > MAX_SPREAD_BYTES {
                return Err(
                    "in this build the interpreter takes a piece of the stack for each instruction: \
                     build the package wasmi with opt-level 2 or 3 and without debug-assertions, or with opt-level 0",
                );
            }
        }
        Ok(())
    })
}

/// How much of the stack so many rounds take.
fn spread(rounds: u32) -> Result<usize, wasmi::Error> {
    let engine = Engine::new(&Config::default());
    let module = Module::new(&engine, MODULE)?;
    let marks = Marks {
        low: usize::MAX,
        high: 0,
    };
    let mut store = Store::new(&engine, marks);
    let mark = Func::wrap(&mut store, mark);
    let instance = Instance::new(&mut store, &module, &[mark.into()])?;
    let run = instance.get_typed_func::<u32, ()>(&store, "run")?;
    run.call(&mut store, rounds)?;
    let Marks { low, high } = store.data();
    Ok(high.saturating_sub(*low))
}

fn mark(mut caller: Caller<'_, Marks>) {
    let here = 0_u8;
    let at = core::hint::black_box(&raw const here).addr();
    let marks = caller.data_mut();
    marks.low = marks.low.min(at);
    marks.high = marks.high.max(at);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_made_of_its_text() {
        let text = include_str!("dispatch.wat");
        assert_eq!(wat::parse_str(text).unwrap(), MODULE);
    }

    #[test]
    fn this_build_runs_on_a_stack_of_fixed_size() {
        assert_eq!(check(), Ok(()));
        assert!(spread(MANY_ROUNDS).unwrap() <= MAX_SPREAD_BYTES);
    }
}
