//! What is shown, one thing after another, and what each must prove.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::audit;
use super::clinic::{AGENT, DATABASE, DESTRUCTION, QUESTION, SECRETS};
use super::stage::{Stage, Way};
use crate::ui::Style;

/// The play, and what was seen in it.
pub(super) struct Show<'a> {
    stage: &'a Stage,
    /// What was claimed, and whether it was so.
    claims: Vec<(&'static str, bool)>,
}

/// What a command said.
pub(super) struct Answer {
    /// Standard output, then standard error.
    pub(super) text: String,
    succeeded: bool,
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
    pub(super) const fn new(stage: &'a Stage) -> Self {
        Self {
            stage,
            claims: Vec::new(),
        }
    }

    /// Everything, in order.
    pub(super) fn play(&mut self) -> Result<()> {
        self.directly()?;
        self.masked()?;
        self.refused()?;
        self.recorded()?;
        self.verified()
    }

    /// What was proven; whether all of it was.
    pub(super) fn verdict(&self) -> bool {
        heading("What this showed");
        for (claim, held) in &self.claims {
            let mark = if *held {
                Style::Green.paint("yes")
            } else {
                Style::Red.paint("NO ")
            };
            println!("  {mark}  {claim}");
        }
        println!();
        self.claims.iter().all(|(_, held)| *held)
    }

    fn directly(&mut self) -> Result<()> {
        heading("1. What the database holds: psql, outside the agents' cgroup");
        let port = self.stage.server.port;
        let answer = Self::ask(self.stage.psql_directly(), port, QUESTION)?;
        self.claim(
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
        let answer = Self::ask(self.stage.psql_as_agent(), self.stage.agent_port(), QUESTION)?;
        let complete = answer.text.contains("Ida Lindqvist") && answer.text.contains("(4 rows)");
        self.claim(
            "the agent gets its rows, and none of the protected values",
            answer.succeeded && complete && !answer.reveals(),
        );
        Ok(())
    }

    fn refused(&mut self) -> Result<()> {
        heading("3. A destructive statement, from the agent that owns the table");
        let answer = Self::ask(self.stage.psql_as_agent(), self.stage.agent_port(), DESTRUCTION)?;
        let taught = answer.text.contains("ERROR:") && answer.text.contains("HINT:");
        let count = self.stage.server.run(DATABASE, "SELECT count(*) FROM payments");
        let there = count.is_ok_and(|count| count.trim() == "2");
        self.claim(
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
        self.claim(
            "both statements are on record, without a protected value",
            answer.succeeded && whole && !answer.reveals(),
        );
        Ok(())
    }

    fn verified(&mut self) -> Result<()> {
        heading("5. Whether the record was touched");
        command_line("interdict audit verify audit");
        let mut verify = Command::new(&self.stage.binary);
        let answer = Answer::of(verify.args(["audit", "verify"]).arg(&self.stage.audit))?;
        print!("{}", answer.text);
        self.claim("the chain of records is sound", answer.succeeded);
        Ok(())
    }

    fn ask(mut psql: Command, port: u16, statement: &str) -> Result<Answer> {
        command_line(&format!(
            "psql -h 127.0.0.1 -p {port} -U {AGENT} {DATABASE} -c '{statement}'"
        ));
        let answer = Answer::of(psql.args(["-c", statement]))?;
        print!("{}", answer.text);
        Ok(answer)
    }

    fn claim(&mut self, claim: &'static str, held: bool) {
        self.claims.push((claim, held));
    }
}

fn heading(text: &str) {
    println!("\n{}\n", Style::Cyan.paint(text));
}

fn command_line(line: &str) {
    println!("{}", Style::Bold.paint(&format!("$ {line}")));
}
