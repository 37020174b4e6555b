//! Time stamps by an authority that is OpenSSL, and what verification makes of them.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use interdict_audit::{Anchor, AnchorError, Anchors, Audit, Problem, StampAnchor, Table};

use crate::seals::{check, file, problems, read, record, without_journal};
use crate::support::{public, runtime, sealed, segments};

/// Where the SHA-256 and the nonce are in a request.
const DIGEST: usize = 24;
const NONCE: usize = 58;

const SETTINGS: &str = "
[tsa]
default_tsa = clock
[clock]
serial = PLACE/serial
signer_cert = PLACE/clock.pem
signer_key = PLACE/clock.key
certs = PLACE/clock.pem
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
clock_precision_digits = 3
accuracy = secs:1
";

fn openssl(arguments: &[&str], place: &Path) -> bool {
    let told = Command::new("openssl")
        .args(arguments)
        .current_dir(place)
        .output()
        .unwrap();
    told.status.success()
}

/// A time stamping authority.
struct Authority(tempfile::TempDir);

impl Authority {
    fn new() -> Arc<Self> {
        let place = tempfile::tempdir().unwrap();
        let settings = SETTINGS.replace("PLACE", &place.path().display().to_string());
        std::fs::write(place.path().join("tsa.conf"), settings).unwrap();
        std::fs::write(place.path().join("serial"), "01\n").unwrap();
        let make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout clock.key -out clock.pem -days 30 \
                    -subj /CN=clock -addext extendedKeyUsage=critical,timeStamping";
        let make: Vec<&str> = make.split_whitespace().collect();
        assert!(openssl(&make, place.path()));
        Arc::new(Self(place))
    }

    fn answer(&self, request: &[u8]) -> Vec<u8> {
        let place = self.0.path();
        std::fs::write(place.join("query"), request).unwrap();
        let reply = [
            "ts",
            "-reply",
            "-config",
            "tsa.conf",
            "-queryfile",
            "query",
            "-out",
            "reply",
        ];
        assert!(openssl(&reply, place));
        std::fs::read(place.join("reply")).unwrap()
    }

    /// Whether OpenSSL, which has the authority's certificate, finds that it stamped this.
    fn vouches(&self, token: &Path, digest: &str) -> bool {
        let token = token.display().to_string();
        let arguments = ["ts", "-verify", "-token_in", "-in", &token, "-digest", digest];
        openssl(
            &[&arguments[..], &["-CAfile", "clock.pem"]].concat(),
            self.0.path(),
        )
    }

    fn anchor(self: &Arc<Self>, directory: &Path) -> StampAnchor {
        let authority = Arc::clone(self);
        StampAnchor::new(directory, "clock", move |request| Ok(authority.answer(&request)))
    }
}

#[test]
fn the_newest_seal_is_stamped_and_openssl_agrees() {
    let (_above, directory) = record();
    let authority = Authority::new();
    let start = || {
        let anchor: Arc<dyn Anchor> = Arc::new(authority.anchor(&directory));
        Anchors::start(&directory, vec![anchor], |_, _| {}).unwrap()
    };
    let anchors = start();
    assert!(anchors.settle(Duration::from_secs(20)));
    drop(anchors);
    let token = directory.join("seals/000000000003.clock.tst");
    assert!(!directory.join("seals/000000000002.clock.tst").exists());
    let digest = |number| hex::encode(read(&directory, number).digest());
    assert!(authority.vouches(&token, &digest(3)));
    assert!(!authority.vouches(&token, &digest(2)));
    let report = check(&directory, &[public(&directory)]);
    assert!(report.sound(), "{report}");
    let stamps = &report.seals.as_ref().unwrap().stamps["clock"];
    assert_eq!((stamps.stamps, stamps.last), (1, 3));
    let at: jiff::Timestamp = stamps.at.parse().unwrap();
    assert!(at.duration_until(jiff::Timestamp::now()).as_secs() < 60);
    assert!(
        report
            .to_string()
            .contains("1 seals by clock, the last is 3, at 2"),
        "{report}"
    );
    // The next start has another seal.
    runtime().block_on(async { Audit::open(sealed(&directory)).unwrap().close().await.unwrap() });
    assert!(start().settle(Duration::from_secs(20)));
    let stamps = check(&directory, &[]).seals.unwrap().stamps;
    assert_eq!((stamps["clock"].stamps, stamps["clock"].last), (2, 4));
}

#[test]
fn what_is_no_answer_to_the_request_is_not_kept() {
    let (_above, directory) = record();
    let signed = read(&directory, 3);
    let refused = |ask: Box<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync>| {
        let anchor = StampAnchor::new(&directory, "clock", move |request| Ok(ask(request)));
        let Err(AnchorError::Passing(why)) = anchor.put(&signed) else {
            panic!("it was taken");
        };
        assert!(!directory.join("seals/000000000003.clock.tst").exists());
        why
    };
    let authority = Authority::new();
    for (place, why) in [(DIGEST, "stamped something else"), (NONCE + 7, "nonce")] {
        let authority = Arc::clone(&authority);
        let told = refused(Box::new(move |mut request| {
            request[place] ^= 1;
            authority.answer(&request)
        }));
        assert!(told.contains(why), "{told}");
    }
    let other = Arc::clone(&authority);
    let told = refused(Box::new(move |_| other.answer(b"what?")));
    assert!(told.contains("refuses: status 2"), "{told}");
    let other = Arc::clone(&authority);
    for (what, ask) in [
        (
            "nothing",
            Box::new(|_| Vec::new()) as Box<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync>,
        ),
        ("a page", Box::new(|_| b"<html>".to_vec())),
        (
            "more",
            Box::new(move |request| [other.answer(&request), vec![0]].concat()),
        ),
    ] {
        let told = refused(ask);
        assert!(told.contains("it is not an answer"), "{what}: {told}");
    }
}

#[test]
fn no_byte_that_is_cut_off_or_changed_makes_it_fall_over() {
    let (_above, directory) = record();
    let signed = read(&directory, 3);
    let authority = Authority::new();
    let token = directory.join("seals/000000000003.clock.tst");
    authority.anchor(&directory).put(&signed).unwrap();
    let good = std::fs::read(&token).unwrap();
    for length in 0..good.len() {
        std::fs::write(&token, &good[..length]).unwrap();
        let found = problems(&quick(&directory));
        assert_eq!(found, [Problem::StampDiffers], "{length}");
    }
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 0x80;
        std::fs::write(&token, &bad).unwrap();
        quick(&directory);
    }
}

fn quick(directory: &Path) -> interdict_audit::Report {
    let options = interdict_audit::Options {
        quick: true,
        ..interdict_audit::Options::default()
    };
    interdict_audit::verify_with(directory, &options).unwrap()
}

#[test]
fn a_stamp_of_another_seal_or_of_one_that_is_gone_is_found() {
    let (_above, directory) = record();
    let authority = Authority::new();
    authority.anchor(&directory).put(&read(&directory, 3)).unwrap();
    let token = directory.join("seals/000000000003.clock.tst");
    let under = directory.join("seals/000000000002.clock.tst");
    std::fs::copy(&token, &under).unwrap();
    let report = check(&directory, &[]);
    assert_eq!(problems(&report), [Problem::StampDiffers], "{report}");
    std::fs::remove_file(&under).unwrap();
    // The end is cut off: nothing else here could tell.
    without_journal(&directory);
    std::fs::remove_file(file(&directory, 3)).unwrap();
    std::fs::remove_file(segments(&directory, Table::Statements).pop().unwrap()).unwrap();
    let report = check(&directory, &[public(&directory)]);
    assert_eq!(problems(&report), [Problem::MissingSeal], "{report}");
    assert!(
        report.first().unwrap().what.contains("was stamped at 2"),
        "{report}"
    );
}
