//! How code is written: every call adds one statement to the function that is being defined.

use std::cell::RefCell;

use super::program::{
    Body, Buffer, BufferId, Function, FunctionId, Input, Kernel, Limits, Op, Parameter, Program,
    Statement, StructId, Type, Value, Variable, VariableId,
};

/// The code of one function while it is written.
#[derive(Debug)]
pub(crate) struct Code<'a> {
    program: &'a Program,
    buffers: &'a [Buffer],
    state: RefCell<Body>,
}

impl Program {
    /// Defines a function by what `body` makes of its parameters.
    pub(crate) fn function(
        &mut self,
        name: &'static str,
        parameters: Vec<Parameter>,
        limits: Limits,
        body: impl FnOnce(&Code<'_>, &[Value]) -> Value,
    ) -> FunctionId {
        let code = Code::new(self, &[]);
        let arguments: Vec<Value> = parameters
            .iter()
            .enumerate()
            .map(|(at, parameter)| code.make(parameter.ty, Op::Parameter(at)))
            .collect();
        let result = body(&code, &arguments);
        let body = code.finish();
        self.functions.push(Function {
            name,
            parameters,
            body,
            result,
            limits,
        });
        FunctionId(self.functions.len() - 1)
    }

    /// Defines a kernel in which every thread has an item of its own.
    pub(crate) fn kernel_per_item(
        &self,
        name: &'static str,
        uniform: [&'static str; 4],
        buffers: Vec<Buffer>,
        body: impl FnOnce(&Code<'_>, Value),
    ) -> Kernel {
        let code = Code::new(self, &buffers);
        let item = code.make(Type::U32, Op::Input(Input::Item));
        body(&code, item);
        Kernel {
            name,
            uniform,
            workgroup_size: super::super::WORKGROUP_SIZE,
            is_per_item: true,
            body: code.finish(),
            buffers,
        }
    }

    /// Defines a kernel in which a workgroup does one thing together. `body` gets its number, and the thread's in it.
    pub(crate) fn kernel_per_workgroup(
        &self,
        name: &'static str,
        uniform: [&'static str; 4],
        buffers: Vec<Buffer>,
        workgroup_size: u32,
        body: impl FnOnce(&Code<'_>, Value, Value),
    ) -> Kernel {
        let code = Code::new(self, &buffers);
        let workgroup = code.make(Type::U32, Op::Input(Input::Workgroup));
        let thread = code.make(Type::U32, Op::Input(Input::Thread));
        body(&code, workgroup, thread);
        Kernel {
            name,
            uniform,
            workgroup_size,
            is_per_item: false,
            body: code.finish(),
            buffers,
        }
    }
}

impl<'a> Code<'a> {
    fn new(program: &'a Program, buffers: &'a [Buffer]) -> Self {
        Self {
            program,
            buffers,
            state: RefCell::new(Body {
                variables: Vec::new(),
                statements: Vec::new(),
                values: Vec::new(),
            }),
        }
    }

    fn finish(self) -> Body {
        self.state.into_inner()
    }

    fn value(&self, ty: Type) -> Value {
        let mut state = self.state.borrow_mut();
        state.values.push(ty);
        Value {
            id: state.values.len() - 1,
            ty,
        }
    }

    fn push(&self, statement: Statement) {
        self.state.borrow_mut().statements.push(statement);
    }

    fn make(&self, ty: Type, op: Op) -> Value {
        let value = self.value(ty);
        self.push(Statement::Let(value, op));
        value
    }

    /// A constant of the same type as a value.
    fn like(&self, value: Value, constant: u64) -> Value {
        self.make(value.ty, Op::Constant(constant))
    }

    pub(crate) fn u32(&self, constant: u32) -> Value {
        self.make(Type::U32, Op::Constant(constant.into()))
    }

    pub(crate) fn bool(&self, constant: bool) -> Value {
        self.make(Type::Bool, Op::Constant(constant.into()))
    }

    /// A word of the uniform, which is at most `most`.
    pub(crate) fn uniform(&self, word: usize, most: u32) -> Value {
        self.make(Type::U32, Op::Input(Input::Uniform(word, most.into())))
    }

    pub(crate) fn add(&self, a: Value, b: Value) -> Value {
        self.make(a.ty, Op::Add(a, b))
    }

    pub(crate) fn add_constant(&self, a: Value, constant: u64) -> Value {
        self.add(a, self.like(a, constant))
    }

    pub(crate) fn sub(&self, a: Value, b: Value) -> Value {
        self.make(a.ty, Op::Sub(a, b))
    }

    pub(crate) fn mul(&self, a: Value, b: Value) -> Value {
        self.make(a.ty, Op::Mul(a, b))
    }

    pub(crate) fn mul_constant(&self, a: Value, constant: u64) -> Value {
        self.mul(a, self.like(a, constant))
    }

    pub(crate) fn wrapping_add(&self, a: Value, b: Value) -> Value {
        self.make(a.ty, Op::WrappingAdd(a, b))
    }

    pub(crate) fn and(&self, a: Value, b: Value) -> Value {
        self.make(a.ty, Op::And(a, b))
    }

    /// The bits of `a` that are set in `mask`.
    pub(crate) fn mask(&self, a: Value, mask: u64) -> Value {
        self.and(a, self.like(a, mask))
    }

    pub(crate) fn or(&self, a: Value, b: Value) -> Value {
        self.make(a.ty, Op::Or(a, b))
    }

    pub(crate) fn xor(&self, a: Value, b: Value) -> Value {
        self.make(a.ty, Op::Xor(a, b))
    }

    pub(crate) fn shift_left(&self, a: Value, bits: u32) -> Value {
        self.make(a.ty, Op::ShiftLeft(a, bits))
    }

    pub(crate) fn shift_right(&self, a: Value, bits: u32) -> Value {
        self.make(a.ty, Op::ShiftRight(a, bits))
    }

    pub(crate) fn shift_right_by(&self, a: Value, bits: Value) -> Value {
        self.make(a.ty, Op::ShiftRightBy(a, bits))
    }

    pub(crate) fn rotate_right(&self, a: Value, bits: u32) -> Value {
        self.make(a.ty, Op::RotateRight(a, bits))
    }

    /// As a word of type `ty`, which is no smaller.
    pub(crate) fn widen(&self, a: Value, ty: Type) -> Value {
        if a.ty == ty {
            a
        } else {
            self.make(ty, Op::Widen(a))
        }
    }

    /// As a word of 32 bits, which it fits.
    pub(crate) fn narrow(&self, a: Value) -> Value {
        if a.ty == Type::U32 {
            a
        } else {
            self.make(Type::U32, Op::Narrow(a))
        }
    }

    pub(crate) fn equal(&self, a: Value, b: Value) -> Value {
        self.make(Type::Bool, Op::Equal(a, b))
    }

    pub(crate) fn equal_constant(&self, a: Value, constant: u64) -> Value {
        self.equal(a, self.like(a, constant))
    }

    pub(crate) fn less(&self, a: Value, b: Value) -> Value {
        self.make(Type::Bool, Op::Less(a, b))
    }

    /// `yes` where `condition` holds, else `no`. Of structures, field by field.
    pub(crate) fn select(&self, condition: Value, yes: Value, no: Value) -> Value {
        let Type::Struct(id) = yes.ty else {
            return self.make(yes.ty, Op::Select(condition, yes, no));
        };
        let fields = 0..self.program.structures[id.0].fields.len();
        let selected = fields
            .map(|at| self.select(condition, self.field(yes, at), self.field(no, at)))
            .collect();
        self.structure(id, selected)
    }

    /// A field of a structure. A scalar is its own only field.
    pub(crate) fn field(&self, structure: Value, field: usize) -> Value {
        let Type::Struct(id) = structure.ty else {
            return structure;
        };
        let ty = self.program.field_type(id, field);
        self.make(ty, Op::Field(structure, field))
    }

    /// All fields of a structure.
    pub(crate) fn fields<const N: usize>(&self, structure: Value) -> [Value; N] {
        std::array::from_fn(|at| self.field(structure, at))
    }

    pub(crate) fn structure(&self, id: StructId, fields: Vec<Value>) -> Value {
        self.make(Type::Struct(id), Op::Make(id, fields))
    }

    pub(crate) fn call(&self, function: FunctionId, arguments: &[Value]) -> Value {
        let ty = self.program.functions[function.0].result.ty;
        self.make(ty, Op::Call(function, arguments.to_vec()))
    }

    /// An element of a buffer. Each of its scalars is at most `most`.
    pub(crate) fn load(&self, buffer: BufferId, index: Value, most: u32) -> Value {
        let ty = self.buffers[buffer.0].element;
        self.make(ty, Op::Load(buffer, index, most.into()))
    }

    /// Writes an element of a buffer, each of whose scalars is at most `most`.
    pub(crate) fn store(&self, buffer: BufferId, index: Value, value: Value, most: u32) {
        self.push(Statement::Store(buffer, index, value, most.into()));
    }

    pub(crate) fn barrier(&self) {
        self.push(Statement::Barrier);
    }

    /// A variable with its first value. It never holds more than `limits`.
    pub(crate) fn variable(&self, first: Value, limits: Limits) -> Variable {
        let variable = {
            let mut state = self.state.borrow_mut();
            state.variables.push((first.ty, limits));
            Variable {
                id: VariableId(state.variables.len() - 1),
                ty: first.ty,
            }
        };
        self.set(variable, first);
        variable
    }

    pub(crate) fn get(&self, variable: Variable) -> Value {
        self.make(variable.ty, Op::Get(variable.id))
    }

    pub(crate) fn set(&self, variable: Variable, value: Value) {
        self.push(Statement::Set(variable.id, value));
    }

    /// Repeats `body`, which gets a counter, from `from` while it is below `below`, in steps of `step`.
    pub(crate) fn count(&self, from: Value, below: Value, step: Value, body: impl FnOnce(Value)) {
        let counter = self.value(Type::U32);
        let body = self.nested(|| body(counter));
        self.push(Statement::Loop {
            counter,
            from,
            below,
            step,
            body,
        });
    }

    /// Does `body` where the condition holds.
    pub(crate) fn when(&self, condition: Value, body: impl FnOnce()) {
        let body = self.nested(body);
        self.push(Statement::When { condition, body });
    }

    /// The statements that `body` adds.
    fn nested(&self, body: impl FnOnce()) -> Vec<Statement> {
        let outer = std::mem::take(&mut self.state.borrow_mut().statements);
        body();
        std::mem::replace(&mut self.state.borrow_mut().statements, outer)
    }

    /// Repeats `body` so many times.
    pub(crate) fn repeat(&self, times: u32, body: impl FnOnce(Value)) {
        let (from, below, step) = (self.u32(0), self.u32(times), self.u32(1));
        self.count(from, below, step, body);
    }
}

impl BufferId {
    /// The buffer of a kernel with this number.
    pub(crate) const fn new(number: usize) -> Self {
        Self(number)
    }
}
