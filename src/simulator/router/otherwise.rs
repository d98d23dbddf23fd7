//! Answers as the service may give them instead of what is assumed: lost ones, refused ones, compressed ones.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Response};

use super::super::faults::{Effect, Fault, RetryAfter};
use super::super::otherwise::LinkedAccess;
use super::super::verb::Verb;
use super::super::wire::error::arm;
use super::answer::Answer;
use super::path::Route;
use super::{BODY_LIMIT, Core, Incoming};

/// What stands in the way of the first arrival of a verb under its client request id.
pub(super) fn first_answer(core: &Core, incoming: &Incoming, operation: &str) -> Option<Fault> {
    let first = core.world.behaviour.otherwise.first_answer.as_ref()?;
    let named = |name: &String| name.eq_ignore_ascii_case(operation);
    let wanted =
        Verb::named(operation).is_some() && (first.operations.is_empty() || first.operations.iter().any(named));
    let id = incoming.client_request_id.as_ref();
    let again = core.ledger.entries().iter().any(|entry| entry.client_request_id.as_ref() == id);
    if !wanted || again {
        return None;
    }
    let effect = match (first.executes, first.status) {
        (true, Some(_)) => Effect::ExecuteThenAnswer,
        (true, None) => Effect::ResetAfter,
        (false, Some(_)) => Effect::Refuse,
        (false, None) => Effect::ResetBefore,
    };
    Some(Fault {
        status: first.status.unwrap_or_default(),
        code: "FirstAnswer".to_owned(),
        message: "The simulator was told to answer the first arrival of this verb so.".to_owned(),
        retry_after: first.retry_after.map(|seconds| RetryAfter::Seconds(seconds.into())),
        ..Fault::of(operation, effect)
    })
}

/// The refusal of a verb that touches linked resources, where rights on these are missing. The text is ARM's usual one;
/// nobody has recorded it for Site Recovery.
pub(super) fn linked_access(core: &Core, route: &Route) -> Option<Answer> {
    let linked = [Verb::UnplannedFailover, Verb::SwitchProtection].map(|verb| verb.row().operation);
    if !linked.contains(&route.operation.as_str()) {
        return None;
    }
    let text = "The client has permission to perform the action on the scope; however, it does not have permission to \
                perform action 'Microsoft.Compute/virtualMachines/write' on the linked scope(s) of the recovery side, or the \
                linked scope(s) are invalid.";
    match core.world.behaviour.otherwise.linked_access {
        LinkedAccess::Granted => None,
        LinkedAccess::Refused => Some(Answer::gateway(403, arm("LinkedAuthorizationFailed", text))),
        LinkedAccess::RefusedWithoutWords => Some(Answer { status: 403, headers: Vec::new(), body: None }),
    }
}

/// The response with its body in gzip.
pub(super) async fn compressed(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let plain = to_bytes(body, BODY_LIMIT << 6).await.unwrap_or_default();
    if plain.is_empty() {
        return Response::from_parts(parts, Body::empty());
    }
    parts.headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    Response::from_parts(parts, Body::from(gzip(&plain)))
}

/// A gzip member with stored blocks (RFC 1951 and 1952): the form is what matters, not the size.
fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = plain.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.extend(crc32(plain).to_le_bytes());
    out.extend(u32::try_from(plain.len() & 0xffff_ffff).unwrap_or_default().to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(u32::MAX, byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_member_has_its_last_block_marked() {
        let member = gzip(&vec![7; 70_000]);
        assert_eq!((member[10], member[15 + 65_535]), (0, 1));
    }
}
