//! A browser of this machine, which brings the issuer's code to a port of this program (RFC 8252), with PKCE (RFC 7636).

use std::{env, net::Ipv4Addr, process::Stdio, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    process::Command,
    time::timeout,
};
use url::Url;
use uuid::Uuid;

use super::{Issuer, PERSON, SignedIn};
use crate::{failure::Failure, output::note};

/// The path to which the issuer sends the browser.
const PATH: &str = "/callback";

/// The most bytes of a browser's request, and the longest time until it is there.
const MAX_REQUEST: usize = 16 << 10;
const REQUEST: Duration = Duration::from_secs(10);

/// Opens the issuer's page in a browser, and waits until a person has signed in there.
pub async fn sign_in(issuer: &Issuer<'_>) -> Result<SignedIn, Failure> {
    let Some(page) = &issuer.page else {
        return Err(Failure::signed_out("the issuer has no page to sign in at")
            .hint("tmctl auth login --device"));
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let redirect = format!("http://127.0.0.1:{}{PATH}", listener.local_addr()?.port());
    let (verifier, state) = (secret(), secret());
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let mut page = page.clone();
    page.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", &issuer.oidc.client_id),
        ("redirect_uri", &redirect),
        ("scope", &issuer.oidc.scope),
        ("state", &state),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    note(&format!("sign in at {page}"))?;
    open(&page);
    let code = timeout(PERSON, listen(&listener, issuer, &state)).await;
    let code = code.map_err(|_| Failure::late("nobody has signed in"))??;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", redirect.as_str()),
        ("code_verifier", verifier.as_str()),
    ];
    issuer.token(&form).await?.map_err(super::Refusal::failure)
}

/// Returns a random text that nobody can guess: 244 bits.
fn secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// Opens a page with the program of `BROWSER`, or with that of the system. Without one, the person opens it.
fn open(page: &Url) {
    let system = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let program = env::var("BROWSER").unwrap_or_else(|_| system.to_owned());
    let mut command = Command::new(program);
    command.arg(page.as_str()).stdin(Stdio::null());
    // The page was shown, too.
    let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}

/// Waits for the browser, which brings the issuer's code. Other requests, and those with another state, are of no use.
async fn listen(
    listener: &TcpListener,
    issuer: &Issuer<'_>,
    state: &str,
) -> Result<String, Failure> {
    loop {
        let (mut connection, _) = listener.accept().await?;
        let asked = timeout(REQUEST, request(&mut connection)).await;
        let Ok(Some(url)) = asked else {
            continue;
        };
        let part = |name: &str| {
            let mut pairs = url.query_pairs();
            pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
        };
        let is_other_issuer = part("iss").is_some_and(|iss| iss != issuer.name);
        if url.path() != PATH || part("state").as_deref() != Some(state) || is_other_issuer {
            answer(&mut connection, "404 Not Found", "Nothing is here.").await;
            continue;
        }
        if let Some(error) = part("error") {
            answer(&mut connection, "200 OK", "You are not signed in.").await;
            let text = part("error_description").unwrap_or(error);
            return Err(Failure::signed_out(format!("the issuer refuses: {text}")));
        }
        if let Some(code) = part("code") {
            answer(
                &mut connection,
                "200 OK",
                "You are signed in. This page can be closed.",
            )
            .await;
            return Ok(code);
        }
        answer(&mut connection, "400 Bad Request", "There is no code.").await;
    }
}

/// Reads the URL of a GET request; `None` if it is none.
async fn request(connection: &mut TcpStream) -> Option<Url> {
    let (mut head, mut piece) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = connection.read(&mut piece).await.ok()?;
        if count == 0 || head.len() + count > MAX_REQUEST {
            return None;
        }
        head.extend_from_slice(&piece[..count]);
    }
    let head = String::from_utf8(head).ok()?;
    let path = head.strip_prefix("GET ")?.split(' ').next()?;
    Url::parse("http://127.0.0.1").ok()?.join(path).ok()
}

async fn answer(connection: &mut TcpStream, status: &str, text: &str) {
    let head = "content-type: text/plain\r\ncache-control: no-store\r\nconnection: close";
    let answer = format!(
        "HTTP/1.1 {status}\r\n{head}\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    );
    // The person sees no text then, but has signed in.
    let _ = connection.write_all(answer.as_bytes()).await;
    let _ = connection.shutdown().await;
}
