//! The list of a multi-object delete.

use interdict_sql::Gap;

/// How many objects one request can name.
const MOST_KEYS: usize = 1_000;

/// The keys of a `<Delete>` document. It is read with few liberties: elements, text and the five entities; a document type,
/// a comment between characters of a key or anything else is a gap.
pub(super) fn keys(body: &[u8]) -> Result<Vec<String>, Gap> {
    let text = std::str::from_utf8(body).map_err(|_| Gap::NotText)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    let text = match text.strip_prefix("<?xml") {
        Some(rest) => {
            let (declaration, rest) = rest.split_once("?>").ok_or_else(unreadable)?;
            let lower = declaration.to_ascii_lowercase();
            if lower.contains("encoding") && !lower.contains("utf-8") {
                return Err(unreadable());
            }
            rest
        }
        None => text,
    };
    let (mut keys, mut open) = (Vec::new(), Vec::new());
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some(tag) = rest.strip_prefix('<') else {
            let end = rest.find('<').ok_or_else(unreadable)?;
            let (content, after) = rest.split_at(end);
            match open.as_slice() {
                ["Delete", "Object", "Key"] => {
                    let key: &mut String = keys.last_mut().ok_or_else(unreadable)?;
                    key.push_str(&unescape(content)?);
                }
                [] | ["Delete"] | ["Delete", "Object"] if !content.trim().is_empty() => {
                    return Err(unreadable());
                }
                _ => {}
            }
            rest = after;
            continue;
        };
        let (tag, after) = tag.split_once('>').ok_or_else(unreadable)?;
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(local(name.trim_end())) {
                return Err(unreadable());
            }
            if open.is_empty() && !rest.trim().is_empty() {
                return Err(unreadable());
            }
            continue;
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let mut words = tag.split_ascii_whitespace();
        let name = local(words.next().unwrap_or_default());
        // Only the outermost element has attributes, its name space.
        if words.next().is_some() && !open.is_empty() {
            return Err(unreadable());
        }
        let known = match open.as_slice() {
            [] => name == "Delete",
            ["Delete"] => name == "Object" || name == "Quiet",
            ["Delete", "Object"] => ["Key", "VersionId", "ETag", "LastModifiedTime", "Size"].contains(&name),
            _ => false,
        };
        if !known {
            return Err(unreadable());
        }
        if name == "Key" {
            if keys.len() == MOST_KEYS {
                return Err(Gap::TooLarge);
            }
            keys.push(String::new());
        }
        if !closed {
            open.push(name);
        }
    }
    if !open.is_empty() || keys.is_empty() {
        return Err(unreadable());
    }
    Ok(keys)
}

fn unreadable() -> Gap {
    Gap::Unreadable("the list of what to delete")
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn unescape(text: &str) -> Result<String, Gap> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, entity)) = rest.split_once('&') {
        out.push_str(before);
        let (name, after) = entity.split_once(';').ok_or_else(unreadable)?;
        let code = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        let c = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => match name.strip_prefix("#x") {
                Some(digits) => code(digits, 16),
                None => name.strip_prefix('#').and_then(|digits| code(digits, 10)),
            },
        };
        out.push(c.ok_or_else(unreadable)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}
