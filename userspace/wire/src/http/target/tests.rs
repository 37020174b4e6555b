use super::{Authority, PathAndQuery, Scheme, Target, decode, normalize, query_pairs};
use crate::http::HttpError;

#[test]
fn forms_are_told_apart() {
    let origin = |path, query| Target::Origin(PathAndQuery { path, query });
    assert_eq!(Target::parse("GET", "/a?b?c"), Ok(origin("/a", Some("b?c"))));
    assert_eq!(Target::parse("GET", "/a?"), Ok(origin("/a", Some(""))));
    assert_eq!(Target::parse("GET", "//a"), Ok(origin("//a", None)));
    assert_eq!(Target::parse("OPTIONS", "*"), Ok(Target::Asterisk));
    let absolute = Target::parse("GET", "HTTPS://[::1]:8443?q").unwrap();
    assert_eq!(
        absolute,
        Target::Absolute {
            scheme: Scheme::Https,
            authority: Authority {
                host: "[::1]",
                port: Some(8443)
            },
            rest: PathAndQuery {
                path: "/",
                query: Some("q")
            }
        }
    );
    assert_eq!(absolute.path_and_query().unwrap().path, "/");
    let tunnel = Target::parse("CONNECT", "db.example:5432").unwrap();
    assert_eq!(tunnel.authority().unwrap().port, Some(5432));
    assert_eq!(tunnel.path_and_query(), None);
    for (method, target, error) in [
        ("GET", "*", HttpError::TargetForm),
        ("GET", "a:1", HttpError::TargetForm),
        ("GET", "", HttpError::TargetForm),
        ("CONNECT", "a", HttpError::TargetForm),
        ("CONNECT", "*", HttpError::TargetAuthority),
        ("CONNECT", "http://a/", HttpError::TargetAuthority),
        ("GET", "ftp://a/", HttpError::TargetScheme),
        ("GET", "http://", HttpError::TargetAuthority),
        ("GET", "http://a@b/", HttpError::TargetAuthority),
    ] {
        assert_eq!(Target::parse(method, target), Err(error), "{method} {target}");
    }
}

#[test]
fn escapes_are_decoded_once_and_strictly() {
    assert_eq!(decode("a%20b%C3%a4%252e+").unwrap(), "a b\u{e4}%2e+");
    for bad in ["%", "%2", "a%2g", "%%41", "%+1", "% 1"] {
        assert_eq!(decode(bad), Err(HttpError::Escape), "{bad}");
    }
    assert_eq!(decode("%ff"), Err(HttpError::EscapeNotUtf8));
}

#[test]
fn paths_are_normalized() {
    for (path, normal) in [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a/", "/a/"),
        ("//a///b/", "//a///b/"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a/.", "/a/"),
        ("/a/b/../../c", "/c"),
        ("/%61%20b", "/a b"),
        ("/a;x=1", "/a;x=1"),
        ("/...", "/..."),
        ("/.well-known", "/.well-known"),
        ("/100%25", "/100%"),
        ("/a%2525", "/a%25"),
    ] {
        let found = normalize(path).unwrap();
        assert_eq!((found.as_str(), found.is_ambiguous()), (normal, false), "{path}");
        let dots = path.split('/').any(|segment| matches!(segment, "." | ".."));
        assert_eq!(found.had_dot_segments(), dots, "{path}");
    }
}

#[test]
fn paths_that_servers_read_differently_say_so() {
    for path in [
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/%2e%2e/b",
        "/.%2e/b",
        "/%2E/b",
        "/a/..;/b",
        "/a/..;x=1/b",
        "/a/.;/b",
        "/a%252fb",
        "/a/%252e%252e/b",
        "/a%25252fb",
        "/a%255cb",
        "/a/%252e%/b%25",
        "/a%00",
        "/a%0d%0ab",
        "/a%2500",
        "/..",
        "/a/../../b",
        "/a//../b",
    ] {
        match normalize(path) {
            Ok(found) => assert!(found.is_ambiguous(), "{path} {found:?}"),
            Err(error) => assert_eq!(error, HttpError::Escape, "{path}"),
        }
    }
    assert!(
        normalize("/%25%32%65%25").unwrap().is_ambiguous(),
        "an escape that can't be decoded as a whole"
    );
    // Escapes nested deeper than anyone decodes take little time.
    let deep = format!("/{}2e", "%25".repeat(10_000));
    assert!(!normalize(&deep).unwrap().as_str().is_empty());
    let nested = format!("/%{}2e", "25".repeat(10_000));
    assert!(normalize(&nested).unwrap().is_ambiguous());
    assert_eq!(normalize("a"), Err(HttpError::TargetForm));
}

#[test]
fn queries_are_read_in_pairs() {
    let pairs: Vec<_> = query_pairs("a=1&b=x+y%2Bz&c&&=v&a=2=3")
        .map(|pair| pair.unwrap())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let expected = [("a", "1"), ("b", "x y+z"), ("c", ""), ("", "v"), ("a", "2=3")];
    assert!(
        pairs
            .iter()
            .map(|(name, value)| (&name[..], &value[..]))
            .eq(expected)
    );
    assert_eq!(query_pairs("").count(), 0);
    let mut bad = query_pairs("a=%&b=1");
    assert_eq!(bad.next(), Some(Err(HttpError::Escape)));
    assert_eq!(bad.next(), Some(Ok(("b".into(), "1".into()))));
}
