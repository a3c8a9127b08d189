use wasmi::{Config, Engine, Instance, Module, Store};

use super::*;

/// The result of `call` and the fuel that it took.
fn run(code: &[u8]) -> (i32, u64) {
    let mut config = Config::default();
    config
        .consume_fuel(true)
        .compilation_mode(wasmi::CompilationMode::Eager);
    config.operator_cost(wasmi::OperatorCost {
        nop: 1,
        ..Default::default()
    });
    let engine = Engine::new(&config);
    let module = Module::new(&engine, code).unwrap();
    let mut store = Store::new(&engine, ());
    store.set_fuel(1_000_000).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let call = instance.get_typed_func::<(), i32>(&store, "call").unwrap();
    let result = call.call(&mut store, ()).unwrap();
    (result, 1_000_000 - store.get_fuel().unwrap())
}

fn module(params: usize, locals: usize) -> Vec<u8> {
    let (types, values) = ("i32 ".repeat(params), "(i32.const 7) ".repeat(params));
    let locals = "i64 ".repeat(locals);
    wat::parse_str(format!(
        "(module (memory 1) (global i32 (i32.const 3)) (data (i32.const 0) \"x\")
         (func $f (param {types}) (result i32) (local {locals}) (i32.const 42))
         (func (export \"call\") (result i32) (call $f {values})))"
    ))
    .unwrap()
}

#[test]
fn a_call_pays_for_the_parameters_and_locals_of_its_function() {
    for (params, locals) in [(0, 0), (1, 0), (0, 1), (3, 1), (3, 2), (16, 100)] {
        let code = module(params, locals);
        let charged = charge_locals(&code).unwrap();
        let (before, after) = (run(&code), run(&charged));
        assert_eq!(after.0, before.0);
        let paid = (params + locals).div_ceil(4) as u64;
        assert_eq!(
            after.1 - before.1,
            paid,
            "{params} parameters, {locals} locals"
        );
    }
}

#[test]
fn modules_stay_valid_whatever_their_sections() {
    for (name, code) in ordlane_testkit::guests::ALL {
        let charged = charge_locals(code).unwrap();
        assert!(crate::validate(&charged).is_ok(), "{name}");
        // Twice as many, from the code as it is now.
        assert!(
            charge_locals(&charged).unwrap().len() >= charged.len(),
            "{name}"
        );
    }
    let empty = wat::parse_str("(module)").unwrap();
    assert_eq!(charge_locals(&empty).unwrap(), empty);
}

#[test]
fn lengths_of_every_size_are_written_as_they_are_read() {
    for (length, expected) in [
        (0, vec![0]),
        (127, vec![0x7f]),
        (128, vec![0x80, 1]),
        (16_384, vec![0x80, 0x80, 1]),
    ] {
        let mut bytes = Vec::new();
        put_length(&mut bytes, length);
        assert_eq!(bytes, expected);
    }
}
