//! A server with the clinic, the daemon before it, and the comparison of what a client shows on either way.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{self, Daemon, Postgres, explicit_settings, scratch};
use crate::verdicts::{self, Verdict};

const POLICY: &str = include_str!("../../../../policies/hipaa-phi.yaml");
const CLINIC: &str = include_str!("clinic.sql");

/// Values of masked columns, as the clinic's script and the clients write them, and how the policy shows them.
const MASKS: &[(&str, &str)] = &[
    ("123-45-6789", "*****6789"),
    ("219-09-9999", "*****9999"),
    ("987-65-4322", "*****4322"),
    ("MRN0000001", "*****0001"),
    ("MRN0000002", "*****0002"),
    ("ada@example.org", "[redacted]"),
    ("bo@example.org", "[redacted]"),
    ("+1 202 555 0101", "[redacted]"),
    ("+1 202 555 0102", "[redacted]"),
    ("1980-02-03", "1980-01-01"),
    ("1975-11-30", "1975-01-01"),
    ("1991-06-07", "1991-01-01"),
    ("02139", "02100"),
    ("94110", "94100"),
    ("555-0001", "[redacted]"),
];

/// What a client showed: the names of its steps, and each one's result.
pub(crate) type Shown = Vec<(String, Value)>;

pub(crate) struct Stage {
    server: Postgres,
    proxied: u16,
    _daemon: Daemon,
    _directory: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn start() -> Self {
        let server = Postgres::start();
        server.psql("create database clinic_template");
        let script = server.directory.path().join("clinic.sql");
        std::fs::write(&script, CLINIC).unwrap();
        support::run(
            support::psql_command(server.port)
                .args(["-q", "-v", "ON_ERROR_STOP=1", "-d", "clinic_template", "-f"])
                .arg(&script),
        );
        let directory = scratch();
        let (settings, proxied) = explicit_settings(directory.path(), server.port, Some(POLICY));
        let daemon = Daemon::start(&settings, &directory.path().join("audit"));
        Self {
            server,
            proxied,
            _daemon: daemon,
            _directory: directory,
        }
    }

    /// The port that leads past the daemon.
    pub(crate) fn past(&self) -> u16 {
        self.server.port
    }

    /// Makes the clinic as it was: same data, same OIDs.
    fn anew(&self) {
        self.server.psql("drop database if exists clinic with (force)");
        self.server
            .psql("create database clinic template clinic_template");
    }

    /// Runs a client on both ways and judges each step.
    pub(crate) fn compare(&self, client: &str, run: impl Fn(u16) -> Shown) {
        let shown = |port: u16| {
            self.anew();
            run(port)
                .into_iter()
                .map(|(step, result)| (step, without_port(result, port)))
                .collect::<Shown>()
        };
        let (direct, proxied) = (shown(self.server.port), shown(self.proxied));
        let mut wrong = String::new();
        let steps = |shown: &Shown| shown.iter().map(|(step, _)| step.clone()).collect::<Vec<_>>();
        if steps(&direct) != steps(&proxied) || direct.is_empty() {
            let _ = writeln!(
                wrong,
                "the steps differ: {:?} and {:?}",
                steps(&direct),
                steps(&proxied)
            );
        }
        for ((step, direct), (_, proxied)) in direct.iter().zip(&proxied) {
            if let Err(why) = judge(client, step, direct, proxied) {
                let _ = writeln!(
                    wrong,
                    "--- {step}: {why}\n  direct:  {}\n  proxied: {}",
                    brief(direct),
                    brief(proxied)
                );
            }
        }
        for (step, verdict) in verdicts::of(client) {
            if step == verdicts::ALL {
                let Verdict::Known { sign, .. } = verdict else {
                    panic!("{client}: a verdict on all steps is a known shortcoming");
                };
                if !proxied.iter().any(|(_, result)| text(result).contains(sign)) {
                    let _ = writeln!(
                        wrong,
                        "--- {step}: nothing shows {sign} any more, take it from the list"
                    );
                }
            } else if !direct.iter().any(|(name, _)| name == step) {
                let _ = writeln!(wrong, "--- {step}: a verdict on a step that there is not");
            }
        }
        assert!(wrong.is_empty(), "{client}:\n{wrong}");
    }
}

fn judge(client: &str, step: &str, direct: &Value, proxied: &Value) -> Result<(), String> {
    let own = verdicts::on(client, step);
    if let Some(Verdict::Known { sign, reason }) = own {
        return if text(proxied).contains(sign) {
            Ok(())
        } else {
            Err(format!("{sign} is not shown any more, update the list: {reason}"))
        };
    }
    // A client may quote in its error what it sent itself; what came from the server it shows as a result.
    if proxied.get("failed").is_none()
        && let Some((secret, _)) = MASKS.iter().find(|(secret, _)| text(proxied).contains(secret))
    {
        return Err(format!("a masked value is shown: {secret}"));
    }
    match own {
        Some(Verdict::Masked) if text(proxied) == masked(text(direct)) => Ok(()),
        Some(Verdict::Masked) => Err("it is not the same with masks".to_owned()),
        Some(Verdict::Refused(sign)) if text(proxied).contains(sign) => Ok(()),
        Some(Verdict::Refused(sign)) => Err(format!("it is not refused as meant: {sign}")),
        _ if direct == proxied => Ok(()),
        _ => match verdicts::on(client, verdicts::ALL) {
            Some(Verdict::Known { sign, .. }) if text(proxied).contains(sign) => Ok(()),
            _ => Err("it differs".to_owned()),
        },
    }
}

/// How the policy shows a text with values of masked columns.
fn masked(text: String) -> String {
    MASKS
        .iter()
        .fold(text, |text, (secret, mask)| text.replace(secret, mask))
}

fn text(result: &Value) -> String {
    match result {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn brief(result: &Value) -> String {
    let text = text(result);
    match text.char_indices().nth(1500) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// The port is what differs between the ways.
fn without_port(result: Value, port: u16) -> Value {
    let text = result.to_string().replace(&port.to_string(), "PORT");
    serde_json::from_str(&text).unwrap_or(result)
}
