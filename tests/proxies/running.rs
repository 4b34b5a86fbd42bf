//! What the harness itself promises: of the proxies as processes, of the upstreams and of the
//! load.

use std::time::{Duration, Instant};

use serde_json::json;
use test_support::PATIENCE;

use crate::{
    load::{Connections, Load},
    programs::{Program, Site},
    questions::Stage,
    reload::SOCKET,
};

#[tokio::test]
#[should_panic(expected = "haproxy ended before it was ready")]
async fn a_proxy_that_cannot_start_fails_its_test() {
    let site = Site::new(Program::HaProxy);
    site.write(site.program.first_file(), "frobnicate\n");
    site.start().await;
}

#[tokio::test]
async fn a_proxy_has_the_variables_that_its_test_sets() {
    let mut site = Site::new(Program::HaProxy);
    site.set("TM_TEST_WORD", "hello");
    let (web, socket) = (site.web, site.path(SOCKET));
    let config = format!(
        "\
global
  stats socket {socket} mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend web
  bind {web}
  http-request return status 200 content-type text/plain string \"${{TM_TEST_WORD}}\"
"
    );
    site.write(site.program.first_file(), &config);
    let proxy = site.start().await;
    let answer = proxy.get("/").send().await.unwrap();
    assert_eq!(answer.text(), "hello");
}

#[tokio::test]
async fn a_dropped_proxy_leaves_no_process() {
    for program in Program::ALL {
        let stage = Stage::new(program).await;
        let mut pids = stage.proxy.workers();
        pids.push(stage.proxy.pid());
        drop(stage);
        for pid in pids {
            test_support::eventually("the process is gone", async || {
                let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
                (!status.is_ok_and(|status| !status.contains("State:\tZ"))).then_some(())
            })
            .await;
        }
    }
}

#[tokio::test]
async fn files_come_from_an_answer_and_have_its_hashes() {
    let site = Site::new(Program::Nginx);
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    site.write_files(
        &json!({"files": [{"path": "maps/a.map", "content": "hello", "sha256": hash}]}),
    );
    let written = std::fs::read_to_string(site.path("maps/a.map")).unwrap();
    assert_eq!(written, "hello");
}

#[tokio::test]
#[should_panic(expected = "is not inside the proxy's folder")]
async fn a_file_outside_of_the_folder_is_refused() {
    Site::new(Program::Nginx).write("../a.map", "hello");
}

#[tokio::test]
async fn an_upstream_answers_as_it_is_told() {
    let mut stage = Stage::new(Program::Envoy).await;
    let ask = stage.ask("/shop").header("x-version", "v1");
    let status = async || ask.send().await.expect("an answer").status;

    stage.v1.answer_with(418);
    assert_eq!(status().await, 418);

    stage.v1.answer_with(200);
    stage.v1.answer_after(Duration::from_millis(300));
    let begun = Instant::now();
    assert_eq!(status().await, 200);
    assert!(begun.elapsed() >= Duration::from_millis(300));

    stage.v1.answer_after(PATIENCE);
    let before = stage.v1.requests();
    let waiting = tokio::spawn({
        let ask = ask.clone();
        async move { ask.send().await.expect("an answer").status }
    });
    test_support::eventually("the request is there", async || {
        (stage.v1.requests() > before).then_some(())
    })
    .await;
    stage.v1.stop().await;
    assert_eq!(waiting.await.unwrap(), 503);
    assert_eq!(status().await, 503);

    stage.v1.answer_after(Duration::ZERO);
    stage.v1.start().await;
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn a_load_counts_what_an_outage_loses() {
    let mut stage = Stage::new(Program::Envoy).await;
    let ask = stage.ask("/shop").header("x-version", "v1");
    let load = Load::start(2, Connections::Kept, move |_| ask.clone());
    load.goes_on(20).await;
    stage.v1.stop().await;
    load.goes_on(20).await;
    stage.v1.start().await;
    load.goes_on(20).await;
    let counts = load.stop().await;
    let answers = |status| counts.statuses.get(&status).copied().unwrap_or_default();
    assert!(answers(200) >= 30 && answers(503) >= 10, "{counts:?}");
    assert_eq!(counts.names.get("v1"), Some(&answers(200)));
    assert_eq!(
        (counts.failures, counts.requests()),
        (0, answers(200) + answers(503)),
        "{counts:?}"
    );
}

#[tokio::test]
async fn haproxy_and_nginx_lose_no_request_when_they_reload() {
    for program in [Program::HaProxy, Program::Nginx] {
        let stage = Stage::new(program).await;
        let ask = stage.ask("/shop");
        let load = Load::start(2, Connections::Fresh, move |_| ask.clone());
        for _ in 0..3 {
            load.goes_on(50).await;
            stage.proxy.reload().await.unwrap();
        }
        load.goes_on(50).await;
        let counts = load.stop().await;
        assert_eq!(
            counts.statuses.keys().collect::<Vec<_>>(),
            [&200],
            "{counts:?}"
        );
        assert_eq!(counts.failures, 0, "{program:?}: {counts:?}");
    }
}

#[tokio::test]
async fn a_refused_file_leaves_a_proxy_with_what_it_had() {
    let cases = [
        (Program::Caddy, "{\"frobnicate\": 1}", "unknown field"),
        (Program::HaProxy, "frobnicate\n", "unknown keyword"),
        (Program::Nginx, "frobnicate;\n", "unknown directive"),
    ];
    for (program, broken, reason) in cases {
        let stage = Stage::new(program).await;
        stage.proxy.site.write(program.first_file(), broken);
        let refused = stage.proxy.reload().await.unwrap_err();
        assert!(refused.contains(reason), "{program:?}: {refused}");
        let ask = stage.ask("/shop").header("x-version", "v1");
        stage.proxy.answers(&ask, 200).await;
    }
}
