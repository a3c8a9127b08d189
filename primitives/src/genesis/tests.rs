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
        contracts: Bounded::default(),
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

fn contract(seed: u8, balance: u128, keys: &[u8]) -> GenesisContract {
    let slot = |key: &u8| GenesisSlot {
        key: BoundedBytes::new(vec![*key]).unwrap(),
        value: BoundedBytes::default(),
    };
    GenesisContract {
        address: Address::from_bytes([seed; 32]),
        balance: Amount(balance),
        code: Code::new(vec![seed]).unwrap(),
        storage: Bounded::new(keys.iter().map(slot).collect()).unwrap(),
    }
}

#[test]
fn contracts_have_code_and_storage_in_the_first_state_and_round_trip() {
    let accounts = vec![account(1, 5)];
    let params = ChainParams::development(ChainId(1));
    let plain = Genesis::new(params, TimestampMs(0), accounts).unwrap();
    let genesis = plain
        .clone()
        .with_contracts(vec![contract(3, 0, &[1, 2]), contract(2, 7, &[])])
        .unwrap();
    let bytes = codec::encode(&genesis);
    assert!(bytes.starts_with(&codec::encode(&plain)));
    assert_eq!(codec::decode::<Genesis>(&bytes).unwrap(), genesis);
    assert_eq!(genesis.total_supply(), Ok(Amount(12)));
    assert_eq!(genesis.codes().len(), 2);
    let state = genesis.state();
    assert_eq!(state.len(), 1 + 2 + 2 + 1);
    assert!(state.is_sorted_by(|(a, _), (b, _)| a < b));
    let slot = RawKey::storage(&Address::from_bytes([3; 32]), &[2]);
    assert_eq!(
        slot.storage_slot(),
        Some((Address::from_bytes([3; 32]), &[2][..]))
    );
    assert!(state.contains(&(slot, Vec::new())));
}

#[test]
fn an_empty_list_of_contracts_is_not_canonical() {
    let mut bytes = codec::encode(&decoded(vec![account(1, 1)]));
    bytes.extend([0; 4]);
    let error = codec::decode::<Genesis>(&bytes).unwrap_err();
    let expected = DecodeCause::NotCanonical {
        field: "contracts",
        rule: "a genesis without them ends before their list",
    };
    assert_eq!(error.cause, expected);
    for cut in 1..4 {
        let error = codec::decode::<Genesis>(&bytes[..bytes.len() - cut]).unwrap_err();
        assert_eq!(error.cause, DecodeCause::Truncated);
    }
}

#[test]
fn contracts_are_validated_like_accounts() {
    let address = |seed| Address::from_bytes([seed; 32]);
    let with = |contracts| {
        decoded(vec![account(1, 1)])
            .with_contracts(contracts)
            .map(drop)
    };
    let cases = [
        (
            vec![contract(1, 0, &[])],
            GenesisError::DuplicateAccount {
                address: address(1),
            },
        ),
        (
            vec![contract(2, 0, &[]), contract(2, 0, &[])],
            GenesisError::DuplicateAccount {
                address: address(2),
            },
        ),
        (
            vec![contract(2, 0, &[2, 1])],
            GenesisError::SlotOrder {
                address: address(2),
            },
        ),
        (
            vec![contract(2, MAX_TOTAL_SUPPLY - 1, &[])],
            GenesisError::SupplyTooLarge,
        ),
    ];
    for (contracts, expected) in cases {
        assert_eq!(with(contracts), Err(expected));
    }
}
