//! A code that a person types in, at any machine with a browser (RFC 8628).

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{Issuer, PERSON, SignedIn, read};
use crate::{failure::Failure, output::note};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The time between two questions if the issuer names none, and the time that it adds by `slow_down`.
const INTERVAL: u64 = 5;

/// The longest time between two questions, whatever the issuer says.
const LONGEST_INTERVAL: u64 = 60;

/// A code, and where it is typed in.
#[derive(Debug, Deserialize)]
struct Code {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

/// Shows a code, and waits until a person has typed it in.
pub async fn sign_in(issuer: &Issuer<'_>) -> Result<SignedIn, Failure> {
    let Some(endpoint) = &issuer.codes else {
        let text = "the issuer gives no codes for devices";
        return Err(Failure::signed_out(text).hint("tmctl auth login, on a machine with a browser"));
    };
    let scope = [("scope", issuer.oidc.scope.as_str())];
    let code: Code = read(issuer.post(endpoint, &scope).await?).await?;
    note(&format!(
        "open {} and type in {}",
        code.verification_uri, code.user_code
    ))?;
    if let Some(complete) = &code.verification_uri_complete {
        note(&format!("or open {complete}"))?;
    }
    let until = Instant::now() + Duration::from_secs(code.expires_in).min(PERSON);
    let mut interval = code.interval.unwrap_or(INTERVAL);
    let form = [
        ("grant_type", GRANT),
        ("device_code", code.device_code.as_str()),
    ];
    loop {
        sleep(Duration::from_secs(interval.min(LONGEST_INTERVAL))).await;
        match issuer.token(&form).await {
            Ok(Ok(signed_in)) => return Ok(signed_in),
            Ok(Err(refusal)) => match refusal.error.as_str() {
                "authorization_pending" => {}
                "slow_down" => interval += INTERVAL,
                "expired_token" => return Err(Failure::late("the code has ended")),
                _ => return Err(refusal.failure()),
            },
            // The issuer may answer the next question.
            Err(failure) if failure.is_passing() => {}
            Err(failure) => return Err(failure),
        }
        if Instant::now() >= until {
            return Err(Failure::late("nobody has typed in the code"));
        }
    }
}
