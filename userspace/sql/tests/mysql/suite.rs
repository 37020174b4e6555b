//! The statements of a test suite in mysqltest's language.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// Words that begin a command of mysqltest's own.
const COMMANDS: &str = "connect connection disconnect let echo eval error source sorted_result query_vertical \
    query_horizontal inc dec perl exec sleep real_sleep vertical_results horizontal_results remove_file write_file cat_file \
    copy_file append_file chmod send reap query send_eval replace_result replace_column replace_regex dirty_close \
    enable_warnings disable_warnings enable_query_log disable_query_log enable_result_log disable_result_log die exit skip \
    result disable_abort_on_error enable_abort_on_error enable_info disable_info enable_metadata disable_metadata change_user \
    ping list_files mkdir rmdir evalp output shutdown_server move_file diff_files send_quit send_shutdown end while if \
    enable_ps_protocol disable_ps_protocol enable_view_protocol disable_view_protocol enable_cursor_protocol \
    disable_cursor_protocol enable_ps2_protocol disable_ps2_protocol enable_prepare_warnings disable_prepare_warnings \
    enable_service_connection disable_service_connection enable_connect_log disable_connect_log enable_column_names \
    disable_column_names enable_reconnect disable_reconnect character_set optimizer_trace kill shutdown";

/// Every statement of each `step`th file once, in order. Those with mysqltest's own variables are left out.
pub(super) fn statements(folder: &Path, step: usize) -> Vec<String> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "test"))
        .collect();
    files.sort();
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for file in files.into_iter().step_by(step) {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        for statement in split(&text) {
            if is_sql(&statement) && seen.insert(statement.clone()) {
                all.push(statement);
            }
        }
    }
    all
}

fn split(text: &str) -> Vec<String> {
    let mut delimiter = ";".to_owned();
    let mut held = String::new();
    let mut all = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if held.trim().is_empty() {
            let bare = trimmed.strip_prefix("--").unwrap_or(trimmed).trim();
            if let Some(next) = bare
                .get(..10)
                .filter(|word| word.eq_ignore_ascii_case("delimiter "))
                .and_then(|_| bare.get(10..))
            {
                let next = next.trim();
                let next = next
                    .strip_suffix(delimiter.as_str())
                    .filter(|rest| !rest.is_empty())
                    .unwrap_or(next);
                next.trim().clone_into(&mut delimiter);
                continue;
            }
            if trimmed.is_empty() || trimmed.starts_with('#') || trimmed.starts_with("--") {
                continue;
            }
        }
        held.push_str(line);
        held.push('\n');
        if let Some(statement) = held.trim_end().strip_suffix(delimiter.as_str()) {
            let statement = statement.trim().to_owned();
            if !statement.is_empty() {
                all.push(statement);
            }
            held.clear();
        }
    }
    all
}

fn is_sql(statement: &str) -> bool {
    let word: String = statement
        .chars()
        .take_while(|c| c.is_ascii_alphabetic() || *c == '_')
        .collect();
    let word = word.to_ascii_lowercase();
    let own = statement.starts_with(['{', '}']) || COMMANDS.split_whitespace().any(|command| command == word);
    let variable = statement
        .match_indices('$')
        .any(|(at, _)| statement[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
    !own && !variable
}
