//! Rows rewritten cell by cell with untouched runs copied in one go.

use bytes::{BufMut, BytesMut};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::WireError;
use crate::postgres::backend::{DataRow, RowWriter, write_data_row};
use crate::postgres::messages;

/// Replaces the cells for which `masked` says so, copying the runs between them.
fn mask(row: DataRow<'_>, masked: impl Fn(usize) -> bool, out: &mut BytesMut) -> Result<(), WireError> {
    let mut writer = RowWriter::new(out);
    let mut run = (0, 0);
    for (index, cell) in row.located().enumerate() {
        if masked(index) && cell.value.is_some() {
            writer.run(&row.encoded()[run.0..cell.range.start], run.1)?;
            writer.cell_with(|out| {
                out.put_slice(b"***");
                index % 2 == 0
            })?;
            run = (cell.range.end, 0);
        } else {
            run.1 += 1;
        }
    }
    writer.run(&row.encoded()[run.0..], run.1)?;
    writer.finish()
}

proptest! {
    #[test]
    fn runs_and_cells_make_the_same_row_as_cells_alone(
        cells in vec((option::of(vec(any::<u8>(), 0..9)), any::<bool>()), 0..20),
    ) {
        let mut original = BytesMut::new();
        write_data_row(&mut original, cells.iter().map(|(value, _)| value.as_deref())).unwrap();
        let row = DataRow::parse(&original[5..]).unwrap();

        let mut by_runs = BytesMut::from(&b"before"[..]);
        mask(row, |index| cells[index].1, &mut by_runs).unwrap();

        let mut by_cells = BytesMut::from(&b"before"[..]);
        let expected = cells.iter().enumerate().map(|(index, (value, masked))| match value {
            Some(_) if *masked && index % 2 == 0 => Some(&b"***"[..]),
            Some(_) if *masked => None,
            value => value.as_deref(),
        });
        write_data_row(&mut by_cells, expected.clone()).unwrap();
        prop_assert_eq!(&by_runs, &by_cells);

        let (_, body) = messages(&by_runs[6..]).next().unwrap().unwrap();
        prop_assert!(DataRow::parse(body).unwrap().iter().eq(expected));
    }
}

#[test]
fn a_row_that_is_given_up_leaves_nothing() {
    let mut out = BytesMut::from(&b"before"[..]);
    let mut writer = RowWriter::new(&mut out);
    writer.cell(Some(b"a")).unwrap();
    writer.cell(None).unwrap();
    drop(writer);
    assert_eq!(&out[..], b"before");

    let mut writer = RowWriter::new(&mut out);
    writer.run(b"", 65_536).unwrap();
    assert!(writer.finish().is_err());
    assert_eq!(&out[..], b"before");
}

#[test]
fn a_cell_whose_writer_shortens_the_buffer_is_refused() {
    let mut out = BytesMut::from(&b"before"[..]);
    let mut writer = RowWriter::new(&mut out);
    let result = writer.cell_with(|out| {
        out.clear();
        true
    });
    assert!(result.is_err());
}
