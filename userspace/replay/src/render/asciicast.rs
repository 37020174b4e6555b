//! Asciicast version 2: what `asciinema play` and its web player take.

use serde_json::json;

use super::text::{self, Style};
use crate::recording::Recording;

/// A pause longer than this is shortened where the cast says so to its player.
const IDLE: f64 = 2.0;

/// The recording as a cast. `speed`: how much faster than it was.
pub fn asciicast(recording: &Recording, speed: f64) -> String {
    let began = recording.steps.first().map_or(0, |step| step.at);
    let head = json!({
        "version": 2,
        "width": 140,
        "height": 40,
        "timestamp": began / 1_000_000,
        "idle_time_limit": IDLE,
        "title": text::title(&recording.session),
        "env": { "TERM": "xterm-256color" },
    });
    let mut out = format!("{head}\n");
    let mut event = |at: i64, text: &str| {
        let seconds = (at - began).max(0) as f64 / 1e6 / speed;
        let line = json!([seconds, "o", text.replace('\n', "\r\n")]);
        out.push_str(&line.to_string());
        out.push('\n');
    };
    event(
        began,
        &format!("{}\n", text::header(&recording.session, Style::Colour)),
    );
    let mut number = 0;
    for step in &recording.steps {
        number += usize::from(step.statement.is_some());
        event(step.at, &format!("{}\n", text::step(step, number, Style::Colour)));
    }
    out
}
