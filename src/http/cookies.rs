//! The cookies of the web page.
//!
//! Their names begin with `__Host-`: a browser takes such a cookie only over TLS and only from this
//! very host, so neither another host of the domain nor somebody on the network can plant one. Over
//! plain HTTP at a loopback address, where not every browser takes them, the names have no prefix.

use actix_web::{HttpRequest, http::header};
use cookie::{Cookie as Written, SameSite, time::Duration};

use super::authority::is_of_loopback;

/// A cookie of the web page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    /// The session. The browser sends it with requests of our own pages only.
    Session,
    /// A sign-in that has begun, for this many seconds. The browser also sends it when the identity
    /// provider sends the person back.
    SignIn(u32),
}

/// A cookie is there more than once, so that it is open which one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated;

impl Cookie {
    fn name(self, is_plain: bool) -> &'static str {
        match (self, is_plain) {
            (Self::Session, false) => "__Host-tm",
            (Self::Session, true) => "tm",
            (Self::SignIn(_), false) => "__Host-tm-sign-in",
            (Self::SignIn(_), true) => "tm-sign-in",
        }
    }
}

/// Returns whether the browser and the service are on one machine, and nothing is encrypted.
fn is_plain(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let is_forwarded = ["forwarded", "x-forwarded-for", "x-forwarded-proto"]
        .iter()
        .any(|name| headers.contains_key(*name));
    let peer = request.peer_addr();
    !request.app_config().secure()
        && !is_forwarded
        && peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback())
        && host(request).is_some_and(is_of_loopback)
}

/// Returns the authority that a request was sent to.
pub fn host(request: &HttpRequest) -> Option<&str> {
    match request.headers().get(header::HOST) {
        Some(host) => host.to_str().ok(),
        None => request.uri().authority().map(|host| host.as_str()),
    }
}

/// Returns the origin of our own pages, as a browser that has sent this request would name it.
pub fn own_origin(request: &HttpRequest) -> Option<String> {
    let scheme = if is_plain(request) { "http" } else { "https" };
    Some(format!(
        "{scheme}://{}",
        host(request)?.to_ascii_lowercase()
    ))
}

/// Returns the value of a cookie, if the request has it.
pub fn sent(request: &HttpRequest, cookie: Cookie) -> Option<Result<String, Repeated>> {
    let mut lines = request.headers().get_all(header::COOKIE).peekable();
    lines.peek()?;
    let name = cookie.name(is_plain(request));
    let mut values = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(Written::split_parse)
        .flatten()
        .filter(|sent| sent.name() == name)
        .map(|sent| sent.value().to_owned());
    let value = values.next()?;
    Some(values.next().map_or(Ok(value), |_| Err(Repeated)))
}

/// Returns the header that sets a cookie.
pub fn set(request: &HttpRequest, cookie: Cookie, value: String) -> Option<header::HeaderValue> {
    let is_plain = is_plain(request);
    let written = Written::build((cookie.name(is_plain), value))
        .path("/")
        .http_only(true)
        .secure(!is_plain);
    let written = match cookie {
        // It ends with the browser; the session in it says when it ends at the latest.
        Cookie::Session => written.same_site(SameSite::Strict),
        Cookie::SignIn(seconds) => written
            .same_site(SameSite::Lax)
            .max_age(Duration::seconds(seconds.into())),
    };
    header::HeaderValue::from_str(&written.to_string()).ok()
}

/// Returns the header that removes a cookie.
pub fn remove(request: &HttpRequest, cookie: Cookie) -> Option<header::HeaderValue> {
    let is_plain = is_plain(request);
    let written = Written::build((cookie.name(is_plain), ""))
        .path("/")
        .http_only(true)
        .secure(!is_plain)
        .same_site(SameSite::Strict)
        .max_age(Duration::ZERO);
    header::HeaderValue::from_str(&written.to_string()).ok()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn from(host: &str) -> TestRequest {
        TestRequest::default()
            .insert_header((header::HOST, host))
            .peer_addr("127.0.0.1:9".parse().unwrap())
    }

    fn written(request: TestRequest) -> String {
        let set = set(&request.to_http_request(), Cookie::Session, "x".into()).unwrap();
        set.to_str().unwrap().to_owned()
    }

    #[test]
    fn only_direct_requests_to_loopback_get_a_plain_cookie() {
        let plain = "tm=x; HttpOnly; SameSite=Strict; Path=/";
        for host in ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"] {
            assert_eq!(written(from(host)), plain, "{host}");
        }
        let guarded = "__Host-tm=x; HttpOnly; SameSite=Strict; Secure; Path=/";
        for request in [
            from("console.example"),
            from("127.0.0.1.evil.example"),
            from("127.0.0.1:8000").insert_header(("x-forwarded-for", "10.0.0.1")),
            from("127.0.0.1:8000").insert_header(("forwarded", "proto=https")),
            from("127.0.0.1:8000").peer_addr("10.0.0.1:9".parse().unwrap()),
        ] {
            assert_eq!(written(request), guarded);
        }
    }

    #[test]
    fn cookie_counts_only_by_its_own_name_and_once() {
        let sent = |host: &str, lines: &[&str]| {
            let request = lines.iter().fold(from(host), |request, line| {
                request.append_header((header::COOKIE, *line))
            });
            sent(&request.to_http_request(), Cookie::Session)
        };
        let remote = "console.example";
        assert_eq!(sent(remote, &["a=b; __Host-tm=x"]), Some(Ok("x".into())));
        assert_eq!(sent(remote, &["a=b", "__Host-tm=x"]), Some(Ok("x".into())));
        for lines in [
            &[][..],
            &["a=b"],
            &["tm=x"],
            &["__host-tm=x"],
            &["__Host-tm-sign-in=x"],
        ] {
            assert_eq!(sent(remote, lines), None, "{lines:?}");
        }
        for lines in [
            &["__Host-tm=x; __Host-tm=x"][..],
            &["__Host-tm=x", "__Host-tm=y"],
        ] {
            assert_eq!(sent(remote, lines), Some(Err(Repeated)), "{lines:?}");
        }
        assert_eq!(sent("localhost", &["__Host-tm=x"]), None);
    }
}
