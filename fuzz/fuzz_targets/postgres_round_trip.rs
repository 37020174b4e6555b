#![no_main]

use bytes::BytesMut;
use interdict_wire::postgres::backend::{
    Message, RowWriter, write_data_row, write_fields, write_row_description,
};
use interdict_wire::postgres::frontend::{self, write_bind};
use interdict_wire::postgres::{Header, backend};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&tag, body)) = data.split_first() else {
        return;
    };
    let same = |out: &BytesMut| {
        assert_eq!(out[0], tag);
        assert_eq!(Header::peek(out).unwrap().unwrap().body, body.len());
        assert_eq!(&out[Header::SIZE..], body);
    };
    let mut out = BytesMut::new();
    if let Ok(message) = frontend::parse(tag, body) {
        message.write(&mut out).unwrap();
        same(&out);
        if let frontend::Message::Bind(bind) = message {
            out.clear();
            let parameter_formats: Vec<_> = bind.parameter_formats.iter().collect();
            let result_formats: Vec<_> = bind.result_formats.iter().collect();
            let parameters = bind.parameters.iter();
            write_bind(
                &mut out,
                bind.portal,
                bind.statement,
                &parameter_formats,
                parameters,
                &result_formats,
            )
            .unwrap();
            same(&out);
        }
    }
    out.clear();
    if let Ok(message) = backend::parse(tag, body) {
        message.write(&mut out).unwrap();
        same(&out);
        out.clear();
        match message {
            Message::DataRow(row) => {
                write_data_row(&mut out, row).unwrap();
                same(&out);
                // Cells and runs in turn.
                out.clear();
                let mut writer = RowWriter::new(&mut out);
                for (index, cell) in row.located().enumerate() {
                    if index % 2 == 0 {
                        writer.cell(cell.value).unwrap();
                    } else {
                        writer.run(&row.encoded()[cell.range], 1).unwrap();
                    }
                }
                writer.finish().unwrap();
                same(&out);
            }
            Message::RowDescription(columns) => {
                write_row_description(&mut out, columns).unwrap();
                same(&out);
            }
            Message::ErrorResponse(fields) | Message::NoticeResponse(fields) => {
                write_fields(&mut out, tag == backend::tag::ERROR_RESPONSE, fields).unwrap();
                same(&out);
            }
            _ => {}
        }
    }
});
