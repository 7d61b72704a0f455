//! The table itself.

use std::collections::BTreeSet;
use std::fs;

use super::{files, root};

#[test]
fn every_defect_has_a_test_that_exists_or_a_reason_why_it_can_not() {
    let text = fs::read_to_string(root().join("docs/defects.md")).expect("docs/defects.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter_map(|line| line.strip_prefix('|'))
        .map(|line| line.trim_end_matches('|').split('|').map(str::trim).collect())
        .filter(|row: &Vec<&str>| row[0].parse::<u32>().is_ok())
        .collect();
    let numbers: Vec<u32> = rows.iter().map(|row| row[0].parse().expect("a number")).collect();
    assert_eq!(numbers, (1..=34).collect::<Vec<_>>());

    let sources = files(&root(), &|path| path.extension().is_some_and(|extension| extension == "rs"));
    let sources: String = sources.iter().map(|path| fs::read_to_string(path).expect("a source")).collect();
    let mut named = BTreeSet::new();
    for row in &rows {
        assert_eq!(row.len(), 3, "{row:?}");
        let tests: Vec<&str> = row[2].split('`').skip(1).step_by(2).filter(|name| name.contains('_')).collect();
        assert!(!tests.is_empty() || row[2].starts_with("Cannot exist:"), "defect {}", row[0]);
        for test in tests {
            assert!(sources.contains(&format!("fn {test}()")), "defect {}: there is no test {test}", row[0]);
            named.insert(test);
        }
    }
    let here =
        sources.lines().filter_map(|line| line.strip_prefix("fn defect_")).filter_map(|line| line.split('(').next());
    for test in here {
        assert!(named.contains(format!("defect_{test}").as_str()), "defect_{test} is not in the table");
    }
}
