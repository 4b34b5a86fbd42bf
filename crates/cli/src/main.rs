//! `tmctl`: Traffic Manager from the command line.

mod arguments;
mod commands;
mod completion;
mod config;
mod convergence;
mod documents;
mod duration;
mod failure;
mod names;
mod oidc;
mod output;
mod session;

use std::{io::Write as _, process::ExitCode};

use anstyle::AnsiColor;
use clap::Parser as _;

use self::{
    arguments::{Arguments, Command},
    commands::{
        apply, audit, auth, change, context, doctor, edit, explain, get, keys, log, man, resolve,
        rollout, tenant, wait,
    },
    failure::Failure,
    output::{Format, colored},
    session::Session,
};

/// The exit code of wrong usage (sysexits.h); 1 and 2 have other meanings here.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    match completion::answer() {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(error) => {
            let _ = error.print();
            return USAGE.into();
        }
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are printed, too. A closed output is no error of theirs.
            let _ = error.print();
            let is_wrong = error.use_stderr();
            return if is_wrong {
                USAGE.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let format = arguments.global.output;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => Err(Failure::usage(format!("no runtime: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure, format);
            failure.into()
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { global, command } = arguments;
    match command {
        Command::Context(command) => return context::run(command, &global),
        Command::Auth(command) => return auth::run(command, &global).await,
        Command::Doctor => return doctor::run(&global).await,
        Command::Explain(arguments) => return explain::run(&arguments, &mut global.printer()),
        Command::Completion { shell } => {
            let script = completion::script(shell)?;
            return global.printer().bytes(&script);
        }
        Command::Man { folder } => return man::run(&folder),
        _ => {}
    }
    let mut session = Session::new(&global)?;
    let session = &mut session;
    match command {
        Command::Get(arguments) => get::run(arguments, session).await,
        Command::Apply(arguments) => apply::apply(arguments, session).await,
        Command::Diff(arguments) => apply::diff(arguments, session).await,
        Command::Edit(arguments) => edit::run(arguments, session).await,
        Command::Activate(arguments) => change::activate(arguments, session).await,
        Command::Deactivate(arguments) => change::deactivate(arguments, session).await,
        Command::Delete(arguments) => change::delete(arguments, session).await,
        Command::Resolve(arguments) => resolve::run(arguments, session).await,
        Command::Rollout(command) => rollout::run(command, session).await,
        Command::Audit(command) => audit::run(command, session).await,
        Command::Log(arguments) => log::run(arguments, session).await,
        Command::Blame(arguments) => log::blame(arguments, session).await,
        Command::Keys(command) => keys::run(command, session).await,
        Command::Tenant(command) => tenant::run(command, session).await,
        Command::Wait(arguments) => wait::run(arguments, session).await,
        // These need no session.
        Command::Context(_)
        | Command::Auth(_)
        | Command::Doctor
        | Command::Explain(_)
        | Command::Completion { .. }
        | Command::Man { .. } => Ok(()),
    }
}

/// Writes a failure to standard error, as JSON where the output is JSON.
fn report(failure: &Failure, format: Format) {
    if failure.is_silent() {
        return;
    }
    let text = match format {
        Format::Json => failure.json().to_string(),
        _ => failure
            .to_string()
            .replacen("error:", &colored("error:", AnsiColor::Red), 1),
    };
    // There is nowhere to say that nobody reads the errors.
    let _ = writeln!(anstream::stderr(), "{text}");
}
