//! `tmctl apply` and `tmctl diff`: a document is planned, shown, and applied by the plan's hash.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use serde_json::{Value, json};
use traffic_manager_client::{
    Applied, Confirmations, Document, PlanApply, Write,
    types::{ApplyResult, PlanPreview},
};

use crate::{
    convergence::WaitForNodes,
    documents::{self, Shown},
    failure::Failure,
    output::{ask, note},
    session::Session,
};

/// Where the document comes from.
#[derive(Debug, Args)]
struct Source {
    /// A file of JSON or YAML, a folder of such files, or - for standard input
    #[arg(short, long = "file", required = true)]
    files: Vec<PathBuf>,
    /// Delete objects in the document's scope that it does not name
    #[arg(long)]
    prune: bool,
}

/// The arguments of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArguments {
    #[command(flatten)]
    source: Source,
    /// Show the changes, and apply nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    how: How,
}

/// How a plan is applied.
#[derive(Debug, Args)]
pub struct How {
    /// Apply without a question
    #[arg(short, long)]
    yes: bool,
    /// Confirm that most active routes, or the last one, are removed
    #[arg(long)]
    confirm_shrink: bool,
    /// Confirm that versions which policies use are deactivated
    #[arg(long)]
    confirm_in_use: bool,
    /// The reason, which the audit keeps
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    nodes: WaitForNodes,
}

/// The arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArguments {
    #[command(flatten)]
    source: Source,
    /// Whether differences are the exit code 1
    #[arg(long, default_value_t = true, action = ArgAction::Set)]
    exit_code: bool,
}

impl Source {
    fn read(&self) -> Result<Value, Failure> {
        let mut document = documents::read(&self.files)?;
        if self.prune {
            document["prune"] = true.into();
        }
        Ok(document)
    }
}

/// Shows what a document would change, and stores nothing.
pub async fn preview(document: &Value, session: &mut Session) -> Result<PlanPreview, Failure> {
    let call = session.client.preview_plan(session.tenant()?, document);
    let preview = call.await?.value;
    if !session.printer.value(&preview)? {
        let shown = Shown {
            changes: &preview.changes,
            summary: &preview.summary,
            warnings: &preview.warnings,
        };
        shown.write(&mut session.printer)?;
    }
    Ok(preview)
}

/// Runs `diff`.
pub async fn diff(arguments: DiffArguments, session: &mut Session) -> Result<(), Failure> {
    let preview = preview(&arguments.source.read()?, session).await?;
    if preview.changes.is_empty() || !arguments.exit_code {
        return Ok(());
    }
    Err(Failure::differs())
}

/// Runs `apply`.
pub async fn apply(arguments: ApplyArguments, session: &mut Session) -> Result<(), Failure> {
    let document = arguments.source.read()?;
    if arguments.dry_run {
        return preview(&document, session).await.map(|_| ());
    }
    apply_document(document, &arguments.how, session).await
}

/// Plans a document, shows the plan, asks, and applies it.
pub async fn apply_document(
    document: Value,
    how: &How,
    session: &mut Session,
) -> Result<(), Failure> {
    let (document, reason) = (Document::Json(document), how.reason.as_deref());
    let mut plan = session
        .client
        .plan(session.tenant()?, &document, reason)
        .await?;
    how.nodes.on_plan(&mut plan);
    let confirmations = Confirmations {
        shrink: how.confirm_shrink,
        in_use: how.confirm_in_use,
    };
    let applied = decide(&mut plan, confirmations, how.yes, session).await;
    if !matches!(applied, Ok(Some(_))) {
        // The plan was only looked at. If it cannot be deleted, it expires.
        let _ = plan.discard().await;
    }
    match applied? {
        Some(write) => how.nodes.settle(&write, session).await,
        None => Ok(()),
    }
}

/// Shows the plan and asks, again for each new plan, until it is applied; `None` if it is not to be.
async fn decide(
    plan: &mut PlanApply,
    confirmations: Confirmations,
    yes: bool,
    session: &mut Session,
) -> Result<Option<Write<ApplyResult>>, Failure> {
    loop {
        show(plan, session)?;
        if plan.plan().changes.is_empty() {
            report(plan, None, session)?;
            return Ok(None);
        }
        if !yes && !ask("Apply these changes?")? {
            note("nothing is applied")?;
            return Ok(None);
        }
        match plan.apply(confirmations).await? {
            Applied::Done(write) => {
                report(plan, Some(&write.value), session)?;
                return Ok(Some(write));
            }
            Applied::Stale if yes => {
                return Err(Failure::usage(
                    "the tenant has changed meanwhile, and so has the plan",
                )
                .hint("look at tmctl diff, and apply again"));
            }
            Applied::Stale => note("the tenant has changed meanwhile; the plan is now:")?,
        }
    }
}

/// Says what was applied: programs get the plan with its result, which is `null` if there was
/// nothing to change.
fn report(
    plan: &PlanApply,
    result: Option<&ApplyResult>,
    session: &mut Session,
) -> Result<(), Failure> {
    let outcome = json!({ "plan": plan.plan(), "result": result });
    match result {
        _ if session.printer.value(&outcome)? => Ok(()),
        Some(result) => {
            let line = format!("applied as revision {}", result.revision);
            session.printer.line(&line)
        }
        None => Ok(()),
    }
}

/// Shows a plan, unless the output is for programs.
fn show(plan: &PlanApply, session: &mut Session) -> Result<(), Failure> {
    if !session.printer.is_for_people() {
        return Ok(());
    }
    let plan = plan.plan();
    let shown = Shown {
        changes: &plan.changes,
        summary: &plan.summary,
        warnings: &plan.warnings,
    };
    shown.write(&mut session.printer)
}
