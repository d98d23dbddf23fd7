//! Why there is no token, in words that hold none.

use std::error::Error;

use azure_core::error::ErrorKind;

use super::http_client::Declined;
use crate::asr::error::Class;
use crate::asr::redact::redact;

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Entra ID, or the machine's identity service, said no.
    #[error("no token: the identity was refused{}: {message}; check tenant, client id, secret or federated credential", code_text(.aadsts))]
    Refused {
        /// Entra ID's code, such as `AADSTS700016`, when the answer names one.
        aadsts: Option<String>,
        /// The first line of the answer.
        message: String,
    },
    /// Entra ID could not be reached, was busy, or gave no sense.
    #[error("no token: {why}; it is tried again")]
    Unavailable {
        /// What happened.
        why: String,
    },
    /// The source of assertions had none.
    #[error("no token: no assertion for the identity: {why}")]
    Assertion {
        /// The source's own words.
        why: String,
    },
    /// The identity cannot be used as it was configured.
    #[error("no token: the identity cannot be used: {why}")]
    Identity {
        /// What is wrong with it.
        why: String,
    },
}

impl TokenError {
    /// Who ends this failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Refused { .. } => Class::Access,
            Self::Unavailable { .. } | Self::Assertion { .. } => Class::Transient,
            Self::Identity { .. } => Class::UserFix,
        }
    }
}

fn code_text(aadsts: &Option<String>) -> String {
    aadsts.as_ref().map(|code| format!(" ({code})")).unwrap_or_default()
}

pub(super) fn unavailable(why: &str) -> TokenError {
    TokenError::Unavailable { why: redact(why) }
}

pub(super) fn refused_or_unavailable(error: &azure_core::Error) -> TokenError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut innermost = error.to_string();
    while let Some(found) = cause {
        if let Some(declined) = found.downcast_ref::<Declined>() {
            return judged(declined);
        }
        innermost = found.to_string();
        cause = found.source();
    }
    match error.kind() {
        // Its own checks of a 200 quote what they could not read, which may be the token.
        ErrorKind::Credential if carries_json_error(error) => unavailable("the answer held no token"),
        _ => unavailable(&innermost),
    }
}

fn judged(declined: &Declined) -> TokenError {
    let Declined { status, message } = declined;
    if *status >= 500 || *status == 429 || *status == 408 {
        return unavailable(&format!("the identity service answered {status}: {message}"));
    }
    TokenError::Refused { aadsts: aadsts(message), message: message.clone() }
}

fn carries_json_error(error: &azure_core::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(found) = cause {
        let is_data = found
            .downcast_ref::<azure_core::Error>()
            .is_some_and(|inner| matches!(inner.kind(), ErrorKind::DataConversion));
        if is_data || found.is::<serde_json::Error>() {
            return true;
        }
        cause = found.source();
    }
    false
}

fn aadsts(text: &str) -> Option<String> {
    let (_, tail) = text.split_once("AADSTS")?;
    let digits: String = tail.chars().take_while(char::is_ascii_digit).take(12).collect();
    (!digits.is_empty()).then(|| format!("AADSTS{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entra_ids_code_is_found_in_its_text() {
        let text = "AADSTS700016: Application with identifier 'x' was not found.";
        assert_eq!(aadsts(text).as_deref(), Some("AADSTS700016"));
        assert_eq!(aadsts("no code"), None);
    }
}
