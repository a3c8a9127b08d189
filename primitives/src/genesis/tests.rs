use super::*;

fn account(seed: u8, balance: u128) -> GenesisAccount {
    GenesisAccount {
        address: Address::from_bytes([seed; 32]),
        balance: Amount(balance),
    }
}

/// A genesis as it comes from bytes: of the right form, its rules not checked yet.
fn decoded(accounts: Vec<GenesisAccount>) -> Genesis {
    let genesis = Genesis {
        params: ChainParams::development(ChainId(1)),
        timestamp_ms: TimestampMs(0),
        accounts: Bounded::new(accounts).unwrap(),
    };
    codec::decode(&codec::encode(&genesis)).unwrap()
}

#[test]
fn accounts_out_of_order_are_not_called_duplicates() {
    let error = decoded(vec![account(2, 1), account(1, 1)])
        .validate()
        .unwrap_err();
    let address = Address::from_bytes([1; 32]);
    assert_eq!(error, GenesisError::OutOfOrder { address });
}

#[test]
fn what_decodes_is_validated_like_what_is_made() {
    let duplicate = GenesisError::DuplicateAccount {
        address: Address::from_bytes([1; 32]),
    };
    let empty = GenesisError::EmptyAccount {
        address: Address::from_bytes([2; 32]),
    };
    let cases = [
        (vec![account(1, 1), account(1, 2)], Err(duplicate)),
        (vec![account(1, 1), account(2, 0)], Err(empty)),
        (
            vec![account(1, 1), account(2, MAX_TOTAL_SUPPLY - 1)],
            Err(GenesisError::SupplyTooLarge),
        ),
        (
            vec![account(1, u128::MAX), account(2, u128::MAX)],
            Err(GenesisError::SupplyTooLarge),
        ),
        (
            vec![account(1, 1), account(2, MAX_TOTAL_SUPPLY - 2)],
            Ok(()),
        ),
        (vec![], Ok(())),
    ];
    for (accounts, expected) in cases {
        assert_eq!(decoded(accounts.clone()).validate(), expected);
        let made = Genesis::new(
            ChainParams::development(ChainId(1)),
            TimestampMs(0),
            accounts,
        );
        assert_eq!(made.map(drop), expected);
    }
}
