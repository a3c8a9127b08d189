//! What a check found.

use std::fmt;

use ordlane_primitives::{Address, BlockHeight, Hash};

use crate::{Space, Tip};

/// Most findings of one severity that a report lists; further ones are counted.
pub const MAX_LISTED_FINDINGS: usize = 256;

/// How bad a finding is, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something that belongs to nothing; whoever reads the store never meets it, or is misled by it at most in an index.
    /// It can be removed.
    Stray,
    /// What is wrong follows from what is proven right, and can be made again.
    Rebuildable,
    /// What is wrong or missing is nowhere else in the store.
    Lost,
}

impl Severity {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Stray, Self::Rebuildable, Self::Lost];

    /// Its name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stray => "stray",
            Self::Rebuildable => "rebuildable",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// An entry that must be there is not.
    Missing,
    /// An entry's bytes cannot be read.
    Undecodable,
    /// An entry is not what follows from what is proven.
    Different,
    /// An entry belongs to nothing.
    Stray,
    /// A hash or a root is not the one that it must be.
    WrongHash {
        /// Of what.
        of: &'static str,
        /// What it must be.
        expected: Hash,
        /// What it is.
        found: Hash,
    },
    /// The tree has a leaf at a path, and no key that is known has this path.
    MissingLeaf {
        /// The path.
        path: Hash,
        /// The hash of the value that is missing.
        value_hash: Hash,
    },
    /// The code that an account names is missing. Nothing in a store leads to a code, so no repair makes one again.
    MissingCode {
        /// Whose account it is; one of them, where several have that code.
        address: Address,
    },
    /// The proposer's authorisation of a block does not hold.
    Unauthorised,
    /// The store and the last block that was acknowledged do not agree, or a part of the store cannot be read at all.
    Refused {
        /// What was said.
        reason: String,
    },
}

impl Fault {
    /// Its name in lower case.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Undecodable => "undecodable",
            Self::Different => "different",
            Self::Stray => "stray",
            Self::WrongHash { .. } => "wrong_hash",
            Self::MissingLeaf { .. } => "missing_leaf",
            Self::MissingCode { .. } => "missing_code",
            Self::Unauthorised => "unauthorised",
            Self::Refused { .. } => "refused",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it is missing"),
            Self::Undecodable => f.write_str("its bytes cannot be read"),
            Self::Different => f.write_str("it is not what it must be"),
            Self::Stray => f.write_str("it belongs to nothing"),
            Self::WrongHash {
                of,
                expected,
                found,
            } => write!(f, "the {of} is {found}, it must be {expected}"),
            Self::MissingLeaf { path, value_hash } => write!(
                f,
                "the value with hash {value_hash} is missing, of a key at path {path}"
            ),
            Self::MissingCode { address } => write!(
                f,
                "the code of account {address} is missing, and nothing makes it again"
            ),
            Self::Unauthorised => f.write_str("its proposer's authorisation does not hold"),
            Self::Refused { reason } => f.write_str(reason),
        }
    }
}

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub fault: Fault,
    /// The space that it is in.
    pub space: Space,
    /// The key of the entry; empty where it is about the space as a whole.
    pub key: Vec<u8>,
    /// The block that it is about, if it is about one.
    pub height: Option<BlockHeight>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity, self.space)?;
        if self.space == Space::Meta {
            write!(f, " {}", self.key.escape_ascii())?;
        } else if !self.key.is_empty() && self.height.is_none_or(|height| !self.is_of(height)) {
            f.write_str(" ")?;
            self.key
                .iter()
                .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        if let Some(height) = self.height {
            write!(f, " of block {height}")?;
        }
        write!(f, ": {}", self.fault)
    }
}

impl Finding {
    /// Whether the key says the height and nothing else.
    fn is_of(&self, height: BlockHeight) -> bool {
        self.key == height.0.to_be_bytes()
    }
}

/// What a check looked at, and what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// The last block, as far as it can be told.
    pub tip: Option<Tip>,
    /// The first block of which more than the header was compared.
    pub first: BlockHeight,
    /// How many values the state has.
    pub values: u64,
    /// How many blocks were compared, headers included.
    pub blocks: u64,
    /// How many codes of contracts are right.
    pub codes: u64,
    /// How many pages of the tree are right.
    pub pages: u64,
    findings: Vec<Finding>,
    counts: [u64; Severity::ALL.len()],
}

impl CheckReport {
    /// What was found, in the order in which it was: of each severity the first [`MAX_LISTED_FINDINGS`].
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How much of a severity was found, whether it is listed or not.
    #[must_use]
    pub fn count(&self, severity: Severity) -> u64 {
        self.counts.get(severity as usize).copied().unwrap_or(0)
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.counts == [0; Severity::ALL.len()]
    }

    /// Whether something is lost, so that nothing in the store can be relied on to make the rest again.
    #[must_use]
    pub fn has_lost(&self) -> bool {
        self.count(Severity::Lost) > 0
    }

    pub(super) fn add(&mut self, finding: Finding) {
        let Some(count) = self.counts.get_mut(finding.severity as usize) else {
            return;
        };
        *count = count.saturating_add(1);
        if *count <= MAX_LISTED_FINDINGS as u64 {
            self.findings.push(finding);
        }
    }
}

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// What was found at first.
    pub found: CheckReport,
    /// What is left; that which was found where something is lost, since nothing is changed then.
    pub left: CheckReport,
    /// How many entries were written or removed.
    pub entries: u64,
}

/// What a check is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStage {
    /// Reads every value and makes the tree.
    Values,
    /// Compares the blocks, from the tip down.
    Blocks,
    /// Compares the codes with their hashes, and looks for those that accounts name.
    Codes,
    /// Looks for entries that belong to nothing.
    Strays,
    /// Compares the tree's pages.
    Pages,
}

impl CheckStage {
    /// Its name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Values => "values",
            Self::Blocks => "blocks",
            Self::Codes => "codes",
            Self::Strays => "strays",
            Self::Pages => "pages",
        }
    }
}

/// How far a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckProgress {
    /// What it is doing.
    pub stage: CheckStage,
    /// How much of it is done: blocks, entries or pages.
    pub done: u64,
    /// How much there is to do, where that is known.
    pub total: Option<u64>,
}
