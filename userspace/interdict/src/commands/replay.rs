//! `interdict replay`

mod against;
mod screen;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use interdict_replay::render::{self, Style};
use interdict_replay::{Recording, load};

use super::{Answer, audit};
use crate::cli::{Replay, ReplayFormat};
use crate::output;

pub(super) fn replay(arguments: &Replay) -> anyhow::Result<Answer> {
    let directory = audit::directory(&arguments.record)?;
    if arguments.format == ReplayFormat::Bytes {
        return bytes(&directory, arguments);
    }
    let recording = load(&directory, arguments.session)?;
    if let Some(dsn) = &arguments.against {
        return against::against(&recording, dsn);
    }
    let mut out = io::stdout().lock();
    match arguments.format {
        ReplayFormat::Text if !arguments.no_wait && io::stdin().is_terminal() && out.is_terminal() => {
            drop(out);
            screen::play(&recording, arguments.speed)?;
        }
        ReplayFormat::Text => transcript(&recording, &mut out)?,
        ReplayFormat::Asciicast => {
            out.write_all(render::asciicast(&recording, arguments.speed).as_bytes())?;
        }
        ReplayFormat::Html => out.write_all(render::html(&recording).as_bytes())?,
        ReplayFormat::Json => output::json(&mut out, &recording)?,
        ReplayFormat::Bytes => {}
    }
    Ok(Answer::Yes)
}

/// What the client received. No, if the record has not all of it.
fn bytes(directory: &Path, arguments: &Replay) -> anyhow::Result<Answer> {
    let mut out = io::stdout().lock();
    let (mut any, mut missing, mut hidden) = (false, 0, false);
    for frame in interdict_audit::frames(directory, arguments.session)? {
        let frame = frame?;
        any = true;
        hidden |= frame.flags.iter().any(|flag| flag == "credentials");
        out.write_all(&frame.payload)?;
        missing += frame.length.saturating_sub(frame.payload.len() as u64);
    }
    out.flush()?;
    if !any {
        // Whether there is such a session at all is worth an answer of its own.
        let recording = load(directory, arguments.session)?;
        let service = recording
            .session
            .get("service")
            .and_then(serde_json::Value::as_str);
        eprintln!(
            "no bytes of this session are kept: nothing was sent to its client{}, or `audit.frames` is `none`",
            service
                .map(|service| format!(" by {service}"))
                .unwrap_or_default()
        );
        return Ok(Answer::No);
    }
    if missing > 0 {
        eprintln!(
            "{missing} bytes that the client received are not kept (`audit.frames`, or a grant had lifted masks)"
        );
    }
    if hidden {
        eprintln!(
            "credentials that the service sent in header fields are not kept: asterisks stand in their place"
        );
    }
    Ok(Answer::from(missing == 0 && !hidden))
}

fn transcript(recording: &Recording, out: &mut impl io::Write) -> anyhow::Result<()> {
    let mut written = || -> io::Result<()> {
        writeln!(out, "{}", render::header(&recording.session, Style::Plain))?;
        let mut number = 0;
        for step in &recording.steps {
            number += usize::from(step.statement.is_some());
            writeln!(out, "{}", render::step(step, number, Style::Plain))?;
        }
        if recording.missing_bytes > 0 {
            let all = recording.kept_bytes + recording.missing_bytes;
            writeln!(
                out,
                "{} of {all} bytes that the client received are not kept",
                recording.missing_bytes
            )?;
        }
        Ok(())
    };
    written().context("the transcript can't be written")
}
