//! A proof of an account as JSON, for people and other languages.

use anyhow::{Context as _, bail};
use ordlane::{
    Head,
    primitives::{
        Hash,
        codec::Bounded,
        proof::{AccountProof, StateProof, Terminal},
    },
};
use serde::{Deserialize, Serialize};

use crate::account_json::AccountJson;

/// The format's name and version.
const FORMAT: &str = "ordlane-account-proof/1";

/// The largest proof file that is read, in bytes.
pub(crate) const MAX_PROOF_JSON_BYTES: usize = 256 * 1024;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofJson {
    format: String,
    /// The block whose state is proven: for orientation only, the proof itself speaks of the root.
    height: u64,
    block_hash: String,
    pub(crate) state_root: String,
    pub(crate) address: String,
    pub(crate) present: bool,
    account: AccountJson,
    /// Beside the path, from the root down.
    siblings: Vec<String>,
    terminal: TerminalJson,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind", deny_unknown_fields)]
enum TerminalJson {
    Empty,
    Leaf { path: String, value_hash: String },
}

impl ProofJson {
    pub(crate) fn new(proof: &AccountProof, head: &Head) -> Self {
        Self {
            format: FORMAT.into(),
            height: head.height.0,
            block_hash: head.hash.to_string(),
            state_root: head.state_root.to_string(),
            address: proof.address.to_string(),
            present: !proof.account.is_absent(),
            account: AccountJson::from(&proof.account),
            siblings: proof.proof.siblings.iter().map(Hash::to_string).collect(),
            terminal: match proof.proof.terminal {
                Terminal::Empty => TerminalJson::Empty,
                Terminal::Leaf { path, value_hash } => TerminalJson::Leaf {
                    path: path.to_string(),
                    value_hash: value_hash.to_string(),
                },
            },
        }
    }

    /// The proof in it.
    pub(crate) fn parse(bytes: &[u8]) -> anyhow::Result<(Self, AccountProof)> {
        let json: Self = serde_json::from_slice(bytes).context("not a proof in JSON")?;
        if json.format != FORMAT {
            bail!("the proof's format is not {FORMAT:?}, the only one that is known");
        }
        let siblings: Result<Vec<Hash>, _> =
            json.siblings.iter().map(|text| text.parse()).collect();
        let siblings = Bounded::new(siblings.context("a sibling is not a hash")?)
            .context("too many siblings")?;
        let terminal = match &json.terminal {
            TerminalJson::Empty => Terminal::Empty,
            TerminalJson::Leaf { path, value_hash } => Terminal::Leaf {
                path: path.parse().context("terminal.path is not a hash")?,
                value_hash: value_hash
                    .parse()
                    .context("terminal.value_hash is not a hash")?,
            },
        };
        let account = (&json.account).try_into()?;
        let proof = AccountProof {
            address: json.address.parse().context("address is not an address")?,
            account,
            proof: StateProof { siblings, terminal },
        };
        if json.present == proof.account.is_absent() {
            bail!("`present` contradicts the account");
        }
        Ok((json, proof))
    }
}
