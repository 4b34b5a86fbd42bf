//! A call before it is sent, with its options.

use std::{
    fmt,
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    time::Duration,
};

use bytes::Bytes;
use serde::Serialize;

use super::{
    Client, Conditional, Content, Error, Operation, Outcome, PathParts, Read, Tag, Write,
    request::{MinRevision, Request},
};

/// A call that is sent when it is awaited. Its methods set options; the service refuses an option
/// that the operation does not have.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<O> {
    client: Client,
    /// A part that could not be set is the call's error.
    request: Result<Request, Error>,
    outcome: PhantomData<fn() -> O>,
}

impl<O> Call<O> {
    pub(super) fn new(client: &Client, operation: &'static Operation) -> Self {
        Self {
            client: client.clone(),
            request: Ok(Request::new(operation)),
            outcome: PhantomData,
        }
    }

    /// Changes only an object with this tag; otherwise the answer is the problem
    /// `precondition_failed`.
    pub fn if_match(self, tag: impl Into<Tag>) -> Self {
        self.header("if-match", &tag.into().to_etag())
    }

    /// Creates only: an object that exists is the problem `precondition_failed`.
    pub fn create_only(self) -> Self {
        self.header("if-none-match", "*")
    }

    /// Sets the idempotency key. Without it, the client makes one for each call.
    pub fn idempotency_key(self, key: impl Into<String>) -> Self {
        self.with(|request| {
            request.idempotency_key = Some(key.into());
            Ok(())
        })
    }

    /// Gives the reason that the audit keeps.
    pub fn reason(self, reason: &str) -> Self {
        self.header("x-reason", reason)
    }

    /// Sets the id of the request, which events and logs have.
    pub fn correlation_id(self, id: &str) -> Self {
        self.header("x-correlation-id", id)
    }

    /// Sets the trace that the request belongs to (W3C Trace Context).
    pub fn traceparent(self, trace: &str) -> Self {
        self.header("traceparent", trace)
    }

    /// Reads a state at least as new as this tag.
    pub fn min_revision(self, tag: impl Into<Tag>) -> Self {
        self.with(|request| {
            request.min_revision = MinRevision::At(tag.into());
            Ok(())
        })
    }

    /// Reads any state, even one that is older than the client's own last write.
    pub fn any_revision(self) -> Self {
        self.with(|request| {
            request.min_revision = MinRevision::Any;
            Ok(())
        })
    }

    /// Limits the time of the call with all its tries, instead of
    /// [`CallTimes::call`](super::CallTimes::call).
    pub fn timeout(self, limit: Duration) -> Self {
        self.with(|request| {
            request.timeout = Some(limit);
            Ok(())
        })
    }

    /// Lets the service hold the request until something has changed, for whole seconds, 60 at
    /// most. Only with [`Call::unless`] does it wait.
    pub fn wait(self, time: Duration) -> Self {
        self.with(|request| {
            request.set_query("wait", &format!("{}s", time.as_secs()));
            request.held_for = time;
            Ok(())
        })
    }

    /// Sets a query parameter that the method has no argument for.
    pub fn parameter(self, name: &str, value: &str) -> Self {
        self.with(|request| {
            request.set_query(name, value);
            Ok(())
        })
    }

    /// Fills the next parameters of the path.
    pub(super) fn path(self, parts: &(impl PathParts + ?Sized)) -> Self {
        self.with(|request| request.fill(&parts.parts()))
    }

    /// Adds the members of an object to the query.
    pub(super) fn query(self, parameters: &impl Serialize) -> Self {
        self.with(|request| request.add_query(parameters))
    }

    /// Adds the members of an object to the query of an operation that answers YAML by default.
    pub(super) fn query_for_json(self, parameters: &impl Serialize) -> Self {
        self.query(parameters).parameter("format", "json")
    }

    /// Sets the body.
    pub(super) fn json(self, body: &impl Serialize) -> Self {
        self.body(body, "application/json")
    }

    /// Sets the body, a merge patch (RFC 7396): `null` removes a member.
    pub(super) fn patch(self, body: &impl Serialize) -> Self {
        self.body(body, "application/merge-patch+json")
    }

    /// Sets the body to a text of YAML in place of an earlier body. Only for plans and batches.
    pub fn yaml(self, text: impl Into<Bytes>) -> Self {
        self.with(|request| {
            request.body = Some((text.into(), "application/yaml"));
            Ok(())
        })
    }

    fn body(self, body: &impl Serialize, content_type: &'static str) -> Self {
        self.with(|request| {
            let value = serde_json::to_value(body)
                .map_err(|error| Error::Request(format!("the body: {error}")))?;
            let tenant = ["tenant", "name"]
                .iter()
                .find_map(|name| value.get(*name)?.as_str());
            if request.tenant.is_none() {
                request.tenant = tenant.map(str::to_owned);
            }
            request.body = Some((value.to_string().into(), content_type));
            Ok(())
        })
    }

    pub(super) fn header(self, name: &'static str, value: &str) -> Self {
        self.with(|request| request.set_header(name, value))
    }

    fn with(mut self, change: impl FnOnce(&mut Request) -> Result<(), Error>) -> Self {
        if let Ok(request) = &mut self.request
            && let Err(error) = change(request)
        {
            self.request = Err(error);
        }
        self
    }

    /// The same request, with another outcome.
    pub(super) fn becomes<P>(self) -> Call<P> {
        Call {
            client: self.client,
            request: self.request,
            outcome: PhantomData,
        }
    }

    pub(super) fn into_parts(self) -> (Client, Result<Request, Error>) {
        (self.client, self.request)
    }
}

impl<T: Content> Call<Read<T>> {
    /// Reads only if the answer has another tag than this one; otherwise it is
    /// [`Conditional::Unchanged`].
    pub fn unless(self, tag: impl Into<Tag>) -> Call<Conditional<T>> {
        let etag = tag.into().to_etag();
        self.header("if-none-match", &etag).becomes()
    }
}

impl<T> Call<Write<T>> {
    /// Lets the service hold the answer until `percent` of the tenant's nodes run the change, for
    /// at most `time`, 60 s at most. The change is made before: the call succeeds however the wait
    /// ends, and [`Write::convergence`] says how. Only for writes of routes, policies and batches,
    /// and for plans that are applied.
    pub fn wait_for_nodes(self, percent: f64, time: Duration) -> Self {
        self.with(|request| {
            // The service reads eight characters at most.
            let percent = (percent * 1e4).round() / 1e4;
            if !(percent > 0.0 && percent <= 100.0) {
                let text = "a share of nodes is more than 0 % and at most 100 %";
                return Err(Error::Request(text.to_owned()));
            }
            request.set_query("wait", &format!("{percent}%,{}ms", time.as_millis()));
            request.held_for = time;
            Ok(())
        })
    }
}

impl<O: Outcome> IntoFuture for Call<O> {
    type Output = Result<O, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let request = self.request?;
            O::receive(self.client.send(&request, O::IS_STREAM).await?)
        })
    }
}

impl<O> fmt::Debug for Call<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.request {
            Ok(request) => f
                .debug_tuple("Call")
                .field(&request.operation.name)
                .finish(),
            Err(error) => f.debug_tuple("Call").field(error).finish(),
        }
    }
}
