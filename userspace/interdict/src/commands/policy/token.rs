//! `interdict policy token`

use std::io::{self, BufRead as _, IsTerminal as _};

use anyhow::{Context as _, bail};
use interdict_masking::Subject;
use zeroize::Zeroizing;

use super::{Answer, WrongSettings};
use crate::cli::Token;
use crate::settings::Settings;
use crate::terminal;

pub(super) fn token(arguments: &Token) -> anyhow::Result<Answer> {
    let Token { config, key, name } = arguments;
    let key = Settings::key(&config.config, key).map_err(WrongSettings)?;
    let subject = Subject::new(name.as_str(), Some(key));
    let mut out = io::stdout().lock();
    if io::stdin().is_terminal() {
        let typed = terminal::unseen(&format!("{name}: "))?;
        return write(&subject, &typed, &mut out);
    }
    let mut input = io::stdin().lock();
    let mut line = Zeroizing::new(Vec::new());
    let mut any = false;
    while input.read_until(b'\n', &mut line).context("standard input")? > 0 {
        if !line.trim_ascii().is_empty() {
            write(&subject, &line, &mut out)?;
            any = true;
        }
        line.clear();
    }
    if !any {
        bail!("no identifier on standard input: expected one a line");
    }
    Ok(Answer::Yes)
}

fn write(subject: &Subject, value: &[u8], out: &mut impl io::Write) -> anyhow::Result<Answer> {
    match subject.token(value) {
        Some(token) => writeln!(out, "{token}")?,
        None => bail!("an identifier is more than blanks"),
    }
    Ok(Answer::Yes)
}
