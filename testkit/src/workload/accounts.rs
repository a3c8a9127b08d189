//! The accounts of a workload: keys, policies over them, and nonces.

use std::collections::BTreeSet;

use ordlane_primitives::{
    Address, Auth, IndexedSignature, MultiPolicy, Nonce, SigningKey, Transaction,
    TransactionPayload,
};
use sha2::{Digest as _, Sha256};

/// Most policies of a workload.
const MAX_POLICIES: u32 = 1_024;

/// Number of keys and threshold of policies, in turn.
const SHAPES: [(u32, u8); 4] = [(3, 2), (1, 1), (5, 3), (16, 16)];

/// A sender: the index of a key's account, or of a policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// An account of a key.
    Key(u32),
    /// An account of a policy.
    Policy(u32),
}

/// An account of a key.
#[derive(Debug)]
struct KeyAccount {
    key: SigningKey,
    address: Address,
    nonce: u64,
}

/// An account of a policy.
#[derive(Debug)]
struct PolicyAccount {
    policy: MultiPolicy,
    /// The index of the account of each of the policy's keys, in its order.
    members: Vec<u32>,
    address: Address,
    nonce: u64,
}

/// All accounts that can send.
#[derive(Debug)]
pub(super) struct Accounts {
    keys: Vec<KeyAccount>,
    policies: Vec<PolicyAccount>,
}

impl Accounts {
    /// `count` accounts with keys, and some policies over them if asked for.
    pub(super) fn new(seed: u64, count: u32, with_policies: bool) -> Self {
        let keys: Vec<KeyAccount> = (0..count)
            .map(|index| KeyAccount::new(derive_key(seed, index)))
            .collect();
        let policies = if with_policies {
            count.min(MAX_POLICIES)
        } else {
            0
        };
        let mut policies: Vec<_> = (0..policies)
            .map(|index| PolicyAccount::new(index, &keys))
            .collect();
        // Among very few keys the larger policies coincide.
        let mut seen = BTreeSet::new();
        policies.retain(|account| seen.insert(account.address));
        Self { keys, policies }
    }

    /// How many policies there are.
    pub(super) fn policy_count(&self) -> u32 {
        u32::try_from(self.policies.len()).expect("at most MAX_POLICIES")
    }

    /// All addresses.
    pub(super) fn addresses(&self) -> impl Iterator<Item = Address> {
        let policies = self.policies.iter().map(|account| account.address);
        self.keys
            .iter()
            .map(|account| account.address)
            .chain(policies)
    }

    /// The address of the account of a key.
    pub(super) fn key_address(&self, index: u32) -> Address {
        self.keys[index as usize].address
    }

    /// A sender's address.
    pub(super) fn address(&self, sender: Sender) -> Address {
        match sender {
            Sender::Key(index) => self.keys[index as usize].address,
            Sender::Policy(index) => self.policies[index as usize].address,
        }
    }

    /// The nonce that a sender's next transaction carries.
    pub(super) fn nonce(&self, sender: Sender) -> Nonce {
        Nonce(match sender {
            Sender::Key(index) => self.keys[index as usize].nonce,
            Sender::Policy(index) => self.policies[index as usize].nonce,
        })
    }

    /// Counts a transaction that a block includes.
    pub(super) fn sent(&mut self, sender: Sender) {
        match sender {
            Sender::Key(index) => self.keys[index as usize].nonce += 1,
            Sender::Policy(index) => self.policies[index as usize].nonce += 1,
        }
    }

    /// How many signatures a sender's transactions carry.
    pub(super) fn signatures(&self, sender: Sender) -> u64 {
        match sender {
            Sender::Key(_) => 1,
            Sender::Policy(index) => u64::from(self.policies[index as usize].policy.threshold()),
        }
    }

    /// Signs a payload as a sender does.
    pub(super) fn sign(&self, sender: Sender, payload: TransactionPayload) -> Transaction {
        match sender {
            Sender::Key(index) => self.keys[index as usize].key.sign_transaction(payload),
            Sender::Policy(index) => self.sign_as_policy(&self.policies[index as usize], payload),
        }
    }

    /// Signs with as many keys as needed: a run of them that starts at another key for each nonce.
    fn sign_as_policy(&self, account: &PolicyAccount, payload: TransactionPayload) -> Transaction {
        let id = payload.id();
        let threshold = u64::from(account.policy.threshold());
        let spare = account.members.len() as u64 - threshold;
        let first = payload.nonce.0 % (spare + 1);
        let signed = |(index, member): (u8, &u32)| IndexedSignature {
            index,
            signature: self.keys[*member as usize].key.sign(id.as_bytes()),
        };
        let signing = |index: u8| (first..first + threshold).contains(&u64::from(index));
        let signatures = (0_u8..)
            .zip(&account.members)
            .filter(|(index, _)| signing(*index))
            .map(signed)
            .collect();
        let auth = Auth::multi(account.policy.clone(), signatures)
            .expect("as many as the threshold, ascending");
        Transaction { payload, auth }
    }
}

impl KeyAccount {
    fn new(key: SigningKey) -> Self {
        let address = key.address();
        Self {
            key,
            address,
            nonce: 0,
        }
    }
}

impl PolicyAccount {
    /// The policy with a number: over the keys from that number on, fewer if there are not so many.
    fn new(index: u32, keys: &[KeyAccount]) -> Self {
        let (size, threshold) = SHAPES[index as usize % SHAPES.len()];
        let count = u32::try_from(keys.len()).expect("at most MAX_ACCOUNTS");
        let size = size.min(count);
        let mut members: Vec<u32> = (0..size).map(|offset| (index + offset) % count).collect();
        members.sort_unstable_by_key(|member| keys[*member as usize].key.public_key());
        let public: Vec<[u8; 32]> = members
            .iter()
            .map(|member| keys[*member as usize].key.public_key())
            .collect();
        let threshold = threshold.min(u8::try_from(size).expect("at most 16"));
        let policy = MultiPolicy::new(threshold, public).expect("distinct keys, 1 to 16 of them");
        let address = Address::of_policy(&policy);
        Self {
            policy,
            members,
            address,
            nonce: 0,
        }
    }
}

/// The key with a number: its seed is a hash of the workload's seed and that number.
pub(super) fn derive_key(seed: u64, index: u32) -> SigningKey {
    let digest = Sha256::new()
        .chain_update(b"ordlane testkit: workload key")
        .chain_update(seed.to_le_bytes())
        .chain_update(index.to_le_bytes())
        .finalize();
    SigningKey::from_seed(digest.into())
}
