//! Streams that two programs may read in two ways. All are refused, for the reason that `smuggling.txt` names.

use std::collections::BTreeSet;

use super::{cuts, entries, exchanges, requests, requests_with, responses, responses_with};
use crate::http::Limits;

#[test]
fn is_refused_however_it_is_cut() {
    let entries = entries(include_str!("smuggling.txt"));
    let (mut names, mut wrong) = (BTreeSet::new(), Vec::new());
    for entry in &entries {
        let (kind, rest) = entry.title.split_once(": ").unwrap();
        let (name, expected) = rest.split_once(" => ").unwrap();
        assert!(names.insert(name), "{name} is there twice");
        let stream = &entry.stream[..];
        let found = if let Some(kinds) = kind.strip_prefix("response") {
            let kinds = exchanges(kinds);
            let whole = responses(&kinds, stream);
            for pieces in cuts(stream) {
                assert_eq!(responses_with(Limits::default(), &kinds, pieces), whole, "{name}");
            }
            whole.error
        } else {
            let whole = requests(stream);
            for pieces in cuts(stream) {
                assert_eq!(requests_with(Limits::default(), pieces), whole, "{name}");
            }
            whole.error
        };
        let found = found.map(|error| format!("{error:?}"));
        if found.as_deref() != Some(expected) {
            wrong.push((name, found, expected));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(entries.len() >= 80, "{}", entries.len());
}
