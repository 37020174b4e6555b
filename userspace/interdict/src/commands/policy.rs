//! `interdict policy …`

mod replay;
mod token;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use interdict_policy::{KeySource, PolicySet};

use super::{Answer, WrongSettings};
use crate::cli::{Explain, Policy};
use crate::explain::{self, Asked};
use crate::output;
use crate::settings::Settings;

pub(super) fn policy(command: Policy) -> anyhow::Result<Answer> {
    match command {
        Policy::Test { paths, json } => test(&paths, json.json),
        Policy::Explain(arguments) => explain(arguments),
        Policy::Replay(arguments) => replay::replay(arguments),
        Policy::Token(arguments) => token::token(&arguments),
        Policy::Schema => {
            output::json(&mut std::io::stdout().lock(), &interdict_policy::schema())?;
            Ok(Answer::Yes)
        }
    }
}

/// No when a test fails. A policy without tests is nothing to fail, and said.
fn test(paths: &[PathBuf], json: bool) -> anyhow::Result<Answer> {
    let files = policy_files(paths)?;
    let set = PolicySet::load_with(&files, KeySource::Offline).map_err(WrongSettings)?;
    let results = interdict_policy::run_tests(&set);
    let failed = results.iter().filter(|result| !result.passed()).count();
    let mut out = std::io::stdout().lock();
    if json {
        output::json(
            &mut out,
            &serde_json::json!({ "passed": failed == 0, "tests": results }),
        )?;
    } else {
        for result in &results {
            writeln!(out, "{result}")?;
        }
        let passed = results.len().saturating_sub(failed);
        writeln!(
            out,
            "{} policies, {} tests: {passed} passed, {failed} failed",
            files.len(),
            results.len()
        )?;
    }
    Ok((failed == 0).into())
}

/// Files as they are, directories as the `.yaml` and `.yml` files in them, by name.
fn policy_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let list = || -> std::io::Result<Vec<PathBuf>> {
            std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect()
        };
        let mut found = list().with_context(|| path.display().to_string())?;
        found.retain(|file| is_yaml(file) && file.is_file());
        if found.is_empty() {
            bail!("{}: no .yaml or .yml files in it", path.display());
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Answers yes whatever the decision is: the explanation was given.
fn explain(arguments: Explain) -> anyhow::Result<Answer> {
    let Explain {
        config,
        service,
        identity,
        database,
        user,
        statement,
        json,
    } = arguments;
    let (settings, policies) = Settings::check(&config.config).map_err(WrongSettings)?;
    let Some(known) = settings.services.iter().find(|known| known.name == service) else {
        let names: Vec<&str> = settings
            .services
            .iter()
            .map(|known| known.name.as_str())
            .collect();
        bail!(
            "{}: no service `{service}`: expected one of {}",
            config.config.display(),
            names.join(", ")
        );
    };
    let asked = Asked {
        service: &service,
        protocol: known.protocol,
        profile: &known.profile,
        identity,
        database: &database,
        user: &user,
        statement: &statement,
    };
    let explanation = explain::explain(&policies, asked)?;
    let mut out = std::io::stdout().lock();
    if json.json {
        output::json(&mut out, &explanation)?;
    } else {
        write!(out, "{explanation}")?;
    }
    Ok(Answer::Yes)
}
