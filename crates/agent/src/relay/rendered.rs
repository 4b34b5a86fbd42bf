//! Documents of dialects: made once for each state, part, dialect and settings, and kept within so many bytes.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use tokio::{sync::Semaphore, task::block_in_place};
use traffic_manager_client::Scope;
use traffic_manager_dataplane::{Dialect, Renderer, Settings};

use super::{
    edition::{Edition, gzip},
    followed::Part,
};

/// The most documents that are rendered at a time. Callers choose what is rendered, so they must not get all processors.
const RENDERINGS: usize = 2;

/// What a document is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The part of a tenant.
    pub part: Part,
    /// The dialect.
    pub dialect: Dialect,
    /// Where the proxy takes requests.
    pub listen: String,
    /// The proxy's own interface.
    pub admin: String,
}

/// A renderer and its newest document.
#[derive(Debug)]
struct Document {
    made: Mutex<Made>,
    weight: AtomicUsize,
    used: AtomicU64,
}

#[derive(Debug)]
struct Made {
    renderer: Renderer,
    /// The state that the document is of.
    edition: Option<Arc<Edition>>,
    body: Bytes,
    gzip: Option<Bytes>,
}

/// The documents of a relay.
#[derive(Debug)]
pub struct Rendered {
    most: usize,
    ca_file: String,
    clock: AtomicU64,
    slots: Semaphore,
    kept: Mutex<HashMap<Subject, Arc<Document>>>,
}

impl Rendered {
    /// Keeps at most so many bytes, and one document.
    pub fn new(most: usize, ca_file: String) -> Self {
        Self {
            most,
            ca_file,
            clock: AtomicU64::new(0),
            slots: Semaphore::new(RENDERINGS),
            kept: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, Arc<Document>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes are kept, roughly.
    pub fn weight(&self) -> usize {
        let weight = |document: &Arc<Document>| document.weight.load(Ordering::Relaxed);
        self.lock().values().map(weight).sum()
    }

    /// Returns the document of a state. One that is not kept is rendered, at most [`RENDERINGS`] at a time, during which
    /// other threads serve on.
    pub async fn get(&self, subject: &Subject, edition: &Arc<Edition>, packed: bool) -> Bytes {
        if let Some(bytes) = self.kept(subject, edition, packed) {
            return bytes;
        }
        // The semaphore is never closed.
        let _slot = self.slots.acquire().await;
        self.render(subject, edition, packed)
    }

    fn kept(&self, subject: &Subject, edition: &Arc<Edition>, packed: bool) -> Option<Bytes> {
        let document = self.lock().get(subject).cloned()?;
        let used = self.clock.fetch_add(1, Ordering::Relaxed);
        document.used.store(used, Ordering::Relaxed);
        let made = document.made.try_lock().ok()?;
        made.kept(edition, packed)
    }

    fn render(&self, subject: &Subject, edition: &Arc<Edition>, packed: bool) -> Bytes {
        let document = self.document(subject);
        let used = self.clock.fetch_add(1, Ordering::Relaxed);
        document.used.store(used, Ordering::Relaxed);
        let bytes = block_in_place(|| {
            let mut made = document.made.lock().unwrap_or_else(PoisonError::into_inner);
            let bytes = made.get(edition, packed);
            document.weight.store(made.weight(), Ordering::Relaxed);
            bytes
        });
        self.forget(subject);
        bytes
    }

    fn document(&self, subject: &Subject) -> Arc<Document> {
        let mut kept = self.lock();
        if let Some(document) = kept.get(subject) {
            return Arc::clone(document);
        }
        let settings = Settings {
            ca_file: self.ca_file.clone(),
            listen: subject.listen.clone(),
            admin: subject.admin.clone(),
        };
        // The watcher has nothing but its part of the tenant.
        let renderer = Renderer::new(subject.dialect, settings, Scope::default());
        let document = Arc::new(Document {
            made: Mutex::new(Made {
                renderer,
                edition: None,
                body: Bytes::new(),
                gzip: None,
            }),
            weight: AtomicUsize::new(0),
            used: AtomicU64::new(0),
        });
        kept.insert(subject.clone(), Arc::clone(&document));
        document
    }

    /// Forgets the documents that were used longest ago, until the rest fits. The newest stays.
    fn forget(&self, newest: &Subject) {
        let mut kept = self.lock();
        let weight = |document: &Arc<Document>| document.weight.load(Ordering::Relaxed);
        let mut all: usize = kept.values().map(weight).sum();
        while all > self.most && kept.len() > 1 {
            let others = kept.iter().filter(|(subject, _)| *subject != newest);
            let oldest = others.min_by_key(|(_, document)| document.used.load(Ordering::Relaxed));
            let Some((subject, of_oldest)) = oldest.map(|(it, of)| (it.clone(), weight(of))) else {
                return;
            };
            kept.remove(&subject);
            all -= of_oldest;
        }
    }
}

impl Made {
    fn is_of(&self, edition: &Arc<Edition>) -> bool {
        let made = self.edition.as_ref();
        made.is_some_and(|made| Arc::ptr_eq(made.snapshot(), edition.snapshot()))
    }

    fn kept(&self, edition: &Arc<Edition>, packed: bool) -> Option<Bytes> {
        if !self.is_of(edition) {
            return None;
        }
        if packed {
            self.gzip.clone()
        } else {
            Some(self.body.clone())
        }
    }

    fn get(&mut self, edition: &Arc<Edition>, packed: bool) -> Bytes {
        if !self.is_of(edition) {
            let snapshot = edition.snapshot();
            let rendered = self.renderer.render([snapshot.as_ref()]);
            self.body = rendered.document.to_bytes();
            self.gzip = None;
            self.edition = Some(Arc::clone(edition));
        }
        if packed {
            let gzip = self.gzip.get_or_insert_with(|| gzip(&self.body));
            return gzip.clone();
        }
        self.body.clone()
    }

    fn weight(&self) -> usize {
        let packed = self.gzip.as_ref().map_or(0, Bytes::len);
        self.renderer.weight() + self.body.len() + packed
    }
}
