//! nginx: what it shows, and the names in its files. It refuses a whole configuration for one name
//! that does not resolve, so such names are replaced before.

use std::net::IpAddr;

use reqwest::StatusCode;

use super::{Names, Running, ask::Http, names::name};
use crate::release::ConfigFile;

/// The usual check.
pub const CHECK: [&str; 7] = [
    "nginx",
    "-t",
    "-q",
    "-c",
    "{folder}/nginx.conf",
    "-p",
    "{folder}",
];
/// The usual way to make nginx take its files.
pub const RELOAD: [&str; 4] = ["kill", "-s", "HUP", "{pid}"];

/// The server of a version that nothing can be sent to: requests are answered with 502.
const NOWHERE: &str = "server 127.0.0.1:1 down ";

/// Asks for the revision.
pub async fn running(http: &Http, wanted: &str) -> Running {
    match http.get("/revision").await {
        Ok(answer) if answer.status == StatusCode::OK => Running::of(&answer.text, wanted),
        Ok(answer) => Running::Other(format!("{} for /revision", answer.status)),
        Err(why) => Running::Away(why),
    }
}

/// Returns the servers of a line that is an upstream.
fn servers(line: &str) -> impl Iterator<Item = &str> {
    let upstream = line.strip_prefix("  upstream ").unwrap_or_default();
    let servers = upstream.split("server ").skip(1);
    servers.filter_map(|server| server.split_once(' ').map(|(server, _)| server))
}

/// Returns the names of versions.
pub fn names(files: &[ConfigFile]) -> Vec<String> {
    let lines = files.iter().flat_map(|file| file.content.lines());
    let servers = lines.flat_map(servers).filter_map(name);
    let mut names: Vec<String> = servers.map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Replaces names that do not resolve now. One that did before gets its address of then, which nginx
/// would have gone on using; others are left out.
pub fn prepare(files: &[ConfigFile], now: &Names, known: &Names) -> Vec<ConfigFile> {
    let is_missing =
        |server: &str| name(server).is_some_and(|name| addresses(now, name).is_empty());
    let mut files = files.to_vec();
    for file in &mut files {
        let is_hit = file.content.lines().flat_map(servers).any(is_missing);
        if is_hit {
            let lines = file.content.split_inclusive('\n');
            file.content = lines.map(|line| replaced(line, now, known)).collect();
        }
    }
    files
}

fn addresses<'a>(names: &'a Names, name: &str) -> &'a [IpAddr] {
    names.get(name).map(Vec::as_slice).unwrap_or_default()
}

fn replaced(line: &str, now: &Names, known: &Names) -> String {
    let mut servers = servers(line);
    let Some((server, name)) = servers.find_map(|server| Some((server, name(server)?))) else {
        return line.to_owned();
    };
    if !addresses(now, name).is_empty() {
        return line.to_owned();
    }
    let port = &server[name.len()..];
    let instead = match addresses(known, name).first() {
        Some(IpAddr::V4(address)) => format!("server {address}{port} "),
        Some(IpAddr::V6(address)) => format!("server [{address}]{port} "),
        None => NOWHERE.to_owned(),
    };
    line.replace(&format!("server {server} "), &instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_do_not_resolve_are_replaced_and_others_stay() {
        let upstream = |server: &str| {
            format!(
                "  upstream v0 {{ server {server} max_fails=0; server {server} max_fails=0; keepalive 16; }}\n"
            )
        };
        let file = |content: String| -> ConfigFile {
            serde_json::from_value(
                serde_json::json!({"path": "a", "content": content, "sha256": ""}),
            )
            .unwrap()
        };
        let text = ["here:80", "away:81", "gone:82", "10.0.0.1:83"]
            .map(upstream)
            .concat();
        let files = [file(format!("  # server away:81 \n{text}"))];
        assert_eq!(names(&files), ["away", "gone", "here"]);
        let address = IpAddr::from([10, 0, 0, 9]);
        let now = Names::from([
            ("here".to_owned(), vec![address]),
            ("away".to_owned(), vec![]),
            ("gone".to_owned(), vec![]),
        ]);
        let mut known = now.clone();
        known.insert("away".to_owned(), vec![address]);
        let prepared = prepare(&files, &now, &known);
        let lost = upstream("gone:82").replace("server gone:82 ", NOWHERE);
        let wanted = [
            upstream("here:80"),
            upstream("10.0.0.9:81"),
            lost,
            upstream("10.0.0.1:83"),
        ];
        assert_eq!(
            prepared[0].content,
            format!("  # server away:81 \n{}", wanted.concat())
        );
    }
}
