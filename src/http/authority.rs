//! The names that a service answers to.
//!
//! A web page may make its own host name resolve to a loopback address (DNS rebinding): the
//! reader's browser then sends the page's requests to a service on that machine, as requests to the
//! page's own origin. A listener that asks for no credentials therefore answers to names that only
//! its operator can give it.

use actix_web::{
    dev::ServiceRequest,
    http::{header, uri::Authority},
};

use super::problem::{Code, Problem};

/// The host names that requests may be sent to.
#[derive(Debug, Clone)]
pub enum Answered {
    /// Every name: a caller needs credentials, which no page of another origin has.
    Any,
    /// `localhost`, loopback addresses, and these names in lower case.
    Loopback(Vec<String>),
    /// These names in lower case.
    Only(Vec<String>),
}

impl Answered {
    /// Returns the names that a listener answers to: `allowed` (`http.allowed_hosts`), and without
    /// credentials also those of the loopback interface.
    pub fn new(allowed: &[String], asks_for_credentials: bool) -> Self {
        let names: Vec<_> = allowed
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .collect();
        match (asks_for_credentials, names.is_empty()) {
            (true, true) => Self::Any,
            (true, false) => Self::Only(names),
            (false, _) => Self::Loopback(names),
        }
    }

    /// Returns a problem if the request was sent to a host name that the listener does not answer
    /// to.
    pub fn refused(&self, request: &ServiceRequest) -> Option<Problem> {
        if matches!(self, Self::Any) {
            return None;
        }
        let target = request
            .uri()
            .authority()
            .map(|authority| authority.as_str().as_bytes());
        let mut hosts = request
            .headers()
            .get_all(header::HOST)
            .map(|host| host.as_bytes())
            .chain(target);
        let other = |host: &[u8]| !std::str::from_utf8(host).is_ok_and(|host| self.has(host));
        hosts.any(other).then(|| {
            Problem::new(
                Code::MisdirectedRequest,
                "the Host header is not a name of this service: see http.allowed_hosts",
            )
        })
    }

    /// Returns whether the host of an authority (RFC 3986 §3.2) is one of the names.
    fn has(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else {
            return false;
        };
        let host = authority.host().to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        match self {
            Self::Any => true,
            Self::Loopback(names) => is_loopback(host) || names.iter().any(|name| name == host),
            Self::Only(names) => names.iter().any(|name| name == host),
        }
    }
}

/// Returns whether an authority (RFC 3986 §3.2) is of the loopback interface.
pub fn is_of_loopback(authority: &str) -> bool {
    Answered::Loopback(Vec::new()).has(authority)
}

fn is_loopback(host: &str) -> bool {
    let literal = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host == "localhost"
        || literal
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_credentials_only_loopback_and_allowed_hosts_work() {
        let answered = Answered::new(&["Console.Example".to_owned()], false);
        for host in [
            "localhost",
            "LocalHost:8000",
            "localhost.",
            "127.0.0.1",
            "127.9.9.9:80",
            "[::1]:8000",
            "[::ffff:127.0.0.1]",
            "console.example",
            "CONSOLE.example.:8443",
        ] {
            assert!(answered.has(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example:8000",
            "10.0.0.1",
            "[::2]",
            "0.0.0.0",
            "2130706433",
            "127.1",
            "localhost@evil.example",
            "",
            "a b",
            "sub.console.example",
        ] {
            assert!(!answered.has(host), "{host}");
        }
    }

    #[test]
    fn with_credentials_any_host_works_unless_a_list_is_set() {
        assert!(Answered::new(&[], true).has("anything.example"));
        let only = Answered::new(&["api.example".to_owned()], true);
        assert!(
            only.has("api.example:443") && !only.has("localhost") && !only.has("other.example")
        );
    }
}
