//! Plugins: those that change headers, redirect or answer are brought over, all others are named.

use traffic_manager_core::{
    policy::{AnswerBody, HeaderEdits, Redirect, Respond},
    route::RouteUrl,
};
use traffic_manager_yaml::tree::{Node, Value};

use super::{AUTHENTICATE, reference};
use crate::{
    entry::Action,
    fields::{Fields, text},
    left::Log,
    transform,
};

/// A plugin with what it belongs to.
#[derive(Debug, Clone)]
pub struct Scoped {
    pub name: String,
    /// The collection and name of the service or route that it refers to.
    pub owner: Option<(&'static str, String)>,
    pub plugin: Plugin,
}

/// What a plugin does.
#[derive(Debug, Clone)]
pub enum Plugin {
    /// Nothing that can be brought over.
    Nothing,
    /// It answers in a way that cannot be brought over, so the service must not get its requests.
    Refused,
    RequestHeaders(HeaderEdits),
    ResponseHeaders(HeaderEdits),
    Answer(Action),
}

/// What to do about plugins of other kinds: the beginning or end of their names, and advice.
const ADVICE: [(&str, &str); 22] = [
    ("rate-limiting", LIMIT),
    ("response-ratelimiting", LIMIT),
    ("request-size-limiting", LIMIT),
    ("bot-detection", LIMIT),
    ("ip-restriction", LIMIT),
    ("key-auth", AUTHENTICATE),
    ("basic-auth", AUTHENTICATE),
    ("hmac-auth", AUTHENTICATE),
    ("ldap-auth", AUTHENTICATE),
    ("mtls-auth", AUTHENTICATE),
    ("oauth2", AUTHENTICATE),
    ("openid-connect", AUTHENTICATE),
    ("jwt", AUTHENTICATE),
    ("acl", AUTHENTICATE),
    ("cors", "answer CORS in the proxy or in the service"),
    ("proxy-cache", "cache in the proxy"),
    ("-log", OBSERVE),
    ("prometheus", OBSERVE),
    ("opentelemetry", OBSERVE),
    ("zipkin", OBSERVE),
    ("statsd", OBSERVE),
    ("correlation-id", OBSERVE),
];

const LIMIT: &str = "limit in the proxy or in the service";
const OBSERVE: &str = "let the proxy log and measure";

/// Reads the plugins of the thing `of`, of the whole file if it is empty. Those that are disabled do
/// nothing, and are not reported.
pub fn all(nodes: &[Node], of: &str, log: &mut Log) -> Vec<Scoped> {
    nodes.iter().filter_map(|node| one(node, of, log)).collect()
}

fn one(node: &Node, of: &str, log: &mut Log) -> Option<Scoped> {
    let name = node.get("name").and_then(text).unwrap_or_default();
    let owner = ["service", "route"].into_iter().find_map(|key| {
        let kind = if key == "service" {
            "services"
        } else {
            "routes"
        };
        node.get(key).and_then(reference).map(|name| (kind, name))
    });
    let what = match &owner {
        Some((kind, of)) => format!("plugin {name} of {} {of}", kind.trim_end_matches('s')),
        None if of.is_empty() => format!("plugin {name}"),
        None => format!("plugin {name} of {of}"),
    };
    let mut fields = Fields::new(node, &*what);
    fields.ignore(&[
        "name",
        "id",
        "created_at",
        "updated_at",
        "tags",
        "protocols",
        "service",
        "route",
    ]);
    fields.ignore(&["instance_name", "_comment", "run_on"]);
    if fields.bool("enabled", log) == Some(false) {
        return None;
    }
    let consumer = fields
        .get("consumer")
        .or_else(|| fields.get("consumer_group"));
    let config = fields.get("config");
    if let Some(consumer) = consumer {
        let why = "works for one consumer only, and consumers are not known here";
        log.left(
            consumer,
            &what,
            why,
            "match a header that tells the consumer",
        );
        return None;
    }
    let empty = Node {
        line: node.line,
        column: node.column,
        value: Value::Map(Vec::new()),
    };
    let config = config.unwrap_or(&empty);
    let plugin = match name.as_str() {
        "request-transformer" => Plugin::RequestHeaders(headers(config, &what, log)),
        "response-transformer" => Plugin::ResponseHeaders(headers(config, &what, log)),
        "request-termination" => termination(config, &what, log),
        "redirect" => redirect(config, &what, log),
        _ => {
            let advice = ADVICE
                .iter()
                .find(|(part, _)| name.starts_with(part) || name.ends_with(part));
            let advice =
                advice.map_or("do it in the proxy or in the service", |(_, advice)| advice);
            log.left(node, &what, "a policy has no such member", advice);
            return Some(Scoped {
                name,
                owner,
                plugin: Plugin::Nothing,
            });
        }
    };
    fields.finish(log);
    Some(Scoped {
        name,
        owner,
        plugin,
    })
}

/// Reads the changes of a transformer. Kong adds a header only if it is absent and replaces it only
/// if it is there; a policy sets it in both cases.
fn headers(config: &Node, what: &str, log: &mut Log) -> HeaderEdits {
    let mut edits = HeaderEdits::default();
    let mut fields = Fields::new(config, what);
    let mut of = |verb: &'static str, log: &mut Log| {
        let mut found = Vec::new();
        let Some(node) = fields.get(verb) else {
            return found;
        };
        let mut inner = Fields::new(node, format!("{what}: {verb}"));
        for (text, item) in inner.texts("headers", log) {
            let (name, value) = text.split_once(':').unwrap_or((&text, ""));
            found.push((name.trim().to_owned(), value.trim().to_owned(), item));
        }
        for (part, item) in node.members() {
            let is_empty = matches!(&item.value, Value::List(items) if items.is_empty());
            if part != "headers" && !item.is_null() && !is_empty {
                let what = format!("{what}: {verb}.{part}");
                let why = "a policy changes headers, and no bodies, parameters or methods";
                log.left(item, &what, why, "do it in the service");
            }
        }
        found
    };
    let (removed, added, replaced) = (of("remove", log), of("add", log), of("replace", log));
    let (renamed, appended) = (of("rename", log), of("append", log));
    fields.ignore(&["http_method", "dots_in_keys"]);
    if let Some(method) = config.get("http_method") {
        let what = format!("{what}: http_method");
        log.left(
            method,
            &what,
            "a policy does not change methods",
            "do it in the service",
        );
    }
    fields.finish(log);
    for (name, _, node) in removed {
        transform::remove(
            &mut edits,
            &name,
            node,
            &format!("{what}: remove {name}"),
            log,
        );
    }
    let has = |list: &transform::Named<'_>, name: &str, value: &str| {
        list.iter()
            .any(|(n, v, _)| n.eq_ignore_ascii_case(name) && v == value)
    };
    for (name, value, node) in &added {
        let what = format!("{what}: add {name}");
        if value.contains("$(") {
            log.left(node, &what, "its value is computed", "do it in the proxy");
            continue;
        }
        if !has(&replaced, name, value) {
            let why = "Kong adds it only where it is absent; it is brought over as set, which replaces the sender's value too";
            log.left(node, &what, why, "check that this is wanted");
        }
        transform::set(&mut edits, (name, value), node, &what, log);
    }
    for (name, value, node) in &replaced {
        if !has(&added, name, value) {
            let why = "Kong replaces it only where it is there, and a policy would set it always";
            log.left(
                node,
                &format!("{what}: replace {name}"),
                why,
                "add it to the policy's headers if that is wanted",
            );
        }
    }
    for (verb, list) in [("rename", renamed), ("append", appended)] {
        for (name, _, node) in list {
            let what = format!("{what}: {verb} {name}");
            log.left(
                node,
                &what,
                "a policy only sets and removes headers",
                "do it in the service",
            );
        }
    }
    edits
}

fn termination(config: &Node, what: &str, log: &mut Log) -> Plugin {
    let mut fields = Fields::new(config, what);
    let status = fields.number("status_code", log).unwrap_or(503);
    let message = fields.text("message", log);
    let body = fields.text("body", log);
    let kind = fields.text("content_type", log);
    fields.finish(log);
    let Some(status) = u16::try_from(status)
        .ok()
        .filter(|status| (200..600).contains(status))
    else {
        log.left(
            config,
            what,
            "an answer has a status of 200 to 599",
            "correct the file",
        );
        return Plugin::Refused;
    };
    if body.is_some() && !kind.is_none_or(|kind| kind.starts_with("text/plain")) {
        log.left(
            config,
            &format!("{what}: content_type"),
            "answers are plain text",
            "let a service answer",
        );
    } else if message.is_some() {
        log.note(
            config,
            &format!("{what}: message"),
            "Kong sends it as JSON; it is plain text here",
        );
    }
    let body = body.or(message).and_then(|body| {
        let body = AnswerBody::try_from(body);
        body.map_err(|invalid| {
            log.left(
                config,
                &format!("{what}: body"),
                &invalid.detail,
                "let a service answer",
            )
        })
        .ok()
    });
    Plugin::Answer(Action::Respond(Respond { body, status }))
}

fn redirect(config: &Node, what: &str, log: &mut Log) -> Plugin {
    let mut fields = Fields::new(config, what);
    let status = fields.number("status_code", log).unwrap_or(301);
    let location = fields.text("location", log).unwrap_or_default();
    let keeps_path = fields.bool("keep_incoming_path", log).unwrap_or(false);
    fields.finish(log);
    if keeps_path {
        let why =
            "keeps the request's path, and a redirect goes to one address: its routes are left out";
        log.left(config, what, why, "redirect in the proxy");
        return Plugin::Refused;
    }
    let status = u16::try_from(status)
        .ok()
        .filter(|status| [301, 302, 307, 308].contains(status));
    match (status, RouteUrl::try_from(location)) {
        (Some(status), Ok(url)) => Plugin::Answer(Action::Redirect(Redirect { status, url })),
        (None, _) => {
            log.left(
                config,
                what,
                "a redirect has the status 301, 302, 307 or 308",
                "choose one of them",
            );
            Plugin::Refused
        }
        (_, Err(invalid)) => {
            log.left(config, what, &invalid.detail, "write a whole URL");
            Plugin::Refused
        }
    }
}
