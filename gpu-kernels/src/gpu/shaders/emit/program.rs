//! What a program consists of.

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Type {
    Bool,
    U32,
    U64,
    Struct(StructId),
}

/// A structure of a [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StructId(pub(super) usize);

/// A function of a [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FunctionId(pub(super) usize);

/// A variable of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct VariableId(pub(super) usize);

/// A buffer of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BufferId(pub(super) usize);

/// A value of the function in which it was made. It never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Value {
    pub(super) id: usize,
    pub(super) ty: Type,
}

/// A variable of the function in which it was declared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variable {
    pub(super) id: VariableId,
    pub(super) ty: Type,
}

/// The largest that each scalar of a value may be, in the order of its structure. The least is zero.
pub(crate) type Limits = Vec<u64>;

/// A structure with named fields.
#[derive(Clone, Debug)]
pub(crate) struct Structure {
    pub(super) name: &'static str,
    pub(super) fields: Vec<(String, Type)>,
    /// How many scalars it holds, those of its fields included.
    pub(super) scalars: usize,
}

/// How a value comes to be.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Constant(u64),
    /// The parameter of the function with this number.
    Parameter(usize),
    /// What a kernel is told about its place.
    Input(Input),
    /// What a variable holds here.
    Get(VariableId),
    /// Does not wrap.
    Add(Value, Value),
    /// Does not wrap.
    Sub(Value, Value),
    /// Does not wrap.
    Mul(Value, Value),
    /// Modulo the size of the word.
    WrappingAdd(Value, Value),
    And(Value, Value),
    Or(Value, Value),
    Xor(Value, Value),
    /// Does not lose bits.
    ShiftLeft(Value, u32),
    ShiftRight(Value, u32),
    /// By an amount below the size of the word.
    ShiftRightBy(Value, Value),
    RotateRight(Value, u32),
    /// A word of 32 bits as one of 64.
    Widen(Value),
    /// A word of 64 bits as one of 32, which it fits.
    Narrow(Value),
    Equal(Value, Value),
    Less(Value, Value),
    /// The second where the first holds, else the third. Of scalars only.
    Select(Value, Value, Value),
    /// A field of a structure.
    Field(Value, usize),
    Make(StructId, Vec<Value>),
    Call(FunctionId, Vec<Value>),
    /// The element of a buffer; every scalar of it is at most this.
    Load(BufferId, Value, u64),
}

/// What is done, in order.
#[derive(Clone, Debug)]
pub(crate) enum Statement {
    Let(Value, Op),
    Set(VariableId, Value),
    /// An element of a buffer becomes this value, of which every scalar is at most that.
    Store(BufferId, Value, Value, u64),
    /// The body, for `counter` from the first value while it is below the second, in steps of the third.
    Loop {
        counter: Value,
        from: Value,
        below: Value,
        step: Value,
        body: Vec<Statement>,
    },
    /// The body, where the condition holds.
    When {
        condition: Value,
        body: Vec<Statement>,
    },
    /// All threads of the workgroup come here before any goes on, and see what the others stored.
    Barrier,
}

/// What a kernel is told about its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The number of this thread's item. A thread without an item does nothing.
    Item,
    /// The number of this thread's workgroup.
    Workgroup,
    /// The number of this thread in its workgroup.
    Thread,
    /// A word of the uniform, and the largest that it may be.
    Uniform(usize, u64),
}

/// A parameter of a function.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) ty: Type,
    pub(crate) limits: Limits,
}

/// What a function or a kernel does.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(super) variables: Vec<(Type, Limits)>,
    pub(super) statements: Vec<Statement>,
    /// The types of all values, by their numbers.
    pub(super) values: Vec<Type>,
}

/// Code with parameters and a result.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(super) name: &'static str,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Body,
    pub(super) result: Value,
    /// What the result is limited to.
    pub(super) limits: Limits,
}

/// How a kernel uses a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    ReadWrite,
}

/// A buffer of a kernel: an array of words or of quads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffer {
    pub(crate) name: &'static str,
    pub(crate) access: Access,
    pub(crate) element: Type,
}

/// What a device runs, once per thread.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    pub(crate) name: &'static str,
    /// The words of the uniform by their names. The first one is the number of items, or of workgroups.
    pub(crate) uniform: [&'static str; 4],
    pub(crate) buffers: Vec<Buffer>,
    pub(crate) workgroup_size: u32,
    /// Whether a thread has an item of its own. Else it has a place in a workgroup.
    pub(super) is_per_item: bool,
    pub(super) body: Body,
}

/// Structures and functions that kernels are made of.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(super) structures: Vec<Structure>,
    pub(super) functions: Vec<Function>,
}

impl Program {
    /// Four words that lie together in a buffer. WGSL has a name of its own for it.
    pub(crate) const QUAD: StructId = StructId(0);

    /// Without functions.
    pub(crate) fn new() -> Self {
        let mut program = Self {
            structures: Vec::new(),
            functions: Vec::new(),
        };
        let fields = ["x", "y", "z", "w"].map(|name| (name.to_owned(), Type::U32));
        program.structure("vec4<u32>", fields.to_vec());
        program
    }

    /// Adds a structure.
    pub(crate) fn structure(
        &mut self,
        name: &'static str,
        fields: Vec<(String, Type)>,
    ) -> StructId {
        let scalars = fields.iter().map(|(_, ty)| self.scalars(*ty)).sum();
        self.structures.push(Structure {
            name,
            fields,
            scalars,
        });
        StructId(self.structures.len() - 1)
    }

    /// How many scalars a value of this type holds.
    pub(crate) fn scalars(&self, ty: Type) -> usize {
        match ty {
            Type::Struct(id) => self.structures[id.0].scalars,
            Type::Bool | Type::U32 | Type::U64 => 1,
        }
    }

    /// How many scalars of a structure lie before a field.
    pub(super) fn scalars_before(&self, id: StructId, field: usize) -> usize {
        let fields = self.structures[id.0].fields.iter().take(field);
        fields.map(|(_, ty)| self.scalars(*ty)).sum()
    }

    pub(super) fn field_type(&self, id: StructId, field: usize) -> Type {
        self.structures[id.0].fields[field].1
    }
}

impl Op {
    /// Shows every value that it is made of.
    pub(super) fn operands(&self, show: &mut dyn FnMut(Value)) {
        match self {
            Self::Constant(_) | Self::Parameter(_) | Self::Input(_) | Self::Get(_) => {}
            Self::ShiftLeft(a, _)
            | Self::ShiftRight(a, _)
            | Self::RotateRight(a, _)
            | Self::Widen(a)
            | Self::Narrow(a)
            | Self::Field(a, _)
            | Self::Load(_, a, _) => show(*a),
            Self::Add(a, b)
            | Self::Sub(a, b)
            | Self::Mul(a, b)
            | Self::WrappingAdd(a, b)
            | Self::And(a, b)
            | Self::Or(a, b)
            | Self::Xor(a, b)
            | Self::ShiftRightBy(a, b)
            | Self::Equal(a, b)
            | Self::Less(a, b) => [*a, *b].into_iter().for_each(show),
            Self::Select(a, b, c) => [*a, *b, *c].into_iter().for_each(show),
            Self::Make(_, values) | Self::Call(_, values) => {
                values.iter().copied().for_each(show);
            }
        }
    }
}

impl Statement {
    /// Shows every value that it uses, apart from what a definition is made of and from those of a body.
    pub(super) fn operands(&self, show: &mut dyn FnMut(Value)) {
        match self {
            Self::Let(..) | Self::Barrier => {}
            Self::Set(_, value) => show(*value),
            Self::Store(_, index, value, _) => [*index, *value].into_iter().for_each(show),
            Self::When { condition, .. } => show(*condition),
            Self::Loop {
                from, below, step, ..
            } => [*from, *below, *step].into_iter().for_each(show),
        }
    }
}

impl Kernel {
    /// How many items a workgroup has.
    pub(crate) const fn items_per_workgroup(&self) -> u32 {
        if self.is_per_item {
            self.workgroup_size
        } else {
            1
        }
    }
}
