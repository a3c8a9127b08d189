//! The table of rules in the specification: every test that it names is there, every error code has a row, and an open row
//! claims no test.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop"
)]

use std::{fs, path::Path};

use ordlane_primitives::ErrorCode;

/// A row of the table.
struct Row {
    rule: String,
    test: String,
    file: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/SPEC.md")).unwrap();
    let (_, table) = text
        .split_once("## Rules of the seed specification")
        .unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| "));
    rows.skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [rule, _, _, test, file] = cells[..] else {
                panic!("five cells, not {}: {line}", cells.len());
            };
            Row {
                rule: rule.to_owned(),
                test: test.to_owned(),
                file: file.to_owned(),
                text: line.to_owned(),
            }
        })
        .collect()
}

#[test]
fn every_rule_has_a_test_that_is_there_or_is_open() {
    let rows = rows();
    assert!(rows.len() > 60, "{}", rows.len());
    for Row {
        rule, test, file, ..
    } in &rows
    {
        if let Some(part) = test.strip_prefix("open: ") {
            assert!(!part.is_empty() && file.is_empty(), "{rule}");
            continue;
        }
        let name = test.trim_matches('`');
        let source = fs::read_to_string(root().join(file)).unwrap_or_default();
        let lines: Vec<&str> = source.lines().map(str::trim).collect();
        let at = lines
            .iter()
            .position(|line| line.starts_with(&format!("fn {name}(")));
        let at = at.unwrap_or_else(|| panic!("{rule}: no fn {name} in {file}"));
        let before = &lines[at.saturating_sub(4)..at];
        // Those of proptest stand within its macro.
        let is_test = before.iter().any(|line| line.contains("#[test]"));
        assert!(is_test, "{rule}: {name} in {file} is no test");
    }
}

#[test]
fn every_error_code_has_a_row() {
    let rows = rows();
    for code in ErrorCode::ALL {
        let has_row = rows.iter().any(|row| row.text.contains(code.name()));
        assert!(has_row, "{code} has no row");
    }
}
