//! Versions of kernels, as numbers in order.

/// The numbers in it, for comparing: `6.12.90+deb12.1` is `[6, 12, 90, 12, 1]`.
pub(super) fn key(version: &str) -> Vec<u64> {
    version
        .split(|character: char| !character.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect()
}

/// Upstream's part of a package's version.
pub(super) fn upstream(package: &str) -> &str {
    package.split(['-', '+', '~']).next().unwrap_or(package)
}

/// Whether `version` begins with all the numbers of `line`: 6.1.192 is within 6.1, and 6.12 is not.
pub(super) fn within(version: &str, line: &str) -> bool {
    let line = line.split('.').filter(|number| !number.is_empty());
    let mut numbers = upstream(version).split('.');
    line.into_iter().all(|number| numbers.next() == Some(number))
}

/// As much of a line as the names of Debian's packages tell.
pub(super) fn first_two(line: &str) -> &str {
    line.match_indices('.')
        .nth(1)
        .and_then(|(end, _)| line.get(..end))
        .unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_whole_numbers() {
        assert!(within("6.1.192", "6.1") && within("6.1.0-56", "6.1") && within("7.2.12+deb13", "7"));
        assert!(!within("6.12.95", "6.1") && !within("6", "6.1") && !within("5.10.223", "6"));
        assert!(within("6.1", "") && !within("", "6.1"));
    }

    #[test]
    fn newer_is_greater() {
        assert!(key("6.12.100") > key("6.12.95") && key("6.12.90+deb12.1") > key("6.12.90+deb12"));
        assert!(key("5.10.0-46") > key("5.10.0-9"));
    }

    #[test]
    fn upstream_ends_where_debian_begins() {
        assert_eq!(upstream("7.2.12-1~bpo13+1"), "7.2.12");
        assert_eq!(upstream("6.1.192-2"), "6.1.192");
        assert_eq!(
            (first_two("6.12.107"), first_two("6.12"), first_two("")),
            ("6.12", "6.12", "")
        );
    }
}
