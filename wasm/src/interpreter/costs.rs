//! What instructions cost in fuel, by the version of the schedule.
//!
//! wasmi's own table may change from release to release, so every entry that an instruction of ours can reach is here. A
//! unit is about the time of one simple instruction; what takes several times as long has several.

use ordlane_primitives::GasSchedule;
use wasmi::{CustomFuelCosts, OperatorCost};

use crate::limits::PAGE_BYTES;

/// How many bytes of `memory.copy`, `memory.fill` and their like one unit of fuel pays for.
const BYTES_PER_FUEL: u32 = 16;

/// The costs of a schedule.
pub(super) struct Costs {
    pub(super) operators: OperatorCost,
    pub(super) dynamic: CustomFuelCosts,
}

impl Costs {
    /// Nothing for a version that this release does not know.
    pub(super) fn of(schedule: &GasSchedule) -> Option<Self> {
        (schedule.version == 1).then(|| Self {
            operators: version_1(),
            dynamic: CustomFuelCosts {
                bytes_copied_per_fuel: BYTES_PER_FUEL,
                // Everything is compiled before it runs, so nothing is charged for that while it does.
                fuel_per_bytes_translated: 0,
                fuel_per_bytes_validated: 0,
            },
        })
    }
}

/// The fuel that growing a memory costs beside what wasmi takes for the bytes of it.
pub(super) fn growth_fuel(schedule: &GasSchedule, pages: u32) -> u64 {
    let bytes = u64::from(pages).saturating_mul(PAGE_BYTES as u64);
    let gas = schedule.memory(bytes.div_ceil(32)).0;
    let taken = bytes.checked_div(u64::from(BYTES_PER_FUEL)).unwrap_or(0);
    gas.saturating_mul(schedule.fuel_per_gas)
        .saturating_sub(taken)
}

fn version_1() -> OperatorCost {
    let mut cost = OperatorCost::default();
    macro_rules! set {
        ($($value:literal: $($name:ident)*;)*) => { $($(cost.$name = $value;)*)* };
    }
    set! {
        // They become nothing, or a jump that what stands around them pays for. One `nop` pays for four locals.
        0: block loop_ else_ end drop return_ unreachable;
        1: nop br br_if if_ select typed_select local_get local_set local_tee i32_const i64_const;
        2: global_get global_set br_table;
        1: i32_eqz i32_eq i32_ne i32_lt_s i32_lt_u i32_gt_s i32_gt_u i32_le_s i32_le_u i32_ge_s i32_ge_u;
        1: i64_eqz i64_eq i64_ne i64_lt_s i64_lt_u i64_gt_s i64_gt_u i64_le_s i64_le_u i64_ge_s i64_ge_u;
        1: i32_clz i32_ctz i32_popcnt i32_add i32_sub i32_mul i32_and i32_or i32_xor;
        1: i32_shl i32_shr_s i32_shr_u i32_rotl i32_rotr;
        1: i64_clz i64_ctz i64_popcnt i64_add i64_sub i64_mul i64_and i64_or i64_xor;
        1: i64_shl i64_shr_s i64_shr_u i64_rotl i64_rotr;
        1: i32_wrap_i64 i64_extend_i32_s i64_extend_i32_u;
        1: i32_extend8_s i32_extend16_s i64_extend8_s i64_extend16_s i64_extend32_s;
        4: i32_div_s i32_div_u i32_rem_s i32_rem_u i64_div_s i64_div_u i64_rem_s i64_rem_u;
        2: i32_load i64_load i32_load8_s i32_load8_u i32_load16_s i32_load16_u;
        2: i64_load8_s i64_load8_u i64_load16_s i64_load16_u i64_load32_s i64_load32_u;
        2: i32_store i64_store i32_store8 i32_store16 i64_store8 i64_store16 i64_store32;
        2: memory_size;
        // A call sets up a frame; one through a table looks its type up, too.
        8: call;
        10: call_indirect;
        // On top of what their bytes cost.
        10: memory_copy memory_fill memory_init table_copy table_init data_drop elem_drop;
        100: memory_grow;
    }
    cost
}
