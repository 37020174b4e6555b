//! What musl has not and the C libraries that are built along ask for.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::ui;
use crate::workspace::Workspace;

/// What elfutils' library of helpers needs of argp to be compiled. libelf calls none of it: argp is for the tools, and
/// they are not built.
const ARGP: &str = "\
#ifndef ARGP_H
#define ARGP_H
#include <stdio.h>
typedef int error_t;
struct argp_state { const char *name; };
struct argp_option { const char *name; int key; const char *arg; int flags; const char *doc; int group; };
struct argp {
  const struct argp_option *options;
  error_t (*parser)(int, char *, struct argp_state *);
  const char *args_doc;
  const char *doc;
  const void *children;
  char *(*help_filter)(int, const char *, void *);
  const char *argp_domain;
};
#define OPTION_ARG_OPTIONAL 1
#define OPTION_HIDDEN 2
#define ARGP_ERR_UNKNOWN 7
#define ARGP_HELP_SEE 4
void argp_help(const struct argp *, FILE *, unsigned, char *);
#endif
";

/// Functions of glibc that elfutils' configure insists on for its tools; autoconf takes such a variable for its answer.
const ANSWERS: [&str; 3] = [
    "ac_cv_search_argp_parse",
    "ac_cv_search_fts_close",
    "ac_cv_search__obstack_free",
];

/// Lays out headers for the C compiler and tells cargo of them. musl's own come first: these are only what it lacks, the
/// kernel's interface among it.
pub(super) fn prepare(workspace: &Workspace, target: &str, cargo: &mut Command) -> Result<()> {
    let headers = workspace.target.join("dist-include");
    fs::create_dir_all(&headers)?;
    let argp = headers.join("argp.h");
    // Not written anew: a younger header would compile everything again.
    if fs::read_to_string(&argp).ok().as_deref() != Some(ARGP) {
        fs::write(&argp, ARGP)?;
    }
    // Debian keeps `asm` with the architecture's headers.
    let multiarch = ui::output(Command::new("gcc").arg("-print-multiarch")).unwrap_or_default();
    let system = PathBuf::from("/usr/include");
    for name in ["linux", "asm", "asm-generic"] {
        let found = [system.join(multiarch.trim()).join(name), system.join(name)]
            .into_iter()
            .find(|folder| folder.is_dir())
            .with_context(|| format!("the kernel's headers ({name}) are not in {}", system.display()))?;
        let link = headers.join(name);
        if fs::read_link(&link).ok().as_ref() != Some(&found) {
            // There may be a link to somewhere else.
            let _ = fs::remove_file(&link);
            symlink(found, link)?;
        }
    }
    let headers = headers
        .to_str()
        .context("the target directory's path is not text")?;
    ensure!(
        !headers.contains(char::is_whitespace),
        "C compilers can't be told of a folder with blanks in its path: {headers}"
    );
    cargo.env(
        format!("CFLAGS_{}", target.replace('-', "_")),
        format!("-idirafter {headers}"),
    );
    for answer in ANSWERS {
        cargo.env(answer, "none required");
    }
    Ok(())
}
