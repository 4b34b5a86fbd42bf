//! `/resilience/{dependency}/drill`: forced breaker states on this instance.

mod operations;

use std::time::Duration;

use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    context::WriteContext,
    endpoint::Endpoint,
    extract::Body,
    permission::Operator,
    problem::{Code, Problem},
    respond,
    shapes::dependency::DrillState,
    state::ApiState,
};
use crate::{
    domain::{Invalid, whole::Whole},
    health::Health,
    resilience::Forced,
};

const DRILL: &str = "/api/v1/resilience/{dependency}/drill";

/// The endpoints of forced breaker states.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(DRILL, begin, operations::begin),
        Endpoint::delete(DRILL, end, operations::end),
    ]
}

/// The body of `POST /resilience/{dependency}/drill`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ForceBreaker")]
pub struct DrillIn {
    state: DrillState,
    /// How long the state is forced, in seconds, at most `resilience.max_forced_state_seconds`. After that
    /// the breaker starts anew.
    #[schemars(with = "u32", range(min = 1, max = 86_400))]
    seconds: Whole<1, 86_400, u32>,
}

fn unknown(name: &str) -> Problem {
    Problem::new(
        Code::DependencyNotFound,
        format!("this instance has no dependency {name}"),
    )
}

/// `POST /resilience/{dependency}/drill`
pub async fn begin(
    _: Operator,
    state: web::Data<ApiState>,
    health: web::Data<Health>,
    context: WriteContext,
    path: web::Path<String>,
    body: Body<DrillIn>,
) -> Result<HttpResponse, Problem> {
    let dependency = health.find(&path).ok_or_else(|| unknown(&path))?;
    let DrillIn {
        state: wanted,
        seconds: Whole(seconds),
    } = body.0;
    let longest = dependency.longest_forced_state();
    let lasting = Duration::from_secs(u64::from(seconds));
    if lasting.is_zero() || lasting > longest {
        return Err(Problem::field(
            "/seconds",
            Invalid::new("out_of_range", format!("1 to {}", longest.as_secs())),
        ));
    }
    let forced = match wanted {
        DrillState::Open => Forced::Open,
        DrillState::Closed => Forced::Closed,
    };
    state
        .forced_states
        .begin(&context.by(), dependency, forced, lasting)
        .await?;
    Ok(respond::json(&dependency.report()))
}

/// `DELETE /resilience/{dependency}/drill`
pub async fn end(
    _: Operator,
    state: web::Data<ApiState>,
    health: web::Data<Health>,
    context: WriteContext,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let dependency = health.find(&path).ok_or_else(|| unknown(&path))?;
    state.forced_states.end(&context.by(), dependency).await;
    Ok(HttpResponse::NoContent().finish())
}
