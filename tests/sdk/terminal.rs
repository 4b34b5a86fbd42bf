//! `tmctl` on a terminal: its questions, colours, and lists that go on. The terminal is that of `script` (bsdutils).

use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use parking_lot::Mutex;
use serde_json::json;

use crate::{
    scene::Scene,
    support::{eventually, secure, tmctl},
};

/// A program on a terminal.
struct Terminal {
    child: Child,
    shown: Arc<Mutex<String>>,
}

impl Terminal {
    fn start(scene: &Scene, folder: &Path, program: &Path, arguments: &str) -> Self {
        let command = format!("{} {arguments}", program.join("tmctl").display());
        let mut terminal = Command::new("script");
        terminal.args([
            "--quiet",
            "--return",
            "--flush",
            "--command",
            &command,
            "/dev/null",
        ]);
        terminal
            .env("TM_CONFIG_DIR", folder)
            .env("TM_SERVER", &scene.app.api)
            .env("TM_TENANT", "acme")
            .env("TM_TOKEN", &scene.token)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR");
        if secure::is_on() {
            terminal.env("TM_CA", secure::ca());
        }
        let mut child = terminal
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script, of bsdutils");
        let mut output = child.stdout.take().expect("a pipe");
        let shown = Arc::<Mutex<String>>::default();
        let writes = shown.clone();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut piece) {
                writes
                    .lock()
                    .push_str(&String::from_utf8_lossy(&piece[..count]));
            }
        });
        Self { child, shown }
    }

    async fn shows(&self, text: &str) {
        eventually(&format!("the terminal shows {text:?}"), async || {
            self.shown.lock().contains(text).then_some(())
        })
        .await;
    }

    fn types(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        stdin.write_all(text.as_bytes()).expect("a terminal");
        stdin.flush().expect("a terminal");
    }

    /// Waits for the end of the program.
    async fn ends_with(&mut self, code: i32) {
        let child = &parking_lot::Mutex::new(&mut self.child);
        let ended = eventually("the program ends", async || {
            child.lock().try_wait().expect("a child")
        });
        assert_eq!(ended.await.code(), Some(code), "{}", self.shown.lock());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn count(scene: &Scene, path: &str) -> usize {
    let answer = scene.app.get(path).bearer(&scene.token).expect(200).await;
    answer.json["items"].as_array().expect("items").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn tmctl_asks_on_a_terminal_and_goes_on_with_a_list() {
    let built = tokio::task::spawn_blocking(tmctl::build);
    let scene = Scene::start().await;
    let _node = scene.node("acme").await;
    let folder = std::env::temp_dir().join(format!("tmctl-terminal-{}", uuid::Uuid::new_v4()));
    fs::create_dir(&folder).expect("a folder");
    let file = folder.join("routes.json");
    let routes = json!({ "routes": [
        {"service": "web", "env": "prod", "version": "v1", "url": "https://web-1.example.com"},
    ]});
    fs::write(&file, routes.to_string()).expect("a file");
    let program = built.await.expect("tmctl is built");
    let apply = format!("apply -f {}", file.display());

    let mut refused = Terminal::start(&scene, &folder, &program, &apply);
    refused.shows("[y/N] ").await;
    // Colours are for people.
    assert!(
        refused.shown.lock().contains("\u{1b}["),
        "{}",
        refused.shown.lock()
    );
    refused.types("n\n");
    refused.ends_with(0).await;
    assert_eq!(count(&scene, "/routes?tenant=acme").await, 0);
    assert_eq!(
        count(&scene, "/tenants/acme/plans").await,
        0,
        "no plan is left"
    );

    let list = Terminal::start(&scene, &folder, &program, "get routes --watch");
    list.shows("ROUTE").await;
    let mut applied = Terminal::start(&scene, &folder, &program, &apply);
    applied.shows("[y/N] ").await;
    applied.types("y\n");
    applied.shows("applied as revision 2").await;
    applied.ends_with(0).await;
    list.shows("https://web-1.example.com").await;
    drop(list);
    fs::remove_dir_all(&folder).expect("the folder goes");
    scene.end().await;
}
