//! Loads of contracts: which ones there are from the beginning, and what calls them.

use ordlane_primitives::{
    Address, Amount, Code, ContractInput, ErrorCode, GenesisContract, GenesisSlot, Salt, TxKind,
    codec::{Bounded, BoundedBytes},
    hash::code_hash,
};
use rand_chacha::ChaCha8Rng;

use super::Exponent;
use crate::{
    guests::{AMM, COMPUTE, NFT, PROBE, RELAY, TOKEN},
    random::{below, index},
};

/// What each account has of the token in the beginning.
pub const INITIAL_TOKENS: u128 = 1_000_000_000_000;
/// Gas for a call that is meant to succeed, above what it costs before it runs.
const CALL_GAS: u64 = 3_000_000;
/// Gas for a computation, per round.
const ROUND_GAS: u64 = 400;
/// Largest amount of a transfer of tokens, and of an exchange.
const LARGEST_AMOUNT: u64 = 1_000;

/// What a block of calls does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContractLoad {
    /// Transfers of one token.
    Token(Holders),
    /// Exchanges with one contract that has so many pools, at least one.
    Amm {
        /// How many.
        pools: u32,
    },
    /// Mints of one contract.
    Nft {
        /// Whether callers choose ids, or a counter does that all share.
        chosen: bool,
    },
    /// Calls that go through two contracts to a third one.
    Relay,
    /// Deployments, each followed by a call of what was deployed.
    Deploy,
    /// Calls that compute and store nothing.
    Compute {
        /// Passes over a kilobyte of memory.
        rounds: u32,
    },
    /// All of them.
    Mixed,
}

/// Who sends tokens to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holders {
    /// No two transfers of a block have an account in common, while there are enough of them.
    Disjoint,
    /// The k-th account is sender or receiver with a weight of `k^-s`.
    Zipf(Exponent),
    /// All send to the first account.
    Hot,
}

/// What one transaction of a load does, and the gas that it needs at most.
pub(super) struct Made {
    pub(super) kind: TxKind,
    pub(super) gas: u64,
}

/// Draws what transactions do.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    load: ContractLoad,
    /// How many it has made.
    made: u64,
    /// What was deployed and not called yet.
    deployed: Option<Address>,
}

impl Calls {
    pub(super) const fn new(load: ContractLoad) -> Self {
        Self {
            load,
            made: 0,
            deployed: None,
        }
    }

    /// What a transaction from `sender` does, `to` being the other account.
    pub(super) fn next(&mut self, rng: &mut ChaCha8Rng, sender: Address, to: Address) -> Made {
        let number = self.made;
        self.made += 1;
        let load = match (self.load, number % 6) {
            (ContractLoad::Mixed, 0) => ContractLoad::Token(Holders::Disjoint),
            (ContractLoad::Mixed, 1) => ContractLoad::Amm { pools: 3 },
            (ContractLoad::Mixed, 2) => ContractLoad::Nft { chosen: false },
            (ContractLoad::Mixed, 3) => ContractLoad::Relay,
            (ContractLoad::Mixed, 4) => ContractLoad::Deploy,
            (ContractLoad::Mixed, _) => ContractLoad::Compute { rounds: 20 },
            (load, _) => load,
        };
        match load {
            ContractLoad::Token(_) | ContractLoad::Mixed => {
                let amount = 1 + below(rng, LARGEST_AMOUNT);
                call(token(), token_transfer(&to, u128::from(amount)))
            }
            ContractLoad::Amm { pools } => {
                let pool = u32::try_from(below(rng, u64::from(pools.max(1)))).unwrap_or(0);
                let direction = u8::try_from(below(rng, 2)).unwrap_or(0);
                let amount = 1 + below(rng, LARGEST_AMOUNT);
                let input = [
                    &[0][..],
                    &pool.to_le_bytes(),
                    &[direction],
                    &amount.to_le_bytes(),
                    &0_u64.to_le_bytes(),
                ];
                call(contract(AMM, 0), input.concat())
            }
            ContractLoad::Nft { chosen: false } => {
                call(contract(NFT, 0), [&[0][..], to.as_bytes()].concat())
            }
            ContractLoad::Nft { chosen: true } => {
                // Never one that the counter comes to.
                let id = (1 << 40) + number;
                let input = [&[1][..], &id.to_le_bytes(), to.as_bytes()];
                call(contract(NFT, 0), input.concat())
            }
            ContractLoad::Relay => {
                let hops = [contract(RELAY, 1), contract(RELAY, 2)];
                let input = [&[2][..], hops[0].as_bytes(), hops[1].as_bytes(), b"r"];
                call(contract(RELAY, 0), input.concat())
            }
            ContractLoad::Deploy => self.deploy(number, sender, to),
            ContractLoad::Compute { rounds } => {
                let made = call(contract(COMPUTE, 0), rounds.to_le_bytes().to_vec());
                Made {
                    gas: made.gas + ROUND_GAS * u64::from(rounds),
                    ..made
                }
            }
        }
    }

    fn deploy(&mut self, number: u64, sender: Address, to: Address) -> Made {
        if let Some(deployed) = self.deployed.take() {
            return call(deployed, token_transfer(&to, 0));
        }
        let mut salt: Salt = [0; 32];
        salt[..8].copy_from_slice(&number.to_le_bytes());
        let address = Address::of_salted_contract(&sender, &salt, &code_hash(TOKEN));
        self.deployed = Some(address);
        Made {
            kind: TxKind::Deploy {
                code: code(TOKEN),
                init: input(INITIAL_TOKENS.to_le_bytes().to_vec()),
                salt: Some(salt),
            },
            gas: CALL_GAS,
        }
    }
}

/// What a transaction does that is included and fails, the gas for it, and with which code.
pub(super) fn failing(rng: &mut ChaCha8Rng, to: Address) -> (Made, ErrorCode) {
    match index(rng, 5) {
        0 => {
            let made = call(token(), token_transfer(&to, 1));
            (Made { gas: 900, ..made }, ErrorCode::OutOfGas)
        }
        1 => {
            let mut made = call(token(), token_transfer(&to, 1));
            if let TxKind::Call { value, .. } = &mut made.kind {
                *value = Amount(u128::MAX);
            }
            (made, ErrorCode::AmountAboveBalance)
        }
        2 => {
            let input = token_transfer(&to, u128::MAX / 2);
            (call(token(), input), ErrorCode::Revert)
        }
        3 => (call(contract(PROBE, 0), vec![204]), ErrorCode::Trap),
        _ => (call(to, vec![1]), ErrorCode::NoContract),
    }
}

/// The contracts that are there from the beginning.
pub(super) fn genesis(holders: impl Iterator<Item = Address>) -> Vec<GenesisContract> {
    let mut slots: Vec<GenesisSlot> = holders
        .map(|holder| GenesisSlot {
            key: BoundedBytes::new(holder.as_bytes().to_vec()).expect("32 bytes"),
            value: BoundedBytes::new(INITIAL_TOKENS.to_le_bytes().to_vec()).expect("16 bytes"),
        })
        .collect();
    slots.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    let there = |wasm: &[u8], number, storage: Vec<GenesisSlot>| GenesisContract {
        address: contract(wasm, number),
        balance: Amount(0),
        code: code(wasm),
        storage: Bounded::new(storage).expect("one for each account"),
    };
    vec![
        there(TOKEN, 0, slots),
        there(AMM, 0, Vec::new()),
        there(NFT, 0, Vec::new()),
        there(RELAY, 0, Vec::new()),
        there(RELAY, 1, Vec::new()),
        there(RELAY, 2, Vec::new()),
        there(COMPUTE, 0, Vec::new()),
        there(PROBE, 0, Vec::new()),
    ]
}

/// Where the token of all loads is.
#[must_use]
pub fn token() -> Address {
    contract(TOKEN, 0)
}

/// Where a contract of the genesis is.
fn contract(wasm: &[u8], number: u8) -> Address {
    Address::of_salted_contract(&Address::ZERO, &[number; 32], &code_hash(wasm))
}

/// The input of a transfer of tokens.
#[must_use]
pub fn token_transfer(to: &Address, amount: u128) -> Vec<u8> {
    [&[0][..], to.as_bytes(), &amount.to_le_bytes()].concat()
}

fn call(contract: Address, bytes: Vec<u8>) -> Made {
    Made {
        kind: TxKind::Call {
            contract,
            input: input(bytes),
            value: Amount(0),
        },
        gas: CALL_GAS,
    }
}

fn code(wasm: &[u8]) -> Code {
    Code::new(wasm.to_vec()).expect("guests are small")
}

fn input(bytes: Vec<u8>) -> ContractInput {
    ContractInput::new(bytes).expect("inputs are short")
}
