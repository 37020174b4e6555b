//! How texts are cut, beside what servers made of them: the cases were run on MySQL 9.7.4 and MariaDB 10.11.19.

use super::cases::READING;
use super::settings;
use crate::mysql::{Flavour, canonical};

#[test]
fn texts_are_cut_as_the_servers_do() {
    for (text, mysql, mariadb) in READING {
        for (flavour, wanted) in [(Flavour::Mysql, mysql), (Flavour::Mariadb, mariadb)] {
            let read = canonical(text.as_bytes(), &settings(flavour));
            assert_eq!(read.as_deref(), *wanted, "{flavour:?}: {text}");
        }
    }
}

#[test]
fn a_normal_text_has_no_constants_and_a_fingerprint_tells_names_apart() {
    let of = |text: &str| super::analyse(text);
    let one = of("SELECT a, 'x', 0x41, @v FROM t -- c\n WHERE b IN (1, 2, ?)");
    assert_eq!(
        one.normalised.as_deref(),
        Some("SELECT a, ?, ?, @v FROM t WHERE b IN (?, ?, ?)")
    );
    let prints = |text: &str| of(text).fingerprint.clone().unwrap();
    assert_eq!(
        prints("SELECT a FROM t WHERE b IN (1, 2)"),
        prints("select a  FROM t where b in ('x')")
    );
    for other in [
        "SELECT a FROM u WHERE b IN (1)",
        "SELECT a FROM t WHERE c IN (1)",
        "SELECT a FROM s.t WHERE b IN (1)",
    ] {
        assert_ne!(prints("SELECT a FROM t WHERE b IN (1)"), prints(other), "{other}");
    }
    assert_ne!(
        prints("INSERT INTO t VALUES (1, a)"),
        prints("INSERT INTO t VALUES (1 + a)")
    );
}
