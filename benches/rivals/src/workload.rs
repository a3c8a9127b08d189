//! Transfers between random accounts, each with a spin of its own: the workload on which schedulers are compared.
//!
//! `Neutral P2P(K, B, C)`: xorshift64 (13, 7, 17) from the seed `0x9E3779B97F4A7C15 xor K`; `a = r mod K`;
//! `b = r mod (K - 1)`, plus 1 if `b >= a`; amount 1. A value is (balance, sequence number), at first (2^40, 0). A
//! transaction reads a, reads b, spins, writes both: it moves the amount and counts both sequence numbers up. Its output
//! mixes all that it read and wrote.

use crate::measure::spin;

/// What one account holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) balance: u64,
    pub(crate) sequence: u64,
}

impl Account {
    /// An account before the block.
    pub(crate) const INITIAL: Self = Self {
        balance: 1 << 40,
        sequence: 0,
    };
}

/// A transfer of one unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transfer {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// The block's size and shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) accounts: u64,
    pub(crate) txs: usize,
    pub(crate) spin_rounds: u64,
}

/// The transfers of a block.
pub(crate) fn transfers(shape: Shape) -> Vec<Transfer> {
    let mut state = 0x9E37_79B9_7F4A_7C15 ^ shape.accounts;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..shape.txs)
        .map(|_| {
            let from = next() % shape.accounts;
            let other = next() % (shape.accounts - 1);
            Transfer {
                from,
                to: other + u64::from(other >= from),
            }
        })
        .collect()
}

/// What a transfer makes of its two accounts, and its output.
pub(crate) fn apply(from: Account, to: Account, spin_rounds: u64) -> (Account, Account, u64) {
    let spun = spin(from.sequence ^ to.balance, spin_rounds);
    let from = Account {
        balance: from.balance.wrapping_sub(1),
        sequence: from.sequence + 1,
    };
    let to = Account {
        balance: to.balance.wrapping_add(1),
        sequence: to.sequence + 1,
    };
    let output = [from.balance, from.sequence, to.balance, to.sequence]
        .into_iter()
        .fold(spun, mix);
    (from, to, output)
}

/// The digest of all outputs in order.
pub(crate) fn digest(outputs: &[u64]) -> u64 {
    outputs.iter().copied().fold(outputs.len() as u64, mix)
}

/// What the loop, or an engine, makes of a block: digests of all outputs and of all writes, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) outputs: u64,
    pub(crate) writes: u64,
}

impl Made {
    /// Takes note of one transaction, whose writes are sorted by key.
    pub(crate) fn note<'a>(
        &mut self,
        output: u64,
        writes: impl IntoIterator<Item = (&'a u64, Option<&'a Account>)>,
    ) {
        self.outputs = mix(self.outputs, output);
        for (key, account) in writes {
            let words = account.map_or([*key, 0, 0, 0], |account| {
                [*key, 1, account.balance, account.sequence]
            });
            self.writes = words.into_iter().fold(self.writes, mix);
        }
    }
}

/// The same by the plain loop.
pub(crate) fn made_by_loop(shape: Shape, block: &[Transfer]) -> Option<Made> {
    let mut made = Made::default();
    run_loop(shape, block, |output, transfer, from, to| {
        let mut writes = [(&transfer.from, Some(&from)), (&transfer.to, Some(&to))];
        writes.sort_by_key(|(key, _)| **key);
        made.note(output, writes);
    })?;
    Some(made)
}

/// The block over a plain vector: what the work itself costs without any engine.
pub(crate) fn pure_loop(shape: Shape, block: &[Transfer]) -> Option<Vec<u64>> {
    let mut outputs = Vec::with_capacity(block.len());
    run_loop(shape, block, |output, _, _, _| outputs.push(output))?;
    Some(outputs)
}

#[inline]
fn run_loop(
    shape: Shape,
    block: &[Transfer],
    mut made: impl FnMut(u64, &Transfer, Account, Account),
) -> Option<()> {
    let accounts = usize::try_from(shape.accounts).ok()?;
    let mut state = vec![Account::INITIAL; accounts];
    for transfer in block {
        let from = usize::try_from(transfer.from).ok()?;
        let to = usize::try_from(transfer.to).ok()?;
        let (new_from, new_to, output) =
            apply(*state.get(from)?, *state.get(to)?, shape.spin_rounds);
        *state.get_mut(from)? = new_from;
        *state.get_mut(to)? = new_to;
        made(output, transfer, new_from, new_to);
    }
    Some(())
}

fn mix(hash: u64, word: u64) -> u64 {
    (hash ^ word)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .rotate_left(29)
}
