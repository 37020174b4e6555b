//! A session played in a terminal, in its own time.

use std::io::{self, BufRead as _, Write as _};
use std::time::{Duration, Instant};

use interdict_replay::render::{self, Style};
use interdict_replay::{Recording, Step};

use crate::terminal;

/// Longer pauses are shortened to this: a session may have slept for hours.
const PAUSE: Duration = Duration::from_secs(3);
const KEYS: &str = "space pause · n next · p back · d next refused · / find · + - speed · q quit";

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Pause,
    Next,
    Back,
    Refused,
    Find,
    Faster,
    Slower,
    Quit,
}

struct Player<'a> {
    steps: &'a [Step],
    /// Each statement's number.
    numbers: Vec<usize>,
    /// The next step to show.
    next: usize,
    speed: f64,
    paused: bool,
    find: String,
}

/// Until its end, or `q`.
pub(super) fn play(recording: &Recording, speed: f64) -> anyhow::Result<()> {
    say(&render::header(&recording.session, Style::Colour))?;
    say(&format!("\x1b[2m{KEYS}\x1b[0m\n"))?;
    let mut number = 0;
    let numbers = recording.steps.iter().map(|step| {
        number += usize::from(step.statement.is_some());
        number
    });
    let mut player = Player {
        numbers: numbers.collect(),
        steps: &recording.steps,
        next: 0,
        speed,
        paused: false,
        find: String::new(),
    };
    player.run()
}

impl Player<'_> {
    fn run(&mut self) -> anyhow::Result<()> {
        self.show()?;
        loop {
            let over = self.next >= self.steps.len();
            if over {
                self.paused = true;
                say("\x1b[2mthe end · p back · q quit\x1b[0m")?;
            }
            let Some(key) = self.wait()? else {
                self.show()?;
                continue;
            };
            match key {
                Key::Quit => return say(""),
                Key::Pause if over => (self.next, self.paused) = (0, false),
                Key::Pause => {
                    self.paused = !self.paused;
                    say(if self.paused {
                        "\x1b[2mpaused\x1b[0m"
                    } else {
                        "\x1b[2mplaying\x1b[0m"
                    })?;
                }
                Key::Next => self.show()?,
                Key::Back => {
                    // The last that was shown is the one before the next.
                    self.next = self.next.saturating_sub(2);
                    self.show()?;
                }
                Key::Refused => self.seek(is_refused)?,
                Key::Find => {
                    self.ask()?;
                    let wanted = self.find.to_lowercase();
                    if !wanted.is_empty() {
                        self.seek(|step| {
                            render::step(step, 0, Style::Plain)
                                .to_lowercase()
                                .contains(&wanted)
                        })?;
                    }
                }
                Key::Faster | Key::Slower => {
                    self.speed *= if key == Key::Faster { 2.0 } else { 0.5 };
                    self.speed = self.speed.clamp(0.01, 1000.0);
                    say(&format!("\x1b[2mspeed {}\x1b[0m", self.speed))?;
                }
            }
        }
    }

    fn show(&mut self) -> anyhow::Result<()> {
        if let (Some(step), Some(number)) = (self.steps.get(self.next), self.numbers.get(self.next)) {
            say(&render::step(step, *number, Style::Colour))?;
            self.next += 1;
        }
        Ok(())
    }

    /// A key, or `None` when it is time for the next step.
    fn wait(&self) -> anyhow::Result<Option<Key>> {
        let gap = match (
            self.next.checked_sub(1).and_then(|last| self.steps.get(last)),
            self.steps.get(self.next),
        ) {
            (Some(last), Some(next)) => u64::try_from(next.at - last.at).unwrap_or(0),
            _ => 0,
        };
        let gap = Duration::from_micros(gap).div_f64(self.speed).min(PAUSE);
        let until = Instant::now() + gap;
        loop {
            let left = if self.paused {
                Duration::from_mins(1)
            } else {
                until.saturating_duration_since(Instant::now())
            };
            match terminal::key(left)? {
                None if self.paused => {}
                None => return Ok(None),
                // The terminal is gone.
                Some(pressed) if pressed.is_empty() => return Ok(Some(Key::Quit)),
                Some(pressed) => {
                    if let Some(key) = meaning(&pressed) {
                        return Ok(Some(key));
                    }
                }
            }
        }
    }

    /// Goes to the next step that is meant, around the end.
    fn seek(&mut self, is_meant: impl Fn(&Step) -> bool) -> anyhow::Result<()> {
        let count = self.steps.len();
        let found = (0..count)
            .map(|offset| (self.next + offset) % count.max(1))
            .find(|index| self.steps.get(*index).is_some_and(&is_meant));
        match found {
            Some(index) => {
                (self.next, self.paused) = (index, true);
                self.show()
            }
            None => say("\x1b[2mthere is none\x1b[0m"),
        }
    }

    fn ask(&mut self) -> anyhow::Result<()> {
        print!("find: ");
        io::stdout().flush()?;
        let mut text = String::new();
        io::stdin().lock().read_line(&mut text)?;
        let text = text.trim();
        if !text.is_empty() {
            text.clone_into(&mut self.find);
        }
        Ok(())
    }
}

fn is_refused(step: &Step) -> bool {
    step.statement
        .as_ref()
        .is_some_and(interdict_replay::Statement::is_refused)
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

fn meaning(pressed: &[u8]) -> Option<Key> {
    match pressed {
        b" " => Some(Key::Pause),
        b"n" | b"j" | b"\n" | b"\r" | b"\x1b[B" | b"\x1b[C" => Some(Key::Next),
        b"p" | b"k" | b"\x1b[A" | b"\x1b[D" => Some(Key::Back),
        b"d" => Some(Key::Refused),
        b"/" => Some(Key::Find),
        b"+" | b"=" => Some(Key::Faster),
        b"-" => Some(Key::Slower),
        b"q" | b"Q" | b"\x03" | b"\x04" => Some(Key::Quit),
        _ => None,
    }
}
