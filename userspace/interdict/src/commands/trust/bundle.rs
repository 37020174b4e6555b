//! Lists of certificates in one file: ours is added at the end, between two lines by which it is found again.

use std::ops::Range;

use super::certificate::{Certificate, Listed, in_pem};

const BEGIN: &str = "# interdict: begin, put here by `interdict trust install`";
/// The same, where the line before had no end and was given one.
const BEGIN_ENDED: &str =
    "# interdict: begin, after an added line end, put here by `interdict trust install`";
const END: &str = "# interdict: end";

/// How a list stands to the authority.
pub(super) fn state(list: &[u8], certificate: &Certificate) -> Listed {
    certificate.among(in_pem(list))
}

/// The list with the certificate, and without an earlier one that was put there.
pub(super) fn with(list: &[u8], certificate: &Certificate) -> Vec<u8> {
    let mut list = without(list);
    if state(&list, certificate) == Listed::Now {
        return list;
    }
    let ended = list.is_empty() || list.ends_with(b"\n");
    let begin = if ended { BEGIN } else { BEGIN_ENDED };
    let separator = if ended { "" } else { "\n" };
    let pem = &certificate.pem;
    list.extend_from_slice(format!("{separator}{begin}\n{pem}{END}\n").as_bytes());
    list
}

/// The list as it was before, to the byte.
pub(super) fn without(list: &[u8]) -> Vec<u8> {
    let mut list = list.to_vec();
    while let Some(range) = marked(&list) {
        list.drain(range);
    }
    list
}

fn marked(list: &[u8]) -> Option<Range<usize>> {
    let mut start = None;
    let mut offset = 0_usize;
    for line in list.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_end();
        if text == BEGIN.as_bytes() {
            start = Some(offset);
        } else if text == BEGIN_ENDED.as_bytes() {
            start = Some(offset.saturating_sub(1));
        }
        offset = offset.saturating_add(line.len());
        if text == END.as_bytes()
            && let Some(start) = start
        {
            return Some(start..offset);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::trust::tests::authority;

    #[test]
    fn what_is_put_is_taken_away_to_the_byte() {
        let (_directory, _, first) = authority("node-7", "db.internal");
        let (_other, _, other) = authority("node-8", "db.internal");
        let lists = [
            String::new(),
            "# comment\n".to_owned(),
            other.pem.clone(),
            other.pem.trim_end().to_owned(),
            format!("{}\n\n", other.pem),
        ];
        for list in lists {
            let with_it = with(list.as_bytes(), &first);
            assert_eq!(state(&with_it, &first), Listed::Now);
            assert_eq!(with(&with_it, &first), with_it, "twice is once");
            assert_eq!(without(&with_it), list.as_bytes(), "{list:?}");
            // What others add behind it stays.
            let behind = [&with_it, other.pem.as_bytes()].concat();
            assert_eq!(without(&behind), [list.as_bytes(), other.pem.as_bytes()].concat());
            if list.contains("BEGIN") {
                assert_eq!(state(&with_it, &other), Listed::Now);
            }
        }
        // Somebody else's doing is not ours to change.
        assert_eq!(with(first.pem.as_bytes(), &first), first.pem.as_bytes());
        assert_eq!(without(first.pem.as_bytes()), first.pem.as_bytes());
    }

    #[test]
    fn an_earlier_one_is_replaced() {
        let (directory, _, before) = authority("node-7", "db.internal");
        let list = with(b"# theirs\n", &before);
        let (_, now) = crate::commands::trust::tests::again(&directory, "node-7", "api.internal");
        assert_eq!(state(&list, &now), Listed::Before);
        let list = with(&list, &now);
        assert_eq!(state(&list, &now), Listed::Now);
        assert_eq!(in_pem(&list).count(), 1);
        assert_eq!(without(&list), b"# theirs\n");
    }
}
