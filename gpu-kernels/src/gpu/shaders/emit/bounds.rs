//! Runs code on ranges of numbers, and so proves for all inputs what the machine checks for some.
//!
//! Every function is looked at once, with all that its parameters may be; where it is called, its arguments must be within
//! the limits of the parameters, and then the result is within its own. A variable may be anything within its limits, and
//! whatever it is set to must be within them, so a loop is looked at once for all of its turns. Panics where something
//! cannot be proved.

use super::machine::{largest, width};
use super::program::{Body, Function, Input, Kernel, Op, Program, Statement, Type, Value};
use crate::gpu::shaders::MAX_ITEMS;

/// All numbers from `least` to `most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    least: u64,
    most: u64,
}

impl Range {
    const fn up_to(most: u64) -> Self {
        Self { least: 0, most }
    }

    const fn exact(value: u64) -> Self {
        Self {
            least: value,
            most: value,
        }
    }

    /// The smallest number of all ones that is not below any of it.
    const fn ones(self) -> u64 {
        match self.most.checked_ilog2() {
            None => 0,
            Some(bits) => u64::MAX >> (63 - bits),
        }
    }

    fn check(self, place: &str, limit: u64) {
        assert!(self.most <= limit, "{self:?} is above {limit} in {place}");
    }
}

/// Proves a kernel, and every function of its program.
pub(crate) fn prove(program: &Program, kernel: &Kernel) {
    for function in &program.functions {
        prove_function(program, function);
    }
    let mut proof = Proof::new(program, kernel.name, &kernel.body);
    proof.items = Range::up_to(u64::from(MAX_ITEMS) - 1);
    proof.threads = Range::up_to(u64::from(kernel.workgroup_size) - 1);
    proof.block(&kernel.body.statements);
}

fn prove_function(program: &Program, function: &Function) {
    let mut proof = Proof::new(program, function.name, &function.body);
    for (at, parameter) in function.parameters.iter().enumerate() {
        assert_eq!(parameter.limits.len(), program.scalars(parameter.ty));
        proof.values[at] = limited(&parameter.limits);
    }
    proof.block(&function.body.statements);
    proof.check(function.result, &function.limits);
}

fn limited(limits: &[u64]) -> Vec<Range> {
    limits.iter().copied().map(Range::up_to).collect()
}

struct Proof<'a> {
    program: &'a Program,
    name: &'static str,
    body: &'a Body,
    values: Vec<Vec<Range>>,
    items: Range,
    threads: Range,
}

impl<'a> Proof<'a> {
    fn new(program: &'a Program, name: &'static str, body: &'a Body) -> Self {
        Self {
            program,
            name,
            body,
            values: vec![Vec::new(); body.values.len()],
            items: Range::exact(0),
            threads: Range::exact(0),
        }
    }

    fn of(&self, value: Value) -> Range {
        self.values[value.id][0]
    }

    fn check(&self, value: Value, limits: &[u64]) {
        let ranges = &self.values[value.id];
        assert_eq!(ranges.len(), limits.len(), "{}", self.name);
        for (range, limit) in ranges.iter().zip(limits) {
            range.check(self.name, *limit);
        }
    }

    fn block(&mut self, statements: &[Statement]) {
        for statement in statements {
            match statement {
                Statement::Let(value, op) => {
                    let ranges = self.define(*value, op);
                    assert_eq!(ranges.len(), self.program.scalars(value.ty));
                    self.values[value.id] = ranges;
                }
                Statement::Set(variable, value) => {
                    self.check(*value, &self.body.variables[variable.0].1);
                }
                Statement::Store(_, _, value, most) => {
                    let scalars = self.program.scalars(value.ty);
                    self.check(*value, &vec![*most; scalars]);
                }
                Statement::Loop {
                    counter,
                    from,
                    below,
                    step,
                    body,
                } => {
                    let (from, below, step) = (self.of(*from), self.of(*below), self.of(*step));
                    assert!(step.least > 0, "a loop stands still in {}", self.name);
                    let last = below.most.saturating_sub(1);
                    Range::up_to(last + step.most).check(self.name, largest(Type::U32));
                    self.values[counter.id] = vec![Range {
                        least: from.least,
                        most: last.max(from.least),
                    }];
                    self.block(body);
                }
                Statement::When { body, .. } => self.block(body),
                Statement::Barrier => {}
            }
        }
    }

    fn define(&self, value: Value, op: &Op) -> Vec<Range> {
        match op {
            // Put there before.
            Op::Parameter(_) => self.values[value.id].clone(),
            Op::Input(Input::Item | Input::Workgroup) => vec![self.items],
            Op::Input(Input::Thread) => vec![self.threads],
            Op::Input(Input::Uniform(_, most)) => vec![Range::up_to(*most)],
            Op::Get(variable) => limited(&self.body.variables[variable.0].1),
            Op::Field(structure, at) => match structure.ty {
                Type::Struct(id) => {
                    let from = self.program.scalars_before(id, *at);
                    let to = from + self.program.scalars(value.ty);
                    self.values[structure.id][from..to].to_vec()
                }
                _ => self.values[structure.id].clone(),
            },
            Op::Make(_, fields) => fields
                .iter()
                .flat_map(|field| self.values[field.id].clone())
                .collect(),
            Op::Call(function, arguments) => {
                let function = &self.program.functions[function.0];
                assert_eq!(function.parameters.len(), arguments.len());
                for (parameter, argument) in function.parameters.iter().zip(arguments) {
                    assert_eq!(parameter.ty, argument.ty, "{}", function.name);
                    self.check(*argument, &parameter.limits);
                }
                limited(&function.limits)
            }
            Op::Load(_, _, most) => vec![Range::up_to(*most); self.program.scalars(value.ty)],
            _ => vec![self.scalar(value.ty, op)],
        }
    }

    fn scalar(&self, ty: Type, op: &Op) -> Range {
        let of = |value: &Value| self.of(*value);
        let both = |a: &Value, b: &Value| (of(a), of(b));
        let fits = |least: Option<u64>, most: Option<u64>| {
            let most = most.filter(|most| *most <= largest(ty));
            match (least, most) {
                (Some(least), Some(most)) => Range { least, most },
                _ => panic!("a word may overflow in {}: {op:?}", self.name),
            }
        };
        match op {
            Op::Constant(constant) => Range::exact(*constant),
            Op::Add(a, b) => {
                let (a, b) = both(a, b);
                fits(a.least.checked_add(b.least), a.most.checked_add(b.most))
            }
            Op::Sub(a, b) => {
                let (a, b) = both(a, b);
                fits(a.least.checked_sub(b.most), a.most.checked_sub(b.least))
            }
            Op::Mul(a, b) => {
                let (a, b) = both(a, b);
                fits(a.least.checked_mul(b.least), a.most.checked_mul(b.most))
            }
            Op::WrappingAdd(..) | Op::RotateRight(..) => Range::up_to(largest(ty)),
            Op::And(a, b) => Range::up_to(of(a).most.min(of(b).most)),
            Op::Or(a, b) | Op::Xor(a, b) => Range::up_to(of(a).ones() | of(b).ones()),
            Op::ShiftLeft(a, bits) => {
                let power = 1 << bits;
                let a = of(a);
                fits(a.least.checked_mul(power), a.most.checked_mul(power))
            }
            Op::ShiftRight(a, bits) => {
                let a = of(a);
                Range {
                    least: a.least >> bits,
                    most: a.most >> bits,
                }
            }
            Op::ShiftRightBy(a, bits) => {
                of(bits).check(self.name, u64::from(width(ty)) - 1);
                Range::up_to(of(a).most)
            }
            Op::Widen(a) => of(a),
            Op::Narrow(a) => {
                let a = of(a);
                fits(Some(a.least), Some(a.most))
            }
            Op::Equal(..) | Op::Less(..) => Range::up_to(1),
            Op::Select(_, yes, no) => {
                let (yes, no) = both(yes, no);
                Range {
                    least: yes.least.min(no.least),
                    most: yes.most.max(no.most),
                }
            }
            _ => panic!("no operation on scalars: {op:?}"),
        }
    }
}
