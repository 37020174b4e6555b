//! What is in force, and what it would do.

use std::sync::Arc;

use axum::extract::State;
use interdict_policy::{Explanation, Outcome};
use maud::{Markup, html};

use super::{layout, reading};
use crate::guard::{Failure, Posted, Who};
use crate::shown::{badge, block, code, plain, value};
use crate::{Console, Question};

const PATH: &str = "/policies";

pub(super) async fn page(who: Who, State(console): State<Arc<Console>>) -> Markup {
    let policies = console.office.policies();
    let content = html! {
        div class="line" { h1 { "Policies" } a class="button primary" href="/policies/explain" { "Explain a statement" } }
        @if policies.is_empty() { p class="told bad" { "There are none: everything is recorded, nothing is masked or refused by rule." } }
        @for policy in &policies {
            article class="card" data-row {
                div class="line" { h2 { (value(&policy.name)) } span class="quiet" { (value(&policy.path)) } }
                p { (code(&policy.digest)) }
                details { summary class="main" { "Source" } (block(&policy.text)) }
            }
        }
    };
    layout::page(&who, PATH, "Policies", &content)
}

pub(super) async fn form(who: Who, State(console): State<Arc<Console>>) -> Markup {
    let content = asking(&who, &console, &Question::default(), "", &html! {});
    layout::page(&who, PATH, "Explain", &content)
}

pub(super) async fn explain(State(console): State<Arc<Console>>, posted: Posted) -> Result<Markup, Failure> {
    let get = |name: &str| posted.get(name).unwrap_or_default().to_owned();
    let facts = get("identity");
    let pairs: Result<Vec<(String, String)>, String> = facts
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(fact)
        .collect();
    let question = Question {
        service: get("service"),
        identity: pairs.clone().unwrap_or_default(),
        database: get("database"),
        user: get("user"),
        statement: get("statement"),
    };
    let answer = if let Err(what) = pairs {
        wrong(&what)
    } else {
        let asked = question.clone();
        let office = Arc::clone(&console.office);
        match reading(&console, move |_| Ok(office.explain(&asked))).await? {
            Ok(explanation) => explained(&explanation),
            Err(refusal) => wrong(&refusal.message),
        }
    };
    let content = asking(&posted.who, &console, &question, &facts, &answer);
    Ok(layout::page(&posted.who, PATH, "Explain", &content))
}

/// `name=value`; a line without `=` is the identity's name.
fn fact(line: &str) -> Result<(String, String), String> {
    match line.split_once('=') {
        Some((name, _)) if name.trim().is_empty() => Err(format!("expected FACT=VALUE, found `{line}`")),
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        None => Ok(("name".to_owned(), line.to_owned())),
    }
}

fn wrong(what: &str) -> Markup {
    html! { p class="told bad" role="alert" { (plain(what)) } }
}

fn asking(who: &Who, console: &Console, question: &Question, facts: &str, answer: &Markup) -> Markup {
    html! {
        nav class="crumbs" aria-label="Where this is" { a href=(PATH) { "Policies" } " / Explain" }
        h1 { "Explain a statement" }
        form method="post" class="fields" action="/policies/explain" {
            (layout::token(who))
            label { span { "Service" } select name="service" required {
                @for service in console.office.services() { option value=(service) selected[service == question.service] { (plain(&service)) } }
            } }
            label { span { "Database" } input type="text" name="database" value=(question.database) autocomplete="off"; }
            label { span { "Database user" } input type="text" name="user" value=(question.user) autocomplete="off"; }
            label class="wide" { span { "Identity: a name, or facts, one a line" } textarea name="identity" rows="2" spellcheck="false" placeholder="unit=billing.service" { (facts) } }
            label class="wide" { span { "Statement" } textarea name="statement" rows="5" required spellcheck="false" placeholder="SELECT name, ssn FROM patients" { (question.statement) } }
            p class="quiet wide" { "Nothing is run, and nothing is recorded. Of an HTTP service: METHOD /path, and a body after an empty line." }
            button type="submit" class="primary" { "Explain" }
        }
        (answer)
    }
}

fn explained(explanation: &Explanation) -> Markup {
    html! {
        section class="card" aria-labelledby="answer" {
            div class="line" {
                h2 id="answer" { "Decision" }
                (badge(explanation.decision))
                @if let Some(rule) = &explanation.rule { span { "by " (value(rule)) @if let Some(policy) = &explanation.policy { " of " (value(policy)) } } }
            }
            @if let Some(message) = &explanation.message { p class="message" { (value(message)) @if let Some(hint) = &explanation.hint { " " span class="quiet" { (value(hint)) } } } }
            @if explanation.watched { p class="told" { "Rules that ask about the result are tried while it streams." } }
            dl class="facts" {
                div { dt { "Identity" } dd { (value(&explanation.identity)) } }
                div { dt { "Kind" } dd { (plain(&explanation.kind)) } }
                div { dt { "Effects" } dd { (plain(&explanation.effects.join(", "))) } }
                div { dt { "Relations" } dd { (value(&explanation.relations.join(", "))) } }
                @if !explanation.complete { div { dt { "Not understood" } dd { (value(&explanation.gaps.join(", "))) } } }
            }
            @if !explanation.masks.is_empty() || !explanation.detectors.is_empty() {
                h3 { "Masks in reach" }
                table class="list" {
                    thead { tr { th scope="col" { "What" } th scope="col" { "Shown as" } th scope="col" { "Policy" } } }
                    tbody { @for mask in explanation.masks.iter().chain(&explanation.detectors) { tr {
                        td data-label="What" { (value(&mask.what)) @if let Some(relation) = &mask.relation { " " span class="quiet" { (value(relation)) } } }
                        td data-label="Shown as" { (value(&mask.mask)) }
                        td data-label="Policy" { (value(&mask.policy)) }
                    } } }
                }
            }
            @if !explanation.rules.is_empty() {
                h3 { "Rules, in the order in which they are tried" }
                table class="list" {
                    thead { tr { th scope="col" { "Rule" } th scope="col" { "Outcome" } th scope="col" { "Says" } th scope="col" { "When" } } }
                    tbody { @for rule in &explanation.rules { tr {
                        td data-label="Rule" { (value(&rule.name)) " " span class="quiet" { (value(&rule.policy)) } }
                        td data-label="Outcome" { (outcome(rule.outcome)) }
                        td data-label="Says" { (value(&rule.then)) }
                        td data-label="When" { (code(&rule.when)) @if !rule.why.is_empty() { div class="quiet" { (value(&rule.why)) } } }
                    } } }
                }
            }
            h3 { "Policies" }
            ul class="plain" { @for policy in &explanation.policies {
                li { strong { (value(&policy.name)) } " " span class="quiet" { (if policy.applies { "applies" } else { "does not apply" }) ": " (value(&policy.why)) } }
            } }
        }
    }
}

fn outcome(outcome: Outcome) -> Markup {
    match outcome {
        Outcome::Decides => html! { span class="badge note" { "decides" } },
        Outcome::Failed => html! { span class="badge bad" { "failed" } },
        Outcome::NotMatched => html! { span class="quiet" { "not matched" } },
        Outcome::NotReached => html! { span class="quiet" { "not reached" } },
        Outcome::WhileStreaming => html! { span class="badge none" { "while streaming" } },
    }
}
