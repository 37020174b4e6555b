//! A command line fit for the record: bounded, printable, secrets replaced.
//!
//! What is replaced errs on the side of too much: the value of anything whose name sounds like a secret, passwords in
//! URLs, and the forms of the usual database and HTTP clients.

/// What stands in a secret's place.
const REDACTED: &str = "[redacted]";

/// A name that contains one of these (letters only, lower case) names a secret.
const SECRET_NAMES: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "authorization",
];

/// Clients of MySQL take `-pSECRET`.
const MYSQL_CLIENTS: [&str; 8] = [
    "mysql",
    "mariadb",
    "mysqldump",
    "mariadb-dump",
    "mysqladmin",
    "mariadb-admin",
    "mysqlimport",
    "mysqlsh",
];

/// Puts a command line together for reading. Arguments are separated by spaces, those with spaces in them quoted.
pub(crate) fn redact<'a>(arguments: impl Iterator<Item = &'a str>) -> String {
    let mut line = String::new();
    let mut program = "";
    let mut next_is_secret = false;
    let mut next_is_login = false;
    for (position, argument) in arguments.enumerate() {
        if position == 0 {
            program = argument.rsplit('/').next().unwrap_or(argument);
        } else {
            line.push(' ');
        }
        let shown = if next_is_secret {
            REDACTED.to_owned()
        } else if next_is_login {
            login(argument)
        } else if program == "redis-cli" && argument == "-a" {
            argument.to_owned()
        } else if MYSQL_CLIENTS.contains(&program) && argument.starts_with("-p") && argument.len() > 2 {
            format!("-p{REDACTED}")
        } else {
            redact_argument(argument)
        };
        let flag = position > 0 && argument.starts_with('-') && !argument.contains('=');
        next_is_secret = (flag && names_secret(argument)) || (program == "redis-cli" && argument == "-a");
        next_is_login = program == "curl" && matches!(argument, "-u" | "--user" | "-U" | "--proxy-user");
        push_readable(
            &mut line,
            &shown,
            argument.is_empty() || argument.contains(char::is_whitespace),
        );
    }
    line
}

/// Control characters become `\u{…}`.
fn push_readable(line: &mut String, argument: &str, quote: bool) {
    if quote {
        line.push('\'');
    }
    for c in argument.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    if quote {
        line.push('\'');
    }
}

/// `user:secret`
fn login(argument: &str) -> String {
    argument
        .split_once(':')
        .map_or_else(|| argument.to_owned(), |(user, _)| format!("{user}:{REDACTED}"))
}

fn names_secret(name: &str) -> bool {
    let letters: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    // PGPASSFILE and the like name files, which is worth reading.
    SECRET_NAMES.iter().any(|secret| letters.contains(secret))
        && !letters.ends_with("file")
        && !letters.ends_with("path")
}

/// Replaces `name=secret`, `name: secret` and `scheme://user:secret@host` within one argument.
fn redact_argument(argument: &str) -> String {
    let mut shown = String::with_capacity(argument.len());
    let mut rest = argument;
    while let Some((before, separator, after)) = split_at_separator(rest) {
        if separator == ':'
            && let Some(authority) = after.strip_prefix("//")
        {
            shown.push_str(before);
            shown.push_str("://");
            rest = authority;
            let end = authority
                .find(['/', '?', '#', ' ', '\'', '"'])
                .unwrap_or(authority.len());
            if let Some((host_part, tail)) = authority.split_at_checked(end)
                && let Some((userinfo, host)) = host_part.rsplit_once('@')
            {
                shown.push_str(&login(userinfo));
                shown.push('@');
                shown.push_str(host);
                rest = tail;
            }
            continue;
        }
        shown.push_str(before);
        shown.push(separator);
        rest = after;
        let name = before.trim_end_matches(['"', '\'', ' ']);
        let start = name
            .rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')))
            .map_or(0, |at| {
                at.saturating_add(
                    name.get(at..)
                        .and_then(|tail| tail.chars().next())
                        .map_or(1, char::len_utf8),
                )
            });
        if names_secret(name.get(start..).unwrap_or_default()) {
            // The whole argument is `name=secret` when nothing comes before the name: a secret may hold anything.
            let whole = start == 0 && shown.len() == before.len().saturating_add(1);
            let (secret, tail) = if whole {
                (after, "")
            } else {
                split_after_value(after)
            };
            if !secret.is_empty() {
                shown.push_str(REDACTED);
            }
            rest = tail;
        }
    }
    shown.push_str(rest);
    shown
}

fn split_at_separator(text: &str) -> Option<(&str, char, &str)> {
    let at = text.find(['=', ':'])?;
    let (before, from) = text.split_at_checked(at)?;
    let mut characters = from.chars();
    let separator = characters.next()?;
    Some((before, separator, characters.as_str()))
}

/// Divides after a value: to the closing quote, or to the next space. After `Bearer` or `Basic` one word more.
fn split_after_value(text: &str) -> (&str, &str) {
    let value = text.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let end = if let Some(quote) = quote {
        let mut escaped = false;
        value
            .char_indices()
            .skip(1)
            .find(|&(_, c)| {
                let closes = c == quote && !escaped;
                escaped = c == '\\' && !escaped;
                closes
            })
            .map_or(value.len(), |(at, c)| at.saturating_add(c.len_utf8()))
    } else {
        let word = |text: &str| text.find(char::is_whitespace).unwrap_or(text.len());
        let first = word(value);
        match value.get(..first) {
            Some(scheme) if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("basic") => {
                let after = value.get(first..).unwrap_or_default();
                let blank = after.len().saturating_sub(after.trim_start().len());
                first
                    .saturating_add(blank)
                    .saturating_add(word(after.trim_start()))
            }
            _ => first,
        }
    };
    value.split_at_checked(end).unwrap_or((value, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(arguments: &[&str]) -> String {
        redact(arguments.iter().copied())
    }

    #[test]
    fn secrets_are_replaced_and_the_rest_stays() {
        for (arguments, expected) in [
            (
                &["psql", "-h", "db", "-c", "select 1"][..],
                "psql -h db -c 'select 1'",
            ),
            (
                &["env", "PGPASSWORD=s3cret word", "psql"],
                "env 'PGPASSWORD=[redacted]' psql",
            ),
            (&["app", "--password=s3cret"], "app --password=[redacted]"),
            (
                &["app", "--db-password", "s3cret", "x"],
                "app --db-password [redacted] x",
            ),
            (&["app", "--api-key", "s3cret"], "app --api-key [redacted]"),
            (&["app", "--token-file=/run/t"], "app --token-file=/run/t"),
            (
                &["psql", "host=db password='s3 cret' user=a"],
                "psql 'host=db password=[redacted] user=a'",
            ),
            (
                &["psql", r"user=a password='it\'s3cret' host=b"],
                "psql 'user=a password=[redacted] host=b'",
            ),
            (
                &["psql", "postgresql://ann:s3cret@db:5432/c?x=1"],
                "psql postgresql://ann:[redacted]@db:5432/c?x=1",
            ),
            (
                &["psql", "postgres://ann:s3@cret@db/c"],
                "psql postgres://ann:[redacted]@db/c",
            ),
            (
                &["psql", "postgres://db/c?user=a&password=s3cret"],
                "psql postgres://db/c?user=a&password=[redacted]",
            ),
            (
                &["psql", "postgres://ann@db:5432/c"],
                "psql postgres://ann@db:5432/c",
            ),
            (
                &["sh", "-c", "PGPASSWORD=s3cret psql -h db"],
                "sh -c 'PGPASSWORD=[redacted]'",
            ),
            (
                &["sh", "-c", "cd /x; PGPASSWORD=s3cret psql"],
                "sh -c 'cd /x; PGPASSWORD=[redacted] psql'",
            ),
            (
                &["/usr/bin/mysql", "-ps3cret", "-u", "a"],
                "/usr/bin/mysql -p[redacted] -u a",
            ),
            (&["ssh", "-p22", "host"], "ssh -p22 host"),
            (&["redis-cli", "-a", "s3cret"], "redis-cli -a [redacted]"),
            (
                &["curl", "-u", "ann:s3cret", "http://x"],
                "curl -u ann:[redacted] http://x",
            ),
            (
                &["curl", "-H", "Authorization: Bearer s3cret"],
                "curl -H 'Authorization:[redacted]'",
            ),
            (
                &["curl", "-H", "x: y authorization: Bearer s3cret z"],
                "curl -H 'x: y authorization:[redacted] z'",
            ),
            (
                &["app", r#"{"user":"a","password":"s3cret","n":1}"#],
                r#"app {"user":"a","password":[redacted],"n":1}"#,
            ),
            (&["app", ""], "app ''"),
            (&["app", "a\nb\x1b[2J"], r"app 'a\nb\u{1b}[2J'"),
        ] {
            let shown = line(arguments);
            assert_eq!(shown, expected);
            assert!(!shown.contains("cret"), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_survived(arguments in proptest::collection::vec("[=:/@'\" a-zpassword-]{0,20}|.*", 0..5)) {
            let _ = redact(arguments.iter().map(String::as_str));
        }

        /// However it is given and whatever surrounds it, a password does not show.
        #[test]
        fn a_password_does_not_show(before in "[a-z ='\"]{0,10}", secret in "[A-Z0-9]{6,12}", quote in "['\"]?") {
            let argument = format!("{before} password={quote}{secret}{quote} tail");
            prop_assert!(!line(&["psql", &argument]).contains(&secret));
            prop_assert!(!line(&["psql", "--password", &secret]).contains(&secret));
            let url = format!("postgres://u:{secret}@h/d");
            prop_assert!(!line(&["psql", &url]).contains(&secret));
        }
    }
}
