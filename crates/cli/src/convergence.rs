//! Waits for the nodes: `--wait` of changes, and `tmctl wait --for converged=…`.

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};
use traffic_manager_client::{
    Call, Client, PlanApply, Write,
    types::{Convergence, ConvergenceFilter},
};

use crate::{duration, failure::Failure, output::note, session::Session};

/// The longest time for which the service holds the answer to a change.
const LONGEST_HOLD: Duration = Duration::from_secs(60);

/// The time of a wait that names only its share.
const USUAL_HOLD: Duration = Duration::from_secs(10);

/// The time between two looks at the nodes. Nothing tells of their changes.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// A share of the nodes, in percent: more than 0 and at most 100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percent(f64);

impl Percent {
    /// Reads a share such as `95%`.
    pub fn read(text: &str) -> Result<Self, String> {
        let digits = text.strip_suffix('%').filter(|digits| {
            let is_digit = |c: char| c.is_ascii_digit() || c == '.';
            digits.starts_with(|c: char| c.is_ascii_digit()) && digits.chars().all(is_digit)
        });
        let number = digits.and_then(|digits| digits.parse().ok());
        match number {
            Some(number) if number > 0.0 && number <= 100.0 => Ok(Self(number)),
            _ => Err("a share is more than 0% and at most 100%, such as 95%".to_owned()),
        }
    }

    /// Returns whether `part` is at least this share of `all`.
    #[expect(clippy::cast_precision_loss, reason = "no tenant has 2^53 nodes")]
    fn is_reached_by(self, part: u64, all: u64) -> bool {
        all > 0 && part as f64 * 100.0 >= self.0 * all as f64
    }
}

/// The wait of a change.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Hold {
    share: Percent,
    time: Duration,
}

/// The argument of changes that can wait for the nodes.
#[derive(Debug, Clone, Args)]
pub struct WaitForNodes {
    /// Wait until this share of the nodes runs the change, for 10s or the time that is named, such as 95%,30s
    ///
    /// Exit code 0 if they do, 1 if so many refuse it that they cannot or if there are no nodes, 3
    /// when time is over. The change is made in any case.
    #[arg(long = "wait", value_name = "SHARE[,TIME]", value_parser = hold)]
    hold: Option<Hold>,
}

fn hold(text: &str) -> Result<Hold, String> {
    let (share, time) = match text.split_once(',') {
        Some((share, time)) => (share, duration::read(time)?),
        None => (text, USUAL_HOLD),
    };
    if time > LONGEST_HOLD {
        let limit = LONGEST_HOLD.as_secs();
        return Err(format!(
            "a change waits for {limit}s at most; tmctl wait --for converged=95% waits longer"
        ));
    }
    Ok(Hold {
        share: Percent::read(share)?,
        time,
    })
}

impl WaitForNodes {
    /// Lets a call wait.
    pub fn on<T>(&self, call: Call<Write<T>>) -> Call<Write<T>> {
        match self.hold {
            Some(hold) => call.wait_for_nodes(hold.share.0, hold.time),
            None => call,
        }
    }

    /// Lets the attempts to apply a plan wait.
    pub fn on_plan(&self, plan: &mut PlanApply) {
        if let Some(hold) = self.hold {
            plan.wait_for_nodes(hold.share.0, hold.time);
        }
    }

    /// Says how the wait ended; a failure, if the nodes do not run the change.
    pub async fn settle<T>(&self, write: &Write<T>, session: &Session) -> Result<(), Failure> {
        let Some(hold) = self.hold else {
            return Ok(());
        };
        let tag = write.tag.as_ref().map(ToString::to_string);
        let (end, seen) = match &write.convergence {
            Some(seen) => (End::of_wait(seen), (**seen).clone()),
            // An answer without a body, or to a change that changed nothing, has no numbers.
            None => {
                let seen = look(&session.client, session.tenant()?, tag).await?;
                (End::of_look(&seen, hold.share), seen)
            }
        };
        end.tell(&seen, hold.share, "the change is made")
    }
}

/// Waits until a share of the nodes runs the tenant's newest revision.
pub async fn wait(share: Percent, time: Duration, session: &Session) -> Result<(), Failure> {
    let (client, tenant) = (&session.client, session.tenant()?);
    let until = Instant::now() + time;
    let mut seen = look(client, tenant, None).await?;
    // Later changes are not what is waited for.
    let revision = Some(seen.revision.clone());
    loop {
        let end = End::of_look(&seen, share);
        let is_over = Instant::now() + BETWEEN_LOOKS > until;
        if is_over || matches!(end, End::Converged | End::Failed) {
            let time = format!("waited for {} s", time.as_secs());
            return end.tell(&seen, share, &time);
        }
        sleep(BETWEEN_LOOKS).await;
        seen = look(client, tenant, revision.clone()).await?;
    }
}

async fn look(
    client: &Client,
    tenant: &str,
    revision: Option<String>,
) -> Result<Convergence, Failure> {
    let filter = ConvergenceFilter { revision };
    Ok(client.get_convergence(tenant, &filter).await?.value)
}

/// How a wait ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The share runs the revision.
    Converged,
    /// So many nodes refuse the revision that the share cannot run it.
    Failed,
    /// There are no nodes. This is no success.
    NoNodes,
    /// Fewer nodes run it, and it is not known what keeps them.
    Timeout,
    /// There may be nodes that the service does not know of.
    Partial,
    /// The service has just started, and nodes may not have come yet.
    Warming,
}

impl End {
    /// Returns how the service ended a wait. A word that is not known is no success.
    fn of_wait(seen: &Convergence) -> Self {
        match seen.state.as_deref() {
            Some("converged") => Self::Converged,
            Some("failed") => Self::Failed,
            Some("no_nodes") => Self::NoNodes,
            Some("partial") => Self::Partial,
            Some("warming") => Self::Warming,
            _ => Self::Timeout,
        }
    }

    /// Returns what the numbers mean now, as the service judges them.
    fn of_look(seen: &Convergence, share: Percent) -> Self {
        let willing = seen.live.saturating_sub(seen.refused);
        match () {
            () if seen.partial => Self::Partial,
            () if seen.warming => Self::Warming,
            () if seen.live == 0 => Self::NoNodes,
            () if share.is_reached_by(seen.converged, seen.live) => Self::Converged,
            () if !share.is_reached_by(willing, seen.live) => Self::Failed,
            () => Self::Timeout,
        }
    }

    /// Says how a wait ended, after `before`.
    fn tell(self, seen: &Convergence, share: Percent, before: &str) -> Result<(), Failure> {
        let numbers = format!(
            "{} of {} nodes run {}",
            seen.converged, seen.live, seen.revision
        );
        let Percent(percent) = share;
        let text = match self {
            Self::Converged => return note(&numbers),
            Self::Failed => format!(
                "{before}, but {} nodes refuse it, so that {percent}% cannot run it; {numbers}",
                seen.refused
            ),
            Self::NoNodes => format!("{before}, but there are no nodes, so that nothing runs it"),
            Self::Timeout => format!("{before}, but only {numbers}{}", laggards(seen)),
            Self::Partial => format!(
                "{before}, but the service does not know all nodes now: {numbers}, and there may be more"
            ),
            Self::Warming => format!(
                "{before}, but the service has just started, and nodes may not have come yet: {numbers}"
            ),
        };
        Err(match self {
            Self::Failed => Failure::unmet(text).hint("tmctl get nodes --state refused -o wide"),
            Self::NoNodes => Failure::unmet(text).hint("tmctl get nodes"),
            _ => Failure::late(text).hint("tmctl get nodes, and tmctl wait --for converged=95%"),
        })
    }
}

/// Returns the first nodes that are missing, as the end of a sentence.
fn laggards(seen: &Convergence) -> String {
    let names: Vec<_> = seen
        .laggards
        .iter()
        .take(3)
        .map(|node| &*node.node)
        .collect();
    match &names[..] {
        [] => String::new(),
        names if seen.laggards.len() > names.len() => format!("; not yet {}, …", names.join(", ")),
        names => format!("; not yet {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(live: u64, converged: u64, refused: u64) -> Convergence {
        serde_json::from_value(serde_json::json!({
            "revision": "0123456789abcdef.7", "live": live, "converged": converged, "refused": refused,
            "lost": 0, "anonymous": 0, "laggards": [], "oldest": null, "partial": false, "warming": false,
        }))
        .unwrap()
    }

    #[test]
    fn share_and_time_have_one_meaning_or_none() {
        let of = |percent, seconds| Hold {
            share: Percent(percent),
            time: Duration::from_secs(seconds),
        };
        assert_eq!(hold("95%"), Ok(of(95.0, 10)));
        assert_eq!(hold("99.9%,1m"), Ok(of(99.9, 60)));
        for wrong in [
            "", "95", "0%", "101%", "nan%", "1e1%", "+5%", "95%,", "95%,61s", "95%,1s,1", "10s",
        ] {
            assert!(hold(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_what_is_known_of_all_nodes_is_a_success() {
        let share = Percent(95.0);
        assert_eq!(End::of_look(&seen(20, 19, 1), share), End::Converged);
        assert_eq!(End::of_look(&seen(20, 18, 1), share), End::Timeout);
        assert_eq!(End::of_look(&seen(20, 18, 2), share), End::Failed);
        assert_eq!(End::of_look(&seen(0, 0, 0), share), End::NoNodes);
        for (live, converged, refused) in [(20, 20, 0), (20, 0, 20), (0, 0, 0)] {
            let mut partial = seen(live, converged, refused);
            partial.partial = true;
            assert_eq!(End::of_look(&partial, share), End::Partial);
            let mut warming = seen(live, converged, refused);
            warming.warming = true;
            assert_eq!(End::of_look(&warming, share), End::Warming);
        }
    }

    #[test]
    fn end_of_a_wait_is_a_success_only_if_it_says_so() {
        let codes = [
            "converged",
            "failed",
            "no_nodes",
            "timeout",
            "partial",
            "warming",
            "new",
        ];
        let code = |state: &str| {
            let mut seen = seen(20, 20, 0);
            seen.state = Some(state.to_owned());
            let told = End::of_wait(&seen).tell(&seen, Percent(95.0), "the change is made");
            told.map_or_else(|failure| failure.code(), |()| 0)
        };
        assert_eq!(codes.map(code), [0, 1, 1, 3, 3, 3, 3]);
    }
}
