//! Names as they are shown.

/// An operation's name in snake case: `BatchGetItem` and `batch-get/item` are `batch_get_item`, `getHTTPLog` is `get_http_log`.
pub(crate) fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut before: Option<char> = None;
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_alphanumeric() {
            let follows_word = before.is_some_and(|b| b.is_lowercase() || b.is_numeric());
            let ends_acronym =
                before.is_some_and(char::is_uppercase) && rest.peek().is_some_and(|next| next.is_lowercase());
            if c.is_uppercase() && (follows_word || ends_acronym) && !out.ends_with('_') {
                out.push('_');
            }
            out.extend(c.to_lowercase());
        } else if before.is_some() && !out.ends_with('_') {
            out.push('_');
        }
        before = Some(c);
    }
    out.truncate(out.trim_end_matches('_').len());
    out
}

/// A step of a selector to the member of this name.
pub(crate) fn step(name: &str) -> String {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain {
        return format!(".{name}");
    }
    let mut out = String::from("['");
    for c in name.chars() {
        match c {
            '\'' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => out.push(c),
        }
    }
    out.push_str("']");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_snake_case() {
        for (name, snake_case) in [
            ("BatchGetItem", "batch_get_item"),
            ("getHTTPLog", "get_http_log"),
            ("tools/call", "tools_call"),
            ("list-patients.v2", "list_patients_v2"),
            ("getPatientByID", "get_patient_by_id"),
            ("ListObjectsV2", "list_objects_v2"),
            ("_x__y_", "x_y"),
            ("", ""),
        ] {
            assert_eq!(snake(name), snake_case);
        }
    }

    #[test]
    fn strange_names_are_quoted_in_selectors() {
        assert_eq!(step("ssn"), ".ssn");
        assert_eq!(step("a.b"), "['a.b']");
        assert_eq!(step("it's\\"), "['it\\'s\\\\']");
        assert_eq!(step("1st"), "['1st']");
        assert_eq!(step(""), "['']");
    }
}
