//! What is shown, one thing after another, and what each must prove.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::audit;
use super::clinic::{DESTRUCTION, NAMES, QUESTION, SECRETS};
use super::stage::{Stage, Way};
use crate::ui::Style;

/// The play, and what was seen in it.
pub(super) struct Show<'a> {
    stage: &'a Stage,
    claims: Claims,
}

/// What was claimed, and whether it was so.
#[derive(Default)]
pub(super) struct Claims(Vec<(&'static str, bool)>);

/// What a command said.
pub(super) struct Answer {
    /// Standard output, then standard error.
    pub(super) text: String,
    pub(super) succeeded: bool,
}

impl Answer {
    /// Runs a command to its end.
    pub(super) fn of(command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let output = command
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("{program} can't be started"))?;
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(Self {
            text,
            succeeded: output.status.success(),
        })
    }

    fn reveals(&self) -> bool {
        SECRETS.iter().any(|secret| self.text.contains(secret))
    }
}

impl<'a> Show<'a> {
    pub(super) fn new(stage: &'a Stage) -> Self {
        Self {
            stage,
            claims: Claims::default(),
        }
    }

    /// Everything, in order.
    pub(super) fn play(&mut self) -> Result<()> {
        self.directly()?;
        self.masked()?;
        self.refused()?;
        self.recorded()?;
        heading("5. Whether the record was touched");
        self.claims.verified(&self.stage.binary, &self.stage.audit)
    }

    /// What was proven; whether all of it was.
    pub(super) fn verdict(&self) -> bool {
        self.claims.verdict()
    }

    fn directly(&mut self) -> Result<()> {
        heading(&format!(
            "1. What the database holds: {}, outside the agents' cgroup",
            self.stage.server.terms().client
        ));
        let answer = self.ask(self.stage.client_directly()?, self.stage.server.port(), QUESTION)?;
        self.claims.add(
            "asked directly, the database answers in clear",
            answer.succeeded && answer.reveals(),
        );
        Ok(())
    }

    fn masked(&mut self) -> Result<()> {
        heading(match self.stage.way {
            Way::Kernel(_) => "2. The same command, same address, inside the agents' cgroup",
            Way::Listener(_) => "2. The same command, on interdict's own port",
        });
        let answer = self.ask(self.stage.client_as_agent()?, self.stage.agent_port(), QUESTION)?;
        let complete = NAMES.iter().all(|name| answer.text.contains(name));
        self.claims.add(
            "the agent gets its rows, and none of the protected values",
            answer.succeeded && complete && !answer.reveals(),
        );
        Ok(())
    }

    fn refused(&mut self) -> Result<()> {
        heading("3. A destructive statement, from the agent that owns the table");
        let answer = self.ask(
            self.stage.client_as_agent()?,
            self.stage.agent_port(),
            DESTRUCTION,
        )?;
        let taught = answer.text.contains("rule no-destructive")
            && answer.text.contains(self.stage.server.terms().hint);
        let count = self.stage.server.run("SELECT count(*) FROM payments");
        let there = count.is_ok_and(|count| count.trim() == "2");
        self.claims.add(
            "the DROP is refused with a message and a hint, and the table is there",
            !answer.succeeded && taught && there,
        );
        Ok(())
    }

    fn recorded(&mut self) -> Result<()> {
        heading("4. What the audit says");
        let mut reader = audit::reader(&self.stage.binary, &self.stage.audit);
        command_line(&reader.line);
        let whole = |answer: &Answer| answer.text.contains("SELECT") && answer.text.contains("DROP");
        let answer = audit::read_until(&mut reader, whole)?;
        print!("{}", answer.text);
        let whole = whole(&answer);
        self.claims.add(
            "both statements are on record, without a protected value",
            answer.succeeded && whole && !answer.reveals(),
        );
        Ok(())
    }

    fn ask(&self, mut client: Command, port: u16, statement: &str) -> Result<Answer> {
        let terms = self.stage.server.terms();
        command_line(&format!("{} {} '{statement}'", terms.line(port), terms.statement));
        let answer = Answer::of(client.args([terms.statement, statement]))?;
        print!("{}", answer.text);
        Ok(answer)
    }
}

impl Claims {
    pub(super) fn add(&mut self, claim: &'static str, held: bool) {
        self.0.push((claim, held));
    }

    /// The last scene: the record as a whole.
    pub(super) fn verified(&mut self, binary: &Path, directory: &Path) -> Result<()> {
        command_line("interdict audit verify audit");
        let mut verify = Command::new(binary);
        let answer = Answer::of(verify.args(["audit", "verify"]).arg(directory))?;
        print!("{}", answer.text);
        self.add("the chain of records is sound", answer.succeeded);
        Ok(())
    }

    /// What was proven; whether all of it was.
    pub(super) fn verdict(&self) -> bool {
        heading("What this showed");
        for (claim, held) in &self.0 {
            let mark = if *held {
                Style::Green.paint("yes")
            } else {
                Style::Red.paint("NO ")
            };
            println!("  {mark}  {claim}");
        }
        println!();
        self.0.iter().all(|(_, held)| *held)
    }
}

pub(super) fn heading(text: &str) {
    println!("\n{}\n", Style::Cyan.paint(text));
}

pub(super) fn command_line(line: &str) {
    println!("{}", Style::Bold.paint(&format!("$ {line}")));
}
