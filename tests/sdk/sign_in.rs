//! `tmctl auth login` at an issuer, and the service that trusts the issuer's tokens.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use traffic_manager::auth::jwt::Now;

use crate::{
    scene::{Scene, run},
    support::{
        issuer::AUDIENCE,
        secure,
        signer::{Signer, base64, claims},
        tmctl,
    },
};

type Parts = HashMap<String, String>;

/// An issuer with a page at which everybody is signed in at once, and with codes to type in.
struct Issuer {
    url: String,
    signer: Signer,
    name: Mutex<String>,
    /// The request of the page, with its code.
    asked: Mutex<Parts>,
    /// Whether a person has typed in the code.
    is_typed: Mutex<bool>,
}

const CODE: &str = "the code of a page";
const DEVICE: &str = "the code of a device";

impl Issuer {
    fn start() -> (Arc<Self>, ServerHandle) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let issuer = Arc::new(Self {
            name: Mutex::new(url.clone()),
            url,
            signer: Signer::ec("k1"),
            asked: Mutex::default(),
            is_typed: Mutex::new(false),
        });
        let shared = web::Data::from(issuer.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .route("/.well-known/openid-configuration", web::get().to(metadata))
                .route("/jwks", web::get().to(keys))
                .route("/page", web::get().to(page))
                .route("/device", web::post().to(device))
                .route("/token", web::post().to(token))
        });
        let server = server.workers(1).shutdown_timeout(0).disable_signals();
        let server = server.listen(listener).expect("it listens").run();
        let handle = server.handle();
        tokio::spawn(server);
        (issuer, handle)
    }

    fn grant(&self) -> HttpResponse {
        let claims = claims(Now::read(), json!({ "iss": self.url }));
        HttpResponse::Ok().json(json!({
            "access_token": self.signer.token(&claims), "token_type": "Bearer", "expires_in": 300,
        }))
    }
}

async fn metadata(issuer: web::Data<Issuer>) -> HttpResponse {
    let url = &issuer.url;
    HttpResponse::Ok().json(json!({
        "issuer": *issuer.name.lock(), "authorization_endpoint": format!("{url}/page"),
        "token_endpoint": format!("{url}/token"), "device_authorization_endpoint": format!("{url}/device"),
    }))
}

async fn keys(issuer: web::Data<Issuer>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "keys": [issuer.signer.jwk] }))
}

async fn page(issuer: web::Data<Issuer>, asked: web::Query<Parts>) -> HttpResponse {
    let back = format!(
        "{}?code={}&state={}&iss={}",
        asked["redirect_uri"],
        CODE.replace(' ', "+"),
        asked["state"],
        issuer.url
    );
    *issuer.asked.lock() = asked.into_inner();
    HttpResponse::Found()
        .insert_header(("location", back))
        .finish()
}

async fn device(issuer: web::Data<Issuer>, asked: web::Form<Parts>) -> HttpResponse {
    assert_eq!(asked["client_id"], "tmctl");
    HttpResponse::Ok().json(json!({
        "device_code": DEVICE, "user_code": "BDWP-HQPK", "expires_in": 300, "interval": 1,
        "verification_uri": format!("{}/type", issuer.url),
    }))
}

fn refused(error: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({ "error": error }))
}

async fn token(issuer: web::Data<Issuer>, asked: web::Form<Parts>) -> HttpResponse {
    if asked["grant_type"] != "authorization_code" {
        assert_eq!(asked["device_code"], DEVICE);
        let is_typed = *issuer.is_typed.lock();
        return if is_typed {
            issuer.grant()
        } else {
            refused("authorization_pending")
        };
    }
    let page = issuer.asked.lock();
    let challenge = base64(&Sha256::digest(&asked["code_verifier"]));
    let is_right = page["code_challenge_method"] == "S256"
        && page["code_challenge"] == challenge
        && page["redirect_uri"] == asked["redirect_uri"]
        && page["client_id"] == asked["client_id"]
        && asked["code"] == CODE;
    if is_right {
        issuer.grant()
    } else {
        refused("invalid_grant")
    }
}

/// A person with `tmctl`, and a context of the service.
struct Person<'a> {
    scene: &'a Scene,
    folder: PathBuf,
    program: PathBuf,
}

impl Person<'_> {
    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(self.program.join("tmctl"));
        command.args(arguments.split(' ')).env_clear();
        command.env("TM_CONFIG_DIR", self.folder.join("config"));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("BROWSER", self.folder.join("browser.sh"));
        command
    }

    fn sets(&self, issuer: &Issuer) {
        let (server, issuer) = (&self.scene.app.api, &issuer.url);
        let mut set = self.command(&format!(
            "context set demo --server {server} --tenant acme --issuer {issuer} --client-id tmctl"
        ));
        if secure::is_on() {
            set.args(["--ca", &secure::ca()]);
        }
        run(&mut set);
    }

    /// Returns what the service says of the stored token, and that only its owner can read it.
    fn is_alice(&self) {
        let said = run(&mut self.command("auth status -o json"));
        let said: Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!(said["caller"]["actor"]["id"], "alice", "{said}");
        assert_eq!(said["caller"]["roles"], json!(["editor"]));
        let file = said["token"].as_str().expect("a place");
        let file = file.strip_prefix("the file ").expect("a file");
        let mode = fs::metadata(Path::new(file))
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        run(&mut self.command("auth logout"));
        let after = self.command("auth status").output().expect("tmctl");
        assert_eq!(after.status.code(), Some(5));
    }
}

/// Writes a browser: a program that follows the page's redirect and keeps what it shows.
fn browser(folder: &Path) {
    let file = folder.join("browser.sh");
    let script = format!(
        "#!/bin/sh\nexec curl -sL -o {}/shown \"$1\"\n",
        folder.display()
    );
    fs::write(&file, script).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a mode");
}

#[tokio::test(flavor = "multi_thread")]
async fn tmctl_signs_in_with_a_browser_and_with_a_code() {
    let built = tokio::task::spawn_blocking(tmctl::build);
    let (issuer, handle) = Issuer::start();
    let settings = [
        format!("auth.jwt.issuer={}", issuer.url),
        format!("auth.jwt.audience={AUDIENCE}"),
        format!("auth.jwt.jwks_url={}/jwks", issuer.url),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let scene = Scene::with(&settings).await;
    let _node = scene.node("acme").await;
    let folder = std::env::temp_dir().join(format!("tmctl-sign-in-{}", uuid::Uuid::new_v4()));
    fs::create_dir(&folder).expect("a folder");
    browser(&folder);
    let person = Person {
        scene: &scene,
        folder,
        program: built.await.expect("tmctl is built"),
    };
    person.sets(&issuer);

    let said = run(&mut person.command("auth login"));
    assert!(said.contains("and ends in 300 s"), "{said}");
    person.is_alice();
    let shown = fs::read_to_string(person.folder.join("shown")).expect("a page");
    assert_eq!(shown, "You are signed in. This page can be closed.");

    let mut command = person.command("auth login --device");
    let mut child = command.stderr(Stdio::piped()).spawn().expect("tmctl");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let first = lines.next().expect("a line").expect("text");
    assert_eq!(
        first,
        format!("open {}/type and type in BDWP-HQPK", issuer.url)
    );
    *issuer.is_typed.lock() = true;
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(child.wait().expect("tmctl").success(), "{rest:?}");
    person.is_alice();

    // An issuer that names another one could collect its codes.
    *issuer.name.lock() = "https://other.example".to_owned();
    let refused = person
        .command("auth login --device")
        .output()
        .expect("tmctl");
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(5), "{errors}");
    assert!(
        errors.contains("calls itself \"https://other.example\""),
        "{errors}"
    );
    handle.stop(false).await;
    let away = person
        .command("auth login --device")
        .output()
        .expect("tmctl");
    assert_eq!(away.status.code(), Some(4));
    fs::remove_dir_all(&person.folder).expect("the folder goes");
    scene.end().await;
}
