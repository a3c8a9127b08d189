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
        let charged = instrument(&code).unwrap();
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
        let charged = instrument(code).unwrap();
        assert!(crate::validate(&charged).is_ok(), "{name}");
        // Twice as many, from the code as it is now.
        assert!(
            instrument(&charged).unwrap().len() >= charged.len(),
            "{name}"
        );
    }
    let empty = wat::parse_str("(module)").unwrap();
    assert_eq!(instrument(&empty).unwrap(), empty);
}

#[test]
fn numbers_of_every_size_are_written_as_they_are_read() {
    for (length, expected) in [
        (0, vec![0]),
        (127, vec![0x7f]),
        (128, vec![0x80, 1]),
        (16_384, vec![0x80, 0x80, 1]),
    ] {
        let mut bytes = Vec::new();
        put_number(&mut bytes, length);
        assert_eq!(bytes, expected);
    }
}

/// How often a memory was grown before the call failed, if it did.
fn growths(code: &[u8], times: i32) -> Option<i32> {
    let engine = Engine::default();
    let module = Module::new(&engine, code).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let call = instance.get_typed_func::<i32, i32>(&store, "call").unwrap();
    call.call(&mut store, times).ok()
}

#[test]
fn an_instance_grows_its_memory_a_limited_number_of_times() {
    let grows = "(func (export \"call\") (param $n i32) (result i32) (local $i i32)
        (loop $again
          (if (i32.eq (local.get $i) (local.get $n)) (then (return (local.get $i))))
          (drop (memory.grow (i32.const 70000)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (drop (i32.add (i32.const 4) (if (result i32) (i32.const 0)
            (then (memory.grow (i32.const 0))) (else (i32.const 5)))))
          (br $again)) (unreachable))";
    let most = i32::from(MAX_GROWTHS);
    for globals in [
        "",
        "(global (mut i32) (i32.const 7)) (global i64 (i64.const 9))",
    ] {
        let code = wat::parse_str(format!("(module (memory 1 2) {globals} {grows})")).unwrap();
        let instrumented = instrument(&code).unwrap();
        assert_eq!(growths(&code, 10 * most), Some(10 * most));
        assert_eq!(growths(&instrumented, most), Some(most));
        assert_eq!(growths(&instrumented, most + 1), None);
    }
}
