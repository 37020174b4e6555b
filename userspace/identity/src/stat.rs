//! `/proc/PID/stat` (proc_pid_stat(5)).

/// The fields that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Field 4.
    pub(crate) parent: u32,
    /// Field 22: clock ticks since boot.
    pub(crate) start_ticks: u64,
}

impl Stat {
    /// Field 2 is the task's name in parentheses and may hold anything, parentheses too: the rest starts after the last one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        let parent = fields.nth(1)?.parse().ok()?;
        let start_ticks = fields.nth(17)?.parse().ok()?;
        Some(Self { parent, start_ticks })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Stat;

    #[test]
    fn a_name_may_hold_parentheses_and_spaces() {
        let tail = "S 41 7 7 0 -1 4194304 1 0 0 0 3 4 0 0 20 0 1 0 987654 5 6";
        for name in ["bash", "a) R 1 1 1", "((", "x y"] {
            assert_eq!(
                Stat::parse(&format!("42 ({name}) {tail}")),
                Some(Stat {
                    parent: 41,
                    start_ticks: 987_654
                }),
                "{name}"
            );
        }
        assert_eq!(Stat::parse("42 (bash) S 41 7"), None);
        assert_eq!(Stat::parse(""), None);
    }

    proptest! {
        #[test]
        fn anything_is_survived(text in ".*") {
            let _ = Stat::parse(&text);
        }
    }
}
