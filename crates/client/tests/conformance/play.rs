//! Plays one case.

use std::{
    collections::{BTreeMap, VecDeque},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aws_lc_rs::signature::KeyPair as _;
use tokio::{net::TcpStream, sync::mpsc, time::timeout};
use traffic_manager_client::{Accept, Settings, Times, Token, TrustedKey, View, Watcher};

use super::{
    case::{Answer, Case, Damage, Holds, How, Kind, Piece, Restart, Signed, Step},
    compare, content, server,
    server::Request,
};

/// The longest time that a step takes, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("tm-conformance-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Player<'a> {
    case: &'a Case,
    /// The requests of the present watcher. Each watcher has servers of its own, so that none of
    /// its requests is taken for one of the next.
    requests: mpsc::UnboundedReceiver<Request>,
    watcher: Option<Watcher>,
    /// The open stream.
    stream: Option<TcpStream>,
    /// Connections that are never answered.
    hanging: Vec<TcpStream>,
    answered: Instant,
    folder: Folder,
    patience: Duration,
}

pub async fn play(case: &Case) -> Result<(), String> {
    let mut player = Player {
        case,
        requests: mpsc::unbounded_channel().1,
        watcher: None,
        stream: None,
        hanging: Vec::new(),
        answered: Instant::now(),
        folder: Folder::new(),
        patience: case.patience_ms.map_or(PATIENCE, Duration::from_millis),
    };
    player.restart(&Restart::default()).await;
    for (step, at) in case.steps.iter().zip(1..) {
        let played = player.step(step).await;
        played.map_err(|why| format!("step {at}: {why}"))?;
    }
    Ok(())
}

impl Player<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), String> {
        if let Some(snapshot) = &step.begin {
            let first = Step {
                expect: Some(Kind::Snapshot),
                if_none_match: Some(None),
                ..Step::default()
            };
            let by = self.case.keys.iter().take(1).cloned().collect();
            let answer = Answer {
                snapshot: Some(snapshot.clone()),
                signed: (!self.case.keys.is_empty()).then(|| Signed {
                    by,
                    ..Signed::default()
                }),
                ..Answer::default()
            };
            self.exchange(&first, Kind::Snapshot, Some(&answer)).await?;
        }
        if let Some(damage) = &step.damage {
            self.damage(damage);
        }
        if let Some(restart) = &step.restart {
            self.restart(restart).await;
        }
        if let Some(kind) = step.expect {
            self.exchange(step, kind, step.answer.as_ref()).await?;
        }
        self.send(&step.send).await;
        if step.end {
            self.stream = None;
        }
        if let Some(holds) = &step.holds {
            self.holds(holds).await?;
        }
        if let Some(tag) = &step.saved {
            self.saved(&content::tag(tag)).await?;
        }
        Ok(())
    }

    /// Starts a watcher with the case's settings, and ends the one before.
    async fn restart(&mut self, restart: &Restart) {
        self.watcher = None;
        self.stream = None;
        let case = self.case;
        let (sender, requests) = mpsc::unbounded_channel();
        self.requests = requests;
        let mut servers = Vec::new();
        for at in 0..case.servers.unwrap_or(1) {
            let url = server::start(at, sender.clone()).await;
            servers.push(url.parse().unwrap());
        }
        let tenant = restart.tenant.as_deref().unwrap_or(content::TENANT);
        let mut settings = Settings::new(servers, tenant.parse().unwrap());
        settings.scope = content::scope(restart.scope.as_ref().unwrap_or(&case.scope));
        for name in restart.keys.as_ref().unwrap_or(&case.keys) {
            let public = content::key(name).public_key().as_ref().try_into().unwrap();
            settings.trusted_keys.push(TrustedKey::new(public));
        }
        settings.token = token(&case.tokens);
        settings.file = Some(self.file());
        settings.max_bytes = case.max_bytes.unwrap_or(settings.max_bytes);
        settings.accept = case.accept_share.map(|share| {
            Accept::new(move |old, new| {
                new.route_count() as f64 >= share * old.route_count() as f64
            })
        });
        settings.times = times(&case.times);
        self.watcher = Some(Watcher::start(settings).await.unwrap());
    }

    fn file(&self) -> PathBuf {
        self.folder.0.join("acme.tm")
    }

    async fn exchange(
        &mut self,
        step: &Step,
        kind: Kind,
        answer: Option<&Answer>,
    ) -> Result<(), String> {
        let request = timeout(self.patience, self.requests.recv()).await;
        let Ok(Some(mut request)) = request else {
            return Err(format!("no request; the watcher has {}", self.shown()));
        };
        let wrong = compare::request(step, kind, &request, self.answered.elapsed());
        if !wrong.is_empty() {
            let wrong = wrong.join(", ");
            return Err(format!("{wrong}; the watcher has {}", self.shown()));
        }
        let Some(answer) = answer else {
            self.hanging.push(request.connection);
            return Ok(());
        };
        if answer.hang {
            self.hanging.push(request.connection);
            return Ok(());
        }
        let (head, body) = self.answer(answer);
        server::write(&mut request.connection, head.as_bytes(), false).await;
        server::write(&mut request.connection, &body, false).await;
        self.answered = Instant::now();
        if let Some(pieces) = &answer.stream {
            self.stream = Some(request.connection);
            self.send(pieces).await;
        }
        Ok(())
    }

    /// Returns the head and the body of an answer.
    fn answer(&self, answer: &Answer) -> (String, Vec<u8>) {
        let mut headers = answer.headers.clone();
        let mut body = answer.body.clone().unwrap_or_default().into_bytes();
        let mut tag = answer.tag.clone();
        if let Some(snapshot) = &answer.snapshot {
            let full = content::full(snapshot);
            body = content::body(&full);
            tag = Some(full.tag);
        }
        if answer.gzip {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(&body).unwrap();
            body = packed.finish().unwrap();
            headers.insert("content-encoding".into(), "gzip".into());
        }
        if let Some(tag) = tag {
            let weak = if answer.weak { "W/" } else { "" };
            headers.insert("etag".into(), format!("{weak}\"{}\"", content::tag(&tag)));
        }
        if let Some(signed) = &answer.signed {
            let text = content::signatures(signed, answer.snapshot.as_ref(), &self.case.scope);
            headers.insert("tm-signature".into(), text);
        }
        let status = answer.status.unwrap_or(200);
        if answer.stream.is_some() {
            headers
                .entry("content-type".into())
                .or_insert_with(|| "text/event-stream".into());
        } else if status != 304 {
            let length = body.len() + usize::from(answer.cut);
            headers.insert("content-length".into(), length.to_string());
        }
        let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        (head, body)
    }

    async fn send(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            let bytes = content::piece(piece, &self.case.scope);
            let slow = matches!(piece, Piece::Event(event) if event.slow);
            if let Some(stream) = &mut self.stream {
                server::write(stream, &bytes, slow).await;
            }
        }
    }

    fn view(&self) -> Option<View> {
        self.watcher.as_ref().map(Watcher::view)
    }

    /// What the watcher shows, for a failure's text.
    fn shown(&self) -> String {
        let Some(view) = self.view() else {
            return "no watcher".to_owned();
        };
        let tag = view.tag().map(ToString::to_string);
        format!(
            "state {}, tag {tag:?}, {:?}, {:?}",
            view.state, view.counters, view.problem
        )
    }

    /// Waits until the watcher has what is wanted.
    async fn holds(&self, wanted: &Holds) -> Result<(), String> {
        let mut view = self.watcher.as_ref().unwrap().changed();
        let waited = timeout(
            self.patience,
            view.wait_for(|view| compare::view(view, wanted).is_empty()),
        )
        .await;
        match waited {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err("the watcher's task has ended".into()),
            Err(_) => {
                let view = self.view().unwrap();
                let differences = compare::view(&view, wanted).join(", ");
                Err(format!("{differences}; problem {:?}", view.problem))
            }
        }
    }

    async fn saved(&self, tag: &str) -> Result<(), String> {
        let has_tag = |path: &Path| {
            let bytes = std::fs::read(path).unwrap_or_default();
            String::from_utf8_lossy(&bytes).contains(&format!("\"tag\":\"{tag}\""))
        };
        let until = Instant::now() + self.patience;
        while !has_tag(&self.file()) {
            if Instant::now() > until {
                return Err(format!("no file with {tag}; {}", self.shown()));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Damages the file while no watcher runs.
    fn damage(&mut self, damage: &Damage) {
        self.watcher = None;
        let mut path = self.file().into_os_string();
        if damage.previous {
            path.push(".previous");
        }
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        match damage.how {
            How::Cut => bytes.truncate(middle),
            How::Flip => bytes[middle] ^= 1,
            How::Empty => bytes.clear(),
            How::Remove => return std::fs::remove_file(&path).unwrap(),
        }
        std::fs::write(&path, bytes).unwrap();
    }
}

/// A function that gives the tokens in turn, and then the last one again.
fn token(tokens: &[String]) -> Option<Token> {
    let tokens: VecDeque<String> = tokens.iter().cloned().collect();
    tokens.front()?;
    let tokens = Arc::new(Mutex::new(tokens));
    Some(Token::from_fn(move || {
        let mut tokens = tokens.lock().unwrap();
        let token = match tokens.len() {
            1 => tokens[0].clone(),
            _ => tokens.pop_front().unwrap(),
        };
        async move { Ok(token) }
    }))
}

/// The times of cases: short pauses, and no deadlines that a busy machine could miss, except those
/// that the case itself sets, in milliseconds.
fn times(wanted: &BTreeMap<String, u64>) -> Times {
    let ms = |name: &str, or: u64| Duration::from_millis(*wanted.get(name).unwrap_or(&or));
    const LONG: u64 = 3_600_000;
    Times {
        connect: ms("connect", LONG),
        snapshot: ms("snapshot", LONG),
        silence: ms("silence", LONG),
        first_byte: ms("first_byte", LONG),
        mute_streams: 3,
        polling: ms("polling", LONG),
        wait: ms("wait", 50_000),
        poll: ms("poll", LONG),
        signature: ms("signature", LONG),
        reopen: ms("reopen", 10),
        first_retry: ms("first_retry", 10),
        last_retry: ms("last_retry", 50),
        longest_retry_after: ms("longest_retry_after", LONG),
        confirm: ms("confirm", LONG),
        ask_again: ms("ask_again", 20),
        save: ms("save", 10),
        ..Times::default()
    }
}
