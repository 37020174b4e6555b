//! Reading what was recorded, with DuckDB where there is one.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::scenes::Answer;
use crate::{host, ui};

/// Segments are closed every second in the demo; a slow machine gets some more.
const PATIENCE: Duration = Duration::from_secs(20);

/// A command that shows the statements, and how a person would type it.
pub(super) struct Reader {
    pub(super) command: Command,
    pub(super) line: String,
}

/// The statements, in order.
const STATEMENTS: &str = "SELECT seq, identity, decision, rule, masked_cells AS masked, \"rows\", statement \
     FROM read_parquet('PLACE/statements/*/*.parquet') ORDER BY seq";

/// What shows the statements.
pub(super) fn reader(binary: &Path, directory: &Path) -> Reader {
    asking(binary, directory, STATEMENTS, "statements")
}

/// DuckDB's command line, Python's DuckDB, or our own reader of one table. `query`: with `PLACE` for the audit's directory.
pub(super) fn asking(binary: &Path, directory: &Path, query: &str, table: &str) -> Reader {
    let query = |place: &str| query.replace("PLACE", place);
    let (asked, shown) = (query(&directory.display().to_string()), query("audit"));
    if let Some(duckdb) = host::program("duckdb") {
        let mut command = Command::new(duckdb);
        command.args(["-box", "-c", &asked]);
        return Reader {
            command,
            line: format!("duckdb -box -c \"{shown}\""),
        };
    }
    if ui::succeeds(Command::new("python3").args(["-c", "import duckdb"])) {
        let mut command = Command::new("python3");
        command.args([
            "-c",
            "import duckdb, sys; duckdb.sql(sys.argv[1]).show(max_width=140)",
            &asked,
        ]);
        return Reader {
            command,
            line: format!("python3 -c 'import duckdb; duckdb.sql(…).show()'   # {shown}"),
        };
    }
    let mut command = Command::new(binary);
    command.args(["audit", "rows", "--table", table]).arg(directory);
    Reader {
        command,
        line: format!("interdict audit rows --table {table} audit"),
    }
}

/// Asks `reader` until what it says satisfies `complete`: records become files a moment after they were made.
pub(super) fn read_until(reader: &mut Reader, complete: impl Fn(&Answer) -> bool) -> Result<Answer> {
    let started = Instant::now();
    loop {
        let answer = Answer::of(&mut reader.command)?;
        if complete(&answer) || started.elapsed() > PATIENCE {
            return Ok(answer);
        }
        thread::sleep(Duration::from_millis(250));
    }
}
