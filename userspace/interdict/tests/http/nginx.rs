//! nginx with static files: HTTP/1.1, HTTP/2 in clear, and TLS with either.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::running::Running;
use crate::support::{free_port, scratch};
use crate::tls::Certificate;

pub(crate) struct Nginx {
    /// HTTP/1.1.
    pub(crate) one: u16,
    /// HTTP/2 in clear, from the first byte.
    pub(crate) two: u16,
    /// TLS, with HTTP/2 for those who ask for it.
    pub(crate) secured: u16,
    /// TLS, without HTTP/2.
    pub(crate) secured_one: u16,
    pub(crate) certificate: Certificate,
    pub(crate) directory: tempfile::TempDir,
    _running: Running,
}

/// One of the people in the files.
pub(crate) fn patient(id: usize) -> String {
    format!(
        r#"{{"id": {id}, "name": "Ada Example {id}", "ssn": "123-45-6789", "note": "SSN 219-09-9999 seen", "mail": "ada@example.org", "balance": 12.50}}"#
    )
}

impl Nginx {
    pub(crate) fn start() -> Self {
        // Ports are free when they are chosen, and may be taken a moment later.
        (0..5).find_map(|_| Self::attempt()).unwrap()
    }

    fn attempt() -> Option<Self> {
        let directory = scratch();
        let certificate = Certificate::make();
        files(&directory.path().join("www"));
        let [one, two, secured, secured_one] = [(); 4].map(|()| free_port());
        let place = directory.path().display();
        let mut temporary = String::new();
        for name in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            let _ = writeln!(temporary, "  {name}_temp_path {place}/{name};");
        }
        let secrets = format!(
            "ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {}; ssl_certificate_key {};",
            certificate.certificate(),
            certificate.key()
        );
        let text = format!(
            "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log {place}/errors;\nevents {{ worker_connections 512; }}\n\
             http {{\n{temporary}  log_format asked '$request $status';\n  access_log {place}/access asked;\n  default_type application/octet-stream;\n\
             \x20 types {{ application/json json; application/x-ndjson ndjson; text/csv csv; text/plain txt; }}\n\
             \x20 root {place}/www;\n  keepalive_requests 10000;\n  client_max_body_size 100m;\n\
             \x20 server {{ listen 127.0.0.1:{one}; include {place}/places; }}\n\
             \x20 server {{ listen 127.0.0.1:{two} http2; include {place}/places; }}\n\
             \x20 server {{ listen 127.0.0.1:{secured} ssl http2; {secrets} include {place}/places; }}\n\
             \x20 server {{ listen 127.0.0.1:{secured_one} ssl; {secrets} include {place}/places; }}\n}}\n"
        );
        let places = format!(
            "location /gzip/ {{ alias {place}/www/; gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any; }}\n\
             location /echo {{ return 200; }}\n"
        );
        fs::write(directory.path().join("places"), places).unwrap();
        let settings = directory.path().join("nginx.conf");
        fs::write(&settings, text).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(directory.path()).arg("-c").arg(&settings);
        command.arg("-e").arg(directory.path().join("errors"));
        let running = Running::attempt(&mut command, one)?;
        Some(Self {
            one,
            two,
            secured,
            secured_one,
            certificate,
            directory,
            _running: running,
        })
    }

    /// What is in a file.
    pub(crate) fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.directory.path().join("www").join(name)).unwrap()
    }

    /// Every request that arrived, with the status of its answer.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("access")).unwrap_or_default()
    }
}

fn files(www: &Path) {
    fs::create_dir_all(www).unwrap();
    let people = |count: usize| (1..=count).map(patient).collect::<Vec<_>>();
    let list = |count: usize| format!("{{\"patients\": [\n{}\n]}}\n", people(count).join(",\n"));
    let mut rows = "id,name,ssn,note\n".to_owned();
    for id in 1..=40 {
        let _ = writeln!(
            rows,
            "{id},Ada Example,123-45-6789,\"SSN 219-09-9999 seen, {id}\""
        );
    }
    // No digits: nothing in it can look like a number of somebody.
    let pixels: Vec<u8> = (0..=u8::MAX)
        .cycle()
        .take(200_000)
        .filter(|byte| !byte.is_ascii_digit() && *byte != b'@')
        .collect();
    let lines = people(40).join("\n") + "\n";
    let plain: Vec<String> = (0..500)
        .map(|id| format!(r#"{{"id": {id}, "colour": "green", "share": 0.10}}"#))
        .collect();
    for (name, content) in [
        ("patients.json", list(40).into_bytes()),
        ("large.json", list(12_000).into_bytes()),
        ("patients.ndjson", lines.into_bytes()),
        ("patients.csv", rows.into_bytes()),
        (
            "notes.txt",
            b"SSN 219-09-9999 seen.\nWrite to ada@example.org.\n".to_vec(),
        ),
        ("plain.json", format!("[{}]\n", plain.join(",\n")).into_bytes()),
        ("plain.csv", b"id,colour\n1,green\n2,\"bl\"\"ue\"\n".repeat(200)),
        ("plain.txt", "gr\u{fc}n und bl\u{e4}u\n".repeat(9000).into_bytes()),
        ("empty.txt", Vec::new()),
        ("pixels.bin", pixels),
    ] {
        fs::write(www.join(name), content).unwrap();
    }
}
