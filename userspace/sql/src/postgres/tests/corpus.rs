//! Another project's statements, given by a folder of SQL scripts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::{Analyzer, PostgresSettings};

/// PostgreSQL's own regression suite (`src/test/regress/sql`) is what this is meant for: every statement of it that
/// the grammar takes is analysed, and what is not complete is listed by its gap.
#[test]
#[ignore = "needs INTERDICT_SQL_CORPUS, a folder of .sql scripts"]
fn a_corpus_is_analysed() {
    let folder = std::env::var_os("INTERDICT_SQL_CORPUS")
        .map(PathBuf::from)
        .expect("INTERDICT_SQL_CORPUS");
    let analyzer = Analyzer::new(0);
    let settings = PostgresSettings::default();
    let (mut all, mut complete) = (0_usize, 0_usize);
    let mut gaps: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(script) = std::fs::read_to_string(&path) else {
            continue;
        };
        for text in statements(&script) {
            let analysis = analyzer.postgres(text.as_bytes(), &settings);
            all += 1;
            complete += usize::from(analysis.complete());
            for gap in &analysis.gaps {
                let seen = gaps.entry(gap.to_string()).or_insert_with(|| (0, text.clone()));
                seen.0 += 1;
            }
        }
    }
    for (gap, (count, text)) in &gaps {
        println!(
            "{count:>5} {gap}: {}",
            text.lines().take(6).collect::<Vec<_>>().join(" ")
        );
    }
    println!("{complete} of {all} complete");
    assert!(
        all > 1_000 && complete * 1_000 >= all * 995,
        "{complete} of {all}"
    );
}

/// The statements of a script that parse; those meant for the client's own commands and their data are left out.
fn statements(script: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut text = String::new();
    let mut data = false;
    for line in script.lines() {
        if data {
            data = line != "\\.";
            continue;
        }
        if line.starts_with('\\') {
            continue;
        }
        text.push_str(line);
        text.push('\n');
        if !line.trim_end().ends_with(';') {
            continue;
        }
        if pg_query::split_with_scanner(&text).is_ok() && parses(&text) {
            data = text.to_ascii_lowercase().contains("from stdin");
            found.push(std::mem::take(&mut text));
        } else if text.lines().count() > 150 {
            text.clear();
        }
    }
    found
}

fn parses(text: &str) -> bool {
    !matches!(pg_query::parse(text, 0), Err(pg_query::Error::Parse(_)))
}
