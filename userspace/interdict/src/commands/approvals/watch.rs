//! `interdict approvals watch`: a screen that is drawn anew each second, and keys that decide.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::bail;
use interdict_approvals::Approval;

use super::{Answer, block, door, fetch, no, outcome, table};
use crate::admin::{Request, Response};
use crate::cli::Door;
use crate::terminal;

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Up,
    Down,
    Show,
    Approve,
    Deny,
    Quit,
}

/// Until `q`.
pub(super) fn watch(door: &Door) -> anyhow::Result<Answer> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        bail!("`watch` needs a terminal; `interdict approvals list --json` is for programs");
    }
    let (mut chosen, mut told, mut whole) = (0_usize, String::new(), false);
    loop {
        let approvals = match fetch(door, false) {
            Ok(approvals) => approvals,
            Err(error) => return no(error),
        };
        chosen = chosen.min(approvals.len().saturating_sub(1));
        draw(door, &approvals, chosen, whole, &told)?;
        let one = approvals.get(chosen);
        match (key()?, one) {
            (Some(Key::Quit), _) => return Ok(Answer::Yes),
            (Some(Key::Up), _) => chosen = chosen.saturating_sub(1),
            (Some(Key::Down), _) => chosen = chosen.saturating_add(1),
            (Some(Key::Show), _) => whole = !whole,
            (Some(key @ (Key::Approve | Key::Deny)), Some(one)) => {
                told = decide(door, one, key == Key::Approve)?;
            }
            _ => {}
        }
    }
}

fn draw(door: &Door, approvals: &[Approval], chosen: usize, whole: bool, told: &str) -> anyhow::Result<()> {
    let mut text = Vec::new();
    // The whole screen, from its beginning.
    write!(text, "\x1b[H\x1b[2J")?;
    writeln!(
        text,
        "{} wait    j/k choose · enter show · a approve · d deny · q quit\n",
        approvals.len()
    )?;
    let mut rows = Vec::new();
    table(approvals, crate::record::now()).write(&mut rows)?;
    for (position, line) in String::from_utf8_lossy(&rows).lines().enumerate() {
        let mark = if position == chosen.saturating_add(1) {
            '>'
        } else {
            ' '
        };
        writeln!(text, "{mark} {line}")?;
    }
    if let Some(one) = approvals.get(chosen).filter(|_| whole) {
        let request = Request::Approval {
            id: one.id.to_string(),
        };
        if let Ok(Response::Approval { approval, objection }) = door::ask(door, &request) {
            writeln!(text)?;
            super::write(&approval, objection.as_deref(), &mut text)?;
        }
    }
    if !told.is_empty() {
        writeln!(text, "\n{}", block(told))?;
    }
    let mut out = io::stdout().lock();
    out.write_all(&text)?;
    out.flush()?;
    Ok(())
}

/// A key within a second.
fn key() -> anyhow::Result<Option<Key>> {
    Ok(match terminal::key(LOOK)? {
        None => None,
        // The terminal is gone.
        Some(pressed) if pressed.is_empty() => Some(Key::Quit),
        Some(pressed) => meaning(&pressed),
    })
}

fn meaning(pressed: &[u8]) -> Option<Key> {
    match pressed {
        b"q" | b"Q" | b"\x03" | b"\x04" => Some(Key::Quit),
        b"k" | b"\x1b[A" => Some(Key::Up),
        b"j" | b"\x1b[B" => Some(Key::Down),
        b"\n" | b"\r" => Some(Key::Show),
        b"a" => Some(Key::Approve),
        b"d" => Some(Key::Deny),
        _ => None,
    }
}

/// Asks for the reason, and says what came of it. Without a reason nothing is decided.
fn decide(door: &Door, one: &Approval, approve: bool) -> anyhow::Result<String> {
    let word = if approve { "Approve" } else { "Deny" };
    print!(
        "\n{word} {}: {}\nreason (empty: do nothing): ",
        one.id,
        block(&one.statement)
    );
    io::stdout().flush()?;
    let mut reason = String::new();
    io::stdin().lock().read_line(&mut reason)?;
    if reason.trim().is_empty() {
        return Ok("nothing was decided".to_owned());
    }
    let request = Request::Decide {
        id: one.id.to_string(),
        approve,
        reason: reason.trim().to_owned(),
        grant_seconds: None,
    };
    match door::ask(door, &request) {
        Ok(Response::Approval { approval, .. }) => Ok(outcome(&approval, approve)),
        Ok(_) => Err(door::unexpected()),
        Err(error) => Ok(format!("{error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_screen_says() {
        for (pressed, key) in [
            (&b"a"[..], Some(Key::Approve)),
            (b"d", Some(Key::Deny)),
            (b"q", Some(Key::Quit)),
            (b"\x1b[A", Some(Key::Up)),
            (b"\n", Some(Key::Show)),
            (b"x", None),
            // Pasted text decides nothing.
            (b"add", None),
        ] {
            assert_eq!(meaning(pressed), key, "{pressed:?}");
        }
    }
}
