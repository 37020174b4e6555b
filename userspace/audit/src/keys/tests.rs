use super::*;

/// The key of RFC 8410, section 10.3, and its public half (10.1).
const RFC_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
const RFC_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

#[test]
fn keys_are_in_the_standard_forms() {
    let key = SealKey::from_pem(RFC_PRIVATE.as_bytes()).unwrap();
    assert_eq!(key.public().to_pem(), RFC_PUBLIC);
    assert_eq!(PublicKey::parse(RFC_PUBLIC).unwrap(), key.public());
    assert_eq!(PublicKey::parse(&key.public().to_hex()).unwrap(), key.public());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("seal.key");
    key.write(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), RFC_PRIVATE);
    assert_eq!(SealKey::read(&path).unwrap().unwrap().public(), key.public());
}

#[test]
fn what_is_no_key_or_not_secret_is_refused_without_a_word_of_it() {
    use std::os::unix::fs::PermissionsExt as _;
    for text in [
        "",
        "MC4CAQAw",
        RFC_PUBLIC,
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ] {
        let error = SealKey::from_pem(text.as_bytes()).unwrap_err().to_string();
        assert!(
            error.contains("no Ed25519 key") && !error.contains("MC4"),
            "{error}"
        );
    }
    for text in ["", RFC_PRIVATE, "00", &"zz".repeat(32)] {
        assert!(PublicKey::parse(text).is_err());
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("seal.key");
    std::fs::write(&path, RFC_PRIVATE).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = SealKey::read(&path).unwrap_err().to_string();
    assert!(error.contains("chmod 600"), "{error}");
    assert!(!format!("{:?}", SealKey::from_pem(RFC_PRIVATE.as_bytes()).unwrap()).contains("d4ee"));
}

#[test]
fn a_signature_holds_for_its_key_and_bytes_alone() {
    let (key, other) = (SealKey::generate().unwrap(), SealKey::generate().unwrap());
    let signature = key.sign(b"seal");
    assert!(key.public().holds(b"seal", &signature));
    assert!(!key.public().holds(b"seat", &signature));
    assert!(!other.public().holds(b"seal", &signature));
}
