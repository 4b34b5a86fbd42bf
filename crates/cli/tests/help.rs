//! The help of every command, and the page of all commands that is made of it. `UPDATE_DOCS=1` writes the files.

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

/// The heading of the options that every command has.
const COMMON: &str = "Options of every command:";

/// Adds a command to the page, and then those below it. Commands that only group others have no part of their own.
fn describe(command: &[&str], page: &mut String) {
    let help = help(command);
    let below = subcommands(&help);
    if below.is_empty() {
        let (own, _) = help.split_once(COMMON).expect(COMMON);
        let (about, rest) = own.split_once("Usage:").expect("a usage");
        let own_help = "\n  -h, --help\n          Print help (see a summary with '-h')\n";
        let short_help = "\n  -h, --help\n          Print help\n";
        let rest = rest.replace(own_help, "").replace(short_help, "");
        let rest = rest.trim().trim_end_matches("Options:").trim_end();
        let (name, about) = (command.join(" "), about.trim());
        let lines: Vec<&str> = rest.lines().map(str::trim_end).collect();
        let text = lines.join("\n");
        page.push_str(&format!(
            "\n## tmctl {name}\n\n{about}\n\n```text\n{text}\n```\n"
        ));
    }
    for name in &below {
        describe(&[command, &[name]].concat(), page);
    }
}

#[test]
fn page_of_all_commands_is_what_the_help_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tmctl-commands.md");
    let whole = help(&[]);
    let (_, common) = whole.split_once(COMMON).expect(COMMON);
    let mut page = String::from(
        "# Commands of tmctl\n\nEvery command with its arguments, as `--help` shows them. [tmctl.md](tmctl.md) shows how they are used.\n\
         A test writes this page.\n",
    );
    describe(&[], &mut page);
    let lines: Vec<&str> = common.trim_end().lines().map(str::trim_end).collect();
    let common = lines.join("\n");
    page.push_str(&format!(
        "\n## {}\n\n```text\n{}\n```\n",
        COMMON.trim_end_matches(':'),
        common.trim_start_matches('\n')
    ));
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &page).unwrap();
    }
    let present = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(present, page, "UPDATE_DOCS=1 writes docs/tmctl-commands.md");
}
