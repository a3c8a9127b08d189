//! One transaction: the checks in their order, then the transfer.

use curve25519_dalek::edwards::CompressedEdwardsY;
use ordlane_primitives::{
    Account, Address, Amount, Auth, BlockHeight, ChainParams, ErrorCode, Event, EventData, Gas,
    Hash, Nonce, Receipt, ReceiptStatus, ReturnData, Topics, Transaction, TransactionPayload,
    TxKind,
    codec::{Bounded, DecodeCause, decode, encode},
};

use super::{
    State, load,
    roots::{ADDRESS, EVENT_NAME, TX_ID, sha},
};

const TRANSFER_GAS: u64 = 2_100;

/// The accounts that a transaction leaves.
pub(super) type Changed = Vec<(Address, Account)>;

/// The receipt of one transaction and what it changes, or why it does not belong into a block.
pub(super) fn run(
    state: &State,
    params: &ChainParams,
    number: BlockHeight,
    bytes: &[u8],
) -> Result<(Receipt, Changed), ErrorCode> {
    let tx = decode::<Transaction>(bytes).map_err(|error| decode_code(&error.cause))?;
    let (payload, auth) = (&tx.payload, &tx.auth);
    let tx_id = sha(&[TX_ID, &encode(payload)]);
    let intrinsic = intrinsic_gas(&payload.memo, auth.signature_count() as u64);
    let sender = load(state, &payload.sender);
    let reserved = u128::from(payload.gas_limit.0) * u128::from(payload.gas_price.0);

    let require = |holds: bool, code| if holds { Ok(()) } else { Err(code) };
    require(payload.chain_id == params.chain_id, ErrorCode::WrongChain)?;
    require(
        payload.sender == address_of(auth),
        ErrorCode::SignerMismatch,
    )?;
    require(!auth.keys().iter().any(is_weak), ErrorCode::WeakPublicKey)?;
    require(
        payload.valid_until.is_none_or(|last| last >= number),
        ErrorCode::TxExpired,
    )?;
    require(
        payload.gas_price >= params.min_gas_price,
        ErrorCode::GasPriceTooLow,
    )?;
    require(payload.gas_limit.0 >= intrinsic, ErrorCode::GasLimitTooLow)?;
    require(
        payload.gas_limit <= params.block_gas_limit,
        ErrorCode::GasLimitTooHigh,
    )?;
    require(
        auth.signatures()
            .all(|(key, signature)| verifies(key, &tx_id, signature)),
        ErrorCode::InvalidSignature,
    )?;
    require(
        payload.nonce == sender.nonce && payload.nonce.0 != u64::MAX,
        ErrorCode::InvalidNonce,
    )?;
    require(
        sender.balance.0 - sender.locked.0 >= reserved,
        ErrorCode::InsufficientBalance,
    )?;

    let (status, gas, events, mut changed) = transfer(state, payload, sender, intrinsic)?;
    let fee = u128::from(gas) * u128::from(payload.gas_price.0);
    changed[0].1.balance.0 -= fee;
    changed[0].1.nonce = Nonce(payload.nonce.0 + 1);
    let receipt = Receipt {
        tx_id: Hash(tx_id),
        status,
        gas_used: Gas(gas),
        fee: Amount(fee),
        events: Bounded::new(events).expect("one event"),
        return_data: ReturnData::default(),
    };
    Ok((receipt, changed))
}

/// How a transfer ends, its gas, its events, and the accounts, the sender first, before fee and nonce.
fn transfer(
    state: &State,
    payload: &TransactionPayload,
    mut sender: Account,
    intrinsic: u64,
) -> Result<(ReceiptStatus, u64, Vec<Event>, Changed), ErrorCode> {
    let TxKind::Transfer { to, amount } = &payload.kind else {
        return Err(ErrorCode::UnsupportedKind);
    };
    let failed = |code, gas| {
        Ok((
            ReceiptStatus::Failed(code),
            gas,
            Vec::new(),
            vec![(payload.sender, sender)],
        ))
    };
    let gas = intrinsic + TRANSFER_GAS;
    if payload.gas_limit.0 < gas {
        return failed(ErrorCode::OutOfGas, payload.gas_limit.0);
    }
    let reserved = u128::from(payload.gas_limit.0) * u128::from(payload.gas_price.0);
    if amount.0 > sender.balance.0 - sender.locked.0 - reserved {
        return failed(ErrorCode::AmountAboveBalance, gas);
    }
    let events = vec![transfer_event(&payload.sender, to, *amount)];
    if *to == payload.sender {
        return Ok((
            ReceiptStatus::Success,
            gas,
            events,
            vec![(payload.sender, sender)],
        ));
    }
    let mut receiver = load(state, to);
    receiver.balance.0 += amount.0;
    sender.balance.0 -= amount.0;
    Ok((
        ReceiptStatus::Success,
        gas,
        events,
        vec![(payload.sender, sender), (*to, receiver)],
    ))
}

/// Which code undecodable bytes have.
fn decode_code(cause: &DecodeCause) -> ErrorCode {
    match cause {
        DecodeCause::Undersized { .. } => ErrorCode::MalformedTransaction,
        DecodeCause::Oversized { .. } => ErrorCode::OversizedTransaction,
        DecodeCause::UnsupportedVersion { .. } => ErrorCode::UnsupportedVersion,
        DecodeCause::UnsupportedKind { .. } => ErrorCode::UnsupportedKind,
        DecodeCause::UnsupportedScheme { .. } => ErrorCode::UnsupportedScheme,
        _ => ErrorCode::InvalidFormat,
    }
}

fn intrinsic_gas(memo: &[u8], signatures: u64) -> u64 {
    let data: u64 = memo
        .iter()
        .map(|byte| if *byte == 0 { 4 } else { 16 })
        .sum();
    21_000 + data + 3_000 * (signatures - 1)
}

fn address_of(auth: &Auth) -> Address {
    Address::from_bytes(match auth {
        Auth::Ed25519 { key, .. } => sha(&[ADDRESS, &[0], key]),
        Auth::Multi { policy, .. } => sha(&[ADDRESS, &[1], &encode(policy)]),
        _ => [0; 32],
    })
}

fn transfer_event(from: &Address, to: &Address, amount: Amount) -> Event {
    let topics = [
        sha(&[EVENT_NAME, b"Transfer"]),
        *from.as_bytes(),
        *to.as_bytes(),
    ];
    Event {
        emitter: Address::from_bytes(sha(&[ADDRESS, &[4, 1, 0, 0, 0]])),
        topics: Topics::new(topics.map(Hash).to_vec()).expect("three topics"),
        data: EventData::new(amount.0.to_le_bytes().to_vec()).expect("16 bytes"),
    }
}

/// Of small order, or not what its point compresses to, or with a coordinate that is not below 2^255 − 19.
fn is_weak(key: &[u8; 32]) -> bool {
    let reduced = key[31] & 0x7f != 0x7f || key[1..31].iter().any(|b| *b != 0xff) || key[0] < 0xed;
    let point = CompressedEdwardsY(*key).decompress();
    !reduced || point.is_some_and(|point| point.is_small_order() || point.compress().0 != *key)
}

fn verifies(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = ed25519_zebra::Signature::from(*signature);
    ed25519_zebra::VerificationKey::try_from(*key)
        .is_ok_and(|key| key.verify(&signature, message).is_ok())
}
