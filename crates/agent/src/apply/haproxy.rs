//! `HAProxy`: what it shows, and the names in its files.

use std::{io, path::Path, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::timeout,
};

use super::{Running, maps, names::name};
use crate::release::ConfigFile;

/// The usual check, in the folder of the files.
pub const CHECK: [&str; 4] = ["haproxy", "-c", "-f", "."];
/// The usual way to make the master take its files.
pub const RELOAD: [&str; 4] = ["kill", "-s", "USR2", "{pid}"];

/// The longest time of an answer.
const LIMIT: Duration = Duration::from_secs(2);
/// The most bytes of an answer.
const MAX_BYTES: u64 = 64 << 10;

/// Asks for the revision: the description, unless maps were replaced since.
pub async fn running(folder: &Path, wanted: &str) -> Running {
    let (hosts, revision) = (maps::HOSTS, maps::REVISION);
    let question = format!("show info; get map {hosts} {revision}\n");
    match ask(folder, &question, MAX_BYTES).await {
        Ok(answer) => {
            maps::shown(&answer, wanted).unwrap_or_else(|| match field(&answer, "description") {
                Some(shown) => Running::of(shown.trim_matches('"'), wanted),
                None => Running::Other("no description".to_owned()),
            })
        }
        Err(error) => Running::Away(format!("admin.sock: {error}")),
    }
}

/// Asks for the process that answers.
pub async fn worker(folder: &Path) -> Option<String> {
    let info = ask(folder, "show info\n", MAX_BYTES).await.ok()?;
    field(&info, "Pid").map(str::to_owned)
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(": ");
    info.lines().find_map(value).map(str::trim)
}

/// Sends commands to the worker, and returns the beginning of what it answers.
pub async fn ask(folder: &Path, commands: &str, max_bytes: u64) -> io::Result<String> {
    let asking = async {
        let mut socket = UnixStream::connect(folder.join("admin.sock")).await?;
        socket.write_all(commands.as_bytes()).await?;
        let mut answer = String::new();
        socket.take(max_bytes).read_to_string(&mut answer).await?;
        Ok(answer)
    };
    let too_long = |_| io::Error::from(io::ErrorKind::TimedOut);
    timeout(LIMIT, asking).await.map_err(too_long)?
}

/// Returns the names of versions. `HAProxy` starts without those that do not resolve.
pub fn names(files: &[ConfigFile]) -> Vec<String> {
    let lines = files.iter().flat_map(|file| file.content.lines());
    let mut names: Vec<String> = lines
        .filter_map(|line| line.strip_prefix("  server "))
        .filter_map(|line| name(line.split(' ').nth(1)?))
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
