//! Entity tags: parsers of conditions, and the answers that depend on them (RFC 9110 §8.8.3, §13.1).

use actix_web::{
    HttpResponse,
    body::BoxBody,
    dev::ServiceResponse,
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
};

use crate::{
    coding::Coding,
    domain::{
        Invalid,
        etag::{Seen, entity_tags, version_tag},
        tag::VersionTag,
    },
};

/// The value of `If-Match` or `If-None-Match`.
#[derive(Debug, PartialEq, Eq)]
pub enum Condition {
    /// `*`
    Any,
    /// Entity tags. Tags that no object of this service can have are left out.
    Tags {
        /// The strong tags, in their order.
        strong: Vec<VersionTag>,
        /// The weak tags, in their order.
        weak: Vec<VersionTag>,
    },
}

/// Reads the condition on the object's tag, if the header is there.
pub fn condition(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Condition>, Invalid> {
    let malformed = || {
        Invalid::new(
            "not_entity_tags",
            format!("{name} must be * or a list of entity tags in quotes"),
        )
    };
    let (mut strong, mut weak, mut count, mut any) = (Vec::new(), Vec::new(), 0, false);
    let mut is_there = false;
    for value in headers.get_all(name) {
        is_there = true;
        let (tags, is_all) = entity_tags(value.to_str().map_err(|_| malformed())?);
        for tag in &tags {
            any |= tag.is_star();
            if !(tag.is_quoted || tag.is_star()) {
                return Err(malformed());
            }
        }
        if !is_all {
            return Err(malformed());
        }
        count += tags.len();
        for tag in &tags {
            let tags = if tag.is_weak { &mut weak } else { &mut strong };
            tags.extend(tag.opaque.parse::<VersionTag>().ok());
        }
    }
    match (is_there, any, count) {
        (false, ..) => Ok(None),
        (true, true, 1) => Ok(Some(Condition::Any)),
        (true, false, 1..) => Ok(Some(Condition::Tags { strong, weak })),
        _ => Err(malformed()),
    }
}

/// Reads the tags of `If-None-Match` of a read.
pub fn seen(headers: &HeaderMap) -> Seen {
    let lines = headers.get_all(header::IF_NONE_MATCH);
    Seen::of(lines.filter_map(|line| line.to_str().ok()))
}

/// Answers 304 instead of an answer that the caller has already. Applies to every endpoint whose
/// answer has an entity tag, if `If-None-Match` names that tag or is `*` (RFC 9110 §13.1.2).
pub fn unless_seen(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let request = response.request();
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    if !is_read
        || response.status() != StatusCode::OK
        || !request.headers().contains_key(header::IF_NONE_MATCH)
    {
        return response;
    }
    let tag = response
        .headers()
        .get(header::ETAG)
        .and_then(|tag| tag.to_str().ok());
    let Some(tag) = tag.and_then(|tag| version_tag(tag).ok()) else {
        return response;
    };
    if !seen(request.headers()).has(&tag) {
        return response;
    }
    let mut response = response.map_body(|_, _| BoxBody::new(()));
    *response.response_mut().status_mut() = StatusCode::NOT_MODIFIED;
    for name in [
        header::CONTENT_TYPE,
        header::CONTENT_LENGTH,
        header::CONTENT_ENCODING,
        header::CONTENT_DISPOSITION,
    ] {
        response.headers_mut().remove(name);
    }
    response
}

/// Sets the tag as a strong `ETag`.
pub fn set_tag(response: &mut HttpResponse, tag: &VersionTag) {
    set_coded_tag(response, tag, Coding::Identity);
}

/// Sets the tag as `ETag`: strong for the plain bytes, weak for compressed ones, because two
/// representations of a resource may not share a strong tag (RFC 9110 §8.8.3.3).
pub fn set_coded_tag(response: &mut HttpResponse, tag: &VersionTag, coding: Coding) {
    let mut text = [0; 64];
    let mut length = 0;
    let mut revision = itoa::Buffer::new();
    for part in [
        if coding == Coding::Identity {
            "\""
        } else {
            "W/\""
        },
        tag.epoch.as_str(),
        ".",
        revision.format(tag.revision.0),
        "\"",
    ] {
        // An epoch has 16 characters and a revision at most 20, so there is room for all parts.
        text[length..length + part.len()].copy_from_slice(part.as_bytes());
        length += part.len();
    }
    if let Ok(value) = HeaderValue::from_bytes(&text[..length]) {
        response.headers_mut().insert(header::ETAG, value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(name: &HeaderName, lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name.clone(), HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    fn tag(revision: u64) -> VersionTag {
        format!("0123456789abcdef.{revision}").parse().unwrap()
    }

    const ONE: &str = "\"0123456789abcdef.1\"";
    const TWO: &str = "W/\"0123456789abcdef.2\"";

    #[test]
    fn condition_is_a_star_or_a_list_of_tags() {
        let read =
            |lines: &[&str]| condition(&headers(&header::IF_MATCH, lines), &header::IF_MATCH).ok();
        let both = format!("{ONE},\t,{TWO} ,");
        assert_eq!(read(&[]), Some(None));
        assert_eq!(read(&["*"]), Some(Some(Condition::Any)));
        for lines in [
            vec![ONE, TWO],
            vec![&both],
            vec![ONE, "\"a,b\", \"x\"", TWO],
        ] {
            let Some(Some(Condition::Tags { mut strong, weak })) = read(&lines) else {
                panic!("{lines:?}")
            };
            strong.extend(weak);
            strong.sort_by_key(|tag| tag.revision);
            assert_eq!(strong, [tag(1), tag(2)], "{lines:?}");
        }
        assert_eq!(
            read(&["\",\""]),
            Some(Some(Condition::Tags {
                strong: Vec::new(),
                weak: Vec::new()
            }))
        );
        for malformed in [
            "",
            ",",
            "x",
            "0123456789abcdef.1",
            "\"a",
            "a\"",
            "\"a\" \"b\"",
            "\"a\"\"b\"",
            "W/x",
            "w/\"x\"",
            "*, *",
            "*, \"a\"",
        ] {
            assert_eq!(read(&[malformed]), None, "{malformed}");
        }
        assert_eq!((read(&["*", "*"]), read(&["*", ONE])), (None, None));
    }

    #[test]
    fn read_ignores_an_invalid_condition() {
        let read = |lines: &[&str]| seen(&headers(&header::IF_NONE_MATCH, lines));
        assert!(read(&["*"]).has(&tag(9)) && read(&[" * "]).has(&tag(9)));
        for lines in [
            vec![],
            vec![""],
            vec!["*, \"x\""],
            vec!["\"*\""],
            vec!["W/*"],
            vec!["\"x"],
            vec!["\"0123456789abcdef.1, 0123456789abcdef.2\""],
        ] {
            assert!(
                !read(&lines).has(&tag(1)) && !read(&lines).has(&tag(2)),
                "{lines:?}"
            );
        }
        for lines in [
            vec![ONE, TWO],
            vec!["\"a,b\", 0123456789abcdef.1, W/0123456789abcdef.2"],
            vec![TWO, "\"x", ONE],
        ] {
            assert!(
                read(&lines).has(&tag(1)) && read(&lines).has(&tag(2)),
                "{lines:?}"
            );
        }
    }

    /// The pattern of random lists of tags: the parts of a list, and texts that are hard to parse.
    const LISTS: &str = "(W/|w/|\"[!#-~]{0,3}\"|\"0123456789abcdef\\.[0-9]{1,2}\"|[ ,*\t]|[!-~]{0,3}){0,8}|[\\x20-\\x7e\t]{0,40}";

    proptest! {
        #[test]
        fn written_tag_list_parses_back(
            revisions in prop::collection::vec(0_u64..100, 1..5), weak: bool, comma in " ?,[ ,\t]{0,3}",
        ) {
            let written: Vec<_> = revisions.iter().map(|at| format!("{}\"{}\"", if weak { "W/" } else { "" }, tag(*at))).collect();
            let list = written.join(&comma);
            let wanted: Vec<_> = revisions.iter().map(|at| tag(*at)).collect();
            let all = headers(&header::IF_MATCH, &[&list]);
            let (strong, weak) = if weak { (Vec::new(), wanted.clone()) } else { (wanted.clone(), Vec::new()) };
            prop_assert_eq!(condition(&all, &header::IF_MATCH).unwrap(), Some(Condition::Tags { strong, weak }));
            let all = headers(&header::IF_NONE_MATCH, &[&list]);
            prop_assert!(wanted.iter().all(|tag| seen(&all).has(tag)) && !seen(&all).has(&tag(100)));
        }

        #[test]
        fn tag_list_parser_never_panics_or_invents_tags(list in LISTS, other in LISTS) {
            let all = headers(&header::IF_MATCH, &[&list, &other]);
            if let Ok(Some(Condition::Tags { strong, weak })) = condition(&all, &header::IF_MATCH) {
                prop_assert!(strong.iter().chain(&weak).all(|tag| list.contains(&tag.to_string()) || other.contains(&tag.to_string())));
            }
            let all = headers(&header::IF_NONE_MATCH, &[&list, &other]);
            prop_assert!(!seen(&all).has(&tag(1000)) || list.trim_matches([' ', ',', '\t']) == "*" || other.trim_matches([' ', ',', '\t']) == "*");
            let _ = version_tag(&list);
        }

    }
}
