//! Traces: one per request, under the request's own uid, so that whoever has the object has its trace. Spans are made by
//! hand, since a request outlives processes: its passes and calls come from whichever replica made them.
//!
//! A trace is told, never asked: nothing waits for a collector, and what it cannot take is dropped.

use super::collector::{Collector, CollectorError};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long the end of the process waits for the last spans to be taken.
const LAST: Duration = Duration::from_secs(5);

tokio::task_local! {
    static CURRENT: Place;
}

/// A span that others may stand below.
#[derive(Clone, Copy, Debug)]
struct Place {
    trace: TraceId,
    span: SpanId,
}

/// Where spans go; nowhere, unless a collector is named.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Arc<BatchSpanProcessor>>);

impl Traces {
    /// To an OpenTelemetry collector, by OTLP over HTTP. `instance` is this replica's name. To be called on the runtime.
    ///
    /// # Errors
    /// When the endpoint is no `http://` or `https://` address.
    pub fn to(endpoint: &str, instance: &str) -> Result<Self, CollectorError> {
        let resource = Resource::builder_empty().with_attributes([
            KeyValue::new("service.name", "asr-operator"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance.to_owned()),
        ]);
        let mut processor = BatchSpanProcessor::builder(Collector::exporter(endpoint)?).build();
        processor.set_resource(&resource.build());
        Ok(Self(Some(Arc::new(processor))))
    }

    /// The trace of the object with this uid; none where there is no collector.
    pub fn of(&self, uid: Option<&str>) -> Option<Trace> {
        let uid = uuid::Uuid::parse_str(uid?).ok()?.as_u128();
        // The lower half of a random uid is as good an id of a span as any; it must be known before the span is over.
        let root = SpanId::from((uid & u128::from(u64::MAX)) as u64);
        Some(Trace { processor: Arc::clone(self.0.as_ref()?), root: Place { trace: TraceId::from(uid), span: root } })
    }

    /// A span below the one that the current task works for; none outside of [`Span::cover`].
    pub fn below_current(&self, name: impl Into<String>) -> Option<Span> {
        let place = CURRENT.try_with(|place| *place).ok()?;
        Some(Span::begin(Arc::clone(self.0.as_ref()?), place, name.into(), SpanKind::Client))
    }

    /// Sends what is left, and waits for it. Blocks the thread.
    pub fn end(&self) {
        if let Some(processor) = &self.0 {
            drop(processor.shutdown_with_timeout(LAST));
        }
    }
}

/// The trace of one object.
#[derive(Clone, Debug)]
pub struct Trace {
    processor: Arc<BatchSpanProcessor>,
    root: Place,
}

impl Trace {
    /// A span right below the object's own, begun now.
    pub fn span(&self, name: &str) -> Span {
        Span::begin(Arc::clone(&self.processor), self.root, name.to_owned(), SpanKind::Internal)
    }

    /// A span right below the object's own, of something that is over.
    pub fn past(&self, name: &str, (began, ended): (SystemTime, SystemTime), attributes: Vec<Attribute>, failed: bool) {
        let place = Place { trace: self.root.trace, span: SpanId::from(rand::random::<u64>()) };
        self.tell(place, self.root.span, name, (began, ended), attributes, failed);
    }

    /// The object's own span, which all others stand below: from its creation to its end.
    pub fn whole(&self, name: &str, time: (SystemTime, SystemTime), attributes: Vec<Attribute>, failed: bool) {
        self.tell(self.root, SpanId::INVALID, name, time, attributes, failed);
    }

    fn tell(
        &self,
        place: Place,
        parent: SpanId,
        name: &str,
        (began, ended): (SystemTime, SystemTime),
        attributes: Vec<Attribute>,
        failed: bool,
    ) {
        let mut data = data(place, parent, name.to_owned(), SpanKind::Internal, began);
        data.attributes = attributes.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
        data.end_time = ended.max(began);
        data.status = if failed { Status::error("") } else { Status::Ok };
        self.processor.on_end(data);
    }
}

/// What is said of a span: never a secret, a header, a body or a query.
pub type Attribute = (&'static str, Value);

/// Something that goes on. It is over when it is dropped; then it is told.
#[derive(Debug)]
pub struct Span {
    processor: Arc<BatchSpanProcessor>,
    data: SpanData,
    told: bool,
}

impl Span {
    fn begin(processor: Arc<BatchSpanProcessor>, parent: Place, name: String, kind: SpanKind) -> Self {
        let place = Place { trace: parent.trace, span: SpanId::from(rand::random::<u64>()) };
        Self { processor, data: data(place, parent.span, name, kind, SystemTime::now()), told: true }
    }

    /// Says something of it.
    pub fn says(&mut self, key: &'static str, value: impl Into<Value>) {
        self.data.attributes.push(KeyValue::new(key, value));
    }

    /// It came to its end, and how; one that is dropped without was given up.
    pub fn ends(&mut self, failed: Option<String>) {
        self.data.status = failed.map_or(Status::Ok, Status::error);
    }

    /// It is not worth telling.
    pub fn is_nothing(mut self) {
        self.told = false;
    }

    /// Does `work`; every call in it stands below this span.
    pub async fn cover<T>(&self, work: impl Future<Output = T>) -> T {
        let place = Place { trace: self.data.span_context.trace_id(), span: self.data.span_context.span_id() };
        CURRENT.scope(place, work).await
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if !self.told {
            return;
        }
        self.data.end_time = SystemTime::now();
        if self.data.status == Status::Unset {
            self.data.status = Status::error("given up");
        }
        self.processor.on_end(self.data.clone());
    }
}

fn data(place: Place, parent: SpanId, name: String, kind: SpanKind, began: SystemTime) -> SpanData {
    SpanData {
        span_context: SpanContext::new(place.trace, place.span, TraceFlags::SAMPLED, false, TraceState::default()),
        parent_span_id: parent,
        parent_span_is_remote: false,
        span_kind: kind,
        name: name.into(),
        start_time: began,
        end_time: began,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("asr-operator").build(),
    }
}
