//! What is reported of a point.

use serde_json::{Map, Value, json};

use super::field::{Field, Size};
use super::{Point, Round, Stores};
use crate::measure::{Spread, Taken};
use crate::report::{Header, Row, equal, object, put, spread};

const MIB: f64 = 1024.0 * 1024.0;

/// What was measured at a point.
#[derive(Clone, Debug)]
pub(super) struct StateRow {
    point: Point,
    backend: &'static str,
    /// Nothing where NOMT is absent.
    roots_equal: Option<bool>,
    hashes: f64,
    sha2_pair_ns: Spread,
    hash_limit_ms: Spread,
    times_hash_limit: Spread,
    root_cpu_ms: Spread,
    root_wall_ms: Spread,
    values_cpu_ms: Spread,
    update_cpu_ms: Spread,
    durable_ms: Spread,
    mixed_ratio: Spread,
    size: Size,
    rivals: Vec<Standing>,
}

/// A rival beside ours; nothing of one that was not there.
#[derive(Clone, Debug)]
struct Standing {
    name: &'static str,
    figures: Option<Figures>,
}

#[derive(Clone, Copy, Debug)]
struct Figures {
    root_cpu_ms: Spread,
    root_wall_ms: Spread,
    /// Its CPU time over that of ours.
    cpu_ratio: Spread,
    wall_ratio: Spread,
    /// Wall time, and over that of ours.
    durable: Option<(Spread, Spread)>,
    size: Size,
}

impl StateRow {
    /// The medians; the first round warms up.
    #[expect(clippy::cast_precision_loss, reason = "counts of hashes")]
    pub(super) fn new(
        point: Point,
        backend: &'static str,
        field: &Field,
        rounds: &[Round],
    ) -> Self {
        let measured = rounds.get(1..).unwrap_or_default();
        let over = |figure: fn(&Round) -> f64| Spread::over(measured, figure);
        let limit_s = |round: &Round| round.hashes as f64 * round.sha2_pair_s;
        let rivals: Vec<Standing> = (field.rivals.iter().enumerate())
            .map(|(which, entrant)| Standing {
                name: entrant.name,
                figures: (entrant.present.as_ref())
                    .map(|(_, size)| figures(measured, which, *size)),
            })
            .collect();
        let is_there = |standing: &Standing| standing.figures.is_some() && standing.name == "nomt";
        let are_equal = field.roots_equal && rounds.iter().all(|round| round.roots_equal);
        Self {
            point,
            backend,
            roots_equal: rivals.iter().any(is_there).then_some(are_equal),
            hashes: over(|round| round.hashes as f64).median,
            sha2_pair_ns: over(|round| round.sha2_pair_s * 1e9),
            hash_limit_ms: Spread::over(measured, |round| limit_s(round) * 1e3),
            times_hash_limit: Spread::over(measured, |round| {
                round.root.update.cpu_s / limit_s(round)
            }),
            root_cpu_ms: over(|round| round.root.whole().cpu_s * 1e3),
            root_wall_ms: over(|round| round.root.whole().wall_s * 1e3),
            values_cpu_ms: over(|round| round.root.values.cpu_s * 1e3),
            update_cpu_ms: over(|round| round.root.update.cpu_s * 1e3),
            durable_ms: over(|round| round.durable.wall_s * 1e3),
            mixed_ratio: over(|round| round.mixed_ratio),
            size: field.our_size,
            rivals,
        }
    }

    fn figures(&self, name: &str) -> Option<&Figures> {
        let standing = self.rivals.iter().find(|standing| standing.name == name)?;
        standing.figures.as_ref()
    }

    /// A rival's time for a root, and how many times ours that is.
    fn root_cell(&self, name: &str) -> String {
        self.figures(name).map_or_else(none, |figures| {
            beside(figures.root_cpu_ms, figures.cpu_ratio)
        })
    }

    /// Ours, and NOMT's and jmt's beside it.
    fn three(&self, figure: impl Fn(&Size) -> Option<f64>, digits: usize) -> String {
        let text = |value: Option<f64>| value.map_or_else(none, |v| format!("{v:.digits$}"));
        let rival = |name| text(self.figures(name).and_then(|figures| figure(&figures.size)));
        format!(
            "{} {} {}",
            text(figure(&self.size)),
            rival("nomt"),
            rival("jmt")
        )
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of keys")]
    fn per_key(&self, size: &Size) -> Option<f64> {
        Some(bytes(size.disk_bytes)? / self.point.keys as f64)
    }

    fn put_size(&self, json: &mut Map<String, Value>, prefix: &str, size: Option<&Size>) {
        let mut put_one = |key: &str, value: Value| json.insert(format!("{prefix}{key}"), value);
        put_one("proof_bytes", json!(size.map(|size| size.proofs.bytes)));
        let disk = size.and_then(|size| self.per_key(size));
        put_one("bytes_per_key_disk", json!(disk));
        let resident = size.and_then(|size| size.resident_bytes);
        put_one("resident_bytes", json!(resident));
        let of_proofs = |figure: fn(&Size) -> Spread| size.map(figure);
        let prove = of_proofs(|size| size.proofs.prove_us);
        put(json, &format!("{prefix}prove_us"), prove);
        let verify = of_proofs(|size| size.proofs.verify_us);
        put(json, &format!("{prefix}verify_us"), verify);
    }
}

fn figures(measured: &[Round], which: usize, size: Size) -> Figures {
    let of = |figure: &dyn Fn(&Round, Taken) -> f64| {
        Spread::over(measured, |round| {
            let root = round.rivals[which].map(|applied| applied.root_taken);
            figure(round, root.unwrap_or_default())
        })
    };
    let durable = |round: &Round| round.rivals[which]?.durable;
    let durable_s = |round: &Round| durable(round).map_or(0.0, |taken| taken.wall_s);
    Figures {
        root_cpu_ms: of(&|_, root| root.cpu_s * 1e3),
        root_wall_ms: of(&|_, root| root.wall_s * 1e3),
        cpu_ratio: of(&|round, root| root.cpu_s / round.root.whole().cpu_s),
        wall_ratio: of(&|round, root| root.wall_s / round.root.whole().wall_s),
        durable: measured
            .iter()
            .all(|round| durable(round).is_some())
            .then(|| {
                let ratio = |round: &Round| durable_s(round) / round.durable.wall_s;
                let ms = Spread::over(measured, |round| durable_s(round) * 1e3);
                (ms, Spread::over(measured, ratio))
            }),
        size,
    }
}

fn none() -> String {
    "-".to_owned()
}

/// A time, and a ratio with its quartiles.
fn beside(ms: Spread, ratio: Spread) -> String {
    let [lower, upper] = ratio.quartiles();
    format!(
        "{:.1} {:.2}x ({lower:.2}-{upper:.2})",
        ms.median, ratio.median
    )
}

#[expect(clippy::cast_precision_loss, reason = "a count of bytes")]
fn bytes(count: Option<u64>) -> Option<f64> {
    count.map(|count| count as f64)
}

impl Row for StateRow {
    const TITLE: &'static str = "{mode} beside rivals";
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("keys", 8),
        ("batch", 6),
        ("kind", 7),
        ("threads", 7),
        ("root ms", 19),
        ("x limit", 16),
        ("nomt", 25),
        ("nomt default", 25),
        ("jmt", 25),
        ("durable ms", 25),
        ("mixed", 16),
        ("proof B", 14),
        ("verify us", 14),
        ("B/key", 11),
        ("MiB", 14),
        ("roots", 6),
    ];
    type Setup = Stores;
    type Json = Map<String, Value>;

    fn is_right(&self) -> bool {
        self.roots_equal != Some(false)
    }

    fn cells(&self) -> Vec<String> {
        let durable = self.figures("nomt").and_then(|figures| figures.durable);
        vec![
            self.point.keys.to_string(),
            self.point.batch.to_string(),
            self.point.kind.name().to_owned(),
            self.point.threads.to_string(),
            spread(self.root_cpu_ms, 2),
            spread(self.times_hash_limit, 2),
            self.root_cell("nomt"),
            self.root_cell("nomt_default"),
            self.root_cell("jmt"),
            durable.map_or_else(
                || spread(self.durable_ms, 1),
                |(_, ratio)| beside(self.durable_ms, ratio),
            ),
            spread(self.mixed_ratio, 2),
            self.three(|size| Some(size.proofs.bytes), 0),
            self.three(|size| Some(size.proofs.verify_us.median), 1),
            self.three(|size| self.per_key(size), 0),
            self.three(|size| Some(bytes(size.resident_bytes)? / MIB), 0),
            self.roots_equal.map_or_else(none, equal),
        ]
    }

    fn json(&self, header: &Header<Stores>) -> Map<String, Value> {
        let facts = [
            ("backend", json!(self.backend)),
            ("keys", json!(self.point.keys)),
            ("batch", json!(self.point.batch)),
            ("kind", json!(self.point.kind.name())),
            ("threads", json!(self.point.threads)),
            ("cache_mib", json!(header.setup.cache_mib)),
            ("roots_equal_nomt", json!(self.roots_equal)),
            ("hashes", json!(self.hashes)),
        ];
        let mut json = object(header, facts);
        for (key, figure) in [
            ("sha2_pair_ns", self.sha2_pair_ns),
            ("hash_limit_ms", self.hash_limit_ms),
            ("times_hash_limit", self.times_hash_limit),
            ("root_cpu_ms", self.root_cpu_ms),
            ("root_wall_ms", self.root_wall_ms),
            ("values_cpu_ms", self.values_cpu_ms),
            ("update_cpu_ms", self.update_cpu_ms),
            ("durable_commit_ms", self.durable_ms),
            ("mixed_ratio", self.mixed_ratio),
        ] {
            put(&mut json, key, Some(figure));
        }
        self.put_size(&mut json, "", Some(&self.size));
        for Standing { name, figures } in &self.rivals {
            let of = |figure: fn(&Figures) -> Spread| figures.as_ref().map(figure);
            let durable = figures.and_then(|figures| figures.durable);
            for (key, figure) in [
                (format!("{name}_root_cpu_ms"), of(|f| f.root_cpu_ms)),
                (format!("{name}_root_wall_ms"), of(|f| f.root_wall_ms)),
                (format!("cpu_ratio_vs_{name}"), of(|f| f.cpu_ratio)),
                (format!("root_wall_ratio_vs_{name}"), of(|f| f.wall_ratio)),
                (format!("{name}_durable_commit_ms"), durable.map(|d| d.0)),
                (
                    format!("durable_commit_ratio_vs_{name}"),
                    durable.map(|d| d.1),
                ),
            ] {
                put(&mut json, &key, figure);
            }
            let size = figures.as_ref().map(|figures| &figures.size);
            self.put_size(&mut json, &format!("{name}_"), size);
        }
        json
    }
}
