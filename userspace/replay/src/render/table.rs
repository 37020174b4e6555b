//! Results as tables of characters.

use super::plain;
use crate::decode::Table;

/// Rows that are shown of one.
const ROWS: usize = 50;
/// Columns of a cell at most.
const WIDTH: usize = 40;

/// Lines of a table, without line ends.
pub(super) fn lines(table: &Table) -> Vec<String> {
    let cell = |text: &str| {
        let text = plain(text).replace('\n', "⏎").replace('\t', " ");
        if text.chars().count() > WIDTH {
            text.chars().take(WIDTH - 1).chain(['…']).collect()
        } else {
            text
        }
    };
    let head: Vec<String> = table.columns.iter().map(|column| cell(column)).collect();
    let rows: Vec<Vec<String>> = table
        .rows
        .iter()
        .take(ROWS)
        .map(|row| {
            row.iter()
                .map(|value| value.as_deref().map_or_else(String::new, cell))
                .collect()
        })
        .collect();
    let mut widths: Vec<usize> = head.iter().map(|text| text.chars().count()).collect();
    for row in &rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(text, width)| format!("{text}{}", " ".repeat(width.saturating_sub(text.chars().count()))))
            .collect();
        format!(" {}", cells.join(" │ ")).trim_end().to_owned()
    };
    let mut lines = vec![
        line(&head),
        widths
            .iter()
            .map(|width| "─".repeat(width + 2))
            .collect::<Vec<_>>()
            .join("┼"),
    ];
    lines.extend(rows.iter().map(|row| line(row)));
    let all = table.rows.len() as u64 + table.more;
    let hidden = all - rows.len() as u64;
    lines.push(match (all, hidden) {
        (1, 0) => "(1 row)".to_owned(),
        (all, 0) => format!("({all} rows)"),
        (all, hidden) => format!("({all} rows, {hidden} of them not shown)"),
    });
    lines
}
