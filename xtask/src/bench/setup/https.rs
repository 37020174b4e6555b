//! nginx with two files behind TLS, and nginx as a proxy before it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::peers::{self, Child};
use crate::cleanup::Cleanup;
use crate::{host, ui};

/// A server, and what those before it need to show and trust.
pub(in crate::bench) struct Https {
    pub(super) port: u16,
    pub(super) process: u32,
    pub(in crate::bench) authority: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// Starts it in `place/https`.
pub(super) fn start(place: &Path, cleanup: &Cleanup) -> Result<Https> {
    let directory = place.join("https");
    fs::create_dir_all(directory.join("files"))?;
    let (authority, _) = certificate(&directory, "authority", &["-subj", "/CN=bench"])?;
    let issuer =
        [authority.as_path(), &directory.join("authority.key")].map(|path| path.display().to_string());
    let (certificate, key) = certificate(
        &directory,
        "server",
        &[
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:false",
            "-CA",
            &issuer[0],
            "-CAkey",
            &issuer[1],
        ],
    )?;
    for (name, bytes) in [("1k.json", 1 << 10), ("64k.json", 64 << 10)] {
        fs::write(directory.join("files").join(name), patients(bytes))?;
    }
    let port = host::free_port()?;
    let served = format!("root {};", directory.join("files").display());
    let child = nginx(&directory, "server", port, (&certificate, &key), "", &served)?;
    let process = child.stopped_by(cleanup, "nginx runs on");
    peers::wait_for(port)?;
    Ok(Https {
        port,
        process,
        authority,
        certificate,
        key,
    })
}

/// nginx as a proxy before it, which keeps connections as its manual has it.
pub(super) fn proxy(server: &Https, place: &Path, port: u16) -> Result<Child> {
    let upstream = format!(
        "upstream server {{ server localhost:{}; keepalive 64; }}",
        server.port
    );
    let passed = format!(
        "location / {{ proxy_pass https://server; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host localhost; \
         proxy_ssl_verify on; proxy_ssl_trusted_certificate {}; proxy_ssl_name localhost; proxy_ssl_server_name on; }}",
        server.authority.display()
    );
    let shown = (server.certificate.as_path(), server.key.as_path());
    nginx(&place.join("https"), "proxy", port, shown, &upstream, &passed)
}

fn nginx(
    directory: &Path,
    name: &str,
    port: u16,
    (certificate, key): (&Path, &Path),
    around: &str,
    inside: &str,
) -> Result<Child> {
    let place = directory.join(name);
    fs::create_dir(&place)?;
    let at = place.display();
    let mut temporary = String::new();
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let _ = writeln!(temporary, "{kind}_temp_path {at}/{kind};");
    }
    // As root its workers change to an account, which need not be let into our folder.
    let user = if host::is_root() { "user root;" } else { "" };
    let settings = format!(
        "{user}\ndaemon off;\nworker_processes 2;\npid {at}/pid;\nerror_log {at}/errors;\nevents {{ worker_connections 2048; }}\n\
         http {{\n{temporary}access_log off;\nsendfile on;\ntcp_nodelay on;\nkeepalive_requests 1000000000;\n\
         types {{ application/json json; }}\n{around}\n\
         server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {};\n{inside}\n}}\n}}\n",
        certificate.display(),
        key.display(),
    );
    let file = place.join("nginx.conf");
    fs::write(&file, settings)?;
    let log = File::create(place.join("log"))?;
    let child = Command::new(host::program("nginx").context("nginx is not installed")?)
        .arg("-p")
        .arg(&place)
        .arg("-c")
        .arg(&file)
        .arg("-e")
        .arg(place.join("errors"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .context("nginx can't be started")?;
    Ok(Child(child))
}

/// A certificate and its key.
fn certificate(directory: &Path, name: &str, more: &[&str]) -> Result<(PathBuf, PathBuf)> {
    let (certificate, key) = (
        directory.join(format!("{name}.pem")),
        directory.join(format!("{name}.key")),
    );
    ui::output(
        Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-out"])
            .arg(&certificate)
            .arg("-keyout")
            .arg(&key)
            .args(more),
    )?;
    Ok((certificate, key))
}

/// A JSON array of people, of about so many bytes.
fn patients(bytes: usize) -> String {
    let mut text = "[".to_owned();
    for id in 1.. {
        let row = format!(
            r#"{{"id":{id},"name":"Patient {id}","ssn":"{}-{:02}-{:04}","email":"patient{id}@example.org","notes":"seen on ward {}, no complaint"}}"#,
            100 + id % 500,
            1 + id % 98,
            1 + id % 9998,
            id % 17,
        );
        if text.len() + row.len() + 2 > bytes {
            break;
        }
        if id > 1 {
            text.push(',');
        }
        text.push_str(&row);
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_json_of_nearly_the_size() {
        for size in [1 << 10, 64 << 10] {
            let text = patients(size);
            assert!(text.len() <= size && text.len() + 150 > size, "{}", text.len());
            assert!(serde_json::from_str::<Vec<serde_json::Value>>(&text).is_ok());
        }
    }
}
