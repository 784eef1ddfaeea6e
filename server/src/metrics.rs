//! What is counted, for Prometheus. Labels are routes, methods and statuses: nothing that grows with the data, and nothing
//! personal.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::app::App;
use crate::hub::HubStats;
use crate::limits::DoorStats;
use crate::storage::{DURATION_BUCKETS_US, DurationHistogram, StorageStats};

/// Upper bounds of the buckets of request durations, in seconds.
const REQUEST_BUCKETS_S: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

/// What is counted here; hub and storage count for themselves.
#[derive(Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabel, Histogram>,
    in_flight: Gauge,
    rendering: Mutex<()>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS_S)),
            in_flight: Gauge::default(),
            rendering: Mutex::new(()),
        }
    }
}

impl Metrics {
    /// A request came in. It counts as being worked on until the guard is dropped.
    pub(crate) fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// A request was answered.
    pub(crate) fn answered(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { route: route.to_owned(), method, status }).inc();
        self.durations.get_or_create(&RouteLabel { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    /// Everything in the text format of OpenMetrics.
    ///
    /// # Errors
    /// Only if memory does not suffice.
    pub fn encode(&self, app: &App) -> Result<String, fmt::Error> {
        let _one_at_a_time = self.rendering.lock();
        let mut registry = Registry::with_prefix("muster");
        registry.register("http_requests", "Requests answered", self.requests.clone());
        let about = "Time from a request's head to the head of its answer";
        registry.register_with_unit("http_request_duration", about, Unit::Seconds, self.durations.clone());
        registry.register("http_requests_in_flight", "Requests being worked on", self.in_flight.clone());
        registry.register_collector(Box::new(AtTheDoors(app.doors.stats())));
        registry.register_collector(Box::new(Inside { hub: app.hub.stats(), storage: app.storage.stats() }));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// What is counted of connections that come in.
#[derive(Debug)]
struct AtTheDoors(DoorStats);

impl Collector for AtTheDoors {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let guests = ConstGauge::new(self.0.guests);
        let about = "Connections that have not shown a valid token";
        guests.encode(encoder.encode_descriptor("connections_guests", about, None, guests.metric_type())?)?;
        let refused = Family::<ReasonLabel, Counter>::default();
        for (reason, count) in &self.0.refused {
            refused.get_or_create(&ReasonLabel { reason: reason.as_str() }).inc_by(*count);
        }
        let about = "Connections closed before they were heard";
        refused.encode(encoder.encode_descriptor("connections_refused", about, None, refused.metric_type())?)
    }
}

/// Counts a request as being worked on for as long as it is not dropped.
pub(crate) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// What hub and storage have counted.
#[derive(Debug)]
struct Inside {
    hub: HubStats,
    storage: StorageStats,
}

impl Collector for Inside {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Self { hub, storage } = self;
        let gauges = [
            ("hub_open_documents", "Documents in memory", hub.open_documents),
            ("hub_peers", "Sync connections", hub.peers),
            ("hub_attachments", "Pairs of sync connection and document", hub.attachments),
        ];
        for (name, about, value) in gauges {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, about, None, gauge.metric_type())?)?;
        }
        let counters = [
            ("hub_changes", "Changes taken in and stored", hub.changes),
            ("hub_joins", "Changes of the server's own that join heads", hub.joins),
            ("hub_deliveries", "Changes passed on, once for each receiver", hub.deliveries),
            ("hub_frames_in", "Frames taken in", hub.frames_in),
            ("hub_bytes_in", "Bytes of frames taken in", hub.bytes_in),
            ("hub_frames_out", "Frames handed to connections", hub.frames_out),
            ("hub_bytes_out", "Bytes of frames handed to connections", hub.bytes_out),
            ("hub_shared_encodings", "Messages encoded once for many connections", hub.shared_encodings),
            ("hub_refused", "Messages whose changes were put into quarantine", hub.refused),
            ("hub_guarded", "Messages that the guard refused", hub.guarded),
            ("hub_queue_overflows", "Connections closed because their queue was full", hub.queue_overflows),
            ("hub_slowed", "Messages that had to wait because their device takes more than its share", hub.slowed),
            ("hub_sent_away", "Connections closed because their device takes too much or has too many", hub.sent_away),
            ("hub_document_failures", "Documents dropped from memory because they failed", hub.document_failures),
            ("hub_commits", "Commits of document changes", hub.commits),
            ("storage_commits", "Transactions committed", storage.commits),
            ("storage_jobs", "Jobs in committed transactions", storage.jobs),
            ("storage_failed_commits", "Transactions that failed", storage.failed_commits),
        ];
        for (name, about, value) in counters {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, about, None, counter.metric_type())?)?;
        }
        let about = "From the first change taken in to the commit on disk";
        durations(&mut encoder, "hub_commit_duration", about, &hub.commit_duration)?;
        durations(&mut encoder, "storage_commit_duration", "Jobs and fsync together", &storage.commit_duration)
    }
}

fn durations(encoder: &mut DescriptorEncoder, name: &str, about: &str, counted: &DurationHistogram) -> fmt::Result {
    let seconds = |us: u64| Duration::from_micros(us).as_secs_f64();
    let bounds = DURATION_BUCKETS_US.iter().map(|us| seconds(*us)).chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(counted.buckets).collect();
    let mut metric = encoder.encode_descriptor(
        name,
        about,
        Some(&Unit::Seconds),
        prometheus_client::metrics::MetricType::Histogram,
    )?;
    let count = counted.buckets.iter().sum();
    metric.encode_histogram::<NoLabelSet>(seconds(counted.sum_us), count, &buckets, None)
}
