//! The daemon gives its seals to places off the host: a directory, a webhook, an object store with object lock (moto plays it).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "../http/running.rs"]
#[allow(dead_code, reason = "part of it is for the other tests")]
mod running;
mod stamp;
#[path = "../support/mod.rs"]
mod support;
#[path = "../clients/tools.rs"]
#[allow(dead_code, reason = "node's packages are for the other tests")]
mod tools;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use running::Running;
use serde_json::Value;
use support::{Daemon, audit_rows, free_port, interdict, run, scratch, text};
use tools::Python;

type Shown = Vec<(String, Value)>;

const SECRET: &str = "a secret of both ends";

/// A bucket that locks, made directly.
const PREPARED: &str = "
import sys, boto3
s3 = boto3.client('s3', endpoint_url=f'http://127.0.0.1:{sys.argv[1]}', aws_access_key_id='id', aws_secret_access_key='key', region_name='us-east-1')
s3.create_bucket(Bucket='seals', ObjectLockEnabledForBucket=True)
";

/// What is there, its lock, and whether it can be deleted.
const LOOKED: &str = "
import sys, boto3
from botocore.exceptions import ClientError
s3 = boto3.client('s3', endpoint_url=f'http://127.0.0.1:{sys.argv[1]}', aws_access_key_id='id', aws_secret_access_key='key', region_name='us-east-1')
for found in s3.list_objects_v2(Bucket='seals').get('Contents', []):
    head = s3.head_object(Bucket='seals', Key=found['Key'])
    print(found['Key'], head.get('ObjectLockMode'))
    try:
        s3.delete_object(Bucket='seals', Key=found['Key'], VersionId=head['VersionId'])
        print('deleted')
    except ClientError as error:
        print(error.response['Error']['Code'])
    with open(f\"{sys.argv[2]}/{found['Key'].rsplit('/', 1)[1]}\", 'wb') as copy:
        copy.write(s3.get_object(Bucket='seals', Key=found['Key'])['Body'].read())
";

/// Takes what is posted, refuses the first, and gives signatures and bodies.
/// What came: paths and bodies.
type Came = Arc<Mutex<Vec<(String, String)>>>;

fn webhook() -> (u16, Came) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let taken = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&taken);
    std::thread::spawn(move || {
        for (index, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut length, mut signature) = (0, String::new());
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap() == 0 || line.trim().is_empty() {
                    break;
                }
                let line = line.trim();
                let (name, value) = line.split_once(": ").unwrap_or((line, ""));
                match &*name.to_ascii_lowercase() {
                    "content-length" => length = value.parse().unwrap(),
                    "interdict-signature" => value.clone_into(&mut signature),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let status = if index == 0 { "503 Busy" } else { "200 OK" };
            let _ = stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes());
            if index > 0 {
                let body = String::from_utf8(body).unwrap();
                kept.lock().unwrap().push((signature, body));
            }
        }
    });
    (port, taken)
}

fn secret(directory: &Path, name: &str, content: &str) {
    let path = directory.join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Waits until there are so many receipts of the first seal.
fn receipts(audit: &Path, number: u64, count: usize) -> Value {
    let path = audit.join(format!("seals/{number:012}.receipts.json"));
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let found: Option<Value> = fs::read(&path)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(found) = found
            && found["anchors"].as_object().unwrap().len() == count
        {
            return found;
        }
        assert!(Instant::now() < deadline, "{} lacks receipts", path.display());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn seals_go_to_every_place_and_are_compared_with_it() {
    let Some(python) = Python::of("http_requirements.txt") else {
        return;
    };
    let port = free_port();
    let mut moto = python.bare();
    moto.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
    let moto = Running::start(&mut moto, port);
    run(python.bare().args(["-c", PREPARED, &moto.port.to_string()]));
    let (hook, taken) = webhook();
    let scratch = scratch();
    let directory = scratch.path();
    for (name, content) in [("hook", SECRET), ("id", "id"), ("key", "key")] {
        secret(directory, name, content);
    }
    fs::create_dir(directory.join("vault")).unwrap();
    fs::create_dir(directory.join("bucket")).unwrap();
    let settings = directory.join("interdict.yaml");
    let (listen, port) = (free_port(), moto.port);
    fs::write(
        &settings,
        format!(
            "services: [{{ name: clinic, protocol: postgres, listen: \"127.0.0.1:{listen}\", upstream: {{ address: \"127.0.0.1:1\", tls: disable }} }}]\n\
             kernel: {{ mode: off }}\nadmin: {{ socket: admin.sock }}\nauthority: none\n\
             audit:\n  directory: audit\n  segment: {{ rows: 100000, age: 1s }}\n  anchors:\n    - file: vault\n\
             \x20   - webhook: {{ name: people, url: \"http://127.0.0.1:{hook}/seals\", secret: {{ file: hook }} }}\n\
             \x20   - object_store: {{ url: \"s3://seals/clinic\", endpoint: \"http://127.0.0.1:{port}\", lock: 2190d, access_key_id: {{ file: id }}, secret_access_key: {{ file: key }} }}\n"
        ),
    )
    .unwrap();
    let audit = directory.join("audit");
    let mut daemon = Daemon::start(&settings, &audit);
    let places = receipts(&audit, 1, 3);
    let names: Vec<&String> = places["anchors"].as_object().unwrap().keys().collect();
    assert!(
        names.contains(&&"webhook:people".to_owned()) && names.contains(&&"s3://seals/clinic".to_owned()),
        "{names:?}"
    );
    // While it runs: a hold, and another key.
    let ask = |arguments: &[&str]| {
        let mut command = Command::new(interdict());
        command.args(arguments).arg("--config").arg(&settings);
        text(&run(&mut command).stdout)
    };
    ask(&["audit", "hold", "place", "--reason", "Doe v. Clinic"]);
    assert!(ask(&["audit", "hold", "list"]).contains("Doe v. Clinic"));
    let first = ask(&["audit", "keys", "export"]);
    fs::write(directory.join("first.pem"), &first).unwrap();
    ask(&["audit", "keys", "rotate", "--reason", "a new year"]);
    assert_ne!(ask(&["audit", "keys", "export"]), first);
    daemon.stop();
    // The daemon waits a moment for the last seal; a restart would go on.
    let last = fs::read_dir(audit.join("seals"))
        .unwrap()
        .filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .into_string()
                .unwrap()
                .strip_suffix(".json")?
                .parse::<u64>()
                .ok()
        })
        .max()
        .unwrap();
    assert!(last >= 3, "{last}");
    receipts(&audit, last, 3);
    let looked = run(python
        .bare()
        .args(["-c", LOOKED, &moto.port.to_string()])
        .arg(directory.join("bucket")));
    let looked = text(&looked.stdout);
    let lines: Vec<&str> = looked.lines().collect();
    assert_eq!(lines.len() as u64, last * 2, "{looked}");
    for pair in lines.chunks(2) {
        assert!(
            pair[0].ends_with(".json COMPLIANCE") && pair[1] == "AccessDenied",
            "{looked}"
        );
    }
    for place in ["vault", "bucket"] {
        let mut command = Command::new(interdict());
        command
            .args(["audit", "verify", "--public-key"])
            .arg(directory.join("first.pem"));
        command.arg("--anchors").arg(directory.join(place)).arg(&audit);
        let told = text(&run(&mut command).stdout);
        assert!(
            told.contains(&format!("{last} seals are the same there")),
            "{told}"
        );
    }
    let bodies = taken.lock().unwrap().clone();
    assert_eq!(bodies.len() as u64, last);
    for (index, (signature, body)) in bodies.iter().enumerate() {
        let body: Value = serde_json::from_str(body).unwrap();
        let file = fs::read_to_string(audit.join(format!("seals/{:012}.json", index + 1))).unwrap();
        assert_eq!(
            (&body["seal"], &body["number"]),
            (&file.into(), &(index + 1).into())
        );
        assert!(signature.starts_with("v1=") && signature.len() == 67);
    }
    // That the webhook was away is on the record, once, and that it came back.
    for kind in ["anchor_failed", "anchor_restored"] {
        let told = audit_rows(&audit, "admin")
            .into_iter()
            .filter(|row| row["kind"] == kind);
        let told: Vec<Value> = told
            .filter(|row| row["detail"]["anchor"] == "webhook:people")
            .collect();
        assert_eq!(told.len(), 1, "{kind}: {told:?}");
    }
    for path in ["seal.key", "key", "hook"] {
        let content = fs::read_to_string(directory.join(path)).unwrap();
        let line = content.lines().nth(1).unwrap_or(&content);
        assert!(!daemon.errors().contains(line) || line.len() < 8);
    }
}
