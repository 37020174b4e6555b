//! Rows as a table for a terminal.

use serde_json::{Map, Value};

/// Lays rows out under the given columns, each at most `width` characters wide. Control characters are shown as spaces:
/// a recorded statement must not drive the reader's terminal.
pub fn print(rows: &[Map<String, Value>], columns: &[&str], width: usize) -> String {
    let mut lines: Vec<Vec<String>> = vec![columns.iter().map(|name| (*name).to_owned()).collect()];
    lines.extend(
        rows.iter()
            .map(|row| columns.iter().map(|name| cell(row.get(*name), width)).collect()),
    );
    let widths: Vec<usize> = (0..columns.len())
        .map(|index| {
            lines
                .iter()
                .filter_map(|line| line.get(index))
                .map(|text| text.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    for (number, line) in lines.iter().enumerate() {
        let padded = line
            .iter()
            .zip(&widths)
            .map(|(text, width)| format!("{text:<width$}"));
        out.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
        if number == 0 {
            let rule = widths.iter().map(|width| "─".repeat(*width));
            out.push_str(&rule.collect::<Vec<_>>().join("  "));
            out.push('\n');
        }
    }
    out
}

fn cell(value: Option<&Value>, width: usize) -> String {
    let text = match value {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(values)) if values.iter().all(Value::is_string) => values
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(","),
        Some(other) => other.to_string(),
    };
    let clean: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    if clean.chars().count() <= width {
        return clean;
    }
    clean.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}
