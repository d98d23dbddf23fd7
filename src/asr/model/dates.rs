//! Dates as Azure writes them: 0 to 7 fraction digits, the zone sometimes missing, and three years that mean "never".

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The instant a text names, or `None`: for `0001-01-01T00:00:00` (a task that has not run), `1753-01-01T01:01:01Z` (no
/// scenario), `9999-12-31T23:59:59.9999999` (no end) and for anything that is no date. A date without a zone is UTC.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if !text.contains(['T', 't']) || ["0001-", "1753-", "9999-"].iter().any(|never| text.starts_with(never)) {
        return None;
    }
    text.parse::<Timestamp>()
        .or_else(|_| text.parse::<DateTime>().and_then(|civil| Offset::UTC.to_timestamp(civil)))
        .ok()
}

/// A date field that never fails its record.
pub(crate) fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_str().and_then(instant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recorded_spelling_is_read() {
        for (text, expected) in [
            ("2023-01-16T09:28:50.7222604Z", "2023-01-16T09:28:50.7222604Z"),
            ("2025-03-19T09:26:04.262503Z", "2025-03-19T09:26:04.262503Z"),
            ("2025-04-09T08:46:22Z", "2025-04-09T08:46:22Z"),
            ("2025-04-09T08:46:22", "2025-04-09T08:46:22Z"),
            ("2025-04-09T08:46:22.5", "2025-04-09T08:46:22.5Z"),
            ("2023-01-16T09:30:35.5800701+00:00", "2023-01-16T09:30:35.5800701Z"),
            ("2023-01-16T11:30:35+02:00", "2023-01-16T09:30:35Z"),
        ] {
            assert_eq!(instant(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn never_and_nonsense_are_none() {
        for text in [
            "0001-01-01T00:00:00",
            "0001-01-01T00:00:00Z",
            "1753-01-01T01:01:01Z",
            "9999-12-31T23:59:59.9999999",
            "9999-12-31T23:59:59.9999999Z",
            "None",
            "",
            "2023-13-45T99:00:00Z",
            "2023-01-16",
            "638797853604975808",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_of_another_type_is_none() {
        #[derive(serde::Deserialize)]
        struct Record {
            #[serde(default, deserialize_with = "lenient")]
            at: Option<Timestamp>,
        }
        for body in [r#"{"at":7}"#, r#"{"at":{}}"#, r#"{"at":null}"#, "{}"] {
            assert_eq!(serde_json::from_str::<Record>(body).unwrap().at, None, "{body}");
        }
    }
}
