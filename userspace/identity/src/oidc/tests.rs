//! Against real processes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use globset::{Glob, GlobMatcher};
use serde_json::json;

use super::keys::Keys;
use super::*;
use crate::resolver::tests::{Running, facts, settled, wait_for};
use crate::token::tests::{ISSUER, Signer, claims, jwks};
use crate::{Caller, Facts, Limits, Resolver, Sources};

const POD: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

/// An issuer with a key, a place for its tokens, and a process that has one.
struct Stage {
    signer: Signer,
    directory: tempfile::TempDir,
    child: Running,
}

impl Stage {
    fn new() -> Self {
        let stage = Self {
            signer: Signer::ec("a"),
            directory: tempfile::tempdir().unwrap(),
            child: Running::start(Command::new("sleep").arg("60")),
        };
        settled(stage.child.0.id(), "sleep");
        fs::write(stage.keys(), jwks(&[&stage.signer])).unwrap();
        stage
    }

    fn keys(&self) -> PathBuf {
        self.directory.path().join("jwks.json")
    }

    fn token(&self) -> PathBuf {
        self.directory.path().join("token")
    }

    fn write(&self, claims: &serde_json::Value) {
        fs::write(self.token(), self.signer.sign(claims) + "\n").unwrap();
    }

    fn provider(&self) -> Provider {
        Provider {
            name: "cluster".to_owned(),
            issuer: ISSUER.to_owned(),
            audience: vec!["interdict".to_owned()],
            keys: KeySource::File(self.keys()),
            token: TokenSource::Workload(self.token()),
            required: true,
            concerns: Concerns::default(),
        }
    }

    fn caller(&self) -> Caller {
        facts(self.child.0.id())
    }
}

fn resolver(providers: Vec<Provider>) -> Resolver {
    let sources = Sources {
        oidc: Some(Arc::new(Oidc::new(providers))),
        ..Sources::default()
    };
    Resolver::new(Limits::default(), sources)
}

fn code(identity: &Identity) -> Option<&'static str> {
    identity.refusal.as_ref().map(|refusal| refusal.code)
}

fn names(pattern: &str) -> Vec<GlobMatcher> {
    vec![Glob::new(pattern).unwrap().compile_matcher()]
}

#[test]
fn a_sound_token_names_the_caller() {
    let stage = Stage::new();
    let mut sound = claims(seconds());
    sound["groups"] = json!(["dba"]);
    stage.write(&sound);
    let resolver = resolver(vec![stage.provider()]);
    for _ in 0..2 {
        let identity = resolver.resolve(&Facts::Kernel(stage.caller()), "clinic");
        assert_eq!(identity.name, "oidc:cluster:agent-7");
        assert_eq!(identity.attestation, Attestation::Oidc);
        assert_eq!((code(&identity), identity.flags.len()), (None, 0));
        assert_eq!(identity.facts["attestation"], "oidc");
        assert_eq!(identity.facts["claim.groups[dba]"], "true");
        assert_eq!(
            identity.facts["unit"], "billing.service",
            "what the kernel said stands"
        );
        assert_eq!(identity.claims["oidc.sub"], "agent-7");
    }
}

#[test]
fn a_bad_token_refuses_and_lends_nothing() {
    let stage = Stage::new();
    let now = seconds();
    let forger = Signer::ec("a");
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = claims(now);
        claims[name] = value;
        claims
    };
    let cases = [
        ("expired", stage.signer.sign(&with("exp", json!(now - 60)))),
        ("audience", stage.signer.sign(&with("aud", json!("vault")))),
        (
            "issuer",
            stage.signer.sign(&with("iss", json!("https://other.example"))),
        ),
        ("forged", forger.sign(&claims(now))),
        ("unknown_key", Signer::ec("b").sign(&claims(now))),
        ("malformed", "no token".to_owned()),
        ("too_large", "x".repeat(17 << 10)),
    ];
    let strict = resolver(vec![stage.provider()]);
    let lenient = resolver(vec![Provider {
        required: false,
        ..stage.provider()
    }]);
    for (expected, token) in cases {
        fs::write(stage.token(), token).unwrap();
        let identity = strict.resolve(&Facts::Kernel(stage.caller()), "clinic");
        assert_eq!(code(&identity), Some(expected));
        for identity in [
            identity,
            lenient.resolve(&Facts::Kernel(stage.caller()), "clinic"),
        ] {
            assert_eq!(identity.flags, [format!("oidc_{expected}")]);
            assert_eq!(identity.name, "unit:billing.service", "{expected}");
            assert_eq!(identity.attestation, Attestation::Kernel);
            assert!(identity.claims.is_empty());
            assert!(!identity.facts.keys().any(|name| name.starts_with("claim.")));
        }
    }
    assert_eq!(
        code(&lenient.resolve(&Facts::Kernel(stage.caller()), "clinic")),
        None
    );

    fs::remove_file(stage.token()).unwrap();
    assert_eq!(
        code(&strict.resolve(&Facts::Kernel(stage.caller()), "clinic")),
        Some("missing")
    );
    fs::create_dir(stage.token()).unwrap();
    assert_eq!(
        code(&strict.resolve(&Facts::Kernel(stage.caller()), "clinic")),
        Some("unreadable")
    );
    fs::remove_dir(stage.token()).unwrap();
    // A pipe that nobody writes to must not hold anything up.
    nix::unistd::mkfifo(&stage.token(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(
        code(&strict.resolve(&Facts::Kernel(stage.caller()), "clinic")),
        Some("unreadable")
    );
}

#[test]
fn a_token_that_was_sound_expires_and_keys_are_withdrawn() {
    let stage = Stage::new();
    let known = Known::new(stage.provider());
    let now = seconds();
    let token = stage.signer.sign(&claims(now));
    assert!(known.verify(&token, now).is_ok());
    let late = known.verify(&token, now + 10_000);
    assert!(
        matches!(late, Err(NoIdentity::Token(TokenError::Expired(_)))),
        "{late:?}"
    );
    let other = Signer::ec("a");
    fs::write(stage.keys(), jwks(&[&other])).unwrap();
    known.keys.refresh().unwrap();
    let withdrawn = known.verify(&token, now);
    assert!(
        matches!(withdrawn, Err(NoIdentity::Token(TokenError::Forged))),
        "{withdrawn:?}"
    );
}

#[test]
fn another_process_than_the_one_that_connected_lends_nothing() {
    let mut stage = Stage::new();
    stage.write(&claims(seconds()));
    let resolver = resolver(vec![stage.provider()]);
    let caller = stage.caller();
    let other_start = Caller {
        start_boot_ns: caller.start_boot_ns + 10_000_000,
        ..caller.clone()
    };
    let unknown_start = Caller {
        start_boot_ns: 0,
        ..caller.clone()
    };
    for (caller, expected) in [(other_start, "process_gone"), (unknown_start, "process_unproven")] {
        let identity = resolver.resolve(&Facts::Kernel(caller), "clinic");
        assert_eq!(code(&identity), Some(expected));
        assert_eq!(identity.attestation, Attestation::Kernel);
    }
    // Dead and not yet reaped: its number is still its own.
    stage.child.0.kill().unwrap();
    wait_for(|| {
        fs::read_link(format!("/proc/{}/root", caller.tgid))
            .is_err()
            .then_some(())
    });
    let identity = resolver.resolve(&Facts::Kernel(caller.clone()), "clinic");
    assert_eq!(code(&identity), Some("process_gone"), "{identity:?}");
    stage.child.0.wait().unwrap();
    let identity = resolver.resolve(&Facts::Kernel(caller), "clinic");
    assert_eq!(code(&identity), Some("process_gone"));
    let identity = resolver.resolve(&Facts::Address("10.0.0.1".parse().unwrap()), "clinic");
    assert_eq!(code(&identity), Some("no_process"));
}

#[test]
fn a_pods_token_is_worth_nothing_elsewhere() {
    let stage = Stage::new();
    let mut bound = claims(seconds());
    bound["sub"] = json!("system:serviceaccount:er:triage");
    bound["kubernetes.io"] = json!({
        "namespace": "er",
        "pod": { "name": "triage-0", "uid": POD },
        "serviceaccount": { "name": "triage" },
    });
    stage.write(&bound);
    let resolver = resolver(vec![stage.provider()]);
    let within = |cgroup: &str| {
        let caller = Caller {
            cgroup_path: Some(cgroup.to_owned()),
            ..stage.caller()
        };
        resolver.resolve(&Facts::Kernel(caller), "clinic")
    };
    let identity = within(&format!("/kubepods/pod{POD}/x"));
    assert_eq!(identity.name, "oidc:cluster:system:serviceaccount:er:triage");
    let process = identity.process.unwrap();
    assert_eq!(
        (process.pod, process.namespace, process.service_account),
        (
            Some("triage-0".to_owned()),
            Some("er".to_owned()),
            Some("triage".to_owned())
        )
    );
    assert_eq!(identity.facts["namespace"], "er");
    for cgroup in ["/kubepods/pod11111111-4e5f-6071-8293-a4b5c6d7e8f9/x", "/agents"] {
        let identity = within(cgroup);
        assert_eq!(code(&identity), Some("other_pod"), "{cgroup}");
        assert!(!identity.facts.contains_key("namespace"));
    }
}

#[test]
fn entries_concern_whom_they_name() {
    let stage = Stage::new();
    stage.write(&claims(seconds()));
    for (workloads, services, concerns) in [
        (None, None, true),
        (Some(names("agent*")), None, true),
        (Some(names("batch")), None, false),
        (None, Some(names("clin*")), true),
        (None, Some(names("warehouse")), false),
    ] {
        let resolver = resolver(vec![Provider {
            concerns: Concerns { workloads, services },
            audience: vec!["nobody".to_owned()],
            ..stage.provider()
        }]);
        let identity = resolver.resolve(&Facts::Kernel(stage.caller()), "clinic");
        assert_eq!(code(&identity), concerns.then_some("audience"));
    }
    // The first sound one names the caller, and every required one must be sound.
    let other = Provider {
        name: "other".to_owned(),
        audience: vec!["nobody".to_owned()],
        ..stage.provider()
    };
    let identity = resolver(vec![other, stage.provider()]).resolve(&Facts::Kernel(stage.caller()), "clinic");
    assert_eq!(identity.name, "oidc:cluster:agent-7");
    assert_eq!(
        identity.refusal.map(|refusal| refusal.provider).as_deref(),
        Some("other")
    );
}

/// A process with a file tree of its own, made of the host's programs and what is in `root`.
fn confined(root: &Path) -> Option<Running> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("*** SKIPPED: a file tree of its own takes root");
        return None;
    }
    fs::create_dir(root.join("usr")).unwrap();
    for (name, target) in [("bin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")] {
        symlink(target, root.join(name)).unwrap();
    }
    let script =
        r#"mount --make-rprivate / && mount --bind /usr "$1/usr" && exec chroot "$1" /usr/bin/sleep 60"#;
    let child = Running::start(
        Command::new("unshare")
            .args(["-m", "sh", "-c", script, "sh"])
            .arg(root),
    );
    settled(child.0.id(), "sleep");
    Some(child)
}

#[test]
fn a_token_is_read_in_the_callers_own_file_tree_and_no_link_leads_out_of_it() {
    let stage = Stage::new();
    stage.write(&claims(seconds()));
    let root = tempfile::tempdir().unwrap();
    let Some(child) = confined(root.path()) else {
        return;
    };
    let inner = root.path().join("secrets");
    fs::create_dir_all(inner.join("..2026")).unwrap();
    let token = stage.signer.sign(&claims(seconds()));
    fs::write(inner.join("..2026/token"), token).unwrap();
    // As the kubelet has it.
    symlink("..2026", inner.join("..data")).unwrap();
    symlink("..data/token", inner.join("token")).unwrap();
    symlink("/secrets/token", inner.join("absolute")).unwrap();
    let up = Path::new("../../../../../../..").join(stage.token().strip_prefix("/").unwrap());
    symlink(stage.token(), inner.join("out")).unwrap();
    symlink(up, inner.join("up")).unwrap();
    for (path, expected) in [
        ("/secrets/token", None),
        ("/secrets/absolute", None),
        ("/secrets/../../../secrets/token", None),
        ("/secrets/out", Some("missing")),
        ("/secrets/up", Some("missing")),
        (stage.token().to_str().unwrap(), Some("missing")),
    ] {
        let resolver = resolver(vec![Provider {
            token: TokenSource::Workload(PathBuf::from(path)),
            ..stage.provider()
        }]);
        let identity = resolver.resolve(&Facts::Kernel(facts(child.0.id())), "clinic");
        assert_eq!(code(&identity), expected, "{path}: {:?}", identity.refusal);
    }
    // The host's own file, where the settings say so.
    let resolver = resolver(vec![Provider {
        token: TokenSource::File(stage.token()),
        ..stage.provider()
    }]);
    let identity = resolver.resolve(&Facts::Kernel(facts(child.0.id())), "clinic");
    assert_eq!(identity.name, "oidc:cluster:agent-7");
}

/// Hands out what it is told to, and counts.
#[derive(Debug, Default)]
struct Publisher {
    text: Mutex<Option<String>>,
    asked: AtomicUsize,
    slow: Option<Duration>,
}

impl FetchKeys for Publisher {
    fn fetch(&self) -> Result<String, String> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if let Some(slow) = self.slow {
            std::thread::sleep(slow);
        }
        self.text.lock().unwrap().clone().ok_or_else(|| "down".to_owned())
    }
}

#[test]
fn a_new_key_is_fetched_once_and_keys_survive_an_outage() {
    let (old, new) = (Signer::ec("old"), Signer::ec("new"));
    let publisher = Arc::new(Publisher::default());
    let source = KeySource::Fetched(Arc::clone(&publisher) as Arc<dyn FetchKeys>);
    let stage = Stage::new();
    let mut known = Known::new(Provider {
        keys: source.clone(),
        ..stage.provider()
    });
    known.keys = Keys::with_pause(source, Duration::from_millis(200));
    let now = seconds();
    let ask = |signer: &Signer| known.verify(&signer.sign(&claims(now)), now);
    let asked = || publisher.asked.load(Ordering::SeqCst);

    assert!(matches!(ask(&old), Err(NoIdentity::Keys(_))));
    assert!(matches!(ask(&old), Err(NoIdentity::Keys(_))));
    assert_eq!(asked(), 1, "one attempt within the pause");
    *publisher.text.lock().unwrap() = Some(jwks(&[&old]));
    std::thread::sleep(Duration::from_millis(210));
    assert!(ask(&old).is_ok() && ask(&old).is_ok());
    assert_eq!(asked(), 2);

    // The issuer has another key now. Within the pause nobody asks.
    *publisher.text.lock().unwrap() = Some(jwks(&[&old, &new]));
    assert!(matches!(
        ask(&new),
        Err(NoIdentity::Token(TokenError::UnknownKey(_)))
    ));
    assert_eq!(asked(), 2);
    std::thread::sleep(Duration::from_millis(210));
    assert!(ask(&new).is_ok() && ask(&old).is_ok());
    assert_eq!(asked(), 3);

    // Whoever makes up keys makes one attempt a pause.
    std::thread::sleep(Duration::from_millis(210));
    for _ in 0..50 {
        assert!(ask(&Signer::ec("made-up")).is_err());
    }
    assert!(asked() <= 5, "{}", asked());

    *publisher.text.lock().unwrap() = None;
    std::thread::sleep(Duration::from_millis(210));
    assert!(ask(&Signer::ec("made-up")).is_err());
    assert!(ask(&old).is_ok(), "what was known is believed for a while");
}

#[test]
fn a_slow_issuer_holds_up_a_few_only() {
    let publisher = Arc::new(Publisher {
        slow: Some(Duration::from_millis(500)),
        ..Publisher::default()
    });
    let keys = Keys::new(KeySource::Fetched(publisher));
    let begun = std::time::Instant::now();
    let outcomes: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..40)
            .map(|_| scope.spawn(|| keys.current().unwrap_err()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let turned_away = outcomes.iter().filter(|why| why.starts_with("too many")).count();
    assert!((1..=24).contains(&turned_away), "{turned_away}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}
