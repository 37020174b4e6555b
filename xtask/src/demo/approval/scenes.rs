//! What is shown, one thing after another, and what each must prove.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::Stage;
use crate::demo::audit;
use crate::demo::scenes::{Answer, Claims, command_line, heading};
use crate::demo::server::Server;

/// How long a statement may take until it is seen to wait.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the chain of custody is told by.
const CUSTODY: &str = "SELECT s.service, s.statement, s.decision, a.at, a.event, a.people, a.reason FROM read_parquet('PLACE/statements/*/*.parquet') s \
     JOIN read_parquet('PLACE/approvals/*/*.parquet') a ON s.approval_id = a.approval_id WHERE a.event <> 'requested' ORDER BY a.seq";

/// The play, and what was seen in it.
pub(super) struct Show<'a> {
    stage: &'a Stage,
    claims: Claims,
}

/// The agent's command, and how a person would type it.
struct Typed {
    command: Command,
    line: String,
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
        self.without_password()?;
        heading("2. PostgreSQL: the agent's DELETE waits, and a person decides in another terminal");
        let [postgres, mysql] = &self.stage.databases;
        let sql = "DELETE FROM payments WHERE id = 1";
        let client = self.database(postgres, 0, sql);
        self.approved(
            client,
            "ticket 4711",
            "DELETE 1",
            "PostgreSQL: the DELETE waited, was approved, and ran",
        )?;
        heading("3. The same with MariaDB");
        let client = self.database(mysql, 1, sql);
        let left = || mysql.run("SELECT count(*) FROM payments");
        self.approved(
            client,
            "ticket 4712",
            "",
            "MariaDB: the DELETE waited, was approved, and ran",
        )?;
        let left = left()?;
        self.claims
            .add("MariaDB has one payment less", left.trim() == "1");
        self.over_http()?;
        self.custody()?;
        heading("6. Whether the record was touched");
        self.claims.verified(&self.stage.binary, &self.stage.audit())
    }

    /// What was proven; whether all of it was.
    pub(super) fn verdict(&self) -> bool {
        self.claims.verdict()
    }

    /// Nothing but its own address gets the agent in.
    fn without_password(&mut self) -> Result<()> {
        heading("1. An agent without a password: the server's own answer, and through interdict");
        let postgres = &self.stage.databases[0];
        let mut directly = Command::new("psql");
        directly.env_remove("PGPASSWORD").arg("-w");
        let sql = "SELECT current_user, name, ssn FROM patients WHERE id = 1";
        let directly = Self::said(postgres.arguments(directly, postgres.port(), sql))?;
        let agent = Self::said(self.database(postgres, 0, sql))?;
        self.claims.add(
            "without a password the server lets nobody in; the agent has none and is in, its answer masked",
            !directly.succeeded
                && agent.succeeded
                && agent.text.contains("*****6071")
                && !agent.text.contains("318-24"),
        );
        Ok(())
    }

    fn database(&self, server: &Server, index: usize, sql: &str) -> Typed {
        let mut client = self.stage.as_agent(server.terms().client);
        if server.terms().client == "mariadb" {
            client.arg("--no-defaults");
        } else {
            client.args(["-X", "-w"]);
        }
        server.arguments(client, self.stage.agent_port(index), sql)
    }

    /// A command of the agent's waits until it is approved.
    fn approved(&mut self, client: Typed, reason: &str, expected: &str, claim: &'static str) -> Result<()> {
        let (answer, waited) = self.decided(client, "approve", reason)?;
        self.claims.add(
            claim,
            waited && answer.succeeded && answer.text.contains(expected),
        );
        Ok(())
    }

    fn over_http(&mut self) -> Result<()> {
        heading("4. The same over HTTP: refused first, then approved");
        let delete = || {
            let url = format!("http://127.0.0.1:{}/patients/4", self.stage.agent_port(2));
            let mut command = self.stage.as_agent("curl");
            command.args(["-s", "-X", "DELETE", &url]);
            Typed {
                command,
                line: format!("curl -s -X DELETE {url}"),
            }
        };
        let (refused, waited) = self.decided(delete(), "deny", "nobody asked the patient")?;
        self.claims.add(
            "HTTP: the DELETE waited, and was refused with the person's reason",
            waited && refused.text.contains("nobody asked the patient") && self.stage.api.removed() == 0,
        );
        let (passed, waited) = self.decided(delete(), "approve", "ticket 4713")?;
        self.claims.add(
            "HTTP: approved, it went through with a token that the agent never had",
            waited && passed.text.contains("removed") && self.stage.api.removed() == 1,
        );
        Ok(())
    }

    /// Lets the agent's command wait, decides about it, and gives its answer; whether it waited.
    fn decided(&self, mut client: Typed, verdict: &str, reason: &str) -> Result<(Answer, bool)> {
        command_line(&client.line);
        let child = client
            .command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("the agent's client can't be started")?;
        let shown = self.until_it_waits()?;
        println!("… it waits. In another terminal:\n");
        command_line("interdict approvals list");
        print!("{shown}");
        let id = self.waiting_id()?;
        command_line(&format!("interdict approvals show {id}"));
        print!("{}", self.interdict(&["approvals", "show", &id])?.text);
        command_line(&format!("interdict approvals {verdict} {id} --reason '{reason}'"));
        let said = self.interdict(&["approvals", verdict, &id, "--reason", reason])?;
        print!("{}", said.text);
        println!("\nAnd the agent's command ends:\n");
        let answer = end(child)?;
        print!("{}", answer.text);
        Ok((answer, said.succeeded))
    }

    fn interdict(&self, words: &[&str]) -> Result<Answer> {
        let mut command = Command::new(&self.stage.binary);
        command
            .args(words)
            .arg("--socket")
            .arg(self.stage.place.join("admin.sock"));
        Answer::of(&mut command)
    }

    fn until_it_waits(&self) -> Result<String> {
        let started = Instant::now();
        loop {
            let answer = self.interdict(&["approvals", "list"])?;
            if answer.succeeded && answer.text.lines().count() > 1 {
                return Ok(answer.text);
            }
            if started.elapsed() > PATIENCE {
                bail!("nothing waits: {}", answer.text);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn waiting_id(&self) -> Result<String> {
        let answer = self.interdict(&["approvals", "list", "--json"])?;
        let list: serde_json::Value = serde_json::from_str(&answer.text)?;
        let id = list
            .get(0)
            .and_then(|one| one.get("id"))
            .and_then(|id| id.as_str());
        Ok(id.context("no id")?.to_owned())
    }

    fn custody(&mut self) -> Result<()> {
        heading("5. Who decided what: the chain of custody");
        let mut reader = audit::asking(&self.stage.binary, &self.stage.audit(), CUSTODY, "approvals");
        command_line(&reader.line);
        let reasons = [
            "ticket 4711",
            "ticket 4712",
            "nobody asked the patient",
            "ticket 4713",
        ];
        let whole = |answer: &Answer| reasons.iter().all(|reason| answer.text.contains(reason));
        let answer = audit::read_until(&mut reader, whole)?;
        print!("{}", answer.text);
        self.claims.add(
            "every decision is on record, with who said so and why, beside the statement",
            answer.succeeded && whole(&answer),
        );
        Ok(())
    }

    fn said(mut typed: Typed) -> Result<Answer> {
        command_line(&typed.line);
        let answer = Answer::of(&mut typed.command)?;
        print!("{}", answer.text);
        Ok(answer)
    }
}

impl Server {
    /// A client with a login, and without a password, that says one thing.
    fn arguments(&self, mut client: Command, port: u16, sql: &str) -> Typed {
        let terms = self.terms();
        client
            .args(terms.shown())
            .args(terms.login(port))
            .args([terms.statement, sql]);
        Typed {
            command: client,
            line: format!("{} {} \"{sql}\"", terms.line(port), terms.statement),
        }
    }
}

/// What a child said, once it is over.
fn end(mut child: Child) -> Result<Answer> {
    let (mut out, mut errors) = (String::new(), String::new());
    if let Some(stream) = &mut child.stdout {
        stream.read_to_string(&mut out)?;
    }
    if let Some(stream) = &mut child.stderr {
        stream.read_to_string(&mut errors)?;
    }
    let status = child.wait()?;
    Ok(Answer {
        text: format!("{out}{errors}"),
        succeeded: status.success(),
    })
}
