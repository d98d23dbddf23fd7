//! What a call can fail with, and who can do something about it. Every text is redacted before it is kept.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::ids::InvalidId;
use super::redact::redact;
use super::token::TokenError;

/// Who ends a failure, and how the caller should wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The service asked to be asked later; nothing is wrong.
    Waiting,
    /// It passes by itself; try again with growing pauses.
    Transient,
    /// The identity lacks a right or was refused; a new role assignment takes minutes to work.
    Access,
    /// Somebody must change a setting or an object.
    UserFix,
    /// It will never be otherwise.
    Terminal,
    /// The answer was not understood; hold, and report it.
    Bug,
}

/// Which service said that something does not exist: both answer 404 with the same outer shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Resource Manager: the vault, the resource group or the subscription (no `details`; recorded: ps-A2AClutserUnplannedFailoverJob seq 1).
    Arm,
    /// Site Recovery: an item, a job, a fabric in a vault that does exist (with `details`; recorded: cli-A2A_selfcreated_scenarios seq 231).
    Asr,
}

/// The error body of ARM or Site Recovery: `{"error": {code, message, details}}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArmError {
    /// The outer code: ARM's own, or for Site Recovery the HTTP reason (`NotFound`, `BadRequest`).
    pub code: String,
    /// The outer message, at most 512 characters.
    pub message: String,
    /// Site Recovery's own words; the first one's code is the useful one (recorded: cli-A2A_selfcreated_scenarios seq 231).
    pub details: Vec<ArmDetail>,
}

/// One element of [`ArmError::details`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArmDetail {
    /// For example `ArmResourceDoesNotExist`.
    pub code: String,
    /// At most 512 characters, like the next two.
    pub message: String,
    /// Azure's own guess at the cause.
    pub possible_causes: String,
    /// Azure's own advice.
    pub recommended_action: String,
}

impl ArmError {
    /// The code to act on: the first detail's, else the outer one.
    pub fn useful_code(&self) -> &str {
        match self.details.first() {
            Some(detail) if !detail.code.is_empty() => &detail.code,
            _ => &self.code,
        }
    }

    /// Reads an error body. `None` when it is not one: then nothing is known about who answered.
    pub fn from_body(body: &[u8]) -> Option<Self> {
        let wire: WireBody = serde_json::from_slice(body).ok()?;
        let code = wire.error.code.filter(|code| !code.is_empty())?;
        let details = wire.error.details.unwrap_or_default();
        Some(Self {
            code: redact(&code),
            message: shown(wire.error.message),
            details: details.into_iter().take(5).map(ArmDetail::from).collect(),
        })
    }

    /// The layer a 404 came from.
    pub(crate) fn layer(&self) -> Layer {
        if self.details.is_empty() { Layer::Arm } else { Layer::Asr }
    }

    /// The action and the scope that an `AuthorizationFailed` names, as in
    /// `... to perform action 'X' over scope 'Y' or the scope is invalid` (ARM's public text; not recorded).
    pub(crate) fn action_and_scope(&self) -> (Option<String>, Option<String>) {
        let after = |mark: &str| {
            let (_, tail) = self.message.split_once(mark)?;
            let (quoted, _) = tail.split_once('\'')?;
            Some(quoted.to_owned())
        };
        (after("action '"), after("over scope '"))
    }
}

impl fmt::Display for ArmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = self.details.first();
        let message = detail.map_or(&self.message, |detail| &detail.message);
        write!(f, "{}: {message}", self.useful_code())?;
        match detail.map(|detail| detail.recommended_action.as_str()) {
            None | Some("") => Ok(()),
            Some(advice) => write!(f, " ({advice})"),
        }
    }
}

/// Why a read gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// It does not exist, as far as this answer goes.
    #[error("{what} was not found by {}: {error}", layer_name(*.layer))]
    NotFound {
        /// The resource asked for, without query.
        what: String,
        /// Who answered.
        layer: Layer,
        /// The answer.
        error: Box<ArmError>,
    },
    /// The identity may not read it.
    #[error("not allowed to read {what}: {error}{}; assign a role that allows it, a new assignment takes minutes to work", needed(.action, .scope))]
    Access {
        /// The resource asked for, without query.
        what: String,
        /// The action that is missing, when the answer names it.
        action: Option<String>,
        /// The scope it is missing on, when the answer names it.
        scope: Option<String>,
        /// The answer.
        error: Box<ArmError>,
    },
    /// ARM took neither the token nor a new one.
    #[error("Azure did not take the token for {what}: {error}; check the identity's tenant and cloud")]
    Unauthorized {
        /// The resource asked for, without query.
        what: String,
        /// The answer.
        error: Box<ArmError>,
    },
    /// No token could be had.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The service asked to be left alone for a time; it was not waited for here.
    #[error("Azure is throttling {what}; it asks to wait {} s", .retry_after.as_secs())]
    Throttled {
        /// The resource asked for, without query.
        what: String,
        /// 1 to 600 s.
        retry_after: Duration,
    },
    /// No usable answer came after the tries that a read is allowed.
    #[error("{what} could not be read: {why}; it is tried again")]
    Unavailable {
        /// The resource asked for, without query.
        what: String,
        /// The last try's failure.
        why: String,
    },
    /// The service understood and said no.
    #[error("reading {what} was refused with {status}: {error}")]
    Refused {
        /// The resource asked for, without query.
        what: String,
        /// HTTP status.
        status: u16,
        /// The answer.
        error: Box<ArmError>,
    },
    /// An answer came that is not of the known form.
    #[error("the answer for {what} was not understood: {why}; nothing is done on its account")]
    Malformed {
        /// The resource asked for, without query.
        what: String,
        /// What was wrong with it, without its content.
        why: String,
    },
    /// The id cannot be asked for.
    #[error(transparent)]
    InvalidId(#[from] InvalidId),
}

impl ReadError {
    /// Who ends this failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Throttled { .. } => Class::Waiting,
            Self::Unavailable { .. } => Class::Transient,
            Self::Access { .. } | Self::Unauthorized { .. } => Class::Access,
            Self::NotFound { .. } | Self::Refused { .. } => Class::UserFix,
            Self::Malformed { .. } | Self::InvalidId(_) => Class::Bug,
            Self::Token(error) => error.class(),
        }
    }

    /// The code Azure gave, when it gave one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::NotFound { error, .. }
            | Self::Access { error, .. }
            | Self::Unauthorized { error, .. }
            | Self::Refused { error, .. } => Some(error.useful_code()),
            _ => None,
        }
    }

    /// True when Azure said that it does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

fn layer_name(layer: Layer) -> &'static str {
    match layer {
        Layer::Arm => "Azure Resource Manager",
        Layer::Asr => "Site Recovery",
    }
}

fn needed(action: &Option<String>, scope: &Option<String>) -> String {
    match (action, scope) {
        (Some(action), Some(scope)) => format!(" (needs {action} on {scope})"),
        (Some(action), None) => format!(" (needs {action})"),
        _ => String::new(),
    }
}

fn shown(text: Option<String>) -> String {
    redact(text.as_deref().unwrap_or_default())
}

#[derive(Deserialize)]
struct WireBody {
    error: WireError,
}

#[derive(Deserialize)]
struct WireError {
    code: Option<String>,
    message: Option<String>,
    details: Option<Vec<WireDetail>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDetail {
    code: Option<String>,
    message: Option<String>,
    possible_causes: Option<String>,
    recommended_action: Option<String>,
}

impl From<WireDetail> for ArmDetail {
    fn from(wire: WireDetail) -> Self {
        Self {
            code: shown(wire.code),
            message: shown(wire.message),
            possible_causes: shown(wire.possible_causes),
            recommended_action: shown(wire.recommended_action),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &str) -> ArmError {
        ArmError::from_body(body.as_bytes()).unwrap()
    }

    #[test]
    fn site_recoverys_own_words_win_over_the_outer_ones() {
        let error = parsed(
            r#"{"error":{"code":"NotFound","message":"outer","details":[{"code":"ArmResourceDoesNotExist","message":"Specified resource with name 'x' does not exist.","possibleCauses":"c","recommendedAction":"Verify ARM resource name details.","clientRequestId":"i","activityId":"a"}]}}"#,
        );
        assert_eq!(error.useful_code(), "ArmResourceDoesNotExist");
        assert_eq!(error.layer(), Layer::Asr);
        assert_eq!(
            error.to_string(),
            "ArmResourceDoesNotExist: Specified resource with name 'x' does not exist. (Verify ARM resource name details.)"
        );
    }

    #[test]
    fn a_body_without_details_is_arms_own() {
        let error =
            parsed(r#"{"error":{"code":"ResourceNotFound","message":"gone, see https://aka.ms/x?sig=SECRET"}}"#);
        assert_eq!(error.layer(), Layer::Arm);
        assert_eq!(error.useful_code(), "ResourceNotFound");
        assert!(!format!("{error} {error:?}").contains("SECRET"));
    }

    #[test]
    fn an_authorization_failure_names_action_and_scope() {
        let error = parsed(
            r#"{"error":{"code":"AuthorizationFailed","message":"The client 'c' with object id 'o' does not have authorization to perform action 'Microsoft.RecoveryServices/vaults/read' over scope '/subscriptions/s' or the scope is invalid. If access was recently granted, please refresh your credentials."}}"#,
        );
        let (action, scope) = error.action_and_scope();
        assert_eq!(action.as_deref(), Some("Microsoft.RecoveryServices/vaults/read"));
        assert_eq!(scope.as_deref(), Some("/subscriptions/s"));
    }

    #[test]
    fn a_body_that_is_not_an_error_is_none() {
        for body in [
            "",
            "<html>403</html>",
            "{}",
            r#"{"error":null}"#,
            r#"{"error":{"message":"m"}}"#,
            r#"{"error":{"code":7}}"#,
        ] {
            assert_eq!(ArmError::from_body(body.as_bytes()), None, "{body}");
        }
    }
}
