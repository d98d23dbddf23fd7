//! Makes a text from outside fit to be shown: bounded, without queries, tokens or control characters.

/// The longest text that leaves this module, in characters.
pub(crate) const LONGEST: usize = 512;

/// Cuts every query (a signed polling URL carries its signature there), hides what looks like a token or a key, folds white
/// space and bounds the length. A question mark at the end of a word is a question and stays.
pub(crate) fn redact(text: &str) -> String {
    bounded(&hidden(text))
}

/// The same of a text whose length is bounded where it is shown: advice may be long.
pub(crate) fn hidden(text: &str) -> String {
    let mut shown = String::new();
    let mut hide_next = false;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()) {
        if !shown.is_empty() {
            shown.push(' ');
        }
        if hide_next || looks_like_a_secret(word) {
            shown.push_str("[hidden]");
        } else {
            shown.push_str(without_query(word));
        }
        hide_next = word.trim_matches(|c: char| !c.is_alphanumeric()).eq_ignore_ascii_case("bearer");
        if shown.len() > 4 * LONGEST {
            break;
        }
    }
    shown
}

fn bounded(text: &str) -> String {
    match text.char_indices().nth(LONGEST - 1) {
        Some((end, _)) if text[end..].chars().count() > 1 => format!("{}…", &text[..end]),
        _ => text.to_owned(),
    }
}

fn without_query(word: &str) -> &str {
    match word.split_once('?') {
        Some((head, tail)) if tail.contains(|c: char| c.is_alphanumeric()) => head,
        _ => word,
    }
}

fn looks_like_a_secret(word: &str) -> bool {
    const KEYS: [&str; 8] = [
        "client_assertion=",
        "client_secret=",
        "sig=",
        "sig%3d",
        "accountkey=",
        "sharedaccesskey=",
        "sharedaccesssignature=",
        "password=",
    ];
    let lower = word.to_ascii_lowercase();
    word.contains("eyJ") || KEYS.iter().any(|key| lower.contains(key)) || names_a_user(&lower)
}

/// Whether a URL has a user and a password before its host.
fn names_a_user(word: &str) -> bool {
    let authority = word.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    authority.is_some_and(|authority| authority.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_cut_and_a_question_stays() {
        assert_eq!(redact("see https://x/y?t=1&s=SECRET now"), "see https://x/y now");
        assert_eq!(redact("(https://x/y?s=SECRET)"), "(https://x/y");
        assert_eq!(redact("Is the VM running? Try again."), "Is the VM running? Try again.");
        assert_eq!(redact("really?!"), "really?!");
    }

    #[test]
    fn a_token_is_hidden() {
        assert_eq!(redact("Authorization: Bearer abc.def"), "Authorization: Bearer [hidden]");
        assert_eq!(redact("token eyJhbGciOi.x.y"), "token [hidden]");
        assert_eq!(redact("{\"Authorization\": \"Bearer abc.def\"}"), "{\"Authorization\": \"Bearer [hidden]");
    }

    #[test]
    fn a_key_or_a_password_is_hidden_wherever_it_stands() {
        for secret in [
            "https://ops:hunter2@host/path",
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abc==;EndpointSuffix=x",
            "https%3A%2F%2Fx%2Fy%3Fsv%3D1%26sig%3Dabc",
            "SharedAccessSignature=sv=1&sig=abc",
        ] {
            assert_eq!(redact(&format!("see {secret} now")), "see [hidden] now", "{secret}");
        }
        assert_eq!(redact("ask ops@example.com"), "ask ops@example.com");
        assert_eq!(redact("https://x/y/a@b"), "https://x/y/a@b");
    }

    #[test]
    fn a_long_text_is_bounded_by_characters() {
        assert_eq!(redact(&"ä".repeat(5000)).chars().count(), LONGEST);
        assert_eq!(redact(&"ä".repeat(LONGEST)), "ä".repeat(LONGEST));
    }

    #[test]
    fn line_ends_and_control_characters_become_spaces() {
        assert_eq!(redact("a\r\n b\u{7}c"), "a b c");
    }
}
