//! The stable numeric codes of every error that bindings, receipts and peers see.
//!
//! Invariant: a code is never given another meaning. Thousands tell the class, which tells who acts: 1xxx validation
//! (the sender), 2xxx runtime (the receipt), 3xxx system (the operator), 4xxx block (whoever made or asked for the block).
//! `docs/ERRORS.md` is made from this table. Source: seed specification, section 8.

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
    /// The block is refused as a whole: it is not made, not imported or not committed, and the state is as it was.
    Block,
}

impl ErrorClass {
    /// The name of the class, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Runtime => "runtime",
            Self::System => "system",
            Self::Block => "block",
        }
    }

    /// Who has to act on an error of the class.
    #[must_use]
    pub const fn acts(self) -> &'static str {
        match self {
            Self::Validation => "the sender",
            Self::Runtime => "the sender, who reads the receipt",
            Self::System => "the operator",
            Self::Block => "whoever made or asked for the block",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! codes {
    ($(#[doc = $text:literal] $name:ident = $code:literal;)*) => {
        /// An error by its stable number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $(#[doc = $text] $name = $code,)*
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

            /// What it means, in one sentence.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text.trim_ascii(),)*
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
    /// The code breaks a rule of contracts.
    InvalidCode = 2011;
    /// The address at which to deploy is in use.
    AddressInUse = 2012;
    /// There is no contract at the address.
    NoContract = 2013;
    /// Contracts call each other too deep.
    CallTooDeep = 2014;
    /// The contract is being called and allows no other call meanwhile.
    ReentrancyRefused = 2015;
    /// A size or a number is above its limit for contracts.
    ContractLimit = 2016;
    /// Executing panicked.
    RuntimePanic = 3001;
    /// The store's content is damaged or not what it must be.
    StorageCorruption = 3002;
    /// A resource of the machine ran out: disk, memory, file handles.
    ResourceExhausted = 3003;
    /// The store could not be read or written.
    StorageFailure = 3004;
    /// The bytes are not the canonical encoding of a block.
    MalformedBlock = 4001;
    /// No block with the parent's hash is known, or it was dropped.
    UnknownParent = 4002;
    /// The parent does not descend from the last durable block.
    StaleParent = 4003;
    /// The block to be committed does not stand on the last durable block.
    NotOnTip = 4004;
    /// Too many executed blocks are held, or they are stacked too deep.
    TooManyExecuted = 4005;
    /// The block was found invalid before.
    KnownInvalid = 4006;
    /// The timestamp is not above the parent's.
    TimestampNotAbove = 4010;
    /// The timestamp is further ahead than the caller allows.
    TimestampTooFar = 4011;
    /// The proposer is not the one of the slot.
    WrongProposer = 4012;
    /// The proposer's authorisation is not the proposer's.
    ProposerAuth = 4013;
    /// A field of the header is not what executing the block gives.
    HeaderMismatch = 4020;
    /// The block has more transactions than the chain allows.
    TooManyTransactions = 4030;
    /// The transactions of the block have more bytes than the chain allows.
    TooManyBytes = 4031;
    /// A transaction brings the gas above the block's limit.
    BlockGasLimit = 4032;
    /// There is no height above the parent's.
    NoHeight = 4040;
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
            3000..4000 => ErrorClass::System,
            _ => ErrorClass::Block,
        }
    }

    /// The table of all codes as a Markdown document: `docs/ERRORS.md`.
    #[must_use]
    pub fn table() -> String {
        let head = "# Errors by their codes\n\n\
            A code is stable: it is never given another meaning. Receipts, bindings and peers see codes, never message texts.\n\
            This file is made from the codes in the sources (`ordlane errors` prints the same); do not edit it by hand.\n\n\
            | class | codes | who acts |\n|---|---|---|\n";
        let classes = [
            ("1xxx", ErrorClass::Validation),
            ("2xxx", ErrorClass::Runtime),
            ("3xxx", ErrorClass::System),
            ("4xxx", ErrorClass::Block),
        ];
        let classes =
            classes.map(|(codes, class)| format!("| {class} | {codes} | {} |\n", class.acts()));
        let codes = Self::ALL.iter().map(|error| {
            let (code, name, class, text) =
                (error.code(), error.name(), error.class(), error.text());
            format!("| {code} | `{name}` | {class} | {text} |\n")
        });
        let between = "\n| code | name | class | text |\n|---|---|---|---|\n".to_owned();
        [head.to_owned()]
            .into_iter()
            .chain(classes)
            .chain([between])
            .chain(codes)
            .collect()
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

    #[test]
    fn thousands_tell_the_class() {
        for &error in ErrorCode::ALL {
            let class = match error.code() / 1000 {
                1 => ErrorClass::Validation,
                2 => ErrorClass::Runtime,
                3 => ErrorClass::System,
                4 => ErrorClass::Block,
                other => unreachable!("no class has {other}xxx"),
            };
            assert_eq!(error.class(), class, "{error}");
        }
    }

    #[test]
    fn every_text_is_one_sentence() {
        for &error in ErrorCode::ALL {
            let text = error.text();
            assert!(text.ends_with('.') && !text.starts_with(' '), "{text}");
            assert!(!text.contains(['|', '\n']), "{text}");
        }
    }

    #[test]
    fn the_published_table_is_that_of_the_sources() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/ERRORS.md");
        if std::env::var_os("ORDLANE_WRITE_DOCS").is_some() {
            std::fs::write(path, ErrorCode::table()).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            published.replace("\r\n", "\n") == ErrorCode::table(),
            "docs/ERRORS.md is not what the codes give; write it again with \
             `ORDLANE_WRITE_DOCS=1 cargo test -p ordlane-primitives published_table`"
        );
    }
}
