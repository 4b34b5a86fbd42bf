//! The follower in Rust: the same as `sdk/typescript/test/follower.ts` and `sdk/python/tests/follower.py`.

use std::{
    env,
    io::{BufRead as _, stdin},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use traffic_manager_client::{Scope, Settings, Token, View, Watcher};

const READS: u32 = 1_000;

fn settings() -> Settings {
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let urls = variable("TM_URL");
    let servers = urls.split(',').map(|url| url.parse().expect("a URL"));
    let tenant = variable("TM_TENANT").parse().expect("a name");
    let mut settings = Settings::new(servers.collect(), tenant);
    settings.file = Some(variable("TM_FILE").into());
    settings.ca_pem = env::var_os("TM_CA").map(|file| std::fs::read(file).expect("the CA"));
    settings.token = env::var_os("TM_TOKEN_FILE").map(|file| {
        Token::from_fn(move || {
            let file = file.clone();
            async move { Ok(std::fs::read_to_string(file)?.trim().to_owned()) }
        })
    });
    let times = &mut settings.times;
    times.reopen = Duration::from_millis(50);
    times.first_retry = Duration::from_millis(50);
    times.last_retry = Duration::from_millis(500);
    times.ask_again = Duration::from_millis(500);
    times.confirm = Duration::from_secs(2);
    times.save = Duration::from_millis(50);
    settings
}

/// Prints on a line of its own, whatever the test's own program has begun to print.
fn say(value: &Value) {
    println!("\n{value}");
}

fn shown(view: &View) -> Value {
    let tag = view.tag().map(ToString::to_string);
    let snapshot = view.snapshot.as_ref();
    let digest = snapshot.map(|snapshot| hex::encode(snapshot.digest(&Scope::default())));
    json!({ "state": view.state.as_str(), "tag": tag, "digest": digest })
}

fn read(watcher: &Watcher) -> Value {
    let (mut slowest, mut routes) = (Duration::ZERO, 0);
    for _ in 0..READS {
        let began = Instant::now();
        if let Some(snapshot) = watcher.current() {
            snapshot.get("web", "prod", "v0");
            routes = snapshot.route_count();
        }
        slowest = slowest.max(began.elapsed());
    }
    json!({ "routes": routes, "slowest_us": slowest.as_micros() + 1, "pid": std::process::id() })
}

#[tokio::test]
#[ignore = "runs as the process of the tests beside it"]
async fn rust_follower() {
    let watcher = Watcher::start(settings()).await.expect("a watcher");
    let (sender, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let (mut changes, mut last) = (watcher.changed(), Value::Null);
    loop {
        let now = shown(&changes.borrow_and_update());
        if now != last {
            say(&now);
            last = now;
        }
        tokio::select! {
            changed = changes.changed() => changed.expect("the watcher runs"),
            line = lines.recv() => match line.as_deref() {
                Some("read") => say(&read(&watcher)),
                Some(_) => {}
                None => return,
            },
        }
    }
}
