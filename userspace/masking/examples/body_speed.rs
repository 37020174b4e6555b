//! How fast bodies of each kind are masked, and how much of them is held: `cargo run --release --example body_speed [MiB]`.
//!
//! An error if more is held than a value and a window.

use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use interdict_masking::body::{Body, BodyPlan, Kind, Limits, Tally};
use interdict_masking::{Detection, Detector, Mask};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let megabytes: usize = std::env::args().nth(1).map_or(Ok(200), |text| text.parse())?;
    let detectors = [
        Detector::UsSsn,
        Detector::Email,
        Detector::Phone,
        Detector::CreditCard,
        Detector::Mrn,
    ];
    let detection = Arc::new(Detection::new(
        &detectors.map(|detector| (detector.into(), Mask::Redact)),
    )?);
    let partial = Mask::Partial {
        keep_first: 0,
        keep_last: 4,
    };
    let masks = || BodyPlan::builder().mask("**.ssn", partial.clone(), "ssn");
    let plans = [
        ("masks", Arc::new(masks()?.build())),
        (
            "masks and detectors",
            Arc::new(masks()?.detect(detection).build()),
        ),
    ];
    let multipart = Kind::Multipart {
        boundary: b"b".as_slice().into(),
    };
    let row = r#"{"id":4711,"ssn":"852-41-7396","name":"Zoe Miller","born":"1951-03-29","note":"called on Tuesday, will call back","tags":["a","b"],"open":true}"#;
    let cases: [(&str, Kind, &str, String, &str); 9] = [
        ("json", Kind::Json, "[0", format!(",\n{row}"), "]"),
        (
            "json, one string",
            Kind::Json,
            "{\"note\":\"",
            "called on Tuesday, will call back\\n ".to_owned(),
            "\"}",
        ),
        ("ndjson", Kind::NdJson, "", format!("{row}\n"), ""),
        ("events", Kind::EventStream, "", format!("data: {row}\n\n"), ""),
        (
            "form",
            Kind::Form,
            "",
            "id=4711&ssn=852-41-7396&name=Zoe+Miller&note=called+on+Tuesday%2C+will+call+back&".to_owned(),
            "",
        ),
        (
            "multipart",
            multipart,
            "--b",
            format!("\r\nContent-Disposition: form-data; name=x\r\nContent-Type: application/json\r\n\r\n{row}\r\n--b"),
            "--",
        ),
        (
            "csv",
            Kind::Csv { delimiter: None },
            "id,ssn,name,born,note\n",
            "4711,852-41-7396,Zoe Miller,1951-03-29,\"called on Tuesday, will call back\"\n".to_owned(),
            "",
        ),
        (
            "text",
            Kind::Text,
            "",
            "4711 Zoe Miller, 1951-03-29: called on Tuesday, will call back; 852-41-7396\n".to_owned(),
            "",
        ),
        (
            "xml",
            Kind::Xml,
            "<r>",
            "<p id=\"4711\"><ssn>852-41-7396</ssn><name>Zoe Miller</name><note>called on Tuesday, will call back</note></p>\n"
                .to_owned(),
            "</r>",
        ),
    ];
    let limits = Limits::default();
    for (name, kind, begin, again, end) in &cases {
        for (plan_name, plan) in &plans {
            let piece = again.repeat((16 << 10) / again.len() + 1);
            let times = (megabytes << 20) / piece.len();
            let mut body = Body::new(kind.clone(), Arc::clone(plan), limits);
            let (mut out, mut tally, mut most) = (BytesMut::new(), Tally::default(), 0);
            let start = Instant::now();
            body.push(begin.as_bytes(), &mut out, &mut tally)?;
            for _ in 0..times {
                out.clear();
                body.push(piece.as_bytes(), &mut out, &mut tally)?;
                most = most.max(body.held());
            }
            body.push(end.as_bytes(), &mut out, &mut tally)?;
            body.finish(&mut out, &mut tally)?;
            let speed = (times * piece.len()) as f64 / 1e6 / start.elapsed().as_secs_f64();
            println!("{name:18} {plan_name:20} {speed:6.0} MB/s, {most:8} bytes held at most");
            if most > limits.value + limits.window {
                return Err(format!("{name} holds {most} bytes").into());
            }
        }
    }
    Ok(())
}
