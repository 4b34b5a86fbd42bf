//! Refuses requests that a page of another origin made with our cookie (CSRF).
//!
//! `SameSite=Strict` keeps the cookie out of requests of other sites. These checks hold for other
//! hosts of the same site too: such a page cannot set `TM-CSRF` without our permission (CORS), and
//! cannot choose what the browser says about its origin.

use actix_web::{HttpRequest, http::header};

use super::{
    cookies::own_origin,
    headers::CSRF,
    problem::{Code, Problem},
};

const FETCH_SITE: header::HeaderName = header::HeaderName::from_static("sec-fetch-site");

/// Fails unless a request comes from our own page: it has `TM-CSRF`, and the browser says that the
/// page is of the same origin, in `Sec-Fetch-Site` or else in `Origin`.
pub fn check(request: &HttpRequest) -> Result<(), Problem> {
    let refused = |detail| Err(Problem::new(Code::Forbidden, detail));
    if header_of(request, CSRF).is_none_or(<[u8]>::is_empty) {
        return refused("a request with a session needs the header TM-CSRF");
    }
    let is_same = if request.headers().contains_key(FETCH_SITE) {
        header_of(request, FETCH_SITE) == Some(b"same-origin")
    } else {
        let origin = header_of(request, header::ORIGIN);
        own_origin(request).is_some_and(|own| origin == Some(own.as_bytes()))
    };
    if !is_same {
        return refused("the request does not come from a page of this service");
    }
    Ok(())
}

/// Returns the value of a header that is there once.
fn header_of(request: &HttpRequest, name: header::HeaderName) -> Option<&[u8]> {
    let mut values = request.headers().get_all(name);
    values
        .next()
        .filter(|_| values.next().is_none())
        .map(header::HeaderValue::as_bytes)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn is_refused(host: &str, headers: &[(&str, &str)]) -> bool {
        let request = TestRequest::default()
            .insert_header((header::HOST, host))
            .peer_addr("127.0.0.1:9".parse().unwrap());
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.append_header((*name, *value))
        });
        check(&request.to_http_request()).is_err()
    }

    #[test]
    fn request_of_our_own_page_needs_the_header_and_its_origin() {
        let marked = ("tm-csrf", "1");
        let site = |value| ("sec-fetch-site", value);
        let origin = |value| ("origin", value);
        let host = "console.example";
        for good in [
            &[marked, site("same-origin")][..],
            &[marked, site("same-origin"), origin("null")],
            &[marked, origin("https://console.example")],
        ] {
            assert!(!is_refused(host, good), "{good:?}");
        }
        for bad in [
            &[][..],
            &[marked],
            &[site("same-origin")],
            &[("tm-csrf", ""), site("same-origin")],
            &[marked, marked, site("same-origin")],
            &[marked, site("same-site")],
            &[marked, site("cross-site")],
            &[marked, site("none")],
            &[marked, site("Same-Origin")],
            &[marked, site("same-origin"), site("same-origin")],
            &[
                marked,
                site("cross-site"),
                origin("https://console.example"),
            ],
            &[marked, origin("http://console.example")],
            &[marked, origin("https://evil.example")],
            &[marked, origin("https://console.example.evil.example")],
            &[marked, origin("https://console.example:8443")],
            &[marked, origin("null")],
            &[marked, origin("")],
        ] {
            assert!(is_refused(host, bad), "{bad:?}");
        }
        assert!(!is_refused(
            "localhost:8000",
            &[marked, origin("http://localhost:8000")]
        ));
        assert!(is_refused(
            "localhost:8000",
            &[marked, origin("http://localhost:9000")]
        ));
    }
}
