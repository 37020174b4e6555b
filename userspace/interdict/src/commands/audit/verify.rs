//! `interdict audit verify`

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use interdict_audit::{Options, PublicKey, Report};
use serde::Serialize;

use crate::commands::Answer;
use crate::output;

#[derive(Serialize)]
struct Verified<'a> {
    sound: bool,
    #[serde(flatten)]
    report: &'a Report,
}

pub(super) fn verify(
    directory: &Path,
    keys: &[PathBuf],
    options: Options,
    json: bool,
) -> anyhow::Result<Answer> {
    let keys = keys.iter().map(|path| {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        PublicKey::parse(&text).with_context(|| path.display().to_string())
    });
    let bar = std::io::stderr().is_terminal().then(|| bar(options.quick));
    let shown = bar.clone();
    let options = Options {
        keys: keys.collect::<anyhow::Result<_>>()?,
        progress: shown.map(|bar| -> Arc<dyn Fn(u64, u64) + Send + Sync> {
            Arc::new(move |done, total| {
                bar.set_length(total);
                bar.set_position(done);
            })
        }),
        ..options
    };
    let report = interdict_audit::verify_with(directory, &options)?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let mut out = std::io::stdout().lock();
    if json {
        output::json(
            &mut out,
            &Verified {
                sound: report.sound(),
                report: &report,
            },
        )?;
    } else {
        writeln!(out, "{report}")?;
    }
    Ok(report.sound().into())
}

fn bar(bytes: bool) -> ProgressBar {
    let form = if bytes {
        "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left"
    } else {
        "{bar:30} {human_pos}/{human_len} rows, {per_sec}, {eta} left"
    };
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template(form) {
        bar.set_style(style);
    }
    bar
}
