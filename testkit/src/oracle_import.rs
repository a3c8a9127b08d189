//! What an importer does with a block, written a second time: the oracle's part for whole blocks. Source: seed specification,
//! section 9.1.

use ed25519_zebra::VerificationKey;
use ordlane_primitives::{
    Address, Auth, BLOCK_VERSION, Block, BlockHeader, ErrorCode, TimestampMs,
    codec::{decode, encode},
};

use crate::oracle::{Oracle, OracleBlock, Outcome, is_weak, list_root, tagged, validate};

/// Who may make which block, and when.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    /// The proposers, who take turns by height; anybody where there are none.
    pub proposers: Vec<Address>,
    /// Whether they have to sign.
    pub signed: bool,
    /// The latest time that a block may have.
    pub latest: Option<TimestampMs>,
}

impl Oracle {
    /// Imports a block, given as its canonical bytes, on this one.
    ///
    /// # Errors
    /// The code of the first rule that it breaks.
    pub fn import(&self, bytes: &[u8], slots: &Slots) -> Result<OracleBlock, ErrorCode> {
        let block: Block = decode(bytes).map_err(|_| ErrorCode::MalformedBlock)?;
        let header = &block.header;
        let hash = |header: &BlockHeader| tagged("header", &encode(header));
        match &block.proposer_auth {
            // A signer who signs wrongly and one who is not due are told apart by the codes of signatures.
            Some(auth) => authorised(auth, &header.proposer, &hash(header))?,
            None if slots.signed => return Err(ErrorCode::ProposerAuth),
            None => {}
        }
        if slots
            .latest
            .is_some_and(|latest| header.timestamp_ms > latest)
        {
            return Err(ErrorCode::TimestampTooFar);
        }
        if header.parent_hash.0 != hash(&self.header) {
            return Err(ErrorCode::UnknownParent);
        }
        if header.timestamp_ms <= self.header.timestamp_ms {
            return Err(ErrorCode::TimestampNotAbove);
        }
        let height = self.header.number.0 + 1;
        let turn = height
            .checked_rem(slots.proposers.len() as u64)
            .unwrap_or(0);
        let due = usize::try_from(turn)
            .ok()
            .and_then(|turn| slots.proposers.get(turn));
        if due.is_some_and(|due| *due != header.proposer) {
            return Err(ErrorCode::WrongProposer);
        }
        let transactions = list_root("l-tx", block.transactions.iter().cloned());
        let known = header.version == BLOCK_VERSION
            && header.chain_id == self.params.chain_id
            && header.number.0 == height
            && header.gas_limit == self.params.block_gas_limit
            && (header.total_pouw_score, header.provider_count) == (0, 0)
            && header.transactions_root == transactions;
        if !known {
            return Err(ErrorCode::HeaderMismatch);
        }
        let executed = self.execute_all(&block)?;
        // There are no compute receipts yet.
        let no_compute = header.compute_receipts_root == list_root("l-comp", []);
        if executed.header == *header && no_compute {
            Ok(executed)
        } else {
            Err(ErrorCode::HeaderMismatch)
        }
    }

    /// Executes a block of which nothing may be left out.
    fn execute_all(&self, block: &Block) -> Result<OracleBlock, ErrorCode> {
        let size: usize = block.transactions.iter().map(|bytes| 4 + bytes.len()).sum();
        if block.transactions.len() > self.params.max_block_txs as usize {
            return Err(ErrorCode::TooManyTransactions);
        }
        if size > self.params.max_block_bytes as usize {
            return Err(ErrorCode::TooManyBytes);
        }
        let mut above = self.clone();
        above.header = block.header.clone();
        // What needs no state is refused before anything runs.
        for bytes in &block.transactions {
            match validate(&above, bytes) {
                Ok(_) | Err(ErrorCode::InvalidNonce | ErrorCode::InsufficientBalance) => {}
                Err(code) => return Err(code),
            }
        }
        let executed = self.execute(&block.header, &block.transactions);
        match executed
            .outcomes
            .iter()
            .find(|outcome| !matches!(outcome, Outcome::Included(_)))
        {
            None => Ok(executed),
            Some(Outcome::Invalid(code)) => Err(*code),
            Some(_) => Err(ErrorCode::BlockGasLimit),
        }
    }
}

/// Whether a proposer's authorisation is the proposer's and holds.
fn authorised(auth: &Auth, proposer: &Address, message: &[u8; 32]) -> Result<(), ErrorCode> {
    // Policies of proposers are not made by what tests the importer.
    let Auth::Ed25519 { key, signature } = auth else {
        return Err(ErrorCode::UnsupportedScheme);
    };
    if *proposer.as_bytes() != tagged("address", &encode(&(0_u8, key))) {
        return Err(ErrorCode::SignerMismatch);
    }
    if is_weak(key) {
        return Err(ErrorCode::WeakPublicKey);
    }
    let key = VerificationKey::try_from(*key);
    if key.is_ok_and(|key| key.verify(&(*signature).into(), message).is_ok()) {
        return Ok(());
    }
    Err(ErrorCode::InvalidSignature)
}
