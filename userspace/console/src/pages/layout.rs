//! What is around every page.

use maud::{DOCTYPE, Markup, html};

use crate::Role;
use crate::assets::{ICON_AT, SCRIPT_AT, STYLE_AT};
use crate::guard::Who;
use crate::shown::plain;

/// A page's place in the menu: its address, its name, the second key after `g`.
const MENU: [(&str, &str, &str); 8] = [
    ("/", "Overview", "o"),
    ("/sessions", "Sessions", "s"),
    ("/statements", "Statements", "t"),
    ("/approvals", "Approvals", "a"),
    ("/grants", "Grants", "g"),
    ("/coverage", "Coverage", "c"),
    ("/policies", "Policies", "p"),
    ("/record", "Record", "r"),
];

/// The head of a list.
pub(super) fn headings(names: &[&str]) -> Markup {
    html! { thead { tr { @for name in names { th scope="col" { (name) } } } } }
}

fn head(title: &str, refresh: Option<&str>) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            @if let Some(to) = refresh {
                meta http-equiv="refresh" content=(format!("0; url={to}"));
            }
            title { (plain(title)) " · interdict" }
            link rel="icon" href=(*ICON_AT) type="image/svg+xml";
            link rel="stylesheet" href=(*STYLE_AT);
            script src=(*SCRIPT_AT) {}
        }
    }
}

/// A page for nobody in particular: login, and what went wrong.
pub(crate) fn alone(title: &str, refresh: Option<&str>, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, refresh))
            body class="alone" {
                main id="main" {
                    p class="brand" { "interdict" }
                    h1 { (plain(title)) }
                    (content)
                }
            }
        }
    }
}

pub(crate) fn bare(title: &str, message: &str) -> Markup {
    alone(
        title,
        None,
        &html! {
            p role="alert" { (plain(message)) }
            p { a href="/" { "Back to the overview" } }
        },
    )
}

/// A page of the menu. `at`: its address there.
pub(crate) fn page(who: &Who, at: &str, title: &str, content: &Markup) -> Markup {
    let visitor = &who.login.visitor;
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, None))
            body {
                a class="skip" href="#main" { "To the content" }
                header {
                    a class="brand" href="/" { "interdict" }
                    button id="menu" type="button" aria-expanded="false" aria-controls="nav" { "Menu" }
                    nav id="nav" aria-label="Pages" {
                        @for (address, name, key) in MENU {
                            a href=(address) data-key=(key) aria-current=[(address == at).then_some("page")] {
                                (name)
                                @if address == "/approvals" { " " span class="count" id="waiting" hidden {} }
                            }
                        }
                    }
                    div class="who" {
                        span class="name" title=(format!("{}, logged in as {}", plain(&visitor.person.name), visitor.role.as_str())) {
                            bdi { (plain(&visitor.person.name)) }
                        }
                        span class="role" { (visitor.role.as_str()) }
                        button id="theme" type="button" title="Dark or light" aria-label="Dark or light" { "◐" }
                        button id="help" type="button" title="Keys (?)" aria-label="Keys" { "?" }
                        form method="post" action="/logout" {
                            (token(who))
                            button type="submit" { "Log out" }
                        }
                    }
                }
                p id="live" class="hidden" role="status" aria-live="polite" {}
                main id="main" tabindex="-1" {
                    @if let Some(told) = &who.login.told {
                        p class=(if told.good { "told good" } else { "told bad" }) role="status" { (plain(&told.text)) }
                    }
                    (content)
                }
                (keys())
            }
        }
    }
}

fn keys() -> Markup {
    html! {
        dialog id="keys" aria-labelledby="keys-title" {
            h2 id="keys-title" { "Keys" }
            dl class="keys" {
                dt { kbd { "?" } } dd { "this" }
                dt { kbd { "j" } " " kbd { "k" } } dd { "next, previous row" }
                dt { kbd { "Enter" } } dd { "open it" }
                dt { kbd { "/" } } dd { "search" }
                dt { kbd { "n" } " " kbd { "p" } } dd { "next, previous denied statement" }
                dt { kbd { "Space" } } dd { "replay: play or pause" }
                dt { kbd { "←" } " " kbd { "→" } } dd { "replay: a step" }
                dt { kbd { "d" } } dd { "dark or light" }
                @for (_, name, key) in MENU {
                    dt { kbd { "g" } " " kbd { (key) } } dd { (name) }
                }
            }
            form method="dialog" { button type="submit" { "Close" } }
        }
    }
}

/// What a form must bring back.
pub(crate) fn token(who: &Who) -> Markup {
    html! { input type="hidden" name="token" value=(who.login.token); }
}

/// A form for those who may; for others the reason why there is none.
pub(crate) fn permitted(who: &Who, least: Role, form: &Markup) -> Markup {
    if who.role() >= least {
        return form.clone();
    }
    html! { p class="quiet" { "This takes the role " (least.as_str()) "; you are " (who.role().as_str()) "." } }
}

/// What a search left out.
pub(crate) fn caveats(found: &interdict_audit::Found) -> Markup {
    html! {
        @if found.unseen > 0 {
            p class="told bad" role="status" {
                (crate::shown::number(found.unseen)) " rows of the last minutes are not shown: the journal holds more than is kept in memory. \
                 They are here once they are sealed (" code { "audit.segment" } ")."
            }
        }
        @if found.out_of_time {
            p class="told bad" role="status" { "The search took too long and ended before all was looked at: go on with “Older”, or name a time." }
        }
        @for problem in &found.problems {
            p class="told bad" role="status" { "Not readable, and not shown: " (plain(problem)) }
        }
    }
}
