//! Rules of `[http]` that no range expresses: exact origins, and the token of the operations
//! listener.

use secrecy::ExposeSecret as _;
use url::Url;

use super::{ConfigError, Http, invalid};

/// The shortest token, in characters. A shorter token can be found by trial.
const MIN_TOKEN: usize = 16;

pub(super) fn check(http: &Http) -> Result<(), ConfigError> {
    if let Some(origin) = http
        .cors_origins
        .iter()
        .find(|origin| !is_exact_origin(origin))
    {
        return Err(invalid(
            "http.cors_origins",
            &format!(
                "{origin:?} is not an origin as browsers send it, such as https://console.example"
            ),
        ));
    }
    if http.max_bulk_total_bytes < http.max_bulk_bytes {
        return Err(invalid(
            "http.max_bulk_total_bytes",
            "must be at least http.max_bulk_bytes",
        ));
    }
    if http.max_bulk_tenant_bytes < http.max_bulk_bytes {
        return Err(invalid(
            "http.max_bulk_tenant_bytes",
            "must be at least http.max_bulk_bytes",
        ));
    }
    let token = http.ops_token.expose_secret();
    if token.is_empty() && !http.ops_listen.ip().is_loopback() {
        return Err(invalid(
            "http.ops_token",
            "is required while http.ops_listen is not a loopback address",
        ));
    }
    if !token.is_empty()
        && (token.len() < MIN_TOKEN || !token.bytes().all(|b| b.is_ascii_graphic()))
    {
        return Err(invalid(
            "http.ops_token",
            "must be at least 16 visible ASCII characters",
        ));
    }
    Ok(())
}

/// Returns whether `origin` is exactly the origin that a browser sends for the pages of one host. A
/// wildcard, `null`, a path, capital letters and the scheme's default port are not allowed.
fn is_exact_origin(origin: &str) -> bool {
    Url::parse(origin).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.origin().ascii_serialization() == origin
            && !origin.contains('*')
    })
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;

    fn refused(overrides: &[&str]) -> Option<String> {
        let overrides: Vec<String> = overrides.iter().map(|pair| (*pair).to_owned()).collect();
        Settings::without_environment(&overrides)
            .err()
            .map(|error| error.to_string())
    }

    #[test]
    fn only_exact_cors_origins_are_accepted() {
        for good in [
            "https://a.example",
            "http://localhost:3000",
            "https://a.example:8443,https://b.example",
            "",
        ] {
            assert_eq!(
                refused(&[&format!("http.cors_origins={good}")]),
                None,
                "{good}"
            );
        }
        let wrong = [
            "*",
            "null",
            "a.example",
            "https://*.example",
            "https://a.example/",
            "https://a.example/path",
            "https://A.example",
            "HTTPS://a.example",
            "https://a.example:443",
            "http://a.example:80",
            "https://u@a.example",
            "https://a.example?x",
            "file:///a",
            "ftp://a.example",
            "https://",
            "https://a.example,*",
            "https://a.example ",
            "chrome-extension://abc",
        ];
        for wrong in wrong {
            let message = refused(&[&format!("http.cors_origins={wrong}")])
                .unwrap_or_else(|| panic!("{wrong} is accepted"));
            assert!(message.contains("http.cors_origins"), "{wrong}: {message}");
        }
    }

    #[test]
    fn operations_listener_off_loopback_requires_a_token() {
        let token = "http.ops_token=0123456789abcdef";
        assert_eq!(refused(&["http.ops_listen=127.0.0.1:9000"]), None);
        assert_eq!(refused(&["http.ops_listen=[::1]:9000", token]), None);
        for open in ["0.0.0.0:9000", "[::]:9000", "10.1.2.3:9000"] {
            let message = refused(&[&format!("http.ops_listen={open}")])
                .unwrap_or_else(|| panic!("{open} is accepted"));
            assert!(message.contains("http.ops_token"), "{open}: {message}");
            let with_token = refused(&[&format!("http.ops_listen={open}"), token]);
            assert!(
                !with_token.is_some_and(|message| message.contains("http.ops_token")),
                "{open}"
            );
        }
        for weak in ["short", "with a space in it", "0123456789abcde\u{e4}"] {
            let message = refused(&[&format!("http.ops_token={weak}")])
                .unwrap_or_else(|| panic!("{weak} is accepted"));
            assert!(
                message.contains("http.ops_token") && !message.contains(weak),
                "{message}"
            );
        }
    }
}
