//! Newtypes for the quantities of the protocol. All are integers, little-endian in every encoding.

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
        )]
        pub struct $name(pub $inner);

        impl $name {
            /// The sum, or `None` when it does not fit.
            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// The difference, or `None` when it would be negative.
            #[must_use]
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(difference) => Some(Self(difference)),
                    None => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

quantity! {
    /// An amount of the native token in its smallest unit.
    Amount(u128)
}
quantity! {
    /// Units of metered work.
    Gas(u64)
}
quantity! {
    /// The price of one unit of gas, in the token's smallest unit.
    GasPrice(u64)
}
quantity! {
    /// How many transactions an account has sent; the next one carries this number.
    Nonce(u64)
}
quantity! {
    /// The number of a block; the genesis block is 0.
    BlockHeight(u64)
}
quantity! {
    /// Which chain a transaction or block belongs to.
    ChainId(u64)
}
quantity! {
    /// Milliseconds since the Unix epoch, as a block's proposer claims them.
    TimestampMs(u64)
}

impl Amount {
    /// No tokens.
    pub const ZERO: Self = Self(0);
}

impl Gas {
    /// No work.
    pub const ZERO: Self = Self(0);

    /// The fee of this much gas at a price. It always fits: both factors have 64 bits.
    #[must_use]
    pub const fn cost(self, price: GasPrice) -> Amount {
        // Two 64-bit factors give at most 128 bits, so saturation never happens.
        Amount((self.0 as u128).saturating_mul(price.0 as u128))
    }
}

impl BlockHeight {
    /// The height of the genesis block.
    pub const GENESIS: Self = Self(0);

    /// The height above this one, or `None` after the last.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        self.checked_add(Self(1))
    }
}

impl Nonce {
    /// The nonce after this one, or `None` after the last.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        self.checked_add(Self(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_fits_at_the_type_limits() {
        let fee = Gas(u64::MAX).cost(GasPrice(u64::MAX));
        assert_eq!(fee.0, u128::from(u64::MAX) * u128::from(u64::MAX));
    }

    #[test]
    fn checked_arithmetic_refuses_to_wrap() {
        assert_eq!(Amount(u128::MAX).checked_add(Amount(1)), None);
        assert_eq!(Amount(0).checked_sub(Amount(1)), None);
        assert_eq!(BlockHeight(u64::MAX).next(), None);
        assert_eq!(Nonce(u64::MAX).next(), None);
    }
}
