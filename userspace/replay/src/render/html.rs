//! One page that needs nothing else: no script has to run for it to be read, and none from elsewhere can.

use std::fmt::Write as _;

use serde_json::Value;

use super::{plain, text, time};
use crate::decode::{Shown, Table};
use crate::recording::{Recording, Step};

const STYLE: &str = include_str!("html/replay.css");
const SCRIPT: &str = include_str!("html/replay.js");
/// Rows of a result that a page shows.
const ROWS: usize = 200;

/// The recording as a page.
pub fn html(recording: &Recording) -> String {
    let mut out = String::new();
    let title = escape(&text::title(&recording.session));
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{}'; script-src '{}'\">\n\
         <title>{title}</title>\n<style>{STYLE}</style></head>\n<body>\n<header><h1>{title}</h1>\n",
        source(STYLE),
        source(SCRIPT),
    );
    out.push_str("<dl>");
    for (name, value) in &recording.session {
        let value = match value {
            Value::Null => continue,
            Value::String(text) => escape(text),
            Value::Array(values) if values.is_empty() => continue,
            Value::Object(values) if values.is_empty() => continue,
            other => escape(&other.to_string()),
        };
        if !matches!(name.as_str(), "hash" | "previous_hash") {
            let _ = write!(out, "<dt>{name}</dt><dd>{value}</dd>");
        }
    }
    out.push_str("</dl></header>\n<nav><button type=\"button\" id=\"play\">Play</button> <button type=\"button\" id=\"back\">Back</button> <button type=\"button\" id=\"next\">Next</button> \
        <button type=\"button\" id=\"denied\">Next refused</button> <label>Speed <select id=\"speed\"><option>1</option><option>4</option><option>16</option></select></label> \
        <label>Find <input id=\"find\" type=\"search\"></label> <span id=\"place\"></span></nav>\n<main>\n");
    let mut number = 0;
    for step in &recording.steps {
        number += usize::from(step.statement.is_some());
        section(step, number, &mut out);
    }
    if recording.missing_bytes > 0 {
        let _ = writeln!(
            out,
            "<p class=\"missing\">{} of {} bytes that the client received are not kept.</p>",
            recording.missing_bytes,
            recording.kept_bytes + recording.missing_bytes
        );
    }
    let _ = write!(out, "</main>\n<script>{SCRIPT}</script>\n</body></html>\n");
    out
}

fn section(step: &Step, number: usize, out: &mut String) {
    let kind = match &step.statement {
        None => "outside",
        Some(statement) if statement.is_refused() => "refused",
        Some(statement) if statement.decision == "mask" => "mask",
        Some(statement) if matches!(statement.decision.as_str(), "hold" | "approve") => "hold",
        Some(_) => "allow",
    };
    let _ = write!(
        out,
        "<section class=\"{kind}\" data-at=\"{}\" tabindex=\"-1\"><h2><time>{}</time> ",
        step.at,
        time(step.at)
    );
    match &step.statement {
        None => out.push_str("outside of a statement</h2>\n"),
        Some(statement) => {
            let _ = write!(
                out,
                "#{number} <b>{}</b> {}</h2>\n<pre class=\"statement\">{}</pre>\n",
                escape(&statement.decision),
                escape(statement.status.as_deref().unwrap_or("not over")),
                escape(&statement.statement)
            );
            out.push_str("<dl>");
            let mut fact = |name: &str, value: Option<String>| {
                if let Some(value) = value.filter(|value| !value.is_empty()) {
                    let _ = write!(out, "<dt>{name}</dt><dd>{}</dd>", escape(&value));
                }
            };
            let parameters = statement
                .parameters
                .iter()
                .enumerate()
                .map(|(index, value)| format!("${} = {}", index + 1, value.as_deref().unwrap_or("NULL")));
            fact("parameters", Some(parameters.collect::<Vec<_>>().join(", ")));
            fact("rule", statement.rule.clone());
            fact("policy", statement.policy.clone());
            fact("message", statement.message.clone());
            fact("effects", Some(statement.effects.join(", ")));
            let relations = statement
                .relations
                .iter()
                .map(|relation| format!("{} ({})", relation.name, relation.access));
            fact("relations", Some(relations.collect::<Vec<_>>().join(", ")));
            fact("rows", statement.rows.map(|rows| rows.to_string()));
            let masked = statement
                .masked_by
                .iter()
                .flatten()
                .map(|(name, cells)| format!("{name}: {cells}"));
            fact("masked", Some(masked.collect::<Vec<_>>().join(", ")));
            fact("approval", statement.approval_id.map(|id| id.to_string()));
            fact("grant", statement.grant_id.map(|id| id.to_string()));
            fact("flags", Some(statement.flags.join(", ")));
            out.push_str("</dl>\n");
        }
    }
    for shown in &step.shown {
        show(shown, out);
    }
    out.push_str("</section>\n");
}

fn show(shown: &Shown, out: &mut String) {
    let (class, text) = match shown {
        Shown::Table(table) => return rows(table, out),
        Shown::Done(text) => ("done", text.clone()),
        Shown::Note(text) => ("note", text.clone()),
        Shown::Error(text) => ("error", text.clone()),
        Shown::Text(text) => ("text", text.clone()),
        Shown::Missing {
            bytes,
            withheld,
            digest,
        } => {
            let why = if *withheld {
                "shown unmasked by a grant, and not kept"
            } else {
                "sent besides, and not kept"
            };
            let digest = digest.as_deref().unwrap_or_default();
            ("missing", format!("{bytes} bytes {why} {digest}"))
        }
        Shown::Bytes(bytes) => (
            "missing",
            format!("{bytes} bytes that do not read as the protocol's"),
        ),
    };
    let _ = writeln!(out, "<pre class=\"{class}\">{}</pre>", escape(&text));
}

fn rows(table: &Table, out: &mut String) {
    out.push_str("<div class=\"rows\"><table><thead><tr>");
    for column in &table.columns {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escape(column));
    }
    out.push_str("</tr></thead><tbody>");
    for row in table.rows.iter().take(ROWS) {
        out.push_str("<tr>");
        for value in row {
            match value {
                Some(value) => {
                    let _ = write!(out, "<td>{}</td>", escape(value));
                }
                None => out.push_str("<td class=\"null\">NULL</td>"),
            }
        }
        out.push_str("</tr>");
    }
    let all = table.rows.len() as u64 + table.more;
    let _ = write!(out, "</tbody></table><p>{all} rows");
    let shown = table.rows.len().min(ROWS) as u64;
    if shown < all {
        let _ = write!(out, ", the first {shown} of them here");
    }
    out.push_str("</p></div>\n");
}

/// Text for a page: [`plain`], and nothing in it is markup.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in plain(text).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

/// What a content security policy names an inline source by.
fn source(text: &str) -> String {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text));
    format!("sha256-{digest}")
}
