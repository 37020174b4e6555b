//! Values as people see them. What was recorded is somebody else's text: it may hold markup, control characters, and characters that
//! turn the reading direction around.

use maud::{Markup, html};
use serde_json::{Map, Value};

pub(crate) type Row = Map<String, Value>;

/// What can't be seen, or changes how the rest is seen, as something that can be seen.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            '\u{7f}' => '\u{2421}',
            c if c < ' ' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
            c if c.is_control() || is_invisible(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Marks of direction, and what takes no room.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// At most so many characters, on one line.
pub(crate) fn brief(text: &str, most: usize) -> String {
    let mut line = String::new();
    for (position, c) in text
        .split_whitespace()
        .flat_map(|word| word.chars().chain([' ']))
        .enumerate()
    {
        if position >= most {
            line.push('…');
            return plain(&line);
        }
        line.push(c);
    }
    line.truncate(line.trim_end().len());
    plain(&line)
}

/// A value in a sentence or a cell: set apart, so that its direction stays its own.
pub(crate) fn value(text: &str) -> Markup {
    html! { bdi { (plain(text)) } }
}

/// Code: a statement, a digest.
pub(crate) fn code(text: &str) -> Markup {
    html! { code dir="ltr" { bdi { (plain(text)) } } }
}

pub(crate) fn block(text: &str) -> Markup {
    html! { pre class="code" dir="ltr" tabindex="0" { (plain(text)) } }
}

/// A time of the record (RFC 3339), or microseconds.
pub(crate) fn time(text: &str) -> Markup {
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => stamp(at),
        Err(_) => value(text),
    }
}

pub(crate) fn moment(micros: i64) -> Markup {
    let at = jiff::Timestamp::from_microsecond(micros);
    at.map_or_else(|_| html! { (micros) }, stamp)
}

fn stamp(at: jiff::Timestamp) -> Markup {
    let exact = at.to_string();
    let short = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    html! { time datetime=(exact) title=(format!("{exact} (UTC)")) { (short) } }
}

/// In words: `3 h 12 min`.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut size = count as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let name = UNITS.get(unit).unwrap_or(&"B");
    if unit == 0 {
        format!("{count} B")
    } else {
        format!("{size:.1} {name}")
    }
}

/// `1 234 567`.
pub(crate) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

pub(crate) fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn count(row: &Row, name: &str) -> u64 {
    row.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// A list of texts, or of things with a name.
pub(crate) fn list(row: &Row, name: &str) -> Vec<String> {
    let entries = row.get(name).and_then(Value::as_array).into_iter().flatten();
    entries
        .filter_map(|entry| match entry {
            Value::String(text) => Some(text.clone()),
            Value::Object(fields) => {
                let field = |name: &str| fields.get(name).and_then(Value::as_str);
                let name = field("name").or_else(|| field("label"))?;
                Some(match field("access").or_else(|| field("mask")) {
                    Some(more) => format!("{name} ({more})"),
                    None => name.to_owned(),
                })
            }
            _ => None,
        })
        .collect()
}

/// A decision or a state with its colour, and its word for those who see none.
pub(crate) fn badge(word: &str) -> Markup {
    let kind = match word {
        "deny" | "denied" | "refused" | "revoked" | "error" | "crash" | "desynchronised" => "bad",
        "hold" | "pending" | "ending" | "withdrawn" | "expired" | "unknown" | "shutdown" | "quarantine" => {
            "warn"
        }
        "mask" | "mask-all" | "coming" => "note",
        "allow" | "approved" | "consumed" | "in force" | "ok" | "open" => "good",
        _ => "none",
    };
    html! { span class=(format!("badge {kind}")) { (plain(word)) } }
}

/// For a query string.
pub(crate) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut out, byte| {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "%{byte:02X}");
            }
            out
        })
}

/// The pairs of a form or a query string; `None`: they are none.
pub(crate) fn decoded(form: &[u8]) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for part in form.split(|byte| *byte == b'&').filter(|part| !part.is_empty()) {
        let at = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
        let (name, value) = part.split_at_checked(at)?;
        pairs.push((
            unescaped(name)?,
            unescaped(value.strip_prefix(b"=").unwrap_or(value))?,
        ));
    }
    Some(pairs)
}

fn unescaped(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_is_seen() {
        let shown = plain("a\u{202e}b\u{1b}[2J\u{200b}c\0\u{feff}\r\n");
        assert_eq!(shown, "a\u{fffd}b\u{241b}[2J\u{fffd}c\u{2400}\u{fffd}\u{240d}\n");
        let markup = value("<script>alert(1)</script>&\"'").into_string();
        assert!(!markup.contains("<script>"), "{markup}");
        assert_eq!(brief("SELECT\n  1,\t2", 100), "SELECT 1, 2");
        assert_eq!(brief(&"x".repeat(50), 10), format!("{}…", "x".repeat(10)));
    }

    #[test]
    fn forms_are_read_as_they_are_written() {
        for text in ["", "a b&c=d", "ä%+\u{202e}", "100 %"] {
            let form = format!("x={}&y=1", encoded(text));
            let pairs = decoded(form.as_bytes()).unwrap();
            assert_eq!(
                pairs,
                [
                    ("x".to_owned(), text.to_owned()),
                    ("y".to_owned(), "1".to_owned())
                ]
            );
        }
        assert!(decoded(b"x=%4").is_none() && decoded(b"x=%zz").is_none() && decoded(b"x=%ff").is_none());
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!((number(12), number(0)), ("12".to_owned(), "0".to_owned()));
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(span(90_000), "1 d 1 h");
    }
}
