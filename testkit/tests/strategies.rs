//! Whatever the strategies make has one encoding, and decodes from it.

use ordlane_primitives::{codec::encode, signature};
use ordlane_testkit::{fuzz::decode_canonical, strategies};
use proptest::prelude::*;

macro_rules! round_trips {
    ($($name:ident: $strategy:expr;)*) => {
        proptest! {
            $(
                #[test]
                fn $name(value in $strategy) {
                    prop_assert_eq!(decode_canonical(&encode(&value)), Ok(value));
                }
            )*
        }
    };
}

round_trips! {
    an_account_round_trips: strategies::account();
    a_transaction_round_trips: strategies::transaction();
    a_header_round_trips: strategies::block_header();
    a_block_round_trips: strategies::block();
    a_receipt_round_trips: strategies::receipt();
    parameters_round_trip: strategies::chain_params();
    a_genesis_round_trips: strategies::genesis();
    a_proof_round_trips: strategies::state_proof();
    a_multiproof_round_trips: strategies::multi_proof();
    a_witness_round_trips: strategies::block_witness();
}

proptest! {
    #[test]
    fn transactions_are_signed_by_their_sender(tx in strategies::transaction()) {
        prop_assert_eq!(tx.auth.address(), tx.payload.sender);
        let id = tx.id();
        for (key, signature) in tx.auth.signatures() {
            prop_assert!(signature::verify(key, id.as_bytes(), signature));
        }
    }

    #[test]
    fn a_genesis_is_valid_and_raw_keys_are_within_their_limit(
        genesis in strategies::genesis(),
        key in strategies::raw_key(),
    ) {
        prop_assert_eq!(genesis.validate(), Ok(()));
        prop_assert!(key.as_bytes().len() <= ordlane_primitives::limits::MAX_RAW_KEY_BYTES);
    }
}
