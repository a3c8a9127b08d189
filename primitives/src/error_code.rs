//! The stable numeric codes of every error that bindings, receipts and peers see.
//!
//! Invariant: a code is never given another meaning. Hundreds tell the class, which tells who acts: 1xxx validation
//! (the sender), 2xxx runtime (the receipt), 3xxx system (the operator). Source: seed specification, section 8.

use core::fmt;

/// Who has to act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    /// The transaction stays out of a block; a block that contains it is invalid. No gas, no state change.
    Validation,
    /// The transaction is in the block with a failed receipt: gas is charged, all else reverts.
    Runtime,
    /// The block stops. It never becomes a receipt.
    System,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// An error by its stable number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $name = $code,)*
        }

        impl ErrorCode {
            /// Every code, ascending.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The error with a number, if there is one.
            #[must_use]
            pub const fn from_code(code: u16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The name, as the specification writes it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

codes! {
    /// The input is shorter than any transaction.
    MalformedTransaction = 1001;
    /// The input is longer than any transaction.
    OversizedTransaction = 1002;
    /// The transaction's version is not supported.
    UnsupportedVersion = 1003;
    /// The kind is reserved and not executed by this version.
    UnsupportedKind = 1004;
    /// The bytes are not the canonical encoding of a transaction.
    InvalidFormat = 1005;
    /// A signature does not verify.
    InvalidSignature = 1010;
    /// A public key is non-canonical or of small order.
    WeakPublicKey = 1011;
    /// The sender is not the address of the authorisation.
    SignerMismatch = 1012;
    /// The authorisation's scheme is not supported.
    UnsupportedScheme = 1013;
    /// The transaction is for another chain.
    WrongChain = 1020;
    /// The nonce is not the account's current one.
    InvalidNonce = 1021;
    /// The transaction's last valid height has passed.
    TxExpired = 1022;
    /// The nonce lies ahead of the account's; the transaction may wait.
    NonceGap = 1023;
    /// The transaction is already known.
    AlreadyKnown = 1024;
    /// The gas price is below the chain's minimum.
    GasPriceTooLow = 1030;
    /// The gas limit does not cover what every such transaction costs before it runs.
    GasLimitTooLow = 1031;
    /// The gas limit is above the block's.
    GasLimitTooHigh = 1032;
    /// The spendable balance does not cover the highest possible fee.
    InsufficientBalance = 1033;
    /// The pool is full of better-paying transactions.
    PoolFull = 1040;
    /// The gas limit was reached while the transaction ran; all of it is charged.
    OutOfGas = 2001;
    /// The amount is above what the sender can spend after reserving the fee.
    AmountAboveBalance = 2002;
    /// The operation is not permitted to this sender.
    OperationNotPermitted = 2003;
    /// A state invariant would be violated.
    StateInvariantViolation = 2004;
    /// A compute receipt is invalid.
    InvalidComputeReceipt = 2005;
    /// Data inside the transaction could not be decoded.
    DeserializationError = 2006;
    /// State was accessed that is out of bounds.
    StateAccessDenied = 2007;
    /// The operation makes no sense for its target.
    InvalidOperation = 2008;
    /// A contract reverted.
    Revert = 2009;
    /// A contract trapped.
    Trap = 2010;
    /// Executing panicked.
    RuntimePanic = 3001;
    /// The store's content is damaged or not what it must be.
    StorageCorruption = 3002;
    /// A resource of the machine ran out: disk, memory, file handles.
    ResourceExhausted = 3003;
    /// The store could not be read or written.
    StorageFailure = 3004;
}

impl ErrorCode {
    /// The stable number.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Who has to act.
    #[must_use]
    pub const fn class(self) -> ErrorClass {
        match self.code() {
            0..2000 => ErrorClass::Validation,
            2000..3000 => ErrorClass::Runtime,
            _ => ErrorClass::System,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_round_trip() {
        assert!(ErrorCode::ALL.is_sorted_by(|a, b| a.code() < b.code()));
        for &error in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_code(error.code()), Some(error));
        }
        assert_eq!(ErrorCode::from_code(0), None);
    }
}
