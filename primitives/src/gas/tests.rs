//! Every row of the gas table, one test each. Paragraphs are those of the seed specification; "additions" are those that
//! stand beside its table.

use proptest::{collection, option, prelude::*, sample};

use super::*;
use crate::{
    Address, Amount, ChainId, GasPrice, IndexedSignature, Memo, MultiPolicy, Nonce, SigningKey,
    TX_VERSION, TxKind, limits::MAX_STATE_VALUE_BYTES,
};

const V1: GasSchedule = GAS_SCHEDULE_V1;

fn transfer(memo: &[u8]) -> TransactionPayload {
    TransactionPayload {
        version: TX_VERSION,
        chain_id: ChainId(1),
        sender: Address::from_bytes([1; 32]),
        nonce: Nonce(0),
        valid_until: None,
        gas_limit: Gas(100_000),
        gas_price: GasPrice(1),
        kind: TxKind::Transfer {
            to: Address::from_bytes([2; 32]),
            amount: Amount(1),
        },
        memo: Memo::new(memo.to_vec()).unwrap(),
    }
}

fn intrinsic(memo: &[u8]) -> Gas {
    let key = SigningKey::from_seed([1; 32]);
    let auth = key.sign_transaction(transfer(memo)).auth;
    V1.intrinsic(&transfer(memo), &auth)
}

fn write(original: Option<&[u8]>, current: Option<&[u8]>, new: Option<&[u8]>) -> (u64, i64) {
    let charge = V1.storage_write(&SlotWrite {
        original,
        current,
        new,
    });
    (charge.gas.0, charge.refund)
}

/// The first change of a slot in a transaction.
fn first(original: Option<&[u8]>, new: Option<&[u8]>) -> (u64, i64) {
    write(original, original, new)
}

// 5.3, base costs: "Transaction base: 21,000 gas".
#[test]
fn a_transaction_has_a_base_price() {
    assert_eq!(intrinsic(&[]), Gas(21_000));
}

// 5.3, base costs: "Transfer: 2,100 gas"; additions: 23,100 whether the receiver is there or not.
#[test]
fn a_plain_transfer_costs_23_100() {
    assert_eq!(V1.transfer_total(intrinsic(&[])), Some(Gas(23_100)));
    assert_eq!(V1.transfer_total(Gas(u64::MAX)), None);
}

// 5.3, base costs: "Storage read: 200 gas".
#[test]
fn a_storage_read_costs_200() {
    assert_eq!(V1.storage_read(), Gas(200));
}

// 5.3, base costs: "Storage write (new): 20,000 gas"; an empty value is present.
#[test]
fn a_write_that_creates_costs_20_000() {
    assert_eq!(first(None, Some(&[])), (20_000, 0));
    assert_eq!(first(None, Some(&[7; 32])), (20_000, 0));
}

// 5.3, base costs: "Storage write (update): 5,000 gas".
#[test]
fn a_write_that_changes_costs_5_000() {
    assert_eq!(first(Some(&[1]), Some(&[2])), (5_000, 0));
    assert_eq!(first(Some(&[7; 900]), Some(&[])), (5_000, 0));
    assert_eq!(first(Some(&[]), Some(&[7; 32])), (5_000, 0));
}

// 5.3, base costs: "Storage delete: 5,000 gas (refund: 15,000)".
#[test]
fn a_delete_costs_5_000_and_gives_15_000_back() {
    assert_eq!(first(Some(&[1]), None), (5_000, 15_000));
    assert_eq!(first(Some(&[7; 900]), None), (5_000, 15_000));
}

// Additions: "a storage write covers 32 bytes of value, then 625 (new) per further 32".
#[test]
fn each_further_word_that_is_created_costs_625() {
    assert_eq!(first(None, Some(&[7; 33])), (20_625, 0));
    assert_eq!(first(None, Some(&[7; 64])), (20_625, 0));
    assert_eq!(first(None, Some(&[7; 65])), (21_250, 0));
    let largest = [7; MAX_STATE_VALUE_BYTES];
    assert_eq!(first(None, Some(&largest)), (20_000 + 511 * 625, 0));
}

// Additions: "or 160 (update) per further 32".
#[test]
fn each_further_word_that_is_changed_costs_160() {
    assert_eq!(first(Some(&[1]), Some(&[7; 33])), (5_160, 0));
    assert_eq!(first(Some(&[8; 900]), Some(&[7; 65])), (5_320, 0));
}

// Additions: original and current value decide; a value that is there already is read only.
#[test]
fn a_write_of_the_current_value_costs_a_read() {
    for original in [None, Some(&b"original"[..])] {
        assert_eq!(write(original, None, None), (200, 0));
        assert_eq!(write(original, Some(&[7; 99]), Some(&[7; 99])), (200, 0));
    }
}

// Additions: equal sizes are no equal values.
#[test]
fn a_value_of_the_same_size_is_another_value() {
    assert_eq!(first(Some(&[1; 8]), Some(&[2; 8])), (5_000, 0));
    assert_eq!(write(Some(&[1; 8]), Some(&[2; 8]), Some(&[3; 8])), (200, 0));
}

// Additions: a later change costs a read, and the further words that were not paid for.
#[test]
fn a_later_change_costs_a_read_and_words_that_were_not_paid_for() {
    assert_eq!(write(None, Some(&[1]), Some(&[2; 96])), (200 + 1_250, 0));
    assert_eq!(write(None, Some(&[1; 64]), Some(&[2; 96])), (200 + 625, 0));
    let original: Option<&[u8]> = Some(&[0]);
    assert_eq!(write(original, Some(&[1]), Some(&[2; 96])), (200 + 320, 0));
}

// Additions: what a later change makes needless is given back.
#[test]
fn words_that_are_given_up_are_refunded() {
    assert_eq!(write(None, Some(&[1; 96]), Some(&[2])), (200, 1_250));
    let original: Option<&[u8]> = Some(&[0]);
    assert_eq!(write(original, Some(&[1; 96]), Some(&[2])), (200, 320));
    assert_eq!(write(original, Some(&[1; 96]), None), (200, 15_320));
}

// Additions: a slot that is again what it was before the transaction has been read, no more.
#[test]
fn a_slot_that_is_put_back_costs_reads() {
    assert_eq!(write(None, Some(&[1]), None), (200, 19_800));
    assert_eq!(write(None, Some(&[1; 64]), None), (200, 20_425));
    assert_eq!(write(Some(&[0]), Some(&[1]), Some(&[0])), (200, 4_800));
}

// Additions: the refund of a delete is taken back when the slot is there again.
#[test]
fn the_refund_of_a_delete_is_taken_back() {
    assert_eq!(write(Some(&[0]), None, Some(&[1])), (200, -15_000));
    assert_eq!(write(Some(&[0]), None, Some(&[1; 64])), (360, -15_000));
    assert_eq!(write(Some(&[0]), None, Some(&[0])), (200, -10_200));
    assert_eq!(write(Some(&[0; 99]), None, Some(&[0; 99])), (200, -10_200));
}

// 5.3, compute operations: "Signature verification: 3,000 gas"; the base covers the first one.
#[test]
fn a_signature_beyond_the_first_costs_3_000() {
    let mut signers = [1, 2, 3].map(|seed| SigningKey::from_seed([seed; 32]));
    signers.sort_by_key(SigningKey::public_key);
    for count in 1..=3_u8 {
        let keys = signers.iter().map(SigningKey::public_key).collect();
        let policy = MultiPolicy::new(count, keys).unwrap();
        let signatures = (0..count).map(|index| IndexedSignature {
            index,
            signature: signers[usize::from(index)].sign(b"anything"),
        });
        let auth = Auth::multi(policy, signatures.collect()).unwrap();
        let further = u64::from(count - 1);
        let expected = Gas(21_000 + further * 3_000);
        assert_eq!(V1.intrinsic(&transfer(&[]), &auth), expected);
    }
}

// 5.3, compute operations: "Hash (per 32 bytes): 30 gas".
#[test]
fn a_hash_costs_30_per_word_begun() {
    let costs = [0, 1, 32, 33, 64].map(|len| V1.hash(len).0);
    assert_eq!(costs, [0, 30, 30, 60, 60]);
    assert_eq!(V1.hash(u64::MAX), Gas((1 << 59) * 30));
}

// 5.3, compute operations: "Memory expansion: 3 gas per word".
#[test]
fn memory_costs_3_per_word() {
    assert_eq!([0, 1, 2_048].map(|words| V1.memory(words).0), [0, 3, 6_144]);
    assert_eq!(V1.memory(u64::MAX), Gas(u64::MAX));
}

// 5.3, gas calculation: "data_cost = 16 * non_zero_bytes + 4 * zero_bytes".
#[test]
fn data_costs_16_per_byte_and_4_per_zero() {
    assert_eq!(V1.data(&[0, 1, 0, 255, 0]), 44);
    assert_eq!(intrinsic(&[0, 1, 0, 255, 0]), Gas(21_044));
}

// Additions: "refunds are capped at half the gas used".
#[test]
fn refunds_are_at_most_half_of_the_gas_used() {
    let given = |used, refunds| V1.refund(Gas(used), Gas(refunds)).0;
    assert_eq!(given(40_001, 15_000), 15_000);
    assert_eq!(given(40_001, 20_000), 20_000);
    assert_eq!(given(40_001, 20_001), 20_000);
    assert_eq!(given(u64::MAX, u64::MAX), u64::MAX / 2);
    assert_eq!(given(0, 1), 0);
}

/// Few values, so that they meet again.
fn values() -> impl Strategy<Value = Option<Vec<u8>>> {
    option::of((sample::select(vec![0_usize, 1, 32, 33, 64, 200]), 0..2_u8))
        .prop_map(|value| value.map(|(len, byte)| vec![byte; len]))
}

proptest! {
    // Additions: only the way from the original value to the last one counts, and a read for every write after it.
    #[test]
    fn only_the_original_and_the_last_value_count(original in values(), writes in collection::vec(values(), 1..12)) {
        let (mut gas, mut refunds) = (0, 0_i64);
        let mut reads = 0;
        let mut current = original.as_deref();
        for new in &writes {
            let (charged, refund) = write(original.as_deref(), current, new.as_deref());
            prop_assert!(charged >= V1.storage_read);
            gas += i64::try_from(charged).unwrap();
            refunds += refund;
            prop_assert!(refunds >= 0);
            // The first change of the slot is the one that a new way begins with.
            if current != original.as_deref() || new.as_deref() == current {
                reads += 200;
            }
            if current != original.as_deref() && *new == original {
                // The way that ends here has cost a read.
                reads += 200;
            }
            current = new.as_deref();
        }
        let last = if current == original.as_deref() {
            0
        } else {
            let (charged, refund) = first(original.as_deref(), current);
            i64::try_from(charged).unwrap() - refund
        };
        prop_assert_eq!(gas - refunds, last + reads);
    }
}
