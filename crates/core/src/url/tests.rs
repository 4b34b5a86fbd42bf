use proptest::prelude::*;

use super::*;

fn refused(raw: &str) -> Option<String> {
    raw.parse::<RouteUrl>().err().map(|invalid| invalid.detail)
}

#[test]
fn valid_urls_are_accepted_unchanged() {
    let (label, name) = (
        "l".repeat(63),
        [
            "l".repeat(61),
            "l".repeat(63),
            "l".repeat(63),
            "l".repeat(63),
        ]
        .join("."),
    );
    for good in [
        "http://a",
        "HTTP://A.Example/",
        "https://a.example:8443/x?y=z",
        "http://a.example?x",
        "http://a.example.:80/",
        "http://my_service.internal:8080/",
        "http://xn--bcher-kva.example/",
        "http://a.example:080/",
        "http://a.example:/",
        "http://a.example:65535/;p=1/@/~/!$&'()*+,=:",
        "http://a.example/%7Ea/%2F?q=%41&r=a/b?c",
        "http://127.0.0.1:1/",
        "http://[::1]:80/",
        "http://[2001:DB8::1]/",
        "http://[::ffff:192.0.2.1]/",
        "http://a.example//b///c",
        "http://a.example/...",
        "http://1.a/",
        "http://0x1.a/",
        &format!("http://{label}/"),
        &format!("http://{name}/"),
        &format!("http://{name}./"),
    ] {
        assert_eq!(
            good.parse::<RouteUrl>().map(|url| url.to_string()),
            Ok(good.to_owned())
        );
        assert_read_alike(good).unwrap();
    }
    let longest = format!("http://a/{}", "x".repeat(MAX_URL - 9));
    assert!(
        longest.parse::<RouteUrl>().is_ok() && format!("{longest}x").parse::<RouteUrl>().is_err()
    );
}

#[test]
fn invalid_urls_are_refused_with_the_reason_and_place() {
    let mut faults = Vec::new();
    for (bad, told) in [
        ("", "empty"),
        ("a", "start with http://"),
        ("/x", "start with http://"),
        ("//a/", "start with http://"),
        ("ftp://a", "start with http://"),
        ("http:a", "start with http://"),
        ("http:/a", "start with http://"),
        ("http:\\\\a", "start with http://"),
        ("javascript:x", "start with http://"),
        (" http://a", "start with http://"),
        ("http://", "name a host"),
        ("http:///x", "name a host"),
        ("http://:80/", "name a host"),
        ("http://?a", "name a host"),
        ("http://u@a", "credentials"),
        ("http://u:p@a", "credentials"),
        ("http://@a/", "credentials"),
        ("http://a#f", "# at byte 8"),
        ("http://a#", "# at byte 8"),
        ("http://a/?b#c", "# at byte 11"),
        ("http://a b", "' ' (U+0020) at byte 8"),
        ("http://a/ ", "' ' (U+0020) at byte 9"),
        ("http://a\n", "U+000A at byte 8"),
        ("http://a\\b", "'\\\\' (U+005C) at byte 8"),
        ("http://a/\"", "'\"' (U+0022) at byte 9"),
        ("http://a/<x>", "'<' (U+003C) at byte 9"),
        ("http://a/a|b", "'|' (U+007C) at byte 10"),
        ("http://a/`", "'`' (U+0060) at byte 9"),
        ("http://a/^", "'^' (U+005E) at byte 9"),
        ("http://a/[", "[ at byte 9"),
        ("http://a/?x={y}", "'{' (U+007B) at byte 12"),
        ("http://a/ä", "'ä' (U+00E4) at byte 9"),
        ("http://bücher.example/", "'ü' (U+00FC) at byte 8"),
        ("http://a/\u{202e}b", "U+202E at byte 9"),
        ("http://a/%zz", "% at byte 9"),
        ("http://a/%", "% at byte 9"),
        ("http://a/%4", "% at byte 9"),
        ("http://a/b%4g", "% at byte 10"),
        ("http://a/?%", "% at byte 10"),
        ("http://exa%zzple.com/", "% at byte 10"),
        ("http://exa%6dple.com/", "'%'"),
        ("http://a%2eb/", "'%'"),
        ("http://a!b/", "'!'"),
        ("http://a,b/", "','"),
        ("http://a:0", "1 to 65535"),
        ("http://a:00000/", "1 to 65535"),
        ("http://[::1]:0/", "1 to 65535"),
        ("http://127.0.0.1:0/", "1 to 65535"),
        ("http://a:65536/", "1 to 65535"),
        ("http://a:99999999999999999999/", "1 to 65535"),
        ("http://a:8a/", "'a' (U+0061) at byte 10"),
        ("http://a:+80/", "'+' (U+002B) at byte 9"),
        ("http://a:80:80/", "at byte"),
        ("http://a..b/", "\"\", which may not be empty"),
        ("http://./", "\"\", which may not be empty"),
        ("http://../", "\"\", which may not be empty"),
        ("http://.a.example/", "\"\", which may not be empty"),
        ("http://a.example../", "\"\", which may not be empty"),
        ("http://-a.example/", "hyphen"),
        ("http://a-.example/", "hyphen"),
        ("http://xn--a/", "the host of url is not valid"),
        ("http://xn--/", "hyphen"),
        ("http://127.1/", "ends in a number"),
        ("http://2130706433/", "ends in a number"),
        ("http://0x7f.1/", "ends in a number"),
        ("http://0x7f000001/", "ends in a number"),
        ("http://a.0x/", "ends in a number"),
        ("http://0177.0.0.1/", "ends in a number"),
        ("http://127.0.0.01/", "ends in a number"),
        ("http://256.0.0.1/", "ends in a number"),
        ("http://1.2.3.4.5/", "ends in a number"),
        ("http://1.2.3.4./", "ends in a number"),
        ("http://a.1/", "ends in a number"),
        ("http://[::1/", "at byte 11"),
        ("http://[::1%25eth0]/", "'%' (U+0025) at byte 11"),
        ("http://[::g]/", "'g' (U+0067) at byte 10"),
        ("http://[1.2.3.4]/", "'1' (U+0031) at byte 8"),
        ("http://[v1.a]/", "in brackets"),
        ("http://[]/", "']' (U+005D) at byte 8"),
        ("http://a/./b", "segment"),
        ("http://a/..", "segment"),
        ("http://a/b/%2E%2e/c", "segment"),
        ("http://a/.%2e?x", "segment"),
    ] {
        let detail = refused(bad).unwrap_or_else(|| "the URL is accepted".to_owned());
        if !detail.contains(told) {
            faults.push(format!("{bad:?}: {detail}, not {told}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    for bad in [
        format!("http://{}/", "l".repeat(64)),
        format!("http://{}/", vec!["l".repeat(63); 4].join(".")),
    ] {
        assert!(refused(&bad).unwrap().contains("bytes"), "{bad}");
    }
}

#[test]
fn stored_older_url_is_read_unchanged() {
    let url: RouteUrl = serde_json::from_str(r#""http://a..b:0/%zz|""#).unwrap();
    assert_eq!(url.as_str(), "http://a..b:0/%zz|");
}

/// A URL as a client reads it: host, port, path, query.
type Read = (String, u16, String, Option<String>);

fn default_port(scheme: &str) -> u16 {
    if scheme.eq_ignore_ascii_case("https") {
        443
    } else {
        80
    }
}

/// Reads a URL as browsers and WHATWG libraries do. They escape apostrophes in queries.
fn by_whatwg(raw: &str) -> Option<Read> {
    let url = Url::parse(raw).ok()?;
    let query = url.query().map(|query| query.replace("%27", "'"));
    Some((
        url.host_str()?.to_owned(),
        url.port_or_known_default()?,
        url.path().to_owned(),
        query,
    ))
}

/// Reads a URL as hyper does, and clients that are built on it.
fn by_hyper(raw: &str) -> Option<Read> {
    let uri: http::Uri = raw.parse().ok()?;
    let port = uri
        .port_u16()
        .unwrap_or_else(|| default_port(uri.scheme_str().unwrap_or_default()));
    let query = uri.query().map(|query| query.replace("%27", "'"));
    Some((canonical(uri.host()?), port, uri.path().to_owned(), query))
}

/// Reads a URL by the rules of Go's net/url: the scheme up to a colon, the query after the first
/// question mark, the authority up to a slash, a port of digits after the last colon, well-formed
/// escapes, none of them in a host.
fn by_go(raw: &str) -> Option<Read> {
    let (scheme, rest) = raw.split_once(':')?;
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| {
        (rest, Some(query.replace("%27", "'")))
    });
    let rest = rest.strip_prefix("//")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let (host, port) = match authority.rfind(']') {
        Some(end) if authority.starts_with('[') => authority.split_at(end + 1),
        _ => authority
            .find(':')
            .map_or((authority, ""), |at| authority.split_at(at)),
    };
    let digits = if port.is_empty() {
        ""
    } else {
        port.strip_prefix(':')?
    };
    let port = if digits.is_empty() {
        default_port(scheme)
    } else {
        digits.parse().ok()?
    };
    let is_escaped = |text: &str| {
        let digits =
            |after: &str| after.len() >= 2 && after.bytes().take(2).all(|b| b.is_ascii_hexdigit());
        text.split('%').skip(1).all(digits)
    };
    (is_escaped(path) && !host.contains('%') && raw.bytes().all(|b| b > b' ' && b != 0x7f))
        .then(|| (canonical(host), port, path.to_owned(), query))
}

fn canonical(host: &str) -> String {
    let address = url::Host::parse(host)
        .ok()
        .filter(|_| host.starts_with('['));
    address.map_or_else(|| host.to_ascii_lowercase(), |address| address.to_string())
}

fn assert_read_alike(raw: &str) -> Result<(), TestCaseError> {
    let whatwg = by_whatwg(raw);
    prop_assert!(whatwg.is_some(), "{:?}", raw);
    prop_assert_eq!(&whatwg, &by_hyper(raw), "{:?}", raw);
    prop_assert_eq!(&whatwg, &by_go(raw), "{:?}", raw);
    let (host, port, ..) = whatwg.unwrap();
    let name = host.strip_suffix('.').unwrap_or(&host);
    prop_assert!(port > 0 && raw.is_ascii() && name.len() <= 253, "{:?}", raw);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    prop_assert!(
        host.starts_with('[') || name.split('.').all(is_label),
        "{:?}",
        raw
    );
    Ok(())
}

/// Tests URLs with a name and with addresses, and with every part that a URL may have. Inserts
/// every byte value at each position, and also replaces the byte there by it.
#[test]
fn url_with_any_byte_is_parsed_alike_by_all_or_refused() {
    let mut taken = 0;
    for base in [
        "http://ab.example:81/p/%41?q=%42&r",
        "https://[2001:db8::1]:443/x;y",
        "http://192.0.2.10/",
        "HTTP://xn--bcher-kva.de.",
    ] {
        for at in 0..=base.len() {
            for byte in 0..=u8::MAX {
                for replaced in [0, 1] {
                    let Some(rest) = base.get(at + replaced..) else {
                        continue;
                    };
                    let raw = format!("{}{}{rest}", &base[..at], char::from(byte));
                    if raw.parse::<RouteUrl>().is_ok() {
                        taken += 1;
                        assert_read_alike(&raw).unwrap();
                    }
                }
            }
        }
    }
    assert!(taken > 5_000, "{taken}");
}

/// Generates texts that look like URLs, with parts that parsers often read differently.
pub(super) fn alike() -> impl Strategy<Value = String> {
    let host = "[a-zA-Z0-9_.-]{1,12}|[a-z]{1,5}(\\.[a-z0-9-]{1,5}){0,3}\\.?|[0-9x]{1,4}(\\.[0-9]{1,3}){0,4}|\\[[0-9a-f:.%v]{0,14}\\]|\\PC{0,5}";
    let port = "(:[0-9]{0,6})?|:\\PC{0,2}";
    let rest = "(/[!-~]{0,6}){0,3}(\\?[!-~]{0,10})?|(/(\\.|%2[eE]|[a-z]|%[0-9a-fA-Z]{0,2}){0,3}){0,3}|\\PC{0,10}";
    (
        prop::sample::select(vec![
            "http://", "https://", "HtTp://", "http:/", "http:", "//", "",
        ]),
        host,
        port,
        rest,
    )
        .prop_map(|(scheme, host, port, rest)| format!("{scheme}{host}{port}{rest}"))
}

proptest! {
    #[test]
    fn accepted_url_is_parsed_alike_by_all_parsers(raw in alike()) {
        if raw.parse::<RouteUrl>().is_ok() {
            assert_read_alike(&raw)?;
        }
    }

    /// Every valid host of a policy is a valid host of a route's URL, except hosts with A-labels:
    /// only a URL decodes them.
    #[test]
    fn policy_hosts_are_valid_in_urls(raw in "(\\*\\.)?[a-z0-9-]{1,6}(\\.[a-z0-9-]{1,6}){0,3}|[a-z0-9.*-]{0,20}|\\PC{0,8}") {
        if let Ok(host) = crate::policy::Host::try_from(raw) {
            let name = host.as_str().trim_start_matches("*.");
            let url = format!("http://{name}/");
            prop_assert!(url.parse::<RouteUrl>().is_ok() || name.contains("xn--"), "{}", url);
        }
    }

    #[test]
    fn url_check_never_panics(raw in "\\PC{0,80}|https?://(?s).{0,80}") {
        if let Err(invalid) = raw.parse::<RouteUrl>() {
            prop_assert!(["empty", "not_a_url", "control_character", "invisible_character"].contains(&invalid.code));
        }
    }
}
