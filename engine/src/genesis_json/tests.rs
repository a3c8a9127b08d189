use std::error::Error as _;

use ordlane_testkit::mutation::mutate;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};

use super::*;

/// The hash of the documented example. Changing it changes every chain that begins like that.
const EXAMPLE_HASH: &str = "fcc758d683626be6d856670efa99104294f4f63ccac937f3d0e78b408d66e4da";

fn document() -> &'static str {
    let text = include_str!("../../../docs/GENESIS.md");
    let (_, rest) = text.split_once("```json\n").unwrap();
    rest.split_once("```").unwrap().0
}

/// The documented example with one text in place of another, which must be there.
fn with(old: &str, new: &str) -> Result<Genesis, GenesisJsonError> {
    assert!(document().contains(old), "{old}");
    genesis_from_json(document().replacen(old, new, 1).as_bytes())
}

fn schema(result: Result<Genesis, GenesisJsonError>) -> String {
    match result.unwrap_err() {
        GenesisJsonError::Schema(source) => source.to_string(),
        other => unreachable!("not about the schema: {other:?}"),
    }
}

#[test]
fn the_documented_example_is_a_genesis_and_its_hash_is_pinned() {
    let genesis = genesis_from_json(document().as_bytes()).unwrap();
    assert_eq!(genesis.hash().to_string(), EXAMPLE_HASH);
    assert_eq!(genesis.accounts().len(), 2);
    let text = genesis_to_json(&genesis).unwrap();
    assert_eq!(genesis_from_json(text.as_bytes()).unwrap(), genesis);
}

#[test]
fn numbers_are_strings_or_exact() {
    let as_string = genesis_from_json(document().as_bytes()).unwrap();
    let as_number = with(r#""chain_id": "7""#, r#""chain_id": 7"#).unwrap();
    assert_eq!(as_string, as_number);
    let largest = with(r#""chain_id": "7""#, r#""chain_id": 9007199254740991"#).unwrap();
    assert_eq!(largest.params().chain_id, ChainId(9_007_199_254_740_991));
    let beyond = with(
        r#""chain_id": "7""#,
        r#""chain_id": "18446744073709551615""#,
    )
    .unwrap();
    assert_eq!(beyond.params().chain_id, ChainId(u64::MAX));
    for wrong in [
        "9007199254740992",
        "7.0",
        "7e0",
        "-7",
        "null",
        "true",
        "[7]",
        r#""""#,
        r#""07""#,
        r#""+7""#,
        r#"" 7""#,
        r#""7.0""#,
        r#""0x7""#,
        r#""18446744073709551616""#,
        r#""340282366920938463463374607431768211456""#,
    ] {
        schema(with(
            r#""chain_id": "7""#,
            &format!(r#""chain_id": {wrong}"#),
        ));
    }
}

#[test]
fn unknown_fields_are_refused_at_every_level() {
    for place in ["{\n  \"params\"", "\"chain_id\"", "\"address\""] {
        let new = place.replacen('"', "\"colour\": 1, \"", 1);
        let error = schema(with(place, &new));
        assert!(error.contains("unknown field `colour`"), "{error}");
    }
}

#[test]
fn keys_that_are_there_twice_are_refused_at_every_level() {
    for (key, value) in [
        ("total_supply", "\"1\""),
        ("chain_id", "\"7\""),
        ("balance", "\"1\""),
    ] {
        let new = format!("\"{key}\": {value}, \"{key}\"");
        let error = schema(with(&format!("\"{key}\""), &new));
        assert!(
            error.contains(&format!("duplicate field `{key}`")),
            "{error}"
        );
    }
}

#[test]
fn every_field_but_contracts_is_needed() {
    let value: serde_json::Value = serde_json::from_str(document()).unwrap();
    let read = |value: &serde_json::Value| genesis_from_json(value.to_string().as_bytes());
    for path in ["", "/params", "/accounts/1"] {
        let fields = value.pointer(path).and_then(|part| part.as_object());
        for field in fields.unwrap().keys() {
            let mut without = value.clone();
            let part = without
                .pointer_mut(path)
                .and_then(|part| part.as_object_mut());
            part.unwrap().remove(field);
            if field == "contracts" {
                read(&without).unwrap();
                continue;
            }
            let error = schema(read(&without));
            assert!(
                error.contains(&format!("missing field `{field}`")),
                "{error}"
            );
        }
    }
}

#[test]
fn objects_are_not_written_as_lists() {
    let value: serde_json::Value = serde_json::from_str(document()).unwrap();
    for path in ["", "/params", "/accounts/0"] {
        let mut changed = value.clone();
        let part = changed.pointer_mut(path).unwrap();
        let values = part.as_object().unwrap().values().cloned().collect();
        *part = serde_json::Value::Array(values);
        let error = schema(genesis_from_json(changed.to_string().as_bytes()));
        assert!(error.contains("expected an object"), "{error}");
    }
}

#[test]
fn a_wrong_supply_is_reported_with_both_sums() {
    let genesis = genesis_from_json(document().as_bytes()).unwrap();
    let old = format!("\"total_supply\": \"{}\"", genesis.total_supply().unwrap());
    match with(&old, "\"total_supply\": \"5\"").unwrap_err() {
        GenesisJsonError::WrongSupply { stated, sum } => {
            assert_eq!(stated, Amount(5));
            assert_eq!(sum, genesis.total_supply().unwrap());
        }
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn accounts_are_refused_by_address_and_addresses_by_position() {
    let genesis = genesis_from_json(document().as_bytes()).unwrap();
    let [first, second] = [0, 1].map(|at| genesis.accounts()[at].address);
    let twice = with(&second.to_string(), &first.to_string()).unwrap_err();
    assert!(matches!(
        twice,
        GenesisJsonError::Genesis(GenesisError::DuplicateAccount { address }) if address == first
    ));
    for wrong in ["", "abc", "zz"] {
        let error = with(&second.to_string(), wrong).unwrap_err();
        assert!(error.source().is_some());
        assert!(
            matches!(error, GenesisJsonError::Address { position: 1, .. }),
            "{error:?}"
        );
    }
    let empty = genesis.accounts()[0].balance;
    assert!(matches!(
        with(&format!("\"balance\": \"{empty}\""), "\"balance\": \"0\"").unwrap_err(),
        GenesisJsonError::Genesis(GenesisError::EmptyAccount { address }) if address == first
    ));
}

#[test]
fn contracts_are_read_and_written_and_what_is_wrong_with_one_is_named() {
    let contract = |code: &str, key: &str| {
        let address = "33".repeat(32);
        with(
            "\"contracts\": []",
            &format!(
                r#""contracts": [{{"address": "{address}", "balance": "0", "code": "{code}",
                "storage": [{{"key": "{key}", "value": ""}}]}}]"#
            ),
        )
    };
    let genesis = contract("0061736d", "01ff").unwrap();
    assert_eq!(&*genesis.contracts()[0].code, b"\0asm");
    assert_eq!(&*genesis.contracts()[0].storage[0].key, [1, 255]);
    let text = genesis_to_json(&genesis).unwrap();
    assert_eq!(genesis_from_json(text.as_bytes()).unwrap(), genesis);

    let field_of = |error| match error {
        GenesisJsonError::Contract {
            position: 0, field, ..
        } => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field_of(contract("0", "").unwrap_err()), "code");
    assert_eq!(field_of(contract("", "0g").unwrap_err()), "storage");
    assert!(matches!(
        contract("", &"00".repeat(129)).unwrap_err(),
        GenesisJsonError::ContractSize {
            position: 0,
            field: "storage",
            ..
        }
    ));
    schema(with("\"contracts\": []", "\"contracts\": [1]"));
}

#[test]
fn fee_rules_are_named() {
    let burning = with("\"pay_proposer\"", "\"burn\"").unwrap();
    let text = genesis_to_json(&burning).unwrap();
    assert_eq!(genesis_from_json(text.as_bytes()).unwrap(), burning);
    for wrong in ["\"Burn\"", "{\"burn\": null}", "1"] {
        schema(with("\"pay_proposer\"", wrong));
    }
}

#[test]
fn what_is_not_one_document_is_refused() {
    for wrong in ["", "[]", "null", "{", "{} {}", "\u{feff}{}", "// none\n{}"] {
        schema(genesis_from_json(wrong.as_bytes()));
    }
    schema(genesis_from_json(&[b'"', 0xff, b'"']));
    schema(genesis_from_json(format!("{} 1", document()).as_bytes()));
    schema(genesis_from_json("[".repeat(1_000_000).as_bytes()));
}

#[test]
fn a_document_that_is_too_long_is_not_parsed() {
    let spaces = vec![b' '; MAX_GENESIS_JSON_BYTES + 1];
    let error = genesis_from_json(&spaces).unwrap_err();
    assert!(matches!(error, GenesisJsonError::TooLarge { bytes } if bytes == spaces.len()));
}

#[test]
fn a_damaged_document_is_a_genesis_that_comes_back_or_a_typed_error() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let (mut refused, mut accepted) = (0, 0);
    for _ in 0..20_000 {
        match genesis_from_json(&mutate(document().as_bytes(), &mut rng)) {
            Err(_) => refused += 1,
            Ok(genesis) => {
                let again = genesis_to_json(&genesis).unwrap();
                assert_eq!(genesis_from_json(again.as_bytes()).unwrap(), genesis);
                accepted += 1;
            }
        }
    }
    assert!(
        refused > 10_000 && accepted > 100,
        "{refused} and {accepted}"
    );
}
