//! `tmctl man`: the manual, a page for each command.

use std::{fs, path::Path};

use clap::CommandFactory as _;

use crate::{arguments::Arguments, failure::Failure, output::note};

/// Writes the pages into a folder.
pub fn run(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), folder))
        .map_err(|error| {
            Failure::usage(format!("cannot write to {}: {error}", folder.display()))
        })?;
    note(&format!("the pages are in {}", folder.display()))
}
