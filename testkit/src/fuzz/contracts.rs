//! What must hold for any code, any input and any call of the interface.

use std::sync::Arc;

use ordlane_primitives::{Address, Amount, GAS_SCHEDULE_V1, limits::MAX_RECEIPT_EVENTS};
use ordlane_wasm::{
    Action, ContractEngine as _, Contracts, DEFAULT_CACHE_BYTES, Interpreter, PrepareError,
    TransactError, Transacted, validate,
};

use crate::{
    guests::{ALL, LOOPBACK, PROBE},
    memory_host::MemoryHost,
};

/// Enough for small loops.
const GAS: u64 = 300_000;
const HERE: Address = Address::from_bytes([3; 32]);
const THERE: Address = Address::from_bytes([4; 32]);

fn contracts() -> Contracts {
    Contracts::new(Arc::new(Interpreter), DEFAULT_CACHE_BYTES)
}

/// Any bytes as the code of a contract: what our rules let pass can be made ready or is refused for what it is, and deploying
/// it has a result. Whether it can be made ready.
pub fn wasm_deploy(code: &[u8]) -> bool {
    let passes = validate(code).is_ok();
    let prepared = Interpreter.prepare(code, &GAS_SCHEDULE_V1);
    assert!(
        !matches!(prepared, Err(PrepareError::System(_))),
        "{prepared:?}"
    );
    assert!(
        passes || prepared.is_err(),
        "an engine takes what is refused"
    );
    let gas = GAS + 200 * code.len() as u64;
    let deploy = Action::Deploy {
        address: HERE,
        code,
        init: b"",
    };
    let done = MemoryHost::new(1_000).transact(&contracts(), deploy, gas);
    let done = done.expect("nothing ends it");
    assert!(done.gas_used.0 <= gas);
    assert!(prepared.is_ok() || done.outcome.is_err());
    prepared.is_ok()
}

/// A guest with some bytes changed, called with the rest: the same twice, and the same after it was interrupted anywhere.
pub fn wasm_exec(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    let (changes, input) = rest.split_at(rest.len().min(usize::from(choice / 16) * 3));
    let mut code = ALL[usize::from(choice % 16) % ALL.len()].1.to_vec();
    for change in changes.as_chunks::<3>().0 {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % code.len();
        code[at] = change[2];
    }
    if !wasm_deploy(&code) {
        return;
    }
    let contracts = contracts();
    let run = |patience| {
        let mut host = MemoryHost::new(1_000);
        host.place(HERE, &code);
        host.patience = patience;
        let done = call(&mut host, &contracts, HERE, input);
        (done, host.state)
    };
    let expected = run(None);
    for patience in [0, 1, 2, 5] {
        if let (Err(error), _) = run(Some(patience)) {
            assert!(matches!(error, TransactError::Interrupted(_)), "{error}");
        }
        assert_eq!(run(None), expected);
    }
}

/// Calls of the interface with any arguments, directly and through another contract: a failure changes nothing.
pub fn host_calls(bytes: &[u8]) {
    let contracts = contracts();
    let mut host = MemoryHost::new(1_000);
    host.place(HERE, PROBE);
    host.place(THERE, LOOPBACK);
    for (number, input) in bytes.chunks(64).take(16).enumerate() {
        let through = [HERE.as_bytes(), &[input[0] & 1][..], input].concat();
        let (contract, input) = match number % 3 {
            2 => (THERE, &through[..]),
            _ => (HERE, input),
        };
        let before = host.state.clone();
        let done = call(&mut host, &contracts, contract, input).expect("nothing ends it");
        assert!(host.state.events.len() <= MAX_RECEIPT_EVENTS);
        if done.outcome.is_err() {
            let after = host.state.clone();
            assert_eq!(after.storage, before.storage);
            assert_eq!(after.accounts, before.accounts);
            assert!(after.events.is_empty() && done.refund.0 == 0);
        }
    }
}

fn call(
    host: &mut MemoryHost,
    contracts: &Contracts,
    contract: Address,
    input: &[u8],
) -> Result<Transacted, TransactError> {
    let action = Action::Call {
        contract,
        input,
        value: Amount(1),
    };
    let done = host.transact(contracts, action, GAS)?;
    assert!(done.gas_used.0 <= GAS);
    Ok(done)
}
