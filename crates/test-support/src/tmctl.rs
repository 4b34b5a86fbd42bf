//! The command line, as a program.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Builds the program where pages look for programs: in the folder of this test's profile. Returns that folder.
pub fn build() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let folder = test.ancestors().nth(2).expect("a folder");
    let target = folder.parent().expect("a folder");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => panic!("{} has no name", folder.display()),
    };
    let built = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--offline", "--quiet"])
        .args(["--package", "traffic-manager-cli", "--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .status()
        .expect("cargo");
    assert!(built.success(), "{built}");
    folder.to_owned()
}
