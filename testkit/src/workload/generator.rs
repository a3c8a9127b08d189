//! Draws senders, receivers and amounts, and signs.

use ordlane_primitives::{
    Address, Amount, BlockHeight, ChainParams, ErrorCode, GAS_SCHEDULE_V1, Gas, GasPrice, Genesis,
    GenesisAccount, Memo, Nonce, TX_VERSION, TimestampMs, TransactionPayload, TxBytes, TxKind,
    codec::encode,
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};

use super::{
    Distribution, Expected, GeneratedBlock, INITIAL_BALANCE, Share, Workload, WorkloadError,
    accounts::{Accounts, Sender, derive_key},
    contract::{self, Calls, ContractLoad, Holders},
    hostile::Edge,
    zipf::Zipf,
};
use crate::random::{below, once_in};

/// The index of the key of a proposer that is none of the accounts.
const OUTSIDE_PROPOSER: u32 = u32::MAX;
/// How many accounts send so much in [`Distribution::Full`].
const BUSY_SENDERS: u32 = 4;
/// One in so many transactions of [`Distribution::Full`] comes from a busy sender, goes to the first account, is at an edge.
const ONE_SPECIAL_IN: u64 = 8;
/// Largest amount of an ordinary transfer.
const LARGEST_AMOUNT: u64 = 1_000;
/// Largest gas price of an ordinary transaction, above the chain's minimum.
const LARGEST_TIP: u64 = 10;
/// The timestamp of the genesis block.
const GENESIS_TIMESTAMP_MS: u64 = 1_700_000_000_000;

/// An iterator over a workload's blocks.
#[derive(Debug)]
pub struct Generator {
    workload: Workload,
    pub(super) accounts: Accounts,
    genesis: Genesis,
    zipf: Option<Zipf>,
    calls: Option<Calls>,
    pub(super) rng: ChaCha8Rng,
    pub(super) number: u64,
    pub(super) proposer: Address,
    txs: u64,
    /// How many pairs of accounts have had their turn.
    turn: u32,
    /// The last transaction that is meant to be included.
    pub(super) last_included: Option<TxBytes>,
}

impl Generator {
    pub(super) fn new(workload: Workload) -> Result<Self, WorkloadError> {
        let accounts = Accounts::new(
            workload.seed,
            workload.accounts,
            workload.multi_sig > Share::NONE,
        );
        let balance = Amount(INITIAL_BALANCE);
        let funded = accounts
            .addresses()
            .map(|address| GenesisAccount { address, balance })
            .collect();
        let mut genesis = Genesis::new(workload.params, TimestampMs(GENESIS_TIMESTAMP_MS), funded)?;
        let calls = calls(&workload);
        if calls.is_some() {
            genesis = genesis.with_contracts(contract::genesis(accounts.addresses()))?;
        }
        let zipf = zipf(&workload);
        let rng = ChaCha8Rng::seed_from_u64(workload.seed);
        Ok(Self {
            workload,
            accounts,
            genesis,
            zipf,
            calls,
            rng,
            number: 0,
            proposer: Address::ZERO,
            txs: 0,
            turn: 0,
            last_included: None,
        })
    }

    /// The genesis in which all senders have their money.
    #[must_use]
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Goes on with another load over the same accounts, whose number, parameters and seed stay. Contracts are there only if
    /// the first load had some.
    ///
    /// # Errors
    /// [`WorkloadError`] as when a generator is made, or when the new load wants policies and the first had none.
    pub fn change(&mut self, workload: Workload) -> Result<(), WorkloadError> {
        let workload = Workload {
            accounts: self.workload.accounts,
            params: self.workload.params,
            seed: self.workload.seed,
            ..workload
        };
        workload.check()?;
        if workload.multi_sig > Share::NONE && self.accounts.policy_count() == 0 {
            return Err(WorkloadError::NoPolicies);
        }
        self.zipf = zipf(&workload);
        self.calls = calls(&workload);
        self.workload = workload;
        Ok(())
    }

    pub(super) const fn params(&self) -> &ChainParams {
        &self.workload.params
    }

    fn block(&mut self) -> GeneratedBlock {
        self.number += 1;
        self.proposer = if self.workload.proposer_among_senders {
            let index = self.uniform();
            self.accounts.key_address(index)
        } else {
            derive_key(self.workload.seed, OUTSIDE_PROPOSER).address()
        };
        let count = self.workload.txs_per_block;
        let mut failing = Chosen::new(self.workload.failing, self.txs, count);
        let mut multi = Chosen::new(self.workload.multi_sig, self.txs, count);
        let (mut txs, mut expected) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let fails = failing.next(&mut self.rng);
            let by_policy = multi.next(&mut self.rng);
            let sender = self.sender(by_policy);
            let distribution = self.workload.distribution;
            let (bytes, outcome) = if self.calls.is_some() {
                self.contract(sender, fails)
            } else if fails {
                self.failing(sender)
            } else if distribution == Distribution::Hostile && once_in(&mut self.rng, 2) {
                self.hostile(sender)
            } else if distribution == Distribution::Full && once_in(&mut self.rng, ONE_SPECIAL_IN) {
                self.edge(sender, &Edge::INCLUDED)
            } else {
                let payload = self.payload(sender);
                (self.include(sender, payload), Expected::Success)
            };
            txs.push(bytes);
            expected.push(outcome);
        }
        self.txs += u64::from(count);
        GeneratedBlock {
            number: BlockHeight(self.number),
            timestamp_ms: TimestampMs(GENESIS_TIMESTAMP_MS + self.number * 1_000),
            proposer: self.proposer,
            txs,
            expected,
        }
    }

    fn sender(&mut self, multi: bool) -> Sender {
        let index = match (self.workload.distribution, &self.zipf) {
            (_, Some(zipf)) => zipf.draw(&mut self.rng),
            (Distribution::Chains { senders }, _) => {
                below_u32(&mut self.rng, senders.clamp(1, self.workload.accounts))
            }
            (Distribution::Full, _) if once_in(&mut self.rng, ONE_SPECIAL_IN) => {
                below_u32(&mut self.rng, BUSY_SENDERS.min(self.workload.accounts))
            }
            (Distribution::Contracts(ContractLoad::Token(Holders::Disjoint)), _) => self.in_turn(0),
            _ => self.uniform(),
        };
        if multi {
            Sender::Policy(index % self.accounts.policy_count())
        } else {
            Sender::Key(index)
        }
    }

    fn receiver(&mut self) -> Address {
        let index = match (self.workload.distribution, &self.zipf) {
            (_, Some(zipf)) => zipf.draw(&mut self.rng),
            (Distribution::HotReceiver, _)
            | (Distribution::Contracts(ContractLoad::Token(Holders::Hot)), _) => 0,
            (Distribution::Contracts(ContractLoad::Token(Holders::Disjoint)), _) => self.in_turn(1),
            (Distribution::Full, _) if once_in(&mut self.rng, ONE_SPECIAL_IN) => 0,
            _ => self.uniform(),
        };
        self.accounts.key_address(index)
    }

    /// One account after another: the senders are those with an even number, the receivers the others.
    fn in_turn(&mut self, odd: u32) -> u32 {
        let number = self.turn * 2 + odd;
        self.turn += odd;
        number % self.workload.accounts
    }

    /// A call or a deployment.
    fn contract(&mut self, sender: Sender, fails: bool) -> (TxBytes, Expected) {
        let mut payload = self.payload(sender);
        let TxKind::Transfer { to, .. } = payload.kind else {
            unreachable!("an ordinary payload is a transfer")
        };
        let (made, expected) = match &mut self.calls {
            Some(calls) if !fails => {
                let made = calls.next(&mut self.rng, payload.sender, to);
                (made, Expected::Success)
            }
            _ => {
                let (made, code) = contract::failing(&mut self.rng, to);
                (made, Expected::Failed(code))
            }
        };
        payload.kind = made.kind;
        let intrinsic = self.intrinsic(sender, &payload.memo) + data_gas(&payload.kind);
        payload.gas_limit = Gas(intrinsic + made.gas);
        (self.include(sender, payload), expected)
    }

    pub(super) fn uniform(&mut self) -> u32 {
        below_u32(&mut self.rng, self.workload.accounts)
    }

    /// An ordinary transfer, with enough gas.
    pub(super) fn payload(&mut self, sender: Sender) -> TransactionPayload {
        let to = self.receiver();
        let mut memo = vec![0; usize::from(self.workload.memo_bytes)];
        self.rng.fill_bytes(&mut memo);
        let memo = Memo::new(memo).expect("checked with the workload");
        let slack = if once_in(&mut self.rng, 2) {
            below(&mut self.rng, 10_000)
        } else {
            0
        };
        let tip = below(&mut self.rng, LARGEST_TIP);
        let gas = self.intrinsic(sender, &memo) + GAS_SCHEDULE_V1.transfer + slack;
        TransactionPayload {
            version: TX_VERSION,
            chain_id: self.params().chain_id,
            sender: self.accounts.address(sender),
            nonce: self.accounts.nonce(sender),
            gas_limit: Gas(gas),
            gas_price: GasPrice(self.params().min_gas_price.0.saturating_add(tip)),
            valid_until: once_in(&mut self.rng, 2)
                .then(|| BlockHeight(self.number + below(&mut self.rng, 100))),
            kind: TxKind::Transfer {
                to,
                amount: Amount(u128::from(1 + below(&mut self.rng, LARGEST_AMOUNT))),
            },
            memo,
        }
    }

    /// Signs a transaction that is meant to be included, and counts it.
    pub(super) fn include(&mut self, sender: Sender, payload: TransactionPayload) -> TxBytes {
        debug_assert!(
            payload.nonce < Nonce(u64::MAX),
            "no workload has so many transactions"
        );
        let bytes = encode(&self.accounts.sign(sender, payload));
        self.accounts.sent(sender);
        self.last_included = Some(bytes.clone());
        bytes
    }

    /// What a sender's transaction costs before it does anything.
    pub(super) fn intrinsic(&self, sender: Sender, memo: &[u8]) -> u64 {
        let schedule = &GAS_SCHEDULE_V1;
        let further = self.accounts.signatures(sender).saturating_sub(1);
        schedule.transaction_base + schedule.data(memo) + schedule.signature_verification * further
    }

    /// A transaction that is included and fails: the amount is above all there is, or the gas does not suffice.
    fn failing(&mut self, sender: Sender) -> (TxBytes, Expected) {
        let mut payload = self.payload(sender);
        let code = if once_in(&mut self.rng, 2) {
            let intrinsic = self.intrinsic(sender, &payload.memo);
            payload.gas_limit = Gas(intrinsic + below(&mut self.rng, GAS_SCHEDULE_V1.transfer));
            ErrorCode::OutOfGas
        } else {
            let to = self.receiver();
            payload.kind = TxKind::Transfer {
                to,
                amount: Amount(u128::MAX - u128::from(self.rng.next_u64())),
            };
            ErrorCode::AmountAboveBalance
        };
        (self.include(sender, payload), Expected::Failed(code))
    }
}

impl Iterator for Generator {
    type Item = GeneratedBlock;

    fn next(&mut self) -> Option<GeneratedBlock> {
        (self.number < self.workload.blocks).then(|| self.block())
    }
}

/// Chooses an exact number of the positions of a block, each choice as likely (Knuth's selection sampling).
struct Chosen {
    wanted: u64,
    left: u64,
}

impl Chosen {
    /// As many as bring the share of all transactions so far to what was asked for.
    fn new(share: Share, before: u64, count: u32) -> Self {
        let left = u64::from(count);
        Self {
            wanted: share.of(before + left) - share.of(before),
            left,
        }
    }

    fn next(&mut self, rng: &mut ChaCha8Rng) -> bool {
        let chosen = below(rng, self.left) < self.wanted;
        self.wanted -= u64::from(chosen);
        self.left -= 1;
        chosen
    }
}

/// What the code and the input of a transaction cost.
fn data_gas(kind: &TxKind) -> u64 {
    match kind {
        TxKind::Deploy { code, init, .. } => {
            GAS_SCHEDULE_V1.data(code) + GAS_SCHEDULE_V1.data(init)
        }
        TxKind::Call { input, .. } => GAS_SCHEDULE_V1.data(input),
        _ => 0,
    }
}

fn calls(workload: &Workload) -> Option<Calls> {
    match workload.distribution {
        Distribution::Contracts(load) => Some(Calls::new(load)),
        _ => None,
    }
}

fn zipf(workload: &Workload) -> Option<Zipf> {
    match workload.distribution {
        Distribution::Zipf(exponent)
        | Distribution::Contracts(ContractLoad::Token(Holders::Zipf(exponent))) => {
            Some(Zipf::new(workload.accounts, exponent))
        }
        _ => None,
    }
}

fn below_u32(rng: &mut ChaCha8Rng, bound: u32) -> u32 {
    u32::try_from(below(rng, u64::from(bound))).expect("below a u32")
}

#[cfg(test)]
mod tests;
