//! `ordlane inspect diff`: what a block or a transaction changed.

use std::str::FromStr;

use anyhow::bail;
use ordlane::{
    AccountDiff, Engine,
    primitives::{Account, BlockHeight, TxId},
    state::StateDiff,
};
use serde_json::{Value, json};

use crate::account_json::AccountJson;

/// A block by its height, or a transaction by its id.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject {
    Block(BlockHeight),
    Transaction(TxId),
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Transaction(id));
        }
        let height = text.parse().map(BlockHeight).map(Self::Block);
        height.map_err(|_| "neither a height nor the 64 hex digits of a transaction's id".into())
    }
}

pub(super) fn diff(engine: &Engine, subject: Subject) -> anyhow::Result<Value> {
    match subject {
        Subject::Block(height) => {
            let Some(diff) = engine.diff(height)? else {
                let tip = engine.durable_head().height;
                bail!("there is no block {height}; the tip is block {tip}");
            };
            shown(&diff, json!({ "height": height.0 }))
        }
        Subject::Transaction(id) => {
            let (Some(diff), Some(record)) =
                (engine.transaction_diff(&id)?, engine.transaction(&id)?)
            else {
                bail!("no durable block contains transaction {id}");
            };
            let place = json!({
                "id": id.to_string(),
                "height": record.height.0,
                "index": record.index,
            });
            shown(&diff, place)
        }
    }
}

/// The diff behind the fields that say whose it is.
fn shown(diff: &StateDiff, mut fields: Value) -> anyhow::Result<Value> {
    let accounts = AccountDiff::all_of(diff)?;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let others: Vec<Value> = diff
        .changes()
        .iter()
        .filter(|change| change.key.account_address().is_none())
        .map(|change| {
            let before: Option<String> = change.old.as_deref().map(hex);
            let after: Option<String> = change.new.as_deref().map(hex);
            json!({ "key": change.key.to_string(), "before": before, "after": after })
        })
        .collect();
    let account = |account: Option<Account>| account.as_ref().map(AccountJson::from);
    fields["changed"] = diff.changes().len().into();
    fields["created"] = accounts
        .iter()
        .filter(|diff| diff.is_created())
        .count()
        .into();
    fields["deleted"] = accounts
        .iter()
        .filter(|diff| diff.is_deleted())
        .count()
        .into();
    fields["accounts"] = accounts
        .iter()
        .map(|diff| {
            json!({
                "address": diff.address.to_string(),
                "before": account(diff.before),
                "after": account(diff.after),
            })
        })
        .collect();
    fields["others"] = others.into();
    Ok(fields)
}
