//! Ours and rivals at the same work, in turn.

use ordlane_rivals_apart::{Lanes, Outcome, Rival, Work};
use serde_json::{Map, Value};

use crate::apart::Apart;
use crate::error::CompareError;
use crate::measure::{Spread, Taken};
use crate::report::put;

/// Where a rival runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this process, built as users get it by default.
    Here,
    /// In a process of another build.
    Apart,
}

/// A rival as it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Its name in keys.
    pub(crate) name: &'static str,
    pub(crate) rival: Rival,
    pub(crate) place: Place,
}

/// Where rivals find the work and their threads.
pub(crate) struct Arena<'a> {
    pub(crate) work: &'a Work,
    pub(crate) lanes: &'a Lanes,
    pub(crate) apart: Option<&'a mut Apart>,
}

impl Arena<'_> {
    fn run(&mut self, entry: Entry) -> Result<Option<(Outcome, Taken)>, CompareError> {
        match (entry.place, &mut self.apart) {
            (Place::Here, _) => Ok(Some(self.work.run(entry.rival, self.lanes)?)),
            (Place::Apart, Some(apart)) => Ok(Some(apart.run(entry.rival)?)),
            (Place::Apart, None) => Ok(None),
        }
    }
}

/// What ours and each rival took, round by round.
#[derive(Debug)]
pub(crate) struct Contest {
    /// Ours, in each of its variants.
    pub(crate) ours: Vec<Vec<Taken>>,
    rivals: Vec<(&'static str, Vec<Taken>)>,
    /// Whether every run of every round found what it should.
    pub(crate) outcomes_equal: bool,
}

/// Lets everybody work in every round, each time beginning with another one; the first round warms up.
///
/// `ours` runs the variant of that index, and says whether its outcome is right.
pub(crate) fn contest(
    rounds: u32,
    variants: usize,
    mut ours: impl FnMut(usize) -> (bool, Taken),
    entries: &[Entry],
    arena: &mut Arena<'_>,
    expected: &Outcome,
) -> Result<Contest, CompareError> {
    let mut contest = Contest {
        ours: vec![Vec::new(); variants],
        rivals: entries
            .iter()
            .map(|entry| (entry.name, Vec::new()))
            .collect(),
        outcomes_equal: true,
    };
    for round in 0..=rounds {
        for who in turns(round, variants + entries.len()) {
            let (is_right, taken, times) = if who < variants {
                let (is_right, taken) = ours(who);
                (is_right, taken, &mut contest.ours[who])
            } else {
                let which = who - variants;
                let Some((outcome, taken)) = arena.run(entries[which])? else {
                    continue;
                };
                let times = &mut contest.rivals[which].1;
                (outcome == *expected, taken, times)
            };
            contest.outcomes_equal &= is_right;
            if round > 0 {
                times.push(taken);
            }
        }
    }
    Ok(contest)
}

/// The order in which so many players have their turns in a round: each time another one begins.
pub(crate) fn turns(round: u32, players: usize) -> impl Iterator<Item = usize> {
    (0..players).map(move |turn| (turn + round as usize) % players)
}

/// What somebody took for one item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) cpu: Spread,
    pub(crate) wall: Spread,
}

/// A rival beside ours; nothing of one that was not there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) name: &'static str,
    pub(crate) figures: Option<Figures>,
}

/// A rival's figures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) cost: Cost,
    /// Its CPU time over that of ours.
    pub(crate) speedup: Spread,
    /// The same of wall time.
    pub(crate) wall_speedup: Spread,
}

impl Contest {
    /// What a variant of ours took; `per_item` makes it of seconds of a run.
    pub(crate) fn cost(&self, variant: usize, per_item: f64) -> Cost {
        cost(&self.ours[variant], per_item)
    }

    /// CPU time of one variant of ours over that of another, round by round.
    pub(crate) fn variants_ratio(&self, over: usize, under: usize) -> Spread {
        ratio(&self.ours[over], &self.ours[under], |taken| taken.cpu_s)
    }

    /// The rivals beside the first variant of ours.
    pub(crate) fn standings(&self, per_item: f64) -> Vec<Standing> {
        let ours = &self.ours[0];
        let standing = |(name, taken): &(&'static str, Vec<Taken>)| Standing {
            name,
            figures: (!taken.is_empty()).then(|| Figures {
                cost: cost(taken, per_item),
                speedup: ratio(taken, ours, |taken| taken.cpu_s),
                wall_speedup: ratio(taken, ours, |taken| taken.wall_s),
            }),
        };
        self.rivals.iter().map(standing).collect()
    }
}

fn cost(taken: &[Taken], per_item: f64) -> Cost {
    Cost {
        cpu: Spread::over(taken, |taken| taken.cpu_s).scaled(per_item),
        wall: Spread::over(taken, |taken| taken.wall_s).scaled(per_item),
    }
}

fn ratio(over: &[Taken], under: &[Taken], value: fn(&Taken) -> f64) -> Spread {
    let pairs = over.iter().zip(under);
    Spread::of(
        &pairs
            .map(|(over, under)| value(over) / value(under))
            .collect::<Vec<_>>(),
    )
}

/// Adds what everybody took, and the speedups, to an object.
pub(crate) fn put_all(
    json: &mut Map<String, Value>,
    ours: Cost,
    standings: &[Standing],
    unit: &str,
) {
    put(json, &format!("ours_{unit}"), Some(ours.cpu));
    put(json, &format!("ours_wall_{unit}"), Some(ours.wall));
    for Standing { name, figures } in standings {
        let cost = figures.map(|figures| figures.cost);
        put(json, &format!("{name}_{unit}"), cost.map(|cost| cost.cpu));
        put(
            json,
            &format!("{name}_wall_{unit}"),
            cost.map(|cost| cost.wall),
        );
        let speedup = figures.map(|figures| figures.speedup);
        put(json, &format!("speedup_vs_{name}"), speedup);
        let wall_speedup = figures.map(|figures| figures.wall_speedup);
        put(json, &format!("wall_speedup_vs_{name}"), wall_speedup);
    }
}

/// A rival's cell: its cost, and how many times ours that is.
pub(crate) fn cell(standings: &[Standing], name: &str) -> String {
    let standing = standings.iter().find(|standing| standing.name == name);
    let Some(figures) = standing.and_then(|standing| standing.figures) else {
        return "none".to_owned();
    };
    let [lower, upper] = figures.speedup.quartiles();
    format!(
        "{:.2} {:.2}x ({lower:.2}-{upper:.2})",
        figures.cost.cpu.median, figures.speedup.median
    )
}

#[cfg(test)]
mod tests {
    use ordlane_rivals_apart::{Lanes, Outcome, PairsShape, Rival, Work, WorkShape};

    use super::{Arena, Contest, Entry, Place, contest, turns};
    use crate::measure::Taken;

    const ENTRIES: [Entry; 2] = [
        Entry {
            name: "here",
            rival: Rival::Sha2,
            place: Place::Here,
        },
        Entry {
            name: "apart",
            rival: Rival::Sha2,
            place: Place::Apart,
        },
    ];

    #[test]
    fn everybody_has_a_turn_in_a_round_and_another_one_begins_the_next() {
        let of = |round| turns(round, 3).collect::<Vec<_>>();
        assert_eq!([of(0), of(1), of(5)], [[0, 1, 2], [1, 2, 0], [2, 0, 1]]);
    }

    fn held(ours_is_right: bool, expected: Option<Outcome>) -> Contest {
        let work = Work::new(WorkShape::Pairs(PairsShape { pairs: 3 }));
        let lanes = Lanes::new(1).unwrap();
        let right = work.run(Rival::Sha2, &lanes).unwrap().0;
        let mut arena = Arena {
            work: &work,
            lanes: &lanes,
            apart: None,
        };
        let taken = Taken {
            wall_s: 2.0,
            cpu_s: 1.0,
        };
        let ours = |_| (ours_is_right, taken);
        let expected = expected.unwrap_or(right);
        contest(4, 2, ours, &ENTRIES, &mut arena, &expected).unwrap()
    }

    #[test]
    fn everybody_works_in_every_round_and_who_is_absent_has_no_figures() {
        let contest = held(true, None);
        assert!(contest.outcomes_equal);
        assert_eq!(contest.ours.iter().map(Vec::len).sum::<usize>(), 8);
        let standings = contest.standings(1.0);
        assert!(standings[0].figures.is_some() && standings[1].figures.is_none());
        assert!((contest.cost(0, 1e3).wall.median - 2e3).abs() < 1e-9);
        assert!((contest.variants_ratio(1, 0).median - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_wrong_outcome_of_anybody_is_noticed() {
        assert!(!held(false, None).outcomes_equal);
        assert!(!held(true, Some(Outcome::Digest([0; 32]))).outcomes_equal);
    }
}
