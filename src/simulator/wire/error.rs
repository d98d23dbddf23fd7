//! Error bodies of ARM and of Site Recovery: same outer shape, other codes (recorded facts 7).

use serde_json::{Value, json};

/// What Site Recovery knows of a request when it refuses it.
pub(crate) struct Trace<'a> {
    pub(crate) client_request_id: &'a str,
    pub(crate) activity_id: &'a str,
}

/// An error of ARM itself: no details.
pub(crate) fn arm(code: &str, message: &str) -> Value {
    json!({ "error": { "code": code, "message": message } })
}

/// An error of Site Recovery: the outer code is the HTTP reason, the useful one stands in the details.
pub(crate) fn service(outer: &str, code: &str, message: &str, advice: (&str, &str), trace: &Trace<'_>) -> Value {
    let (causes, action) = advice;
    json!({ "error": {
        "code": outer,
        "message": message,
        "details": [{
            "code": code,
            "message": message,
            "possibleCauses": causes,
            "recommendedAction": action,
            "clientRequestId": trace.client_request_id,
            "activityId": trace.activity_id,
            "target": null,
        }],
    } })
}

/// A resource that Site Recovery does not know.
pub(crate) fn missing(code: &str, name: &str, trace: &Trace<'_>) -> Value {
    let message = format!("Specified resource with name '{name}' does not exist.");
    let advice = ("Ensure correct resource name was specified.", "Verify ARM resource name details.");
    service("NotFound", code, &message, advice, trace)
}
