//! What the agent reports to the control plane: the state that the proxy was read back to run, and why it does not run a
//! newer one.

use std::future::pending;

use tokio::sync::watch;
use traffic_manager_client::{Fault, FaultCode, Report, Watcher};

use crate::{guard::HeldBack, status::ProxyStatus};

/// Reports each change until it is dropped.
pub async fn run(
    watcher: &Watcher,
    mut proxy: watch::Receiver<ProxyStatus>,
    mut held_back: watch::Receiver<Option<HeldBack>>,
) {
    loop {
        let report = of(
            &proxy.borrow_and_update(),
            held_back.borrow_and_update().as_ref(),
        );
        watcher.report(report);
        let is_over = tokio::select! {
            changed = proxy.changed() => changed.is_err(),
            changed = held_back.changed() => changed.is_err(),
        };
        if is_over {
            // The agent itself ends now.
            return pending().await;
        }
    }
}

/// Returns the report of a moment. A state that is held back is newer than any that failed.
fn of(proxy: &ProxyStatus, held_back: Option<&HeldBack>) -> Report {
    let held_back = held_back.map(|held_back| Fault {
        tag: held_back.tag.clone(),
        code: FaultCode::HeldBack,
        text: held_back.reason.clone(),
    });
    let is_failing = proxy.failures_in_a_row > 0;
    let failure = proxy.last_failure.as_ref().filter(|_| is_failing);
    let failure = failure.map(|failure| Fault {
        tag: failure.tag.clone(),
        code: failure.code,
        text: failure.reason.clone(),
    });
    Report {
        applied: proxy.runs.clone(),
        // What the proxy runs all the same is no fault of it, such as a full disk of the agent.
        fault: held_back
            .or(failure)
            .filter(|fault| Some(&fault.tag) != proxy.runs.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{guard::Size, status::Failure};

    fn failing(tag: &str) -> ProxyStatus {
        ProxyStatus {
            runs: Some("0707070707070707.1".parse().unwrap()),
            failures_in_a_row: 1,
            last_failure: Some(Failure {
                tag: tag.parse().unwrap(),
                at: Timestamp::now(),
                code: FaultCode::Refused,
                reason: "broken".to_owned(),
            }),
            ..ProxyStatus::default()
        }
    }

    #[test]
    fn failure_is_reported_until_a_success() {
        let mut proxy = failing("0707070707070707.2");
        let fault = of(&proxy, None).fault.unwrap();
        assert_eq!(
            (fault.code, fault.text.as_str()),
            (FaultCode::Refused, "broken")
        );
        proxy.failures_in_a_row = 0;
        assert_eq!(of(&proxy, None).fault, None);
    }

    #[test]
    fn failure_of_the_state_that_runs_is_none_of_the_proxy() {
        let report = of(&failing("0707070707070707.1"), None);
        assert_eq!(
            (report.applied, report.fault),
            (failing("0707070707070707.1").runs, None)
        );
    }

    #[test]
    fn state_that_is_held_back_is_reported_before_one_that_failed() {
        let held_back = HeldBack {
            tag: "0707070707070707.3".parse().unwrap(),
            reason: "it is empty".to_owned(),
            size: Size::default(),
            since: Timestamp::now(),
        };
        let fault = of(&failing("0707070707070707.2"), Some(&held_back)).fault;
        let fault = fault.unwrap();
        assert_eq!(
            (fault.code, fault.text.as_str()),
            (FaultCode::HeldBack, "it is empty")
        );
    }
}
