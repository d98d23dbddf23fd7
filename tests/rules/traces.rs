//! Traces: one per request, under the uid of its object; and a collector that fails holds nobody up.

use crate::harness::canary::leaks;
use crate::harness::eventually;
use crate::world::{DEADLINE, FAILOVER, Setup, World, sample};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// What was sent to a collector, as it came.
type Taken = Arc<Mutex<Vec<Bytes>>>;

/// A collector on loopback; it ends with the test.
async fn collector() -> (String, Taken) {
    let taken = Taken::default();
    let take = async |State(taken): State<Taken>, body: Bytes| taken.lock().unwrap().push(body);
    let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&taken));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, taken)
}

async fn world(collector: &str) -> World {
    let mut setup = Setup::default();
    setup.operator_args.extend(["--otlp-endpoint".into(), collector.into()]);
    World::with(setup).await
}

fn spans(taken: &Taken) -> Vec<Span> {
    let bodies = taken.lock().unwrap();
    let all = bodies.iter().map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap());
    all.flat_map(|one| one.resource_spans).flat_map(|one| one.scope_spans).flat_map(|one| one.spans).collect()
}

/// The trace of an object, once its own span was sent.
async fn trace(taken: &Taken, object: &Value) -> Vec<Span> {
    let uid = object["metadata"]["uid"].as_str().unwrap().replace('-', "");
    let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    eventually(DEADLINE, "a whole trace", async || {
        let all: Vec<Span> = spans(taken).into_iter().filter(|span| hex(&span.trace_id) == uid).collect();
        let names = all.iter().map(|span| span.name.clone()).collect::<Vec<_>>();
        if all.iter().any(|span| span.parent_span_id.is_empty()) { Ok(all) } else { Err(names.join(", ")) }
    })
    .await
}

fn said(span: &Span, key: &str) -> String {
    let value = span.attributes.iter().find(|said| said.key == key).and_then(|said| said.value.clone()?.value);
    match value {
        Some(Any::StringValue(text)) => text,
        Some(Any::IntValue(number)) => number.to_string(),
        other => panic!("{key} of {span:#?} is {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_one_trace_under_its_uid_with_its_passes_calls_and_job() {
    let (address, taken) = collector().await;
    let world = world(&address).await;
    let failover = world.fail_over().await;
    let commit = world.act("commit").await;
    let all = trace(&taken, &failover).await;

    let whole: Vec<_> = all.iter().filter(|span| span.parent_span_id.is_empty()).collect();
    assert_eq!(
        whole.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(),
        [format!("FailoverRequest {FAILOVER}")]
    );
    let whole = whole[0];
    assert_eq!((said(whole, "asr.end"), whole.status.as_ref().unwrap().code()), ("Succeeded".into(), StatusCode::Ok));
    assert_eq!(said(whole, "k8s.namespace.name"), world.namespace);

    let (passes, others): (Vec<_>, Vec<_>) = all.iter().partition(|span| span.name == "pass");
    assert!(passes.iter().all(|pass| pass.parent_span_id == whole.span_id), "{passes:#?}");
    let jobs: Vec<_> = others.iter().filter(|span| span.name.starts_with("job ")).collect();
    assert_eq!(jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>(), ["job Failover"]);
    assert_eq!(jobs[0].parent_span_id, whole.span_id);
    assert_eq!(said(jobs[0], "az.job"), failover["status"]["operations"][0]["jobId"]);
    assert!(jobs[0].end_time_unix_nano > jobs[0].start_time_unix_nano, "{jobs:#?}");

    let calls: Vec<_> = others.iter().filter(|span| span.name.starts_with("POST ")).collect();
    assert_eq!(
        calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(),
        ["POST unplannedFailover"],
        "{others:#?}"
    );
    assert_eq!(said(calls[0], "http.response.status_code"), "202");
    let sent = passes.iter().find(|pass| pass.span_id == calls[0].parent_span_id).unwrap();
    assert_eq!(said(sent, "asr.effect"), "send");
    let id = failover["status"]["operations"][0]["clientRequestId"].as_str().unwrap();
    assert_eq!((said(calls[0], "az.client_request_id"), said(jobs[0], "az.client_request_id")), (id.into(), id.into()));
    let reads: Vec<_> = others.iter().filter(|span| span.name.starts_with("GET ")).collect();
    assert!(reads.iter().any(|read| read.name == "GET replicationJobs"), "{reads:#?}");
    assert!(reads.iter().all(|read| passes.iter().any(|pass| pass.span_id == read.parent_span_id)), "{reads:#?}");

    let commit = trace(&taken, &commit).await;
    assert!(commit.iter().any(|span| span.name == "POST failoverCommit"), "{commit:#?}");
    for body in taken.lock().unwrap().iter() {
        assert_eq!(leaks(&String::from_utf8_lossy(body)), [""; 0]);
    }
    let addressed =
        spans(&taken).iter().filter(|span| span.name.contains(' ')).map(|span| format!("{span:?}")).collect::<String>();
    assert!(!addressed.contains("api-version"), "a query is in a trace: {addressed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_holds_nothing_up_and_is_named_in_the_log() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut world = world(&format!("http://{}", listener.local_addr().unwrap())).await;
    world.apply(sample("failover")).await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    eventually(DEADLINE, "a word about the collector", async || {
        let log = world.operator.log();
        if log.contains("the collector does not take traces") { Ok(()) } else { Err(log) }
    })
    .await;
    world.operator.terminate();
    world.operator.process().wait_exit(DEADLINE).await.unwrap();
}
