//! Answers as bytes on a connection: of Entra ID to a token request, of ARM to a read and to a call. The client stays
//! alive, shows no secret, and calls nothing accepted that was not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use asr_operator::asr::{AsrClient, Limits, Sent, TokenSource};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::rig::{self, Window};
use crate::server::{Reply, Server, TOKEN, answer};
use crate::{corpus, mutate};

/// Answers to each of the three questions.
const CASES: usize = 150;

/// Says what it was last told to say.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Vec<u8>>>);

impl Script {
    fn say(&self, bytes: Vec<u8>) {
        *self.0.lock().unwrap() = bytes;
    }

    fn reply(&self) -> Reply {
        Reply::BytesThenCut(self.0.lock().unwrap().clone())
    }
}

fn limits() -> Limits {
    Limits { read_try: Duration::from_secs(5), read_tries: 1, send: Duration::from_secs(5), ..rig::limits() }
}

/// The next value of a strategy; the same values in every run.
fn next<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

fn http(status: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut bytes = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{lines}\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn unharmed(text: &str) {
    assert!(!text.contains("interrupted") && !text.contains("panic"), "{text}");
    for secret in [rig::SECRET, TOKEN, rig::SIGNATURE] {
        assert!(!text.contains(secret), "{text}");
    }
}

async fn served(script: &Script) -> (Server, AsrClient) {
    let own = script.clone();
    let server = Server::start(move |_, _| own.reply()).await;
    let client = rig::client_of(&server, rig::secret_identity(), limits());
    client.warm_token().await.unwrap();
    (server, client)
}

#[tokio::test]
async fn an_answer_of_entra_id_is_a_token_or_a_cause() {
    let script = Script::default();
    let own = script.clone();
    let server = Server::start_as(move |_, _| own.reply(), |_, _| answer(200, &[], "{}")).await;
    let seed = json!({"token_type": "Bearer", "expires_in": 3600, "ext_expires_in": 3600, "access_token": TOKEN});
    let mut bodies: Vec<Vec<u8>> = [json!(i64::MAX), json!(i64::MIN), json!(-1), json!(1e300), json!("never")]
        .map(|life| mutate::with(&seed, "/expires_in", &life).to_string().into_bytes())
        .to_vec();
    let mut runner = TestRunner::deterministic();
    let (changes, torn) = (mutate::changes(seed.clone()), mutate::torn(seed.to_string().into_bytes()));
    for _ in 0..CASES / 2 {
        bodies.push(next(&mut runner, &changes).to_string().into_bytes());
        bodies.push(next(&mut runner, &torn));
    }
    let (mut tokens, mut causes) = (0, 0);
    for (number, body) in bodies.iter().enumerate() {
        let status = ["200 OK", "200 OK", "400 Bad", "401 No", "503 Busy"][number % 5];
        script.say(http(status, &[("Content-Type".to_owned(), "application/json".to_owned())], body));
        let endpoint = asr_operator::asr::Endpoint::custom(&server.url, &server.url).unwrap();
        let endpoint = endpoint.with_ca_pem(server.ca_pem.as_bytes()).unwrap();
        match TokenSource::new(&endpoint, rig::secret_identity()).unwrap().warm().await {
            Ok(()) => tokens += 1,
            Err(error) => {
                unharmed(&format!("{error} {error:?}"));
                causes += 1;
            }
        }
    }
    println!("{} answers of Entra ID: {tokens} tokens, {causes} causes", bodies.len());
    assert!(tokens > 0 && causes > 0);
}

#[tokio::test]
async fn an_answer_to_a_read_is_read_or_told() {
    let script = Script::default();
    let (_server, client) = served(&script).await;
    let seeds: Vec<_> = corpus::seeds().into_iter().filter(|seed| seed.target == "item").collect();
    let whole: Vec<Vec<u8>> = seeds.iter().map(|seed| http("200 OK", &rig::accepted_headers(), &seed.bytes)).collect();
    let (mut read, mut told) = (0, 0);
    let mut runner = TestRunner::deterministic();
    for number in 0..CASES {
        script.say(next(&mut runner, &mutate::torn(whole[number % whole.len()].clone())));
        match client.item(&rig::item()).await {
            Ok(_) => read += 1,
            Err(error) => {
                unharmed(&format!("{error} {error:?}"));
                told += 1;
            }
        }
    }
    println!("{CASES} torn answers to reads: {read} read, {told} told");
    assert!(read > 0 && told > 0, "{read} {told}");
}

#[tokio::test]
async fn an_answer_to_a_call_is_never_called_unsent_and_accepted_only_when_it_was() {
    let script = Script::default();
    let (server, client) = served(&script).await;
    let statuses = ["202 Accepted", "200 OK", "409 Conflict", "429 Slow", "503 Busy", "400 Bad", "500 Oops"];
    let mut outcomes = std::collections::BTreeMap::new();
    let mut runner = TestRunner::deterministic();
    for number in 0..CASES {
        let whole = http(statuses[number % statuses.len()], &rig::accepted_headers(), b"");
        let torn = next(&mut runner, &mutate::torn(whole));
        let head = String::from_utf8_lossy(&torn).chars().take(13).collect::<String>();
        script.say(torn);
        let before = server.requests().len();
        let sent = client.send(&rig::failover(), &rig::request_id(), &Window::open()).await;
        assert_eq!(server.requests().len(), before + 1, "one call is one request: {sent:?}");
        unharmed(&format!("{sent:?}"));
        let word = match &sent {
            Sent::NotSent { why } => panic!("it was sent: {why}"),
            Sent::Accepted { .. } => {
                assert!(head.contains(" 20"), "accepted by {head:?}");
                "accepted"
            }
            Sent::Throttled { retry_after } => {
                assert!((1..=600).contains(&retry_after.as_secs()), "{retry_after:?}");
                "throttled"
            }
            Sent::Refused { .. } => "refused",
            Sent::Unauthorized => "unauthorized",
            Sent::Unknown { .. } => "unknown",
        };
        *outcomes.entry(word).or_insert(0) += 1;
    }
    println!("{CASES} torn answers to calls: {outcomes:?}");
    assert!(outcomes.contains_key("unknown") && outcomes.contains_key("accepted"), "{outcomes:?}");
}
