//! The answers that a proxy gives by itself when a request has nowhere to go: problem documents
//! (RFC 9457), the same in the dialects that can answer with a body.

/// The media type of the answers.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The HTTP status.
    pub status: u16,
    title: &'static str,
    code: &'static str,
}

/// A host or path that no policy has.
pub(crate) const NO_ROUTE: Problem = Problem {
    status: 404,
    title: "No policy has this host and path",
    code: "no_route",
};
/// The request names a version that is not active.
pub(crate) const UNKNOWN_VERSION: Problem = Problem {
    status: 404,
    title: "No such version is active",
    code: "unknown_version",
};
/// No version that could take the request is active.
pub(crate) const NO_ACTIVE_VERSION: Problem = Problem {
    status: 503,
    title: "No version is active",
    code: "no_active_version",
};
/// The proxy cannot do what the policy says.
pub(crate) const POLICY_REFUSED: Problem = Problem {
    status: 503,
    title: "This proxy cannot serve the policy",
    code: "policy_refused",
};
/// The path has `.` or `..` as a segment, which versions may read in another way than the proxy.
pub(crate) const DOT_SEGMENT: Problem = Problem {
    status: 400,
    title: "The path has . or .. as a segment",
    code: "bad_path",
};

impl Problem {
    /// Returns the body, which has no character that a dialect reads in a special way but `"` and
    /// braces.
    pub(crate) fn body(self) -> String {
        let Self {
            status,
            title,
            code,
        } = self;
        format!(r#"{{"title":"{title}","status":{status},"code":"{code}"}}"#)
    }
}
