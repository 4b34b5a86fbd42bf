//! Records of sign-ins and sign-outs in the access log.

use actix_web::{HttpMessage as _, HttpRequest, ResponseError as _};

use crate::{
    auth::Caller,
    domain::{
        access::{AccessEvent, Kind},
        event::Actor,
    },
    http::{access_log, denied::Denied, problem::Problem, request::RequestId, state::ApiState},
    telemetry::names,
};

/// Records that a caller has signed in or out: `signed_in`, `signed_out`.
pub fn done(state: &ApiState, request: &HttpRequest, caller: &Caller, action: &str) {
    let access = AccessEvent {
        visible_to: caller.grant.tenant_scope().tenant().cloned(),
        actor: Some(Actor::clone(&caller.actor)),
        key: caller.key().map(str::to_owned),
        ..event(request, Kind::Operated, action.to_owned())
    };
    access_log::record(&state.access_log, request, access);
}

/// Records a refused sign-in, and returns its problem.
pub fn refused(state: &ApiState, request: &HttpRequest, denied: Denied) -> Problem {
    metrics::counter!(names::AUTH_DENIED, "reason" => denied.reason).increment(1);
    if denied.is_about_access() {
        let action = format!("{} {}", request.method(), request.path());
        let tenant_of = |key: &String| state.callers.tenant_of(key);
        let access = AccessEvent {
            status: Some(denied.problem.status_code().as_u16()),
            reason: Some(denied.reason.to_owned()),
            visible_to: denied.key.as_ref().and_then(tenant_of),
            actor: denied
                .caller
                .as_ref()
                .map(|caller| Actor::clone(&caller.actor)),
            key: denied.key.clone(),
            ..event(request, Kind::Denied, action)
        };
        access_log::record(&state.access_log, request, access);
    }
    denied.problem
}

fn event(request: &HttpRequest, kind: Kind, action: String) -> AccessEvent {
    let extensions = request.extensions();
    match extensions.get::<RequestId>() {
        Some(id) => access_log::of(request, kind, action, id),
        None => access_log::of(request, kind, action, &RequestId(String::new())),
    }
}
