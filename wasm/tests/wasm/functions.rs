//! Every function of the interface: what it does, and what it refuses.

use ordlane_primitives::{Address, Amount, ErrorCode, SigningKey, hash::sha256};
use ordlane_testkit::memory_host::SENDER;
use ordlane_wasm::{
    Action, Fault,
    abi::{FUNCTIONS, Type},
};

use crate::support::{DATA, OUT, PROBE, Probe, World, code};

#[test]
fn storage_is_read_written_and_taken_away() {
    let mut world = World::new();
    let get = |cap| {
        Probe::new(0)
            .i32(DATA)
            .i32(3)
            .i32(OUT)
            .i32(cap)
            .data(b"key")
    };
    assert_eq!(world.probe(&get(64)).unwrap().0, -1);
    let set = Probe::new(1).i32(DATA).i32(3).i32(DATA + 3).i32(5);
    world.probe(&set.data(b"keyvalue")).unwrap();
    let (length, out) = world.probe(&get(64)).unwrap();
    assert_eq!((length, &out[..6]), (5, &b"value\0"[..]));
    let (length, out) = world.probe(&get(2)).unwrap();
    assert_eq!((length, &out[..3]), (5, &b"va\0"[..]));
    // An empty value is there.
    let empty = Probe::new(1).i32(DATA).i32(3).i32(DATA).i32(0);
    world.probe(&empty.data(b"key")).unwrap();
    assert_eq!(world.probe(&get(64)).unwrap().0, 0);
    let delete = Probe::new(2).i32(DATA).i32(3).data(b"key");
    world.probe(&delete).unwrap();
    assert_eq!(world.probe(&get(64)).unwrap().0, -1);
}

#[test]
fn a_contract_knows_who_where_and_when() {
    let mut world = World::new();
    let at_out = |world: &mut World, method| world.probe(&Probe::new(method).i32(OUT)).unwrap().1;
    assert_eq!(at_out(&mut world, 9)[..32], *SENDER.as_bytes());
    assert_eq!(at_out(&mut world, 10)[..32], *PROBE.as_bytes());
    assert_eq!(at_out(&mut world, 11)[..32], *SENDER.as_bytes());
    assert_eq!(at_out(&mut world, 12)[..16], [0; 16]);
    let number = |world: &mut World, method| world.probe(&Probe::new(method)).unwrap().0;
    assert_eq!(number(&mut world, 14), 5);
    assert_eq!(number(&mut world, 15), 9_000);
    assert_eq!(number(&mut world, 16), 7);
    assert!(number(&mut world, 17) > 49_000_000);
    assert_eq!(number(&mut world, 3), 1);
    let balance = Probe::new(13).i32(DATA).i32(OUT).data(SENDER.as_bytes());
    let (_, out) = world.probe(&balance).unwrap();
    assert_eq!(out[..16], 1_000_000_u128.to_le_bytes());
    let copied = Probe::new(4).i32(OUT).i32(3);
    let (length, out) = world.probe(&copied).unwrap();
    assert_eq!((length, out[0]), (9, 4));
}

#[test]
fn hashes_and_signatures_are_those_of_the_chain() {
    let mut world = World::new();
    let hash = Probe::new(18).i32(DATA).i32(5).i32(OUT).data(b"hello");
    assert_eq!(
        world.probe(&hash).unwrap().1[..32],
        *sha256(b"hello").as_bytes()
    );

    let key = SigningKey::from_seed([9; 32]);
    let message = sha256(b"a message").0;
    let signature = key.sign(&message);
    let verify = |key: &[u8], message: &[u8], signature: &[u8]| {
        let data = [key, message, signature].concat();
        let probe = Probe::new(19)
            .i32(DATA)
            .i32(DATA + 32)
            .i32(32)
            .i32(DATA + 64);
        probe.data(&data)
    };
    let right = verify(&key.public_key(), &message, &signature);
    assert_eq!(world.probe(&right).unwrap().0, 1);
    let mut other = message;
    other[0] ^= 1;
    let wrong = verify(&key.public_key(), &other, &signature);
    assert_eq!(world.probe(&wrong).unwrap().0, 0);
    // The neutral element signs everything, and is weak.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut of_nothing = [0; 64];
    of_nothing[0] = 1;
    let weak = verify(&neutral, &message, &of_nothing);
    assert_eq!(world.probe(&weak).unwrap().0, 0);
}

#[test]
fn tokens_move_and_events_tell_of_it() {
    let mut world = World::new();
    let to = Address::from_bytes([9; 32]);
    let pay = |amount: u128| {
        let data = [&to.as_bytes()[..], &amount.to_le_bytes()].concat();
        Probe::new(21).i32(DATA).i32(DATA + 32).data(&data)
    };
    let above = i64::from(ErrorCode::AmountAboveBalance.code());
    assert_eq!(world.probe(&pay(1)).unwrap().0, above);
    let input = pay(30).0;
    let action = Action::Call {
        contract: PROBE,
        input: &input,
        value: Amount(50),
    };
    assert!(world.run(action, 1_000_000).outcome.is_ok());
    assert_eq!(world.host.state.accounts[&to].balance, Amount(30));
    assert_eq!(world.host.state.accounts[&PROBE].balance, Amount(20));
    assert_eq!(world.host.state.events.len(), 2);

    let emit = Probe::new(20)
        .i32(DATA)
        .i32(2)
        .i32(DATA)
        .i32(3)
        .data(&[7; 64]);
    world.probe(&emit).unwrap();
    let event = &world.host.state.events[0];
    assert_eq!(
        (event.emitter, event.topics.len(), &event.data[..]),
        (PROBE, 2, &[7; 3][..])
    );
}

#[test]
fn a_read_only_call_changes_nothing() {
    let mut world = World::new();
    let changes = [
        Probe::new(1).i32(DATA).i32(1).i32(DATA).i32(1),
        Probe::new(2).i32(DATA).i32(1),
        Probe::new(20).i32(DATA).i32(0).i32(DATA).i32(0),
        Probe::new(21).i32(DATA).i32(DATA),
        Probe::new(24)
            .i32(DATA)
            .i32(1)
            .i32(DATA)
            .i32(0)
            .i32(DATA)
            .i64(u64::MAX)
            .i32(OUT),
        Probe::new(25).i32(DATA).i32(1),
    ];
    for change in changes {
        let input = change.data(&[1; 100]).0;
        let query = Action::Query {
            contract: PROBE,
            input: &input,
        };
        let outcome = world.run(query, 1_000_000).outcome;
        assert_eq!(
            code(&outcome),
            Some(ErrorCode::StateAccessDenied),
            "{}",
            input[0]
        );
    }
    // A call with tokens, too, and whatever a query calls.
    let call = Probe::new(22)
        .i32(DATA)
        .i32(DATA + 32)
        .i32(DATA)
        .i32(0)
        .i64(u64::MAX)
        .i32(0);
    let input = call.data(&[1; 100]).0;
    let query = Action::Query {
        contract: PROBE,
        input: &input,
    };
    let outcome = world.run(query, 1_000_000).outcome;
    assert_eq!(code(&outcome), Some(ErrorCode::StateAccessDenied));
}

#[test]
fn sizes_above_their_limits_end_the_call() {
    let mut world = World::new();
    let large = 16 * 1024;
    let cases = [
        Probe::new(0).i32(DATA).i32(129).i32(OUT).i32(1),
        Probe::new(1).i32(DATA).i32(129).i32(DATA).i32(1),
        Probe::new(1).i32(DATA).i32(1).i32(DATA).i32(large + 1),
        Probe::new(2).i32(DATA).i32(129),
        Probe::new(5).i32(0).i32(large + 1),
        Probe::new(20).i32(DATA).i32(5).i32(DATA).i32(1),
        Probe::new(20).i32(DATA).i32(1).i32(0).i32(large + 1),
        Probe::new(26).i32(DATA).i32(1_025),
    ];
    for case in cases {
        let outcome = world.probe(&case);
        assert_eq!(code(&outcome), Some(ErrorCode::ContractLimit), "{case:?}");
    }
    let flags = Probe::new(22)
        .i32(DATA)
        .i32(DATA)
        .i32(DATA)
        .i32(0)
        .i64(1)
        .i32(2);
    assert_eq!(
        code(&world.probe(&flags)),
        Some(ErrorCode::InvalidOperation)
    );
    // At the limit.
    let largest = Probe::new(1).i32(DATA).i32(128).i32(0).i32(large);
    world.probe(&largest).unwrap();
}

#[test]
fn a_pointer_out_of_bounds_traps_in_every_place_of_every_function() {
    let mut world = World::new();
    // Which arguments are pointers, by their names in the table of the interface.
    let pointers: [(usize, &[usize]); 21] = [
        (0, &[0, 2]),
        (1, &[0, 2]),
        (2, &[0]),
        (4, &[0]),
        (5, &[0]),
        (6, &[0]),
        (8, &[0]),
        (9, &[0]),
        (10, &[0]),
        (11, &[0]),
        (12, &[0]),
        (13, &[0, 1]),
        (18, &[0, 2]),
        (19, &[0, 1, 3]),
        (20, &[0, 2]),
        (21, &[0, 1]),
        (22, &[0, 1, 2]),
        (23, &[0, 1]),
        (24, &[0, 2, 4, 6]),
        (25, &[0]),
        (26, &[0]),
    ];
    for (number, pointers) in pointers {
        for pointer in pointers {
            for bad in [0x1_0000, 0xffff, 0xffff_fff0, u32::MAX] {
                let params = FUNCTIONS[number].params.iter().enumerate();
                let probe = params.fold(
                    Probe::new(u8::try_from(number).unwrap()),
                    |probe, (at, ty)| match ty {
                        Type::I32 if at == *pointer => probe.i32(bad),
                        // Pointers that are right, and lengths above one.
                        Type::I32 if pointers.contains(&at) => probe.i32(DATA),
                        Type::I32 => probe.i32(2),
                        Type::I64 => probe.i64(100),
                    },
                );
                let done = world.call_with(PROBE, &probe.data(&[0; 200]).0, 1_000_000);
                let name = FUNCTIONS[number].name;
                assert!(
                    matches!(
                        done.outcome,
                        Err(Fault::Trap(_) | Fault::InvalidArgument(_))
                    ),
                    "{name}, argument {pointer}, {bad:#x}: {:?}",
                    done.outcome
                );
                assert!(done.gas_used.0 < 1_000_000);
            }
        }
    }
}

#[test]
fn what_is_said_for_debugging_is_part_of_no_result() {
    let mut world = World::new();
    let say = Probe::new(26).i32(DATA).i32(5).data(b"hello");
    world.probe(&say).unwrap();
    assert_eq!(world.host.said, [b"hello".to_vec()]);
    assert!(world.host.state.events.is_empty());
}

#[test]
fn the_reason_of_a_revert_is_cut_at_its_limit() {
    let mut world = World::new();
    let revert = |len| Probe::new(6).i32(DATA).i32(len);
    let outcome = world.probe(&revert(5).data(b"sorry"));
    assert_eq!(outcome, Err(Fault::Revert(b"sorry".to_vec())));
    match world.probe(&revert(4_000)) {
        Err(Fault::Revert(reason)) => assert_eq!(reason.len(), 1_024),
        other => panic!("{other:?}"),
    }
}
