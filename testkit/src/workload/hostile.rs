//! Candidates that a builder must skip, each with the code that it must give, and valid ones at an edge.

use ordlane_primitives::{
    Address, Amount, Auth, BlockHeight, ChainId, ChainParams, ErrorCode, Gas, GasPrice,
    IndexedSignature, MultiPolicy, Nonce, TransactionPayload, TxBytes, TxKind,
    codec::encode,
    limits::{MAX_TX_BYTES, MIN_TX_BYTES},
};
use rand_chacha::rand_core::RngCore as _;

use super::{Expected, Generator, accounts::Sender};
use crate::random::{below, index, once_in, pick};

/// The group order of Ed25519, 32 bytes little-endian.
const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Where a payload's optional height has its flag: after version, chain, sender, nonce, gas limit and gas price.
const FLAG_AT: usize = 2 + 8 + 32 + 8 + 8 + 8;

/// What is wrong with a transaction of the right form, in the order of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Defect {
    WrongChain,
    SenderMismatch,
    WeakKey,
    Expired,
    PriceTooLow,
    LimitTooLow,
    LimitTooHigh,
    BadSignature,
    WrongNonce,
    Unaffordable,
}

impl Defect {
    const ALL: [Self; 10] = [
        Self::WrongChain,
        Self::SenderMismatch,
        Self::WeakKey,
        Self::Expired,
        Self::PriceTooLow,
        Self::LimitTooLow,
        Self::LimitTooHigh,
        Self::BadSignature,
        Self::WrongNonce,
        Self::Unaffordable,
    ];

    const fn code(self) -> ErrorCode {
        match self {
            Self::WrongChain => ErrorCode::WrongChain,
            Self::SenderMismatch => ErrorCode::SignerMismatch,
            Self::WeakKey => ErrorCode::WeakPublicKey,
            Self::Expired => ErrorCode::TxExpired,
            Self::PriceTooLow => ErrorCode::GasPriceTooLow,
            Self::LimitTooLow => ErrorCode::GasLimitTooLow,
            Self::LimitTooHigh => ErrorCode::GasLimitTooHigh,
            Self::BadSignature => ErrorCode::InvalidSignature,
            Self::WrongNonce => ErrorCode::InvalidNonce,
            Self::Unaffordable => ErrorCode::InsufficientBalance,
        }
    }

    /// Whether the parameters leave room for it.
    fn possible(self, params: &ChainParams) -> bool {
        match self {
            Self::PriceTooLow => params.min_gas_price > GasPrice(0),
            Self::LimitTooHigh => params.block_gas_limit < Gas(u64::MAX),
            _ => true,
        }
    }

    /// Whether a transaction can have both.
    fn goes_with(self, other: Self) -> bool {
        let both = |a, b| [self, other] == [a, b] || [self, other] == [b, a];
        !(self == other
            || both(Self::PriceTooLow, Self::Unaffordable)
            || both(Self::LimitTooLow, Self::LimitTooHigh)
            || both(Self::WeakKey, Self::BadSignature))
    }
}

/// What is wrong with the bytes.
#[derive(Clone, Copy, Debug)]
enum BadForm {
    Undersized,
    Oversized,
    Truncated,
    TrailingBytes,
    UnknownVersion,
    ReservedKind,
    UnknownKind,
    UnknownScheme,
    BadFlag,
    LyingLength,
    PolicyOutOfOrder,
}

impl BadForm {
    const ALL: [Self; 11] = [
        Self::Undersized,
        Self::Oversized,
        Self::Truncated,
        Self::TrailingBytes,
        Self::UnknownVersion,
        Self::ReservedKind,
        Self::UnknownKind,
        Self::UnknownScheme,
        Self::BadFlag,
        Self::LyingLength,
        Self::PolicyOutOfOrder,
    ];
}

/// Valid transactions at an edge.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edge {
    SelfTransfer,
    ToProposer,
    ToAbsent,
    ToZeroAddress,
    ZeroAmount,
    LargestAmount,
    LastHeight,
    BlockGasLimit,
    BarelyEnoughGas,
    OneGasShort,
}

impl Edge {
    const ALL: [Self; 10] = [
        Self::SelfTransfer,
        Self::ToProposer,
        Self::ToAbsent,
        Self::ToZeroAddress,
        Self::ZeroAmount,
        Self::LargestAmount,
        Self::LastHeight,
        Self::BlockGasLimit,
        Self::BarelyEnoughGas,
        Self::OneGasShort,
    ];

    /// Those that succeed.
    pub(super) const INCLUDED: [Self; 8] = [
        Self::SelfTransfer,
        Self::ToProposer,
        Self::ToAbsent,
        Self::ToZeroAddress,
        Self::ZeroAmount,
        Self::LastHeight,
        Self::BlockGasLimit,
        Self::BarelyEnoughGas,
    ];
}

impl Generator {
    /// A candidate that is invalid, or valid at an edge.
    pub(super) fn hostile(&mut self, sender: Sender) -> (TxBytes, Expected) {
        match below(&mut self.rng, 8) {
            0..3 => self.defective(sender),
            3..5 => self.malformed(sender),
            5 => self.replay(sender),
            6 => self.weak_member(sender),
            _ => self.edge(sender, &Edge::ALL),
        }
    }

    /// One defect, or up to three, of which the first that is checked decides the code.
    fn defective(&mut self, sender: Sender) -> (TxBytes, Expected) {
        let mut defects: Vec<Defect> = Vec::new();
        for _ in 0..pick(&mut self.rng, &[1, 1, 2, 3]) {
            let defect = pick(&mut self.rng, &Defect::ALL);
            if defect.possible(self.params())
                && defects.iter().all(|other| defect.goes_with(*other))
            {
                defects.push(defect);
            }
        }
        if defects.is_empty() {
            defects.push(Defect::WrongChain);
        }
        defects.sort_unstable();
        let mut payload = self.payload(sender);
        for defect in &defects {
            self.spoil(*defect, sender, &mut payload);
        }
        let has = |defect| defects.contains(&defect);
        let mut tx = self.accounts.sign(sender, payload);
        if has(Defect::WeakKey) {
            let (key, signature) = self.weak_key();
            tx.auth = Auth::Ed25519 { key, signature };
            if !has(Defect::SenderMismatch) {
                tx.payload.sender = tx.auth.address();
            }
        } else if has(Defect::BadSignature) {
            tx.auth = self.spoil_signature(&tx.auth);
        }
        (encode(&tx), Expected::Invalid(defects[0].code()))
    }

    fn spoil(&mut self, defect: Defect, sender: Sender, payload: &mut TransactionPayload) {
        let params = *self.params();
        match defect {
            Defect::WrongChain => {
                payload.chain_id =
                    ChainId(params.chain_id.0 ^ (1 + below(&mut self.rng, u64::MAX - 1)));
            }
            Defect::SenderMismatch => payload.sender = self.any_address(),
            Defect::Expired => {
                payload.valid_until = Some(BlockHeight(below(&mut self.rng, self.number)))
            }
            Defect::PriceTooLow => {
                payload.gas_price = GasPrice(below(&mut self.rng, params.min_gas_price.0))
            }
            Defect::LimitTooLow => {
                let intrinsic = self.intrinsic(sender, &payload.memo);
                payload.gas_limit = Gas(pick(&mut self.rng, &[0, 1, intrinsic - 1]));
            }
            Defect::LimitTooHigh => {
                payload.gas_limit = Gas(pick(
                    &mut self.rng,
                    &[params.block_gas_limit.0 + 1, u64::MAX],
                ));
            }
            Defect::WrongNonce => {
                let nonce = payload.nonce.0;
                let before = nonce.checked_sub(1).unwrap_or(u64::MAX - 1);
                payload.nonce = Nonce(pick(
                    &mut self.rng,
                    &[nonce + 1, nonce + 1_000, before, u64::MAX],
                ));
            }
            Defect::Unaffordable => payload.gas_price = GasPrice(u64::MAX),
            // Both concern the authorisation.
            Defect::WeakKey | Defect::BadSignature => {}
        }
    }

    /// An encoding of a point of small order, or a non-canonical one, with a signature that the equation accepts.
    fn weak_key(&mut self) -> ([u8; 32], [u8; 64]) {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        let mut identity_plus_p = minus_one;
        identity_plus_p[0] = 0xee;
        // y = 2 is not on the curve, so this is no point, but it is not canonical either.
        let mut two_plus_p = minus_one;
        two_plus_p[0] = 0xef;
        let keys = [identity, minus_one, identity_plus_p, two_plus_p, [0; 32]];
        let mut key = pick(&mut self.rng, &keys);
        key[31] |= pick(&mut self.rng, &[0, 0x80]);
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&identity);
        (key, signature)
    }

    fn spoil_signature(&mut self, auth: &Auth) -> Auth {
        match auth {
            Auth::Multi { policy, signatures } => {
                let mut signatures = signatures.to_vec();
                let at = index(&mut self.rng, signatures.len());
                signatures[at].signature = self.spoiled(&signatures[at].signature);
                Auth::multi(policy.clone(), signatures).expect("the same indices")
            }
            Auth::Ed25519 { key, signature } => Auth::Ed25519 {
                key: *key,
                signature: self.spoiled(signature),
            },
            other => other.clone(),
        }
    }

    fn spoiled(&mut self, signature: &[u8; 64]) -> [u8; 64] {
        let mut spoiled = *signature;
        match below(&mut self.rng, 4) {
            0 => spoiled[index(&mut self.rng, 64)] ^= 1 << below(&mut self.rng, 8),
            1 => spoiled.rotate_left(32),
            2 => spoiled = [0; 64],
            _ => add_order(&mut spoiled),
        }
        spoiled
    }

    /// Bytes that no transaction has.
    fn malformed(&mut self, sender: Sender) -> (TxBytes, Expected) {
        let payload = self.payload(sender);
        let kind_at = FLAG_AT + if payload.valid_until.is_some() { 9 } else { 1 };
        let payload_len = encode(&payload).len();
        let memo_at = payload_len - payload.memo.len() - 4;
        let tx = self.accounts.sign(sender, payload);
        let mut bytes = encode(&tx);
        let mut form = pick(&mut self.rng, &BadForm::ALL);
        if matches!(form, BadForm::Oversized) && !once_in(&mut self.rng, 8) {
            form = BadForm::TrailingBytes;
        }
        let mut code = ErrorCode::InvalidFormat;
        match form {
            BadForm::Undersized => {
                bytes.truncate(index(&mut self.rng, MIN_TX_BYTES));
                code = ErrorCode::MalformedTransaction;
            }
            BadForm::Oversized => {
                bytes.resize(MAX_TX_BYTES + 1, 0);
                code = ErrorCode::OversizedTransaction;
            }
            BadForm::Truncated => {
                bytes.truncate(MIN_TX_BYTES + index(&mut self.rng, bytes.len() - MIN_TX_BYTES))
            }
            BadForm::TrailingBytes => bytes.extend(vec![0; 1 + index(&mut self.rng, 8)]),
            BadForm::UnknownVersion => {
                bytes[index(&mut self.rng, 2)] ^= 0x06;
                code = ErrorCode::UnsupportedVersion;
            }
            BadForm::ReservedKind => {
                bytes[kind_at] = pick(&mut self.rng, &[1, 2, 3, 6, 7, 8]);
                code = ErrorCode::UnsupportedKind;
            }
            BadForm::UnknownKind => bytes[kind_at] = pick(&mut self.rng, &[9, 0x7f, 0xff]),
            BadForm::UnknownScheme => {
                bytes[payload_len] = pick(&mut self.rng, &[2, 3, 0xff]);
                code = ErrorCode::UnsupportedScheme;
            }
            BadForm::BadFlag => bytes[FLAG_AT] = pick(&mut self.rng, &[2, 0xff]),
            BadForm::LyingLength => {
                let lie: u32 = pick(&mut self.rng, &[1_025, 0xffff, 1 << 24, u32::MAX]);
                bytes[memo_at..memo_at + 4].copy_from_slice(&lie.to_le_bytes());
            }
            BadForm::PolicyOutOfOrder => {
                bytes.truncate(payload_len);
                bytes.extend(encode(&(
                    1_u8,
                    1_u8,
                    vec![[2_u8; 32], [1; 32]],
                    vec![(0_u8, [0_u8; 64])],
                )));
            }
        }
        (bytes, Expected::Invalid(code))
    }

    /// The last included transaction once more.
    fn replay(&mut self, sender: Sender) -> (TxBytes, Expected) {
        match &self.last_included {
            // It may have been valid for a past block only.
            Some(bytes) if bytes[FLAG_AT] == 0 => {
                (bytes.clone(), Expected::Invalid(ErrorCode::InvalidNonce))
            }
            _ => self.malformed(sender),
        }
    }

    /// A policy with a weak key that did not sign.
    fn weak_member(&mut self, sender: Sender) -> (TxBytes, Expected) {
        let mut payload = self.payload(sender);
        let (weak, _) = self.weak_key();
        let honest = ordlane_primitives::SigningKey::from_seed([7; 32]);
        let policy =
            MultiPolicy::new(1, vec![weak, honest.public_key()]).expect("two distinct keys");
        payload.sender = Address::of_policy(&policy);
        let index = u8::from(policy.keys()[0] == weak);
        let signature = honest.sign(payload.id().as_bytes());
        let auth = Auth::multi(policy, vec![IndexedSignature { index, signature }])
            .expect("one signature");
        let tx = ordlane_primitives::Transaction { payload, auth };
        (encode(&tx), Expected::Invalid(ErrorCode::WeakPublicKey))
    }

    /// A valid transaction at one of these edges.
    pub(super) fn edge(&mut self, sender: Sender, edges: &[Edge]) -> (TxBytes, Expected) {
        let mut payload = self.payload(sender);
        let TxKind::Transfer { mut to, mut amount } = payload.kind.clone() else {
            return (self.include(sender, payload), Expected::Success);
        };
        let enough =
            self.intrinsic(sender, &payload.memo) + ordlane_primitives::GAS_SCHEDULE_V1.transfer;
        let mut expected = Expected::Success;
        match pick(&mut self.rng, edges) {
            Edge::SelfTransfer => to = payload.sender,
            Edge::ToProposer => to = self.proposer,
            Edge::ToAbsent => to = self.any_address(),
            Edge::ToZeroAddress => to = Address::ZERO,
            Edge::ZeroAmount => amount = Amount::ZERO,
            Edge::LargestAmount => {
                amount = Amount(u128::MAX);
                expected = Expected::Failed(ErrorCode::AmountAboveBalance);
            }
            Edge::LastHeight => {
                payload.valid_until =
                    Some(BlockHeight(pick(&mut self.rng, &[self.number, u64::MAX])));
            }
            Edge::BlockGasLimit => payload.gas_limit = self.params().block_gas_limit,
            Edge::BarelyEnoughGas => payload.gas_limit = Gas(enough),
            Edge::OneGasShort => {
                payload.gas_limit = Gas(enough - 1);
                expected = Expected::Failed(ErrorCode::OutOfGas);
            }
        }
        payload.kind = TxKind::Transfer { to, amount };
        (self.include(sender, payload), expected)
    }

    fn any_address(&mut self) -> Address {
        let mut bytes = [0; 32];
        self.rng.fill_bytes(&mut bytes);
        Address::from_bytes(bytes)
    }
}

/// Adds the group order to `S`: the same equation, another encoding.
fn add_order(signature: &mut [u8; 64]) {
    let mut carry = 0_u16;
    for (byte, order) in signature[32..].iter_mut().zip(GROUP_ORDER) {
        let [low, high] = (u16::from(*byte) + u16::from(order) + carry).to_le_bytes();
        *byte = low;
        carry = u16::from(high);
    }
}
