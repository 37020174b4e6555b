use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const NOW: i64 = 1_800_000_000;

/// A key of an issuer, and what it can sign.
pub(crate) struct Signer {
    id: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
    public: Vec<u8>,
}

impl Signer {
    pub(crate) fn ec(id: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let der = pair.to_pkcs8v1().unwrap();
        Self {
            id,
            algorithm: Algorithm::ES256,
            key: EncodingKey::from_ec_der(der.as_ref()),
            public: pair.public_key().as_ref().to_vec(),
        }
    }

    fn rsa(id: &'static str) -> Self {
        let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = pair.as_der().unwrap();
        // What PKCS #8 puts before the key of PKCS #1: version, algorithm, the head of an octet string.
        let key = der.as_ref().get(26..).unwrap();
        Self {
            id,
            algorithm: Algorithm::RS256,
            key: EncodingKey::from_rsa_der(key),
            public: pair.public_key().as_ref().to_vec(),
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.to_owned());
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

pub(crate) fn jwks(signers: &[&Signer]) -> String {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

pub(crate) fn claims(now: i64) -> Value {
    json!({
        "iss": ISSUER, "sub": "agent-7", "aud": ["other", "interdict"], "exp": now + 600, "nbf": now - 5, "iat": now - 5,
    })
}

/// The same, with one claim changed (`null`: taken away).
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims(NOW);
    let map = claims.as_object_mut().unwrap();
    match value {
        Value::Null => map.remove(name),
        value => map.insert(name.to_owned(), value),
    };
    claims
}

fn expected() -> Expected {
    Expected {
        issuer: ISSUER.to_owned(),
        audience: vec!["interdict".to_owned()],
    }
}

fn check(token: &str, keys: &str) -> Result<Verified, TokenError> {
    verify(token, &KeySet::parse(keys).unwrap(), &expected(), NOW)
}

fn code(outcome: Result<Verified, TokenError>) -> &'static str {
    outcome.map_or_else(|error| error.code(), |_| "sound")
}

#[test]
fn tokens_of_the_usual_algorithms_are_sound() {
    let (ec, rsa) = (Signer::ec("a"), Signer::rsa("b"));
    let keys = jwks(&[&ec, &rsa]);
    for signer in [&ec, &rsa] {
        let verified = check(&signer.sign(&claims(NOW)), &keys).unwrap();
        assert_eq!(verified.subject, "agent-7");
        assert_eq!(verified.claims["aud[interdict]"], "true");
    }
}

#[test]
fn what_is_wrong_with_a_token_is_told() {
    let signer = Signer::ec("a");
    let keys = jwks(&[&signer]);
    for (claims, expected) in [
        (claims(NOW), "sound"),
        (with("exp", json!(NOW - 31)), "expired"),
        (with("exp", json!(NOW - 29)), "sound"),
        (with("exp", json!(NOW as f64 + 0.5)), "sound"),
        (with("exp", Value::Null), "malformed"),
        (with("exp", json!("soon")), "malformed"),
        (with("exp", json!(f64::MAX)), "malformed"),
        (with("nbf", json!(NOW + 31)), "not_yet"),
        (with("nbf", json!(NOW + 29)), "sound"),
        (with("nbf", json!([])), "malformed"),
        (with("iss", json!("https://issuer.example/")), "issuer"),
        (with("iss", Value::Null), "issuer"),
        (with("aud", json!("interdict")), "sound"),
        (with("aud", json!("interdict2")), "audience"),
        (with("aud", json!(["other"])), "audience"),
        (with("aud", json!({"interdict": true})), "audience"),
        (with("aud", Value::Null), "audience"),
        (with("sub", Value::Null), "malformed"),
        (with("sub", json!("")), "malformed"),
        (with("sub", json!("a\nb")), "malformed"),
        (with("sub", json!("x".repeat(256))), "malformed"),
        (json!([1]), "malformed"),
    ] {
        let outcome = check(&signer.sign(&claims), &keys);
        assert_eq!(code(outcome), expected, "{claims}");
    }
    let mut long = claims(NOW);
    long["padding"] = json!("x".repeat(LONGEST));
    assert_eq!(code(check(&signer.sign(&long), &keys)), "too_large");
}

#[test]
fn only_the_issuers_keys_count() {
    let (ours, theirs, other) = (Signer::ec("a"), Signer::ec("a"), Signer::ec("b"));
    let keys = jwks(&[&ours]);
    assert_eq!(code(check(&theirs.sign(&claims(NOW)), &keys)), "forged");
    assert_eq!(code(check(&other.sign(&claims(NOW)), &keys)), "unknown_key");
    // A key in the token itself is nobody's word.
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("a".to_owned());
    header.jwk = Some(Jwk::from_encoding_key(&theirs.key, Algorithm::ES256).unwrap());
    let token = jsonwebtoken::encode(&header, &claims(NOW), &theirs.key).unwrap();
    assert_eq!(code(check(&token, &keys)), "forged");
    // What has to be understood is not.
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("a".to_owned());
    header.crit = Some(vec!["b64".to_owned()]);
    let token = jsonwebtoken::encode(&header, &claims(NOW), &ours.key).unwrap();
    assert_eq!(code(check(&token, &keys)), "malformed");
    // Without a name for the key, any of them may be it.
    let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims(NOW), &ours.key).unwrap();
    assert_eq!(code(check(&token, &jwks(&[&other, &ours]))), "sound");
}

#[test]
fn no_algorithm_without_a_private_key_is_accepted() {
    let rsa = Signer::rsa("a");
    let keys = jwks(&[&rsa]);
    // The public key as the secret of an HMAC.
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("a".to_owned());
    let secret = EncodingKey::from_secret(&rsa.public);
    let token = jsonwebtoken::encode(&header, &claims(NOW), &secret).unwrap();
    assert_eq!(code(check(&token, &keys)), "algorithm");
    // A secret among the issuer's keys is left out.
    let mut listed: Value = serde_json::from_str(&keys).unwrap();
    listed["keys"]
        .as_array_mut()
        .unwrap()
        .push(json!({"kty": "oct", "kid": "s", "k": "c2VjcmV0"}));
    header.kid = Some("s".to_owned());
    let token = jsonwebtoken::encode(&header, &claims(NOW), &EncodingKey::from_secret(b"secret")).unwrap();
    assert_eq!(code(check(&token, &listed.to_string())), "algorithm");
    // `{"alg":"none","kid":"a"}`, with the signature left out, and with one that is of something else.
    let signed = rsa.sign(&claims(NOW));
    let mut parts = signed.split('.');
    let (payload, signature) = (parts.nth(1).unwrap(), parts.next().unwrap());
    for signature in ["", signature] {
        let token = format!("eyJhbGciOiJub25lIiwia2lkIjoiYSJ9.{payload}.{signature}");
        assert_eq!(code(check(&token, &keys)), "malformed");
    }
    for token in [
        format!("{}.{payload}", signed.split('.').next().unwrap()),
        "..".to_owned(),
        String::new(),
    ] {
        assert_eq!(code(check(&token, &keys)), "malformed", "{token}");
    }
}

#[test]
fn a_key_serves_what_it_is_for_only() {
    let signer = Signer::rsa("a");
    for (name, value, expected) in [
        ("alg", json!("RS256"), "sound"),
        ("alg", json!("PS256"), "unknown_key"),
        ("key_ops", json!(["verify"]), "sound"),
        ("use", json!("sig"), "sound"),
    ] {
        let mut jwk = signer.jwk();
        jwk[name] = value;
        let keys = json!({ "keys": [jwk] }).to_string();
        assert_eq!(code(check(&signer.sign(&claims(NOW)), &keys)), expected, "{name}");
    }
    for (name, value) in [("use", json!("enc")), ("key_ops", json!(["encrypt"]))] {
        let mut jwk = signer.jwk();
        jwk[name] = value;
        assert!(
            KeySet::parse(&json!({ "keys": [jwk] }).to_string()).is_err(),
            "{name}"
        );
    }
}

#[test]
fn a_set_of_keys_with_strange_ones_serves_with_the_others() {
    let signer = Signer::ec("a");
    let strange = json!({"kty": "NTRU", "kid": "q"});
    let keys = json!({ "keys": [strange, 7, signer.jwk()] }).to_string();
    assert_eq!(code(check(&signer.sign(&claims(NOW)), &keys)), "sound");
    for text in [
        "",
        "{}",
        "{\"keys\": []}",
        "{\"keys\": [{\"kty\":\"oct\",\"k\":\"YQ\"}]}",
        "[]",
    ] {
        assert!(KeySet::parse(text).is_err(), "{text}");
    }
    let many: Vec<Value> = (0..65).map(|_| signer.jwk()).collect();
    assert!(KeySet::parse(&json!({ "keys": many }).to_string()).is_err());
}

#[test]
fn claims_are_flat_and_mean_one_thing() {
    let signer = Signer::ec("a");
    let mut claims = claims(NOW);
    claims["groups"] = json!(["dba", "er,dba", 3, "x]"]);
    claims["org"] = json!({"unit": "er", "lead": true, "none": null});
    claims["a.b"] = json!(1);
    claims["a"] = json!({"b": 2});
    claims["odd[x]"] = json!("x");
    claims["kubernetes.io"] = json!({"pod": {"uid": "u-1", "name": "p"}});
    let verified = check(&signer.sign(&claims), &jwks(&[&signer])).unwrap();
    assert_eq!(verified.pod_uid.as_deref(), Some("u-1"));
    let found: Vec<(&str, &str)> = verified
        .claims
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| {
            !matches!(*name, "exp" | "nbf" | "iat" | "iss" | "sub") && !name.starts_with("aud")
        })
        .collect();
    assert_eq!(
        found,
        [
            ("groups", "dba,er,dba,3,x]"),
            ("groups[3]", "true"),
            ("groups[dba]", "true"),
            ("groups[er,dba]", "true"),
            ("kubernetes.io.pod.name", "p"),
            ("kubernetes.io.pod.uid", "u-1"),
            ("org.lead", "true"),
            ("org.unit", "er"),
        ]
    );
    for claims in [
        json!({"x".repeat(300): 1}),
        Value::Object((0..1100).map(|i| (format!("c{i}"), json!(1))).collect()),
    ] {
        let claims = claims.as_object().unwrap();
        assert!(matches!(claims::flat(claims), Err(TokenError::Claim(_))));
    }
}

proptest! {
    #[test]
    fn anything_is_survived(token in ".*|[a-zA-Z0-9_.-]{0,80}", keys in ".*") {
        let signer = r#"{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}"#;
        let _ = verify(&token, &KeySet::parse(signer).unwrap(), &expected(), NOW);
        let _ = KeySet::parse(&keys);
    }
}
