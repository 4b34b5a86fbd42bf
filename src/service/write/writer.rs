//! The writer: collects concurrent commands into group commits.
//!
//! Each tenant belongs to one lane. Each lane is a task: it takes the waiting commands (up to
//! `write.max_batch`, without added delay) into one transaction. During a commit the next group
//! collects, so groups grow with the load and a single write is not delayed. Large commands (plans,
//! batches, deletions of tenants) have a lane of their own (`large`), so they delay only their own
//! tenant. The writer sends a reply only after the commit, and after `on_commit` has moved this
//! instance's cache forward. Personal data in a request is sealed before the request is queued, so
//! the code behind [`Writer::write`] never has it in plain text.

mod large;

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use self::large::{InLarge, Large};
use crate::{
    config,
    domain::{
        command::{ChangedObject, Effect, Op, Outcome, Rejection},
        ids::TenantName,
        tenant::Limits,
    },
    resilience::{CallError, CoDel, Payer, PoolPlace, Shares},
    service::{
        Error,
        batch::{self, Committed, Plan, Reply, Request},
        privacy::{self, Privacy},
        write::{patterns::PatternPool, requests, unpublished::Unpublished},
    },
    store::{self, Server},
    telemetry::names,
};

/// The callback that runs after each commit, before the replies are sent.
pub type OnCommit = Arc<dyn Fn(&Committed) + Send + Sync>;

/// The entry to the lanes: queues commands and waits for their replies.
pub struct Writer {
    lanes: Vec<mpsc::Sender<Waiting>>,
    large: mpsc::Sender<Waiting>,
    in_large: Large,
    /// The queue places of all lanes together.
    queue: Arc<Shares>,
    unpublished: Arc<Unpublished>,
    timeout: std::time::Duration,
    privacy: Arc<Privacy>,
    patterns: Arc<PatternPool>,
}

/// Limits the time to decrypt the names in the answer to a write. The write is committed by then,
/// so a slow or failed decryption must not delay its answer or turn it into an error.
const OPENING: Duration = Duration::from_millis(500);

const WAITING: u8 = 0;
const TAKEN: u8 = 1;
const ABANDONED: u8 = 2;

struct Waiting {
    request: Request,
    arrived: Instant,
    /// `WAITING` until the lane takes the command or the caller gives up. The first of the two to
    /// change the state wins.
    state: Arc<AtomicU8>,
    answering: Answering,
    _place: PoolPlace,
}

/// The caller that waits for the reply.
struct Answering {
    reply: oneshot::Sender<Result<Reply, Error>>,
    /// Keeps the tenant in the lane of large commands until this command is answered.
    _in_large: Option<InLarge>,
}

impl Answering {
    fn reply(self, result: Result<Reply, Error>) {
        count(&result);
        // The send fails if the caller has disconnected. The write is committed anyway.
        let _ = self.reply.send(result);
    }
}

impl Waiting {
    /// Returns the command for execution, or `None` if its caller has given up or gone. A command
    /// that is not in time is refused.
    fn taken(self, is_in_time: bool) -> Option<(Request, Answering)> {
        let is_taken = self
            .state
            .compare_exchange(WAITING, TAKEN, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok();
        if !is_taken || self.answering.reply.is_closed() {
            return None;
        }
        if is_in_time {
            return Some((self.request, self.answering));
        }
        self.answering.reply(Err(Error::Overloaded("writes")));
        None
    }
}

impl Writer {
    /// Starts the lanes. They end when the writer is dropped, after they have finished the waiting
    /// commands. `unpublished` may refuse writes.
    pub fn start(
        primary: Arc<Server>,
        settings: &config::Write,
        limits: &config::Limits,
        privacy: Arc<Privacy>,
        unpublished: Arc<Unpublished>,
        on_commit: OnCommit,
    ) -> (Self, Vec<JoinHandle<()>>) {
        let start = |is_large| {
            let (sender, receiver) = mpsc::channel(settings.queue);
            let lane = Lane {
                primary: primary.clone(),
                settings: settings.clone(),
                limits: limits.of_tenants(),
                on_commit: on_commit.clone(),
                connection: None,
                held_up: BTreeMap::new(),
                is_large,
            };
            let running = if is_large {
                tokio::spawn(lane.run_large(receiver))
            } else {
                tokio::spawn(lane.run(receiver))
            };
            (sender, running)
        };
        let (lanes, mut tasks): (Vec<_>, Vec<_>) =
            (0..settings.lanes).map(|_| start(false)).unzip();
        let (large, task) = start(true);
        tasks.push(task);
        let share = primary.policy().share();
        let shares = [
            share.of_tenant(settings.queue),
            share.of_platform(settings.queue),
        ];
        let queue = Shares::divided(
            "write_queue",
            "commands",
            settings.queue * (settings.lanes + 1),
            shares,
        );
        let (in_large, patterns) = (
            Large::new(settings.large_changes),
            Arc::new(PatternPool::new(limits)),
        );
        (
            Self {
                lanes,
                large,
                in_large,
                queue,
                unpublished,
                timeout: settings.timeout,
                privacy,
                patterns,
            },
            tasks,
        )
    }

    /// Returns the queue places of waiting commands.
    pub fn queue(&self) -> &Arc<Shares> {
        &self.queue
    }

    /// Executes one command, and returns when it is committed or refused.
    pub async fn write(&self, request: Request) -> Result<Reply, Error> {
        self.patterns
            .check(&request.command.tenant, request.command.op.written_rules())
            .await?;
        let request = self.privacy.seal(request).await?;
        let tenant = request.command.tenant.clone();
        let (began, ends) = (
            Instant::now(),
            matches!(request.command.op, Op::DeleteTenant { .. }),
        );
        let mut reply = self.wait_for(request).await?;
        if ends && reply.outcome.effect != Effect::Deleted {
            reply = self.end(&tenant, reply, began + self.timeout / 2).await;
        }
        let names = privacy::of_object(tenant.as_str(), &mut reply.outcome.object);
        match tokio::time::timeout(OPENING, self.privacy.open(names)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = %error, "the answer to a write has names that could not be decrypted")
            }
            Err(_) => {
                tracing::warn!(
                    "the answer to a write has names that could not be decrypted in time"
                )
            }
        }
        Ok(reply)
    }

    /// Returns the pool that compiles patterns.
    pub fn patterns(&self) -> &Arc<PatternPool> {
        &self.patterns
    }

    /// Starts a new epoch for a tenant in the database's current timeline, if the tenant's newest
    /// revision belongs to another timeline.
    pub async fn start_epoch(&self, tenant: TenantName) -> Result<Reply, Error> {
        self.wait_for(requests::continuing(tenant)).await
    }

    /// Continues a tenant's deletion until it is done or `until` is reached. Upkeep continues with
    /// the rest later.
    async fn end(&self, tenant: &TenantName, first: Reply, until: Instant) -> Reply {
        let mut reply = first;
        while Instant::now() < until {
            match self.end_step(tenant).await {
                Ok(Some(outcome)) => reply.outcome = outcome,
                // Another caller has completed the deletion. A new tenant may have the name by now.
                Ok(None) => {
                    reply.outcome = Outcome {
                        effect: Effect::Deleted,
                        object: ChangedObject::Gone,
                        ..reply.outcome
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %error, tenant = tenant.as_str(), "the deletion of a tenant failed and continues later");
                    break;
                }
            }
            if reply.outcome.effect == Effect::Deleted {
                break;
            }
        }
        reply
    }

    /// Commits one more revision of a tenant's deletion; `None` if no deletion is under way.
    pub async fn end_step(&self, tenant: &TenantName) -> Result<Option<Outcome>, Error> {
        match self.wait_for(requests::ending(tenant.clone())).await {
            Ok(reply) => {
                Ok(Some(reply.outcome).filter(|outcome| outcome.effect != Effect::Unchanged))
            }
            Err(Error::Rejected(Rejection::TenantNotFound)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn wait_for(&self, request: Request) -> Result<Reply, Error> {
        if let Err(closed) = self.unpublished.admits() {
            metrics::counter!(names::WRITE_OUTCOMES, "result" => "unpublished").increment(1);
            return Err(closed.into());
        }
        let state = Arc::new(AtomicU8::new(WAITING));
        let (reply, answer) = oneshot::channel();
        let place = self
            .queue
            .try_take(&Payer::current(), 1)
            .map_err(|_| Error::Overloaded("writes"))?;
        let in_large = self.in_large.admit(&request.command);
        let lane = if in_large.is_some() {
            &self.large
        } else {
            &self.lanes[lane_of(&request.command.tenant, self.lanes.len())]
        };
        let answering = Answering {
            reply,
            _in_large: in_large,
        };
        let waiting = Waiting {
            request,
            arrived: Instant::now(),
            state: state.clone(),
            answering,
            _place: place,
        };
        lane.try_send(waiting).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Overloaded("writes"),
            mpsc::error::TrySendError::Closed(_) => Error::Unavailable {
                dependency: "writer",
                cause: None,
            },
        })?;
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok(result)) => result,
            // The lane failed while it worked on the command.
            Ok(Err(_)) => Err(Error::CommitUnknown),
            Err(_) => {
                match state.compare_exchange(WAITING, ABANDONED, Ordering::SeqCst, Ordering::SeqCst)
                {
                    Ok(_) => Err(Error::Overloaded("writes")),
                    Err(_) => Err(Error::CommitUnknown),
                }
            }
        }
    }
}

fn lane_of(tenant: &TenantName, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    tenant.hash(&mut hasher);
    (hasher.finish() % lanes as u64) as usize
}

struct Lane {
    primary: Arc<Server>,
    settings: config::Write,
    limits: Limits,
    on_commit: OnCommit,
    /// The connection of the last group, and the time when that group ended.
    connection: Option<(store::Connection, Instant)>,
    /// Tenants that could not start a new epoch, each with the time before which the lane does not
    /// try again.
    held_up: BTreeMap<TenantName, Instant>,
    is_large: bool,
}

/// A lane reuses a connection without a check if its last group ended less than this ago: a check
/// would cost a round trip for each group.
const LATELY: Duration = Duration::from_millis(500);
/// After a failed attempt to start a new epoch, the tenant is not tried again for this many times
/// the attempt's duration, because other tenants share the lane.
const LEFT_ALONE: u32 = 4;

impl Lane {
    async fn run(mut self, mut receiver: mpsc::Receiver<Waiting>) {
        let mut arrived = Vec::with_capacity(self.settings.max_batch);
        let policy = self.primary.policy();
        let mut codel = CoDel::new(policy.target_wait(), policy.standing(), Instant::now());
        let mut step = Duration::ZERO;
        while self.next_group(&mut receiver, &mut arrived).await > 0 {
            metrics::gauge!(names::WRITE_QUEUE).set(receiver.len() as f64);
            let began = Instant::now();
            let take = |waiting: Waiting| {
                let is_in_time = codel.admits(began - waiting.arrived, step, began);
                waiting.taken(is_in_time)
            };
            let taken = arrived.drain(..).filter_map(take);
            let taken: Vec<_> = taken.collect();
            self.answer(taken).await;
            step = began.elapsed();
        }
    }

    /// Waits for commands and returns their number. An idle lane returns its connection to the
    /// pool, which closes it at the end of its lifetime.
    async fn next_group(
        &mut self,
        receiver: &mut mpsc::Receiver<Waiting>,
        arrived: &mut Vec<Waiting>,
    ) -> usize {
        let most = self.settings.max_batch;
        if self.connection.is_some() {
            match tokio::time::timeout(LATELY, receiver.recv_many(arrived, most)).await {
                Ok(count) => return count,
                Err(_) => self.connection = None,
            }
        }
        receiver.recv_many(arrived, most).await
    }

    /// Executes the taken commands and sends the replies.
    async fn answer(&mut self, taken: Vec<(Request, Answering)>) {
        // A new epoch writes as much as the tenant has. Each one runs after the group in a
        // transaction of its own, so it delays no command of the group.
        let (epochs, group): (Vec<_>, Vec<_>) = taken
            .into_iter()
            .partition(|(request, _)| matches!(request.command.op, Op::StartEpoch));
        let (requests, answering): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        if !requests.is_empty() {
            let results = unwound(self.settle(&requests)).await;
            let results = results.unwrap_or_else(|error| same_for_all(&error, requests.len()));
            answering
                .into_iter()
                .zip(results)
                .for_each(|(answering, result)| answering.reply(result));
        }
        for (request, answering) in epochs {
            answering.reply(
                unwound(self.begin_epoch(&request))
                    .await
                    .unwrap_or_else(Err),
            );
        }
    }

    /// Executes a group. Tenants whose newest revision belongs to another timeline start new epochs
    /// first, one by one. If a tenant cannot start a new epoch, only that tenant's commands fail.
    async fn settle(&mut self, requests: &[Request]) -> Vec<Result<Reply, Error>> {
        let on_other_timeline = match self.process(requests).await {
            Ok(results) => return results,
            Err(on_other_timeline) => on_other_timeline,
        };
        let mut refused = BTreeMap::new();
        for tenant in on_other_timeline {
            if let Err(error) = self
                .begin_epoch(&requests::continuing(tenant.clone()))
                .await
            {
                let commands = requests
                    .iter()
                    .filter(|request| request.command.tenant == tenant)
                    .count();
                refused.insert(tenant, same_for_all(&error, commands).into_iter());
            }
        }
        let rest: Vec<_> = requests
            .iter()
            .filter(|request| !refused.contains_key(&request.command.tenant))
            .cloned()
            .collect();
        let results = if rest.is_empty() {
            Ok(Vec::new())
        } else {
            self.process(&rest).await
        };
        // The database was restored or promoted once more just now. The next attempt starts the new
        // epochs.
        let results = results.unwrap_or_else(|on_other_timeline| {
            same_for_all(
                &store::Error::OtherTimeline(on_other_timeline).into(),
                rest.len(),
            )
        });
        let mut results = results.into_iter();
        let answer = |request: &Request| {
            let results = refused
                .get_mut(&request.command.tenant)
                .unwrap_or(&mut results);
            results
                .next()
                .unwrap_or_else(|| Err(Error::internal("a command was not answered")))
        };
        requests.iter().map(answer).collect()
    }

    /// Starts a new epoch for a tenant, unless an attempt failed a moment ago.
    async fn begin_epoch(&mut self, request: &Request) -> Result<Reply, Error> {
        let tenant = &request.command.tenant;
        let on_other_timeline = || Error::from(store::Error::OtherTimeline(vec![tenant.clone()]));
        let began = Instant::now();
        self.held_up.retain(|_, until| *until > began);
        if self.held_up.contains_key(tenant) {
            return Err(on_other_timeline());
        }
        let result = self.process(std::slice::from_ref(request)).await;
        let result = result.map_or_else(
            |_| Err(on_other_timeline()),
            |mut results| results.pop().unwrap_or_else(|| Err(on_other_timeline())),
        );
        if result.is_err() {
            self.held_up.insert(
                tenant.clone(),
                Instant::now() + began.elapsed() * LEFT_ALONE,
            );
        }
        result
    }

    /// Commits a group. If a statement fails, commits its commands one by one, so that only the
    /// faulty command fails. Returns `Err` with the tenants that must start new epochs first.
    async fn process(
        &mut self,
        requests: &[Request],
    ) -> Result<Vec<Result<Reply, Error>>, Vec<TenantName>> {
        let failure = match self.commit(requests).await {
            Ok(committed) => {
                return Ok(committed
                    .replies
                    .into_iter()
                    .map(|reply| reply.map_err(Error::from))
                    .collect());
            }
            Err(CallError::Failed(store::Error::OtherTimeline(tenants))) => return Err(tenants),
            Err(failure) => Error::from(failure),
        };
        Ok(match failure {
            cause @ (Error::Internal(_) | Error::NotRecorded(_)) if requests.len() > 1 => {
                tracing::warn!(error = %cause, batch.commands = requests.len(), "a write group failed; its commands are retried one by one");
                let mut results = Vec::with_capacity(requests.len());
                for request in requests {
                    let alone = self
                        .commit(std::slice::from_ref(request))
                        .await
                        .map_err(Error::from);
                    let reply = alone.and_then(|mut committed| match committed.replies.pop() {
                        Some(reply) => reply.map_err(Error::from),
                        None => Err(Error::internal("a command was not answered")),
                    });
                    results.push(reply);
                }
                results
            }
            failure => same_for_all(&failure, requests.len()),
        })
    }

    /// Commits a group under the primary's breaker, and tries again after a lost race.
    async fn commit(&mut self, requests: &[Request]) -> Result<Committed, CallError<store::Error>> {
        let primary = self.primary.clone();
        let mut attempt = 1;
        loop {
            let permit = primary.policy().enter_background(&payer(requests))?;
            let started = Instant::now();
            let result = self.attempt(requests).await;
            match &result {
                Err(error) => permit.end(error.outcome()),
                Ok(_) => permit.success(),
            }
            match result {
                Ok(committed) => {
                    metrics::histogram!(names::WRITE_BATCH).record(requests.len() as f64);
                    metrics::histogram!(names::WRITE_COMMIT_SECONDS)
                        .record(started.elapsed().as_secs_f64());
                    (self.on_commit)(&committed);
                    return Ok(committed);
                }
                Err(error) if attempt < self.settings.max_attempts && lost_a_race(&error) => {
                    attempt += 1
                }
                Err(error @ store::Error::OtherTimeline(_)) => {
                    return Err(CallError::Failed(error));
                }
                Err(error) => {
                    tracing::warn!(error = %error, cause = ?std::error::Error::source(&error), batch.commands = requests.len(), "a write group was not committed");
                    return Err(CallError::Failed(error));
                }
            }
        }
    }

    async fn attempt(&mut self, requests: &[Request]) -> Result<Committed, store::Error> {
        // Any other connection goes back to the pool, which checks the connections that it lends.
        let kept = self.connection.take().filter(|(client, used)| {
            used.elapsed() < LATELY && !client.is_closed() && self.primary.may_use_again(client)
        });
        let mut client = match kept {
            Some((client, _)) => client,
            None => self.primary.writing_connection().await?,
        };
        let wanted = batch::wanted(requests);
        let limit = if wanted.is_large {
            self.settings.new_epoch_timeout
        } else {
            self.settings.timeout
        };
        let decide = |locked| {
            let on_other_timeline = batch::on_other_timeline(requests, &locked);
            if !on_other_timeline.is_empty() {
                return Err(store::Error::OtherTimeline(on_other_timeline));
            }
            let plan = || batch::plan(requests, locked, self.limits);
            let plan = if self.is_large { aside(plan) } else { plan() };
            plan.map(Plan::split)
                .map_err(|error| store::Error::Corrupt(error.to_string()))
        };
        let result =
            store::group::commit(&mut client, self.primary.tls(), &wanted, limit, decide).await;
        if result.as_ref().is_err_and(store::Error::spoils_connection) {
            drop(store::Connection::take(client));
        } else {
            self.connection = Some((client, Instant::now()));
        }
        result
    }
}

/// Returns true if the commit lost a race: another instance created the tenant, stored the same
/// idempotency key or claimed the host first, or Postgres reported a deadlock or other contention.
/// The next attempt sees the other's change.
fn lost_a_race(error: &store::Error) -> bool {
    match error {
        store::Error::Contention(_) => true,
        store::Error::Unique { constraint, .. } => {
            ["tenants_pkey", "idempotency_keys_pkey"].contains(&constraint.as_str())
                || store::policies::HOST_CONSTRAINTS.contains(&constraint.as_str())
        }
        _ => false,
    }
}

fn same_for_all(error: &Error, count: usize) -> Vec<Result<Reply, Error>> {
    (0..count).map(|_| Err(error.share())).collect()
}

/// Returns the result of `work`. A panic becomes an error, so that it does not end the lane and
/// fail all its tenants.
async fn unwound<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| {
        metrics::counter!(names::PANICS, "part" => "writer").increment(1);
        Error::CommitUnknown
    })
}

/// Runs long work so that it does not block other tasks of this thread, if the runtime is
/// multi-threaded.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Returns the payer of a group: its tenant if the group has only one, else the process, which
/// commits for many.
fn payer(requests: &[Request]) -> Payer {
    match requests {
        [first, rest @ ..]
            if rest
                .iter()
                .all(|request| request.command.tenant == first.command.tenant) =>
        {
            Payer::Tenant(first.command.tenant.clone())
        }
        _ => Payer::Process,
    }
}

fn count(result: &Result<Reply, Error>) {
    let label = match result {
        Ok(reply) if reply.replayed => "replayed",
        Ok(reply) => batch::label(reply.outcome.effect),
        Err(Error::Rejected(_)) => "refused",
        Err(Error::CommitUnknown) => "unknown",
        Err(_) => "unavailable",
    };
    metrics::counter!(names::WRITE_OUTCOMES, "result" => label).increment(1);
}
