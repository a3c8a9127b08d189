//! `compare wasm`: contracts by our interpreter beside wasmtime's compiler.
//!
//! Invariant: both run the same modules with the same inputs over maps of the same kind, and give the same answers.

mod engine;
mod host;
mod ours;
mod rival;

use ordlane_testkit::guests::{COMPUTE, TOKEN};
use serde_json::{Map, Value, json};

use self::engine::engine_call;
use self::ours::Ours;
use self::rival::Rival;
use crate::cli::wasm::WasmOptions;
use crate::contest::turns;
use crate::error::CompareError;
use crate::machine::Machine;
use crate::measure::{Spread, Taken, taken};
use crate::progress::Measured;
use crate::report::{Header, Row, Setup, equal, object, put, report_all, spread};

/// How often a module is compiled in a round.
const COMPILES: u32 = 20;
/// How often the computation is done in a round.
const COMPUTES: u32 = 2;
/// What a call of both takes, about.
const CALL_S: f64 = 30e-6;
/// What everything else of a round takes, about.
const ROUND_S: f64 = 1.5;

/// There is one point.
#[derive(Clone, Copy, Debug)]
struct Point {
    calls: u32,
}

impl Measured for Point {
    fn label(&self) -> String {
        "token".to_owned()
    }

    fn round_s(&self) -> f64 {
        ROUND_S + f64::from(self.calls) * CALL_S
    }
}

/// What the figures are about.
#[derive(Clone, Debug)]
struct Contracts(WasmOptions);

impl Setup for Contracts {
    fn mode(&self) -> &str {
        "contracts"
    }

    fn note(&self) -> String {
        let WasmOptions { calls, mixes, .. } = self.0;
        format!("{calls} calls per round; a computation of {mixes} rounds; one thread")
    }
}

/// What a round took: ours, and wasmtime.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    call: [Taken; 2],
    compile: [Taken; 2],
    compute: [Taken; 2],
    /// Per transaction, in seconds.
    engine_s: f64,
}

/// The figures.
#[derive(Clone, Debug)]
struct WasmRow {
    call_us: [Spread; 2],
    call_speedup: Spread,
    compile_us: [Spread; 2],
    compile_speedup: Spread,
    compute_us: [Spread; 2],
    compute_slowdown: Spread,
    engine_call_us: Spread,
    results_equal: bool,
}

/// Measures and prints the report; `false` when two results differed.
pub(crate) fn compare(options: &WasmOptions) -> Result<bool, CompareError> {
    let header = Header {
        machine: Machine::this(),
        rounds: options.rounds,
        setup: Contracts(options.clone()),
    };
    let point = Point {
        calls: options.calls,
    };
    report_all(options.output, header, &[point], |_| measure(options))
}

fn measure(options: &WasmOptions) -> Result<WasmRow, CompareError> {
    let (mut ours, mut rival) = (Ours::new()?, Rival::new()?);
    let mut rounds = Vec::new();
    for number in 0..=options.rounds {
        let mut round = Round::default();
        for who in turns(number, 2) {
            let (call, compile, compute) = match who {
                0 => (
                    taken(|| ours.transfers(options.calls)),
                    taken(|| ours.compiles(TOKEN, COMPILES)),
                    taken(|| ours.computes(options.mixes, COMPUTES)),
                ),
                _ => (
                    taken(|| rival.transfers(options.calls)),
                    taken(|| rival.compiles(TOKEN, COMPILES)),
                    taken(|| rival.computes(options.mixes, COMPUTES)),
                ),
            };
            call.0?;
            compile.0?;
            compute.0?;
            round.call[who] = call.1;
            round.compile[who] = compile.1;
            round.compute[who] = compute.1;
        }
        round.engine_s = engine_call(u64::from(number))?;
        rounds.push(round);
    }
    let measured = rounds.get(1..).unwrap_or_default();
    let us = |of: fn(&Round) -> &[Taken; 2], each: u32| {
        [0, 1].map(|who| {
            Spread::over(measured, |round| of(round)[who].cpu_s).scaled(1e6 / f64::from(each))
        })
    };
    let ratio = |of: fn(&Round) -> &[Taken; 2]| {
        Spread::over(measured, |round| of(round)[1].cpu_s / of(round)[0].cpu_s)
    };
    let slowdown = |round: &Round| round.compute[0].cpu_s / round.compute[1].cpu_s;
    Ok(WasmRow {
        call_us: us(|round| &round.call, options.calls),
        call_speedup: ratio(|round| &round.call),
        compile_us: us(|round| &round.compile, COMPILES),
        compile_speedup: ratio(|round| &round.compile),
        compute_us: us(|round| &round.compute, COMPUTES),
        compute_slowdown: Spread::over(measured, slowdown),
        engine_call_us: Spread::over(measured, |round| round.engine_s).scaled(1e6),
        results_equal: ours.stored() == rival.stored() && ours.computed() == rival.computed(),
    })
}

impl Row for WasmRow {
    const TITLE: &'static str = "{mode} beside wasmtime";
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("call us", 17),
        ("wasmtime", 17),
        ("times", 17),
        ("compile us", 20),
        ("times", 20),
        ("compute us", 24),
        ("slower", 17),
        ("engine us", 17),
        ("results", 7),
    ];
    type Setup = Contracts;
    type Json = Map<String, Value>;

    fn is_right(&self) -> bool {
        self.results_equal
    }

    fn cells(&self) -> Vec<String> {
        vec![
            spread(self.call_us[0], 2),
            spread(self.call_us[1], 2),
            spread(self.call_speedup, 2),
            spread(self.compile_us[0], 1),
            spread(self.compile_speedup, 1),
            spread(self.compute_us[0], 1),
            spread(self.compute_slowdown, 2),
            spread(self.engine_call_us, 2),
            equal(self.results_equal),
        ]
    }

    fn json(&self, header: &Header<Contracts>) -> Map<String, Value> {
        let options = &header.setup.0;
        let facts = [
            ("calls", json!(options.calls)),
            ("mixes", json!(options.mixes)),
            ("module_bytes", json!([TOKEN.len(), COMPUTE.len()])),
            ("results_equal", json!(self.results_equal)),
        ];
        let mut json = object(header, facts);
        for (key, spread) in [
            ("call_us", self.call_us[0]),
            ("wasmtime_call_us", self.call_us[1]),
            ("speedup_vs_wasmtime_call", self.call_speedup),
            ("compile_us", self.compile_us[0]),
            ("wasmtime_compile_us", self.compile_us[1]),
            ("compile_speedup_vs_wasmtime", self.compile_speedup),
            ("compute_us", self.compute_us[0]),
            ("wasmtime_compute_us", self.compute_us[1]),
            ("compute_slowdown_vs_wasmtime", self.compute_slowdown),
            ("engine_call_us", self.engine_call_us),
        ] {
            put(&mut json, key, Some(spread));
        }
        json
    }
}
