//! The same questions to each proxy that has the policy of [`crate::samples`].

use test_support::authority::{Authority, Folder, Time};

use crate::{
    ask::{Ask, Connection, Echo},
    programs::{Program, Proxy, Site},
    samples::Sample,
    upstreams::Upstream,
};

/// The clients of the question about shares.
const CLIENTS: usize = 400;

/// The upstreams of the sample, and a running proxy in front of them.
pub struct Stage {
    pub v1: Upstream,
    pub v2: Upstream,
    pub proxy: Proxy,
    _folder: Folder,
}

impl Stage {
    pub async fn new(program: Program) -> Self {
        let authority = Authority::new();
        Self::trusting(program, &authority, &authority).await
    }

    /// Starts the proxy with the certificate of `trusted`, and v2 with one that `issuer` signed.
    pub async fn trusting(program: Program, trusted: &Authority, issuer: &Authority) -> Self {
        let folder = Folder::new();
        let v1 = Upstream::plain("v1").await;
        let v2 = Upstream::tls("v2", &issuer.server("localhost", Time::Now)).await;
        let site = Site::new(program);
        let sample = Sample {
            v1: &v1,
            v2: &v2,
            ca: &trusted.file(&folder),
        };
        sample.write(&site);
        let proxy = site.start().await;
        let stage = Self {
            v1,
            v2,
            proxy,
            _folder: folder,
        };
        let first = stage.ask("/shop").header("x-version", "v1");
        stage.proxy.answers(&first, 200).await;
        stage
    }

    /// Prepares a request to the host of the policy.
    pub fn ask(&self, target: &str) -> Ask {
        self.proxy.get(target).host("pay.acme.io")
    }

    async fn status(&self, ask: &Ask) -> u16 {
        let answer = ask.send().await.expect("an answer");
        assert_eq!(answer.name(), None, "the request came to an upstream");
        answer.status
    }

    async fn echo(&self, ask: &Ask) -> Echo {
        let answer = ask.send().await.expect("an answer");
        let echo = answer.echo();
        echo.unwrap_or_else(|| panic!("not from an upstream: {answer:?}"))
    }
}

#[tokio::test]
async fn envoy_answers_each_question_as_the_policy_says() {
    questions(Program::Envoy).await;
}

#[tokio::test]
async fn traefik_answers_each_question_as_the_policy_says() {
    questions(Program::Traefik).await;
}

#[tokio::test]
async fn caddy_answers_each_question_as_the_policy_says() {
    questions(Program::Caddy).await;
}

#[tokio::test]
async fn haproxy_answers_each_question_as_the_policy_says() {
    questions(Program::HaProxy).await;
}

#[tokio::test]
async fn nginx_answers_each_question_as_the_policy_says() {
    questions(Program::Nginx).await;
}

async fn questions(program: Program) {
    let stage = Stage::new(program).await;
    the_header_names_a_version(&stage).await;
    a_rule_leads_to_its_version(&stage).await;
    what_the_policy_does_not_take_is_not_found(&stage).await;
    a_client_stays_with_its_version(&stage).await;
    the_split_has_its_shares(&stage).await;
    let status = stage.proxy.stop().await;
    assert!(status.success(), "{status}");
}

async fn the_header_names_a_version(stage: &Stage) {
    let first = stage.ask("/shop/x?q=1&r=%20").header("x-version", "v1");
    let echo = stage.echo(&first).await;
    assert_eq!(echo.name, "v1");
    assert_eq!(echo.target, "/one/shop/x?q=1&r=%20");
    assert_eq!(echo.host, stage.v1.authority());
    assert_eq!(echo.server_name, None);

    let second = stage.ask("/shop").header("x-version", "v2");
    let echo = stage.echo(&second).await;
    assert_eq!(echo.name, "v2");
    assert_eq!(echo.target, "/two/shop");
    assert_eq!(echo.host, stage.v2.authority());
    assert_eq!(echo.server_name.as_deref(), Some("localhost"));

    let order = stage.ask("/shop/orders").header("x-version", "v1");
    let order = order.method("POST").body("text/plain", "two of these");
    let echo = stage.echo(&order).await;
    assert_eq!((&*echo.method, &*echo.body), ("POST", "two of these"));

    let head = stage.ask("/shop").header("x-version", "v1").method("HEAD");
    let head = head.send().await.expect("an answer");
    assert_eq!((head.status, head.name()), (200, Some("v1")));

    let shouted = stage.ask("/shop").host("PAY.acme.io:8080");
    let echo = stage.echo(&shouted.header("x-version", "v2")).await;
    assert_eq!(echo.name, "v2");
}

async fn a_rule_leads_to_its_version(stage: &Stage) {
    let ask = stage.ask("/shop/a%2Fb").header("x-beta", "yes");
    let echo = stage.echo(&ask).await;
    assert_eq!(echo.name, "v2");
    let target = match stage.proxy.site.program {
        // Caddy decodes the path when it rewrites it.
        Program::Caddy => "/two/shop/a/b",
        _ => "/two/shop/a%2Fb",
    };
    assert_eq!(echo.target, target);
}

async fn what_the_policy_does_not_take_is_not_found(stage: &Stage) {
    let unknown = stage.ask("/shop").header("x-version", "v9");
    let status = match stage.proxy.site.program {
        // A router without servers; Traefik has no answers of its own.
        Program::Traefik => 503,
        _ => 404,
    };
    assert_eq!(stage.status(&unknown).await, status);
    assert_eq!(stage.status(&stage.ask("/shopping")).await, 404);
    let other = stage.ask("/shop").host("other.acme.io");
    assert_eq!(stage.status(&other).await, 404);
}

/// By the header that the policy names, or, where a proxy cannot do that, by its own cookie.
async fn a_client_stays_with_its_version(stage: &Stage) {
    let mut ask = stage.ask("/shop").header("x-user", "user-7");
    let first = ask.send().await.expect("an answer");
    if matches!(stage.proxy.site.program, Program::Traefik | Program::Caddy) {
        let cookie = first.cookie("tm_pay").expect("the proxy's cookie");
        ask = ask.cookie("tm_pay", cookie);
    }
    for _ in 0..20 {
        let next = ask.send().await.expect("an answer");
        assert_eq!((next.status, next.name()), (200, first.name()));
    }
}

/// The shares are exact in Traefik and Caddy, and a matter of the clients' names in the others:
/// the same in each run.
async fn the_split_has_its_shares(stage: &Stage) {
    let versions = versions(stage).await;
    let second = versions.iter().filter(|name| *name == "v2").count();
    let expected = CLIENTS / 10;
    match stage.proxy.site.program {
        Program::Traefik | Program::Caddy => assert!(expected.abs_diff(second) <= 1, "{second}"),
        _ => assert!(expected.abs_diff(second) <= expected / 2, "{second}"),
    }
    let (first, second) = (stage.v1.requests(), stage.v2.requests());
    assert!(first > 300 && second > 20, "{first} and {second} requests");
}

/// Returns the version of each client.
async fn versions(stage: &Stage) -> Vec<String> {
    let (mut versions, mut connection) = (Vec::new(), Connection::default());
    for client in 0..CLIENTS {
        let ask = stage
            .ask("/shop")
            .header("x-user", &format!("user-{client}"));
        let answer = connection.ask(&ask).await.expect("an answer");
        versions.push(answer.name().expect("an upstream").to_owned());
    }
    versions
}

#[tokio::test]
async fn envoy_and_haproxy_choose_the_same_version_for_a_client() {
    let envoy = versions(&Stage::new(Program::Envoy).await).await;
    let haproxy = versions(&Stage::new(Program::HaProxy).await).await;
    assert_eq!(envoy, haproxy);
}

#[tokio::test]
async fn a_certificate_of_another_authority_gets_no_request() {
    let (trusted, other) = (Authority::new(), Authority::new());
    for program in Program::ALL {
        let stage = Stage::trusting(program, &trusted, &other).await;
        let ask = stage.ask("/shop").header("x-version", "v2");
        let status = stage.status(&ask).await;
        assert!((500..=503).contains(&status), "{program:?}: {status}");
        assert_eq!(stage.v2.requests(), 0, "{program:?}");
    }
}
