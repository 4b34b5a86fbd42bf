//! Questions, and how their answers are judged.

use std::{pin::Pin, time::Duration};

use super::{Row, Stage};
use crate::{
    ask::{Answer, Ask, Connection},
    programs::Program,
    served::code,
};

/// A question of several requests.
pub type Put = for<'a> fn(&'a Stage, &'a Row) -> Pin<Box<dyn Future<Output = Verdict> + 'a>>;

/// What is wrong, if anything.
pub type Verdict = Result<(), String>;

/// The requests of a question about shares.
const SAMPLE: usize = 400;

/// A question to a proxy.
pub enum Probe {
    /// One request.
    One(Box<One>),
    /// Many requests: this share of them, in hundredths, comes to `v2`, the others to `v1`.
    Share(Box<One>, usize),
    /// Anything else.
    Other(Put),
}

/// A request, and what is wanted of its answer. Without a status it is one of an upstream, 200.
#[derive(Clone, Default)]
pub struct One {
    target: &'static str,
    method: Option<&'static str>,
    host: Option<&'static str>,
    headers: Vec<(&'static str, &'static str)>,
    body: Option<&'static str>,
    wanted: Wanted,
}

#[derive(Clone, Default)]
struct Wanted {
    statuses: Vec<u16>,
    code: Option<&'static str>,
    name: Option<&'static str>,
    target: Option<&'static str>,
    body: Option<&'static str>,
    /// The `Host` that the upstream got.
    host: Option<Host>,
    server_name: Option<&'static str>,
    text: Option<&'static str>,
    sent: Vec<(&'static str, Option<&'static str>)>,
    headers: Vec<(&'static str, Option<&'static str>)>,
    within: Option<Duration>,
}

/// A `Host` header that an upstream gets.
#[derive(Clone, Copy)]
pub enum Host {
    /// The one of its URL.
    Own,
    /// The one of the client.
    Clients,
    This(&'static str),
}

/// `GET` of a path with its query.
pub fn get(target: &'static str) -> One {
    One {
        target,
        ..One::default()
    }
}

impl From<One> for Probe {
    fn from(one: One) -> Self {
        Self::One(Box::new(one))
    }
}

impl From<Put> for Probe {
    fn from(put: Put) -> Self {
        Self::Other(put)
    }
}

impl One {
    pub fn method(mut self, method: &'static str) -> Self {
        self.method = Some(method);
        self
    }

    pub fn host(mut self, host: &'static str) -> Self {
        self.host = Some(host);
        self
    }

    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sends a body, and wants it to arrive.
    pub fn body(mut self, body: &'static str) -> Self {
        (self.body, self.wanted.body) = (Some(body), Some(body));
        self
    }

    /// Wants an answer of this upstream.
    pub fn from(mut self, name: &'static str) -> Self {
        self.wanted.name = Some(name);
        self
    }

    /// Wants the upstream to get this path and query.
    pub fn with_target(mut self, target: &'static str) -> Self {
        self.wanted.target = Some(target);
        self
    }

    pub fn with_host(mut self, host: Host) -> Self {
        self.wanted.host = Some(host);
        self
    }

    /// Wants the upstream to be asked for a certificate of this name.
    pub fn with_server_name(mut self, name: &'static str) -> Self {
        self.wanted.server_name = Some(name);
        self
    }

    /// Wants the upstream to get a header with this value, or without one not to get it.
    pub fn sent(mut self, name: &'static str, value: Option<&'static str>) -> Self {
        self.wanted.sent.push((name, value));
        self
    }

    /// Wants an answer of the proxy itself.
    pub fn status(self, status: u16) -> Self {
        self.statuses(&[status])
    }

    /// The same with one of these.
    pub fn statuses(mut self, statuses: &[u16]) -> Self {
        self.wanted.statuses = statuses.to_vec();
        self
    }

    /// Wants a problem document of the proxy.
    pub fn problem(mut self, status: u16, code: &'static str) -> Self {
        self.wanted.code = Some(code);
        self.status(status)
    }

    pub fn text(mut self, text: &'static str) -> Self {
        self.wanted.text = Some(text);
        self
    }

    /// Wants the answer to have a header with this value, or without one not to have it.
    pub fn told(mut self, name: &'static str, value: Option<&'static str>) -> Self {
        self.wanted.headers.push((name, value));
        self
    }

    /// Wants the answer within this time.
    pub fn within(mut self, limit: Duration) -> Self {
        self.wanted.within = Some(limit);
        self
    }

    /// Asks many times and wants this share of the answers, in hundredths, from `v2`.
    pub fn share(self, of_second: usize) -> Probe {
        Probe::Share(Box::new(self), of_second)
    }

    pub fn prepare(&self, stage: &Stage, row: &Row) -> Ask {
        let mut ask = stage.proxy.get(self.target).host(&row.host());
        if let Some(method) = self.method {
            ask = ask.method(method);
        }
        if let Some(host) = self.host {
            ask = ask.host(host);
        }
        for (name, value) in &self.headers {
            ask = ask.header(name, value);
        }
        match self.body {
            Some(body) => ask.body("text/plain", body),
            None => ask,
        }
    }
}

impl Probe {
    pub async fn put(&self, stage: &Stage, row: &Row) -> Verdict {
        match self {
            Self::One(one) => put_one(one, stage, row).await,
            Self::Share(one, of_second) => {
                share(&one.prepare(stage, row), *of_second * SAMPLE / 100).await
            }
            Self::Other(put) => put(stage, row).await,
        }
    }
}

async fn put_one(one: &One, stage: &Stage, row: &Row) -> Verdict {
    let begun = std::time::Instant::now();
    let answer = one.prepare(stage, row).send().await;
    let answer = answer.map_err(|error| format!("no answer: {error}"))?;
    if let Some(limit) = one.wanted.within
        && begun.elapsed() > limit
    {
        return Err(format!("took {:?}", begun.elapsed()));
    }
    let client = one.host.map_or_else(|| row.host(), str::to_owned);
    one.wanted.judge(&answer, stage, &client).map_err(|fault| {
        let (target, headers) = (one.target, &one.headers);
        format!(
            "{target} {headers:?}: {fault}: {} {}",
            answer.status,
            answer.text()
        )
    })
}

/// Four standard deviations of a random choice are allowed.
async fn share(ask: &Ask, wanted: usize) -> Verdict {
    let (mut second, mut connection) = (0, Connection::default());
    for _ in 0..SAMPLE {
        let answer = connection.ask(ask).await;
        let answer = answer.map_err(|error| format!("no answer: {error}"))?;
        match answer.name() {
            Some("v1") => {}
            Some("v2") => second += 1,
            _ => return Err(format!("not of a version: {answer:?}")),
        }
    }
    let variance = wanted as f64 * (SAMPLE - wanted) as f64 / SAMPLE as f64;
    let off = second as f64 - wanted as f64;
    if off.abs() <= 4.0 * variance.sqrt() {
        return Ok(());
    }
    Err(format!("{second} of {SAMPLE} to v2, not {wanted}"))
}

impl Wanted {
    fn judge(&self, answer: &Answer, stage: &Stage, client: &str) -> Verdict {
        let is = |is: bool, what: &str| if is { Ok(()) } else { Err(what.to_owned()) };
        if !self.statuses.is_empty() {
            is(self.statuses.contains(&answer.status), "another status")?;
            is(answer.name().is_none(), "comes from an upstream")?;
        } else {
            is(answer.status == 200, "is not 200")?;
        }
        // Traefik answers by itself what no router takes.
        let is_bare = stage.proxy.site.program == Program::Traefik && self.code == Some("no_route");
        if self.code.is_some() && !is_bare {
            is(code(answer).as_deref() == self.code, "another code")?;
        }
        if let Some(text) = self.text {
            is(answer.text() == text, "another text")?;
        }
        for (name, value) in &self.headers {
            is(
                answer.header(name) == *value,
                &format!("has another {name}: {:?}", answer.header(name)),
            )?;
        }
        self.judge_echo(answer, stage, client)
    }

    fn judge_echo(&self, answer: &Answer, stage: &Stage, client: &str) -> Verdict {
        if !self.statuses.is_empty() {
            return Ok(());
        }
        // The body says it, too: a policy may remove the header.
        let echo: crate::ask::Echo =
            serde_json::from_str(&answer.text()).map_err(|_| "is not of an upstream")?;
        let same = |what: &str, is: Option<&str>, wanted: Option<&str>| {
            if wanted.is_some() && is != wanted {
                return Err(format!("{what} {is:?}, not {wanted:?}"));
            }
            Ok(())
        };
        same("from", Some(&echo.name), self.name)?;
        same("target", Some(&echo.target), self.target)?;
        same("body", Some(&echo.body), self.body)?;
        same("server name", echo.server_name.as_deref(), self.server_name)?;
        let own = ["v1", "v2", "tls"]
            .into_iter()
            .find(|version| *version == echo.name)
            .map(|version| stage.upstreams.url(version));
        let own = own.as_deref().and_then(|url| url.split('/').nth(2));
        let host = self.host.map(|host| match host {
            Host::Own => own.unwrap_or_default(),
            Host::Clients => client,
            Host::This(host) => host,
        });
        same("host", Some(&echo.host), host)?;
        for (name, value) in &self.sent {
            let sent = echo.headers.iter().find(|(known, _)| known == name);
            let sent = sent.map(|(_, sent)| sent.as_str());
            if sent != *value {
                return Err(format!("the upstream got {name}: {sent:?}, not {value:?}"));
            }
        }
        Ok(())
    }
}
