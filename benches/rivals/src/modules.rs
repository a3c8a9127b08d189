//! `compare modules`: modules by chance, in our interpreter and in wasmtime.
//!
//! Invariant: both are given the same bytes, none of which knows who runs them, and both have to tell the same: what the
//! memory and all globals are in the end, or which instruction failed.

mod made;
mod ours;
mod rival;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};
use serde_json::{Map, Value, json};

use self::rival::Rival;
use crate::cli::wasm::ModulesOptions;
use crate::error::CompareError;
use crate::machine::Machine;
use crate::progress::Measured;
use crate::report::{Header, Row, Setup, equal, object, report_all};

/// What a module takes, about.
const MODULE_S: f64 = 0.004;

/// How a module ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ending {
    /// It gave back these bytes.
    Returned(Vec<u8>),
    /// An instruction failed.
    Trapped(Trap),
    /// Functions were nested deeper than one of the two lets them be, and how deep that is differs.
    TooDeep,
}

/// Which instruction failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trap {
    Unreachable,
    MemoryBounds,
    TableBounds,
    NullElement,
    Signature,
    DivisionByZero,
    Overflow,
}

/// What the figures are about.
#[derive(Clone, Debug)]
struct Random(ModulesOptions);

impl Setup for Random {
    fn mode(&self) -> &str {
        "modules"
    }

    fn note(&self) -> String {
        let ModulesOptions { count, seed, .. } = self.0;
        format!("{count} modules from seed {seed}")
    }
}

impl Measured for Random {
    fn label(&self) -> String {
        self.mode().to_owned()
    }

    fn round_s(&self) -> f64 {
        f64::from(self.0.count) * MODULE_S
    }
}

/// How many came to what.
#[derive(Clone, Copy, Debug, Default)]
struct ModulesRow {
    made: u32,
    /// Made ready by our rules and our interpreter.
    accepted: u32,
    /// Of those, by wasmtime, too.
    both: u32,
    returned: u32,
    trapped: u32,
    too_deep: u32,
    differing: u32,
}

/// Runs all modules and prints how they ended; `false` when two endings differed.
pub(crate) fn compare(options: &ModulesOptions) -> Result<bool, CompareError> {
    let header = Header {
        machine: Machine::this(),
        // What is compared are results, and those need no rounds.
        rounds: 0,
        setup: Random(options.clone()),
    };
    let point = header.setup.clone();
    report_all(options.output, header, &[point], |_| run(options))
}

fn run(options: &ModulesOptions) -> Result<ModulesRow, CompareError> {
    let rival = Rival::new()?;
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let mut row = ModulesRow::default();
    for number in 0..options.count {
        let mut chance = vec![0; 4_096];
        rng.fill_bytes(&mut chance);
        let Some(code) = made::module(&chance)? else {
            continue;
        };
        row.made += 1;
        let Some(ours) = ours::ending(&code)? else {
            continue;
        };
        row.accepted += 1;
        let Some(theirs) = rival.ending(&code)? else {
            continue;
        };
        row.both += 1;
        match (&ours, &theirs) {
            (Ending::TooDeep, _) | (_, Ending::TooDeep) => row.too_deep += 1,
            (Ending::Returned(ours), Ending::Returned(theirs)) if ours == theirs => {
                row.returned += 1;
            }
            (Ending::Trapped(ours), Ending::Trapped(theirs)) if ours == theirs => row.trapped += 1,
            _ => {
                row.differing += 1;
                eprintln!("module {number}: {} and {}", ours.name(), theirs.name());
            }
        }
    }
    Ok(row)
}

impl Ending {
    fn name(&self) -> String {
        match self {
            Self::Returned(_) => "it returned".to_owned(),
            Self::Trapped(trap) => format!("{trap:?}"),
            Self::TooDeep => "too deep".to_owned(),
        }
    }
}

impl Row for ModulesRow {
    const TITLE: &'static str = "{mode} by chance beside wasmtime";
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("made", 9),
        ("accepted", 9),
        ("by both", 9),
        ("returned", 9),
        ("trapped", 9),
        ("too deep", 9),
        ("differing", 9),
        ("results", 7),
    ];
    type Setup = Random;
    type Json = Map<String, Value>;

    fn is_right(&self) -> bool {
        self.differing == 0
    }

    fn cells(&self) -> Vec<String> {
        let counts = [
            self.made,
            self.accepted,
            self.both,
            self.returned,
            self.trapped,
            self.too_deep,
            self.differing,
        ];
        let mut cells: Vec<String> = counts.iter().map(u32::to_string).collect();
        cells.push(equal(self.is_right()));
        cells
    }

    fn json(&self, header: &Header<Random>) -> Map<String, Value> {
        object(
            header,
            [
                ("seed", json!(header.setup.0.seed)),
                ("made", json!(self.made)),
                ("accepted", json!(self.accepted)),
                ("accepted_by_both", json!(self.both)),
                ("returned", json!(self.returned)),
                ("trapped", json!(self.trapped)),
                ("too_deep", json!(self.too_deep)),
                ("differing", json!(self.differing)),
                ("results_equal", json!(self.is_right())),
            ],
        )
    }
}
