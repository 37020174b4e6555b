//! The part of a page of the documentation that is written by this command.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

const BEGIN: &str = "<!-- written by `cargo xtask vm --docs`: begin -->\n";
const END: &str = "<!-- end -->\n";

/// Puts `tables` into the page, between the marks.
pub(super) fn write(page: &Path, tables: &str) -> Result<()> {
    let text = fs::read_to_string(page).with_context(|| format!("{} can't be read", page.display()))?;
    let text = replace(&text, tables).with_context(|| {
        format!(
            "{} has no place for the tables (`{}`)",
            page.display(),
            BEGIN.trim()
        )
    })?;
    fs::write(page, text).with_context(|| format!("{} can't be written", page.display()))
}

fn replace(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = format!("# Page\n{BEGIN}old\n{END}after\n");
        let once = replace(&text, "new").unwrap();
        assert_eq!(once, format!("# Page\n{BEGIN}\nnew\n{END}after\n"));
        assert_eq!(replace(&once, "new").unwrap(), once);
        assert_eq!(replace("# Page\n", "new"), None);
    }
}
