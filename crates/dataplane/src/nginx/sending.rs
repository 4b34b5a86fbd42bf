//! How a location sends requests to a version: time limits, retries, TLS, headers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use traffic_manager_core::policy::{HeaderEdits, HostHeader, RetryOn};

use super::{
    policy::Writer,
    text::{inner, quoted},
};
use crate::report::Findings;

impl Writer<'_> {
    /// Writes what sends the request to the chosen version.
    pub(super) fn proxy(&mut self, findings: &mut Findings) {
        let name = &self.name;
        let send = self.send(
            &format!("${name}url"),
            &format!("${name}host"),
            &format!("${name}name"),
        );
        self.location.push_str(&send);
        let spec = &self.policy.spec;
        if spec.timeout_ms.is_some()
            || spec
                .retries
                .as_ref()
                .is_some_and(|retries| retries.per_try_timeout_ms.is_some())
        {
            findings.degrade(
                "a time limit is the longest silence of the version, not the time until the end of the response",
            );
        }
        if let Some(retries) = &spec.retries
            && retries.on.contains(&RetryOn::ConnectFailure) != retries.on.contains(&RetryOn::Reset)
        {
            findings.degrade(
                "nginx does not tell a connection that cannot be made from one that ends early: it tries again after both",
            );
        }
        if let Some(edits) = &spec.response_headers {
            response(edits, &mut self.location, findings);
        }
    }

    /// Returns the directives that send a request to a URL.
    pub(super) fn send(&self, url: &str, host: &str, tls_name: &str) -> String {
        let spec = &self.policy.spec;
        let mut text = String::new();
        let retries = spec.retries.as_deref();
        let per_try = retries.and_then(|retries| retries.per_try_timeout_ms);
        let limit = [spec.timeout_ms, per_try]
            .into_iter()
            .flatten()
            .map(|limit| limit.0)
            .min()
            .unwrap_or(3_600_000);
        let _ = write!(
            text,
            "      proxy_http_version 1.1;\n      proxy_buffering off;\n      proxy_connect_timeout {}ms;\n      \
             proxy_send_timeout {limit}ms;\n      proxy_read_timeout {limit}ms;\n",
            limit.min(2000)
        );
        match retries {
            Some(retries) => {
                let mut on = vec!["non_idempotent"];
                for failure in &retries.on {
                    match failure {
                        RetryOn::ConnectFailure | RetryOn::Reset => on.push("error"),
                        RetryOn::GatewayError => on.extend(["http_502", "http_503", "http_504"]),
                    }
                }
                on.dedup();
                if retries.on.contains(&RetryOn::GatewayError) && per_try.is_some() {
                    on.push("timeout");
                }
                let on: Vec<_> = on
                    .iter()
                    .copied()
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect();
                let _ = writeln!(
                    text,
                    "      proxy_next_upstream {};\n      proxy_next_upstream_tries {};",
                    on.join(" "),
                    retries.attempts + 1
                );
                if let Some(whole) = spec.timeout_ms {
                    let _ = writeln!(text, "      proxy_next_upstream_timeout {}ms;", whole.0);
                }
            }
            None => text.push_str("      proxy_next_upstream error;\n"),
        }
        self.tls(tls_name, &mut text);
        for (header, value) in self.request_headers(host) {
            let _ = writeln!(text, "      proxy_set_header {} {value};", quoted(&header));
        }
        let _ = writeln!(text, "      proxy_pass {url};");
        text
    }

    fn tls(&self, name: &str, text: &mut String) {
        if self.has_tls() {
            let _ = write!(
                text,
                "      proxy_ssl_server_name on;\n      proxy_ssl_verify on;\n      proxy_ssl_verify_depth 9;\n      \
                 proxy_ssl_name {name};\n      proxy_ssl_trusted_certificate {};\n",
                quoted(&self.settings.ca_file)
            );
        }
    }

    fn request_headers(&self, host: &str) -> BTreeMap<String, String> {
        let spec = &self.policy.spec;
        let host = match spec.host_header.as_deref() {
            None | Some(HostHeader::Upstream) => host.to_owned(),
            Some(HostHeader::Keep) => "$http_host".to_owned(),
            Some(HostHeader::Fixed(host)) => host.as_str().to_owned(),
        };
        let mut headers: BTreeMap<String, String> = BTreeMap::from([
            ("connection".to_owned(), "$tm_connection".to_owned()),
            ("host".to_owned(), host),
            ("upgrade".to_owned(), "$http_upgrade".to_owned()),
            ("x-forwarded-host".to_owned(), "$http_host".to_owned()),
        ]);
        if let Some(HeaderEdits { remove, set }) = spec.request_headers.as_deref() {
            for name in remove {
                headers.insert(name.as_str().to_owned(), "\"\"".to_owned());
            }
            for (name, value) in set {
                headers.insert(name.as_str().to_owned(), quoted(value.as_str()));
            }
        }
        headers
    }
}

/// Writes the changes of the response's headers.
fn response(edits: &HeaderEdits, text: &mut String, findings: &mut Findings) {
    let own = ["date", "server"];
    let names = edits.remove.iter().chain(edits.set.keys());
    for name in names {
        if own.contains(&name.as_str()) {
            findings.degrade(format!("nginx writes the header {name} itself"));
        } else {
            let _ = writeln!(text, "      proxy_hide_header {};", quoted(name.as_str()));
        }
    }
    for (name, value) in &edits.set {
        if !own.contains(&name.as_str()) {
            let _ = writeln!(
                text,
                "      add_header {} \"{}\" always;",
                quoted(name.as_str()),
                inner(value.as_str())
            );
        }
    }
}
