//! `HAProxy`: new contents of its maps by the socket, without a reload. Each map is replaced at once, and no connection
//! is closed.
//!
//! The description is that of the last reload. So the map of hosts gets one more key, which no request has: its value is
//! the revision. A worker that starts reads files without that key, and the description then is right.

use std::path::Path;

use super::{Running, folder::Before, haproxy::ask};
use crate::release::ConfigFile;

/// The map with the revision.
pub const HOSTS: &str = "hosts.map";
/// The key of the revision. A host ends before a colon, so no request has this key.
pub const REVISION: &str = ":revision";

/// The most bytes of the lines of one command. `HAProxy` takes less than 16 KiB (`tune.bufsize`).
const MAX_LINES: usize = 8 << 10;
/// The most bytes of a map that is read back.
const MAX_MAP: u64 = 64 << 20;

/// Returns the maps to replace if nothing else differs. `former` are the files that were replaced, as they were before.
pub fn only_maps<'a>(former: &[Before], files: &'a [ConfigFile]) -> Option<Vec<&'a ConfigFile>> {
    let mut maps: Vec<_> = files.iter().filter(|file| file.path == HOSTS).collect();
    for (path, before) in former {
        let now = files.iter().find(|file| file.path == *path)?;
        let before = std::str::from_utf8(before.as_deref()?).ok()?;
        if !path.ends_with(".map") {
            if !effective(before).eq(effective(&now.content)) {
                return None;
            }
        } else if path != HOSTS {
            // The revision comes last.
            maps.insert(0, now);
        }
    }
    (!maps.is_empty()).then_some(maps)
}

/// Returns the lines that decide what `HAProxy` does.
fn effective(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#') && !line.starts_with("description "))
}

/// Replaces maps in the running worker, and reads them back. An error is the reason in words; a map may have been
/// replaced then.
pub async fn replace(folder: &Path, maps: &[&ConfigFile], revision: &str) -> Result<(), String> {
    let mut versions = Vec::new();
    let prepared = prepare_all(folder, maps, revision, &mut versions).await;
    if let Err(why) = prepared {
        for (map, version) in &versions {
            // What is not committed would take memory until the next reload.
            let _ = command(folder, &format!("clear map @{version} {map}\n")).await;
        }
        return Err(why);
    }
    for (map, version) in &versions {
        command(folder, &format!("commit map @{version} {map}\n")).await?;
    }
    for map in maps {
        let shown = ask(folder, &format!("show map {}\n", map.path), MAX_MAP).await;
        let shown = shown.map_err(|error| error.to_string())?;
        // The address of the entry comes first.
        let shown = shown.lines().filter_map(|line| line.split_once(' '));
        let mut shown: Vec<_> = shown.map(|(_, entry)| entry.to_owned()).collect();
        let mut wanted = entries(map, revision);
        shown.sort_unstable();
        wanted.sort_unstable();
        if shown != wanted {
            return Err(format!("{} has other entries than it was given", map.path));
        }
    }
    Ok(())
}

async fn prepare_all(
    folder: &Path,
    maps: &[&ConfigFile],
    revision: &str,
    versions: &mut Vec<(String, u32)>,
) -> Result<(), String> {
    for map in maps {
        let name = &map.path;
        let answer = command(folder, &format!("prepare map {name}\n")).await;
        let version = match answer {
            Err(said) => said
                .strip_prefix("New version created: ")
                .and_then(|version| version.parse().ok())
                .ok_or(said)?,
            Ok(()) => return Err(format!("no new version of {name}")),
        };
        versions.push((name.clone(), version));
        for lines in pieces(&entries(map, revision)) {
            command(folder, &format!("add map @{version} {name} <<\n{lines}\n")).await?;
        }
    }
    Ok(())
}

/// Sends a command that says nothing if it is done. An error is what it says.
async fn command(folder: &Path, command: &str) -> Result<(), String> {
    let said = ask(folder, command, MAX_MAP).await;
    let said = said.map_err(|error| format!("admin.sock: {error}"))?;
    match said.trim() {
        "" => Ok(()),
        said => Err(said.to_owned()),
    }
}

/// Returns the lines of a map as it is to run.
fn entries(map: &ConfigFile, revision: &str) -> Vec<String> {
    let mut entries: Vec<_> = map.content.lines().map(str::to_owned).collect();
    if map.path == HOSTS {
        entries.push(format!("{REVISION} {revision}"));
    }
    entries
}

/// Puts lines together, as many as one command may have.
fn pieces(lines: &[String]) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for line in lines {
        let at = pieces.len() - 1;
        if !pieces[at].is_empty() && pieces[at].len() + line.len() >= MAX_LINES {
            pieces.push(String::new());
        }
        let at = pieces.len() - 1;
        pieces[at].push_str(line);
        pieces[at].push('\n');
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Returns what the map of hosts says of the revision, if it was replaced since the last reload.
pub fn shown(answer: &str, wanted: &str) -> Option<Running> {
    let entry = answer
        .lines()
        .find(|line| line.contains(&format!("key=\"{REVISION}\"")))?;
    let (_, value) = entry.split_once("value=\"")?;
    Some(Running::of(value.split('"').next()?, wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::UnixListener,
        sync::mpsc,
    };

    use super::*;

    fn file(path: &str, content: &str) -> ConfigFile {
        serde_json::from_value(json!({"path": path, "content": content, "sha256": ""})).unwrap()
    }

    fn before(path: &str, content: &str) -> Before {
        (path.to_owned(), Some(content.as_bytes().to_vec()))
    }

    #[test]
    fn only_maps_and_comments_need_no_reload() {
        let files = [
            file("versions.map", "v"),
            file(
                "haproxy.cfg",
                "# revision e.2\nglobal\n  description e.2\n  bind a\n",
            ),
            file("hosts.map", "new"),
        ];
        let names = |former: &[Before]| -> Option<Vec<&str>> {
            let maps = only_maps(former, &files)?;
            Some(maps.iter().map(|map| map.path.as_str()).collect())
        };
        let head = |bind| {
            before(
                "haproxy.cfg",
                &format!("# revision e.1\nglobal\n  description e.1\n{bind}"),
            )
        };
        assert_eq!(names(&[head("  bind a\n")]), Some(vec!["hosts.map"]));
        let both = [
            before("hosts.map", "old"),
            before("versions.map", "old"),
            head("  bind a\n"),
        ];
        assert_eq!(names(&both), Some(vec!["versions.map", "hosts.map"]));
        assert_eq!(names(&[head("  bind b\n")]), None);
        assert_eq!(names(&[head("")]), None);
        assert_eq!(names(&[("haproxy.cfg".to_owned(), None)]), None);
        assert_eq!(names(&[before("policies-00.cfg", "")]), None);
    }

    /// Replaces the map of hosts at a worker that answers by `answer`. Returns the outcome, and the commands that it got.
    async fn replaced(
        name: &str,
        answer: fn(&str) -> &'static str,
    ) -> (Result<(), String>, Vec<String>) {
        let folder = std::env::temp_dir().join(format!("tma-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let listener = UnixListener::bind(folder.join("admin.sock")).unwrap();
        let (told, mut heard) = mpsc::unbounded_channel();
        let worker = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut command = vec![0; 4096];
                let length = socket.read(&mut command).await.unwrap();
                let command = String::from_utf8_lossy(&command[..length]).into_owned();
                socket.write_all(answer(&command).as_bytes()).await.unwrap();
                told.send(command).unwrap();
            }
        });
        let map = file(HOSTS, "a.example/ a:b\n");
        let outcome = replace(&folder, &[&map], "e.2").await;
        worker.abort();
        let _ = worker.await;
        std::fs::remove_dir_all(&folder).unwrap();
        let mut commands = Vec::new();
        while let Ok(command) = heard.try_recv() {
            commands.push(command);
        }
        (outcome, commands)
    }

    #[tokio::test]
    async fn map_is_prepared_committed_and_read_back_with_the_revision() {
        let (outcome, commands) = replaced("good", |command| match command {
            "prepare map hosts.map\n" => "New version created: 7\n\n",
            "show map hosts.map\n" => "0x1 :revision e.2\n0x2 a.example/ a:b\n\n",
            _ => "\n",
        })
        .await;
        assert_eq!(outcome, Ok(()));
        let wanted = [
            "prepare map hosts.map\n",
            "add map @7 hosts.map <<\na.example/ a:b\n:revision e.2\n\n",
            "commit map @7 hosts.map\n",
            "show map hosts.map\n",
        ];
        assert_eq!(commands, wanted);
    }

    #[tokio::test]
    async fn refusal_and_other_entries_are_errors_and_nothing_half_done_stays() {
        let (outcome, _) = replaced("old", |_| "Unknown command: 'prepare map'\n").await;
        assert!(outcome.unwrap_err().contains("Unknown command"));
        let (outcome, commands) = replaced("full", |command| match command {
            "prepare map hosts.map\n" => "New version created: 7\n\n",
            command if command.starts_with("add map") => "out of memory\n",
            _ => "\n",
        })
        .await;
        assert_eq!(outcome.unwrap_err(), "out of memory");
        assert_eq!(commands.last().unwrap(), "clear map @7 hosts.map\n");
        let (outcome, _) = replaced("other", |command| match command {
            "prepare map hosts.map\n" => "New version created: 7\n\n",
            "show map hosts.map\n" => "0x1 :revision e.2\n\n",
            _ => "\n",
        })
        .await;
        assert!(outcome.unwrap_err().contains("other entries"));
    }

    #[test]
    fn no_command_has_too_many_bytes_and_no_line_is_lost() {
        let lines: Vec<_> = (0..5000).map(|at| format!("{at}.example/ a:b")).collect();
        let pieces = pieces(&lines);
        assert!(pieces.iter().all(|piece| piece.len() <= MAX_LINES));
        let joined = pieces.concat();
        assert!(joined.lines().eq(lines.iter().map(String::as_str)));
        assert_eq!(super::pieces(&[]), [""; 0]);
    }
}
