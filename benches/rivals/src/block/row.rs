//! What is reported of a point.

use std::time::Duration;

use ordlane::{Stage, Stages};
use serde_json::{Map, Value, json};

use super::{Blocks, Point, Round, dalek_backend};
use crate::cli::block::BlockOptions;
use crate::measure::{Spread, Taken};
use crate::report::{Header, Row, equal, object, put, spread};
use crate::signatures::per_item;

/// Which of our tiers verify and hash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiers {
    pub(super) signatures: &'static str,
    pub(super) hashes: &'static str,
}

/// What was measured at a point.
#[derive(Clone, Debug)]
pub(super) struct BlockRow {
    point: Point,
    tiers: Tiers,
    roots_equal: bool,
    wall_ratio: Spread,
    cpu_ratio: Spread,
    machine_parallelism: Spread,
    parallel: Cost,
    sequential: Cost,
    /// Nothing where it is absent.
    naive: Option<Cost>,
    strong: Option<Cost>,
    vs_naive: Option<Spread>,
    vs_strong: Option<Spread>,
    /// Of ours in parallel and in sequence, each in milliseconds per block.
    stages: [StageTimes; 2],
}

/// What somebody took, in microseconds per transaction.
#[derive(Clone, Copy, Debug)]
struct Cost {
    wall_us: Spread,
    cpu_us: Spread,
}

type StageTimes = [Spread; Stage::ALL.len()];

impl BlockRow {
    /// The medians; the first round warms up.
    pub(super) fn new(
        point: Point,
        options: &BlockOptions,
        tiers: Tiers,
        rounds: &[Round],
    ) -> Self {
        let measured = rounds.get(1..).unwrap_or_default();
        let over = |figure: &dyn Fn(&Round) -> f64| Spread::over(measured, figure);
        let per_tx_us = per_item(point.round_txs as usize, 1e6);
        let cost = |of: &dyn Fn(&Round) -> Taken| Cost {
            wall_us: over(&|round| of(round).wall_s).scaled(per_tx_us),
            cpu_us: over(&|round| of(round).cpu_s).scaled(per_tx_us),
        };
        let strong = |round: &Round| round.strong.map(|strong| strong.taken).unwrap_or_default();
        let naive = |round: &Round| round.naive.map(|naive| naive.taken).unwrap_or_default();
        let has_naive = measured.iter().all(|round| round.naive.is_some());
        let has_strong = measured.iter().all(|round| round.strong.is_some());
        let stages = |of: fn(&Round) -> Stages| {
            let times = measured.iter().map(|round| of(round).times());
            stage_times(&times.collect::<Vec<_>>(), options.blocks)
        };
        let parallel = |round: &Round| round.parallel.taken;
        let sequential = |round: &Round| round.sequential.taken;
        Self {
            point,
            tiers,
            roots_equal: rounds.iter().all(Round::roots_equal),
            wall_ratio: over(&|round| sequential(round).wall_s / parallel(round).wall_s),
            cpu_ratio: over(&|round| parallel(round).cpu_s / sequential(round).cpu_s),
            machine_parallelism: over(&|round| round.machine_parallelism),
            parallel: cost(&parallel),
            sequential: cost(&sequential),
            naive: has_naive.then(|| cost(&naive)),
            strong: has_strong.then(|| cost(&strong)),
            vs_naive: has_naive
                .then(|| over(&|round| naive(round).wall_s / parallel(round).wall_s)),
            vs_strong: has_strong
                .then(|| over(&|round| strong(round).wall_s / parallel(round).wall_s)),
            stages: [
                stages(|round| round.parallel.stages),
                stages(|round| round.sequential.stages),
            ],
        }
    }

    fn wall_ratio_of_machine(&self) -> f64 {
        self.wall_ratio.median / self.machine_parallelism.median
    }

    /// How long each stage takes, in order.
    fn stages_cell(&self, way: usize) -> String {
        let times = self.stages[way].iter();
        let cells = times.map(|time| format!("{:.1}", time.median));
        cells.collect::<Vec<_>>().join(" ")
    }

    fn stages_json(&self) -> Value {
        let [parallel, sequential] = &self.stages;
        let stages = (Stage::ALL.into_iter()).zip(parallel.iter().zip(sequential));
        let stages = stages.map(|(stage, (parallel, sequential))| {
            let mut times = Map::new();
            put(&mut times, "parallel_ms", Some(*parallel));
            put(&mut times, "sequential_ms", Some(*sequential));
            (stage.name().to_owned(), Value::Object(times))
        });
        Value::Object(stages.collect())
    }
}

fn maybe(ratio: Option<Spread>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| spread(ratio, 2))
}

/// Milliseconds per block of each stage, of rounds of so many blocks.
fn stage_times(rounds: &[[Duration; Stage::ALL.len()]], blocks: u32) -> StageTimes {
    let per_block_ms = per_item(blocks as usize, 1e3);
    std::array::from_fn(|stage| {
        Spread::over(rounds, |times| times[stage].as_secs_f64()).scaled(per_block_ms)
    })
}

impl Row for BlockRow {
    const TITLE: &'static str = "{mode} from bytes to durable roots beside rivals";
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("workload", 10),
        ("threads", 7),
        ("backend", 15),
        ("wall ratio", 16),
        ("machine", 7),
        ("of machine", 10),
        ("CPU ratio", 16),
        ("us/tx", 19),
        ("seq us/tx", 19),
        ("vs naive", 18),
        ("vs strong", 16),
        ("stages ms", 33),
        ("seq ms", 33),
        ("roots", 6),
    ];
    type Setup = Blocks;
    type Json = Map<String, Value>;

    fn is_right(&self) -> bool {
        self.roots_equal
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.point.load.name().to_owned(),
            self.point.threads.to_string(),
            self.tiers.signatures.to_owned(),
            spread(self.wall_ratio, 2),
            format!("{:.2}", self.machine_parallelism.median),
            format!("{:.2}", self.wall_ratio_of_machine()),
            spread(self.cpu_ratio, 2),
            spread(self.parallel.wall_us, 2),
            spread(self.sequential.wall_us, 2),
            maybe(self.vs_naive),
            maybe(self.vs_strong),
            self.stages_cell(0),
            self.stages_cell(1),
            equal(self.roots_equal),
        ]
    }

    fn json(&self, header: &Header<Blocks>) -> Map<String, Value> {
        let options = &header.setup.0;
        let facts = [
            ("workload", json!(self.point.load.name())),
            ("txs", json!(options.txs)),
            ("accounts", json!(options.accounts)),
            ("senders", json!(self.point.senders(options))),
            ("pools", json!(self.point.pools(options))),
            ("blocks", json!(options.blocks)),
            ("threads", json!(self.point.threads)),
            ("mode", json!(options.mode.name())),
            ("backend", json!(self.tiers.signatures)),
            ("hash_backend", json!(self.tiers.hashes)),
            ("dalek_backend", json!(dalek_backend())),
            ("roots_equal", json!(self.roots_equal)),
        ];
        let mut json = object(header, facts);
        put(&mut json, "wall_ratio", Some(self.wall_ratio));
        put(&mut json, "cpu_ratio", Some(self.cpu_ratio));
        put(
            &mut json,
            "machine_parallelism",
            Some(self.machine_parallelism),
        );
        let of_machine = json!(self.wall_ratio_of_machine());
        json.insert("wall_ratio_of_machine".to_owned(), of_machine);
        put(&mut json, "vs_naive", self.vs_naive);
        put(&mut json, "vs_strong", self.vs_strong);
        for (prefix, cost) in [
            ("", Some(self.parallel)),
            ("sequential_", Some(self.sequential)),
            ("naive_", self.naive),
            ("strong_", self.strong),
        ] {
            let (wall, cpu) = (cost.map(|cost| cost.wall_us), cost.map(|cost| cost.cpu_us));
            put(&mut json, &format!("{prefix}us_per_tx"), wall);
            put(&mut json, &format!("{prefix}cpu_us_per_tx"), cpu);
        }
        json.insert("stages".to_owned(), self.stages_json());
        json
    }
}
