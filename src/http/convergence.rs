//! `?wait=95%,10s` on writes: the answer is held until that share of the tenant's nodes runs the change.
//!
//! The change is made by then, so status and body stay the write's own, whatever the nodes do.

use std::{sync::Arc, time::Duration};

use actix_web::{
    body::{self, BoxBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};

use super::{
    deadline::LONGEST_WAIT, headers::CONVERGENCE, params, permission, problem::Problem,
    respond::Written, shapes::nodes::ConvergenceOut, waiting,
};
use crate::{
    domain::{Invalid, ledger::Millis, resource_scope::ResourceScope},
    resilience::Payer,
    service::nodes::{Asked, Nodes, Waited},
};

/// The time of a wait that names only its share.
const USUAL_TIME: Duration = Duration::from_secs(10);

/// What a write waits for.
#[derive(Debug)]
pub struct Hold {
    asked: Asked,
    /// When the write began.
    since: Millis,
    /// The payer of the request, whose places the wait takes.
    payer: Payer,
    /// The part of the tenant that the caller may see.
    visible: ResourceScope,
}

impl Hold {
    /// Takes the parameter from the request's query, so that the handler does not see it.
    pub fn take(
        request: &mut ServiceRequest,
        now: Millis,
        payer: &Payer,
    ) -> Result<Option<Self>, Problem> {
        let Some(raw) = params::take_from_query(request, "wait")? else {
            return Ok(None);
        };
        let asked = parse(&raw).map_err(|invalid| Problem::field("?wait", invalid))?;
        let visible = permission::caller_of(request.request())?;
        let visible = visible.grant.resource_scope().clone();
        Ok(Some(Self {
            asked,
            since: now,
            payer: payer.clone(),
            visible,
        }))
    }

    /// Waits, if the answer is that of a change, and adds how it ended.
    pub async fn wait(
        self,
        nodes: &Arc<Nodes>,
        response: ServiceResponse<BoxBody>,
    ) -> ServiceResponse<BoxBody> {
        let written = response.response().extensions().get::<Written>().cloned();
        let Some(Written { tenant, tag }) = written else {
            return response;
        };
        let waited = nodes.wait(&tenant, &tag, self.asked, self.since);
        match Box::pin(self.payer.scope(waited)).await {
            Some(mut waited) => {
                let visible = &self.visible;
                waited
                    .share
                    .counted
                    .hide(|scope| visible.covers(scope.service.as_ref(), scope.env.as_ref()));
                with_convergence(response, &waited).await
            }
            None => response,
        }
    }
}

/// Reads `<share>%` and a time, in this order, with a comma between them.
fn parse(raw: &str) -> Result<Asked, Invalid> {
    let wrong = || {
        let detail = "must be a share and perhaps a time, such as 95%,10s (in a URL: 95%25,10s)";
        Invalid::new("not_a_wait", detail)
    };
    let (share, time) = match raw.split_once(',') {
        Some((share, time)) => (share, Some(time)),
        None => (raw, None),
    };
    let digits = share.strip_suffix('%').ok_or_else(wrong)?;
    let is_number = digits.len() <= 8
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.starts_with(|c: char| c.is_ascii_digit());
    let percent: f64 = digits
        .parse()
        .ok()
        .filter(|_| is_number)
        .ok_or_else(wrong)?;
    if !(percent > 0.0 && percent <= 100.0) {
        return Err(Invalid::new(
            "out_of_range",
            "a share is more than 0 % and at most 100 %",
        ));
    }
    let time = time.map_or(Ok(USUAL_TIME), waiting::duration)?;
    Ok(Asked {
        percent,
        time: time.min(LONGEST_WAIT),
    })
}

/// Adds the numbers: as a header, and as the last member of a JSON object.
async fn with_convergence(
    mut response: ServiceResponse<BoxBody>,
    waited: &Waited,
) -> ServiceResponse<BoxBody> {
    if let Some(share) = waited.share.counted.share()
        // Rounded down: 1 means all.
        && let Ok(value) = HeaderValue::from_str(&format!("{:.4}", (share * 1e4).floor() / 1e4))
    {
        response.headers_mut().insert(CONVERGENCE, value);
    }
    let headers = response.headers();
    let is_plain_json = !headers.contains_key(header::CONTENT_ENCODING)
        && headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    let numbers = ConvergenceOut::of(&waited.share, Some(waited.outcome));
    let (true, false, Ok(numbers)) = (
        is_plain_json,
        response.status() == StatusCode::NO_CONTENT,
        serde_json::to_string(&numbers),
    ) else {
        return response;
    };
    let (request, response) = response.into_parts();
    let (response, held) = response.into_parts();
    // The body of a write is in memory, so that reading it does not fail.
    let held = body::to_bytes(held).await.unwrap_or_default();
    let longer = match held.strip_suffix(b"}") {
        Some(object) if object.len() > 1 => {
            [object, b",\"convergence\":", numbers.as_bytes(), b"}"].concat()
        }
        _ => held.to_vec(),
    };
    ServiceResponse::new(request, response.set_body(BoxBody::new(longer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_is_a_share_and_perhaps_a_time() {
        let asked = |raw: &str| parse(raw).map(|asked| (asked.percent, asked.time.as_millis()));
        assert_eq!(asked("95%,10s"), Ok((95.0, 10_000)));
        assert_eq!(asked("99.9%,500ms"), Ok((99.9, 500)));
        assert_eq!(asked("100%"), Ok((100.0, 10_000)));
        assert_eq!(asked("1%,3600"), Ok((1.0, 60_000)));
        for wrong in [
            "",
            "95",
            "95,10s",
            "%",
            "10s",
            "95%,",
            "95%,x",
            "0%",
            "101%",
            "1e1%",
            "-1%",
            "+5%",
            "nan%",
            "95%,10s,1",
            "95 %",
            "inf%",
            ".5%",
            "1..2%",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
