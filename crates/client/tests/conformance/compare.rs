//! Compares what came with what a step wants.

use std::{collections::BTreeMap, time::Duration};

use traffic_manager_client::{Refusal, View};

use super::{
    case::{Holds, Kind, Step},
    content,
    server::Request,
};

/// Returns how a request differs from what a step expects. `since` is the time since the last
/// answer.
pub fn request(step: &Step, kind: Kind, request: &Request, since: Duration) -> Vec<String> {
    let is_poll = request.query.contains("wait=");
    let found = match request.path.rsplit_once('/') {
        Some((_, "stream")) => Kind::Stream,
        Some((_, "snapshot")) if is_poll => Kind::Poll,
        Some((_, "snapshot")) => Kind::Snapshot,
        _ => return vec![format!("a request of {}", request.path)],
    };
    let header = |name: &str| request.headers.get(name).cloned();
    let mut wrong = Vec::new();
    let mut check = |what: &str, found: String, wanted: String| {
        if found != wanted {
            wrong.push(format!("{what} is {found}, not {wanted}"));
        }
    };
    check("the request", format!("{found:?}"), format!("{kind:?}"));
    if let Some(wanted) = &step.if_none_match {
        let wanted = wanted
            .as_deref()
            .map(|tag| format!("\"{}\"", content::tag(tag)));
        let found = header("if-none-match");
        check("if-none-match", format!("{found:?}"), format!("{wanted:?}"));
    }
    if let Some(wanted) = &step.last_event_id {
        let wanted = wanted.as_deref().map(content::tag);
        let found = header("last-event-id");
        check("last-event-id", format!("{found:?}"), format!("{wanted:?}"));
    }
    if let Some(token) = &step.token {
        let found = header("authorization").unwrap_or_default();
        check("authorization", found, format!("Bearer {token}"));
    }
    if let Some(query) = &step.query {
        check("the query", request.query.clone(), query.clone());
    }
    if let Some(server) = step.server {
        check("the server", request.server.to_string(), server.to_string());
    }
    let agent = header("user-agent").unwrap_or_default();
    let is_ours = agent.starts_with("tm-rust/");
    check("tm-rust user agent", is_ours.to_string(), true.to_string());
    if let Some(least) = step.not_before_ms {
        let is_early = since < Duration::from_millis(least);
        check("too early", is_early.to_string(), false.to_string());
    }
    wrong
}

/// Returns how a view differs from what is wanted.
pub fn view(view: &View, wanted: &Holds) -> Vec<String> {
    let Holds {
        state,
        tag,
        routes,
        count,
        policies,
        applied,
        dropped,
        diverged,
        file_errors,
        refused,
    } = wanted;
    let mut found = Vec::new();
    let mut check = |what: &str, found_value: String, wanted: Option<String>| {
        if wanted.as_ref().is_some_and(|wanted| *wanted != found_value) {
            found.push(format!(
                "{what} is {found_value}, not {}",
                wanted.unwrap_or_default()
            ));
        }
    };
    let tag_found = view.tag().map(ToString::to_string);
    let tag_wanted = tag
        .as_ref()
        .map(|tag| format!("{:?}", tag.as_deref().map(content::tag)));
    check("state", view.state.to_string(), state.clone());
    check("tag", format!("{tag_found:?}"), tag_wanted);
    let services = view
        .snapshot
        .iter()
        .flat_map(|snapshot| snapshot.services());
    let active: BTreeMap<String, String> = services
        .flat_map(|service| service.routes())
        .filter(|route| route.is_active)
        .map(|route| {
            let name = &route.name;
            let name = format!("{}/{}/{}", name.service, name.env, name.version);
            (name, route.url.as_str().to_owned())
        })
        .collect();
    check(
        "count",
        active.len().to_string(),
        count.map(|count| count.to_string()),
    );
    if let Some(routes) = routes {
        check("routes", format!("{active:?}"), Some(format!("{routes:?}")));
    }
    let held: Vec<String> = view
        .snapshot
        .iter()
        .flat_map(|snapshot| snapshot.policies())
        .map(|policy| format!("{}/{}", policy.name.service, policy.name.env))
        .collect();
    check(
        "policies",
        format!("{held:?}"),
        policies.as_ref().map(|wanted| format!("{wanted:?}")),
    );
    let counters = view.counters;
    for (what, count, wanted) in [
        ("applied", counters.applied, applied),
        ("dropped", counters.dropped, dropped),
        ("diverged", counters.diverged, diverged),
        ("file_errors", counters.file_errors, file_errors),
    ] {
        check(
            what,
            count.to_string(),
            wanted.map(|wanted| wanted.to_string()),
        );
    }
    if let Some(refused) = refused {
        let counted: BTreeMap<String, u64> = Refusal::ALL
            .into_iter()
            .filter(|reason| counters.refused(*reason) > 0)
            .map(|reason| (reason.to_string(), counters.refused(reason)))
            .collect();
        check(
            "refused",
            format!("{counted:?}"),
            Some(format!("{refused:?}")),
        );
    }
    found
}
