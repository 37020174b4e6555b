//! Rows of both protocols, read without copying and written cell by cell.

mod binary;
mod text;

pub use self::binary::{BinaryCells, BinaryRow, BinaryRowWriter};
pub use self::text::{TextCells, TextRow, TextRowWriter};

const CELL: &str = "cell";
