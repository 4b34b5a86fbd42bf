//! A policy's part of the configuration: its maps and upstreams, and what its locations do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use traffic_manager_core::policy::{Redirect, Respond, StickyBy, shares::SLOTS};

use super::{
    conditions::{Conditions, header},
    text::{self, pattern, problem, quoted},
};
use crate::{
    Settings,
    kept::Place,
    model::{Action, PolicyModel, Target, Upstream},
    pcre::literal,
    problem::{NO_ACTIVE_VERSION, UNKNOWN_VERSION},
    reach::{actions, reached_or_mirrored},
    report::Findings,
};

/// A policy's part of the configuration.
pub(super) struct Part {
    /// The maps and the upstreams.
    pub maps: String,
    /// The directives of each location of the policy.
    pub location: String,
    /// The location that sends copies; empty without a mirror.
    pub mirror: String,
    /// What is otherwise, or cannot be.
    pub findings: Findings,
}

/// Renders a policy. Its variables begin with `tm_` and its place.
pub(super) fn part(place: Place, policy: &PolicyModel, settings: &Settings) -> Part {
    let mut findings = Findings::default();
    let mut writer = Writer {
        policy,
        settings,
        name: format!("tm_{}_", place.text()),
        upstreams: reached_or_mirrored(policy),
        maps: format!("  # {}, revision {}\n", policy.id(), policy.revision),
        location: String::new(),
        splits: 0,
        urls: BTreeMap::new(),
    };
    writer.check(&mut findings);
    writer.upstreams();
    writer.key(&mut findings);
    writer.choice(&mut findings);
    writer.urls();
    let mirror = writer.mirror();
    writer.proxy(&mut findings);
    Part {
        maps: writer.maps,
        location: writer.location,
        mirror,
        findings,
    }
}

/// Writes the parts of one policy.
pub(super) struct Writer<'a> {
    pub(super) policy: &'a PolicyModel,
    pub(super) settings: &'a Settings,
    pub(super) name: String,
    upstreams: BTreeSet<usize>,
    maps: String,
    pub(super) location: String,
    splits: usize,
    /// The URLs of the versions, as words.
    urls: BTreeMap<usize, String>,
}

impl Writer<'_> {
    fn upstream(&self, at: usize) -> &Upstream {
        &self.policy.upstreams[at]
    }

    fn check(&self, findings: &mut Findings) {
        for at in &self.upstreams {
            let upstream = self.upstream(*at);
            let version = &upstream.version;
            if upstream.query.is_some() {
                findings.refuse(format!(
                    "the URL of version {version} has a query, which nginx cannot send with each request"
                ));
            }
            if upstream.is_tls && upstream.is_address {
                findings.refuse(format!(
                    "the URL of version {version} is https with an address: nginx compares certificates with names only"
                ));
            }
        }
    }

    /// Writes one upstream for each version, each on one line. nginx tries no address twice, so
    /// an address that may be tried again is there as often.
    fn upstreams(&mut self) {
        let retries = self.policy.spec.retries.as_deref();
        let times = 1 + retries.map_or(0, |retries| usize::from(retries.attempts));
        for at in self.upstreams.clone() {
            let upstream = self.upstream(at);
            let server = format!("server {} max_fails=0; ", upstream.host_and_port());
            let version = upstream.version.clone();
            let _ = writeln!(
                self.maps,
                "  upstream {}v{at} {{ {}keepalive 16; }} # {}/{version}",
                self.name,
                server.repeat(times),
                self.policy.id(),
            );
        }
    }

    /// Writes the variable with the request's key: its header or cookie, or one by chance.
    fn key(&mut self, findings: &mut Findings) {
        let name = &self.name;
        let is_split = |action: &Action| matches!(action, Action::To(targets) if targets.len() > 1);
        let source = match &self.policy.spec.sticky_by {
            _ if !actions(self.policy).any(is_split) => return,
            None => {
                let _ = writeln!(
                    self.maps,
                    "  map \"\" ${name}key {{ default $request_id; }}"
                );
                return;
            }
            Some(StickyBy::Header(by)) => header(by, findings),
            Some(StickyBy::Cookie(by)) => {
                let found = format!(
                    r#"(?:^|;)[ \t]*{}=[ \t]*\x22?([^;\x22]+)"#,
                    literal(by.as_str())
                );
                let _ = writeln!(
                    self.maps,
                    "  map $http_cookie ${name}cookie {{ {} $1; default \"\"; }}",
                    pattern(&found)
                );
                format!("${name}cookie")
            }
        };
        findings.degrade(
            "nginx divides keys by another hash: a key keeps its version, but it may be another one than resolve names",
        );
        let _ = writeln!(
            self.maps,
            "  map {source} ${name}key {{ \"\" $request_id; default {source}; }}"
        );
    }

    /// Writes the chain of maps that ends in the variable `to`, and the answers.
    fn choice(&mut self, findings: &mut Findings) {
        let policy = self.policy;
        let name = self.name.clone();
        let mut next = self.outcome(&policy.default, "default", findings);
        for (at, rule) in policy.rules.iter().enumerate().rev() {
            let of_rule = format!("{name}r{at}");
            let conditions = Conditions::of(&of_rule, &rule.matching, findings);
            let _ = writeln!(self.maps, "  # rule {}", rule.name);
            self.maps.push_str(&conditions.maps);
            let (all, count) = (conditions.all, conditions.count);
            let outcome = self.outcome(&rule.action, &format!("r{at}"), findings);
            if count == 0 {
                next = outcome;
                continue;
            }
            let holds = "1".repeat(count);
            let _ = writeln!(
                self.maps,
                "  map \"{all}\" ${of_rule} {{ {holds} {outcome}; default {next}; }}"
            );
            next = format!("${of_rule}");
        }
        let mut versions = String::new();
        let source = match &policy.spec.version_header {
            None => "\"\"".to_owned(),
            Some(by) => {
                for (at, upstream) in policy.upstreams.iter().enumerate() {
                    let version = pattern(&format!("^{}$", literal(upstream.version.as_str())));
                    let _ = write!(versions, "{version} v{at}; ");
                }
                versions.push_str("default unknown; ");
                findings.degrade(format!("an empty header {by} names no version in nginx"));
                let _ = writeln!(
                    self.location,
                    "      if (${name}to = unknown) {{ {} }}",
                    problem(UNKNOWN_VERSION)
                );
                header(by, findings)
            }
        };
        let _ = writeln!(
            self.maps,
            "  map {source} ${name}to {{ \"\" {next}; {versions}}}"
        );
        if actions(policy).any(|action| *action == Action::Nowhere) {
            let _ = writeln!(
                self.location,
                "      if (${name}to = nowhere) {{ {} }}",
                problem(NO_ACTIVE_VERSION)
            );
        }
    }

    /// Returns the text that stands for an action: a version, a split's variable, or an answer.
    fn outcome(&mut self, action: &Action, of: &str, findings: &mut Findings) -> String {
        let name = self.name.clone();
        match action {
            Action::Nowhere => "nowhere".to_owned(),
            Action::To(targets) => match targets.as_slice() {
                [one] => format!("v{}", one.upstream),
                several => self.split(several),
            },
            Action::Redirect(Redirect { status, url }) => {
                let url = text::long(url.as_str(), &format!("{name}{of}_url"), &mut self.maps);
                let _ = writeln!(
                    self.location,
                    "      if (${name}to = {of}) {{ add_header Content-Type \"\"; return {status} \"{url}\"; }}"
                );
                of.to_owned()
            }
            Action::Respond(respond) => {
                self.respond(respond, of, findings);
                of.to_owned()
            }
        }
    }

    fn respond(&mut self, respond: &Respond, of: &str, findings: &mut Findings) {
        let Respond { body, status } = respond;
        let name = self.name.clone();
        let body = body.as_ref().map_or("", |body| body.as_str());
        match status {
            444 => findings.refuse("nginx cannot answer with status 444: it closes the connection"),
            301 | 302 | 303 | 307 | 308 if !body.is_empty() => {
                findings.degrade(format!(
                    "the answer with status {status} has nginx's own body"
                ));
            }
            _ => {}
        }
        let answer = match status {
            // The text of these would be an address, or must not be there.
            204 | 301 | 302 | 303 | 304 | 307 | 308 => {
                format!("add_header Content-Type \"\"; return {status};")
            }
            _ if body.is_empty() => format!("add_header Content-Type \"\"; return {status} \"\";"),
            _ => {
                let body = text::long(body, &format!("{name}{of}_body"), &mut self.maps);
                format!(
                    "add_header Content-Type \"text/plain; charset=utf-8\" always; return {status} \"{body}\";"
                )
            }
        };
        let _ = writeln!(self.location, "      if (${name}to = {of}) {{ {answer} }}");
    }

    /// Writes a split, and returns its variable.
    fn split(&mut self, targets: &[Target]) -> String {
        let name = self.name.clone();
        let variable = format!("${name}s{}", self.splits);
        self.splits += 1;
        let mut parts = String::new();
        for (share, target) in hundredths(targets).into_iter().zip(targets) {
            let _ = match share {
                Some(share) => write!(
                    parts,
                    "{}.{:02}% v{}; ",
                    share / 100,
                    share % 100,
                    target.upstream
                ),
                None => write!(parts, "* v{}; ", target.upstream),
            };
        }
        let _ = writeln!(
            self.maps,
            "  split_clients \"{}/${{{name}key}}\" {variable} {{ {parts}}}",
            self.policy.id()
        );
        variable
    }

    /// Writes the variables with the URL and the host of the chosen version.
    fn urls(&mut self) {
        let name = self.name.clone();
        let spec = &self.policy.spec;
        let rewrite = spec.rewrite.as_deref();
        let (mut rest, mut root) = ("$request_uri".to_owned(), "$request_uri".to_owned());
        if rewrite.is_some_and(|rewrite| rewrite.strip_prefix) {
            let prefixes: BTreeSet<_> = spec
                .path_prefixes
                .iter()
                .map(|prefix| prefix.as_str())
                .filter(|prefix| *prefix != "/")
                .map(|prefix| (std::cmp::Reverse(prefix.len()), prefix))
                .collect();
            let mut stripped = String::new();
            for (_, prefix) in prefixes {
                let found = pattern(&format!("^{}(?=[/?]|$)(.*)$", literal(prefix)));
                let _ = write!(stripped, "{found} $1; ");
            }
            let _ = writeln!(
                self.maps,
                "  map $request_uri ${name}rest {{ {stripped}default $request_uri; }}"
            );
            let _ = writeln!(
                self.maps,
                "  map ${name}rest ${name}root {{ \"~^/\" ${name}rest; default \"/${name}rest\"; }}"
            );
            (rest, root) = (format!("${{{name}rest}}"), format!("${{{name}root}}"));
        }
        let before = rewrite
            .and_then(|rewrite| rewrite.prefix.as_ref())
            .map_or("", |prefix| prefix.as_str().trim_end_matches('/'));
        let (mut urls, mut hosts, mut names) = (String::new(), String::new(), String::new());
        for at in self.upstreams.clone() {
            let upstream = self.upstream(at).clone();
            let scheme = if upstream.is_tls { "https" } else { "http" };
            let before = format!("{}{before}", upstream.base);
            let path = if before.is_empty() { &root } else { &rest };
            let before = text::long(&before, &format!("{name}v{at}_base"), &mut self.maps);
            let url = format!("\"{scheme}://{name}v{at}{before}{path}\"");
            let _ = write!(urls, "\n    v{at} {url};");
            self.urls.insert(at, url);
            let _ = write!(hosts, " v{at} {};", quoted(&upstream.authority));
            let _ = write!(names, " v{at} {};", quoted(&upstream.host));
        }
        let _ = writeln!(self.maps, "  map ${name}to ${name}url {{{urls} }}");
        let _ = writeln!(self.maps, "  map ${name}to ${name}host {{{hosts} }}");
        if self.has_tls() {
            let _ = writeln!(self.maps, "  map ${name}to ${name}name {{{names} }}");
        }
    }

    pub(super) fn has_tls(&self) -> bool {
        self.upstreams.iter().any(|at| self.upstream(*at).is_tls)
    }

    /// Writes the copies, and returns their location.
    fn mirror(&mut self) -> String {
        let Some((to, share)) = self.policy.mirror else {
            return String::new();
        };
        let name = self.name.clone();
        let path = format!("/.{name}mirror");
        let _ = writeln!(self.location, "      mirror {path};");
        let others = if share < 10_000 {
            let _ = writeln!(
                self.maps,
                "  split_clients \"$request_id/mirror\" ${name}copied {{ {}.{:02}% 1; * 0; }}",
                share / 100,
                share % 100
            );
            format!("      if (${name}copied = 0) {{ return 204; }}\n")
        } else {
            String::new()
        };
        let upstream = self.upstream(to).clone();
        let url = self.urls.get(&to).cloned().unwrap_or_default();
        let mut text = format!("    location = {path} {{\n      internal;\n{others}");
        text.push_str(&self.send(&url, &quoted(&upstream.authority), &quoted(&upstream.host)));
        text.push_str("    }\n");
        text
    }
}

/// Returns the targets' shares in 1/10 000, each at least 1; `None` for the last, which has the
/// rest.
fn hundredths(targets: &[Target]) -> Vec<Option<u32>> {
    const WHOLE: u32 = 10_000;
    let count = u32::try_from(targets.len()).unwrap_or(WHOLE);
    let (mut slots, mut border, mut left) = (0, 0, count);
    targets
        .iter()
        .map(|target| {
            slots += target.slots;
            left -= 1;
            let next = (slots * WHOLE + SLOTS / 2) / SLOTS;
            let next = next.min(WHOLE.saturating_sub(left)).max(border + 1);
            let share = next - border;
            border = next;
            (left > 0).then_some(share)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(slots: &[u32]) -> Vec<Option<u32>> {
        let targets: Vec<_> = slots
            .iter()
            .map(|slots| Target {
                upstream: 0,
                slots: *slots,
            })
            .collect();
        hundredths(&targets)
    }

    #[test]
    fn smallest_share_is_a_hundredth_of_a_percent() {
        assert_eq!(shares(&[14_746, 1_638]), [Some(9_000), None]);
        assert_eq!(shares(&[1, 16_383]), [Some(1), None]);
        assert_eq!(shares(&[16_382, 1, 1]), [Some(9_998), Some(1), None]);
    }
}
