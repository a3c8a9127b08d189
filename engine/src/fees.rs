//! What to pay: a gas price from what the last blocks were paid.
//!
//! Integers only, from receipts and headers; it is advice, and reaches no result.

use std::collections::BTreeMap;

use ordlane_primitives::{BlockHeight, ChainParams, Gas, GasPrice};
use ordlane_state::StateError;

use crate::{Engine, EngineError, SystemError};

/// Most blocks that a recommendation looks at.
pub const MAX_FEE_BLOCKS: u64 = 100;

/// How a gas price is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeQuery {
    /// How many of the last blocks to look at; never more than [`MAX_FEE_BLOCKS`].
    pub blocks: u64,
    /// The share of their gas, in percent, that paid at most the price; above 100 is 100.
    pub percentile: u8,
}

impl Default for FeeQuery {
    fn default() -> Self {
        Self {
            blocks: 20,
            percentile: 60,
        }
    }
}

/// A gas price, and what it was found from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeRecommendation {
    /// The price to offer.
    pub gas_price: GasPrice,
    /// The lowest price that the chain admits.
    pub minimum: GasPrice,
    /// How many blocks were looked at; the genesis block is none of them.
    pub blocks: u64,
    /// The gas that they used together.
    pub gas_used: u128,
    /// The gas that they could have used together.
    pub gas_limit: u128,
}

impl Engine {
    /// A gas price by the last durable blocks that are kept: the percentile of their prices, each weighted with its gas. It
    /// is the chain's minimum when they were on average less than half full, or there are none.
    ///
    /// # Errors
    /// [`SystemError`] when the store fails.
    pub fn recommend_fee(&self, query: &FeeQuery) -> Result<FeeRecommendation, EngineError> {
        let ChainParams { min_gas_price, .. } = self.params()?;
        let mut paid = Paid::default();
        let tip = self.durable_head().height;
        let first = tip.0.saturating_sub(query.blocks.min(MAX_FEE_BLOCKS));
        let first = first.saturating_add(1).max(self.horizon().0).max(1);
        for height in (first..=tip.0).rev().map(BlockHeight) {
            if !self.add_block(height, &mut paid)? {
                break;
            }
        }
        let busy = paid.used.saturating_mul(2) >= paid.limit;
        let found = busy.then(|| paid.percentile(query.percentile)).flatten();
        Ok(FeeRecommendation {
            gas_price: found.map_or(min_gas_price, |price| price.max(min_gas_price)),
            minimum: min_gas_price,
            blocks: paid.blocks,
            gas_used: paid.used,
            gas_limit: paid.limit,
        })
    }

    /// Whether the block was still there: it may have been pruned or undone since.
    fn add_block(&self, height: BlockHeight, paid: &mut Paid) -> Result<bool, EngineError> {
        let receipts = match self.receipts(height) {
            Err(EngineError::System(SystemError::State(StateError::Pruned { .. }))) => None,
            receipts => receipts?,
        };
        let (Some(receipts), Some(header)) = (receipts, self.header(height)?) else {
            return Ok(false);
        };
        paid.blocks = paid.blocks.saturating_add(1);
        paid.used = paid.used.saturating_add(u128::from(header.gas_used.0));
        paid.limit = paid.limit.saturating_add(u128::from(header.gas_limit.0));
        for receipt in receipts {
            paid.add(receipt.fee.0, receipt.gas_used);
        }
        Ok(true)
    }
}

/// What gas was paid with.
#[derive(Debug, Default)]
struct Paid {
    blocks: u64,
    used: u128,
    limit: u128,
    /// By price: how much gas was paid with it.
    gas: BTreeMap<GasPrice, u128>,
}

impl Paid {
    fn add(&mut self, fee: u128, gas: Gas) {
        // A fee is gas times a price of 64 bits; nothing is paid without gas.
        let price = fee.checked_div(u128::from(gas.0));
        let Some(price) = price.and_then(|price| u64::try_from(price).ok()) else {
            return;
        };
        let sum = self.gas.entry(GasPrice(price)).or_default();
        *sum = sum.saturating_add(u128::from(gas.0));
    }

    /// The lowest price that so many percent of the gas were paid at most; none without gas.
    fn percentile(&self, percent: u8) -> Option<GasPrice> {
        let total = self.gas.values().copied().fold(0, u128::saturating_add);
        let wanted = total
            .saturating_mul(u128::from(percent.min(100)))
            .div_ceil(100);
        let mut below = 0_u128;
        self.gas.iter().find_map(|(price, gas)| {
            below = below.saturating_add(*gas);
            (below >= wanted).then_some(*price)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_weighted_with_gas() {
        let mut paid = Paid::default();
        assert_eq!(paid.percentile(50), None);
        for (price, gas) in [(7, 10), (1, 60), (3, 30)] {
            paid.add(price * u128::from(gas), Gas(gas));
        }
        paid.add(5, Gas(0));
        let prices = [0, 1, 60, 61, 90, 91, 100, 255].map(|percent| paid.percentile(percent));
        let expected = [1, 1, 1, 3, 3, 7, 7, 7].map(|price| Some(GasPrice(price)));
        assert_eq!(prices, expected);
    }
}
