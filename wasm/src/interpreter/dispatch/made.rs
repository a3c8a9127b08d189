//! Makes `operators.wasm`: every instruction that contracts may have, with its operands in all the places where wasmi looks
//! for them, since each of these is a handler of its own.
//!
//! `memory.grow` is not among them: it takes a piece of the stack in every build, so an instance has a limited number of them
//! ([`instrument`](crate::instrument)).

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType,
    ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType, HeapType,
    ImportSection,
    Instruction::{self, *},
    MemArg, MemArgTarget, MemorySection, MemoryType, Module, RefType, TableSection, TableType,
    TypeSection, ValType,
};

/// Where an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It was just computed.
    Register,
    Local,
    Constant,
}

const PLACES: [Place; 3] = [Place::Register, Place::Local, Place::Constant];

/// The locals of `run`: how many rounds there are to do, then three numbers of each type.
const ROUNDS: u32 = 0;
const A: [u32; 2] = [1, 4];
const B: [u32; 2] = [2, 5];
const RESULT: [u32; 2] = [3, 6];
/// Types of functions.
const MARK: u32 = 0;
const RUN: u32 = 1;
const SAME: [u32; 2] = [2, 3];
const TAKES_ONE: u32 = RUN;
const TAKES_TWO: u32 = 4;
/// Functions: the imported one, then `run`, then those that give back a number that they are given, by how they do that, then
/// those that take several.
const IDENTITIES: u32 = 2;
const SEVERAL: [u32; 4] = [10, 11, 12, 13];

pub(super) fn operators() -> Vec<u8> {
    let mut made = Made(Function::new([(3, ValType::I32), (3, ValType::I64)]));
    made.values();
    made.add([Loop(BlockType::Empty), Call(0)]);
    made.arithmetic();
    made.comparisons();
    made.memory();
    made.bulk();
    made.calls();
    made.add([
        Call(0),
        LocalGet(ROUNDS),
        I32Const(1),
        I32Sub,
        LocalTee(ROUNDS),
        BrIf(0),
        End,
        End,
    ]);
    module(&made.0)
}

fn types() -> TypeSection {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([ValType::I32], []);
    types.ty().function([ValType::I32], [ValType::I32]);
    types.ty().function([ValType::I64], [ValType::I64]);
    types.ty().function([ValType::I32; 2], []);
    types.ty().function([ValType::I32; 3], []);
    types.ty().function([ValType::I64; 3], []);
    types.ty().function([ValType::I32; 7], []);
    types.ty().function([ValType::I64; 7], []);
    types
}

fn globals() -> GlobalSection {
    let mut globals = GlobalSection::new();
    for (val_type, value) in [
        (ValType::I32, ConstExpr::i32_const(5)),
        (ValType::I64, ConstExpr::i64_const(5)),
    ] {
        let global = GlobalType {
            val_type,
            mutable: true,
            shared: false,
        };
        globals.global(global, &value);
    }
    globals
}

fn module(run: &Function) -> Vec<u8> {
    let types = types();
    let mut imports = ImportSection::new();
    imports.import("ordlane", "mark", EntityType::Function(MARK));
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    functions.function(RUN);
    code.function(run);
    for (kind, body) in identities() {
        functions.function(SAME[kind]);
        code.function(&body);
    }
    for ty in 5..9 {
        functions.function(ty);
        let mut body = Function::new([]);
        code.function(body.instruction(&End));
    }
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 8,
        maximum: Some(16),
        shared: false,
    });
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 3,
        maximum: Some(4),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let globals = globals();
    let mut exports = ExportSection::new();
    exports.export("run", ExportKind::Func, 1);
    let mut elements = ElementSection::new();
    let all: Vec<u32> = (IDENTITIES..IDENTITIES + 6).collect();
    elements.active(
        None,
        &ConstExpr::i32_const(0),
        Elements::Functions((&all).into()),
    );
    elements.passive(Elements::Functions((&all).into()));
    elements.passive(Elements::Functions((&[]).into()));
    let mut data = DataSection::new();
    data.passive([7; 64]);
    data.passive([]);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&tables)
        .section(&memories)
        .section(&globals)
        .section(&exports)
        .section(&elements)
        .section(&wasm_encoder::DataCountSection { count: 2 })
        .section(&code)
        .section(&data);
    module.finish()
}

/// Functions that return what they are given: out of a local, computed, and through a branch; the last ones a constant.
fn identities() -> Vec<(usize, Function)> {
    let made = |instructions: &[Instruction<'_>]| {
        let mut function = Function::new([]);
        for instruction in instructions {
            function.instruction(instruction);
        }
        function.instruction(&End);
        function
    };
    vec![
        (0, made(&[LocalGet(0)])),
        (0, made(&[LocalGet(0), I32Const(1), I32Or, Return])),
        (0, made(&[LocalGet(0), LocalGet(0), BrIf(0)])),
        (0, made(&[I32Const(5)])),
        (1, made(&[LocalGet(0)])),
        (1, made(&[LocalGet(0), I64Const(1), I64Or, Return])),
        (1, made(&[LocalGet(0), LocalGet(0), I64Eqz, BrIf(0)])),
        (1, made(&[I64Const(5)])),
    ]
}

struct Made(Function);

impl Made {
    fn add<'i>(&mut self, instructions: impl IntoIterator<Item = Instruction<'i>>) {
        for instruction in instructions {
            self.0.instruction(&instruction);
        }
    }

    /// Two odd numbers of each type, small enough to be addresses.
    fn values(&mut self) {
        for (local, value) in [(A[0], 1_003), (B[0], 5)] {
            self.add([I32Const(value), LocalSet(local)]);
        }
        for (local, value) in [(A[1], 1_003), (B[1], 5)] {
            self.add([I64Const(value), LocalSet(local)]);
        }
    }

    /// An operand of a type: one of the two numbers, which are odd wherever they come from.
    fn operand(&mut self, kind: usize, local: u32, place: Place) {
        match (place, kind) {
            (Place::Local, _) => self.add([LocalGet(local)]),
            (Place::Constant, 0) => self.add([I32Const(9)]),
            (Place::Constant, _) => self.add([I64Const(9)]),
            (Place::Register, 0) => self.add([LocalGet(local), I32Const(1), I32Or]),
            (Place::Register, _) => self.add([LocalGet(local), I64Const(1), I64Or]),
        }
    }

    /// What becomes of a result: it goes to a local, and into the next instruction.
    fn sinks(&mut self, kind: usize, make: impl Fn(&mut Self)) {
        make(self);
        self.add([LocalSet(RESULT[kind])]);
        make(self);
        self.add(match kind {
            0 => [I32Eqz, LocalSet(RESULT[0])],
            _ => [I64Eqz, LocalSet(RESULT[0])],
        });
        make(self);
        self.add([Drop]);
    }

    fn binary(&mut self, from: usize, to: usize, operators: &[Instruction<'static>]) {
        for operator in operators {
            for left in PLACES {
                for right in PLACES {
                    self.sinks(to, |made| {
                        made.operand(from, A[from], left);
                        made.operand(from, B[from], right);
                        made.add([operator.clone()]);
                    });
                }
            }
        }
    }

    fn unary(&mut self, from: usize, to: usize, operators: &[Instruction<'static>]) {
        for operator in operators {
            for place in PLACES {
                self.sinks(to, |made| {
                    made.operand(from, A[from], place);
                    made.add([operator.clone()]);
                });
            }
        }
    }

    fn arithmetic(&mut self) {
        self.binary(
            0,
            0,
            &[
                I32Add, I32Sub, I32Mul, I32DivS, I32DivU, I32RemS, I32RemU, I32And, I32Or, I32Xor,
                I32Shl, I32ShrS, I32ShrU, I32Rotl, I32Rotr,
            ],
        );
        self.binary(
            1,
            1,
            &[
                I64Add, I64Sub, I64Mul, I64DivS, I64DivU, I64RemS, I64RemU, I64And, I64Or, I64Xor,
                I64Shl, I64ShrS, I64ShrU, I64Rotl, I64Rotr,
            ],
        );
        self.unary(
            0,
            0,
            &[I32Clz, I32Ctz, I32Popcnt, I32Extend8S, I32Extend16S, I32Eqz],
        );
        self.unary(
            1,
            1,
            &[
                I64Clz,
                I64Ctz,
                I64Popcnt,
                I64Extend8S,
                I64Extend16S,
                I64Extend32S,
            ],
        );
        self.unary(1, 0, &[I32WrapI64, I64Eqz]);
        self.unary(0, 1, &[I64ExtendI32S, I64ExtendI32U]);
    }

    /// Comparisons alone, and as the condition of everything that has one.
    fn comparisons(&mut self) {
        const OF_32: [Instruction<'static>; 12] = [
            I32Eq, I32Ne, I32LtS, I32LtU, I32GtS, I32GtU, I32LeS, I32LeU, I32GeS, I32GeU, I32And,
            I32Or,
        ];
        const OF_64: [Instruction<'static>; 12] = [
            I64Eq, I64Ne, I64LtS, I64LtU, I64GtS, I64GtU, I64LeS, I64LeU, I64GeS, I64GeU, I64And,
            I64Or,
        ];
        self.binary(0, 0, &OF_32[..10]);
        self.binary(1, 0, &OF_64[..10]);
        for (kind, operators) in [(0, &OF_32), (1, &OF_64)] {
            for operator in operators {
                for left in PLACES {
                    for right in PLACES {
                        self.conditions(|made| {
                            made.operand(kind, A[kind], left);
                            made.operand(kind, B[kind], right);
                            made.add([operator.clone()]);
                            if matches!(operator, I64And | I64Or) {
                                made.add([I64Eqz]);
                            }
                        });
                    }
                }
            }
        }
        let values = PLACES.map(|first| PLACES.map(|second| (first, second)));
        let values = values.as_flattened().iter().copied();
        for place in PLACES {
            self.selects(values.clone(), |made| made.operand(0, A[0], place));
            self.selects(values.clone(), |made| {
                made.operand(0, A[0], place);
                made.operand(0, B[0], Place::Local);
                made.add([I32LtS]);
            });
            self.conditions(|made| made.operand(0, A[0], place));
            self.conditions(|made| {
                made.operand(1, A[1], place);
                made.add([I64Eqz]);
            });
        }
    }

    /// Everything that has a condition, the condition itself and its contrary.
    fn conditions(&mut self, condition: impl Fn(&mut Self)) {
        for contrary in [false, true] {
            let condition = |made: &mut Self| {
                condition(made);
                if contrary {
                    made.add([I32Eqz]);
                }
            };
            self.add([Block(BlockType::Empty)]);
            condition(self);
            self.add([BrIf(0), End]);
            condition(self);
            self.add([If(BlockType::Empty), Nop, Else, Nop, End]);
            self.add([Block(BlockType::Result(ValType::I32)), LocalGet(A[0])]);
            condition(self);
            self.add([BrIf(0), Drop, I32Const(1), End, LocalSet(RESULT[0])]);
        }
        self.selects([(Place::Local, Place::Local)], condition);
    }

    /// Selects with the values in places.
    fn selects(
        &mut self,
        places: impl IntoIterator<Item = (Place, Place)>,
        condition: impl Fn(&mut Self),
    ) {
        for (first, second) in places {
            for (kind, value) in [(0, ValType::I32), (1, ValType::I64)] {
                self.operand(kind, A[kind], first);
                self.operand(kind, B[kind], second);
                condition(self);
                self.add([Select, LocalSet(RESULT[kind])]);
                self.operand(kind, A[kind], first);
                self.operand(kind, B[kind], second);
                condition(self);
                self.add([TypedSelect(value), Drop]);
            }
        }
    }

    fn memory(&mut self) {
        let at = |offset| MemArg {
            offset,
            align: 0,
            target: MemArgTarget::Memory(0),
            ordering: None,
        };
        type Access = fn(MemArg) -> Instruction<'static>;
        let loads: [(usize, Access); 12] = [
            (0, I32Load),
            (0, I32Load8S),
            (0, I32Load8U),
            (0, I32Load16S),
            (0, I32Load16U),
            (1, I64Load),
            (1, I64Load8S),
            (1, I64Load8U),
            (1, I64Load16S),
            (1, I64Load16U),
            (1, I64Load32S),
            (1, I64Load32U),
        ];
        let stores: [(usize, Access); 7] = [
            (0, I32Store),
            (0, I32Store8),
            (0, I32Store16),
            (1, I64Store),
            (1, I64Store8),
            (1, I64Store16),
            (1, I64Store32),
        ];
        // Those that fit into 16 bits, and others.
        for offset in [0, 8, 70_000] {
            for place in PLACES {
                for (kind, load) in loads {
                    self.sinks(kind, |made| {
                        made.operand(0, A[0], place);
                        made.add([load(at(offset))]);
                    });
                }
                for (kind, store) in stores {
                    for value in PLACES {
                        self.operand(0, A[0], place);
                        self.operand(kind, B[kind], value);
                        self.add([store(at(offset))]);
                    }
                }
            }
        }
        for place in PLACES {
            for (kind, global) in [(0, 0), (1, 1)] {
                self.operand(kind, A[kind], place);
                self.add([GlobalSet(global)]);
                self.sinks(kind, |made| made.add([GlobalGet(global)]));
                self.operand(kind, A[kind], place);
                self.add([LocalTee(RESULT[kind]), LocalSet(RESULT[kind])]);
            }
        }
        self.sinks(0, |made| made.add([MemorySize(0)]));
    }

    /// What works on more than a number, and on tables.
    fn bulk(&mut self) {
        let fill = [MemoryFill(0)];
        let (mem, table) = (0, 0);
        let copy = [
            MemoryCopy {
                src_mem: mem,
                dst_mem: mem,
            },
            MemoryInit { mem, data_index: 0 },
        ];
        for operator in fill.into_iter().chain(copy) {
            for last in PLACES {
                for first in [Place::Local, Place::Constant] {
                    self.operand(0, A[0], first);
                    self.operand(0, B[0], first);
                    self.operand(0, B[0], last);
                    self.add([operator.clone()]);
                }
            }
        }
        for place in PLACES {
            self.operand(0, B[0], place);
            self.add([I32Const(7), I32And, TableGet(table), Drop]);
            self.add([I32Const(1), RefFunc(IDENTITIES), TableSet(table)]);
            self.operand(0, B[0], place);
            self.add([
                I32Const(1),
                I32And,
                RefNull(HeapType::FUNC),
                TableSet(table),
            ]);
            self.operand(0, B[0], place);
            self.add([
                I32Const(1),
                I32And,
                TableGet(table),
                RefIsNull,
                LocalSet(RESULT[0]),
            ]);
        }
        self.add([
            I32Const(6),
            RefNull(HeapType::FUNC),
            I32Const(1),
            TableFill(table),
        ]);
        self.add([LocalGet(B[0]), I32Const(0), I32Const(1)]);
        self.add([TableInit {
            elem_index: 1,
            table,
        }]);
        self.add([
            I32Const(6),
            I32Const(0),
            LocalGet(B[0]),
            I32Const(1),
            I32And,
        ]);
        self.add([TableCopy {
            src_table: table,
            dst_table: table,
        }]);
        self.add([DataDrop(1), ElemDrop(2)]);
        self.sinks(0, |made| made.add([TableSize(table)]));
    }

    /// Calls, with what they are given and what they give in all places, and branches to many.
    fn calls(&mut self) {
        for place in PLACES {
            for number in 0..8 {
                let kind = usize::from(number >= 4);
                self.sinks(kind, |made| {
                    made.operand(kind, A[kind], place);
                    made.add([Call(IDENTITIES + number)]);
                });
            }
            for (kind, index) in [(0, 2), (1, 4)] {
                for by in PLACES {
                    self.operand(kind, A[kind], place);
                    match by {
                        Place::Constant => self.add([I32Const(index)]),
                        Place::Local => {
                            self.add([I32Const(index), LocalSet(RESULT[0]), LocalGet(RESULT[0])])
                        }
                        Place::Register => self.add([
                            LocalGet(RESULT[0]),
                            I32Const(0),
                            I32And,
                            I32Const(index),
                            I32Or,
                        ]),
                    }
                    self.add([
                        CallIndirect {
                            type_index: SAME[kind],
                            table_index: 0,
                        },
                        LocalSet(RESULT[kind]),
                    ]);
                }
            }
            self.add([Block(BlockType::Empty), Block(BlockType::Empty)]);
            self.operand(0, B[0], place);
            self.add([BrTable((&[0, 1, 0]).into(), 1), End, End]);
            self.add([Block(BlockType::Result(ValType::I64))]);
            self.operand(1, B[1], place);
            self.add([
                LocalGet(B[0]),
                BrTable((&[0, 0]).into(), 0),
                End,
                LocalSet(RESULT[1]),
            ]);
            self.add([Block(BlockType::Result(ValType::I32))]);
            self.operand(0, B[0], place);
            self.add([Br(0), End, LocalSet(RESULT[0])]);
            self.loops(place);
            self.arguments(place);
        }
    }

    /// Calls with several arguments, which are copied from wherever they are.
    fn arguments(&mut self, place: Place) {
        for (kind, other) in [(0, Place::Local), (0, Place::Constant), (1, Place::Local)] {
            for (function, count) in [(SEVERAL[kind], 3), (SEVERAL[kind + 2], 7)] {
                self.operand(kind, A[kind], place);
                for _ in 1..count {
                    self.operand(kind, B[kind], other);
                }
                self.add([Call(function)]);
                for _ in 1..count {
                    self.operand(kind, B[kind], other);
                }
                self.operand(kind, A[kind], place);
                self.add([Call(function)]);
            }
        }
    }

    /// Branch tables to loops that take values.
    fn loops(&mut self, place: Place) {
        for (takes, values) in [(TAKES_ONE, 1), (TAKES_TWO, 2)] {
            self.add([I32Const(3), LocalSet(RESULT[0])]);
            self.operand(0, A[0], place);
            for _ in 1..values {
                self.operand(0, B[0], place);
            }
            self.add([Loop(BlockType::FunctionType(takes))]);
            for _ in 0..values {
                self.add([Drop]);
            }
            self.add([
                LocalGet(RESULT[0]),
                I32Const(1),
                I32Sub,
                LocalTee(RESULT[0]),
                If(BlockType::Empty),
            ]);
            self.operand(0, A[0], place);
            for _ in 1..values {
                self.operand(0, B[0], place);
            }
            self.add([LocalGet(B[0]), BrTable((&[1, 1]).into(), 1), End, End]);
        }
    }
}
