//! The account record.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{Amount, Hash, Nonce, codec::Canonical};

/// What the state holds for an address: 72 bytes, in this order.
///
/// An account that equals [`Account::default`] is absent from the state; there is no other absent account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Account {
    /// How many transactions the account has sent.
    pub nonce: Nonce,
    /// All its tokens, the locked ones among them.
    pub balance: Amount,
    /// The part of the balance that is staked or reserved and cannot be spent. At most `balance`.
    pub locked: Amount,
    /// The hash of the contract's code, or zero for an account without code.
    pub code_hash: Hash,
}

impl Account {
    /// The length of every encoded account in bytes.
    pub const BYTES: usize = 8 + 16 + 16 + 32;

    /// Whether this account is stored as nothing at all.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        *self == Self::default()
    }

    /// What the account can spend: its balance less what is locked.
    #[must_use]
    pub const fn spendable(&self) -> Amount {
        Amount(self.balance.0.saturating_sub(self.locked.0))
    }
}

impl Canonical for Account {
    const NAME: &'static str = "account";
    const MIN_BYTES: usize = Self::BYTES;
    const MAX_BYTES: usize = Self::BYTES;
}
