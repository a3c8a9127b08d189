//! Questions about the chain. They speak of the durable block unless they are asked otherwise.

use ordlane_primitives::{
    Account, Address, Block, BlockHash, BlockHeader, BlockHeight, ChainParams, RawKey, Receipt,
    Receipts, Transaction, TxId,
};

use ordlane_state::{ReverseDiff, StateStore};

use crate::{Engine, EngineError, Executed, Head, SystemError, stored::decoded};

/// The state after one block. It holds nothing back: once another block has been committed in its place or on top of
/// it, its questions are answered with an error.
#[derive(Debug)]
pub struct StateView<'a> {
    engine: &'a Engine,
    head: Head,
}

/// A transaction that is in a durable block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    /// The block's height.
    pub height: BlockHeight,
    /// The position in the block.
    pub index: u32,
    /// The transaction.
    pub transaction: Transaction,
    /// What it did.
    pub receipt: Receipt,
}

/// The receipt of a transaction that is in a durable block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRecord {
    /// The block's height.
    pub height: BlockHeight,
    /// The position in the block.
    pub index: u32,
    /// What the transaction did.
    pub receipt: Receipt,
}

impl StateView<'_> {
    /// The block whose state this is.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The account at an address; one that is absent is all default.
    ///
    /// # Errors
    /// [`BlockError::UnknownParent`](crate::BlockError::UnknownParent) or
    /// [`BlockError::StaleParent`](crate::BlockError::StaleParent) when the block is neither the durable one nor held any more;
    /// [`SystemError`] when the store fails.
    pub fn account(&self, address: &Address) -> Result<Account, EngineError> {
        Ok(self
            .engine
            .parent(&self.head.hash)?
            .state
            .account(address)?)
    }
}

impl Engine {
    /// The last block that is on disk.
    #[must_use]
    pub fn durable_head(&self) -> Head {
        self.chain.looking().head()
    }

    /// The highest block that was executed on the durable one and is still held or was submitted, the latest of several;
    /// the durable head if there is none.
    #[must_use]
    pub fn executed_head(&self) -> Head {
        let durable = self.chain.looking();
        self.layers
            .live()
            .iter()
            .filter(|layer| {
                layer.header.number > durable.header.number && layer.chain(&durable.hash).is_ok()
            })
            .max_by_key(|layer| layer.header.number)
            .map_or_else(
                || durable.head(),
                |layer| Head::of(&layer.header, layer.hash),
            )
    }

    /// The durable state.
    #[must_use]
    pub fn state(&self) -> StateView<'_> {
        StateView {
            engine: self,
            head: self.durable_head(),
        }
    }

    /// The state after an executed block.
    #[must_use]
    pub fn state_after(&self, executed: &Executed) -> StateView<'_> {
        StateView {
            engine: self,
            head: executed.head(),
        }
    }

    /// The chain's parameters, as the durable state has them.
    ///
    /// # Errors
    /// [`SystemError`] when the store fails.
    pub fn params(&self) -> Result<ChainParams, EngineError> {
        let what = "chain parameters";
        let bytes = self
            .durable_parent()
            .state
            .value(&RawKey::params())?
            .ok_or(SystemError::Corrupt { what, source: None })?;
        Ok(decoded(what, &bytes)?)
    }

    /// The account at an address after the durable block at a height; one that was absent is all default.
    ///
    /// # Errors
    /// [`SystemError`] around [`StateError::Pruned`](ordlane_state::StateError::Pruned) or
    /// [`StateError::AboveTip`](ordlane_state::StateError::AboveTip) for a block that is no longer kept or not there yet,
    /// and when the store fails.
    pub fn account_at(
        &self,
        height: BlockHeight,
        address: &Address,
    ) -> Result<Account, EngineError> {
        let key = RawKey::account(address);
        let found = self.store.read_at(height, key.as_bytes());
        found.map_err(SystemError::from)?.map_or_else(
            || Ok(Account::default()),
            |bytes| Ok(decoded("account", &bytes)?),
        )
    }

    /// The first block that is kept whole: blocks, receipts, events and earlier states can be asked for from here on.
    #[must_use]
    pub fn horizon(&self) -> BlockHeight {
        self.store.horizon()
    }

    /// The header of the durable block at a height. Headers are kept for ever.
    ///
    /// # Errors
    /// [`SystemError`] when the store fails or holds something else.
    pub fn header(&self, height: BlockHeight) -> Result<Option<BlockHeader>, EngineError> {
        Ok(self.store.header(height).map_err(SystemError::from)?)
    }

    /// The durable block at a height.
    ///
    /// # Errors
    /// [`SystemError`] when the store fails, holds something else, or has pruned the block.
    pub fn block(&self, height: BlockHeight) -> Result<Option<Block>, EngineError> {
        let bytes = self.store.block_bytes(height).map_err(SystemError::from)?;
        Ok(bytes.map(|bytes| decoded("block", &bytes)).transpose()?)
    }

    /// The durable block with a hash.
    ///
    /// # Errors
    /// As [`Engine::block`].
    pub fn block_by_hash(&self, hash: &BlockHash) -> Result<Option<Block>, EngineError> {
        match self.store.height_of(hash).map_err(SystemError::from)? {
            Some(height) => self.block(height),
            None => Ok(None),
        }
    }

    /// The receipts of the durable block at a height.
    ///
    /// # Errors
    /// As [`Engine::block`].
    pub fn receipts(&self, height: BlockHeight) -> Result<Option<Vec<Receipt>>, EngineError> {
        receipts_at(&self.store, height)
    }

    /// What the durable block at a height replaced: the value of each key that it changed, before it.
    ///
    /// # Errors
    /// As [`Engine::block`].
    pub fn reverse_diff(&self, height: BlockHeight) -> Result<Option<ReverseDiff>, EngineError> {
        Ok(self.store.reverse_diff(height).map_err(SystemError::from)?)
    }

    /// The receipt of the durable transaction with an id.
    ///
    /// # Errors
    /// As [`Engine::block`].
    pub fn receipt(&self, id: &TxId) -> Result<Option<ReceiptRecord>, EngineError> {
        let Some((height, index)) = self.store.tx_position(id).map_err(SystemError::from)? else {
            return Ok(None);
        };
        // A block that was undone since the look at the index has taken its transactions with it.
        let Some(receipts) = self.receipts(height)? else {
            return Ok(None);
        };
        let receipt = receipts.into_iter().nth(index as usize);
        Ok(receipt
            .filter(|receipt| receipt.tx_id == *id)
            .map(|receipt| ReceiptRecord {
                height,
                index,
                receipt,
            }))
    }

    /// The durable transaction with an id.
    ///
    /// # Errors
    /// As [`Engine::block`].
    pub fn transaction(&self, id: &TxId) -> Result<Option<TransactionRecord>, EngineError> {
        let Some(ReceiptRecord {
            height,
            index,
            receipt,
        }) = self.receipt(id)?
        else {
            return Ok(None);
        };
        let Some(block) = self.block(height)? else {
            return Ok(None);
        };
        let what = "transaction";
        let bytes = block
            .transactions
            .get(index as usize)
            .ok_or(SystemError::Corrupt { what, source: None })?;
        let transaction: Transaction = decoded(what, bytes)?;
        Ok((transaction.id() == *id).then_some(TransactionRecord {
            height,
            index,
            transaction,
            receipt,
        }))
    }
}

/// The receipts of the durable block at a height.
pub(crate) fn receipts_at(
    store: &StateStore,
    height: BlockHeight,
) -> Result<Option<Vec<Receipt>>, EngineError> {
    let Some(bytes) = store.receipts_bytes(height).map_err(SystemError::from)? else {
        return Ok(None);
    };
    Ok(Some(decoded::<Receipts>("receipts", &bytes)?.into_vec()))
}
