//! A service that authenticates every caller, with keys for the callers.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use traffic_manager::{
    app::commands::{self, KeyArguments},
    auth::{Role, key::Pepper},
    config::Settings,
};

use super::{Database, PATIENCE, TestApp, settings};

/// Settings that turn authentication on, as flags.
pub const ASKING: [&str; 3] = [
    "auth.mode=required",
    "auth.key_pepper=a pepper of the tests, 32 bytes or more",
    "limits.failed_logins_per_second_per_address=0",
];

/// The token of a new `platform_admin`, made as the start-up command makes it.
pub async fn first_key(settings: &Settings) -> String {
    let arguments = KeyArguments::of(vec![Role::PlatformAdmin], None);
    // A long time-out: the machine may be busy with databases for other tests.
    let mut settings = settings.clone();
    let patience = PATIENCE.as_millis() as u64;
    (
        settings.postgres.connect_timeout_ms,
        settings.resilience.postgres_primary.timeout_ms,
    ) = (patience, patience);
    commands::create_key(&settings, arguments)
        .await
        .expect("the first key")
        .expose_secret()
        .to_owned()
}

/// Returns a token whose last character differs.
pub fn mistyped(token: &str) -> String {
    let (kept, last) = token.split_at(token.len() - 1);
    format!("{kept}{}", if last == "x" { "y" } else { "x" })
}

/// The pepper of [`ASKING`]: with it a test can issue a token that has the service's own mark.
pub fn pepper() -> Pepper {
    let pepper = ASKING
        .iter()
        .find_map(|setting| setting.strip_prefix("auth.key_pepper="))
        .expect("a setting of it");
    Pepper::new(&pepper.into()).expect("a pepper")
}

/// The pepper of a forger, who makes keys up and does not know the service's pepper.
pub fn forger() -> Pepper {
    Pepper::new(&"a pepper that a forger has made up".into()).expect("a pepper")
}

/// A service that authenticates callers, and its administrator's token.
pub struct Office {
    /// The running service.
    pub app: TestApp,
    /// The token of a `platform_admin`.
    pub admin: String,
}

impl Office {
    /// Starts the service on a database of its own.
    pub async fn open() -> Self {
        Self::with(&[]).await
    }

    /// The same with settings (`key=value`) that differ.
    pub async fn with(overrides: &[&str]) -> Self {
        let overrides: Vec<&str> = ASKING.iter().chain(overrides).copied().collect();
        let db = Arc::new(Database::create().await);
        let admin = first_key(&settings(&db, &overrides)).await;
        Self {
            app: TestApp::on(db, &overrides).await,
            admin,
        }
    }

    /// Starts another instance of the same installation.
    pub async fn another(&self) -> TestApp {
        self.again(&[]).await
    }

    /// The same with settings (`key=value`) that differ.
    pub async fn again(&self, overrides: &[&str]) -> TestApp {
        let overrides: Vec<&str> = ASKING.iter().chain(overrides).copied().collect();
        TestApp::on(self.app.db.clone(), &overrides).await
    }

    /// Creates a tenant with one route, `checkout/prod/v1`.
    pub async fn tenant(&self, name: &str) {
        self.app
            .post("/tenants")
            .bearer(&self.admin)
            .json(&json!({ "name": name }))
            .expect(201)
            .await;
        let route = self
            .app
            .put(&format!("/routes/{name}/checkout/prod/v1"))
            .bearer(&self.admin);
        route
            .json(&json!({ "url": "https://a.example.com" }))
            .expect(201)
            .await;
    }

    /// Creates a key of a tenant and returns its token.
    pub async fn key(&self, tenant: &str, roles: &[&str]) -> String {
        self.made(&json!({ "tenant": tenant, "roles": roles }))
            .await
    }

    /// Creates a key from this request body and returns its token.
    pub async fn made(&self, body: &Value) -> String {
        let answer = self
            .app
            .post("/keys")
            .bearer(&self.admin)
            .json(body)
            .expect(201)
            .await;
        answer.json["token"].as_str().expect("a token").to_owned()
    }
}
