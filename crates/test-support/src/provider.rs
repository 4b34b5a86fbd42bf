//! An identity provider that signs people in: OpenID Connect, code flow, as a server of its own.

use std::{collections::HashMap, net::TcpListener, sync::Arc};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::header,
    web::{self, Data, Query},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use traffic_manager::auth::jwt::Now;
use uuid::Uuid;

use crate::{
    issuer::{AUDIENCE, NAME},
    signer::{Signer, base64, claims},
};

/// The id of the service at the provider. It has characters that a form encodes.
pub const CLIENT: &str = "tm page";
const SECRET: &str = "a secret: of/the page+";
const REDIRECT: &str = "http://localhost/ui/callback";

/// The provider's answer to the exchange of a code.
#[derive(Clone)]
pub enum Exchange {
    /// Tokens with these changes of the access token's and of the id token's claims.
    Tokens(Value, Value),
    /// The same, but another key signs the id token, under the name of the provider's key.
    Forged,
    /// An answer with this status and body.
    Other(u16, String),
}

/// A request to sign in, until its code is exchanged.
#[derive(Clone)]
struct Asked {
    challenge: String,
    nonce: String,
}

struct Inner {
    signer: Mutex<Arc<Signer>>,
    exchange: Mutex<Exchange>,
    codes: Mutex<HashMap<String, Asked>>,
}

/// A running provider.
pub struct Provider {
    base: String,
    inner: Data<Inner>,
    server: ServerHandle,
}

impl Provider {
    /// Starts a provider that signs everybody in as `alice`, an editor of `acme`.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("its address"));
        let inner = Data::new(Inner {
            signer: Mutex::new(Arc::new(Signer::ec("k1"))),
            exchange: Mutex::new(Exchange::Tokens(json!({}), json!({}))),
            codes: Mutex::default(),
        });
        let shared = inner.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .route("/jwks", web::get().to(jwks))
                .route("/authorize", web::get().to(authorize))
                .route("/token", web::post().to(token))
        })
        .workers(1)
        .shutdown_timeout(0)
        .disable_signals();
        let server = server.listen(listener).expect("it listens").run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            base,
            inner,
            server: handle,
        }
    }

    /// The settings of a service whose people sign in here.
    pub fn settings(&self) -> Vec<String> {
        let base = &self.base;
        vec![
            format!("auth.jwt.issuer={NAME}"),
            format!("auth.jwt.audience={AUDIENCE}"),
            format!("auth.jwt.jwks_url={base}/jwks"),
            format!("ui.oidc.client_id={CLIENT}"),
            format!("ui.oidc.client_secret={SECRET}"),
            format!("ui.oidc.authorize_url={base}/authorize?audience={AUDIENCE}"),
            format!("ui.oidc.token_url={base}/token"),
            format!("ui.oidc.redirect_url={REDIRECT}"),
        ]
    }

    /// Sets the answer to the next exchanges.
    pub fn answer(&self, exchange: Exchange) {
        *self.inner.exchange.lock() = exchange;
    }

    /// Replaces the provider's key: the old one is withdrawn.
    pub fn replace_key(&self) {
        *self.inner.signer.lock() = Arc::new(Signer::ec("k2"));
    }

    /// Stops the provider.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }

    /// Does what the browser and the person do at the provider: follows the URL, and returns the
    /// path and query to which the provider sends the browser back.
    pub async fn sign_in(&self, url: &str) -> String {
        assert!(url.starts_with(&self.base), "{url}");
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        let answer = client.get(url).send().await.expect("an answer");
        assert_eq!(answer.status(), 302, "{:?}", answer.text().await);
        let back = answer.headers()["location"].to_str().expect("ASCII");
        let back = back
            .strip_prefix("http://localhost")
            .expect("our redirect URL");
        back.to_owned()
    }
}

async fn jwks(inner: Data<Inner>) -> HttpResponse {
    let signer = inner.signer.lock().clone();
    HttpResponse::Ok().json(json!({ "keys": [signer.jwk] }))
}

/// The authorization endpoint: refuses a request that lacks what the flow needs.
async fn authorize(inner: Data<Inner>, query: Query<HashMap<String, String>>) -> HttpResponse {
    let said = |name: &str| query.get(name).map_or("", String::as_str);
    for (name, wanted) in [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("scope", "openid"),
        ("code_challenge_method", "S256"),
        ("audience", AUDIENCE),
    ] {
        if said(name) != wanted {
            return HttpResponse::BadRequest().body(format!("{name} is {:?}", said(name)));
        }
    }
    for name in ["state", "nonce", "code_challenge"] {
        if said(name).len() != 43 {
            return HttpResponse::BadRequest().body(format!("{name} is {:?}", said(name)));
        }
    }
    let code = Uuid::new_v4().to_string();
    let asked = Asked {
        challenge: said("code_challenge").to_owned(),
        nonce: said("nonce").to_owned(),
    };
    inner.codes.lock().insert(code.clone(), asked);
    let location = url::Url::parse_with_params(
        REDIRECT,
        [
            ("code", code.as_str()),
            ("state", said("state")),
            ("session_state", "x"),
        ],
    );
    HttpResponse::Found()
        .insert_header((header::LOCATION, location.expect("a URL").as_str()))
        .finish()
}

/// The token endpoint: a code is good once, for the client that has asked for it.
async fn token(
    inner: Data<Inner>,
    request: HttpRequest,
    form: web::Form<HashMap<String, String>>,
) -> HttpResponse {
    let exchange = inner.exchange.lock().clone();
    let is_forged = matches!(exchange, Exchange::Forged);
    let (access, id) = match exchange {
        Exchange::Tokens(access, id) => (access, id),
        Exchange::Forged => (json!({}), json!({})),
        Exchange::Other(status, body) => {
            return HttpResponse::build(status.try_into().expect("a status"))
                .content_type("application/json")
                .body(body);
        }
    };
    let encoded =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let basic = STANDARD.encode(format!("{}:{}", encoded(CLIENT), encoded(SECRET)));
    let sent = request.headers().get(header::AUTHORIZATION);
    if sent.is_none_or(|sent| sent.as_bytes() != format!("Basic {basic}").as_bytes()) {
        return HttpResponse::Unauthorized().json(json!({ "error": "invalid_client" }));
    }
    let said = |name: &str| form.get(name).map_or("", String::as_str);
    let asked = inner.codes.lock().remove(said("code"));
    let verified = base64(&Sha256::digest(said("code_verifier").as_bytes()));
    let Some(asked) = asked.filter(|asked| {
        asked.challenge == verified
            && said("grant_type") == "authorization_code"
            && said("redirect_uri") == REDIRECT
    }) else {
        return HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" }));
    };
    let signer = inner.signer.lock().clone();
    let stranger = Signer::ec(&signer.kid);
    let of_id = if is_forged { &stranger } else { &*signer };
    let mut own = json!({ "aud": CLIENT, "nonce": asked.nonce, "tenant": null, "roles": null });
    for (name, value) in id.as_object().expect("an object") {
        own[name] = value.clone();
    }
    HttpResponse::Ok().json(json!({
        "access_token": signer.token(&claims(Now::read(), access)),
        "id_token": of_id.token(&claims(Now::read(), own)),
        "token_type": "Bearer",
        "expires_in": 300,
    }))
}
