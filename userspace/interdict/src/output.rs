//! What people read, and what programs read.

use std::io::{self, Write};

use serde::Serialize;

/// Rows under headings, columns aligned.
pub(crate) struct Table {
    headings: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Longer cells are cut: a statement can be a megabyte.
const WIDEST: usize = 100;

impl Table {
    pub(crate) fn new<const N: usize>(headings: [(&'static str, Align); N]) -> Self {
        Self {
            headings: headings.into(),
            rows: Vec::new(),
        }
    }

    /// One cell a heading.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.headings.len(), "a cell for every heading");
        self.rows
            .push(cells.into_iter().map(|cell| readable(&cell)).collect());
    }

    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut widths: Vec<usize> = self
            .headings
            .iter()
            .map(|(heading, _)| heading.chars().count())
            .collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let headings: Vec<String> = self
            .headings
            .iter()
            .map(|(heading, _)| (*heading).to_owned())
            .collect();
        for row in std::iter::once(&headings).chain(&self.rows) {
            let mut line = String::new();
            for ((cell, width), (_, align)) in row.iter().zip(&widths).zip(&self.headings) {
                let blank = " ".repeat(width.saturating_sub(cell.chars().count()));
                let (before, after) = if *align == Align::Left {
                    ("", &*blank)
                } else {
                    (&*blank, "")
                };
                line.extend([before, cell, after, "  "]);
            }
            writeln!(to, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// One line, without control characters, not too long.
pub(crate) fn readable(cell: &str) -> String {
    let mut line = cell
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace(|c: char| c.is_control(), "\u{fffd}");
    if let Some((at, _)) = line.char_indices().nth(WIDEST) {
        line.truncate(at);
        line.push('…');
    }
    line
}

/// One document.
pub(crate) fn json(to: &mut impl Write, document: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *to, document)?;
    writeln!(to)
}

/// One document: an array, each element written as it comes.
pub(crate) fn json_array<T: Serialize>(
    to: &mut impl Write,
    elements: impl Iterator<Item = anyhow::Result<T>>,
) -> anyhow::Result<()> {
    write!(to, "[")?;
    for (position, element) in elements.enumerate() {
        write!(to, "{}", if position == 0 { "\n" } else { ",\n" })?;
        serde_json::to_writer(&mut *to, &element?)?;
    }
    writeln!(to, "\n]")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_cells_are_harmless() {
        let mut table = Table::new([
            ("NAME", Align::Left),
            ("ROWS", Align::Right),
            ("TEXT", Align::Left),
        ]);
        table.row([
            "a".to_owned(),
            "12345".to_owned(),
            "SELECT\n  1\x1b[2J".to_owned(),
        ]);
        table.row(["longer".to_owned(), "7".to_owned(), "é".repeat(101)]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let expected = format!(
            "NAME     ROWS  TEXT\na       12345  SELECT 1\u{fffd}[2J\nlonger      7  {}…\n",
            "é".repeat(100)
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn an_array_is_one_document() {
        for count in [0_usize, 1, 3] {
            let mut out = Vec::new();
            json_array(&mut out, (0..count).map(anyhow::Ok)).unwrap();
            let read: Vec<usize> = serde_json::from_slice(&out).unwrap();
            assert_eq!(read, (0..count).collect::<Vec<_>>());
        }
    }
}
