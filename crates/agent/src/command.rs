//! Commands of the proxy: lists of arguments, with a time limit, ended with all their processes.

use std::{io, path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
    time::timeout,
};

/// The most bytes of a command's output that are kept.
const MAX_OUTPUT: u64 = 2000;

/// The longest time until a command's output ends, after the command has.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why a command failed.
#[derive(Debug, Error)]
pub enum CommandError {
    /// There are no arguments.
    #[error("the command is empty")]
    Empty,
    /// The program cannot be started.
    #[error("cannot start {0}")]
    Start(String, #[source] io::Error),
    /// The command ended with a failure.
    #[error("{program} ended with {status}: {output}")]
    Failed {
        /// The program.
        program: String,
        /// Its exit status.
        status: String,
        /// The beginning of what it wrote.
        output: String,
    },
    /// The command took too long, and was ended.
    #[error("{0} did not end within {1:?} and was killed")]
    TooLong(String, Duration),
}

/// Kills a command and everything that it has started, when it is dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // The processes may be gone already.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Runs a command in a folder, and waits for its end. If the caller stops waiting, the command and
/// all processes of its group are killed.
pub async fn run(arguments: &[String], folder: &Path, limit: Duration) -> Result<(), CommandError> {
    let (program, rest) = arguments.split_first().ok_or(CommandError::Empty)?;
    let failed = |error| CommandError::Start(program.clone(), error);
    let mut child = Command::new(program)
        .args(rest)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    let mut group = Group(pid.and_then(Pid::from_raw));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reading = tokio::spawn(async { tokio::join!(output(stdout), output(stderr)) });
    let Ok(status) = timeout(limit, child.wait()).await else {
        reading.abort();
        return Err(CommandError::TooLong(program.clone(), limit));
    };
    let status = status.map_err(failed)?;
    if status.success() {
        // A command may start the proxy itself, which must go on.
        group.0 = None;
        return Ok(());
    }
    // A process that the command left behind may keep the outputs open.
    let (said, warned) = match timeout(LAST_WORDS, reading).await {
        Ok(Ok(outputs)) => outputs,
        _ => <_>::default(),
    };
    Err(CommandError::Failed {
        program: program.clone(),
        status: status.to_string(),
        output: warned + &said,
    })
}

/// Reads an output to its end, and returns its beginning.
async fn output(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else {
        return String::new();
    };
    let mut bytes = Vec::new();
    // What cannot be read is missing in a message, and nothing else.
    let _ = (&mut pipe).take(MAX_OUTPUT).read_to_end(&mut bytes).await;
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    let text = String::from_utf8_lossy(&bytes);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[tokio::test]
    async fn failure_has_the_words_of_the_command() {
        let command = words(&["sh", "-c", "echo wrong >&2; yes | head -c 100000; exit 3"]);
        let failed = run(&command, Path::new("/"), Duration::from_secs(20)).await;
        let failed = failed.unwrap_err().to_string();
        assert!(failed.contains("exit status: 3: wrong"), "{failed}");
        assert!(failed.len() < 5000, "{}", failed.len());
    }

    #[tokio::test]
    async fn command_that_hangs_is_killed_with_its_children() {
        let folder = std::env::temp_dir().join(format!("tm-agent-command-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let command = words(&["sh", "-c", "sleep 600 & echo $! >child; wait"]);
        let hung = run(&command, &folder, Duration::from_millis(500)).await;
        assert!(matches!(hung, Err(CommandError::TooLong(..))), "{hung:?}");
        let child = std::fs::read_to_string(folder.join("child")).unwrap();
        let status = format!("/proc/{}/status", child.trim());
        for _ in 0..1000 {
            let state = std::fs::read_to_string(&status).unwrap_or_default();
            if state.is_empty() || state.contains("State:\tZ") {
                std::fs::remove_dir_all(&folder).unwrap();
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the child lives");
    }
}
