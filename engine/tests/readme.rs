//! The README's example is the one that the crate's documentation tests.

#[test]
fn the_readmes_example_is_doc_tested() {
    let readme = include_str!("../../README.md");
    let documented = include_str!("../src/lib.rs");
    let example = readme
        .split("```rust\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let lines: Vec<&str> = example.into_iter().flat_map(str::lines).collect();
    assert!(
        (1..=5).contains(&lines.len()),
        "the example has {} lines",
        lines.len()
    );
    for line in lines {
        assert!(
            documented.contains(&format!("//! {line}\n")),
            "not in the documentation: {line}"
        );
    }
}
