//! What is shown, one thing after another, and what each must prove.

use std::process::Command;

use anyhow::Result;

use super::stage::Stage;
use crate::demo::audit;
use crate::demo::clinic::{NAMES, SECRETS};
use crate::demo::scenes::{Answer, Claims, command_line, heading};

/// The play, and what was seen in it.
pub(super) struct Show<'a> {
    stage: &'a Stage,
    claims: Claims,
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
        self.masked_over_tls()?;
        self.masked_in_the_cloud()?;
        self.refused()?;
        self.recorded()?;
        heading("7. Whether the record was touched");
        self.claims.verified(&self.stage.binary, &self.stage.audit)
    }

    /// What was proven; whether all of it was.
    pub(super) fn verdict(&self) -> bool {
        self.claims.verdict()
    }

    fn directly(&mut self) -> Result<()> {
        heading("1. What the clinic's API says: curl, outside the agents' cgroup");
        let mut curl = Command::new("curl");
        let answer = asked(&mut curl, &["-sS", &patients(self.stage.services.ports.clinic)])?;
        self.claims.add(
            "asked directly, the API answers in clear",
            answer.succeeded && reveals(&answer),
        );
        Ok(())
    }

    fn masked(&mut self) -> Result<()> {
        heading(match self.stage.cgroup {
            Some(_) => "2. The same command, same address, inside the agents' cgroup",
            None => "2. The same command, on interdict's own port",
        });
        let address = patients(self.stage.agent_ports().clinic);
        let answer = asked(&mut self.stage.as_agent("curl"), &["-sS", &address])?;
        self.claims.add(
            "the agent gets its patients, and none of the protected values",
            shows_masked(&answer),
        );
        Ok(())
    }

    fn masked_over_tls(&mut self) -> Result<()> {
        heading("3. Over TLS, with the host's authority trusted");
        let port = self.stage.agent_ports().secured;
        let address = format!("https://localhost:{port}/patients/2");
        let untrusting = asked(&mut self.stage.as_agent("curl"), &["-sS", "-4", &address])?;
        let authority = self.stage.authority();
        let authority = authority.display().to_string();
        let answer = asked(
            &mut self.stage.as_agent("curl"),
            &["-sS", "-4", "--cacert", &authority, &address],
        )?;
        let seen = answer.text.contains("Omar Haddad") && answer.text.contains("8830") && !reveals(&answer);
        self.claims.add(
            "TLS hides nothing from interdict where its authority is trusted, and nothing passes where it is not",
            !untrusting.succeeded && answer.succeeded && seen,
        );
        Ok(())
    }

    fn masked_in_the_cloud(&mut self) -> Result<()> {
        heading("4. boto3: a file from S3, items from DynamoDB");
        let ports = self.stage.agent_ports();
        let ports = [ports.s3, ports.dynamodb].map(|port| port.to_string());
        command_line(&format!("python3 agent.py {}", ports.join(" ")));
        let mut agent = self.stage.as_agent(&self.stage.services.python);
        let answer = Answer::of(agent.arg("agent.py").args(&ports))?;
        print!("{}", answer.text);
        let items = answer.text.matches("Decimal").count() >= NAMES.len();
        self.claims.add(
            "boto3 reads rows and items as ever, and none of the protected values",
            items && shows_masked(&answer),
        );
        Ok(())
    }

    fn refused(&mut self) -> Result<()> {
        heading("5. A deletion");
        let ports = (self.stage.agent_ports().clinic, self.stage.services.ports.clinic);
        let address = |port: u16| format!("{}/2", patients(port));
        let answer = asked(
            &mut self.stage.as_agent("curl"),
            &["-sS", "-X", "DELETE", &address(ports.0)],
        )?;
        println!();
        let taught = answer.text.contains("rule no-deletes") && answer.text.contains("\"hint\"");
        let there = Answer::of(Command::new("curl").args(["-sS", &address(ports.1)]))?;
        self.claims.add(
            "the DELETE is refused with a message and a hint, and the patient is there",
            taught && there.text.contains("Omar Haddad"),
        );
        Ok(())
    }

    fn recorded(&mut self) -> Result<()> {
        heading("6. What the audit says");
        let mut reader = audit::reader(&self.stage.binary, &self.stage.audit);
        command_line(&reader.line);
        let whole = |answer: &Answer| ["GET ", "DELETE "].iter().all(|verb| answer.text.contains(verb));
        let answer = audit::read_until(&mut reader, whole)?;
        print!("{}", answer.text);
        let whole = whole(&answer);
        self.claims.add(
            "the requests are on record, without a protected value",
            answer.succeeded && whole && !reveals(&answer),
        );
        Ok(())
    }
}

fn patients(port: u16) -> String {
    format!("http://127.0.0.1:{port}/patients")
}

/// Runs curl, and shows what was typed and what came.
fn asked(curl: &mut Command, arguments: &[&str]) -> Result<Answer> {
    command_line(&format!("curl {}", arguments.join(" ")));
    let answer = Answer::of(curl.args(arguments))?;
    print!("{}", answer.text);
    Ok(answer)
}

fn shows_masked(answer: &Answer) -> bool {
    answer.succeeded && NAMES.iter().all(|name| answer.text.contains(name)) && !reveals(answer)
}

fn reveals(answer: &Answer) -> bool {
    SECRETS.iter().any(|secret| answer.text.contains(secret))
}
