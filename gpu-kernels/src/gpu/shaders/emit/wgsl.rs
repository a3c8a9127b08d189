//! A kernel as WGSL, with the functions and structures that it needs.
//!
//! A value that is used once is written where it is used, so that the text stays readable; what reads a variable or a
//! buffer has its own line, for its place matters. The words of the uniform are at binding 0 of group 0, and the buffers
//! follow.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::program::{
    Access, Body, Function, Input, Kernel, Op, Program, Statement, StructId, Type, Value,
};

/// The entry point of every kernel.
pub(crate) const ENTRY_POINT: &str = "main";

/// How deep an expression may be nested.
const MAX_DEPTH: usize = 8;

/// The text of a kernel.
pub(crate) fn print(program: &Program, kernel: &Kernel) -> String {
    let mut text = String::new();
    let (structures, functions) = reachable(program, kernel);
    for id in structures {
        structure(&mut text, program, id);
    }
    interface(&mut text, kernel);
    for id in functions {
        function(&mut text, program, &program.functions[id]);
    }
    entry(&mut text, program, kernel);
    text
}

/// Adds a line. Writing to a string never fails.
fn line(text: &mut String, depth: usize, content: &str) {
    let _ = writeln!(text, "{:width$}{content}", "", width = depth * 4);
}

fn structure(text: &mut String, program: &Program, id: StructId) {
    if id == Program::QUAD {
        return;
    }
    let structure = &program.structures[id.0];
    line(text, 0, &format!("struct {} {{", structure.name));
    for (name, ty) in &structure.fields {
        line(text, 1, &format!("{name}: {},", type_name(program, *ty)));
    }
    line(text, 0, "}\n");
}

fn interface(text: &mut String, kernel: &Kernel) {
    line(text, 0, "struct Uniform {");
    for name in kernel.uniform {
        line(text, 1, &format!("{name}: u32,"));
    }
    line(text, 0, "}\n");
    line(
        text,
        0,
        "@group(0) @binding(0) var<uniform> uniform_words: Uniform;",
    );
    for (at, buffer) in kernel.buffers.iter().enumerate() {
        let access = match buffer.access {
            Access::Read => "read",
            Access::ReadWrite => "read_write",
        };
        let element = match buffer.element {
            Type::Struct(_) => "vec4<u32>",
            _ => "u32",
        };
        let (binding, name) = (at + 1, buffer.name);
        line(
            text,
            0,
            &format!(
                "@group(0) @binding({binding}) var<storage, {access}> {name}: array<{element}>;"
            ),
        );
    }
    line(text, 0, "");
}

fn function(text: &mut String, program: &Program, function: &Function) {
    let parameters: Vec<String> = function
        .parameters
        .iter()
        .map(|parameter| format!("{}: {}", parameter.name, type_name(program, parameter.ty)))
        .collect();
    let result = type_name(program, function.result.ty);
    line(
        text,
        0,
        &format!(
            "fn {}({}) -> {result} {{",
            function.name,
            parameters.join(", ")
        ),
    );
    let names = function.parameters.iter().map(|parameter| parameter.name);
    let mut printer = Printer::new(text, program, &function.body, Some(function.result));
    printer.parameters = names.collect();
    printer.declare();
    printer.block(&function.body.statements, 1);
    let result = printer.name(function.result).to_owned();
    line(text, 1, &format!("return {result};"));
    line(text, 0, "}\n");
}

fn entry(text: &mut String, program: &Program, kernel: &Kernel) {
    let [count, ..] = kernel.uniform;
    let size = kernel.workgroup_size;
    line(text, 0, &format!("@compute @workgroup_size({size})"));
    line(text, 0, &format!("fn {ENTRY_POINT}("));
    line(text, 1, "@builtin(workgroup_id) group: vec3<u32>,");
    line(text, 1, "@builtin(num_workgroups) groups: vec3<u32>,");
    line(text, 1, "@builtin(local_invocation_index) thread: u32,");
    line(text, 0, ") {");
    line(text, 1, "let workgroup = group.y * groups.x + group.x;");
    let own = if kernel.is_per_item {
        line(
            text,
            1,
            &format!("let item = workgroup * {size}u + thread;"),
        );
        "item"
    } else {
        "workgroup"
    };
    line(text, 1, &format!("if ({own} >= uniform_words.{count}) {{"));
    line(text, 2, "return;");
    line(text, 1, "}");
    let mut printer = Printer::new(text, program, &kernel.body, None);
    printer.uniform = kernel.uniform;
    printer.buffers = kernel.buffers.iter().map(|buffer| buffer.name).collect();
    printer.declare();
    printer.block(&kernel.body.statements, 1);
    line(text, 0, "}");
}

/// The text of a function's body while it is printed.
struct Printer<'a> {
    text: &'a mut String,
    program: &'a Program,
    body: &'a Body,
    parameters: Vec<&'static str>,
    uniform: [&'static str; 4],
    buffers: Vec<&'static str>,
    /// Which values are written where they are used.
    inlined: Vec<bool>,
    /// What stands for each value, and how deep it is nested.
    names: Vec<(String, usize)>,
}

impl<'a> Printer<'a> {
    fn new(
        text: &'a mut String,
        program: &'a Program,
        body: &'a Body,
        result: Option<Value>,
    ) -> Self {
        let mut uses = Uses {
            counts: vec![0; body.values.len()],
            homes: vec![0; body.values.len()],
            blocks: 0,
        };
        uses.block(&body.statements);
        if let Some(result) = result {
            uses.counts[result.id] += 1;
        }
        Self {
            text,
            program,
            body,
            parameters: Vec::new(),
            uniform: [""; 4],
            buffers: Vec::new(),
            inlined: uses.counts.iter().map(|count| *count == 1).collect(),
            names: vec![(String::new(), 0); body.values.len()],
        }
    }

    fn name(&self, value: Value) -> &str {
        &self.names[value.id].0
    }

    fn list(&self, values: &[Value]) -> String {
        let names: Vec<&str> = values.iter().map(|value| self.name(*value)).collect();
        names.join(", ")
    }

    fn declare(&mut self) {
        for (at, (ty, _)) in self.body.variables.iter().enumerate() {
            let ty = type_name(self.program, *ty);
            line(self.text, 1, &format!("var w{at}: {ty};"));
        }
    }

    fn block(&mut self, statements: &[Statement], depth: usize) {
        for statement in statements {
            self.statement(statement, depth);
        }
    }

    fn statement(&mut self, statement: &Statement, depth: usize) {
        match statement {
            Statement::Let(value, op) => self.define(*value, op, depth),
            Statement::Set(variable, value) => {
                let set = format!("w{} = {};", variable.0, self.name(*value));
                line(self.text, depth, &set);
            }
            Statement::Store(buffer, index, value, _) => {
                let buffer = self.buffers[buffer.0];
                let (index, value) = (self.name(*index), self.name(*value));
                let store = format!("{buffer}[{index}] = {value};");
                line(self.text, depth, &store);
            }
            Statement::Loop {
                counter,
                from,
                below,
                step,
                body,
            } => {
                let own = format!("i{}", counter.id);
                let (from, below, step) = (self.name(*from), self.name(*below), self.name(*step));
                let head = format!("for (var {own} = {from}; {own} < {below}; {own} += {step}) {{");
                self.names[counter.id] = (own, 0);
                line(self.text, depth, &head);
                self.block(body, depth + 1);
                line(self.text, depth, "}");
            }
            Statement::When { condition, body } => {
                let head = format!("if {} {{", self.name(*condition));
                line(self.text, depth, &head);
                self.block(body, depth + 1);
                line(self.text, depth, "}");
            }
            Statement::Barrier => {
                line(self.text, depth, "storageBarrier();");
                line(self.text, depth, "workgroupBarrier();");
            }
        }
    }

    /// Names a value, or lets its expression stand for it.
    fn define(&mut self, value: Value, op: &Op, depth: usize) {
        let (expression, nested) = self.expression(value.ty, op);
        let is_inlined = match op {
            Op::Constant(_) | Op::Parameter(_) | Op::Input(_) | Op::Field(..) => true,
            Op::Get(_) | Op::Load(..) | Op::Call(..) => false,
            _ => self.inlined[value.id] && nested < MAX_DEPTH,
        };
        if is_inlined {
            self.names[value.id] = (expression, nested);
        } else {
            let name = format!("v{}", value.id);
            line(self.text, depth, &format!("let {name} = {expression};"));
            self.names[value.id] = (name, 0);
        }
    }

    fn expression(&self, ty: Type, op: &Op) -> (String, usize) {
        let name = |value: &Value| self.name(*value);
        let text = match op {
            Op::Constant(constant) => literal(ty, *constant),
            Op::Parameter(at) => self.parameters[*at].to_owned(),
            Op::Input(input) => self.input(*input),
            Op::Get(variable) => format!("w{}", variable.0),
            Op::Add(a, b) | Op::WrappingAdd(a, b) => format!("({} + {})", name(a), name(b)),
            Op::Sub(a, b) => format!("({} - {})", name(a), name(b)),
            Op::Mul(a, b) => format!("({} * {})", name(a), name(b)),
            Op::And(a, b) => format!("({} & {})", name(a), name(b)),
            Op::Or(a, b) => format!("({} | {})", name(a), name(b)),
            Op::Xor(a, b) if ty == Type::Bool => format!("({} != {})", name(a), name(b)),
            Op::Xor(a, b) => format!("({} ^ {})", name(a), name(b)),
            Op::ShiftLeft(a, bits) => format!("({} << {bits}u)", name(a)),
            Op::ShiftRight(a, bits) => format!("({} >> {bits}u)", name(a)),
            Op::ShiftRightBy(a, bits) => format!("({} >> {})", name(a), name(bits)),
            Op::RotateRight(a, bits) => {
                let (own, rest) = (name(a), 32 - bits);
                format!("(({own} >> {bits}u) | ({own} << {rest}u))")
            }
            Op::Widen(a) => format!("u64({})", name(a)),
            Op::Narrow(a) => format!("u32({})", name(a)),
            Op::Equal(a, b) => format!("({} == {})", name(a), name(b)),
            Op::Less(a, b) => format!("({} < {})", name(a), name(b)),
            Op::Select(condition, yes, no) => {
                format!("select({}, {}, {})", name(no), name(yes), name(condition))
            }
            Op::Field(structure, at) => match structure.ty {
                Type::Struct(id) => {
                    let (field, _) = &self.program.structures[id.0].fields[*at];
                    format!("{}.{field}", name(structure))
                }
                _ => name(structure).to_owned(),
            },
            Op::Make(id, fields) => {
                let structure = self.program.structures[id.0].name;
                format!("{structure}({})", self.list(fields))
            }
            Op::Call(function, arguments) => {
                let function = self.program.functions[function.0].name;
                format!("{function}({})", self.list(arguments))
            }
            Op::Load(buffer, index, _) => format!("{}[{}]", self.buffers[buffer.0], name(index)),
        };
        let mut nested = 0;
        op.operands(&mut |operand| nested = nested.max(self.names[operand.id].1));
        (text, nested + 1)
    }

    fn input(&self, input: Input) -> String {
        match input {
            Input::Item => "item".to_owned(),
            Input::Workgroup => "workgroup".to_owned(),
            Input::Thread => "thread".to_owned(),
            Input::Uniform(word, _) => format!("uniform_words.{}", self.uniform[word]),
        }
    }
}

fn literal(ty: Type, constant: u64) -> String {
    match ty {
        Type::Bool if constant == 0 => "false".to_owned(),
        Type::Bool => "true".to_owned(),
        Type::U64 => format!("{constant}lu"),
        Type::U32 | Type::Struct(_) => format!("{constant}u"),
    }
}

fn type_name(program: &Program, ty: Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::Struct(id) => program.structures[id.0].name,
    }
}

/// How often values are used. Those that are used in another block than their own count as used often.
struct Uses {
    counts: Vec<usize>,
    homes: Vec<usize>,
    blocks: usize,
}

impl Uses {
    fn block(&mut self, statements: &[Statement]) {
        self.blocks += 1;
        let home = self.blocks;
        for statement in statements {
            if let Statement::Let(value, op) = statement {
                self.homes[value.id] = home;
                // A rotation is written with its operand twice.
                let times = if matches!(op, Op::RotateRight(..)) {
                    2
                } else {
                    1
                };
                op.operands(&mut |operand| self.used(operand, home, times));
            }
            statement.operands(&mut |operand| self.used(operand, home, 1));
            if let Statement::Loop { body, .. } | Statement::When { body, .. } = statement {
                self.block(body);
            }
        }
    }

    fn used(&mut self, value: Value, home: usize, times: usize) {
        self.counts[value.id] += if self.homes[value.id] == home {
            times
        } else {
            2
        };
    }
}

/// The numbers of the structures and of the functions that a kernel needs, each after those that it needs itself.
fn reachable(program: &Program, kernel: &Kernel) -> (Vec<StructId>, BTreeSet<usize>) {
    let mut functions = BTreeSet::new();
    let mut types = BTreeSet::new();
    let mut open = vec![&kernel.body];
    while let Some(body) = open.pop() {
        for ty in &body.values {
            collect_types(program, *ty, &mut types);
        }
        for called in calls(&body.statements) {
            if functions.insert(called) {
                open.push(&program.functions[called].body);
            }
        }
    }
    (types.into_iter().map(StructId).collect(), functions)
}

fn collect_types(program: &Program, ty: Type, types: &mut BTreeSet<usize>) {
    if let Type::Struct(id) = ty {
        types.insert(id.0);
        for (_, ty) in &program.structures[id.0].fields {
            collect_types(program, *ty, types);
        }
    }
}

fn calls(statements: &[Statement]) -> Vec<usize> {
    statements
        .iter()
        .flat_map(|statement| match statement {
            Statement::Let(_, Op::Call(function, _)) => vec![function.0],
            Statement::Loop { body, .. } | Statement::When { body, .. } => calls(body),
            _ => Vec::new(),
        })
        .collect()
}
