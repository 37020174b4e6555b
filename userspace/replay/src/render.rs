//! A recording to look at: in a terminal, as an asciicast, as a page.

mod asciicast;
mod html;
mod table;
mod text;

pub use self::asciicast::asciicast;
pub use self::html::{escape, html};
pub use self::text::{Style, header, step, title};

use jiff::tz::TimeZone;

/// A time as people read it: UTC, to the millisecond.
pub fn time(at: interdict_record::Micros) -> String {
    match jiff::Timestamp::from_microsecond(at) {
        Ok(time) => time
            .to_zoned(TimeZone::UTC)
            .strftime("%Y-%m-%d %H:%M:%S%.3f")
            .to_string(),
        Err(_) => at.to_string(),
    }
}

/// Text without what a terminal or a page would take for more than text: control characters, and those that turn the
/// direction of writing.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\n' | '\t' => letter,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => '\u{fffd}',
            letter if letter.is_control() => '\u{fffd}',
            letter => letter,
        })
        .collect()
}
