//! Everybody with the same state, ready to be measured.

use std::path::{Path, PathBuf};

use ordlane_primitives::batch::BatchHasher;
use tempfile::TempDir;

use super::jmt::JmtRival;
use super::nomt::{NomtRival, Workers};
use super::ours::{self, Ours};
use super::proofs::ProofFigures;
use super::rival::Rival;
use super::workload::{Key, Population};
use crate::cli::StateRival;
use crate::error::CompareError;
use crate::files;
use crate::machine::resident_bytes;
use crate::measure::settle;

/// Keys whose proofs are made.
const SAMPLE: usize = 500;
/// With so many keys loading takes its time.
const WORTH_A_WORD_KEYS: usize = 100_000;

/// What everybody holds, and where.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) keys: usize,
    pub(super) cache_mib: u32,
    /// Who is loaded beside ours.
    pub(super) rivals: Vec<StateRival>,
    pub(super) rounds: u32,
    /// The folder in which stores get folders of their own.
    pub(super) data: PathBuf,
}

/// Everybody, with the state loaded.
pub(super) struct Field {
    pub(super) population: Population,
    pub(super) ours: Ours,
    pub(super) our_size: Size,
    pub(super) rivals: Vec<Entrant>,
    /// Whether everybody who shares our rule has our root.
    pub(super) roots_equal: bool,
    /// It goes when everybody has left.
    _folder: TempDir,
}

/// A rival with what its state takes; one that cannot run here has nothing.
pub(super) struct Entrant {
    pub(super) name: &'static str,
    pub(super) present: Option<(Box<dyn Rival>, Size)>,
}

/// What somebody's state takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// By how much the memory of this process grew.
    pub(super) resident_bytes: Option<u64>,
    /// What the files take of the disk.
    pub(super) disk_bytes: Option<u64>,
    pub(super) proofs: ProofFigures,
}

impl Field {
    /// Loads the state into everybody, one after another.
    pub(super) fn load(ground: &Ground, hasher: &dyn BatchHasher) -> Result<Self, CompareError> {
        let folder = tempfile::Builder::new()
            .prefix("compare-state-")
            .tempdir_in(&ground.data)?;
        let population = Population::new(ground.keys);
        let sample = population.sample(SAMPLE);
        let loading = Loading {
            ground,
            population: &population,
            sample: &sample,
        };
        let (ours, our_size, root) = loading.ours(&folder.path().join("ours"), hasher)?;
        let (mut rivals, mut roots_equal) = (Vec::new(), true);
        for (name, rival, workers) in [
            ("nomt", StateRival::Nomt, Some(Workers::One)),
            (
                "nomt_default",
                StateRival::NomtDefault,
                Some(Workers::Default),
            ),
            ("jmt", StateRival::Jmt, None),
        ] {
            let loaded = if ground.rivals.contains(&rival) {
                loading.rival(name, workers, &folder.path().join(name))?
            } else {
                None
            };
            let present = loaded.map(|(rival, size, its_root)| {
                roots_equal &= its_root.is_none_or(|its_root| its_root == root);
                (rival, size)
            });
            rivals.push(Entrant { name, present });
        }
        Ok(Self {
            population,
            ours,
            our_size,
            rivals,
            roots_equal,
            _folder: folder,
        })
    }
}

type LoadedRival = (Box<dyn Rival>, Size, Option<[u8; 32]>);

/// Loading, one after another.
struct Loading<'a> {
    ground: &'a Ground,
    population: &'a Population,
    sample: &'a [(Key, Vec<u8>)],
}

impl Loading<'_> {
    fn ours(
        &self,
        folder: &Path,
        hasher: &dyn BatchHasher,
    ) -> Result<(Ours, Size, [u8; 32]), CompareError> {
        self.say("ours");
        let before = resident_bytes();
        let ours = Ours::open(folder, self.ground.cache_mib)?;
        let mut root = [0; 32];
        for batch in self.population.initial() {
            root = ours.commit(&batch, hasher)?.root;
        }
        let resident_bytes = grown(before);
        let entries = self.population.entries();
        let proofs = ours::proofs(entries, self.sample, hasher, self.ground.rounds)?;
        let size = Size {
            resident_bytes,
            disk_bytes: Some(files::disk_bytes(folder)?),
            proofs,
        };
        Ok((ours, size, root))
    }

    /// A rival with the root of the state; nothing if it cannot run here.
    fn rival(
        &self,
        name: &'static str,
        workers: Option<Workers>,
        folder: &Path,
    ) -> Result<Option<LoadedRival>, CompareError> {
        self.say(name);
        let Ground {
            keys, cache_mib, ..
        } = *self.ground;
        let before = resident_bytes();
        let mut rival: Box<dyn Rival> = match workers {
            None => Box::new(JmtRival::default()),
            Some(workers) => match NomtRival::open(folder, keys, cache_mib, workers)? {
                Some(nomt) => Box::new(nomt),
                None => {
                    eprintln!("{name}: this system does not permit io_uring; no figures");
                    return Ok(None);
                }
            },
        };
        let mut root = None;
        for batch in self.population.initial() {
            root = rival.apply(&batch)?.root;
        }
        let size = Size {
            resident_bytes: grown(before),
            disk_bytes: workers.map(|_| files::disk_bytes(folder)).transpose()?,
            proofs: rival.proofs(self.sample, self.ground.rounds)?,
        };
        Ok(Some((rival, size, root)))
    }

    fn say(&self, name: &str) {
        if self.ground.keys >= WORTH_A_WORD_KEYS {
            eprintln!("{name}: loading {} keys", self.ground.keys);
        }
    }
}

fn grown(before: Option<u64>) -> Option<u64> {
    // What a store still does in the background has its buffers.
    settle();
    Some(resident_bytes()?.saturating_sub(before?))
}
