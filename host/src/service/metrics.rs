//! `/metrics`: what the service counts, for Prometheus (OpenMetrics text). No label names anybody or anything of theirs.

use std::fmt;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::extractors::ApiCaller;
use super::problem::Problem;
use super::state::Service;
use crate::contract::Error;
use crate::fabric_auth::FabricAuth;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What is counted.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
    in_progress: Gauge,
    sign_ins: Family<OutcomeLabels, Counter>,
    tokens: Family<TokenLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    identity: &'static str,
    outcome: &'static str,
}

/// The figures of the host, read when they are asked for.
struct HostFigures(FabricAuth);

impl fmt::Debug for HostFigures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HostFigures")
    }
}

impl Collector for HostFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let figures = self.0.figures();
        let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        let replies = classes.into_iter().zip(figures.replies).chain([("none", figures.failures)]);
        counters(&mut encoder, "egress_replies", "Replies of Databricks, by class of status", "status", replies)?;
        let renewals = [
            ("renewed", figures.renewed),
            ("fresh", figures.fresh),
            ("claimed-elsewhere", figures.claimed_elsewhere),
            ("ended", figures.ended),
            ("failed", figures.failed),
        ];
        counters(&mut encoder, "renewals", "Renewals of tokens, by outcome", "outcome", renewals)?;
        let journal = [("written", self.0.journal_events()), ("lost", self.0.journal_losses())];
        counters(&mut encoder, "journal_events", "Events of the audit journal", "outcome", journal)?;
        counters(
            &mut encoder,
            "instances_given_up",
            "Instances given up after a trap",
            "reason",
            [("trap", figures.given_up)],
        )?;
        gauge(&mut encoder, "renewals_in_progress", "Renewals at work", figures.renewals_at_work)?;
        gauge(&mut encoder, "instances", "Instances of the component", figures.instances)?;
        gauge(&mut encoder, "calls_in_progress", "Calls into the component, waiting or at work", figures.calls_at_work)
    }
}

fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &'static str,
    values: impl IntoIterator<Item = (&'static str, u64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (word, value) in values {
        family.encode_family(&[(label, word)])?.encode_counter::<[(&str, &str); 0], _, u64>(&value, None)?;
    }
    Ok(())
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
}

impl Metrics {
    /// Begins to count.
    pub(crate) fn new(host: &FabricAuth) -> Self {
        let durations: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_5, 2.0, 16));
        let mut metrics = Self {
            registry: Registry::with_prefix("fabric_auth"),
            requests: Family::default(),
            durations: Family::new_with_constructor(durations),
            in_progress: Gauge::default(),
            sign_ins: Family::default(),
            tokens: Family::default(),
        };
        metrics.register();
        metrics.registry.register_collector(Box::new(HostFigures(host.clone())));
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("requests", "Requests by method, route and status", self.requests.clone());
        registry.register("request_duration_seconds", "Time to the head of the answer", self.durations.clone());
        registry.register("requests_in_progress", "Requests being answered", self.in_progress.clone());
        registry.register("sign_ins", "Sign-ins that came back, by outcome", self.sign_ins.clone());
        registry.register("tokens", "Access tokens asked for, by identity and outcome", self.tokens.clone());
    }

    /// A sign-in has come back.
    pub(crate) fn sign_in<T>(&self, outcome: &Result<T, Error>) {
        self.sign_ins.get_or_create(&OutcomeLabels { outcome: word(outcome) }).inc();
    }

    /// A token was asked for.
    pub(crate) fn token<T>(&self, identity: &'static str, outcome: &Result<T, Error>) {
        self.tokens.get_or_create(&TokenLabels { identity, outcome: word(outcome) }).inc();
    }
}

fn word<T>(outcome: &Result<T, Error>) -> &'static str {
    outcome.as_ref().map_or_else(Error::case, |_| "served")
}

/// Counts every request by the route that it came to, never by its path: paths name fabrics.
pub(super) async fn count(State(service): State<Service>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = match *request.method() {
        http::Method::GET => "GET",
        http::Method::POST => "POST",
        http::Method::PUT => "PUT",
        http::Method::DELETE => "DELETE",
        _ => "other",
    };
    let metrics = &service.metrics;
    let began = service.clock.monotonic();
    metrics.in_progress.inc();
    let response = next.run(request).await;
    metrics.in_progress.dec();
    let took: Duration = service.clock.monotonic().saturating_sub(began);
    metrics.durations.get_or_create(&RouteLabels { route: route.clone() }).observe(took.as_secs_f64());
    metrics.requests.get_or_create(&RequestLabels { method, route, status: response.status().as_u16() }).inc();
    response
}

/// The counts. Any API token will do: they name nobody.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "health",
    responses(
        (status = 200, description = "OpenMetrics text.", body = String, content_type = "application/openmetrics-text"),
    )
)]
pub(super) async fn show(
    _: ApiCaller,
    State(service): State<Service>,
) -> Result<([(HeaderName, HeaderValue); 1], String), Problem> {
    let mut shown = String::new();
    text::encode(&mut shown, &service.metrics.registry)
        .map_err(|_| Error::Internal("The counts cannot be written out.".to_owned()))?;
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], shown))
}
