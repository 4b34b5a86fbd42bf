//! The connections of the watcher and of the calls: which servers are taken, and how bodies and
//! errors are read.

use std::{error::Error as _, io::Read as _, time::Duration};

use flate2::read::MultiGzDecoder;
use reqwest::{Certificate, Client, header::HeaderMap, redirect::Policy};
use url::{Host, Url};

use crate::StartError;

const USER_AGENT: &str = concat!("tm-rust/", env!("CARGO_PKG_VERSION"));

/// Checks the base URLs. Over plain http a token goes to loopback addresses only, unless
/// `allow_plain_http` says otherwise.
pub fn check_servers(
    servers: &[Url],
    has_token: bool,
    allow_plain_http: bool,
) -> Result<(), StartError> {
    if servers.is_empty() {
        return Err(StartError::NoServer);
    }
    for server in servers {
        let is_http = server.scheme() == "http";
        let has_password = !server.username().is_empty() || server.password().is_some();
        if !(is_http || server.scheme() == "https") || has_password {
            return Err(StartError::BadServer(server.scheme().to_owned()));
        }
        if is_http && has_token && !is_loopback(server) && !allow_plain_http {
            let host = server.host_str().unwrap_or_default();
            return Err(StartError::PlainHttp(host.to_owned()));
        }
    }
    Ok(())
}

fn is_loopback(server: &Url) -> bool {
    match server.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Makes the HTTP client for these servers. It follows no redirects, which could take the token to
/// another host.
pub fn http_client(
    servers: &[Url],
    ca_pem: Option<&[u8]>,
    connect: Duration,
    program: Option<&str>,
) -> Result<Client, StartError> {
    let agent = match program {
        Some(program) => format!("{program} {USER_AGENT}"),
        None => USER_AGENT.to_owned(),
    };
    let mut client = Client::builder()
        .user_agent(agent)
        .redirect(Policy::none())
        .connect_timeout(connect);
    let is_plain = |server: &Url| server.scheme() == "http";
    if servers.iter().any(is_plain) {
        // The token must not go unencrypted to a proxy that the environment names.
        client = client.no_proxy();
    }
    if servers.iter().all(is_plain) {
        // Nothing is encrypted, so the certificates of the system need not be read.
        client = client.tls_certs_only([]);
    } else if let Some(pem) = ca_pem {
        client = client.tls_certs_merge(Certificate::from_pem_bundle(pem)?);
    }
    Ok(client.build()?)
}

/// Unpacks at most one byte more than allowed, whatever the packed bytes say.
pub fn unzip(packed: &[u8], max_bytes: usize) -> std::io::Result<Vec<u8>> {
    let most = u64::try_from(max_bytes)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut json = Vec::new();
    MultiGzDecoder::new(packed)
        .take(most)
        .read_to_end(&mut json)?;
    Ok(json)
}

/// Returns the text of a header.
pub fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// Returns an error with its causes, without the URL.
pub fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
