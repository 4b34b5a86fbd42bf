//! Imports the configuration of other gateways as a tenant document. Needs no settings and no
//! service.

use std::{
    fs::File,
    io::{self, Read, Write},
};

use clap::{Args, Subcommand, ValueEnum};
use traffic_manager_import::{
    BackendUrl, Imported, Options, Source, Unreadable, gateway_api, kong,
};

use crate::domain::{Invalid, ids::EnvName, policy::Host};

/// The longest input of one import, in bytes: what the reader of YAML accepts for one file.
const MAX_INPUT: u64 = 16 * 1024 * 1024;

/// The gateways whose files can be imported.
#[derive(Debug, Clone, Subcommand)]
pub enum ImportCommand {
    /// Read a declarative file of Kong (`_format_version` 1.1 to 3.0), as `deck gateway dump` and
    /// `kong config db_export` write it.
    Kong {
        /// The file; - for the standard input.
        #[arg(value_name = "FILE")]
        file: String,
        /// How the document is written.
        #[command(flatten)]
        arguments: ImportArguments,
    },
    /// Read `HTTPRoute`s of the Kubernetes Gateway API. Gateways in the same files give the hosts of
    /// routes that have none.
    GatewayApi {
        /// The files; - for the standard input.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<String>,
        /// The address of a backend, with {name}, {namespace} and {port} of its Service.
        #[arg(long, value_name = "URL", default_value_t)]
        backend_url: BackendUrl,
        /// How the document is written.
        #[command(flatten)]
        arguments: ImportArguments,
    },
}

/// The arguments of both imports.
#[derive(Debug, Clone, Args)]
pub struct ImportArguments {
    /// The environment of all routes and policies.
    #[arg(long, default_value = "prod")]
    env: EnvName,
    /// A host of the routes that take requests for any host; may be given more than once.
    #[arg(long = "host", value_name = "HOST", value_parser = host)]
    hosts: Vec<Host>,
    /// The format of the document.
    #[arg(long, value_enum, default_value_t = ImportFormat::Yaml)]
    format: ImportFormat,
}

/// The format of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImportFormat {
    /// YAML, as exports have it.
    Yaml,
    /// JSON.
    Json,
}

fn host(raw: &str) -> Result<Host, Invalid> {
    Host::try_from(raw.to_owned())
}

/// The reason why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read, or the document cannot be written.
    #[error("{0}")]
    Io(String, #[source] io::Error),
    /// A file has no configuration of this gateway.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The document has no text. A fault of the program.
    #[error("the document cannot be written")]
    Document(#[from] serde_json::Error),
}

/// Reads the files, writes the document to `out` and a line for each difference to `messages`.
/// Returns whether everything was brought over.
pub fn import(
    command: &ImportCommand,
    out: &mut impl Write,
    messages: &mut impl Write,
) -> Result<bool, ImportError> {
    let (files, arguments, backend_url) = match command {
        ImportCommand::Kong { file, arguments } => {
            (std::slice::from_ref(file), arguments, BackendUrl::default())
        }
        ImportCommand::GatewayApi {
            files,
            backend_url,
            arguments,
        } => (files.as_slice(), arguments, backend_url.clone()),
    };
    let options = Options {
        env: arguments.env.clone(),
        hosts: arguments.hosts.clone(),
        backend_url,
    };
    let mut texts = Vec::new();
    let mut left = MAX_INPUT;
    for file in files {
        let text = read(file, left)?;
        left = left.saturating_sub(text.len() as u64);
        texts.push(text);
    }
    let sources = files.iter().zip(&texts);
    let sources: Vec<_> = sources.map(|(name, text)| Source { name, text }).collect();
    let imported = match (command, sources.as_slice()) {
        (ImportCommand::Kong { .. }, [source, ..]) => kong(source, &options)?,
        (_, sources) => gateway_api(sources, &options)?,
    };
    write(&imported, arguments.format, out, messages)?;
    Ok(imported.is_whole())
}

fn read(file: &str, most: u64) -> Result<String, ImportError> {
    let failed = |error| ImportError::Io(format!("{file} cannot be read"), error);
    let mut bytes = Vec::new();
    let input: Box<dyn Read> = match file {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(File::open(path).map_err(failed)?),
    };
    input
        .take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > most {
        let why = format!("the input has more than {MAX_INPUT} bytes");
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, why)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..at];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        ImportError::Unreadable(Unreadable {
            file: file.to_owned(),
            line,
            column: at - start + 1,
            why: "is not UTF-8".to_owned(),
        })
    })
}

fn write(
    imported: &Imported,
    format: ImportFormat,
    out: &mut impl Write,
    messages: &mut impl Write,
) -> Result<(), ImportError> {
    let text = match format {
        ImportFormat::Yaml => traffic_manager_yaml::document(&imported.document)?,
        ImportFormat::Json => serde_json::to_string_pretty(&imported.document)? + "\n",
    };
    let failed = |error| ImportError::Io("the document cannot be written".to_owned(), error);
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(failed)?;
    for left in &imported.left {
        writeln!(messages, "{left}").map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: ImportCommand,
    }

    fn run(arguments: &[&str]) -> Result<(bool, String, String), String> {
        let line = Line::try_parse_from([&["import"][..], arguments].concat())
            .map_err(|e| e.to_string())?;
        let (mut out, mut messages) = (Vec::new(), Vec::new());
        let is_whole = import(&line.command, &mut out, &mut messages).map_err(|e| e.to_string())?;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ok((is_whole, text(out), text(messages)))
    }

    fn sample(name: &str) -> String {
        format!(
            "{}/crates/import/tests/samples/{name}",
            env!("CARGO_MANIFEST_DIR")
        )
    }

    #[test]
    fn several_files_become_one_document_in_the_asked_format() {
        let files = [
            sample("gateway/basic-http.yaml"),
            sample("gateway/reviews-split.yaml"),
        ];
        let [one, two] = &files;
        let (is_whole, out, messages) = run(&[
            "gateway-api",
            one,
            two,
            "--env",
            "stage",
            "--format",
            "json",
            "--backend-url",
            "https://{name}.example.com:{port}",
        ])
        .unwrap();
        let document: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert!(is_whole, "{messages}");
        assert_eq!(document["scope"]["env"], "stage");
        assert!(
            out.contains("https://my-service1.example.com:8080") && out.contains("reviews-v3"),
            "{out}"
        );
        assert!(
            messages.lines().all(|line| line.contains(": note: ")),
            "{messages}"
        );
    }

    #[test]
    fn parts_left_out_and_files_that_cannot_be_read_are_told_apart() {
        let (is_whole, _, messages) = run(&["kong", &sample("kong/shop.yaml")]).unwrap();
        assert!(
            !is_whole && messages.contains("shop.yaml:56: left out: "),
            "{messages}"
        );
        let error = run(&["kong", &sample("gateway/basic-http.yaml")]).unwrap_err();
        assert!(
            error.contains("line 16, column 1: a second document"),
            "{error}"
        );
        assert!(
            run(&["kong", "/nowhere"])
                .unwrap_err()
                .contains("cannot be read")
        );
        for wrong in [
            &["kong", "x", "--host", "A B"][..],
            &["gateway-api", "x", "--backend-url", "ftp://{name}"],
            &["gateway-api", "x", "--backend-url", "http://{service}"],
            &["gateway-api"],
        ] {
            assert!(run(wrong).unwrap_err().contains("error:"), "{wrong:?}");
        }
    }
}
