//! The console in Chromium: no error, no violation of its own policy, keys that work. Pictures of it are kept in the target directory.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::Stage;
use crate::support::{psql_command, skipped};

fn chromium() -> Option<&'static str> {
    let found = ["chromium", "chromium-browser", "google-chrome"];
    let there = |name: &&str| {
        Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let found = found.into_iter().find(there);
    if found.is_none() {
        skipped("no browser was tried: there is no Chromium here (`cargo xtask setup` installs it)");
    }
    found
}

/// What the steps gave. Fails on whatever the browser complained of.
fn browse(program: &str, steps: &Value) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console/browser.js");
    let mut child = Command::new("node")
        .arg(script)
        .arg(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node");
    let mut input = child.stdin.take().unwrap();
    input.write_all(steps.to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(outcome["error"].is_null(), "{outcome:#}");
    assert_eq!(outcome["problems"], json!([]), "{outcome:#}");
    outcome["answers"].as_array().unwrap().clone()
}

fn pictures() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// Sessions and statements of some variety, one of which waits.
fn busy(stage: &Stage) -> std::process::Child {
    for sql in [
        "select name, ssn, email from patients order by id",
        "select count(*) from visits",
        "select * from no_such_table",
        "update patients set notes = 'called' where id = 2",
        "drop table visits",
        "select 1 as \"<script>alert(1)</script>\", 'a\u{202e}b' as \"\u{202e}gpj.exe\"",
    ] {
        let _ = psql_command(stage.port)
            .args(["-c", sql])
            .env("PGAPPNAME", "ward-assistant <b>")
            .output();
    }
    let mut several = psql_command(stage.port);
    several.args([
        "-c",
        "begin",
        "-c",
        "select id, name, ssn from patients",
        "-c",
        "drop table patients",
        "-c",
        "rollback",
    ]);
    several.args([
        "-c",
        "select id, specimen from visits order by id limit 40",
        "-c",
        "truncate visits",
        "-c",
        "drop table visits",
    ]);
    let _ = several.output();
    stage.ask("delete from visits where specimen = '444444444' and id between 1 and 100")
}

fn session_of(stage: &Stage, part: &str) -> String {
    let rows = stage.rows("statements");
    let row = rows
        .iter()
        .find(|row| row["statement"].as_str().unwrap().contains(part))
        .unwrap();
    row["session_id"].as_str().unwrap().to_owned()
}

#[test]
fn every_page_is_clean_and_goes_by_keys() {
    let Some(program) = chromium() else { return };
    let stage = Stage::new();
    let held = busy(&stage);
    let id = stage.waiting();
    let session = session_of(&stage, "limit 40");
    let at = |path: &str| format!("{}{path}", stage.origin());
    let mut steps = vec![
        json!({"size": [1280, 900], "scheme": "light"}),
        json!({"go": stage.address(), "wait": "button.primary"}),
        json!({"click": "button.primary", "until": "location.pathname === '/' && document.querySelector('.tiles')"}),
    ];
    let pages = [
        ("overview", "/".to_owned()),
        ("sessions", "/sessions".to_owned()),
        ("session", format!("/sessions/{session}")),
        ("replay", format!("/sessions/{session}/replay")),
        ("statements", "/statements".to_owned()),
        ("approvals", "/approvals".to_owned()),
        ("approval", format!("/approvals/{id}")),
        ("grants", "/grants".to_owned()),
        ("coverage", "/coverage".to_owned()),
        ("policies", "/policies".to_owned()),
        ("explain", "/policies/explain".to_owned()),
        ("record", "/record".to_owned()),
    ];
    for (size, width) in [("wide", 1280), ("phone", 390)] {
        for scheme in ["light", "dark"] {
            steps.push(json!({"size": [width, 900], "scheme": scheme}));
            for (name, path) in &pages {
                let shot = pictures().join(format!("{name}-{size}-{scheme}.png"));
                steps.push(json!({"go": at(path), "wait": "main h1", "sleep": 120, "shot": shot}));
                // Nothing sticks out to the side, every field has a name, every page one first heading.
                steps.push(json!({"eval": "document.documentElement.scrollWidth <= innerWidth"}));
                steps.push(json!({"eval": "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')].every((one) => one.labels.length > 0 || one.getAttribute('aria-label'))"}));
                steps.push(json!({"eval": "document.querySelectorAll('h1').length === 1 && document.documentElement.lang === 'en'"}));
                steps.push(json!({"eval": CONTRAST}));
            }
        }
    }
    let answers = browse(program, &Value::Array(steps));
    for (position, answer) in answers.chunks(4).enumerate() {
        let (name, _) = &pages[position % pages.len()];
        assert_eq!(
            answer,
            [json!(true), json!(true), json!(true), json!([])],
            "{name}, round {}",
            position / pages.len()
        );
    }
    assert_eq!(answers.len(), pages.len() * 4 * 4);
    drop(held);
}

/// Texts whose contrast with their ground is below 4.5:1 (WCAG 2.2, 1.4.3).
const CONTRAST: &str = r"(() => {
  const parse = (text) => { const m = text.match(/[\d.]+/g).map(Number); return { r: m[0], g: m[1], b: m[2], a: m[3] ?? 1 }; };
  const light = ({ r, g, b }) => { const f = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const bad = [];
  for (const one of document.querySelectorAll('body *')) {
    if (one.closest('.hidden, .skip, dialog, svg, option') || !one.offsetParent) continue;
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own) continue;
    let ground = one;
    while (ground && parse(getComputedStyle(ground).backgroundColor).a === 0) ground = ground.parentElement;
    const [x, y] = [light(parse(getComputedStyle(one).color)), light(parse(getComputedStyle(ground ?? document.documentElement).backgroundColor))];
    const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
    if (ratio < 4.5) bad.push(`${one.tagName}.${one.className}: ${ratio.toFixed(2)} ${one.textContent.slice(0, 30)}`);
  }
  return [...new Set(bad)].slice(0, 8);
})()";

#[test]
fn keys_move_about_and_a_hold_appears_by_itself() {
    let Some(program) = chromium() else { return };
    let stage = Stage::new();
    drop(busy(&stage));
    let session = session_of(&stage, "limit 40");
    let at = |path: &str| format!("{}{path}", stage.origin());
    // Asked for once the page is open, which a picture of it tells.
    let opened = pictures().join("waiting.png");
    let _ = std::fs::remove_file(&opened);
    let (port, seen) = (stage.port, opened.clone());
    let held = std::thread::spawn(move || {
        for _ in 0..600 {
            if seen.exists() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        psql_command(port)
            .args(["-c", "delete from visits where id = 7"])
            .output()
    });
    let focus =
        "document.activeElement.className + ' ' + (document.activeElement.closest('tr')?.rowIndex ?? '')";
    let steps = json!([
        {"size": [1280, 900], "scheme": "light"},
        {"go": stage.address(), "wait": "button.primary"},
        {"click": "button.primary", "until": "location.pathname === '/' && document.querySelector('.tiles')"},
        {"go": at("/approvals"), "wait": "#waiting-list", "sleep": 800, "shot": opened},
        // It comes, is counted, and is said to those who don't see it.
        {"until": "document.querySelector('#waiting-list').textContent.includes('id = 7')", "eval": "document.querySelector('#waiting').textContent + document.querySelector('#live').textContent"},
        {"key": "g"}, {"key": "t", "until": "location.pathname === '/statements' && document.readyState === 'complete'"},
        {"key": "j", "eval": focus}, {"key": "j", "eval": focus}, {"key": "k", "eval": focus},
        {"key": "n", "eval": "!!document.activeElement.closest('[data-denied]')"},
        {"key": "Enter", "until": "location.pathname.startsWith('/sessions/')"},
        {"key": "?", "eval": "document.querySelector('#keys').open"},
        {"key": "Escape", "eval": "document.querySelector('#keys').open"},
        {"go": at("/statements"), "wait": "main input[type=search]"},
        {"key": "/", "eval": "document.activeElement.name"},
        {"type": "select count"}, {"key": "Enter", "until": "location.search.includes('q=select+count')"},
        {"eval": "document.querySelectorAll('table.list tbody tr').length"},
        {"key": "d", "eval": "document.documentElement.dataset.theme"},
        {"go": at("/statements"), "wait": "main h1", "eval": "document.documentElement.dataset.theme"},
        // The replay: to the denied ones, and to the end by itself.
        {"go": at(&format!("/sessions/{session}/replay")), "wait": "#player"},
        {"key": "n", "eval": "document.querySelector('li.now').hasAttribute('data-denied')"},
        {"shot": pictures().join("replay-step.png")},
        {"eval": "document.querySelectorAll('#steps li.later').length > 0"},
        {"key": "ArrowLeft", "eval": "document.querySelector('li.now').hasAttribute('data-denied')"},
        {"eval": "document.querySelector('#speed').value = '0'"},
        {"key": " ", "until": "document.querySelector('#play').textContent === 'Play' && document.querySelectorAll('li.later').length === 0"},
        // Logged out elsewhere: the page says so.
        {"go": at("/sessions"), "wait": "main h1"},
        {"eval": "fetch('/logout', { method: 'POST', body: new URLSearchParams({ token: document.querySelector('input[name=token]').value }) }).then((answer) => new URL(answer.url).pathname)"},
        {"until": "document.querySelector('#live').textContent.includes('logged out')"},
    ]);
    let answers = browse(program, &steps);
    let expected = json!([
        "1One statement waits for approval",
        "main 1",
        "main 2",
        "main 1",
        true,
        true,
        false,
        "q",
        1,
        "dark",
        "dark",
        true,
        true,
        false,
        "0",
        "/login",
    ]);
    assert_eq!(Value::Array(answers), expected);
    // Who waits is let go by the end of the daemon.
    drop(stage);
    held.join().unwrap().unwrap();
}
