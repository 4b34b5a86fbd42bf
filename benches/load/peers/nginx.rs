//! nginx, which serves a file.

use std::{fs, os::unix::fs::MetadataExt as _, process::Command, time::Duration};

use anyhow::Result;

use super::{Peer, SERVERS, against, skip};
use crate::{
    Bench,
    http::{Same, get},
    machine::cores,
    pairs::Target,
    process::{Process, find},
    support::ports::free_address,
};

/// Compares `resolve` with nginx, which serves a file.
pub fn file(bench: &Bench) -> Result<()> {
    let name = "resolve / nginx file, requests";
    let Some(program) = find("nginx", SERVERS) else {
        skip(bench, name, "nginx");
        return Ok(());
    };
    against(bench, name, Target::AtLeast(1.3), |bench, ours| {
        let root = bench.directory.join("nginx");
        fs::create_dir_all(root.join("files"))?;
        fs::create_dir_all(root.join("temp"))?;
        fs::write(root.join("files/route.json"), &ours.resolve.body)?;
        let address = free_address();
        // Started as root, nginx would otherwise serve as a user without read permission here.
        let user = if fs::metadata("/proc/self")?.uid() == 0 {
            "user root;\n"
        } else {
            ""
        };
        let temps: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("    {kind}_temp_path {}/temp/{kind};\n", root.display()))
            .collect();
        let config = format!(
            "{user}daemon off;\nworker_processes {};\npid {root}/pid;\nerror_log {root}/error.log;\n\
             events {{ worker_connections 4096; }}\n\
             http {{\n{temps}    access_log off;\n    sendfile on;\n    tcp_nopush on;\n    keepalive_requests 1000000000;\n    \
             open_file_cache max=100;\n    types {{ application/json json; }}\n    \
             server {{ listen {address}; root {root}/files; }}\n}}\n",
            cores(),
            root = root.display()
        );
        fs::write(root.join("nginx.conf"), config)?;
        let mut command = Command::new(program);
        command
            .arg("-p")
            .arg(&root)
            .arg("-e")
            .arg(root.join("error.log"))
            .arg("-c")
            .arg(root.join("nginx.conf"));
        let process = Process::start("nginx", command, &root.join("output.log"))?;
        process.listens(address, Duration::from_secs(10))?;
        let question = Same {
            request: get("/route.json", ""),
            status: &[200],
            body: ours.resolve.body.clone(),
        };
        Ok((Peer { process, address }, question))
    })
}
