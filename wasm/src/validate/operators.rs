//! The code of functions: locals, nesting, and references.

use wasmparser::{
    BlockType, FuncToValidate, FuncValidator, FuncValidatorAllocations, FunctionBody, Operator,
    ValType, WasmModuleResources,
};

use super::error::{InvalidCode, Rule, within};
use crate::limits::{MAX_BRANCH_TARGETS, MAX_GROWTH_SITES, MAX_LOCALS, MAX_NESTING};

/// What all bodies of a module have together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    branch_targets: u32,
    growth_sites: u32,
}

/// Compares a body with the rules of WebAssembly and with ours, and adds what there is a limited number of to that of the
/// bodies before. Gives back what can be used for the next one.
pub(super) fn check_body<R: WasmModuleResources>(
    function: FuncToValidate<R>,
    body: &FunctionBody<'_>,
    allocations: FuncValidatorAllocations,
    counts: &mut Counts,
) -> Result<FuncValidatorAllocations, InvalidCode> {
    check_locals(body)?;
    let mut validator = function.into_validator(allocations);
    validator.read_locals(&mut body.get_binary_reader())?;
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        check_operator(&operator, offset)?;
        counts.add(&operator, offset)?;
        validator.op(offset, &operator)?;
        check_nesting(&validator, offset)?;
    }
    validator.finish(operators.original_position())?;
    Ok(validator.into_allocations())
}

fn check_locals(body: &FunctionBody<'_>) -> Result<(), InvalidCode> {
    let mut locals = 0_u64;
    for group in body.get_locals_reader()? {
        let (count, ty) = group?;
        let offset = body.range().start;
        locals = locals.saturating_add(u64::from(count));
        within(Rule::Locals, locals, MAX_LOCALS, offset)?;
        check_value(ty, offset)?;
    }
    Ok(())
}

impl Counts {
    fn add(&mut self, operator: &Operator<'_>, offset: usize) -> Result<(), InvalidCode> {
        match operator {
            Operator::BrTable { targets } => {
                // The default is one, too.
                let more = targets.len().saturating_add(1);
                self.branch_targets = self.branch_targets.saturating_add(more);
                let found = self.branch_targets;
                within(Rule::BranchTargets, found, MAX_BRANCH_TARGETS, offset)
            }
            Operator::MemoryGrow { .. } => {
                self.growth_sites = self.growth_sites.saturating_add(1);
                let found = self.growth_sites;
                within(Rule::GrowthSites, found, MAX_GROWTH_SITES, offset)
            }
            _ => Ok(()),
        }
    }
}

fn check_nesting<R: WasmModuleResources>(
    validator: &FuncValidator<R>,
    offset: usize,
) -> Result<(), InvalidCode> {
    // The function itself is a block, too.
    let depth = validator.control_stack_height().saturating_sub(1);
    within(Rule::Nesting, depth, MAX_NESTING, offset)
}

/// Refuses what takes references out of the table, or puts other ones in, and types that speak of them: in code that never
/// runs they would be valid.
const fn check_operator(operator: &Operator<'_>, offset: usize) -> Result<(), InvalidCode> {
    match operator {
        Operator::RefNull { .. }
        | Operator::RefIsNull
        | Operator::RefFunc { .. }
        | Operator::TableGet { .. }
        | Operator::TableSet { .. }
        | Operator::TableGrow { .. }
        | Operator::TableFill { .. }
        | Operator::TableSize { .. } => Err(InvalidCode::new(Rule::References, offset)),
        Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
            match blockty {
                BlockType::Type(ty) => check_value(*ty, offset),
                // Types of functions were looked at in their section.
                BlockType::Empty | BlockType::FuncType(_) => Ok(()),
            }
        }
        Operator::TypedSelect { ty } => check_value(*ty, offset),
        _ => Ok(()),
    }
}

/// Refuses types other than those of numbers without a point.
pub(super) const fn check_value(ty: ValType, offset: usize) -> Result<(), InvalidCode> {
    match ty {
        ValType::I32 | ValType::I64 => Ok(()),
        ValType::Ref(_) => Err(InvalidCode::new(Rule::References, offset)),
        _ => Err(InvalidCode::new(Rule::ValueTypes, offset)),
    }
}
