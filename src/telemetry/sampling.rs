//! Limits log lines that any client can cause before our own request limits apply.
//!
//! The HTTP library writes a line for each request that it cannot read. A few of these lines show
//! the problem; all of them could fill the disk.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tracing::{Metadata, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::layer::{Context, Filter};

/// The libraries that write such lines.
const WRITERS: [&str; 4] = ["actix_http", "actix_server", "actix_tls", "rustls"];

/// Lets one of these lines through per second, and all other lines.
pub struct Sampled(DefaultDirectRateLimiter);

impl Sampled {
    /// Creates a filter that has let no line through yet.
    pub fn new() -> Self {
        Self(RateLimiter::direct(Quota::per_second(NonZeroU32::MIN)))
    }
}

fn is_sampled(metadata: &Metadata<'_>) -> bool {
    let library = metadata.target().split("::").next().unwrap_or_default();
    WRITERS.contains(&library)
}

impl<S> Filter<S> for Sampled {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        metadata.is_span() || !is_sampled(metadata) || self.0.check().is_ok()
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.is_event() && is_sampled(metadata) {
            Interest::sometimes()
        } else {
            Interest::always()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use tracing_subscriber::{EnvFilter, Layer, filter::FilterExt as _, layer::SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Count(Arc<AtomicUsize>);

    impl<S: tracing::Subscriber> Layer<S> for Count {
        fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn only_log_lines_about_unreadable_requests_are_sampled() {
        let count = Count::default();
        let filter = EnvFilter::new("info").and(Sampled::new());
        tracing::subscriber::with_default(
            tracing_subscriber::registry().with(count.clone().with_filter(filter)),
            || {
                for _ in 0..400 {
                    tracing::error!(target: "actix_http::h1::dispatcher", "stream error: request parse error");
                }
                let few = count.0.swap(0, Ordering::SeqCst);
                assert!((1..=3).contains(&few), "{few}");
                for _ in 0..400 {
                    tracing::info!("a line of ours");
                    tracing::debug!("below the level");
                }
            },
        );
        assert_eq!(count.0.load(Ordering::SeqCst), 400);
    }
}
