//! Shipping to real servers that speak S3.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use interdict_audit::{Audit, Observer};
use interdict_fleet::ship::{Keys, ShipSettings, Shipper, acknowledged};
use interdict_fleet::stream::Token;
use interdict_fleet::{Feed, Notes};
use uuid::Uuid;

use crate::receiver::free_port;
use crate::support::python;
use crate::support::{append, everything, open, runtime, session_started, statement};

/// A server of S3.
pub(crate) struct Server {
    child: Child,
    port: u16,
    _place: tempfile::TempDir,
}

impl Server {
    pub(crate) fn moto(python: &Path) -> Self {
        let place = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut command = Command::new(python.with_file_name("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        Self::start(command, port, place)
    }

    fn weed(python: &Path) -> Self {
        Self::weed_with(python, 0)
    }

    /// With an Iceberg catalogue at a port; 0: without.
    pub(crate) fn weed_with(python: &Path, catalogue: u16) -> Self {
        let place = tempfile::tempdir().unwrap();
        let config = place.path().join("s3.json");
        let text = r#"{"identities":[{"name":"test","credentials":[{"accessKey":"key","secretKey":"secret"}],"actions":["Admin","Read","Write","List","Tagging"]}]}"#;
        std::fs::write(&config, text).unwrap();
        let port = free_port();
        let mut command = Command::new(python.with_file_name("weed"));
        command
            .args(["server", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"])
            .arg(format!("-dir={}", place.path().display()))
            .arg(format!("-s3.config={}", config.display()))
            .arg(format!("-s3.port={port}"))
            .arg(format!("-s3.port.iceberg={catalogue}"))
            .arg("-s3.port.lance=0")
            .arg(format!("-master.port={}", free_port()))
            .arg(format!("-volume.port={}", free_port()))
            .arg(format!("-filer.port={}", free_port()))
            .args(["-master.volumeSizeLimitMB=64", "-volume.max=20"]);
        Self::start(command, port, place)
    }

    fn start(mut command: Command, port: u16, place: tempfile::TempDir) -> Self {
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            child,
            port,
            _place: place,
        };
        let patience = Instant::now() + Duration::from_mins(1);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < patience, "the server does not listen");
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn settings(&self) -> ShipSettings {
        ShipSettings {
            to: "s3://fleet/audit".into(),
            endpoint: Some(self.endpoint()),
            region: Some("us-east-1".into()),
            keys: Some(Keys {
                access_key_id: "key".into(),
                secret_access_key: Token::new(|| Ok("secret".into())),
            }),
            ca: None,
        }
    }

    /// Runs Python with `s3`, a client of the server.
    fn python(&self, python: &Path, script: &str) -> String {
        let head = format!(
            "import boto3, time\ns3 = boto3.client('s3', endpoint_url='http://127.0.0.1:{}', aws_access_key_id='key', aws_secret_access_key='secret', region_name='us-east-1')\n",
            self.port
        );
        let output = Command::new(python)
            .args(["-c", &(head + script)])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn bucket(&self, python: &Path, lock: bool) {
        let lock = if lock {
            "s3.create_bucket(Bucket='fleet', ObjectLockEnabledForBucket=True)\ns3.put_object_lock_configuration(Bucket='fleet', ObjectLockConfiguration={'ObjectLockEnabled': 'Enabled', 'Rule': {'DefaultRetention': {'Mode': 'COMPLIANCE', 'Days': 30}}})"
        } else {
            "s3.create_bucket(Bucket='fleet')"
        };
        // It listens before it can do it.
        let tries = "for left in range(60, -1, -1):\n    try:\n        s3.list_buckets(); break\n    except Exception:\n        if left == 0: raise\n        time.sleep(1)\n";
        self.python(python, &format!("{tries}{lock}"));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.retain(|path| path.extension().is_some_and(|end| end == "parquet"));
    found
}

async fn sealed(directory: &Path, feed: &Arc<Feed>) -> Audit {
    let audit = open(directory, [Arc::clone(feed) as Arc<dyn Observer>]);
    append(&audit, everything()).await;
    audit.rotate().await.unwrap();
    audit
}

const LISTING: &str =
    "print('\\n'.join(sorted(one['Key'] for one in s3.list_objects_v2(Bucket='fleet').get('Contents', []))))";

fn everything_arrives(server: &Server, python: &Path, lock: bool) {
    server.bucket(python, lock);
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    runtime().block_on(async {
        let feed = Arc::<Feed>::default();
        let audit = sealed(root, &feed).await;
        std::fs::create_dir_all(root.join("seals/2026")).unwrap();
        std::fs::write(root.join("seals/2026/1.json"), "{}").unwrap();
        let (notes, mut noted) = Notes::channel();
        let mut shipper = Shipper::new(&server.settings(), root, "host-1", Arc::clone(&feed), notes).unwrap();
        let local = files(root);
        assert!(local.iter().all(|file| !acknowledged(root, file)));
        let shipped = shipper.once().await.unwrap();
        assert_eq!(shipped, local.len() + 1);
        assert!(local.iter().all(|file| acknowledged(root, file)));
        assert_eq!(
            shipper.once().await.unwrap(),
            0,
            "what is there is not sent again"
        );
        let keys = server.python(python, LISTING);
        for file in &local {
            let key = format!("audit/{}", file.strip_prefix(root).unwrap().display());
            assert!(keys.lines().any(|line| line == key), "{key} is not among {keys}");
        }
        assert!(
            keys.lines().any(|line| line == "audit/seals/host-1/2026/1.json"),
            "{keys}"
        );

        // The receipt is lost: it is there with the same content, and counts.
        let one = &local[0];
        std::fs::remove_dir_all(root.join("shipped")).unwrap();
        assert_eq!(shipper.once().await.unwrap(), shipped);
        assert!(acknowledged(root, one));

        // Another content under the name: nothing is overwritten, and it is told.
        std::fs::remove_dir_all(root.join("shipped")).unwrap();
        let theirs = std::fs::read(one).unwrap();
        std::fs::write(one, b"something else").unwrap();
        assert_eq!(shipper.once().await.unwrap(), shipped - 1);
        assert_eq!(noted.try_recv().unwrap().kind, "ship_conflict");
        assert!(!acknowledged(root, one));
        let key = format!("audit/{}", one.strip_prefix(root).unwrap().display());
        let size = server.python(
            python,
            &format!("print(s3.head_object(Bucket='fleet', Key='{key}')['ContentLength'])"),
        );
        assert_eq!(size.trim(), theirs.len().to_string());
        std::fs::write(one, theirs).unwrap();
        drop(audit);
    });
    if lock {
        let script = "key = s3.list_objects_v2(Bucket='fleet')['Contents'][0]['Key']\nversion = s3.list_object_versions(Bucket='fleet', Prefix=key)['Versions'][0]['VersionId']\ntry:\n    s3.delete_object(Bucket='fleet', Key=key, VersionId=version); print('deleted')\nexcept Exception as error:\n    print('refused', type(error).__name__)".to_string();
        assert!(server.python(python, &script).starts_with("refused"));
    }
}

#[test]
fn everything_arrives_at_moto_under_a_lock() {
    let Some(python) = python() else { return };
    everything_arrives(&Server::moto(&python), &python, true);
}

#[test]
fn everything_arrives_at_seaweedfs() {
    let Some(python) = python() else { return };
    everything_arrives(&Server::weed(&python), &python, false);
}

#[test]
fn a_large_file_goes_on_where_it_was_stopped() {
    let Some(python) = python() else { return };
    let server = Server::moto(&python);
    server.bucket(&python, false);
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    // Incompressible, so that it is as large as it is said to be: three parts.
    let day = root.join("statements/date=2026-03-01");
    std::fs::create_dir_all(&day).unwrap();
    let file = day.join("000000000001-000000000002-host-1.parquet");
    let content: Vec<u8> = (0..40_u32 << 18)
        .flat_map(|word| word.wrapping_mul(2_654_435_761).to_be_bytes())
        .collect();
    std::fs::write(&file, &content).unwrap();
    // An upload of which the first part is there.
    let begun = server.python(
        &python,
        &format!(
            "key='audit/statements/date=2026-03-01/{}'\nid = s3.create_multipart_upload(Bucket='fleet', Key=key, ChecksumAlgorithm='SHA256')['UploadId']\netag = s3.upload_part(Bucket='fleet', Key=key, UploadId=id, PartNumber=1, Body=open('{}','rb').read(16 << 20), ChecksumAlgorithm='SHA256')\nprint(id); print(etag['ETag']); print(etag['ChecksumSHA256'])",
            file.file_name().unwrap().to_str().unwrap(),
            file.display()
        ),
    );
    let begun: Vec<&str> = begun.lines().collect();
    let sha256 = Command::new("sha256sum").arg(&file).output().unwrap();
    let sha256 = String::from_utf8(sha256.stdout).unwrap()[..64].to_owned();
    let parts = root.join("shipped/statements");
    std::fs::create_dir_all(&parts).unwrap();
    let state =
        serde_json::json!({ "id": begun[0], "sha256": sha256, "parts": [part_id(begun[1], begun[2])] });
    let state_file = parts.join("000000000001-000000000002-host-1.parquet.parts");
    std::fs::write(&state_file, state.to_string()).unwrap();
    runtime().block_on(async {
        let (notes, _noted) = Notes::channel();
        let feed = Arc::<Feed>::default();
        let mut shipper = Shipper::new(&server.settings(), root, "host-1", feed, notes).unwrap();
        assert_eq!(shipper.once().await.unwrap(), 1);
    });
    assert!(acknowledged(root, &file) && !state_file.exists());
    let told = server.python(
        &python,
        "import hashlib\nkey = s3.list_objects_v2(Bucket='fleet')['Contents'][0]['Key']\nbody = s3.get_object(Bucket='fleet', Key=key)['Body'].read()\nprint(hashlib.sha256(body).hexdigest(), len(s3.list_multipart_uploads(Bucket='fleet').get('Uploads', [])))",
    );
    assert_eq!(
        told.trim(),
        format!("{sha256} 0"),
        "whole, and by the upload that was begun"
    );
}

/// As the store's library keeps a part.
fn part_id(etag: &str, checksum: &str) -> String {
    let _ = checksum;
    etag.to_owned()
}

#[test]
fn nothing_counts_as_shipped_while_the_store_is_away() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    runtime().block_on(async {
        let feed = Arc::<Feed>::default();
        let audit = sealed(root, &feed).await;
        let mut settings = ShipSettings {
            to: "s3://fleet".into(),
            endpoint: Some(format!("http://127.0.0.1:{}", free_port())),
            region: Some("us-east-1".into()),
            keys: Some(Keys {
                access_key_id: "key".into(),
                secret_access_key: Token::new(|| Ok("secret".into())),
            }),
            ca: None,
        };
        let (notes, _noted) = Notes::channel();
        let mut shipper = Shipper::new(&settings, root, "host-1", Arc::clone(&feed), notes.clone()).unwrap();
        assert!(
            tokio::time::timeout(Duration::from_secs(5), shipper.once())
                .await
                .is_err_or_failed()
        );
        assert!(files(root).iter().all(|file| !acknowledged(root, file)));
        settings.to = "fleet".into();
        assert!(Shipper::new(&settings, root, "host-1", feed, notes).is_err());
        let session = Uuid::now_v7();
        append(&audit, vec![session_started(session)]).await;
        append(&audit, statement(session, |_, _| {})).await;
    });
}

trait Outcome {
    fn is_err_or_failed(&self) -> bool;
}

impl<T, E, F> Outcome for Result<Result<T, E>, F> {
    /// It failed, or went on trying.
    fn is_err_or_failed(&self) -> bool {
        !matches!(self, Ok(Ok(_)))
    }
}
