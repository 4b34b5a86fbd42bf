//! `/ui/login` and `/ui/callback`: signing in at the identity provider.

use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, http::header, web};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use url::{Position, Url};
use validator::Validate;

use super::{
    pages::{Pages, made_page},
    records,
    session::{sessions, signed_in},
};
use crate::{
    auth::{
        Caller,
        oidc::{Provider, SignIn, SignInError},
        sealer::Purpose,
        session::Sessions,
    },
    domain::{Invalid, time::UtcTime},
    http::{
        authentication::Authentication,
        cookies::{self, Cookie},
        denied::Denied,
        extract::Query,
        permission::Anyone,
        problem::{Code, Problem},
        request::ClientAddress,
        state::ApiState,
    },
    service::{Error, access::callers::CallerRefusal},
};

/// The path of the page.
const HOME: &str = "/ui/";

/// The longest path that a sign-in goes back to, in bytes.
const MAX_BACK: usize = 1024;

/// The parameters of `GET /ui/login`.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct LoginIn {
    #[serde(rename = "return")]
    back: Option<String>,
}

/// The parameters of `GET /ui/callback`. The identity provider may send others.
#[derive(Debug, Default)]
struct CallbackIn {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// `GET /ui/login?return=/ui/…`: sends the browser to the identity provider.
pub async fn begin(
    _: Anyone,
    pages: web::Data<Pages>,
    state: web::Data<ApiState>,
    query: Query<LoginIn>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    pages.on()?;
    let (sessions, provider) = parts(&state)?;
    let back = query.0.back.map_or(Ok(HOME.to_owned()), |raw| back(&raw))?;
    let (sign_in, url) = provider
        .begin(back, Timestamp::now().into())
        .map_err(|_| internal())?;
    let plain = serde_json::to_vec(&sign_in).map_err(|_| internal())?;
    let sealed = sessions
        .sealer()
        .seal(Purpose::SignIn, &plain)
        .map_err(|_| internal())?;
    let cookie = Cookie::SignIn(provider.sign_in_seconds());
    let cookie = cookies::set(&request, cookie, sealed).ok_or_else(internal)?;
    Ok(HttpResponse::Found()
        .insert_header((header::LOCATION, url.as_str()))
        .insert_header((header::SET_COOKIE, cookie))
        .finish())
}

fn parts(state: &ApiState) -> Result<(&Sessions, &Provider), Problem> {
    let sessions = sessions(state)?;
    let provider = state.provider.as_ref().ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "no identity provider signs people in here: see ui.oidc",
        )
    })?;
    Ok((sessions, provider))
}

fn internal() -> Problem {
    Problem::new(Code::Internal, "see the log for this request_id")
}

/// Parses the path to go back to as a browser does, and returns it in the form that a browser would
/// read alike. It must be a path of our own page.
fn back(raw: &str) -> Result<String, Problem> {
    let refused = || {
        Problem::field(
            "?return",
            Invalid::new("not_of_the_page", "must be a path that begins with /ui/"),
        )
    };
    let here = Url::parse("https://here.invalid/").map_err(|_| internal())?;
    let is_path = raw.starts_with(HOME) && raw.len() <= MAX_BACK;
    let url = here
        .join(raw)
        .ok()
        .filter(|url| is_path && url.origin() == here.origin() && url.path().starts_with(HOME))
        .ok_or_else(refused)?;
    Ok(url[Position::BeforePath..].to_owned())
}

/// `GET /ui/callback`: begins the session of a person whom the identity provider has sent back.
pub async fn finish(
    _: Anyone,
    pages: web::Data<Pages>,
    state: web::Data<ApiState>,
    authentication: web::Data<Authentication>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    pages.on()?;
    let (sessions, provider) = parts(&state)?;
    let refused = |denied| records::refused(&state, &request, denied);
    let sent =
        CallbackIn::read(request.query_string()).map_err(refused_as("bad_callback", refused))?;
    let sign_in = begun(sessions, &request, &sent).map_err(|reason| {
        let refusal = CallerRefusal { reason, key: None };
        refused(authentication.failed(address(&request), refusal))
    })?;
    let caller = caller(provider, &authentication, &request, &sign_in, &sent)
        .await
        .map_err(refused)?;
    let session = signed_in(&state, sessions, &request, &caller)?;
    let mut response = made_page();
    response.append_header((header::SET_COOKIE, session));
    if let Some(used) = cookies::remove(&request, Cookie::SignIn(0)) {
        response.append_header((header::SET_COOKIE, used));
    }
    Ok(response.body(page(&sign_in.back)))
}

fn address(request: &HttpRequest) -> Option<std::net::IpAddr> {
    let extensions = request.extensions();
    extensions.get::<ClientAddress>().map(|address| address.0)
}

fn refused_as(
    reason: &'static str,
    refused: impl Fn(Denied) -> Problem,
) -> impl Fn(&'static str) -> Problem {
    move |detail| {
        refused(Denied::new(
            Problem::new(Code::Unauthenticated, detail),
            reason,
        ))
    }
}

impl CallbackIn {
    /// Reads the parameters. One that is there twice is refused.
    fn read(query: &str) -> Result<Self, &'static str> {
        let mut read = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "code" => &mut read.code,
                "state" => &mut read.state,
                "error" => &mut read.error,
                "iss" => &mut read.iss,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return Err("the identity provider sent a parameter twice");
            }
        }
        Ok(read)
    }
}

/// Returns the sign-in that this browser has begun, or the reason why this is not its end.
fn begun(
    sessions: &Sessions,
    request: &HttpRequest,
    sent: &CallbackIn,
) -> Result<SignIn, &'static str> {
    let cookie = match cookies::sent(request, Cookie::SignIn(0)) {
        Some(Ok(cookie)) => cookie,
        Some(Err(cookies::Repeated)) | None => return Err("no_sign_in"),
    };
    let sign_in = sessions
        .sealer()
        .open(Purpose::SignIn, &cookie)
        .and_then(|plain| serde_json::from_slice::<SignIn>(&plain).ok())
        .ok_or("bad_sign_in")?;
    if sign_in.until <= UtcTime::from(Timestamp::now()) {
        return Err("ended_sign_in");
    }
    if !sent
        .state
        .as_deref()
        .is_some_and(|state| sign_in.has_state(state))
    {
        return Err("wrong_state");
    }
    Ok(sign_in)
}

/// Returns the caller that the identity provider has a token for.
async fn caller(
    provider: &Provider,
    authentication: &Authentication,
    request: &HttpRequest,
    sign_in: &SignIn,
    sent: &CallbackIn,
) -> Result<Caller, Denied> {
    let not_ours = |reason| {
        let detail = "the sign-in at the identity provider failed: begin it again";
        Denied::new(Problem::new(Code::Unauthenticated, detail), reason)
    };
    // RFC 9207: an answer of another identity provider than the one that was asked.
    if sent
        .iss
        .as_deref()
        .is_some_and(|iss| iss != provider.issuer())
    {
        return Err(not_ours("wrong_issuer"));
    }
    if sent.error.is_some() {
        return Err(not_ours("sign_in_refused"));
    }
    let code = sent.code.as_deref().unwrap_or_default();
    let (token, subject) = provider
        .finish(sign_in, code)
        .await
        .map_err(|error| match error {
            SignInError::Refused => not_ours("code_refused"),
            SignInError::NotOurs(reason) => not_ours(reason),
            SignInError::Unavailable(_) => {
                tracing::warn!(error = %error, cause = ?std::error::Error::source(&error).map(ToString::to_string), "a person cannot sign in");
                let unavailable = Error::Unavailable {
                    dependency: "oidc",
                    cause: None,
                };
                Denied::new(unavailable.into(), "unavailable")
            }
        })?;
    let caller = authentication
        .of_token(token.expose_secret(), address(request))
        .await?;
    // An API key in place of a token would be a caller, too.
    if caller.actor.kind != Caller::TOKEN || caller.actor.id != subject {
        return Err(not_ours("wrong_subject"));
    }
    Ok(caller)
}

/// Returns the text of a page that goes on to `back` by itself. A redirect would come without the
/// session's cookie, because another site has begun it.
fn page(back: &str) -> String {
    let back = back
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0;url={back}\">\
         <title>Signed in</title>\n<p>You are signed in. <a href=\"{back}\">Go on</a>.</p>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_in_goes_back_to_paths_of_the_page_only() {
        for (raw, path) in [
            ("/ui/", "/ui/"),
            (
                "/ui/acme/routes?filter=a%20b&x=/y#part",
                "/ui/acme/routes?filter=a%20b&x=/y#part",
            ),
            ("/ui/a/../b", "/ui/b"),
            ("/ui/\"><script>", "/ui/%22%3E%3Cscript%3E"),
            ("/ui/x\ny", "/ui/xy"),
            // An escaped backslash separates nothing.
            ("/ui/..%5cdocs", "/ui/..%5cdocs"),
        ] {
            assert_eq!(back(raw).unwrap(), path, "{raw}");
        }
        for raw in [
            "",
            "/",
            "/ui",
            "ui/",
            "//evil.example",
            "//evil.example/ui/",
            "///evil.example/ui/",
            "/\\evil.example",
            "/\\evil.example/ui/",
            "\\\\evil.example/ui/",
            "https:",
            "https:evil.example",
            "https://evil.example/ui/",
            "https:/ui/",
            "https://here.invalid/ui/",
            "javascript:alert(1)",
            "data:text/html,x",
            "%2f%2fevil.example/ui/",
            "/%2fevil.example",
            "/%5cevil.example",
            " //evil.example",
            "\t//evil.example",
            "/\t/evil.example",
            "/ui/../docs/",
            "/ui/%2e%2e/docs/",
            "/ui/..\\..\\docs",
            "/ui//../../docs/",
            "/uix/",
            "/api/v1/routes",
        ] {
            let path = back(raw);
            assert!(path.is_err(), "{raw}: {path:?}");
        }
        assert!(back(&format!("/ui/{}", "a".repeat(MAX_BACK))).is_err());
    }

    #[test]
    fn page_after_a_sign_in_has_no_script_and_no_markup_of_the_path() {
        let page = page("/ui/?a=1&b=\"><script>");
        assert!(
            page.contains("url=/ui/?a=1&amp;b=&quot;&gt;&lt;script&gt;"),
            "{page}"
        );
        assert!(!page.contains("<script"), "{page}");
    }
}
