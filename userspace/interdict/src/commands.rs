//! One file a command; here they are chosen, and their outcome becomes an exit code.

mod approvals;
mod audit;
mod canary;
mod check;
mod console;
mod detach;
mod doctor;
mod door;
mod evidence;
mod grants;
mod ledger;
mod policy;
mod quarantine;
mod replay;
mod run;
mod sessions;
mod status;
mod trust;
pub(crate) mod when;

use std::fmt;
use std::io;
use std::process::ExitCode;

use interdict_policy::Diagnostic;

use crate::cli::{Cli, Command};

/// What a command answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Exit code 0.
    Yes,
    /// No, or a finding: exit code 1.
    No,
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// Everything that is wrong with settings and policies, a line each.
#[derive(Debug)]
pub(crate) struct WrongSettings(pub(crate) Vec<Diagnostic>);

impl fmt::Display for WrongSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, diagnostic) in self.0.iter().enumerate() {
            write!(f, "{}{diagnostic}", if position == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for WrongSettings {}

pub(crate) fn main(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::Run(config) => run::run(&config.config),
        Command::Check(config) => check::check(&config.config),
        Command::Policy(command) => policy::policy(command),
        Command::Doctor(json) => doctor::doctor(json.json),
        Command::Sessions(arguments) => sessions::sessions(*arguments),
        Command::Evidence(arguments) => evidence::evidence(&arguments),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Audit(command) => audit::audit(command),
        Command::Status(arguments) => status::status(&arguments),
        Command::Ledger(arguments) => ledger::ledger(&arguments),
        Command::Quarantine(arguments) => quarantine::quarantine(arguments),
        Command::Approvals(command) => approvals::approvals(command),
        Command::Grants(command) => grants::grants(command),
        Command::Console(command) => console::console(command),
        Command::Trust(command) => trust::trust(command),
        Command::Canary { cgroup, address } => canary::run(&cgroup, address).map(|()| Answer::Yes),
        Command::Detach(arguments) => detach::detach(&arguments.config.config, arguments.force),
    };
    match outcome {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) => {
            // The reader of a pipe went away (`| head`): nobody is left to tell.
            if error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
            {
                return ExitCode::SUCCESS;
            }
            if error.is::<WrongSettings>() {
                eprintln!("{error}");
            } else {
                eprintln!("interdict: {error:#}");
            }
            ExitCode::from(2)
        }
    }
}
