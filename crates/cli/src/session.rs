//! What a command works with: the client, the tenant and the output.

use std::{env, fs, io, path::PathBuf, process::Stdio};

use tokio::process::Command;
use traffic_manager_client::{Client, ClientSettings, Token};

use crate::{
    arguments::Global,
    config::{Context, Files},
    failure::Failure,
    output::Printer,
};

/// The environment variable with a token.
pub const TOKEN_VARIABLE: &str = "TM_TOKEN";

/// The source of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// The environment variable.
    Variable,
    /// A program that prints the token.
    Command(Vec<String>),
    /// The context's own file.
    File(PathBuf),
    /// There is no token.
    None,
}

/// A chosen context, and how it was chosen.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The name; `None` if the servers are arguments.
    pub name: Option<String>,
    pub context: Context,
    /// Whether the program that prints the token says nothing else.
    pub is_quiet: bool,
}

/// What a command works with.
pub struct Session {
    pub client: Client,
    pub printer: Printer,
    pub files: Files,
    tenant: Option<String>,
}

impl Session {
    /// Connects to the chosen context. Sends nothing yet.
    pub fn new(global: &Global) -> Result<Self, Failure> {
        let files = Files::new(global.config_dir.clone())?;
        let chosen = choose(global, &files)?;
        Ok(Self {
            client: client(&chosen, &files)?,
            files,
            printer: global.printer(),
            tenant: global.tenant.clone().or(chosen.context.tenant),
        })
    }

    /// Returns the tenant.
    pub fn tenant(&self) -> Result<&str, Failure> {
        let missing = || {
            Failure::usage("no tenant is named")
                .hint("-t TENANT, or tmctl context set NAME --tenant TENANT")
        };
        self.tenant.as_deref().ok_or_else(missing)
    }

    /// Returns the tenant, if one is named.
    pub fn tenant_if_any(&self) -> Option<String> {
        self.tenant.clone()
    }
}

/// Returns the context that the arguments choose.
pub fn choose(global: &Global, files: &Files) -> Result<Chosen, Failure> {
    if !global.server.is_empty() {
        let context = Context {
            servers: global.server.clone(),
            ca: global.ca.clone(),
            ..Context::default()
        };
        return Ok(Chosen {
            name: None,
            context,
            is_quiet: global.is_quiet,
        });
    }
    let config = files.read()?;
    let name = global.context.clone().or(config.current);
    let Some(name) = name else {
        return Err(Failure::usage("no context is chosen")
            .hint("tmctl context set NAME --server URL, or --server URL"));
    };
    let Some(context) = config.contexts.get(&name) else {
        return Err(
            Failure::usage(format!("there is no context {name:?}")).hint("tmctl context list")
        );
    };
    let mut context = context.clone();
    context.ca = global.ca.clone().or(context.ca);
    Ok(Chosen {
        name: Some(name),
        context,
        is_quiet: global.is_quiet,
    })
}

/// Returns the place where the token lies.
pub fn token_source(chosen: &Chosen, files: &Files) -> TokenSource {
    let file = chosen.name.as_ref().map(|name| files.token(name));
    if env::var_os(TOKEN_VARIABLE).is_some_and(|token| !token.is_empty()) {
        TokenSource::Variable
    } else if !chosen.context.token_command.is_empty() {
        TokenSource::Command(chosen.context.token_command.clone())
    } else {
        let file = file.filter(|file| file.exists());
        file.map_or(TokenSource::None, TokenSource::File)
    }
}

/// Makes the client of a context.
pub fn client(chosen: &Chosen, files: &Files) -> Result<Client, Failure> {
    let servers = chosen.context.servers.iter();
    let servers = servers.map(|server| {
        let wrong = |error| Failure::usage(format!("the server {server:?}: {error}"));
        server.parse().map_err(wrong)
    });
    let mut settings = ClientSettings::new(servers.collect::<Result<_, _>>()?);
    settings.program = Some(concat!("tmctl/", env!("CARGO_PKG_VERSION")).to_owned());
    if let Some(path) = &chosen.context.ca {
        settings.ca_pem = Some(fs::read(path).map_err(|error| cannot_read(path, &error))?);
    }
    settings.token = match token_source(chosen, files) {
        TokenSource::Variable => env::var(TOKEN_VARIABLE).ok().map(Token::fixed),
        TokenSource::Command(command) => {
            let is_quiet = chosen.is_quiet;
            Some(Token::from_fn(move || run(command.clone(), is_quiet)))
        }
        TokenSource::File(path) => {
            let token = fs::read_to_string(&path).map_err(|error| cannot_read(&path, &error))?;
            Some(Token::fixed(token.trim()))
        }
        TokenSource::None => None,
    };
    Ok(Client::new(settings)?)
}

fn cannot_read(path: &std::path::Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot read {}: {error}", path.display()))
}

/// Runs a program, and returns what it prints. Its own messages go to standard error, unless there is
/// nobody to read them.
async fn run(
    command: Vec<String>,
    is_quiet: bool,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let errors = match is_quiet {
        true => Stdio::null(),
        false => Stdio::inherit(),
    };
    let (program, arguments) = command.split_first().ok_or("no program is named")?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(errors)
        .output()
        .await
        .map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program}: {}", output.status).into());
    }
    let token = String::from_utf8(output.stdout).map_err(|_| format!("{program}: not text"))?;
    match token.trim() {
        "" => Err(format!("{program} printed nothing").into()),
        token => Ok(token.to_owned()),
    }
}
