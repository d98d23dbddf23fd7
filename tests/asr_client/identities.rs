//! How each identity asks Entra ID for a token.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use asr_operator::asr::{AssertionSource, Identity};
use async_trait::async_trait;
use secrecy::SecretString;
use url::form_urlencoded;

use crate::rig::{SECRET, client_of, limits, secret_identity};
use crate::server::{Reply, Request, Server};

#[derive(Debug, Default)]
struct Numbered(AtomicUsize);

#[async_trait]
impl AssertionSource for Numbered {
    async fn assertion(&self) -> Result<SecretString, String> {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        Ok(SecretString::from(format!("assertion-{number}")))
    }
}

fn field(request: &Request, name: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(&request.body);
    fields.find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn a_workload_identity_shows_a_fresh_assertion_for_every_token() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let identity = Identity::WorkloadIdentity {
        tenant: "tenant".to_owned(),
        client_id: "client".to_owned(),
        assertion: Arc::new(Numbered::default()),
    };
    let client = client_of(&server, identity, limits());
    client.warm_token().await.unwrap();
    client.warm_token().await.unwrap();
    client.invalidate_token();
    client.warm_token().await.unwrap();
    let asked = server.tokens();
    let assertions: Vec<_> = asked.iter().filter_map(|request| field(request, "client_assertion")).collect();
    assert_eq!(assertions, ["assertion-0", "assertion-1"]);
    assert_eq!(asked[0].path(), "/tenant/oauth2/v2.0/token");
    assert_eq!(field(&asked[0], "client_id").as_deref(), Some("client"));
    assert_eq!(field(&asked[0], "scope").unwrap(), format!("{}/.default", server.url));
}

#[tokio::test]
async fn an_application_shows_its_secret_to_entra_id_alone() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let client = client_of(&server, secret_identity(), limits());
    client.warm_token().await.unwrap();
    assert_eq!(field(&server.tokens()[0], "client_secret").as_deref(), Some(SECRET));
    assert_eq!(field(&server.tokens()[0], "grant_type").as_deref(), Some("client_credentials"));
}
