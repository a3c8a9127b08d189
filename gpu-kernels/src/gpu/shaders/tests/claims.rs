//! A claim that does not hold is found out, by ranges and by the machine.

use crate::gpu::shaders::emit::bounds::prove;
use crate::gpu::shaders::emit::machine::{Fault, Machine};
use crate::gpu::shaders::emit::{BufferId, Code, Kernel, Parameter, Program, Type, Value};
use crate::gpu::shaders::kernels::{read, write};

const INPUT: BufferId = BufferId::new(0);
const OUTPUT: BufferId = BufferId::new(1);

/// A kernel that reads a word of at most `most`, and writes what is made of it, of at most the same.
fn kernel(program: &Program, most: u32, body: impl FnOnce(&Code<'_>, Value) -> Value) -> Kernel {
    program.kernel_per_item(
        "claims",
        ["count", "unused_1", "unused_2", "unused_3"],
        vec![read("input"), write("output")],
        |code, item| {
            let result = body(code, code.load(INPUT, item, most));
            code.store(OUTPUT, item, result, most);
        },
    )
}

/// What the machine says of a kernel and one word.
fn run(program: &Program, kernel: &Kernel, word: u32) -> Result<u32, Fault> {
    let mut buffers = [vec![word], vec![0]];
    Machine::new(program, kernel)
        .run([1, 0, 0, 0], &mut buffers)
        .map(|()| buffers[1][0])
}

fn is_proved(program: &Program, kernel: &Kernel) -> bool {
    std::panic::catch_unwind(|| prove(program, kernel)).is_ok()
}

/// A kernel whose claim holds for the first word and not for the second.
fn is_found_out(most: u32, holds: u32, fails: u32, body: impl FnOnce(&Code<'_>, Value) -> Value) {
    let program = Program::new();
    let kernel = kernel(&program, most, body);
    assert!(!is_proved(&program, &kernel));
    assert!(run(&program, &kernel, holds).is_ok());
    assert!(run(&program, &kernel, fails).is_err());
}

#[test]
fn sums_differences_products_and_shifts_that_wrap_are_found_out() {
    let any = u32::MAX;
    is_found_out(any, 7, any, |code, word| code.add_constant(word, 1));
    is_found_out(any, 7, 6, |code, word| code.sub(word, code.u32(7)));
    is_found_out(any, 1 << 15, 1 << 16, |code, word| code.mul(word, word));
    is_found_out(any, 1, 1 << 31, |code, word| code.shift_left(word, 1));
    is_found_out(any, 31, 32, |code, word| code.shift_right_by(word, word));
}

#[test]
fn values_beyond_their_limits_are_found_out() {
    is_found_out(9, 8, 9, |code, word| code.add_constant(word, 1));
    is_found_out(9, 8, 9, |code, word| {
        let variable = code.variable(word, vec![8]);
        code.get(variable)
    });
    let mut program = Program::new();
    let parameter = Parameter {
        name: "word",
        ty: Type::U32,
        limits: vec![4],
    };
    let same = program.function("same", vec![parameter], vec![4], |_, arguments| {
        arguments[0]
    });
    let kernel = kernel(&program, 9, |code, word| code.call(same, &[word]));
    assert!(!is_proved(&program, &kernel));
    assert_eq!(run(&program, &kernel, 4), Ok(4));
    let fault = Fault::Limit {
        place: "same",
        value: 5,
        limit: 4,
    };
    assert_eq!(run(&program, &kernel, 5), Err(fault));
}

#[test]
fn what_holds_is_proved() {
    let program = Program::new();
    let kernel = kernel(&program, 100, |code, word| {
        let sum = code.variable(word, vec![100]);
        code.repeat(5, |count| {
            let next = code.add(code.mask(code.get(sum), 63), count);
            let is_small = code.less(next, code.u32(60));
            code.when(is_small, || code.set(sum, next));
        });
        code.get(sum)
    });
    prove(&program, &kernel);
    assert_eq!(run(&program, &kernel, 57), Ok(58));
}

#[test]
fn an_index_beyond_the_end_is_found_out() {
    let program = Program::new();
    let kernel = kernel(&program, 9, |code, word| code.load(INPUT, word, 9));
    assert_eq!(run(&program, &kernel, 0), Ok(0));
    let fault = Fault::Index {
        buffer: "input",
        index: 1,
    };
    assert_eq!(run(&program, &kernel, 1), Err(fault));
}
