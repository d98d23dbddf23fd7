//! A store behind the client that the operator uses: the Kubernetes REST API as a service, over the border of a process.

use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use kube::client::Body;
use serde_json::json;
use tower::{BoxError, Service};

use super::crossing::{Border, Target};
use super::store::{Answer, Call, Store};

/// One process's connection to its API server; without a border, a person's.
#[derive(Clone)]
pub struct Api {
    store: Arc<Store>,
    border: Option<Border>,
}

/// A client of `store` for a process.
pub fn client(store: Arc<Store>, border: Border) -> kube::Client {
    kube::Client::new(Api { store, border: Some(border) }, "default")
}

/// A client of `store` for a person: nothing happens on its way.
pub fn plain_client(store: Arc<Store>) -> kube::Client {
    kube::Client::new(Api { store, border: None }, "default")
}

impl Service<Request<Body>> for Api {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { store, border } = self.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let call = Call::read(&Request::from_parts(parts, ()), &body);
            let Some(border) = border else { return Ok(answer(&store, &call).into_response(store.now())) };
            let (method, path, mutating) = (call.method.clone(), call.path.clone(), call.mutating());
            let delivery = async move {
                let answer = answer(&store, &call);
                let (parts, body) = answer.into_response(store.now()).into_parts();
                let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                Some(Response::from_parts(parts, bytes))
            };
            let call = (Target::Api, method.as_str(), path.as_str(), mutating);
            let answer = border.cross(call, || true, delivery.boxed()).await?;
            Ok(answer.map(Full::new))
        }
        .boxed()
    }
}

fn answer(store: &Store, call: &Call) -> Answer {
    let answer = store.answer(call);
    if !(call.metadata_only && answer.status == 200) {
        return answer;
    }
    let object: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    Answer::ok(&json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"],
    }))
}
