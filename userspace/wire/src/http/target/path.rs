use std::borrow::Cow;
use std::fmt;

use super::HttpError;
use super::escape::decode;
use crate::hidden::Hidden;

/// A path as policy should see it. Its `Debug` tells the size only.
#[derive(Clone, PartialEq, Eq)]
pub struct NormalPath {
    text: String,
    ambiguous: bool,
    dots: bool,
}

impl NormalPath {
    /// The path, decoded, without dot segments. Slashes that follow one another are kept.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether servers may take the path for another one than [`NormalPath::as_str`] shows: an escaped slash, backslash
    /// or dot segment, a backslash, an escape within an escape of these, a control character, parameters behind a dot
    /// segment (`..;`), `..` above the root or after an empty segment. Where a policy depends on the path: refuse.
    pub const fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Whether there were dot segments. Some services (object stores) take them as part of a name.
    pub const fn had_dot_segments(&self) -> bool {
        self.dots
    }
}

impl fmt::Debug for NormalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NormalPath")
            .field("text", &Hidden(self.text.as_bytes()))
            .field("ambiguous", &self.ambiguous)
            .field("dots", &self.dots)
            .finish()
    }
}

/// Decodes a path and resolves its dot segments (RFC 3986, section 5.2.4).
///
/// # Errors
/// [`HttpError::Escape`], [`HttpError::EscapeNotUtf8`]; [`HttpError::TargetForm`] if it does not begin with `/`.
pub fn normalize(path: &str) -> Result<NormalPath, HttpError> {
    let relative = path.strip_prefix('/').ok_or(HttpError::TargetForm)?;
    let (mut ambiguous, mut dots) = (false, false);
    let mut segments: Vec<Cow<'_, str>> = Vec::new();
    let mut raw = relative.split('/').peekable();
    while let Some(segment) = raw.next() {
        let last = raw.peek().is_none();
        let decoded = decode(segment)?;
        ambiguous |= is_ambiguous(segment, &decoded);
        match segment {
            "." | ".." => {
                dots = true;
                if segment == ".." {
                    match segments.pop() {
                        Some(parent) => ambiguous |= parent.is_empty(),
                        None => ambiguous = true,
                    }
                }
                if last {
                    segments.push("".into());
                }
            }
            _ => segments.push(decoded),
        }
    }
    let mut text = String::with_capacity(path.len());
    for segment in &segments {
        text.push('/');
        text.push_str(segment);
    }
    Ok(NormalPath {
        text,
        ambiguous,
        dots,
    })
}

/// How often an escape may hide in an escape before the path is refused to be looked at any further.
const DEPTH: usize = 4;

fn is_ambiguous(raw: &str, decoded: &str) -> bool {
    let (mut raw, mut decoded) = (Cow::Borrowed(raw), Cow::Borrowed(decoded));
    for _ in 0..DEPTH {
        if changes_segments(&raw, &decoded) {
            return true;
        }
        // What a server that decodes twice would see.
        let again = match decode(&decoded) {
            Ok(again) if again == decoded => return false,
            Ok(again) => again.into_owned(),
            Err(_) => return hides_escape(&decoded),
        };
        raw = std::mem::replace(&mut decoded, Cow::Owned(again));
    }
    true
}

fn changes_segments(raw: &str, decoded: &str) -> bool {
    // `..;x` is `..` to servers that know parameters of segments.
    let bare = decoded.split(';').next().unwrap_or_default();
    decoded.contains(['/', '\\'])
        || decoded.contains(char::is_control)
        || (matches!(bare, "." | "..") && !matches!(raw, "." | ".."))
}

/// Whether text that cannot be decoded as a whole has escapes that matter.
fn hides_escape(text: &str) -> bool {
    text.as_bytes().windows(3).any(|found| {
        ["%2e", "%2f", "%5c", "%25", "%00"]
            .iter()
            .any(|escape| found.eq_ignore_ascii_case(escape.as_bytes()))
    })
}
