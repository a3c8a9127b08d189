//! SHA-256 (FIPS 180-4), one message per thread, all rounds written out.
//!
//! Words of messages and digests are taken and given as they lie in memory. Their bytes are swapped here, for the hash
//! reads the most significant one first.

use super::emit::{Code, FunctionId, Limits, Parameter, Program, StructId, Type, Value};
use crate::cpu::sha256::{INITIAL, PADDING, ROUND};

const STATE: usize = 8;
const BLOCK: usize = 16;
/// The bit that tells leaves of the state tree from inner nodes, in the first word of a digest.
const LEAF_BIT: u64 = 1 << 31;

/// What the kernels for hashing call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sha256 {
    state: StructId,
    block: StructId,
    compress: FunctionId,
    finish_pair: FunctionId,
}

fn any(words: usize) -> Limits {
    vec![u32::MAX.into(); words]
}

fn words(prefix: &str, count: usize) -> Vec<(String, Type)> {
    (0..count)
        .map(|at| (format!("{prefix}{at}"), Type::U32))
        .collect()
}

impl Sha256 {
    /// Adds the functions to a program.
    pub(crate) fn define(program: &mut Program) -> Self {
        let state = program.structure("State", words("s", STATE));
        let block = program.structure("Block", words("w", BLOCK));
        let state_parameter = Parameter {
            name: "state",
            ty: Type::Struct(state),
            limits: any(STATE),
        };
        let block_parameter = Parameter {
            name: "block",
            ty: Type::Struct(block),
            limits: any(BLOCK),
        };
        let compress = program.function(
            "sha256_compress",
            vec![state_parameter.clone(), block_parameter],
            any(STATE),
            |code, arguments| {
                let before = code.fields(arguments[0]);
                let schedule = code
                    .fields::<BLOCK>(arguments[1])
                    .map(|word| swap(code, word));
                let after = rounds(code, before, schedule_words(code, schedule));
                code.structure(state, after.to_vec())
            },
        );
        let finish_pair = program.function(
            "sha256_finish_pair",
            vec![state_parameter],
            any(STATE),
            |code, arguments| {
                let before = code.fields(arguments[0]);
                let after = rounds(code, before, PADDING.map(|word| code.u32(word)));
                code.structure(state, after.to_vec())
            },
        );
        Self {
            state,
            block,
            compress,
            finish_pair,
        }
    }

    /// Where a hash begins.
    pub(crate) fn initial(self, code: &Code<'_>) -> Value {
        code.structure(self.state, INITIAL.map(|word| code.u32(word)).to_vec())
    }

    /// What a state is limited to.
    pub(crate) fn limits() -> Limits {
        any(STATE)
    }

    /// The state after a block, given as four quads.
    pub(crate) fn compress(self, code: &Code<'_>, state: Value, quads: [Value; 4]) -> Value {
        let words = quads.into_iter().flat_map(|quad| code.fields::<4>(quad));
        let block = code.structure(self.block, words.collect());
        code.call(self.compress, &[state, block])
    }

    /// The state after a message of four quads and its padding.
    pub(crate) fn pair(self, code: &Code<'_>, quads: [Value; 4]) -> Value {
        let state = self.compress(code, self.initial(code), quads);
        code.call(self.finish_pair, &[state])
    }

    /// The digest of a state, as two quads.
    pub(crate) fn digest(self, code: &Code<'_>, state: Value) -> [Value; 2] {
        let [a, b, c, d, e, f, g, h] = code.fields::<STATE>(state).map(|word| swap(code, word));
        [[a, b, c, d], [e, f, g, h]].map(|quad| code.structure(Program::QUAD, quad.to_vec()))
    }

    /// The state of a node of the state tree: its top bit says whether it is a leaf.
    pub(crate) fn marked(self, code: &Code<'_>, state: Value, is_leaf: Value) -> Value {
        let mut words = code.fields::<STATE>(state);
        let rest = code.mask(words[0], LEAF_BIT - 1);
        let bit = code.select(is_leaf, code.u32(1 << 31), code.u32(0));
        words[0] = code.or(rest, bit);
        code.structure(self.state, words.to_vec())
    }
}

/// The word with its bytes in the opposite order.
fn swap(code: &Code<'_>, word: Value) -> Value {
    let odd = code.mask(code.rotate_right(word, 8), 0xff00_ff00);
    let even = code.mask(code.rotate_right(word, 24), 0x00ff_00ff);
    code.or(odd, even)
}

/// The message schedule with the constants of the rounds.
fn schedule_words(code: &Code<'_>, block: [Value; BLOCK]) -> [Value; 64] {
    let mut schedule = block.to_vec();
    for at in BLOCK..64 {
        let (old, recent) = (schedule[at - 15], schedule[at - 2]);
        let low = xor(
            code,
            [
                code.rotate_right(old, 7),
                code.rotate_right(old, 18),
                code.shift_right(old, 3),
            ],
        );
        let high = xor(
            code,
            [
                code.rotate_right(recent, 17),
                code.rotate_right(recent, 19),
                code.shift_right(recent, 10),
            ],
        );
        schedule.push(sum(code, [schedule[at - 16], low, schedule[at - 7], high]));
    }
    std::array::from_fn(|at| code.wrapping_add(schedule[at], code.u32(ROUND[at])))
}

/// The 64 rounds, and the sum with what was before.
fn rounds(code: &Code<'_>, before: [Value; STATE], schedule: [Value; 64]) -> [Value; STATE] {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = before;
    for word in schedule {
        let turned = xor(code, [6, 11, 25].map(|bits| code.rotate_right(e, bits)));
        let choice = code.xor(g, code.and(e, code.xor(f, g)));
        let one = sum(code, [h, word, turned, choice]);
        let turned = xor(code, [2, 13, 22].map(|bits| code.rotate_right(a, bits)));
        let majority = code.or(code.and(a, b), code.and(c, code.or(a, b)));
        let two = code.wrapping_add(turned, majority);
        (h, g, f, e, d, c, b, a) = (
            g,
            f,
            e,
            code.wrapping_add(d, one),
            c,
            b,
            a,
            code.wrapping_add(one, two),
        );
    }
    let after = [a, b, c, d, e, f, g, h];
    std::array::from_fn(|at| code.wrapping_add(before[at], after[at]))
}

fn xor(code: &Code<'_>, [a, b, c]: [Value; 3]) -> Value {
    code.xor(code.xor(a, b), c)
}

fn sum(code: &Code<'_>, [a, b, c, d]: [Value; 4]) -> Value {
    code.wrapping_add(code.wrapping_add(a, b), code.wrapping_add(c, d))
}
