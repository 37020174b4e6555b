//! Seals that an authority stamps with its time: OpenSSL behind a small server of HTTP.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Daemon, audit_rows, free_port, interdict, run, scratch, text};

const SETTINGS: &str = "
[tsa]
default_tsa = clock
[clock]
serial = serial
signer_cert = clock.pem
signer_key = clock.key
certs = clock.pem
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
";

/// As docs/integrity.md has it; `$1` is the seal's number.
const DOCUMENTED: &str = "
head -n 1 $1.json | tr -d '\\n' > line
openssl ts -verify -token_in -in $1.clock.tst -data line -CAfile $2
openssl ts -reply -token_in -in $1.clock.tst -token_out -text | grep 'Time stamp:'
";

fn openssl(place: &Path, arguments: &str) {
    run(Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(place));
}

/// Answers every request but the first, which it is too busy for.
fn authority(place: PathBuf) -> u16 {
    fs::write(place.join("tsa.conf"), SETTINGS).unwrap();
    fs::write(place.join("serial"), "01\n").unwrap();
    openssl(
        &place,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout clock.key -out clock.pem -days 30 -subj /CN=clock \
         -addext extendedKeyUsage=critical,timeStamping",
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (index, stream) in listener.incoming().enumerate() {
            serve(stream.unwrap(), &place, index == 0);
        }
    });
    port
}

fn serve(mut stream: TcpStream, place: &Path, busy: bool) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut length, mut head) = (0, String::new());
    while !head.ends_with("\r\n\r\n") {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0);
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line.to_ascii_lowercase());
    }
    assert!(head.starts_with("post /tsr http/1.1\r\n"), "{head}");
    assert!(
        head.contains("content-type: application/timestamp-query\r\n"),
        "{head}"
    );
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let (status, answer) = if busy {
        ("503 Busy", Vec::new())
    } else {
        fs::write(place.join("query"), body).unwrap();
        openssl(place, "ts -reply -config tsa.conf -queryfile query -out reply");
        ("200 OK", fs::read(place.join("reply")).unwrap())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/timestamp-reply\r\ncontent-length: {}\r\n\r\n",
        answer.len()
    );
    stream.write_all(&[head.as_bytes(), &answer].concat()).unwrap();
}

#[test]
fn seals_are_stamped_and_the_time_is_told_and_proven() {
    let scratch = scratch();
    let directory = scratch.path();
    let away = directory.join("authority");
    fs::create_dir(&away).unwrap();
    let (listen, port) = (free_port(), authority(away.clone()));
    let settings = directory.join("interdict.yaml");
    fs::write(
        &settings,
        format!(
            "services: [{{ name: clinic, protocol: postgres, listen: \"127.0.0.1:{listen}\", upstream: {{ address: \"127.0.0.1:1\", tls: disable }} }}]\n\
             kernel: {{ mode: off }}\nadmin: {{ socket: admin.sock }}\nauthority: none\n\
             audit:\n  directory: audit\n  segment: {{ rows: 100000, age: 1s }}\n  anchors:\n\
             \x20   - rfc3161: {{ name: clock, url: \"http://127.0.0.1:{port}/tsr\" }}\n"
        ),
    )
    .unwrap();
    let audit = directory.join("audit");
    let seals = audit.join("seals");
    let mut daemon = Daemon::start(&settings, &audit);
    let patience = Instant::now() + Duration::from_secs(30);
    let token = loop {
        let names = fs::read_dir(&seals).into_iter().flatten();
        let mut names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        if let Some(token) = names.find(|name| name.ends_with(".clock.tst")) {
            break token;
        }
        assert!(Instant::now() < patience, "no seal is stamped");
        std::thread::sleep(Duration::from_millis(50));
    };
    let number = token.strip_suffix(".clock.tst").unwrap();
    // That the authority was too busy at first is on the record, and that it answered then.
    for kind in ["anchor_failed", "anchor_restored"] {
        let about = || {
            let mut rows = audit_rows(&audit, "admin").into_iter();
            rows.any(|row| row["kind"] == kind && row["detail"]["anchor"] == "rfc3161:clock")
        };
        while !about() {
            assert!(Instant::now() < patience, "{kind}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    daemon.stop();
    let mut command = Command::new(interdict());
    let told = text(&run(command.args(["audit", "verify"]).arg(&audit)).stdout);
    assert!(told.contains("seals by clock, the last is"), "{told}");
    let mut command = Command::new("sh");
    command
        .args(["-ec", DOCUMENTED, "sh", number])
        .arg(away.join("clock.pem"));
    let told = run(command.current_dir(&seals));
    assert!(text(&told.stdout).contains("Time stamp:"), "{told:?}");
}
