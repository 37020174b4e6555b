use std::fs;

use interdict_masking::TokenKey;
use interdict_sql::{Effect, Effects};

use super::*;
use crate::request::Verdict;
use crate::testkit::{World, set};

fn file(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_set_is_loaded_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let good = file(
        directory.path(),
        "good.yaml",
        "name: good\nrules: [{ name: r, when: 'true', then: deny }]",
    );
    let bad = file(
        directory.path(),
        "bad.yaml",
        "name: bad\nrules: [{ name: r, when: 'tru', then: deny }]",
    );
    let absent = directory.path().join("absent.yaml");

    let set = PolicySet::load(std::slice::from_ref(&good)).unwrap();
    let sources: Vec<_> = set.sources().collect();
    assert_eq!(sources.len(), 1);
    assert_eq!((sources[0].name, sources[0].path), ("good", good.as_path()));
    assert_eq!(sources[0].digest, digest(sources[0].text));
    assert!(set.digest().starts_with("sha256:") && set.digest().len() == 71);

    let found = PolicySet::load(&[good.clone(), bad.clone(), absent.clone()]).unwrap_err();
    let messages: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(
        messages[0].starts_with(&format!("{}:2:27: unknown variable `tru`", bad.display())),
        "{}",
        messages[0]
    );
    assert!(
        messages[1].starts_with(&format!("{}: cannot be read: ", absent.display())),
        "{}",
        messages[1]
    );
    // What was loaded before is untouched.
    assert_eq!(set.sources().count(), 1);
    assert!(!set.effective("s", &Identity::default()).is_empty());
}

#[test]
fn two_policies_of_one_name_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let first = file(directory.path(), "a.yaml", "name: same");
    let second = file(directory.path(), "b.yaml", "# a comment\nname: same");
    let found = PolicySet::load(&[first.clone(), second.clone()]).unwrap_err();
    let expected = format!(
        "{}:2:7: {} has a policy named `same` already",
        second.display(),
        first.display()
    );
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [expected]
    );
}

#[test]
fn the_digest_is_of_contents_and_order_and_not_of_places() {
    let directory = tempfile::tempdir().unwrap();
    let a = file(directory.path(), "a.yaml", "name: a");
    let moved = file(directory.path(), "moved.yaml", "name: a");
    let b = file(directory.path(), "b.yaml", "name: b");
    let changed = file(directory.path(), "changed.yaml", "name: b\ndefault: deny");
    let digest = |paths: &[&PathBuf]| {
        let paths: Vec<PathBuf> = paths.iter().map(|path| (*path).clone()).collect();
        PolicySet::load(&paths).unwrap().digest().to_owned()
    };
    assert_eq!(digest(&[&a, &b]), digest(&[&moved, &b]));
    assert_ne!(digest(&[&a, &b]), digest(&[&b, &a]));
    assert_ne!(digest(&[&a, &b]), digest(&[&a, &changed]));
    assert_eq!(digest(&[]), PolicySet::empty().digest());
}

#[test]
fn keyed_masks_need_their_keys_except_offline() {
    let directory = tempfile::tempdir().unwrap();
    let text = "name: k\nmask:\n- { columns: ['*.ssn'], with: { token: { key: ids } } }\n- { detect: [email], with: { token: { key: ids } } }";
    let path = [file(directory.path(), "k.yaml", text)];
    let found = PolicySet::load(&path).unwrap_err();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].message.contains("no key named `ids`"), "{found:?}");
    assert_eq!((found[0].line, found[0].column), (3, 31));
    assert!(PolicySet::load_with(&path, KeySource::Offline).is_ok());
    let named = |name: &str| {
        let names = [name.to_owned()].into_iter().collect();
        PolicySet::load_with(&path, KeySource::Names(&names))
    };
    assert!(named("ids").is_ok());
    assert_eq!(named("id").unwrap_err(), found);
    let key = TokenKey::new(&[7; 32]).unwrap();
    let keys: Keys = [("ids".to_owned(), key)].into_iter().collect();
    let set = PolicySet::load_with(&path, KeySource::Keys(&keys)).unwrap();
    let effective = set.effective("s", &Identity::default());
    assert_eq!(
        effective
            .column_mask("d", "s", "t", "ssn")
            .unwrap()
            .mask
            .unbound_key(),
        None
    );
}

#[test]
fn a_policy_that_is_only_tried_decides_nothing_and_says_what_it_would() {
    let enforced = "name: a\nrules:\n  - name: no-drops\n    when: '\"drop\" in effects'\n    then: deny\n";
    let tried = "name: b\nmode: dry-run\ndefault: deny\nmask:\n  - columns: ['*.ssn']\n    with: redact\n  - detect: [email]\n    with: redact\n";
    let set = set(&[enforced, tried]);
    let mut world = World {
        effects: Effects::of(&[Effect::Read]),
        ..World::default()
    };
    let effective = set.effective("clinic", &world.identity);
    let decision = effective.decide(&world.request());
    assert_eq!(decision.verdict, Verdict::Allow);
    assert!(!effective.masks_columns() && effective.detection().is_none());
    assert_eq!(
        effective.would(&world.request(), &decision).as_deref(),
        Some("would_deny:b/default")
    );
    // What is refused already, by the same rule, is nothing new.
    world.effects = Effects::of(&[Effect::Drop]);
    let decision = effective.decide(&world.request());
    assert_eq!(
        (
            decision.verdict.clone(),
            effective.would(&world.request(), &decision)
        ),
        (Verdict::Deny, None)
    );
}
