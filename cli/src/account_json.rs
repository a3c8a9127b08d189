//! An account as JSON. Amounts are strings: they exceed what JSON numbers hold.

use anyhow::Context as _;
use ordlane::primitives::{Account, Amount, Nonce};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountJson {
    pub(crate) nonce: u64,
    pub(crate) balance: String,
    pub(crate) locked: String,
    pub(crate) code_hash: String,
}

impl From<&Account> for AccountJson {
    fn from(account: &Account) -> Self {
        Self {
            nonce: account.nonce.0,
            balance: account.balance.to_string(),
            locked: account.locked.to_string(),
            code_hash: account.code_hash.to_string(),
        }
    }
}

/// Digits and nothing else: no sign, no leading zero.
fn amount(text: &str) -> Option<Amount> {
    text.parse()
        .ok()
        .map(Amount)
        .filter(|amount| amount.to_string() == text)
}

impl TryFrom<&AccountJson> for Account {
    type Error = anyhow::Error;

    fn try_from(json: &AccountJson) -> anyhow::Result<Self> {
        Ok(Self {
            nonce: Nonce(json.nonce),
            balance: amount(&json.balance).context("account.balance is not an amount")?,
            locked: amount(&json.locked).context("account.locked is not an amount")?,
            code_hash: json
                .code_hash
                .parse()
                .context("account.code_hash is not a hash")?,
        })
    }
}
