//! A service with its archive, and the programs that talk with it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use tokio::sync::{Mutex, MutexGuard};
use traffic_manager::app::Role;
use traffic_manager_client::{Label, Settings, Token, Watcher};

use crate::support::{
    TestApp, World,
    callers::{ASKING, first_key},
    secure,
};

/// The folder with Node.js, npm and Python.
static TOOLS: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = repository().join(".stack/tools/clients");
    run(Command::new(repository().join("tests/clients/install.sh")).arg(&folder));
    folder.join("python/bin")
});

/// Returns the folder of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the folder of a language's package.
pub fn package(language: &str) -> PathBuf {
    repository().join("sdk").join(language)
}

/// Runs a command, which must succeed. Returns its whole output.
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{command:?}:\n{text}");
    text
}

/// A running service that authenticates callers.
pub struct Scene {
    pub app: TestApp,
    /// The token of a `platform_admin`.
    pub token: String,
    world: World,
}

/// Held by a test that installs and builds a package, or uses what was built.
static TYPESCRIPT: Mutex<()> = Mutex::const_new(());
static PYTHON: Mutex<()> = Mutex::const_new(());

impl Scene {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with settings (`key=value`) that differ.
    pub async fn with(overrides: &[&str]) -> Self {
        let overrides: Vec<&str> = ASKING.iter().chain(overrides).copied().collect();
        let world = World::with(&overrides).await;
        let token = first_key(&world.settings).await;
        let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
        Self { app, token, world }
    }

    /// Returns a command that knows the service, and finds Node.js, npm and Python.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let before = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(TOOLS.clone()).chain(std::env::split_paths(&before));
        let mut command = Command::new(program.as_ref());
        command
            .env(
                "PATH",
                std::env::join_paths(folders).expect("a search path"),
            )
            .env("TM_URL", &self.app.api)
            .env("TM_TOKEN", &self.token);
        if secure::is_on() {
            command
                .env("TM_CA", secure::ca())
                .env("NODE_EXTRA_CA_CERTS", secure::ca());
        }
        command
    }

    /// Returns a command of a program that trusts the service's certificate, and no other.
    pub fn program(&self, program: impl AsRef<Path>) -> Command {
        let mut command = self.command(program);
        if secure::is_on() {
            command.env("SSL_CERT_FILE", secure::ca());
        }
        command
    }

    /// Creates a tenant, and starts a node that follows it and runs what it holds.
    pub async fn node(&self, tenant: &str) -> Watcher {
        let body = serde_json::json!({ "name": tenant });
        let call = self.app.post("/tenants").bearer(&self.token).json(&body);
        call.expect(201).await;
        let server = self.app.api.parse().expect("a URL");
        let mut settings = Settings::new(vec![server], tenant.parse().expect("a name"));
        settings.token = Some(Token::fixed(self.token.as_str()));
        settings.ca_pem = secure::client().map(|(_, ca)| ca);
        settings.node = Label::from_host("edge-0");
        Watcher::start(settings).await.expect("a node")
    }

    /// Waits until no other test builds a language's package or uses it.
    pub async fn alone_with(&self, language: &str) -> MutexGuard<'static, ()> {
        match language {
            "typescript" => TYPESCRIPT.lock().await,
            "python" => PYTHON.lock().await,
            other => panic!("{other} has no package"),
        }
    }

    pub async fn end(self) {
        Box::pin(self.app.drain()).await;
        Box::pin(self.world.end()).await;
    }
}
