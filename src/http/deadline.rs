//! The deadlines of requests that may wait.

use std::time::Duration;

use super::problem::{Code, Problem};

/// The longest wait that a client may ask for in a long-poll.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Applies a deadline to an answer, for requests whose deadline the middleware leaves to the
/// handlers because they may wait.
pub async fn within<T, E: Into<Problem>>(
    limit: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, Problem> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(Problem::new(
            Code::DeadlineExceeded,
            "see http.request_timeout_ms",
        )),
    }
}
