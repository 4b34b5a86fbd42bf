//! Tests of `resilience`.

use super::*;
use crate::config;

fn dependency(bulkhead: usize) -> Arc<Dependency> {
    let settings = config::Settings::without_environment(&[])
        .unwrap()
        .resilience;
    let [open, max_open, timeout] = [10, 20, 20].map(Duration::from_millis);
    let policy = settings.policy(&settings.kafka);
    Dependency::new(
        "test",
        CallPolicy {
            concurrent: bulkhead,
            timeout,
            failures: 3,
            open,
            max_open,
            probes: 1,
            ..policy
        },
    )
}

async fn fail(dependency: &Dependency) -> CallError<&'static str> {
    dependency
        .call(|_| true, async { Err::<(), _>("down") })
        .await
        .unwrap_err()
}

/// Waits until the breaker's pause is over, and returns the right to probe.
async fn first_probe(dependency: &Dependency) -> Permit<'_> {
    for _ in 0..1000 {
        if let Ok(permit) = dependency.enter::<()>() {
            return permit;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the breaker stayed open");
}

#[tokio::test]
async fn timeout_counts_as_a_failure_and_opens_the_breaker() {
    let dependency = dependency(4);
    for _ in 0..3 {
        let hung = dependency
            .call(|_: &()| true, std::future::pending::<Result<(), ()>>())
            .await;
        assert!(matches!(hung, Err(CallError::Timeout(..))));
    }
    assert_eq!(dependency.report().breaker, BreakerState::Open);
    assert!(matches!(fail(&dependency).await, CallError::Open(_)));
}

#[tokio::test]
async fn half_open_admits_one_probe_whose_success_closes() {
    let dependency = dependency(4);
    for _ in 0..3 {
        fail(&dependency).await;
    }
    let probe = first_probe(&dependency).await;
    assert!(
        matches!(dependency.enter::<()>(), Err(CallError::Open(_))),
        "a second probe was let through"
    );
    probe.success();
    assert_eq!(dependency.report().breaker, BreakerState::Closed);
    assert!(dependency.enter::<()>().is_ok());
}

#[tokio::test]
async fn cancelled_probe_frees_its_place() {
    let dependency = dependency(4);
    for _ in 0..3 {
        fail(&dependency).await;
    }
    drop(first_probe(&dependency).await);
    assert!(dependency.enter::<()>().is_ok());
}

#[tokio::test]
async fn full_bulkhead_refuses_and_recovers() {
    let dependency = dependency(1);
    let held = dependency.enter::<()>().unwrap();
    assert!(matches!(dependency.enter::<()>(), Err(CallError::Full(_))));
    drop(held);
    assert!(dependency.enter::<()>().is_ok());
}

async fn hang(dependency: &Dependency, payer: &Payer) {
    let call = dependency.call(|_: &()| true, std::future::pending::<Result<(), ()>>());
    assert!(matches!(
        payer.clone().scope(call).await,
        Err(CallError::Timeout(..) | CallError::Open(_))
    ));
}

#[tokio::test]
async fn timeouts_of_a_single_payer_open_no_breaker() {
    let [a, b] = ["a", "b"].map(|name| Payer::Tenant(name.parse().unwrap()));
    for other in [b, Payer::Platform, Payer::Process] {
        let dependency = dependency(4);
        for _ in 0..10 {
            hang(&dependency, &a).await;
        }
        assert_eq!(dependency.state(), BreakerState::Closed);
        hang(&dependency, &other).await;
        assert_eq!(dependency.state(), BreakerState::Open, "{other:?}");
    }
    let dependency = dependency(4);
    for _ in 0..3 {
        let failed = dependency.call(|_| true, async { Err::<(), _>("refused") });
        assert!(a.clone().scope(failed).await.is_err());
    }
    assert_eq!(
        dependency.state(),
        BreakerState::Open,
        "an unreachable dependency fails for every payer"
    );
}

#[tokio::test]
async fn bulkhead_has_a_share_for_each_payer() {
    let dependency = dependency(8);
    let [a, b] = ["a", "b"].map(|name| Payer::Tenant(name.parse().unwrap()));
    let enter = async |payer: &Payer| {
        payer
            .clone()
            .scope(async { dependency.enter::<()>() })
            .await
    };
    let held = [enter(&a).await.unwrap(), enter(&a).await.unwrap()];
    assert!(matches!(enter(&a).await, Err(CallError::Full(_))));
    assert!(
        enter(&b).await.is_ok()
            && enter(&Payer::Platform).await.is_ok()
            && dependency.enter::<()>().is_ok()
    );
    drop(held);
    assert!(enter(&a).await.is_ok());
}

#[tokio::test]
async fn expected_errors_never_open_the_breaker() {
    let dependency = dependency(4);
    for _ in 0..20 {
        let refused = dependency
            .call(|_| false, async { Err::<(), _>("not found") })
            .await;
        assert!(matches!(refused, Err(CallError::Failed("not found"))));
    }
    assert_eq!(dependency.report().breaker, BreakerState::Closed);
}
