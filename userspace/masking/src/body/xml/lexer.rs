//! What in XML or HTML is markup.

/// Where in the markup a byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Text,
    /// Between the brackets of a tag, declaration or instruction. The element whose content is no markup, if it is one's.
    Tag {
        raw: Option<&'static str>,
        has_equals: bool,
    },
    /// Between the quotes of an attribute's value.
    Quoted {
        quote: u8,
        raw: Option<&'static str>,
    },
    Comment,
    Cdata,
    /// In an element whose content is no markup.
    Raw(&'static str),
}

/// What can be put in place of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Text in an element.
    Text,
    /// An attribute's value in quotes.
    Value,
    /// One without.
    Bare,
    /// Of an element or attribute, or whatever else stands in a tag.
    Name,
    /// A character reference or entity.
    Entity,
    /// Text in a comment, a CDATA section or a script.
    Raw,
    /// Nothing.
    Markup,
}

/// A stretch of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) class: Class,
    /// At its start; within a run also at every byte of it.
    pub(super) state: State,
}

impl Piece {
    /// Whether it may be cut anywhere.
    pub(super) fn is_run(&self) -> bool {
        !matches!(self.class, Class::Entity | Class::Markup)
    }
}

/// Elements whose content ends with their own end tag only.
const RAW: [&str; 2] = ["script", "style"];
/// Longer ones are not references.
const LONGEST_ENTITY: usize = 12;

/// Everything, piece by piece.
pub(super) fn pieces(mut state: State, text: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (class, length, next) = piece(state, rest);
        let end = at + length.clamp(1, rest.len());
        pieces.push(Piece {
            start: at,
            end,
            class,
            state,
        });
        state = next;
        at = end;
    }
    pieces
}

fn piece(state: State, text: &[u8]) -> (Class, usize, State) {
    let first = text.first().copied().unwrap_or_default();
    let until = |marks: fn(u8) -> bool| text.iter().position(|c| marks(*c)).unwrap_or(text.len());
    match state {
        State::Text if first == b'<' => opening(text),
        State::Text if first == b'&' => (reference_class(text, Class::Text), reference_length(text), state),
        State::Text => (
            Class::Text,
            memchr::memchr2(b'<', b'&', text).unwrap_or(text.len()),
            state,
        ),
        State::Tag { raw, .. } if first == b'>' => (Class::Markup, 1, raw.map_or(State::Text, State::Raw)),
        State::Tag { raw, .. } if matches!(first, b'"' | b'\'') => {
            (Class::Markup, 1, State::Quoted { quote: first, raw })
        }
        State::Tag { raw, .. } if is_tag_mark(first) => {
            let has_equals = first == b'=' || (first.is_ascii_whitespace() && has_equals(state));
            // `/>` has no content.
            let raw = raw.filter(|_| !text.starts_with(b"/>"));
            (Class::Markup, 1, State::Tag { raw, has_equals })
        }
        State::Tag { raw, has_equals } => {
            let class = if has_equals { Class::Bare } else { Class::Name };
            // The state stays within the run, for a cut; the mark after it ends it.
            (
                class,
                until(|c| is_tag_mark(c) || matches!(c, b'>' | b'"' | b'\'')),
                State::Tag { raw, has_equals },
            )
        }
        State::Quoted { quote, raw } if first == quote => (
            Class::Markup,
            1,
            State::Tag {
                raw,
                has_equals: false,
            },
        ),
        State::Quoted { .. } if first == b'&' => {
            (reference_class(text, Class::Value), reference_length(text), state)
        }
        State::Quoted { quote, .. } => (
            Class::Value,
            memchr::memchr2(quote, b'&', text).unwrap_or(text.len()),
            state,
        ),
        State::Comment => ending(text, b"-->", state),
        State::Cdata => ending(text, b"]]>", state),
        State::Raw(element) => {
            let is_end = |at: &usize| {
                let name = text.get(at + 2..at + 2 + element.len());
                text.get(at + 1) == Some(&b'/')
                    && name.is_some_and(|name| name.eq_ignore_ascii_case(element.as_bytes()))
            };
            match memchr::memchr_iter(b'<', text).find(is_end) {
                Some(0) => (
                    Class::Markup,
                    2,
                    State::Tag {
                        raw: None,
                        has_equals: false,
                    },
                ),
                found => (Class::Raw, found.unwrap_or(text.len()), state),
            }
        }
    }
}

fn has_equals(state: State) -> bool {
    matches!(state, State::Tag { has_equals: true, .. })
}

fn is_tag_mark(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'=' | b'/' | b'?' | b'!' | b'[' | b']' | b'<')
}

/// What a `<` in text begins.
fn opening(text: &[u8]) -> (Class, usize, State) {
    let tag = |raw| State::Tag {
        raw,
        has_equals: false,
    };
    if text.starts_with(b"<!--") {
        return (Class::Markup, 4, State::Comment);
    }
    if text.starts_with(b"<![CDATA[") {
        return (Class::Markup, 9, State::Cdata);
    }
    match text.get(1) {
        Some(b'/' | b'!' | b'?') => (Class::Markup, 2, tag(None)),
        Some(c) if c.is_ascii_alphabetic() || *c >= 0x80 || matches!(c, b'_' | b':') => {
            let is_named = |name: &&str| {
                let found = text.get(1..=name.len());
                let after = text.get(name.len() + 1);
                found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
                    && after.is_none_or(|c| c.is_ascii_whitespace() || matches!(c, b'>' | b'/'))
            };
            (Class::Markup, 1, tag(RAW.into_iter().find(is_named)))
        }
        _ => (Class::Text, 1, State::Text),
    }
}

fn ending(text: &[u8], end: &[u8], state: State) -> (Class, usize, State) {
    match memchr::memmem::find(text, end) {
        Some(0) => (Class::Markup, end.len(), State::Text),
        found => (Class::Raw, found.unwrap_or(text.len()), state),
    }
}

fn reference_class(text: &[u8], otherwise: Class) -> Class {
    if reference_length(text) > 1 {
        Class::Entity
    } else {
        otherwise
    }
}

/// The length of a reference; 1 for an ampersand that begins none.
fn reference_length(text: &[u8]) -> usize {
    let is_part = |c: &&u8| c.is_ascii_alphanumeric() || **c == b'#';
    let length = text
        .iter()
        .skip(1)
        .take(LONGEST_ENTITY)
        .take_while(is_part)
        .count();
    if length > 0 && text.get(length + 1) == Some(&b';') {
        length + 2
    } else {
        1
    }
}

/// The character that a reference stands for, of those that detectors look at.
pub(super) fn entity(text: &[u8]) -> Option<char> {
    let name = std::str::from_utf8(text.strip_prefix(b"&")?.strip_suffix(b";")?).ok()?;
    let number = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        },
        None => {
            return Some(match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                "nbsp" => '\u{a0}',
                "ndash" => '\u{2013}',
                "mdash" => '\u{2014}',
                "shy" => '\u{ad}',
                "commat" => '@',
                "period" => '.',
                "hyphen" | "dash" => '\u{2010}',
                _ => return None,
            });
        }
    };
    number.ok().and_then(char::from_u32)
}
