//! Runs kernels on numbers, one thread after another, and checks every claim that the code makes: that plain sums,
//! differences and products do not wrap, that nothing is larger than it is limited to, and that buffers are long enough.

use super::program::{
    Body, BufferId, Function, Input, Kernel, Op, Program, Statement, Type, Value,
};

/// What a kernel claims and what is not so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// A plain operation wraps.
    #[error("a word overflows in {operation}")]
    Overflow {
        /// Which.
        operation: String,
    },
    /// A value is larger than it is limited to.
    #[error("{value} is above {limit} in {place}")]
    Limit {
        /// Where.
        place: &'static str,
        /// The value.
        value: u64,
        /// Its limit.
        limit: u64,
    },
    /// An index is beyond the end of a buffer.
    #[error("index {index} is beyond the end of {buffer}")]
    Index {
        /// The buffer's name.
        buffer: &'static str,
        /// The index, in words.
        index: usize,
    },
    /// Threads of a workgroup wait for each other, and there are several.
    #[error("threads that wait for each other cannot run one after another")]
    Barrier,
    /// There are not as many buffers as the kernel has.
    #[error("the kernel has another number of buffers")]
    Buffers,
}

/// Where the values and the variables of a body lie in its frame.
#[derive(Debug)]
struct Frame {
    values: Vec<usize>,
    variables: Vec<usize>,
    size: usize,
}

impl Frame {
    fn of(program: &Program, body: &Body) -> Self {
        let mut size = 0;
        let mut place = |ty: &Type| {
            let at = size;
            size += program.scalars(*ty);
            at
        };
        Self {
            values: body.values.iter().map(&mut place).collect(),
            variables: body.variables.iter().map(|(ty, _)| place(ty)).collect(),
            size,
        }
    }
}

/// A kernel that is ready to run.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    program: &'a Program,
    kernel: &'a Kernel,
    frames: Vec<Frame>,
    frame: Frame,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(program: &'a Program, kernel: &'a Kernel) -> Self {
        let frame = |function: &Function| Frame::of(program, &function.body);
        Self {
            program,
            kernel,
            frames: program.functions.iter().map(frame).collect(),
            frame: Frame::of(program, &kernel.body),
        }
    }

    /// Runs every item, or every workgroup: as many as the first word of the uniform says.
    ///
    /// # Errors
    ///
    /// [`Fault`] where the code does not do what it claims.
    pub(crate) fn run(&self, uniform: [u32; 4], buffers: &mut [Vec<u32>]) -> Result<(), Fault> {
        if buffers.len() != self.kernel.buffers.len() {
            return Err(Fault::Buffers);
        }
        let [count, ..] = uniform;
        let threads = if self.kernel.is_per_item {
            1
        } else {
            self.kernel.workgroup_size
        };
        for own in 0..count {
            for thread in 0..threads {
                let mut run = Run {
                    machine: self,
                    buffers,
                    uniform,
                    own,
                    thread,
                    memory: vec![0; self.frame.size],
                };
                let place = Place {
                    frame: &self.frame,
                    base: 0,
                    name: self.kernel.name,
                    body: &self.kernel.body,
                };
                run.block(&place, &self.kernel.body.statements)?;
            }
        }
        Ok(())
    }
}

/// One thread.
struct Run<'a, 'b> {
    machine: &'a Machine<'a>,
    buffers: &'b mut [Vec<u32>],
    uniform: [u32; 4],
    own: u32,
    thread: u32,
    /// The frames of the functions that are being called, one after another.
    memory: Vec<u64>,
}

/// A body that is being run.
struct Place<'a> {
    frame: &'a Frame,
    base: usize,
    name: &'static str,
    body: &'a Body,
}

impl Place<'_> {
    fn at(&self, value: Value) -> usize {
        self.base + self.frame.values[value.id]
    }
}

impl Run<'_, '_> {
    fn block(&mut self, place: &Place<'_>, statements: &[Statement]) -> Result<(), Fault> {
        statements
            .iter()
            .try_for_each(|statement| self.statement(place, statement))
    }

    fn statement(&mut self, place: &Place<'_>, statement: &Statement) -> Result<(), Fault> {
        match statement {
            Statement::Let(value, op) => self.define(place, *value, op),
            Statement::Set(variable, value) => {
                let (_, limits) = &place.body.variables[variable.0];
                let from = place.at(*value);
                self.within(place.name, from, limits)?;
                let to = place.base + place.frame.variables[variable.0];
                self.memory.copy_within(from..from + limits.len(), to);
                Ok(())
            }
            Statement::Store(buffer, index, value, most) => {
                let scalars = self.machine.program.scalars(value.ty);
                let at = self.memory[place.at(*index)];
                for scalar in 0..scalars {
                    let word = self.memory[place.at(*value) + scalar];
                    self.within_one(place.name, word, *most)?;
                    *self.word(*buffer, at, scalars, scalar)? = narrow(word)?;
                }
                Ok(())
            }
            Statement::Loop {
                counter,
                from,
                below,
                step,
                body,
            } => {
                let mut count = self.memory[place.at(*from)];
                while count < self.memory[place.at(*below)] {
                    self.memory[place.at(*counter)] = count;
                    self.block(place, body)?;
                    count += self.memory[place.at(*step)];
                    narrow(count)?;
                }
                Ok(())
            }
            Statement::When { condition, body } => {
                if self.memory[place.at(*condition)] == 1 {
                    self.block(place, body)?;
                }
                Ok(())
            }
            Statement::Barrier => {
                if self.machine.kernel.workgroup_size == 1 {
                    Ok(())
                } else {
                    Err(Fault::Barrier)
                }
            }
        }
    }

    fn define(&mut self, place: &Place<'_>, value: Value, op: &Op) -> Result<(), Fault> {
        let to = place.at(value);
        match op {
            // The caller has put them there.
            Op::Parameter(_) => {}
            Op::Input(input) => self.memory[to] = self.input(place.name, *input)?,
            Op::Get(variable) => {
                let from = place.base + place.frame.variables[variable.0];
                let size = self.machine.program.scalars(value.ty);
                self.memory.copy_within(from..from + size, to);
            }
            Op::Field(structure, at) => {
                let before = match structure.ty {
                    Type::Struct(id) => self.machine.program.scalars_before(id, *at),
                    _ => 0,
                };
                let from = place.at(*structure) + before;
                let size = self.machine.program.scalars(value.ty);
                self.memory.copy_within(from..from + size, to);
            }
            Op::Make(_, values) => self.gather(place, values, to),
            Op::Call(function, arguments) => self.call(place, function.0, arguments, to)?,
            Op::Load(buffer, index, most) => {
                let scalars = self.machine.program.scalars(value.ty);
                let at = self.memory[place.at(*index)];
                for scalar in 0..scalars {
                    let word = u64::from(*self.word(*buffer, at, scalars, scalar)?);
                    self.within_one(place.name, word, *most)?;
                    self.memory[to + scalar] = word;
                }
            }
            _ => {
                let memory = &self.memory;
                let result = compute(value.ty, op, &|operand: &Value| memory[place.at(*operand)])?;
                self.memory[to] = result;
            }
        }
        Ok(())
    }

    /// Lays values one after another.
    fn gather(&mut self, place: &Place<'_>, values: &[Value], mut to: usize) {
        for value in values {
            let from = place.at(*value);
            let size = self.machine.program.scalars(value.ty);
            self.memory.copy_within(from..from + size, to);
            to += size;
        }
    }

    fn call(
        &mut self,
        place: &Place<'_>,
        function: usize,
        arguments: &[Value],
        to: usize,
    ) -> Result<(), Fault> {
        let frame = &self.machine.frames[function];
        let function = &self.machine.program.functions[function];
        let base = place.base + place.frame.size;
        if self.memory.len() < base + frame.size {
            self.memory.resize(base + frame.size, 0);
        }
        // Parameters are the first values of a function.
        self.gather(place, arguments, base);
        let inner = Place {
            frame,
            base,
            name: function.name,
            body: &function.body,
        };
        for (parameter, at) in function.parameters.iter().zip(&frame.values) {
            self.within(function.name, base + at, &parameter.limits)?;
        }
        self.block(&inner, &function.body.statements)?;
        let from = inner.at(function.result);
        self.within(function.name, from, &function.limits)?;
        self.memory
            .copy_within(from..from + function.limits.len(), to);
        Ok(())
    }

    fn input(&self, place: &'static str, input: Input) -> Result<u64, Fault> {
        match input {
            Input::Item | Input::Workgroup => Ok(self.own.into()),
            Input::Thread => Ok(self.thread.into()),
            Input::Uniform(word, most) => {
                let value = self.uniform[word].into();
                self.within_one(place, value, most)?;
                Ok(value)
            }
        }
    }

    fn word(
        &mut self,
        buffer: BufferId,
        index: u64,
        scalars: usize,
        scalar: usize,
    ) -> Result<&mut u32, Fault> {
        let index = usize::try_from(index)
            .unwrap_or(usize::MAX)
            .saturating_mul(scalars)
            .saturating_add(scalar);
        let name = self.machine.kernel.buffers[buffer.0].name;
        self.buffers[buffer.0].get_mut(index).ok_or(Fault::Index {
            buffer: name,
            index,
        })
    }

    fn within(&self, place: &'static str, from: usize, limits: &[u64]) -> Result<(), Fault> {
        let values = self.memory[from..].iter().zip(limits);
        values
            .into_iter()
            .try_for_each(|(value, limit)| self.within_one(place, *value, *limit))
    }

    fn within_one(&self, place: &'static str, value: u64, limit: u64) -> Result<(), Fault> {
        if value > limit {
            return Err(Fault::Limit {
                place,
                value,
                limit,
            });
        }
        Ok(())
    }
}

fn narrow(value: u64) -> Result<u32, Fault> {
    u32::try_from(value).map_err(|_| Fault::Overflow {
        operation: "a word of 32 bits".to_owned(),
    })
}

/// What an operation on scalars gives.
fn compute(ty: Type, op: &Op, of: &impl Fn(&Value) -> u64) -> Result<u64, Fault> {
    let most = largest(ty);
    let fits = |result: Option<u64>| {
        result
            .filter(|result| *result <= most)
            .ok_or_else(|| Fault::Overflow {
                operation: format!("{op:?}"),
            })
    };
    match op {
        Op::Constant(constant) => Ok(*constant),
        Op::Add(a, b) => fits(of(a).checked_add(of(b))),
        Op::Sub(a, b) => fits(of(a).checked_sub(of(b))),
        Op::Mul(a, b) => fits(of(a).checked_mul(of(b))),
        Op::WrappingAdd(a, b) => Ok(of(a).wrapping_add(of(b)) & most),
        Op::And(a, b) => Ok(of(a) & of(b)),
        Op::Or(a, b) => Ok(of(a) | of(b)),
        Op::Xor(a, b) => Ok(of(a) ^ of(b)),
        Op::ShiftLeft(a, bits) => fits(
            1_u64
                .checked_shl(*bits)
                .and_then(|power| of(a).checked_mul(power)),
        ),
        Op::ShiftRight(a, bits) => Ok(of(a) >> bits),
        Op::ShiftRightBy(a, bits) => fits(
            u32::try_from(of(bits))
                .ok()
                .filter(|bits| *bits < width(ty))
                .map(|bits| of(a) >> bits),
        ),
        Op::RotateRight(a, bits) => Ok(u64::from(narrow(of(a))?.rotate_right(*bits))),
        Op::Widen(a) => Ok(of(a)),
        Op::Narrow(a) => fits(Some(of(a))),
        Op::Equal(a, b) => Ok((of(a) == of(b)).into()),
        Op::Less(a, b) => Ok((of(a) < of(b)).into()),
        Op::Select(condition, yes, no) => Ok(if of(condition) == 1 { of(yes) } else { of(no) }),
        // Those that are no operations on scalars.
        Op::Parameter(_)
        | Op::Input(_)
        | Op::Get(_)
        | Op::Field(..)
        | Op::Make(..)
        | Op::Call(..)
        | Op::Load(..) => Ok(0),
    }
}

/// The largest word of a type.
pub(super) const fn largest(ty: Type) -> u64 {
    match ty {
        Type::Bool => 1,
        Type::U32 | Type::Struct(_) => 0xffff_ffff,
        Type::U64 => u64::MAX,
    }
}

/// The bits of a word of a type.
pub(super) const fn width(ty: Type) -> u32 {
    match ty {
        Type::Bool => 1,
        Type::U32 | Type::Struct(_) => 32,
        Type::U64 => 64,
    }
}
