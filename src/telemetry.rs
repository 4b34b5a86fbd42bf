//! Logs, traces and metrics. All names of metrics are in [`names`].
//!
//! Traces are exported over OTLP by a blocking exporter on a thread of its own, created before the
//! runtime. An exporter that needs the runtime would block the shutdown, which waits for the
//! exporter.

pub mod mask;
pub mod names;
mod sampling;

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::{
    propagation::{Extractor, TextMapPropagator as _},
    trace::{TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use secrecy::ExposeSecret as _;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{
    EnvFilter, Layer, filter::FilterExt as _, fmt::MakeWriter, layer::SubscriberExt as _,
    registry::LookupSpan, util::SubscriberInitExt as _,
};

use self::{
    mask::{Mask, Masked},
    sampling::Sampled,
};
use crate::config;

/// The telemetry of the process; it must be shut down at the end.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
    /// Renders the metrics for `/metrics`.
    pub metrics: PrometheusHandle,
}

/// The reason why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `telemetry.log` is not a valid filter.
    #[error("configuration: telemetry.log: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter could not be built.
    #[error("configuration: telemetry.otlp_endpoint: the trace exporter cannot be created")]
    Exporter,
    /// The names in `telemetry.mask` cannot be made into a pattern.
    #[error("configuration: telemetry.mask: {0}")]
    Mask(regex::Error),
    /// Another recorder or subscriber is installed already.
    #[error("telemetry was started twice: {0}")]
    Twice(String),
}

/// Starts logs, traces and metrics. Call it once, before the runtime.
pub fn start(settings: &config::Telemetry) -> Result<Telemetry, TelemetryError> {
    let provider = tracer_provider(settings)?;
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let traces = tracing_opentelemetry::layer().with_tracer(provider.tracer("traffic-manager"));
    let filter: EnvFilter = EnvFilter::try_new(&settings.log)?;
    let mask = Mask::new(&settings.mask).map_err(TelemetryError::Mask)?;
    let lines = lines(
        settings.format,
        Masked::new(mask, settings.format, std::io::stderr),
    );
    tracing_subscriber::registry()
        .with(traces.with_filter(EnvFilter::new("traffic_manager=info")))
        .with(lines.with_filter(filter.and(Sampled::new())))
        .try_init()
        .map_err(|error| TelemetryError::Twice(error.to_string()))?;
    Ok(Telemetry {
        provider,
        metrics: start_metrics()?,
    })
}

/// Returns the layer that writes log lines.
fn lines<S, W>(format: config::LogFormat, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    match format {
        config::LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(writer)
            .boxed(),
        config::LogFormat::Text => tracing_subscriber::fmt::layer().with_writer(writer).boxed(),
    }
}

fn tracer_provider(settings: &config::Telemetry) -> Result<SdkTracerProvider, TelemetryError> {
    let resource = Resource::builder()
        .with_service_name(settings.service_name.clone())
        .build();
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio)));
    let mut provider = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_resource(resource);
    let endpoint = settings.otlp_endpoint.expose_secret();
    if !endpoint.is_empty() {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .with_endpoint(endpoint)
            .with_timeout(Duration::from_secs(3))
            .with_headers(std::collections::HashMap::new())
            .build()
            // The builder's error may repeat the URL, which may hold a password.
            .map_err(|_| TelemetryError::Exporter)?;
        provider = provider.with_batch_exporter(exporter);
    }
    Ok(provider.build())
}

/// Records that the gauges from `source` were just read.
pub fn observed(source: &'static str) {
    let now = jiff::Timestamp::now().as_duration().as_secs_f64();
    metrics::gauge!(names::OBSERVED_AT, "source" => source).set(now);
}

fn start_metrics() -> Result<PrometheusHandle, TelemetryError> {
    let twice =
        |error: metrics_exporter_prometheus::BuildError| TelemetryError::Twice(error.to_string());
    let seconds = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    ];
    // Objectives reach to 30 s, 60 s and 5 min.
    let delays = [
        0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 3600.0,
    ];
    let commands = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &seconds)
        .and_then(|builder| {
            builder
                .set_buckets_for_metric(Matcher::Full(names::ARCHIVE_DELAY_SECONDS.into()), &delays)
        })
        .and_then(|builder| {
            builder
                .set_buckets_for_metric(Matcher::Full(names::CACHE_DELAY_SECONDS.into()), &delays)
        })
        .and_then(|builder| {
            builder
                .set_buckets_for_metric(Matcher::Full(names::CONVERGENCE_SECONDS.into()), &delays)
        })
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Full(names::WRITE_BATCH.into()), &commands)
        })
        .map_err(twice)?
        .install_recorder()
        .map_err(twice)?;
    names::describe();
    Ok(handle)
}

impl Telemetry {
    /// Sends the remaining traces, for at most `limit`. Blocks: call it outside the runtime.
    pub fn shut_down(&self, limit: Duration) {
        if let Err(error) = self.provider.shutdown_with_timeout(limit) {
            tracing::warn!(error = %error, "the last traces may be lost");
        }
    }
}

struct Carrier<'a> {
    traceparent: &'a str,
    tracestate: Option<&'a str>,
}

impl Extractor for Carrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => Some(self.traceparent),
            "tracestate" => self.tracestate,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

/// Returns whether a `traceparent` marks its trace as sampled: the lowest bit of its flags (W3C
/// Trace Context §3.2.2.5).
pub fn is_sampled(traceparent: Option<&[u8]>) -> bool {
    traceparent
        .and_then(<[u8]>::last)
        .is_some_and(|flags| b"13579bdf".contains(flags))
}

/// Makes `span` a child of a W3C trace context. An invalid context is ignored.
pub fn follow(span: &Span, traceparent: &str, tracestate: Option<&str>) {
    let parent = TraceContextPropagator::new().extract(&Carrier {
        traceparent,
        tracestate,
    });
    if parent.span().span_context().is_valid() {
        // Fails only when no tracing subscriber is there to hold the span.
        let _ = span.set_parent(parent);
    }
}

/// A trace, in the form that is passed on to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The trace's id, 32 hex digits.
    pub trace_id: String,
    /// The value of the W3C header `traceparent`.
    pub traceparent: String,
}

/// Returns the trace of the current span, if it has one.
pub fn current_trace() -> Option<Trace> {
    trace_of(&Span::current())
}

/// Returns the `traceparent` of a span, if it has one.
pub fn traceparent_of(span: &Span) -> Option<String> {
    trace_of(span).map(|trace| trace.traceparent)
}

fn trace_of(span: &Span) -> Option<Trace> {
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| Trace {
        trace_id: span.trace_id().to_string(),
        traceparent: format!(
            "00-{}-{}-{:02x}",
            span.trace_id(),
            span.span_id(),
            span.trace_flags().to_u8()
        ),
    })
}
