//! The help of every command. `UPDATE_DOCS=1` writes the files.

use std::{env, fs, path::Path, process::Command};

/// Returns the help of a command.
fn help(command: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tmctl"))
        .args(command)
        .arg("--help")
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?}");
    assert!(output.stderr.is_empty(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the commands that a help lists.
fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names
        .filter(|name| !name.is_empty() && *name != "help")
        .map(str::to_owned)
        .collect()
}

fn check(command: &[&str]) -> usize {
    let help = help(command);
    let name = [&["tmctl"], command].concat().join("-");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/help/{name}.txt"));
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &help).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(help, expected, "{name}: UPDATE_DOCS=1 writes it");
    let subcommands = subcommands(&help);
    let below = subcommands
        .iter()
        .map(|name| check(&[command, &[name]].concat()));
    1 + below.sum::<usize>()
}

#[test]
fn help_of_every_command_is_as_it_was() {
    let checked = check(&[]);
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/help")).unwrap();
    assert_eq!(files.count(), checked, "a file of a command that is gone");
}
