//! Records requests in the access log: refusals and sensitive reads, but never credentials, bodies
//! or answers.

use std::sync::Arc;

use actix_web::{
    HttpMessage as _, HttpRequest, ResponseError as _, dev::ServiceResponse, http::StatusCode,
};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    denied::Denied,
    endpoints::{self, Endpoint, EndpointMatch},
    limits,
    params::Named,
    problem::Problem,
    request::{ClientAddress, RequestId},
};
use crate::{
    auth::Caller,
    domain::{
        access::{AccessEvent, Kind, visible_to},
        event::Actor,
        ids::TenantName,
    },
    service::access::access_log::AccessLog,
};

/// Records a request that the gate refused, if the refusal is about access.
pub fn denied(access_log: &AccessLog, request: &HttpRequest, denied: &Denied, id: &RequestId) {
    if !denied.is_about_access() {
        return;
    }
    let endpoint = request.match_pattern().map(|pattern| {
        match endpoints::find(request.method().as_str(), &pattern) {
            EndpointMatch::Endpoint(endpoint) => action(endpoint),
            EndpointMatch::OtherMethods | EndpointMatch::Unlisted => pattern,
        }
    });
    let access = AccessEvent {
        status: Some(denied.problem.status_code().as_u16()),
        reason: Some(denied.reason.to_owned()),
        tenant: denied.tenant.clone(),
        visible_to: denied.visible_to.clone(),
        actor: denied
            .caller
            .as_ref()
            .map(|caller| Actor::clone(&caller.actor)),
        key: denied.key.clone(),
        ..of(request, Kind::Denied, endpoint.unwrap_or_default(), id)
    };
    record(access_log, request, access);
}

/// Records a request after its handler: a sensitive read that succeeded, or a refusal of access by
/// the handler.
pub fn answered<B>(
    access_log: &AccessLog,
    endpoint: Option<&'static Endpoint>,
    response: &ServiceResponse<B>,
    id: &RequestId,
) {
    let Some(endpoint) = endpoint else { return };
    let (request, status) = (response.request(), response.status());
    if endpoint.access_log == endpoints::AccessLogging::Sensitive && status.is_success() {
        return by_caller(
            access_log,
            endpoint,
            request,
            Kind::Read,
            (status, None, None),
            id,
        );
    }
    if matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
        && let Some(problem) = response
            .response()
            .error()
            .and_then(|error| error.as_error::<Problem>())
        && let Some((reason, other)) = problem.denial()
    {
        by_caller(
            access_log,
            endpoint,
            request,
            Kind::Denied,
            (status, Some(reason), other),
            id,
        );
    }
}

type Answered<'a> = (StatusCode, Option<&'static str>, Option<&'a TenantName>);

fn by_caller(
    access_log: &AccessLog,
    endpoint: &Endpoint,
    request: &HttpRequest,
    kind: Kind,
    (status, reason, other): Answered<'_>,
    id: &RequestId,
) {
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return;
    };
    let own = caller.grant.tenant_scope().tenant();
    let tenant = other
        .cloned()
        .or_else(|| Named::of(request, endpoint.path).tenant)
        .or_else(|| own.cloned());
    let access = AccessEvent {
        status: Some(status.as_u16()),
        reason: reason.map(str::to_owned),
        visible_to: visible_to(Some(own), tenant.as_ref()),
        tenant,
        key: caller.key().map(str::to_owned),
        actor: Some(Arc::unwrap_or_clone(caller.actor)),
        ..of(request, kind, action(endpoint), id)
    };
    record(access_log, request, access);
}

fn action(endpoint: &Endpoint) -> String {
    format!("{} {}", endpoint.method, endpoint.path)
}

/// Returns the members that every record has.
pub fn of(request: &HttpRequest, kind: Kind, action: String, id: &RequestId) -> AccessEvent {
    AccessEvent {
        id: Uuid::now_v7(),
        kind,
        action,
        status: None,
        reason: None,
        tenant: None,
        visible_to: None,
        actor: None,
        key: None,
        object: None,
        source_ip: request
            .extensions()
            .get::<ClientAddress>()
            .map(|address| address.0.to_string()),
        request_id: id.0.clone(),
        occurred_at: Timestamp::now().into(),
        suppressed: 0,
    }
}

/// Records an event of a request. Those of one network share a limit.
pub fn record(access_log: &AccessLog, request: &HttpRequest, access: AccessEvent) {
    let network = request
        .extensions()
        .get::<ClientAddress>()
        .map(|address| limits::network(address.0));
    access_log.record(access, network);
}
