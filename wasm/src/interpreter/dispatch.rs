//! Whether this build of wasmi runs on a stack of fixed size.
//!
//! In optimised builds the handlers of wasmi's instructions end by calling the next one, and rely on the compiler to make
//! jumps of these calls. Rust does not promise that, and with assertions in the handlers it does not happen: then every
//! instruction takes a piece of the stack, or some do, and a long contract ends the process. So two modules are run once in
//! a process, on a stack with room enough, and what they call in every round looks where it stands. The first has some
//! instructions in an order as compilers have it. The second has all of them, with their operands in the places where wasmi has
//! handlers of their own for it.

use std::{sync::OnceLock, thread};

use wasmi::{Caller, Config, Engine, Func, Instance, Module, Store};

/// Some instructions, made of `few.wat`.
const FEW: &[u8] = include_bytes!("dispatch/few.wasm");
/// All of them, made by `made.rs`.
const OPERATORS: &[u8] = include_bytes!("dispatch/operators.wasm");
/// How often they run.
const RUNS: [(&[u8], u32); 2] = [(FEW, 20), (OPERATORS, 2)];
/// More than a kilobyte for each instruction that is run.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Where the stack was.
#[derive(Debug)]
struct Marks {
    low: usize,
    high: usize,
}

/// Why contracts do not run in this build, or not now: what was seen once is known, a failure to look is not kept.
pub(super) fn check() -> Result<(), &'static str> {
    static FIXED: OnceLock<bool> = OnceLock::new();
    let fixed = match FIXED.get() {
        Some(fixed) => *fixed,
        None => {
            let fixed = is_fixed()?;
            *FIXED.get_or_init(|| fixed)
        }
    };
    if fixed {
        return Ok(());
    }
    Err(
        "in this build the interpreter takes a piece of the stack for each instruction: build the packages \
         wasmi, wasmi_core and wasmi_ir with opt-level 2 or 3 and without debug-assertions, or with opt-level 0",
    )
}

fn is_fixed() -> Result<bool, &'static str> {
    for (module, rounds) in RUNS {
        // It is looked from the same place each time.
        if spread(module, rounds)? > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How much of the stack so many rounds of a module take, on a thread whose stack has room for every instruction to take some.
fn spread(module: &[u8], rounds: u32) -> Result<usize, &'static str> {
    let run = || spread_here(module, rounds).map_err(|_| "a module of the self-test does not run");
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, run)
            .map_err(|_| "no thread for the self-test")?;
        thread.join().map_err(|_| "the self-test panicked")?
    })
}

fn spread_here(module: &[u8], rounds: u32) -> Result<usize, wasmi::Error> {
    let mut config = Config::default();
    config.consume_fuel(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, module)?;
    let marks = Marks {
        low: usize::MAX,
        high: 0,
    };
    let mut store = Store::new(&engine, marks);
    store.set_fuel(u64::MAX)?;
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
mod made;

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::*;

    #[test]
    fn the_modules_are_made_of_what_they_are_made_of() {
        assert_eq!(
            wat::parse_str(include_str!("dispatch/few.wat")).unwrap(),
            FEW
        );
        let operators = made::operators();
        if env::var_os("ORDLANE_WRITE_DOCS").is_some() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/interpreter/dispatch");
            fs::write(format!("{folder}/operators.wasm"), &operators).unwrap();
        }
        assert!(
            operators == OPERATORS,
            "it is written with ORDLANE_WRITE_DOCS=1"
        );
    }

    #[test]
    fn this_build_runs_on_a_stack_of_fixed_size() {
        for (module, rounds) in RUNS {
            assert_eq!(spread(module, 10 * rounds).unwrap(), 0);
        }
        assert_eq!(check(), Ok(()));
    }
}
