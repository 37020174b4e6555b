//! What a person sees: steps with their time, notes, headings, tables. Progress moves only on a terminal.

pub(crate) mod stages;
pub(crate) mod table;

use std::collections::VecDeque;
use std::env;
use std::io::{BufRead as _, BufReader, IsTerminal as _, pipe, stderr, stdout};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// How much of a failed step's output is worth showing.
const TAIL: usize = 40;

/// Terminal styles; nothing is written for them where output is not a terminal, or `NO_COLOR` is set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "1;31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Cyan => "1;36",
        }
    }

    /// For standard output.
    pub(crate) fn paint(self, text: &str) -> String {
        self.paint_if(stdout().is_terminal(), text)
    }

    fn paint_stderr(self, text: &str) -> String {
        self.paint_if(stderr().is_terminal(), text)
    }

    fn paint_if(self, terminal: bool, text: &str) -> String {
        if terminal && env::var_os("NO_COLOR").is_none() {
            format!("\x1b[{}m{text}\x1b[0m", self.code())
        } else {
            text.to_owned()
        }
    }
}

/// One line of plain information.
pub(crate) fn note(text: &str) {
    eprintln!("  {text}");
}

/// Something that a person must not overlook, though the work goes on.
pub(crate) fn warn(text: &str) {
    eprintln!("{} {text}", Style::Yellow.paint_stderr("!!"));
}

/// Why the work ended.
pub(crate) fn error(text: &str) {
    eprintln!("{} {text}", Style::Red.paint_stderr("error:"));
}

/// A line that says a step is done, and how long it took.
pub(crate) fn done(name: &str, took: Duration) {
    eprintln!(
        "{} {name} {}",
        Style::Green.paint_stderr("ok"),
        Style::Dim.paint_stderr(&seconds(took))
    );
}

/// As people read a duration.
pub(crate) fn seconds(took: Duration) -> String {
    let whole = took.as_secs();
    if whole < 60 {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

/// Runs `command` with a spinner, the time and its latest line on a terminal; shows its last lines only if it fails.
pub(crate) fn step(name: &str, command: &mut Command) -> Result<()> {
    let started = Instant::now();
    let program = command.get_program().to_string_lossy().into_owned();
    let (reader, writer) = pipe()?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()
        .with_context(|| format!("{name}: {program} can't be started"))?;
    // The command still holds the pipe's writing ends: without this the reader would never see the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let spinner = spinner(name);
    let mut tail = VecDeque::with_capacity(TAIL);
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).trim_end().to_owned();
        spinner.set_message(line.trim_start().to_owned());
        if tail.len() == TAIL {
            tail.pop_front();
        }
        tail.push_back(line);
    }
    let status = child.wait()?;
    spinner.finish_and_clear();
    if !status.success() {
        for line in &tail {
            eprintln!("  {} {line}", Style::Dim.paint_stderr("|"));
        }
        bail!(
            "{name}: {program} ended with {status} after {}",
            seconds(started.elapsed())
        );
    }
    done(name, started.elapsed());
    Ok(())
}

/// A running mark with the time, for work that has no output of its own. Clear it when done.
pub(crate) fn spinner(name: &str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_prefix(name.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {prefix} {elapsed} {wide_msg:.dim}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}

/// A bar over so many pieces of work, with what is at hand, and the time that is left. Clear it when done.
pub(crate) fn bar(pieces: u64) -> ProgressBar {
    let bar = ProgressBar::new(pieces);
    let shape = "{spinner:.cyan} {bar:24.cyan/dim} {pos}/{len} {elapsed} (still {eta}) {wide_msg:.dim}";
    if let Ok(style) = ProgressStyle::with_template(shape) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Standard output of a command that is quick and must succeed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{program} can't be started"))?;
    if !output.status.success() {
        bail!(
            "{program} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a command can be started and succeeds; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_names_itself_and_its_program() {
        let error = step("looking", Command::new("sh").args(["-c", "echo seen; exit 3"]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("looking") && error.contains("sh") && error.contains('3'),
            "{error}"
        );
    }

    #[test]
    fn a_step_whose_program_is_missing_says_so() {
        let error = step("looking", &mut Command::new("interdict-no-such-program"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("can't be started"), "{error}");
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(Duration::from_millis(1_250)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(187)), "3 min 07 s");
    }
}
