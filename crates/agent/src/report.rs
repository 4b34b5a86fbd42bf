//! What the agent reports to the control plane: the state that the proxy was read back to run, and why it does not run a
//! newer one.

use std::future::pending;

use tokio::sync::watch;
use traffic_manager_client::{Fault, FaultCode, Report, Watcher};
use traffic_manager_core::ids::TenantName;

use crate::{guard::HeldBack, status::ProxyStatus};

/// Keeps a tenant's watcher, and reports each change by it until it is dropped.
pub async fn run(
    tenant: TenantName,
    watcher: Watcher,
    mut proxy: watch::Receiver<ProxyStatus>,
    mut held_back: watch::Receiver<Option<HeldBack>>,
) {
    loop {
        let report = of(
            &tenant,
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
fn of(tenant: &TenantName, proxy: &ProxyStatus, held_back: Option<&HeldBack>) -> Report {
    let held_back = held_back.map(|held_back| Fault {
        tag: held_back.tag.clone(),
        code: FaultCode::HeldBack,
        text: held_back.reason.clone(),
    });
    let is_failing = proxy.failures_in_a_row > 0;
    let failure = proxy.last_failure.as_ref().filter(|_| is_failing);
    let failure = failure.and_then(|failure| {
        Some(Fault {
            tag: failure.tags.get(tenant)?.clone(),
            code: failure.code,
            text: failure.reason.clone(),
        })
    });
    let applied = proxy.running(tenant).cloned();
    // What the proxy runs all the same is no fault of it, such as a full disk of the agent, or another tenant's state.
    let fault = held_back.or(failure);
    Report {
        fault: fault.filter(|fault| Some(&fault.tag) != applied.as_ref()),
        applied,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        apply::{Applied, AppliedTenant, Handed},
        guard::Size,
        status::Failure,
    };

    const FIRST: &str = "0707070707070707.1";
    const SECOND: &str = "0707070707070707.2";

    fn acme() -> TenantName {
        "acme".parse().unwrap()
    }

    /// A proxy that runs the first state and has failed to take this one.
    fn failing(tag: &str) -> ProxyStatus {
        let applied = AppliedTenant {
            tag: FIRST.parse().unwrap(),
            size: Size::default(),
        };
        ProxyStatus {
            applied: Some(Applied {
                tenants: [(acme(), applied)].into(),
                revision: FIRST.to_owned(),
                since: Timestamp::now(),
                handed: Handed::default(),
            }),
            runs: true,
            failures_in_a_row: 1,
            last_failure: Some(Failure {
                tags: [(acme(), tag.parse().unwrap())].into(),
                at: Timestamp::now(),
                code: FaultCode::Refused,
                reason: "broken".to_owned(),
            }),
            ..ProxyStatus::default()
        }
    }

    #[test]
    fn failure_is_reported_until_a_success() {
        let mut proxy = failing(SECOND);
        let report = of(&acme(), &proxy, None);
        let fault = report.fault.unwrap();
        assert_eq!(fault.code, FaultCode::Refused);
        assert_eq!(
            (fault.tag.to_string(), fault.text),
            (SECOND.to_owned(), "broken".to_owned())
        );
        assert_eq!(report.applied.unwrap().to_string(), FIRST);
        proxy.failures_in_a_row = 0;
        assert_eq!(of(&acme(), &proxy, None).fault, None);
        proxy.runs = false;
        assert_eq!(of(&acme(), &proxy, None), Report::default());
    }

    #[test]
    fn failure_of_another_tenant_or_of_the_state_that_runs_is_none() {
        let report = of(&acme(), &failing(FIRST), None);
        assert!(report.applied.is_some() && report.fault.is_none());
        let other = "beta".parse().unwrap();
        assert_eq!(of(&other, &failing(SECOND), None), Report::default());
    }

    #[test]
    fn state_that_is_held_back_is_reported_before_one_that_failed() {
        let held_back = HeldBack {
            tag: "0707070707070707.3".parse().unwrap(),
            reason: "it is empty".to_owned(),
            size: Size::default(),
            since: Timestamp::now(),
        };
        let fault = of(&acme(), &failing(SECOND), Some(&held_back)).fault;
        let fault = fault.unwrap();
        assert_eq!(
            (fault.code, fault.text.as_str()),
            (FaultCode::HeldBack, "it is empty")
        );
    }
}
