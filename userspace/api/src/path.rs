//! Paths without what differs from call to call, and paths that servers may read differently.

use crate::analysis::Analysis;

/// A path's template and the values of its variables.
pub(crate) struct Template {
    pub(crate) text: String,
    pub(crate) values: Vec<String>,
}

/// Puts `{id}` in place of every segment that looks like an id. Empty segments are left out.
pub(crate) fn template(path: &str) -> Template {
    let (mut text, mut values) = (String::with_capacity(path.len()), Vec::new());
    for segment in segments(path) {
        text.push('/');
        match split_id(segment) {
            Some((id, rest)) => {
                values.push(id.to_owned());
                text.push_str("{id}");
                text.push_str(rest);
            }
            None => text.push_str(segment),
        }
    }
    if text.is_empty() {
        text.push('/');
    }
    Template { text, values }
}

/// The segments that are not empty.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// Makes a gap of a path that some servers cut or decode further than it shows.
pub(crate) fn check(path: &str, analysis: &mut Analysis) {
    if !path.starts_with('/') {
        analysis.unknown("its target is not a path");
    }
    if path.contains(';') {
        analysis.unknown("some servers cut the path at `;`");
    }
    if path.contains('\\') {
        analysis.unknown("some servers take `\\` in the path for `/`");
    }
    if path.chars().any(char::is_control) {
        analysis.unknown("the path has a control character");
    }
    let encoded = |at: usize| {
        let digits = path.as_bytes().get(at + 1..at + 3).unwrap_or_default();
        digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit)
    };
    if path.match_indices('%').any(|(at, _)| encoded(at)) {
        analysis.unknown("the path is percent-encoded twice");
    }
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        analysis.unknown("the path has dot segments");
    }
}

/// The part of a segment that is an id, and what follows it.
fn split_id(segment: &str) -> Option<(&str, &str)> {
    let of_file = || {
        let (stem, extension) = segment.rsplit_once('.')?;
        let is_extension =
            (1..=5).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_alphabetic());
        let rest = segment.get(stem.len()..)?;
        (is_extension && !stem.contains('@') && is_id(stem)).then_some((stem, rest))
    };
    of_file().or_else(|| is_id(segment).then_some((segment, "")))
}

/// Whether a segment looks like the name of one thing among many rather than like a word of the API.
fn is_id(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let all = |allowed: fn(u8) -> bool| segment.bytes().all(allowed);
    // Numbers, dates, times, telephone and social security numbers.
    let number = digits > 0 && all(|byte| byte.is_ascii_digit() || b"-+.,:()_ ".contains(&byte));
    let hexadecimal = segment.len() >= 8
        && (digits > 0 || segment.len() >= 16)
        && all(|byte| byte.is_ascii_hexdigit() || b"-{}".contains(&byte));
    // Numbers behind letters (`MRN-004711`), ULID, KSUID, tokens in base64.
    let token = digits >= 4 && all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
    let base64 = digits > 0
        && segment.len() >= 16
        && all(|byte| byte.is_ascii_alphanumeric() || b"-_+=.~".contains(&byte));
    let mail = segment
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    // Not a word of any API: text with spaces, names in other scripts.
    let text = segment
        .chars()
        .any(|c| c.is_whitespace() || !c.is_ascii() || c == '\'' || c == '"');
    number || hexadecimal || token || base64 || mail || text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_variables() {
        for (path, expected) in [
            ("/", "/"),
            ("/patients", "/patients"),
            ("/patients/", "/patients"),
            ("//patients//7", "/patients/{id}"),
            (
                "/api/v1/patients/4711/notes/3",
                "/api/v1/patients/{id}/notes/{id}",
            ),
            ("/p/6ba7b810-9dad-11d1-80b4-00c04fd430c8", "/p/{id}"),
            ("/p/6BA7B8109DAD11D180B400C04FD430C8", "/p/{id}"),
            ("/p/deadbee1", "/p/{id}"),
            ("/p/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/p/{id}"),
            ("/p/0ujtsYcgvSTl8PAuAdqWYSMnLOv", "/p/{id}"),
            ("/p/jane.doe@example.org/mail", "/p/{id}/mail"),
            ("/p/123-45-6789", "/p/{id}"),
            ("/p/2026-11-21", "/p/{id}"),
            ("/p/MRN-004711", "/p/{id}"),
            ("/p/cus_9s6XKzkNRiz8i3", "/p/{id}"),
            ("/p/4711.json", "/p/{id}.json"),
            ("/p/jane@mail.example.org", "/p/{id}"),
            ("/p/1.5", "/p/{id}"),
            ("/p/Jane Doe", "/p/{id}"),
            ("/oauth2/token", "/oauth2/token"),
            ("/s3/ec2/http2", "/s3/ec2/http2"),
            ("/facade/decade/feedback", "/facade/decade/feedback"),
            (
                "/patient-appointments/upcoming_ones",
                "/patient-appointments/upcoming_ones",
            ),
            ("/app.js", "/app.js"),
        ] {
            assert_eq!(template(path).text, expected, "{path}");
        }
        assert_eq!(template("/a/7/b/x@y.z").values, ["7", "x@y.z"]);
    }

    #[test]
    fn paths_that_servers_read_differently_are_gaps() {
        for path in ["/a;b/c", "/a\\b", "/a%2fb", "/a/../b", "/a\nb", "*", "/a/."] {
            let mut analysis = Analysis::default();
            check(path, &mut analysis);
            assert!(!analysis.complete(), "{path}");
        }
        let mut analysis = Analysis::default();
        check("/a/100%/..b/c.d", &mut analysis);
        assert!(analysis.complete());
    }
}
