//! `/ui/session`: signing in with an API key, and out.

use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, http::header, web};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::{pages::Pages, records};
use crate::{
    auth::{
        Caller,
        session::{NoSession, Session, Sessions},
    },
    domain::time::UtcTime,
    http::{
        authentication::Authentication,
        cookies::{self, Cookie},
        denied::Denied,
        extract::Body,
        permission::Anyone,
        problem::{Code, Problem},
        request::ClientAddress,
        same_origin,
        state::ApiState,
    },
    service::access::callers::AuthError,
};

/// The state of the browser's session.
#[derive(Serialize)]
struct SessionOut {
    /// `none`: callers need no credentials, and there are no sessions.
    mode: &'static str,
    signed_in: bool,
    /// The ways to sign in: `key`, `oidc`.
    ways: Vec<&'static str>,
    /// When the session ends at the latest, however often it is used.
    ends_at: Option<UtcTime>,
    /// How long the session lasts without a request.
    idle_seconds: Option<u64>,
    version: &'static str,
}

/// The body of `POST /ui/session`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInIn {
    token: SecretString,
}

/// `GET /ui/session`: whether this browser is signed in. This is no use of the session.
pub async fn get(
    _: Anyone,
    pages: web::Data<Pages>,
    state: web::Data<ApiState>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    pages.on()?;
    let nobody = SessionOut {
        mode: "required",
        signed_in: false,
        ways: vec!["key"],
        ends_at: None,
        idle_seconds: None,
        version: env!("CARGO_PKG_VERSION"),
    };
    let Some(sessions) = state.callers.sessions() else {
        return Ok(HttpResponse::Ok().json(SessionOut {
            mode: "none",
            ways: Vec::new(),
            ..nobody
        }));
    };
    let mut ways = nobody.ways;
    ways.extend(state.provider.as_ref().map(|_| "oidc"));
    let session = match opened(&state, &request) {
        Some(session) => has_caller(&state, &session).await.map(|end| (session, end)),
        None => None,
    };
    let out = match &session {
        None => SessionOut { ways, ..nobody },
        Some((session, own_end)) => {
            let end = sessions.latest_end(session);
            SessionOut {
                signed_in: true,
                ways,
                ends_at: Some(own_end.map_or(end, |own| own.min(end))),
                idle_seconds: Some(sessions.idle().as_secs()),
                ..nobody
            }
        }
    };
    let mut response = HttpResponse::Ok().json(out);
    let is_over = session.is_none() && cookies::sent(&request, Cookie::Session).is_some();
    if is_over && let Some(cookie) = cookies::remove(&request, Cookie::Session) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Returns the session of the request's cookie, if it opens.
fn opened(state: &ApiState, request: &HttpRequest) -> Option<Session> {
    let cookie = cookies::sent(request, Cookie::Session)?.ok()?;
    state.callers.open_session(&cookie).ok()
}

/// Returns the end of a session's credential if the session still has a caller. A session that
/// cannot be checked now counts as one: requests are then answered 503, and not 401.
async fn has_caller(state: &ApiState, session: &Session) -> Option<Option<UtcTime>> {
    match state.callers.of_session(session).await {
        Ok(caller) => Some(caller.ends()),
        Err(AuthError::Failed(_)) => Some(None),
        Err(AuthError::Refused(_)) => None,
    }
}

/// `POST /ui/session`: signs in with an API key, or with a token of the identity provider.
pub async fn begin(
    _: Anyone,
    pages: web::Data<Pages>,
    state: web::Data<ApiState>,
    authentication: web::Data<Authentication>,
    body: Body<SignInIn>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    pages.on()?;
    same_origin::check(&request)?;
    let sessions = sessions(&state)?;
    let address = request
        .extensions()
        .get::<ClientAddress>()
        .map(|address| address.0);
    let caller = authentication
        .of_token(body.0.token.expose_secret(), address)
        .await
        .map_err(|denied| records::refused(&state, &request, denied))?;
    let cookie = signed_in(&state, sessions, &request, &caller)?;
    Ok(HttpResponse::NoContent()
        .insert_header((header::SET_COOKIE, cookie))
        .finish())
}

/// Returns the sessions of the page.
pub(super) fn sessions(state: &ApiState) -> Result<&Sessions, Problem> {
    state.callers.sessions().ok_or_else(|| {
        Problem::new(
            Code::KeysNotInUse,
            "with auth.mode = \"none\" nobody signs in",
        )
    })
}

/// Begins the session of a caller, records it, and returns its cookie.
pub(super) fn signed_in(
    state: &ApiState,
    sessions: &Sessions,
    request: &HttpRequest,
    caller: &Caller,
) -> Result<header::HeaderValue, Problem> {
    let internal = || Problem::new(Code::Internal, "see the log for this request_id");
    let (_, cookie) =
        sessions
            .begin(caller, Timestamp::now().into())
            .map_err(|error| match error {
                NoSession::Credential | NoSession::TooLarge => {
                    let problem = Problem::new(Code::Forbidden, error.to_string());
                    records::refused(
                        state,
                        request,
                        Denied::new(problem, "no_session").by(caller),
                    )
                }
                NoSession::Sealing(error) => {
                    tracing::error!(error = %error, "a session cannot begin");
                    internal()
                }
            })?;
    let cookie = cookies::set(request, Cookie::Session, cookie).ok_or_else(internal)?;
    records::done(state, request, caller, "signed_in");
    Ok(cookie)
}

/// `DELETE /ui/session`: signs out. Streams of the session at this instance end.
pub async fn end(
    _: Anyone,
    pages: web::Data<Pages>,
    state: web::Data<ApiState>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    pages.on()?;
    same_origin::check(&request)?;
    let sessions = sessions(&state)?;
    if let Some(session) = opened(&state, &request) {
        sessions.sign_out(&session, Timestamp::now().into());
        if let Some(Ok(caller)) = state.callers.of_session_at_once(&session) {
            records::done(&state, &request, &caller, "signed_out");
        }
    }
    let mut response = HttpResponse::NoContent();
    if let Some(cookie) = cookies::remove(&request, Cookie::Session) {
        response.insert_header((header::SET_COOKIE, cookie));
    }
    Ok(response.finish())
}
