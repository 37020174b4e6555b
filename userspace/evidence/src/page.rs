//! The report: one page, readable in any browser, printable.

use std::fmt::Write as _;

use interdict_audit::Report;
use interdict_replay::render::{self, escape};

use crate::build::Request;
use crate::changes::Version;
use crate::figures::Figure;
use crate::matrix::CLAUSES;

const STYLE: &str = include_str!("page/evidence.css");

/// What the folder is, for who opens it without a browser.
pub(crate) const README: &str = "\
Evidence of what automation did with protected data

index.html        the report, with the query behind each figure (print it for a PDF)
manifest.json     every file with its SHA-256; manifest.json.sig is an ed25519 signature of it, if a key was at hand
data/             the record of the period as Parquet, as it was sealed; data/seals/ are the seals and their receipts
queries.sql       all queries, for DuckDB (duckdb.org), to be run in this folder
policies/         the policies in force, and what changed
replays/          sample sessions, as the clients saw them
verify.txt        what checking the whole record found when this was made
scan.json         what looking for raw identifiers in the whole record found, if it was done: places and detectors, never a value

To check it without trusting who sends it
1. sha256 of each file against manifest.json (any tool does).
2. The record: `interdict audit verify data --extract --public-key public-key.pem`; take the key from where you know it to be
   right. What is here has to be whole, to chain and to be what its seals say; other days are not here. The byte layout that hashes are made over is published, so that another program can do the same.
3. Each figure: run its query.

It generates evidence; it does not say that anybody complies. What stays with the organisation stands beside each clause.
";

/// A replayed session.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) title: String,
    pub(crate) file: String,
}

/// What the page tells of.
pub(crate) struct Page<'a> {
    pub(crate) request: &'a Request,
    pub(crate) figures: &'a [Figure],
    pub(crate) versions: &'a [Version],
    pub(crate) samples: &'a [Sample],
    pub(crate) report: &'a Report,
}

impl Page<'_> {
    pub(crate) fn html(&self) -> String {
        let mut out = String::new();
        let (from, until) = (
            render::time(self.request.period.from),
            render::time(self.request.period.until),
        );
        let _ = write!(
            out,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>Evidence {from} to {until}</title><style>{STYLE}</style></head>\n<body>\n<header><h1>Evidence of access to protected data</h1>\n\
             <dl><dt>Period</dt><dd>{from} up to {until} UTC</dd><dt>Host</dt><dd>{}</dd><dt>Made by</dt><dd>{}</dd><dt>With</dt><dd>interdict {}</dd>",
            escape(&self.request.host),
            escape(&self.request.made_by),
            escape(&self.request.version),
        );
        match self.report.first() {
            None => out.push_str("<dt>The record</dt><dd class=\"yes\">verified: nothing was edited, removed, reordered or added (verify.txt)</dd>"),
            Some(finding) => {
                let _ = write!(
                    out,
                    "<dt>The record</dt><dd class=\"no\">a finding: {} (verify.txt has all)</dd>",
                    escape(&finding.to_string())
                );
            }
        }
        out.push_str("</dl>\n");
        out.push_str(
            "<p>What follows is taken from the record that interdict keeps of every connection of enrolled workloads to protected services. Each figure stands \
             with the query that gives it: run <code>queries.sql</code> in this folder with DuckDB to compute all of them again. The package is evidence of \
             technical safeguards. It is no certificate, and administrative and physical safeguards are not in it.</p>\n",
        );
        out.push_str("<nav><a href=\"#matrix\">Clauses</a> <a href=\"#figures\">Figures</a> <a href=\"#policies\">Policies</a> <a href=\"#replays\">Replays</a> <a href=\"#custody\">Custody</a></nav></header>\n<main>\n");
        self.matrix(&mut out);
        out.push_str("<h2 id=\"figures\">Figures</h2>\n");
        for figure in self.figures {
            show(figure, &mut out);
        }
        self.policies(&mut out);
        self.replays(&mut out);
        self.custody(&mut out);
        out.push_str("</main></body></html>\n");
        out
    }

    fn matrix(&self, out: &mut String) {
        out.push_str(
            "<h2 id=\"matrix\">The Security Rule, clause by clause</h2>\n<p>In our words; the text of 45 CFR part 164 counts.</p>\n\
             <div class=\"wide\"><table><thead><tr><th scope=\"col\">Clause</th><th scope=\"col\">Demands</th><th scope=\"col\">Evidence here</th><th scope=\"col\">Stays with you</th></tr></thead><tbody>\n",
        );
        for clause in CLAUSES {
            let titles = clause.figures.iter().map(|id| {
                let figure = self.figures.iter().find(|figure| figure.id == *id);
                let title = figure.map_or(*id, |figure| figure.title.as_str());
                format!("<a href=\"#{id}\">{}</a>", escape(title))
            });
            let files = clause
                .files
                .iter()
                .map(|file| format!("<a href=\"{file}\">{file}</a>"));
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\">{}<br><small>{}</small></th><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(clause.number),
                escape(clause.name),
                escape(clause.demands),
                titles.chain(files).collect::<Vec<_>>().join("<br>"),
                escape(clause.yours)
            );
        }
        out.push_str("</tbody></table></div>\n");
    }

    fn policies(&self, out: &mut String) {
        out.push_str("<h2 id=\"policies\">Policies</h2>\n");
        if self.versions.is_empty() {
            out.push_str("<p>No policy is on record.</p>\n");
        }
        for version in self.versions {
            let _ = write!(
                out,
                "<section><h3><a href=\"{0}\">{1}</a></h3><p><code>{2}</code></p>",
                escape(&version.file),
                escape(&version.name),
                escape(&version.digest)
            );
            if !version.diff.is_empty() {
                let _ = write!(
                    out,
                    "<details open><summary>What changed</summary><pre>{}</pre></details>",
                    escape(&version.diff)
                );
            }
            out.push_str("</section>\n");
        }
    }

    fn replays(&self, out: &mut String) {
        out.push_str("<h2 id=\"replays\">Sample sessions</h2>\n<p>Evenly spread over the period. Each page shows what its client saw: values that were masked are masked here.</p>\n<ul>");
        for sample in self.samples {
            let _ = write!(
                out,
                "<li><a href=\"{}\">{}</a></li>",
                escape(&sample.file),
                escape(&sample.title)
            );
        }
        out.push_str("</ul>\n");
        if self.samples.is_empty() {
            out.push_str("<p>No session of the period has a statement.</p>\n");
        }
    }

    fn custody(&self, out: &mut String) {
        let _ = write!(
            out,
            "<h2 id=\"custody\">Chain of custody</h2>\n<p>Exported by {} on {} with interdict {}. <code>manifest.json</code> has the SHA-256 of every file; \
             <code>manifest.json.sig</code>, where there is one, is its ed25519 signature by the key that seals the record. The segments in <code>data/</code> are the \
             record's own files, unchanged. <a href=\"scan.json\">scan.json</a> tells whether raw identifiers are anywhere in it, if that was looked for.</p>\n<pre>{}</pre>\n",
            escape(&self.request.made_by),
            escape(&self.request.host),
            escape(&self.request.version),
            escape(&self.report.to_string())
        );
    }
}

fn show(figure: &Figure, out: &mut String) {
    let _ = write!(
        out,
        "<section id=\"{}\"><h3>{}</h3>\n<p>{}</p>\n",
        figure.id,
        escape(&figure.title),
        code(&figure.note)
    );
    if figure.rows.is_empty() {
        let _ = writeln!(out, "<p class=\"none\">{}</p>", escape(&figure.none));
    } else {
        out.push_str("<div class=\"wide\"><table><thead><tr>");
        for column in &figure.columns {
            let _ = write!(out, "<th scope=\"col\">{}</th>", escape(column));
        }
        out.push_str("</tr></thead><tbody>");
        for row in &figure.rows {
            out.push_str("<tr>");
            for cell in row {
                let number =
                    !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
                let class = if number { " class=\"number\"" } else { "" };
                let _ = write!(out, "<td{class}>{}</td>", escape(cell));
            }
            out.push_str("</tr>");
        }
        out.push_str("</tbody></table></div>\n");
    }
    let _ = writeln!(
        out,
        "<details><summary>The query</summary><pre>{}</pre></details></section>",
        escape(&figure.sql)
    );
}

/// Words between back-ticks as code.
fn code(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            let _ = write!(out, "<code>{}</code>", escape(part));
        } else {
            out.push_str(&escape(part));
        }
    }
    out
}
