//! The codes of contracts: each with the hash that it is stored under, and those that accounts name.
//!
//! Code that no account names is no fault: it was that of a block that is undone, and stays. Where it is wrong, nothing is
//! lost with it.

use std::ops::ControlFlow;

use ordlane_primitives::{Hash, RawKey, hash::code_hash};

use super::{Check, CheckStage, Fault, Finding, Severity};
use crate::{ReverseDiff, Space, StateError, store::named_code};

/// After how many codes it is told how far it is.
const CODES_PER_TOLD: u64 = 64;

/// What is wrong with a code.
#[derive(Debug)]
struct Wrong {
    key: Vec<u8>,
    /// What is stored there is the code of another hash.
    found: Hash,
}

impl Check<'_> {
    /// Compares the codes. Those that earlier states name are known by now.
    pub(super) fn check_codes(&mut self) -> Result<(), StateError> {
        self.name_codes_of_tip()?;
        let wrong = self.wrong_codes()?;
        for Wrong { key, found } in wrong {
            let Ok(expected) = <[u8; 32]>::try_from(key.as_slice()).map(Hash) else {
                self.stray(Space::Code, key, None)?;
                continue;
            };
            let fault = Fault::WrongHash {
                of: "code hash",
                expected,
                found,
            };
            if self.named.remove(&expected).is_some() {
                self.lost(Space::Code, &key, None, fault);
            } else {
                self.useless(key, fault)?;
            }
        }
        // Where values are wrong, a hash among them may be, too; once they are right again, it is looked for.
        if self.sources.values {
            for (hash, address) in core::mem::take(&mut self.named) {
                if self.storage.get(Space::Code, &hash.0)?.is_none() {
                    let fault = Fault::MissingCode { address };
                    self.lost(Space::Code, &hash.0, None, fault);
                }
            }
        }
        Ok(())
    }

    /// Remembers which codes the state before a block names, as far as the block changed it.
    pub(super) fn name_codes(&mut self, diff: &ReverseDiff) {
        for (key, old) in diff.entries() {
            let old = old.as_deref().unwrap_or_default();
            if let Some((address, hash)) = named_code(key.as_bytes(), old) {
                self.named.insert(hash, address);
            }
        }
    }

    fn name_codes_of_tip(&mut self) -> Result<(), StateError> {
        let first = RawKey::first_account();
        let named = &mut self.named;
        self.storage
            .scan(Space::Flat, first.as_bytes(), &mut |key, value| {
                if !key.starts_with(first.as_bytes()) {
                    return ControlFlow::Break(());
                }
                if let Some((address, hash)) = named_code(key, value) {
                    named.insert(hash, address);
                }
                ControlFlow::Continue(())
            })
    }

    /// Reads every code; returns those that do not have their hash.
    fn wrong_codes(&mut self) -> Result<Vec<Wrong>, StateError> {
        let mut wrong = Vec::new();
        let mut done: u64 = 0;
        self.tell(CheckStage::Codes, done, None);
        let (storage, progress) = (self.storage, &mut self.progress);
        storage.scan(Space::Code, &[], &mut |key, code| {
            let found = code_hash(code);
            if key == found.0 {
                self.report.codes = self.report.codes.saturating_add(1);
            } else {
                let key = key.to_vec();
                wrong.push(Wrong { key, found });
            }
            done = done.saturating_add(1);
            if done.is_multiple_of(CODES_PER_TOLD) {
                progress(super::CheckProgress {
                    stage: CheckStage::Codes,
                    done,
                    total: None,
                });
            }
            ControlFlow::Continue(())
        })?;
        self.tell(CheckStage::Codes, done, None);
        Ok(wrong)
    }

    /// A code is wrong, and no account names it. As long as it is not certain that none does, it stays.
    fn useless(&mut self, key: Vec<u8>, fault: Fault) -> Result<(), StateError> {
        self.report.add(Finding {
            severity: Severity::Stray,
            fault,
            space: Space::Code,
            key: key.clone(),
            height: None,
        });
        if self.sources.values && self.sources.diffs {
            self.fix((Space::Code, key, None))
        } else {
            Ok(())
        }
    }
}
